"""The sample events that SAM generates, given to intake as the bodies of its messages."""

import json
import os
import subprocess
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from backdrop_local.home import ROOT

KEY = "blank +plus ünïcode.jpg"
LOOK = [IntakeEvent("photos", KEY)]


def generated(*words: str) -> Any:
    """An event as `sam local generate-event` prints it."""
    line = [str(ROOT / ".local" / "sam" / "bin" / "sam"), "local", "generate-event", *words]
    env = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return json.loads(subprocess.run(line, env=env, check=True, capture_output=True, text=True).stdout)


def looks(body: str) -> list[IntakeEvent]:
    return parse_intake_message(body, input_bucket="photos", is_repeated=False)


@pytest.mark.parametrize("event", ["put", "delete"])
def test_a_notification_that_sam_generates_starts_a_look_also_through_sqs_and_sns(event: str) -> None:
    notification = json.dumps(generated("s3", event, "--bucket", "photos", "--key", KEY))
    assert looks(notification) == LOOK
    [record] = generated("sqs", "receive-message", "--body", "BODY")["Records"]
    assert record["body"] == "BODY"
    [published] = generated("sns", "notification", "--message", "MESSAGE", "--topic", "uploads")["Records"]
    assert published["Sns"]["Message"] == "MESSAGE"
    assert looks(json.dumps(published["Sns"] | {"Message": notification})) == LOOK


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
def test_another_event_that_sam_generates_is_refused(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason):
        looks(json.dumps(generated(*words)))
