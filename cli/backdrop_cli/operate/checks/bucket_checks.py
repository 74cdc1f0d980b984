"""Looks at the buckets: whether they are there and ours, keep old versions, tell of uploads, and what lies in vain."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from backdrop.model.object_keys import ObjectKind, classify_key, list_sidecar_keys
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.checks import CheckResult, CheckState, find_region_and_account
from backdrop_cli.operate.checks.deployment_checks import PENDING_CONFIRMATION
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

MAX_LISTED_OBJECTS = 10_000
MAX_NAMED_SIDECARS = 3
HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404
OBJECT_CREATED_EVENT = "s3:ObjectCreated"


def check_buckets(stack: Stack) -> Iterator[CheckResult]:
    """Buckets."""
    readable_buckets = [name for name in stack.parameters.get("ReadableBuckets", "").split(",") if name]
    yield _check_bucket(stack, "input bucket", stack.input_bucket, must_be_owned=True)
    yield _check_bucket(stack, "output bucket", stack.output_bucket, must_be_owned=True)
    yield from (_check_bucket(stack, "readable bucket", name, must_be_owned=False) for name in readable_buckets)
    yield _check_versioning(stack)


def _check_bucket(stack: Stack, check_name: str, name: str, *, must_be_owned: bool) -> CheckResult:
    """Checks that a bucket exists in the stack's region and, if `must_be_owned`, belongs to the stack's account."""
    parameter = f"{check_name.split()[0].capitalize()}Bucket" if must_be_owned else "ReadableBuckets"
    (region, account), fix = find_region_and_account(stack), f"Deploy with another {parameter}."
    expected: dict[str, Any] = {"ExpectedBucketOwner": account} if must_be_owned else {}
    try:
        response: Any = require_clients(stack).s3.head_bucket(Bucket=name, **expected)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTP_NOT_FOUND:
            return CheckResult(check_name, CheckState.WRONG, f"{name} is not there", f"Make it again, or: {fix}")
        if status == HTTP_FORBIDDEN and must_be_owned:
            message = f"{name} is not of this account ({account}), or keeps you out"
            return CheckResult(check_name, CheckState.WRONG, message, f"Look whose it is and at its policy. {fix}")
        return CheckResult(check_name, CheckState.UNKNOWN, f"{name} does not let you look at it ({status})")
    bucket_region = response.get("BucketRegion", region)
    if bucket_region != region and must_be_owned:
        return CheckResult(check_name, CheckState.WRONG, f"{name} lies in {bucket_region}, the stack in {region}", fix)
    return CheckResult(check_name, CheckState.GOOD, f"{name} is there")


def _check_versioning(stack: Stack) -> CheckResult:
    name, check_name = stack.output_bucket, "versions of pictures"
    if require_clients(stack).s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled":
        return CheckResult(check_name, CheckState.GOOD, f"{name} keeps the old one when a picture is replaced")
    fix = f"`aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled`"
    return CheckResult(check_name, CheckState.WRONG, f"{name} keeps none: a picture that is replaced is lost", fix)


def check_notifications(stack: Stack) -> Iterator[CheckResult]:
    """The bucket's notifications."""
    clients, check_name = require_clients(stack), "the bucket's notifications"
    notifications: Any = clients.s3.get_bucket_notification_configuration(Bucket=stack.input_bucket)
    queue = stack.outputs["IntakeQueueUrl"].rpartition("/")[2]
    intake_queues = [
        one for one in notifications.get("QueueConfigurations", []) if one["QueueArn"].rpartition(":")[2] == queue
    ]
    events = {event for one in intake_queues for event in one["Events"]}
    is_existing_bucket = bool(stack.parameters.get("InputBucket"))
    topics = _find_allowed_topics(stack, notifications)
    if any(event.startswith(OBJECT_CREATED_EVENT) for event in events):
        yield CheckResult(check_name, CheckState.GOOD, f"{stack.input_bucket} tells the intake queue of every upload")
    elif is_existing_bucket and notifications.get("EventBridgeConfiguration") is not None:
        yield CheckResult(
            check_name, CheckState.GOOD, f"{stack.input_bucket} tells EventBridge, whose rule tells the intake queue"
        )
    elif is_existing_bucket and topics:
        yield _check_topic_subscription(stack, check_name, topics)
    elif is_existing_bucket:
        message = f"{stack.input_bucket} tells nobody of uploads, since its EventBridge notifications are off"
        fix = "Switch them on: in the S3 console, the bucket's Properties, Amazon EventBridge (docs/deploying.md)."
        yield CheckResult(check_name, CheckState.WRONG, message, fix)
    else:
        message = f"{stack.input_bucket} does not tell the intake queue of uploads"
        yield CheckResult(check_name, CheckState.WRONG, message, "Deploy the stack again, which wires it.")


def _find_allowed_topics(stack: Stack, notifications: Any) -> list[str]:
    """The topics that the bucket notifies of uploads and that may send to the intake queue."""
    allowed = stack.parameters.get("NotificationTopicArns", "").split(",")
    topic_configurations = notifications.get("TopicConfigurations", [])
    notified_topics = [
        one["TopicArn"]
        for one in topic_configurations
        if any(event.startswith(OBJECT_CREATED_EVENT) for event in one["Events"])
    ]
    return [topic for topic in notified_topics if topic in allowed]


def _check_topic_subscription(stack: Stack, check_name: str, topics: list[str]) -> CheckResult:
    """Whether the intake queue is subscribed to one of these topics."""
    queue, topic = stack.outputs["IntakeQueueArn"], topics[0]
    for candidate in topics:
        pages = require_clients(stack).sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=candidate)
        subscribed = {one["Endpoint"]: one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}
        if subscribed.get(queue, PENDING_CONFIRMATION) != PENDING_CONFIRMATION:
            message = f"{stack.input_bucket} notifies {candidate}, and the intake queue is subscribed to it"
            return CheckResult(check_name, CheckState.GOOD, message)
    fix = f"`aws sns subscribe --topic-arn {topic} --protocol sqs --notification-endpoint {queue}`"
    message = f"{stack.input_bucket} notifies {topic}, but the intake queue is not subscribed to it"
    return CheckResult(check_name, CheckState.WRONG, message, fix)


def check_sidecars(stack: Stack) -> Iterator[CheckResult]:
    """Sidecars without a photo."""
    objects = list(islice(stack.photos.iterate_objects(stack.input_bucket, ""), MAX_LISTED_OBJECTS + 1))
    names = [one.key for one in objects[:MAX_LISTED_OBJECTS]]
    matched_names = {name for key in names if classify_key(key) is ObjectKind.PHOTO for name in list_sidecar_keys(key)}
    unmatched = [key for key in names if classify_key(key) is ObjectKind.SIDECAR and key not in matched_names]
    scope = f" among the first {MAX_LISTED_OBJECTS:,} files" if len(objects) > MAX_LISTED_OBJECTS else ""
    if not unmatched:
        yield CheckResult("sidecars", CheckState.GOOD, f"each has its photo{scope}")
        return
    examples = ", ".join(unmatched[:MAX_NAMED_SIDECARS]) + (" …" if len(unmatched) > MAX_NAMED_SIDECARS else "")
    message = f"{format_count(len(unmatched), 'sidecar')}{scope} without a photo: {examples}"
    yield CheckResult("sidecars", CheckState.WRONG, message, "Upload the photo of that name, or delete the sidecar.")
