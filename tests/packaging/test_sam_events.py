"""The sample events that SAM generates, as message bodies for intake."""

import json
import os
import subprocess
from functools import cache
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from backdrop_local.home import ROOT

KEY = "blank +plus ünïcode.jpg"
INTAKE_EVENTS = [IntakeEvent("photos", KEY)]


@cache
def generate_event(*words: str) -> Any:
    """Returns an event of `sam local generate-event`."""
    line = [str(ROOT / ".local" / "sam" / "bin" / "sam"), "local", "generate-event", *words]
    env = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return json.loads(subprocess.run(line, env=env, check=True, capture_output=True, text=True).stdout)


def parse(body: str) -> list[IntakeEvent]:
    return parse_intake_message(body, input_bucket="photos", is_repeated=False)


@pytest.mark.parametrize("event", ["put", "delete"])
def test_generated_s3_notification_is_parsed_in_every_envelope(event: str) -> None:
    notification = json.dumps(generate_event("s3", event, "--bucket", "photos", "--key", KEY))
    assert parse(notification) == INTAKE_EVENTS
    [record] = generate_event("sqs", "receive-message", "--body", "BODY")["Records"]
    assert record["body"] == "BODY"
    [published] = generate_event("sns", "notification", "--message", "MESSAGE", "--topic", "uploads")["Records"]
    assert published["Sns"]["Message"] == "MESSAGE"
    assert parse(json.dumps(published["Sns"] | {"Message": notification})) == INTAKE_EVENTS


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("s3", "batch-invocation"), "neither an S3 notification nor a request"),
        (("cloudwatch", "scheduled-event"), "neither 'Image Requested' nor from S3"),
        (("sqs", "receive-message"), "An S3 record has no bucket or key."),
        (("sns", "notification"), "An S3 record has no bucket or key."),
    ],
    ids=["batch-invocation", "scheduled-event", "receive-message", "notification"],
)
def test_other_generated_events_are_refused(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason):
        parse(json.dumps(generate_event(*words)))
