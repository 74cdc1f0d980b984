"""Checks that the input bucket notifies intake of everything: uploads, deletions, and tags, of all keys."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.operate.checks.deployment_checks import PENDING_CONFIRMATION
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

CHECK_NAME = "the bucket's notifications"
# The types of events behind each `*` (S3 user guide, "Supported event types"). An upload of a large file is
# CompleteMultipartUpload, and a copy is Copy.
EVENT_TYPES = {
    "s3:ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "s3:ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "s3:ObjectTagging": ("Put", "Delete"),
}
EVENTBRIDGE_TYPES = ("Object Created", "Object Deleted", "Object Tags Added", "Object Tags Deleted")
CONSEQUENCE = "uploads, sidecars, deletions, or tags go unnoticed"

type Notification = Mapping[str, Any]


def check_notifications(stack: Stack) -> Iterator[CheckResult]:
    notifications: Any = require_clients(stack).s3.get_bucket_notification_configuration(Bucket=stack.input_bucket)
    queue = stack.outputs["IntakeQueueUrl"].rpartition("/")[2]
    direct = [one for one in notifications.get("QueueConfigurations", []) if one["QueueArn"].endswith(f":{queue}")]
    is_existing_bucket = bool(stack.parameters.get("InputBucket"))
    allowed = stack.parameters.get("NotificationTopicArns", "").split(",") if is_existing_bucket else []
    topics = [one for one in notifications.get("TopicConfigurations", []) if one["TopicArn"] in allowed]
    subscriptions = _find_subscriptions(stack, {one["TopicArn"] for one in topics})
    filtered = {topic: arn for topic, arn in subscriptions.items() if _has_filter(stack, arn)}
    subscribed = subscriptions.keys() - filtered.keys()
    arriving = [*direct, *(one for one in topics if one["TopicArn"] in subscribed)]
    gaps = _list_gaps(arriving)
    if not gaps:
        via = f" through {', '.join(sorted(subscribed))}" if subscribed and not direct else ""
        message = f"{stack.input_bucket} notifies the intake queue of every upload, deletion, and tag{via}"
        yield CheckResult(CHECK_NAME, CheckState.GOOD, message)
    elif is_existing_bucket and notifications.get("EventBridgeConfiguration") is not None:
        yield _check_rules(stack)
    elif filtered:
        yield _describe_subscription_filter(*next(iter(filtered.items())))
    else:
        yield _describe_gaps(stack, arriving, gaps, topics, is_existing_bucket=is_existing_bucket)


def _describe_gaps(
    stack: Stack,
    arriving: Sequence[Notification],
    gaps: Sequence[str],
    topics: Sequence[Notification],
    *,
    is_existing_bucket: bool,
) -> CheckResult:
    bucket, queue = stack.input_bucket, stack.outputs["IntakeQueueArn"]
    if arriving:
        filters = "; ".join(dict.fromkeys(filter(None, map(_describe_filter, arriving))))
        message = f"{bucket} does not notify the intake queue of {', '.join(gaps)}{filters and f' ({filters})'}"
        target = arriving[0].get("TopicArn", queue)
        fix = f"Notify {target} of {', '.join(f'{kind}:*' for kind in EVENT_TYPES)}, without a prefix or suffix."
        return CheckResult(CHECK_NAME, CheckState.WRONG, f"{message}: {CONSEQUENCE}", fix)
    if topics:
        topic = topics[0]["TopicArn"]
        message = f"{bucket} notifies {topic}, but the intake queue is not subscribed to it"
        fix = f"Run `aws sns subscribe --topic-arn {topic} --protocol sqs --notification-endpoint {queue}`."
        return CheckResult(CHECK_NAME, CheckState.WRONG, message, fix)
    if is_existing_bucket:
        message = f"{bucket} sends no notifications of uploads: its EventBridge notifications are off"
        fix = "Turn them on in the S3 console: Properties of the bucket, Amazon EventBridge (docs/deploying.md)."
        return CheckResult(CHECK_NAME, CheckState.WRONG, message, fix)
    message = f"{bucket} does not notify the intake queue of uploads"
    return CheckResult(CHECK_NAME, CheckState.WRONG, message, "Deploy the stack again to connect them.")


def _list_gaps(notifications: Sequence[Notification]) -> list[str]:
    """Returns the events that do not arrive for every key."""
    arriving = {event for one in notifications if not _describe_filter(one) for event in one["Events"]}
    gaps: list[str] = []
    for kind, types in EVENT_TYPES.items():
        missing = [] if f"{kind}:*" in arriving else [one for one in types if f"{kind}:{one}" not in arriving]
        gaps += [f"{kind}:*"] if len(missing) == len(types) else [f"{kind}:{one}" for one in missing]
    return gaps


def _describe_filter(notification: Notification) -> str:
    """`s3:ObjectCreated:Put only with prefix shoes/ and suffix .jpg`, or "" without a filter."""
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    limits = " and ".join(f"{one['Name'].lower()} {one['Value']}" for one in rules if one["Value"])
    return f"{', '.join(notification['Events'])} only with {limits}" if limits else ""


def _find_subscriptions(stack: Stack, topics: set[str]) -> dict[str, str]:
    """Returns the subscription of the intake queue to each topic to which it is subscribed."""
    queue, subscriptions = stack.outputs["IntakeQueueArn"], dict[str, str]()
    for topic in sorted(topics):
        pages = require_clients(stack).sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found = {one["Endpoint"]: one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}
        if (arn := found.get(queue, PENDING_CONFIRMATION)) != PENDING_CONFIRMATION:
            subscriptions[topic] = arn
    return subscriptions


def _has_filter(stack: Stack, subscription: str) -> bool:
    """Whether the subscription's filter policy may drop an event of the bucket.

    A policy may select the bucket. One that reads message attributes drops everything, because S3 sends none.
    """
    attributes = require_clients(stack).sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    policy = json.loads(attributes.get("FilterPolicy") or "{}")
    if attributes.get("FilterPolicyScope") != "MessageBody":
        return bool(policy)
    bucket, partition = stack.input_bucket, stack.outputs["IntakeQueueArn"].split(":")[1]
    passing = {
        ("Records", "eventSource"): "aws:s3",
        ("Records", "s3", "bucket", "name"): bucket,
        ("Records", "s3", "bucket", "arn"): f"arn:{partition}:s3:::{bucket}",
    }
    return any(path not in passing or passing[path] not in values for path, values in _list_conditions(policy))


def _list_conditions(policy: Mapping[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], Sequence[Any]]]:
    """Yields the path of each field that a filter policy names, and the values that it accepts."""
    for name, value in policy.items():
        if isinstance(value, Mapping):
            yield from _list_conditions(value, *path, name)
        else:
            yield (*path, name), value


def _describe_subscription_filter(topic: str, subscription: str) -> CheckResult:
    message = f"the intake queue's subscription to {topic} has a filter policy that may drop events: {CONSEQUENCE}"
    command = f"aws sns set-subscription-attributes --subscription-arn {subscription} --attribute-name FilterPolicy"
    fix = f"Remove the policy (`{command} --attribute-value '{{}}'`), or let it select the bucket only."
    return CheckResult(CHECK_NAME, CheckState.WRONG, message, fix)


def _check_rules(stack: Stack) -> CheckResult:
    """Checks the rules of EventBridge that forward the bucket's events to the intake queue."""
    events, queue = require_clients(stack).events, stack.outputs["IntakeQueueArn"]
    # S3 notifies the account's default bus; rules of other buses have the queue as their target, too.
    names = events.list_rule_names_by_target(TargetArn=queue, EventBusName="default")["RuleNames"]
    rules = [events.describe_rule(Name=name, EventBusName="default") for name in names]
    arriving = {one for rule in rules for one in _list_forwarded_types(rule, stack.input_bucket)}
    if missing := [one for one in EVENTBRIDGE_TYPES if one not in arriving]:
        message = (
            f"{stack.input_bucket} notifies EventBridge, but no enabled rule forwards {', '.join(missing)} of all keys "
            f"to the intake queue: {CONSEQUENCE}"
        )
        fix = "Enable the stack's rule InputBucketRule in EventBridge, or deploy the stack again if it was changed."
        return CheckResult(CHECK_NAME, CheckState.WRONG, message, fix)
    message = f"{stack.input_bucket} notifies EventBridge, and a rule forwards to the intake queue"
    return CheckResult(CHECK_NAME, CheckState.GOOD, message)


def _list_forwarded_types(rule: Mapping[str, Any], bucket: str) -> Sequence[str]:
    """Returns the types of the bucket's events that a rule forwards of all keys."""
    pattern = json.loads(rule.get("EventPattern") or "{}")
    detail = pattern.get("detail", {})
    is_limited = pattern.keys() - {"source", "detail-type", "detail"} or detail.keys() - {"bucket"}
    forwards_bucket = bucket in detail.get("bucket", {}).get("name", [bucket])
    forwards_s3 = "aws.s3" in pattern.get("source", []) and rule["State"] == "ENABLED"
    return pattern.get("detail-type", EVENTBRIDGE_TYPES) if forwards_s3 and forwards_bucket and not is_limited else ()
