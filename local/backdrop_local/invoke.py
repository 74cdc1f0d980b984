"""Gives events to the functions' own code, in this process, before the parts of the local cloud: `make invoke`.

A sample's names become those of the local stack, and a photo that it asks for and that is not there is put there first.
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

from backdrop.aws.events import REQUEST_DETAIL_TYPE, parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from backdrop_local import cloud, sam
from backdrop_local.cloud import Cloud
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import REGION, ROOT, STACK, Home

ACCOUNT, LOCAL_ACCOUNT = "123456789012", "000000000000"
BUCKET = "backdrop-input"
QUEUES = {
    "backdrop-intake": ("intake", "IntakeQueueUrl"),
    "backdrop-deliver": ("deliver", "DeliverQueueUrl"),
    "backdrop-ideogram": ("render", "IdeogramQueueUrl"),
    "backdrop-segmind": ("render", "SegmindQueueUrl"),
    "backdrop-onemin": ("render", "OneMinQueueUrl"),
    "backdrop-runware": ("render", "RunwareQueueUrl"),
}
CAMPAIGN = "backdrop-campaign"
SAMPLES = ROOT / "events"
MESSAGE: Mapping[str, Any] = {"messageId": "", "receiptHandle": "", "body": "", "attributes": {}}
USAGE = "say which event: make invoke EVENT=events/request.json"
PHOTO = ROOT / "examples" / "photos" / "marketplace" / "cup.jpg"
# As Lambda allows at most.
TIMEOUT_MS = 900_000


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler of its invocation."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int = 1024
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """As much as there is at the beginning."""
        return TIMEOUT_MS


def read(path: Path) -> dict[str, Any]:
    """An event.

    Raises:
        LocalCloudError: the file is not there, or no JSON object.
    """
    try:
        event = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"{path} cannot be read as an event: {error}") from error
    if not isinstance(event, dict):
        raise LocalCloudError(f"{path} cannot be read as an event: it is no JSON object")
    return cast("dict[str, Any]", event)


def as_taken(event: dict[str, Any]) -> dict[str, Any]:
    """The event as Lambda gives it to a function: a request from the bus comes in a message."""
    if event.get("detail-type") != REQUEST_DETAIL_TYPE:
        return event
    request = read(SAMPLES / "request.json")
    return {"Records": [{**request["Records"][0], "body": json.dumps(event)}]}


def function_of(event: Mapping[str, Any]) -> str:
    """The function that takes an event.

    Raises:
        LocalCloudError: none does, or it lacks what Lambda always gives.
    """
    match event:
        case {"Records": [{"eventSourceARN": str(queue)}, *_] as messages} if queue.rpartition(":")[2] in QUEUES:
            for one in messages:
                _check(one, MESSAGE, "request.json")
            return QUEUES[queue.rpartition(":")[2]][0]
        case {"source": "aws.events"}:
            return "reconcile"
        case {"plan": _}:
            return _campaign(event, "plan", "campaign_plan.json")
        case {"report": _}:
            return _campaign(event, "report", "campaign_report.json")
        case {"source": "aws.states"}:
            return _campaign(event, "detail", "campaign_over.json")
        case _:
            raise LocalCloudError("no function of Backdrop takes such an event; those that it tells are for others")


def _campaign(event: Mapping[str, Any], part: str, name: str) -> str:
    _check(event, {part: read(SAMPLES / name)[part]}, name)
    return "campaign"


def _check(given: object, sample: Mapping[str, Any], name: str) -> None:
    lacks = [where.removeprefix(".") for where in _lacking(given, sample, "")]
    if lacks:
        raise LocalCloudError(f"the event lacks {', '.join(lacks)}; events/{name} shows how they are")


def _lacking(given: object, sample: object, where: str) -> Iterator[str]:
    """Which fields of a sample are not there or of another kind; what somebody put into a campaign may be anything."""
    if sample is not None and not isinstance(given, type(sample)):
        yield where
    elif isinstance(sample, dict):
        fields = cast("dict[str, Any]", given)
        for name, part in cast("dict[str, Any]", sample).items():
            anything = name.lower() == "input" and name in fields
            yield from _lacking(fields.get(name), None if anything else part, f"{where}.{name}")


def localized(event: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    """The event with the local stack's names."""
    names = {BUCKET: outputs["InputBucketName"], CAMPAIGN: f"{STACK}-campaign"}
    for name, (_, output) in QUEUES.items():
        names[f"{ACCOUNT}:{name}"] = f"{LOCAL_ACCOUNT}:{outputs.get(output, '').rpartition('/')[2]}"
    names[ACCOUNT] = LOCAL_ACCOUNT
    text = json.dumps(event, ensure_ascii=False)
    for name, local in names.items():
        text = text.replace(name, local)
    return json.loads(text)


def put_photos(running: Cloud, event: Mapping[str, Any], bucket: str) -> None:
    """A photo for each that intake is to look at and that is not there; of a damaged message it tells by itself."""
    for record in event["Records"]:
        looks = list[IntakeEvent]()
        with suppress(MalformedMessageError):
            looks = parse_intake_message(record["body"], input_bucket=bucket, is_repeated=False)
        for look in looks:
            if look.key.endswith((".jpg", ".png")) and not _is_there(running, bucket, look.key):
                running.clients.s3.put_object(Bucket=bucket, Key=look.key, Body=PHOTO.read_bytes())
                print(f"put a photo at s3://{bucket}/{look.key}", file=sys.stderr)


def _is_there(running: Cloud, bucket: str, key: str) -> bool:
    try:
        running.clients.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "404":
            return False
        raise
    return True


def invoke(running: Cloud, function: str, event: dict[str, Any]) -> object:
    """What the function's handler answers, given the environment that was deployed with it."""
    name = f"{STACK}-{function}"
    deployed = running.clients.functions.get_function_configuration(FunctionName=name)
    reach = {"AWS_ENDPOINT_URL": running.endpoint_url, "AWS_LAMBDA_FUNCTION_NAME": name}
    os.environ |= sam.credentials() | deployed.get("Environment", {}).get("Variables", {}) | reach
    handler = import_module(f"functions.{function}.app").lambda_handler
    return handler(event, Context(name, f"arn:aws:lambda:{REGION}:{LOCAL_ACCOUNT}:function:{name}"))


def main(paths: Sequence[str]) -> None:
    """One event after another; an event that no function takes is one message and exit code 1."""
    try:
        if not paths:
            raise LocalCloudError(USAGE)
        running = cloud.running(Home.chosen())
        outputs = running.outputs()
        for path in paths:
            event = as_taken(read(Path(path)))
            function, event = function_of(event), localized(event, outputs)
            if function == "intake":
                put_photos(running, event, outputs["InputBucketName"])
            print(json.dumps(invoke(running, function, event)), flush=True)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
