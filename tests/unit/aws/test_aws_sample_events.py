"""AWS's sample events for S3, SQS, and EventBridge, each with its outcome in the intake queue.

The names are those of the 19 samples in Powertools for AWS Lambda (the folder `events` of its tests). The contents are
written here, in the shape that AWS documents for each, so that the bucket can be the stack's own.
"""

import json
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from simulation.world.sns_envelope import TOPIC_ARN, wrap_in_envelope

REGION, ACCOUNT = "eu-central-1", "123456789012"
NEITHER = "neither an S3 notification nor a request"
NOT_S3 = "without an S3 notification"
Outcome = list[IntakeEvent] | str


def build_s3_notification(
    key: str = "shoes/red.jpg", name: str = "ObjectCreated:Put", **more: object
) -> dict[str, Any]:
    """A bucket's own notification (Amazon S3 User Guide, "Event message structure")."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2026-11-21T10:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": "photos", "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": "arn:aws:s3:::photos"},
            "object": {"key": key, "size": 1024, "eTag": "0" * 32, "sequencer": "0A1B2C3D4E5F678901"},
        },
    }
    return {"Records": [record | more]}


def build_eventbridge_event(kind: str, source: str = "aws.s3", **detail: object) -> dict[str, Any]:
    """An event as a rule delivers it (Amazon S3 User Guide, "EventBridge event message structure")."""
    found = {"version": "0", "bucket": {"name": "photos"}, "object": {"key": "a b+c.jpg", "size": 1024}}
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-11-21T10:00:00Z",
        "region": REGION,
        "resources": ["arn:aws:s3:::photos"],
        "detail": (found if source == "aws.s3" else {}) | detail,
    }


def build_batch_operation(version: str) -> dict[str, Any]:
    """The event that S3 Batch Operations sends to a function."""
    task = {"taskId": "dGFzaw==", "s3Key": "shoes/red.jpg", "s3VersionId": "1"}
    bucket = {"s3Bucket": "photos"} if version == "2.0" else {"s3BucketArn": "arn:aws:s3:::photos"}
    return {"invocationSchemaVersion": version, "invocationId": "aWQ=", "job": {"id": "1"}, "tasks": [task | bucket]}


def build_object_lambda_event(kind: str) -> dict[str, Any]:
    """The event that an S3 Object Lambda access point sends to a function."""
    access_point = f"arn:aws:s3-object-lambda:{REGION}:{ACCOUNT}:accesspoint/photos"
    return {
        "xAmzRequestId": "EXAMPLE",
        "getObjectContext": {
            "inputS3Url": "https://photos.example.com/red.jpg",
            "outputRoute": "r",
            "outputToken": "t",
        },
        "configuration": {"accessPointArn": access_point, "supportingAccessPointArn": access_point, "payload": "{}"},
        "userRequest": {"url": "/red.jpg", "headers": {}},
        "userIdentity": {"type": kind, "principalId": "EXAMPLE"},
        "protocolVersion": "1.00",
    }


def build_sns_event() -> dict[str, Any]:
    """The event that SNS sends to a function that subscribes to a topic directly."""
    message = {"Type": "Notification", "TopicArn": TOPIC_ARN, "Message": json.dumps(build_s3_notification())}
    return {"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": message}]}


RED, LOOK = "shoes/red.jpg", [IntakeEvent("photos", "shoes/red.jpg")]
DECODED = [IntakeEvent("photos", "a b+c.jpg")]
GREETING = json.dumps({"message": "hello world"})
SAMPLES: dict[str, tuple[Any, Outcome]] = {
    "s3Event": (build_s3_notification(), LOOK),
    "s3EventDecodedKey": (build_s3_notification("a+b%2Bc.jpg"), DECODED),
    "s3EventDeleteObject": (build_s3_notification(name="ObjectRemoved:Delete"), LOOK),
    "s3EventGlacier": (
        build_s3_notification(glacierEventData={"restoreEventData": {"lifecycleRestoreStorageClass": "STANDARD"}}),
        LOOK,
    ),
    "s3SqsEvent": (build_s3_notification(), LOOK),
    "s3EventBridgeNotificationObjectCreatedEvent": (
        build_eventbridge_event("Object Created", reason="PutObject"),
        DECODED,
    ),
    "s3EventBridgeNotificationObjectDeletedEvent": (
        build_eventbridge_event("Object Deleted", reason="DeleteObject"),
        DECODED,
    ),
    "s3EventBridgeNotificationObjectExpiredEvent": (
        build_eventbridge_event("Object Deleted", reason="Lifecycle Expiration"),
        DECODED,
    ),
    "s3EventBridgeNotificationObjectRestoreCompletedEvent": (
        build_eventbridge_event("Object Restore Completed"),
        DECODED,
    ),
    "s3BatchOperationEventSchemaV1": (build_batch_operation("1.0"), NEITHER),
    "s3BatchOperationEventSchemaV2": (build_batch_operation("2.0"), NEITHER),
    "s3ObjectEventIAMUser": (build_object_lambda_event("IAMUser"), NEITHER),
    "s3ObjectEventTempCredentials": (build_object_lambda_event("AssumedRole"), NEITHER),
    "snsEvent": (build_sns_event(), "An S3 record has no bucket or key."),
    "snsSqsEvent": (wrap_in_envelope(GREETING), NOT_S3),
    "snsSqsFifoEvent": (json.dumps(json.loads(wrap_in_envelope(GREETING)) | {"TopicArn": f"{TOPIC_ARN}.fifo"}), NOT_S3),
    "sqsEvent": ("Test message.", "The body is not JSON."),
    "sqsDlqTriggerEvent": ("hello world", "The body is not JSON."),
    "eventBridgeEvent": (
        build_eventbridge_event("EC2 Instance State-change Notification", "aws.ec2"),
        "neither 'Image Requested'",
    ),
}


def parse_outcome(body: str) -> Outcome:
    try:
        return parse_intake_message(body, input_bucket="photos", is_repeated=False)
    except MalformedMessageError as error:
        return str(error)


def test_all_19_samples_have_an_expected_outcome() -> None:
    assert len(SAMPLES) == 19


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_event_becomes_events_or_is_refused_with_a_reason(name: str) -> None:
    body, expected = SAMPLES[name]
    found = parse_outcome(body if isinstance(body, str) else json.dumps(body))
    assert found == expected if isinstance(expected, list) else expected in found


@pytest.mark.parametrize("name", [name for name, (_, expected) in SAMPLES.items() if isinstance(expected, list)])
def test_accepted_sample_is_also_accepted_through_a_topic(name: str) -> None:
    body, expected = SAMPLES[name]
    assert parse_outcome(wrap_in_envelope(json.dumps(body))) == expected
