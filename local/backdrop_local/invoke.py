"""Passes events to the functions' own code in this process, against the local cloud: `make invoke`.

Replaces a sample's names with those of the local stack, and first uploads a photo that the event needs and that does
not exist.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from botocore.exceptions import ClientError

from backdrop.aws.events import INCOMING_DETAIL_TYPES, parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from backdrop_local import cloud, sam
from backdrop_local.cloud import Cloud
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import REGION, ROOT, STACK, Home

SAMPLE_ACCOUNT, EMULATOR_ACCOUNT = "123456789012", "000000000000"
SAMPLE_BUCKET = "backdrop-input"
QUEUES = {
    "backdrop-intake": ("intake", "IntakeQueueUrl"),
    "backdrop-deliver": ("deliver", "DeliverQueueUrl"),
    "backdrop-ideogram": ("render", "IdeogramQueueUrl"),
    "backdrop-segmind": ("render", "SegmindQueueUrl"),
    "backdrop-onemin": ("render", "OneMinQueueUrl"),
    "backdrop-runware": ("render", "RunwareQueueUrl"),
}
SAMPLE_CAMPAIGN = "backdrop-campaign"
SAMPLES = ROOT / "events"
SQS_MESSAGE_FIELDS: Mapping[str, Any] = {"messageId": "", "receiptHandle": "", "body": "", "attributes": {}}
USAGE = "name an event: make invoke EVENT=events/request.json"
SAMPLE_PHOTO = ROOT / "examples" / "photos" / "marketplace" / "cup.jpg"
# Lambda's maximum.
LAMBDA_TIMEOUT_MS = 900_000


@dataclass(frozen=True)
class LambdaContext:
    """The context that Lambda passes to a handler."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int = 1024
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Returns the full timeout: time does not pass here."""
        return LAMBDA_TIMEOUT_MS


def read_event(path: Path) -> dict[str, Any]:
    """Reads an event from a file.

    Raises:
        LocalCloudError: the file does not exist or is not a JSON object.
    """
    try:
        event = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"{path} cannot be read as an event: {error}") from error
    if not isinstance(event, dict):
        raise LocalCloudError(f"{path} cannot be read as an event: it is not a JSON object")
    return cast("dict[str, Any]", event)


def wrap_bus_event(event: dict[str, Any]) -> dict[str, Any]:
    """Returns the event as Lambda delivers it: a request or decision from the event bus arrives in an SQS message."""
    if event.get("detail-type") not in INCOMING_DETAIL_TYPES:
        return event
    request = read_event(SAMPLES / "request.json")
    return {"Records": [{**request["Records"][0], "body": json.dumps(event)}]}


def find_function(event: Mapping[str, Any]) -> str:
    """Returns the name of the function that handles an event.

    Raises:
        LocalCloudError: no function handles it, or it lacks a field that Lambda always sets.
    """
    match event:
        case {"Records": [{"eventSourceARN": str(queue)}, *_] as messages} if queue.rpartition(":")[2] in QUEUES:
            for one in messages:
                _check_fields(one, SQS_MESSAGE_FIELDS, "request.json")
            return QUEUES[queue.rpartition(":")[2]][0]
        case {"source": "aws.events"}:
            return "reconcile"
        case {"plan": _}:
            return _check_campaign_event(event, "plan", "campaign_plan.json")
        case {"report": _}:
            return _check_campaign_event(event, "report", "campaign_report.json")
        case {"source": "aws.states"}:
            return _check_campaign_event(event, "detail", "campaign_over.json")
        case _:
            raise LocalCloudError(
                "no Backdrop function handles such an event. The events that Backdrop sends are for other consumers."
            )


def _check_campaign_event(event: Mapping[str, Any], part: str, name: str) -> str:
    _check_fields(event, {part: read_event(SAMPLES / name)[part]}, name)
    return "campaign"


def _check_fields(given: object, sample: Mapping[str, Any], name: str) -> None:
    missing = [where.removeprefix(".") for where in _find_missing_fields(given, sample, "")]
    if missing:
        raise LocalCloudError(f"the event lacks {', '.join(missing)}. See events/{name} for an example.")


def _find_missing_fields(given: object, sample: object, path: str) -> Iterator[str]:
    """Yields the sample's fields that are missing or have another type. A campaign's input may have any form."""
    if sample is not None and not isinstance(given, type(sample)):
        yield path
    elif isinstance(sample, dict):
        fields = cast("dict[str, Any]", given)
        for name, part in cast("dict[str, Any]", sample).items():
            is_free_form = name.lower() == "input" and name in fields
            yield from _find_missing_fields(fields.get(name), None if is_free_form else part, f"{path}.{name}")


def localize_event(event: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    """Returns the event with the local stack's names."""
    names = {SAMPLE_BUCKET: outputs["InputBucketName"], SAMPLE_CAMPAIGN: f"{STACK}-campaign"}
    for name, (_, output) in QUEUES.items():
        names[f"{SAMPLE_ACCOUNT}:{name}"] = f"{EMULATOR_ACCOUNT}:{outputs.get(output, '').rpartition('/')[2]}"
    names[SAMPLE_ACCOUNT] = EMULATOR_ACCOUNT
    text = json.dumps(event, ensure_ascii=False)
    for name, local in names.items():
        text = text.replace(name, local)
    return json.loads(text)


def upload_missing_photos(running: Cloud, event: Mapping[str, Any], bucket: str) -> None:
    """Uploads a sample photo for each key that intake checks and that does not exist.

    Ignores malformed messages: the handler reports them.
    """
    for record in event["Records"]:
        intake_events = list[IntakeEvent]()
        with suppress(MalformedMessageError):
            intake_events = parse_intake_message(record["body"], input_bucket=bucket, is_repeated=False)
        for intake_event in intake_events:
            if intake_event.key.endswith((".jpg", ".png")) and not _object_exists(running, bucket, intake_event.key):
                running.clients.s3.put_object(Bucket=bucket, Key=intake_event.key, Body=SAMPLE_PHOTO.read_bytes())
                print(f"Uploaded a sample photo to s3://{bucket}/{intake_event.key}", file=sys.stderr)


def _object_exists(running: Cloud, bucket: str, key: str) -> bool:
    try:
        running.clients.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "404":
            return False
        raise
    return True


def invoke_handler(running: Cloud, function: str, event: dict[str, Any]) -> object:
    """Returns the result of the function's handler, run with the environment that was deployed with it."""
    name = f"{STACK}-{function}"
    deployed = running.clients.functions.get_function_configuration(FunctionName=name)
    overrides = {"AWS_ENDPOINT_URL": running.endpoint_url, "AWS_LAMBDA_FUNCTION_NAME": name}
    os.environ |= sam.emulator_credentials() | deployed.get("Environment", {}).get("Variables", {}) | overrides
    handler = import_module(f"functions.{function}.app").lambda_handler
    return handler(event, LambdaContext(name, f"arn:aws:lambda:{REGION}:{EMULATOR_ACCOUNT}:function:{name}"))


def main(paths: Sequence[str]) -> None:
    """Handles one event after another. If no function handles an event, prints a message and exits with code 1."""
    try:
        if not paths:
            raise LocalCloudError(USAGE)
        running = cloud.find_running(Home.from_environment())
        outputs = running.outputs()
        for path in paths:
            event = wrap_bus_event(read_event(Path(path)))
            function, event = find_function(event), localize_event(event, outputs)
            if function == "intake":
                upload_missing_photos(running, event, outputs["InputBucketName"])
            print(json.dumps(invoke_handler(running, function, event)), flush=True)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
