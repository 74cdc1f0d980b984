"""Looks at the buckets: whether they are there and ours, keep old versions, tell of uploads, and what lies in vain."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from backdrop.model.object_keys import Kind, kind_of, sidecars_of
from backdrop_cli.operate.checks import Check, State, place_of
from backdrop_cli.operate.checks.deployed import UNCONFIRMED
from backdrop_cli.operate.keys import clients_of
from backdrop_cli.screen import several
from backdrop_cli.stack import Stack

MOST_LISTED = 10_000
MOST_NAMED = 3
FORBIDDEN, NOT_FOUND = 403, 404
CREATED = "s3:ObjectCreated"


def buckets(stack: Stack) -> Iterator[Check]:
    """Buckets."""
    listed = [name for name in stack.parameters.get("ReadableBuckets", "").split(",") if name]
    yield _bucket(stack, "input bucket", stack.input_bucket, own=True)
    yield _bucket(stack, "output bucket", stack.output_bucket, own=True)
    yield from (_bucket(stack, "readable bucket", name, own=False) for name in listed)
    yield _versioning(stack)


def _bucket(stack: Stack, what: str, name: str, *, own: bool) -> Check:
    """Whether a bucket is there, in the stack's region, and of the stack's account where it must be (`own`)."""
    parameter = f"{what.split()[0].capitalize()}Bucket" if own else "ReadableBuckets"
    (region, account), fix = place_of(stack), f"Deploy with another {parameter}."
    expected: dict[str, Any] = {"ExpectedBucketOwner": account} if own else {}
    try:
        found: Any = clients_of(stack).s3.head_bucket(Bucket=name, **expected)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == NOT_FOUND:
            return Check(what, State.WRONG, f"{name} is not there", f"Make it again, or: {fix}")
        if status == FORBIDDEN and own:
            words = f"{name} is not of this account ({account}), or keeps you out"
            return Check(what, State.WRONG, words, f"Look whose it is and at its policy. {fix}")
        return Check(what, State.UNKNOWN, f"{name} does not let you look at it ({status})")
    where = found.get("BucketRegion", region)
    if where != region and own:
        return Check(what, State.WRONG, f"{name} lies in {where}, the stack in {region}", fix)
    return Check(what, State.GOOD, f"{name} is there")


def _versioning(stack: Stack) -> Check:
    name, what = stack.output_bucket, "versions of pictures"
    if clients_of(stack).s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled":
        return Check(what, State.GOOD, f"{name} keeps the old one when a picture is replaced")
    fix = f"`aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled`"
    return Check(what, State.WRONG, f"{name} keeps none: a picture that is replaced is lost", fix)


def wiring(stack: Stack) -> Iterator[Check]:
    """The bucket's notifications."""
    clients, what = clients_of(stack), "the bucket's notifications"
    found: Any = clients.s3.get_bucket_notification_configuration(Bucket=stack.input_bucket)
    queue = stack.outputs["IntakeQueueUrl"].rpartition("/")[2]
    ours = [one for one in found.get("QueueConfigurations", []) if one["QueueArn"].rpartition(":")[2] == queue]
    events = {event for one in ours for event in one["Events"]}
    is_given = bool(stack.parameters.get("InputBucket"))
    topics = _topics(stack, found)
    if any(event.startswith(CREATED) for event in events):
        yield Check(what, State.GOOD, f"{stack.input_bucket} tells the intake queue of every upload")
    elif is_given and found.get("EventBridgeConfiguration") is not None:
        yield Check(what, State.GOOD, f"{stack.input_bucket} tells EventBridge, whose rule tells the intake queue")
    elif is_given and topics:
        yield _through_a_topic(stack, what, topics)
    elif is_given:
        words = f"{stack.input_bucket} tells nobody of uploads, since its EventBridge notifications are off"
        fix = "Switch them on: in the S3 console, the bucket's Properties, Amazon EventBridge (docs/deploying.md)."
        yield Check(what, State.WRONG, words, fix)
    else:
        words = f"{stack.input_bucket} does not tell the intake queue of uploads"
        yield Check(what, State.WRONG, words, "Deploy the stack again, which wires it.")


def _topics(stack: Stack, notifications: Any) -> list[str]:
    """The topics that the bucket notifies of uploads and that may send to the intake queue."""
    allowed = stack.parameters.get("NotificationTopicArns", "").split(",")
    told = notifications.get("TopicConfigurations", [])
    notified = [one["TopicArn"] for one in told if any(event.startswith(CREATED) for event in one["Events"])]
    return [topic for topic in notified if topic in allowed]


def _through_a_topic(stack: Stack, what: str, topics: list[str]) -> Check:
    """Whether the intake queue is subscribed to one of these topics."""
    queue, topic = stack.outputs["IntakeQueueArn"], topics[0]
    for candidate in topics:
        pages = clients_of(stack).sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=candidate)
        subscribed = {one["Endpoint"]: one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}
        if subscribed.get(queue, UNCONFIRMED) != UNCONFIRMED:
            words = f"{stack.input_bucket} notifies {candidate}, and the intake queue is subscribed to it"
            return Check(what, State.GOOD, words)
    fix = f"`aws sns subscribe --topic-arn {topic} --protocol sqs --notification-endpoint {queue}`"
    words = f"{stack.input_bucket} notifies {topic}, but the intake queue is not subscribed to it"
    return Check(what, State.WRONG, words, fix)


def sidecars(stack: Stack) -> Iterator[Check]:
    """Sidecars without a photo."""
    listed = list(islice(stack.photos.listed(stack.input_bucket, ""), MOST_LISTED + 1))
    names = [one.key for one in listed[:MOST_LISTED]]
    spoken_for = {name for key in names if kind_of(key) is Kind.PHOTO for name in sidecars_of(key)}
    lonely = [key for key in names if kind_of(key) is Kind.SIDECAR and key not in spoken_for]
    among = f" among the first {MOST_LISTED:,} files" if len(listed) > MOST_LISTED else ""
    if not lonely:
        yield Check("sidecars", State.GOOD, f"each has its photo{among}")
        return
    some = ", ".join(lonely[:MOST_NAMED]) + (" …" if len(lonely) > MOST_NAMED else "")
    words = f"{several(len(lonely), 'sidecar')}{among} without a photo: {some}"
    yield Check("sidecars", State.WRONG, words, "Upload the photo of that name, or delete the sidecar.")
