"""A stack and its AWS account for the tests of `doctor` and `key set`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from typing import Any, cast

import pytest

from simulation.world.simulated_stack import World
from simulation.world.transport import build_client_error
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.command_user import Person
from tests.simulated.simulated_days import run_reconcile

ALL_EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
QUEUE: dict[str, Any] = {"QueueArn": "arn:aws:sqs:eu-central-1:1:intake", "Events": ALL_EVENTS}
RULE = {
    "State": "ENABLED",
    "EventPattern": json.dumps(
        {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted", "Object Tags Added", "Object Tags Deleted"],
            "detail": {"bucket": {"name": [INPUT_BUCKET]}},
        }
    ),
}
PARAMETERS = {
    **{f"{name}MaxInFlight": "10" for name in ("Ideogram", "Segmind", "OneMin", "Runware")},
    "AlarmEmail": "ops@example.com",
    "DailyBudgetUSD": "10",
}
OUTPUTS = {
    "IntakeQueueUrl": "https://sqs.invalid/1/intake",
    "IntakeQueueArn": QUEUE["QueueArn"],
    "DeliverQueueUrl": "https://sqs.invalid/1/deliver",
    "DeadLetterQueueUrl": "https://sqs.invalid/1/dead-letters",
    "CampaignStateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:shop-campaign",
    "Version": version("backdrop"),
}


class NoSecretError(Exception):
    """The exception class of a client, as botocore creates it."""


@dataclass
class Account:
    """What AWS reports about the account, and the provider's secret in it."""

    key: str | None = "good-key"
    concurrency: int | None = 1000
    wiring: dict[str, Any] = field(default_factory=lambda: {"QueueConfigurations": [QUEUE]})
    rules: dict[str, dict[str, str]] = field(default_factory=lambda: {"shop-InputBucketRule": RULE})
    is_deployed: bool = True
    status: str = "UPDATE_COMPLETE"
    events: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    subscribed: str | None = "arn:aws:sns:eu-central-1:1:alarms:1"
    topics: dict[str, list[dict[str, str]]] = field(default_factory=dict[str, list[dict[str, str]]])
    subscription: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[str, str | int] = field(default_factory=dict[str, str | int])
    versioning: str | None = "Enabled"
    input_versioning: str | None = "Suspended"
    buckets: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    triggers: dict[str, str] = field(default_factory=lambda: {"intake": "Enabled", "deliver": "Enabled"})
    message_counts: dict[str, int] = field(default_factory=dict[str, int])
    message_ages: dict[str, float] = field(default_factory=dict[str, float])

    class exceptions:  # noqa: N801 - botocore's own name
        ResourceNotFoundException = NoSecretError
        ClientError = type(build_client_error("x", "y", 400))

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
        assert SecretId == "shop/ideogram/api-key"
        if self.key is None:
            raise NoSecretError
        return {"SecretString": self.key}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803
        if not self.is_deployed:
            raise build_client_error("ResourceNotFoundException", "PutSecretValue", 400)
        assert SecretId == "shop/ideogram/api-key"
        self.key = SecretString

    def get_account_settings(self) -> dict[str, Any]:
        if self.concurrency == 0:
            raise build_client_error("AccessDeniedException", "GetAccountSettings", 400)
        return {"AccountLimit": {"ConcurrentExecutions": self.concurrency} if self.concurrency else {}}

    def get_bucket_notification_configuration(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == INPUT_BUCKET
        return self.wiring

    def list_rule_names_by_target(self, *, TargetArn: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        assert (TargetArn, EventBusName) == (QUEUE["QueueArn"], "default")
        return {"RuleNames": [*self.rules]}

    def describe_rule(self, *, Name: str, EventBusName: str) -> dict[str, str]:  # noqa: N803
        assert EventBusName == "default"
        return self.rules[Name]

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str = "") -> dict[str, Any]:  # noqa: N803
        status, region = self.buckets.get(Bucket, (200, "eu-central-1"))
        assert ExpectedBucketOwner in ("", "123456789012")
        if status != 200:
            raise build_client_error(str(status), "HeadBucket", status)
        return {"BucketRegion": region}

    def get_bucket_encryption(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        key = self.keys.get(Bucket)
        if isinstance(key, int):
            raise build_client_error("AccessDenied", "GetBucketEncryption", key)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
        return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}}

    def get_paginator(self, operation: str) -> "Account":
        assert operation == "list_subscriptions_by_topic"
        return self

    def paginate(self, *, TopicArn: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Subscriptions": []}, {"Subscriptions": self.topics[TopicArn]}]

    def get_subscription_attributes(self, *, SubscriptionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"Attributes": {"SubscriptionArn": SubscriptionArn} | self.subscription}

    def get_bucket_versioning(self, *, Bucket: str) -> dict[str, str]:  # noqa: N803
        bucket_status, _ = self.buckets.get(Bucket, (200, ""))
        if bucket_status != 200:
            code = "NoSuchBucket" if bucket_status == 404 else "AccessDenied"
            raise build_client_error(code, "GetBucketVersioning", bucket_status)
        status = self.versioning if Bucket == OUTPUT_BUCKET else self.input_versioning
        return {"Status": status} if status else {}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        assert StackName == "shop"
        return {"Stacks": [{"StackStatus": self.status}]}

    def describe_stack_events(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        assert StackName == "shop"
        return {"StackEvents": self.events}

    def describe_stack_resource(self, *, StackName: str, LogicalResourceId: str) -> dict[str, Any]:  # noqa: N803
        assert (StackName, LogicalResourceId) == ("shop", "AlarmTopic")
        return {"StackResourceDetail": {"PhysicalResourceId": "arn:alarms"}}

    def list_subscriptions_by_topic(self, *, TopicArn: str) -> dict[str, Any]:  # noqa: N803
        assert TopicArn == "arn:alarms"
        mine = {"Endpoint": "ops@example.com", "SubscriptionArn": self.subscribed}
        return {"Subscriptions": [mine] if self.subscribed else []}

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        name = FunctionName.removeprefix("shop-")
        arn = f"arn:aws:sqs:eu-central-1:1:{name}"
        found = {"UUID": f"uuid-{name}", "EventSourceArn": arn, "State": self.triggers.get(name)}
        other = {"UUID": "uuid-other", "EventSourceArn": "arn:aws:sqs:eu-central-1:1:other", "State": "Disabled"}
        return {"EventSourceMappings": [other, *([found] if name in self.triggers else [])]}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        count = self.message_counts.get(QueueUrl.rpartition("/")[2], 0)
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {"ApproximateNumberOfMessages": str(count)}}

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        """Returns the ages of a queue's oldest message, in no particular order, as CloudWatch does."""
        assert (request["Namespace"], request["MetricName"]) == ("AWS/SQS", "ApproximateAgeOfOldestMessage")
        [dimension] = request["Dimensions"]
        age, end = self.message_ages.get(dimension["Value"]), request["EndTime"]
        earlier = {"Timestamp": end - timedelta(minutes=5), "Maximum": 99_999.0}
        return {"Datapoints": [] if age is None else [earlier, {"Timestamp": end, "Maximum": age}]}

    @property
    def services(self) -> Any:
        names = ("events", "secrets", "functions", "s3", "cloudformation", "sns", "sqs", "cloudwatch")
        return cast("Any", type("Services", (), dict.fromkeys(names, self)))


@dataclass
class CheckedStack:
    """A stack and its account."""

    person: Person
    account: Account

    def run_doctor(self, *, code: int = 0) -> dict[str, dict[str, str]]:
        """Returns the checks that `doctor` reports, by name."""
        result = self.person.run("doctor", "--json")
        assert result.code == code, result.out
        return {one["name"]: one for one in result.data["checks"]}


def build_key_check(known: bool | None) -> Callable[..., tuple[bool | None, str]]:
    """Returns the check of a provider that accepts the key, refuses it, or reports neither."""

    def accepted(*_: object) -> tuple[bool | None, str]:
        return known, "is set"

    return accepted


def build_checked_stack(monkeypatch: pytest.MonkeyPatch) -> CheckedStack:
    """Returns a stack without problems."""
    monkeypatch.setattr("backdrop_cli.operate.checks.purchase_checks.check_key_accepted", build_key_check(True))
    checked_stack = CheckedStack(Person(World(), monkeypatch), Account())
    run_reconcile(checked_stack.person.world)
    more: dict[str, Any] = {"parameters": PARAMETERS, "outputs": OUTPUTS}
    checked_stack.person.stack = replace(checked_stack.person.stack, clients=checked_stack.account.services, **more)
    return checked_stack


def list_failed_checks(checked_stack: CheckedStack) -> dict[str, dict[str, str]]:
    """Returns the checks that found a problem. Each must have a fix."""
    found = {name: one for name, one in checked_stack.run_doctor(code=1).items() if one["state"] == "wrong"}
    assert all(one["fix"] for one in found.values())
    return found
