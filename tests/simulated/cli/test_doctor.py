"""`backdrop doctor`: every problem is reported with its fix, and so is what cannot be checked."""

import json
from dataclasses import replace
from typing import Any

import pytest

from backdrop.aws.aws_errors import unavailable
from backdrop.model.codes import Code
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.doctor_stack import (
    ALL_EVENTS,
    PARAMETERS,
    QUEUE,
    RULE,
    CheckedStack,
    build_checked_stack,
    build_key_check,
    list_failed_checks,
)


@pytest.fixture
def checked_stack(monkeypatch: pytest.MonkeyPatch) -> CheckedStack:
    return build_checked_stack(monkeypatch)


def test_stack_without_problems_needs_no_fix(checked_stack: CheckedStack) -> None:
    result = checked_stack.person.run("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("✓ No problems found.\n")
    states = {name: one["state"] for name, one in checked_stack.run_doctor().items()}
    assert states.pop("usage records") == "unknown"
    assert {*states.values()} == {"good"}


def test_missing_or_refused_key_is_a_problem(checked_stack: CheckedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, " \n"):
        checked_stack.account.key = key
        found = checked_stack.run_doctor(code=1)["key of ideogram"]
        assert (found["state"], found["fix"]) == ("wrong", "To set it, run `backdrop key set ideogram`.")
        assert "shop/ideogram/api-key" in found["words"]
    checked_stack.account.key = "bad"
    monkeypatch.setattr("backdrop_cli.operate.checks.purchase_checks.check_key_accepted", build_key_check(False))
    assert checked_stack.run_doctor(code=1)["key of ideogram"]["state"] == "wrong"


def test_advice_names_the_stack_so_it_can_be_pasted(checked_stack: CheckedStack) -> None:
    checked_stack.account.key = None
    assert "To set it, run `backdrop key set ideogram`." in checked_stack.person.run("doctor").out
    result = checked_stack.person.run("--region", "eu-west-1", "doctor", "--stack", "my shop")
    assert "`backdrop --stack 'my shop' --region eu-west-1 key set ideogram`." in result.out


def test_advice_in_a_table_also_names_the_stack(checked_stack: CheckedStack) -> None:
    checked_stack.person.upload_failing(Code.REQUEST_REJECTED, "bad.jpg")
    assert "`backdrop --stack shop failures`" in checked_stack.person.run("status", "--stack", "shop").out


def test_unknown_status_is_reported_but_is_not_a_problem(
    checked_stack: CheckedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked_stack.account.concurrency = None
    monkeypatch.setattr("backdrop_cli.operate.checks.purchase_checks.check_key_accepted", build_key_check(None))
    unknown = {name for name, one in checked_stack.run_doctor().items() if one["state"] == "unknown"}
    assert unknown == {"key of ideogram", "Lambda's concurrency", "usage records"}
    checked_stack.account.concurrency = 0
    assert (
        checked_stack.run_doctor()["Lambda's concurrency"]["words"]
        == "cannot be checked: AWS returned AccessDeniedException"
    )


def test_reconcile_that_stopped_running_is_a_problem(checked_stack: CheckedStack) -> None:
    world = checked_stack.person.world
    world.clock.sleep(14 * 60)
    assert checked_stack.run_doctor()["reconcile"]["state"] == "good"
    world.clock.sleep(2 * 60)
    found = checked_stack.run_doctor(code=1)["reconcile"]
    assert found["state"] == "wrong"
    assert "Check the rule of shop-reconcile in EventBridge" in found["fix"]


def test_reconcile_that_has_not_run_yet_is_a_note(checked_stack: CheckedStack) -> None:
    ledger = checked_stack.person.world.ledger
    ledger.put_reconcile_state(replace(ledger.read_reconcile_state(), finished_at=None))
    found = checked_stack.run_doctor()["reconcile"]
    assert (found["state"], found["words"]) == ("unknown", "has not completed a run yet")


def test_lane_that_cannot_be_read_does_not_end_the_checks(checked_stack: CheckedStack) -> None:
    checked_stack.person.run("pause", "ideogram")
    items, key = checked_stack.person.world.table.items, ("lane#ideogram", "lane")
    items[key] = {**items[key], "body": {"S": "written by another release"}}
    checks = checked_stack.run_doctor()
    assert checks["Lanes"]["state"] == "unknown"
    assert "Another release of Backdrop wrote this ledger item" in checks["Lanes"]["words"]
    assert "Lambda's concurrency" in checks


def test_too_little_concurrency_is_a_problem(checked_stack: CheckedStack) -> None:
    checked_stack.account.concurrency = 29
    found = checked_stack.run_doctor(code=1)["Lambda's concurrency"]
    assert found["words"] == "the account has 29; 30 are needed"
    checked_stack.account.concurrency = 30
    assert checked_stack.run_doctor()["Lambda's concurrency"]["state"] == "good"


@pytest.mark.parametrize("stage", ["intake", "deliver"])
def test_disabled_or_missing_trigger_is_a_problem(checked_stack: CheckedStack, stage: str) -> None:
    checked_stack.account.triggers[stage] = "Disabled"
    found = list_failed_checks(checked_stack)[f"trigger of {stage}"]
    assert found["fix"] == f"Run `aws lambda update-event-source-mapping --uuid uuid-{stage} --enabled`."
    del checked_stack.account.triggers[stage]
    assert "has no event source mapping" in list_failed_checks(checked_stack)[f"trigger of {stage}"]["words"]


@pytest.mark.parametrize("stage", ["intake", "deliver"])
def test_queue_with_old_messages_is_a_problem(checked_stack: CheckedStack, stage: str) -> None:
    checked_stack.account.message_counts[stage] = 3
    checked_stack.account.message_ages[stage] = 20 * 60
    assert checked_stack.run_doctor()[f"queue of {stage}"]["words"] == "about 3 messages"
    checked_stack.account.message_ages[stage] = 21 * 60
    found = list_failed_checks(checked_stack)[f"queue of {stage}"]
    assert found["words"] == "about 3 messages; the oldest has waited for 21 min"


def test_age_of_processed_messages_is_no_problem(checked_stack: CheckedStack) -> None:
    checked_stack.account.message_ages["intake"] = 21 * 60
    assert checked_stack.run_doctor()["queue of intake"]["state"] == "good"


def test_dead_letters_are_only_a_note(checked_stack: CheckedStack) -> None:
    checked_stack.account.message_counts["dead-letters"] = 1
    found = checked_stack.run_doctor()["dead letters"]
    assert (found["state"], found["words"]) == ("unknown", "about 1 message")
    assert "`backdrop failures`" in found["fix"]


def test_bucket_without_notifications_is_a_problem(checked_stack: CheckedStack) -> None:
    other = QUEUE | {"QueueArn": "arn:aws:sqs:eu-central-1:1:other"}
    checked_stack.account.wiring = {"QueueConfigurations": [other]}
    assert checked_stack.run_doctor(code=1)["the bucket's notifications"]["state"] == "wrong"


def test_own_bucket_that_notifies_only_eventbridge_is_a_problem(checked_stack: CheckedStack) -> None:
    checked_stack.account.wiring = {"EventBridgeConfiguration": {}}
    found = checked_stack.run_doctor(code=1)["the bucket's notifications"]
    assert (found["state"], found["fix"]) == ("wrong", "Deploy the stack again to connect them.")


def test_existing_bucket_that_notifies_eventbridge_is_accepted(checked_stack: CheckedStack) -> None:
    checked_stack.person.stack = replace(
        checked_stack.person.stack, parameters=PARAMETERS | {"InputBucket": INPUT_BUCKET}
    )
    checked_stack.account.wiring = {}
    found = checked_stack.run_doctor(code=1)["the bucket's notifications"]
    assert found["words"].endswith("sends no notifications of uploads: its EventBridge notifications are off")
    assert "Amazon EventBridge" in found["fix"]
    for wiring in ({"EventBridgeConfiguration": {}}, {"QueueConfigurations": [QUEUE]}):
        checked_stack.account.wiring = wiring
        assert checked_stack.run_doctor()["the bucket's notifications"]["state"] == "good"


TOPIC, OTHER_TOPIC = (f"arn:aws:sns:eu-central-1:123456789012:{name}" for name in ("uploads", "other"))
SUBSCRIBED = {"Endpoint": QUEUE["QueueArn"], "SubscriptionArn": f"{TOPIC}:1"}
UPLOADS = {"TopicArn": TOPIC, "Events": ALL_EVENTS}


def notify_topic(checked_stack: CheckedStack, allowed: str = TOPIC) -> None:
    """Sets up an existing bucket that notifies a topic."""
    given = {"InputBucket": INPUT_BUCKET, "NotificationTopicArns": allowed}
    checked_stack.person.stack = replace(checked_stack.person.stack, parameters=PARAMETERS | given)
    checked_stack.account.wiring = {"TopicConfigurations": [UPLOADS]}


def test_existing_bucket_whose_topic_feeds_the_queue_is_accepted(checked_stack: CheckedStack) -> None:
    notify_topic(checked_stack, f"{OTHER_TOPIC},{TOPIC}")
    checked_stack.account.topics = {TOPIC: [SUBSCRIBED]}
    found = checked_stack.run_doctor()["the bucket's notifications"]
    assert (found["state"], TOPIC in found["words"]) == ("good", True)


@pytest.mark.parametrize("subscribed", [[], [SUBSCRIBED | {"SubscriptionArn": "PendingConfirmation"}]])
def test_topic_to_which_the_queue_is_not_subscribed_fails(
    checked_stack: CheckedStack, subscribed: list[dict[str, str]]
) -> None:
    notify_topic(checked_stack)
    checked_stack.account.topics = {TOPIC: subscribed}
    found = list_failed_checks(checked_stack)["the bucket's notifications"]
    command = f"aws sns subscribe --topic-arn {TOPIC} --protocol sqs --notification-endpoint {QUEUE['QueueArn']}"
    assert found["fix"] == f"Run `{command}`."


def test_filter_policy_of_a_topic_with_only_some_events_is_named_first(checked_stack: CheckedStack) -> None:
    notify_topic(checked_stack)
    checked_stack.account.wiring = {"TopicConfigurations": [UPLOADS | {"Events": ALL_EVENTS[:1]}]}
    checked_stack.account.topics = {TOPIC: [SUBSCRIBED]}
    checked_stack.account.subscription = {"FilterPolicy": json.dumps({"store": ["shop"]})}
    found = list_failed_checks(checked_stack)["the bucket's notifications"]
    assert SUBSCRIBED["SubscriptionArn"] in found["fix"]


@pytest.mark.parametrize(
    ("policy", "scope", "is_filtered"),
    [
        ({}, "MessageAttributes", False),
        ({"store": ["shop"]}, "MessageAttributes", True),
        ({"store": ["shop"]}, None, True),
        ({"Records": {"s3": {"bucket": {"name": [INPUT_BUCKET, "other"]}}}}, "MessageBody", False),
        ({"Records": {"s3": {"bucket": {"arn": [f"arn:aws:s3:::{INPUT_BUCKET}"]}}}}, "MessageBody", False),
        ({"Records": {"s3": {"bucket": {"name": ["other"]}}}}, "MessageBody", True),
        ({"Records": {"eventSource": ["aws:s3"], "eventName": [{"prefix": "ObjectCreated:"}]}}, "MessageBody", True),
        ({"Records": {"s3": {"object": {"key": [{"suffix": ".jpg"}]}}}}, "MessageBody", True),
        ({"absent": [None]}, "MessageBody", True),
        ({"$or": [{"Records": {"eventSource": ["aws:s3"]}}, {"a": ["b"]}]}, "MessageBody", True),
    ],
)
def test_filter_policy_of_a_topics_subscription_may_only_select_the_bucket(
    policy: dict[str, Any], scope: str | None, is_filtered: bool, checked_stack: CheckedStack
) -> None:
    notify_topic(checked_stack)
    checked_stack.account.topics = {TOPIC: [SUBSCRIBED]}
    checked_stack.account.subscription = {"FilterPolicy": json.dumps(policy)} | (
        {"FilterPolicyScope": scope} if scope else {}
    )
    found = checked_stack.run_doctor(code=int(is_filtered))["the bucket's notifications"]
    assert (found["state"], SUBSCRIBED["SubscriptionArn"] in (found["fix"] or "")) == (
        "wrong" if is_filtered else "good",
        is_filtered,
    )


def test_topic_that_is_not_allowed_does_not_count(checked_stack: CheckedStack) -> None:
    notify_topic(checked_stack)
    checked_stack.account.wiring = {"TopicConfigurations": [UPLOADS | {"TopicArn": OTHER_TOPIC}]}
    found = list_failed_checks(checked_stack)["the bucket's notifications"]
    assert "sends no notifications of uploads" in found["words"]


CREATED, REMOVED, TAGGING = ALL_EVENTS
PARTIAL_NOTIFICATIONS: list[tuple[list[list[str]], list[list[tuple[str, str]]], list[str]]] = [
    ([[CREATED]], [[]], [REMOVED, TAGGING]),
    ([["s3:ObjectCreated:Put", REMOVED, TAGGING]], [[]], ["Created:Post", "Created:Copy", "CompleteMultipartUpload"]),
    ([[CREATED, "s3:ObjectRemoved:Delete", TAGGING]], [[]], ["s3:ObjectRemoved:DeleteMarkerCreated"]),
    ([ALL_EVENTS], [[("prefix", "shoes/")]], [*ALL_EVENTS, "prefix shoes/"]),
    ([ALL_EVENTS], [[("Prefix", "shoes/"), ("Suffix", ".jpg")]], [*ALL_EVENTS, "prefix shoes/ and suffix .jpg"]),
    ([[CREATED], [REMOVED, TAGGING]], [[("suffix", ".jpg")], []], [CREATED, "suffix .jpg"]),
]


@pytest.mark.parametrize("through_topic", [False, True])
@pytest.mark.parametrize(("events", "filters", "named"), PARTIAL_NOTIFICATIONS)
def test_notifications_of_only_some_events_or_keys_are_a_problem(
    checked_stack: CheckedStack,
    events: list[list[str]],
    filters: list[list[tuple[str, str]]],
    named: list[str],
    through_topic: bool,
) -> None:
    if through_topic:
        notify_topic(checked_stack)
        checked_stack.account.topics = {TOPIC: [SUBSCRIBED]}
    rules = [[{"Name": name, "Value": value} for name, value in one] for one in filters]
    configurations = [
        (UPLOADS if through_topic else QUEUE)
        | {"Events": one}
        | ({"Filter": {"Key": {"FilterRules": rule}}} if rule else {})
        for one, rule in zip(events, rules, strict=True)
    ]
    checked_stack.account.wiring = {"TopicConfigurations" if through_topic else "QueueConfigurations": configurations}
    found = list_failed_checks(checked_stack)["the bucket's notifications"]
    assert [one for one in named if one not in found["words"]] == []
    assert [one for one in ALL_EVENTS if one in found["words"].partition(" (")[0] and one not in named] == []
    assert (TOPIC if through_topic else QUEUE["QueueArn"]) in found["fix"]


@pytest.mark.parametrize(
    "configurations",
    [
        [QUEUE | {"Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": ""}]}}}],
        [QUEUE | {"Events": [one]} for one in ALL_EVENTS],
        [
            QUEUE
            | {"Events": [f"s3:ObjectCreated:{one}" for one in ("Put", "Post", "Copy", "CompleteMultipartUpload")]},
            QUEUE | {"Events": [REMOVED, TAGGING]},
            QUEUE | {"Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "shoes/"}]}}},
        ],
    ],
)
def test_notifications_that_add_up_to_all_events_are_accepted(
    checked_stack: CheckedStack, configurations: list[dict[str, Any]]
) -> None:
    checked_stack.account.wiring = {"QueueConfigurations": configurations}
    assert checked_stack.run_doctor()["the bucket's notifications"]["state"] == "good"


def change_rule(**changes: object) -> dict[str, str]:
    pattern = json.loads(RULE["EventPattern"]) | changes
    return RULE | {"EventPattern": json.dumps(pattern)}


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ([], "Object Created, Object Deleted, Object Tags Added, Object Tags Deleted"),
        ([RULE | {"State": "DISABLED"}], "Object Created, Object Deleted"),
        (
            [change_rule(**{"detail-type": ["Object Created"]})],
            "Object Deleted, Object Tags Added, Object Tags Deleted",
        ),
        ([change_rule(detail={"bucket": {"name": ["other"]}})], "Object Created"),
        ([change_rule(detail={"object": {"key": [{"prefix": "shoes/"}]}})], "Object Created"),
        ([change_rule(source=["aws.sqs"])], "Object Created"),
        ([{"State": "ENABLED"}], "Object Created"),
    ],
)
def test_rule_that_forwards_only_some_events_is_a_problem(
    checked_stack: CheckedStack, rules: list[dict[str, str]], missing: str
) -> None:
    parameters = PARAMETERS | {"InputBucket": INPUT_BUCKET}
    checked_stack.person.stack = replace(checked_stack.person.stack, parameters=parameters)
    checked_stack.account.wiring = {"EventBridgeConfiguration": {}}
    checked_stack.account.rules = {str(n): rule for n, rule in enumerate(rules)}
    assert (
        f"no enabled rule forwards {missing}"
        in list_failed_checks(checked_stack)["the bucket's notifications"]["words"]
    )


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
OTHER_KEY = KEY.replace("1234", "9999")


@pytest.mark.parametrize(
    ("key", "given", "state", "fix"),
    [
        (KEY, "", "wrong", f"KmsKeyArns={KEY}."),
        (KEY, OTHER_KEY, "wrong", f"KmsKeyArns={OTHER_KEY},{KEY}."),
        ("1234abcd", OTHER_KEY, "wrong", f"KmsKeyArns={OTHER_KEY},<the key's ARN>."),
        ("alias/photos", "", "wrong", "KmsKeyArns=<the key's ARN>."),
        ("alias/photos", KEY, "unknown", ""),
        (403, "", "unknown", ""),
        (KEY, f"{OTHER_KEY},{KEY}", "good", ""),
        ("1234abcd", KEY, "good", ""),
        ("alias/aws/s3", "", "good", ""),
        ("", "", "good", ""),
    ],
)
@pytest.mark.parametrize("parameter", ["InputBucket", "OutputBucket", "ReadableBuckets"])
def test_bucket_with_an_unknown_kms_key_is_a_problem(
    checked_stack: CheckedStack, parameter: str, key: str | int, given: str, state: str, fix: str
) -> None:
    changes = {parameter: "shelf", "KmsKeyArns": given}
    checked_stack.person.stack = replace(checked_stack.person.stack, parameters=PARAMETERS | changes)
    checked_stack.account.keys = {"shelf": key}
    found = {one["name"]: one for one in checked_stack.person.run("doctor", "--json").data["checks"]}[
        "encryption of shelf"
    ]
    assert found["state"] == state
    assert fix in found["fix"]


def test_stack_with_its_own_buckets_needs_no_encryption_check(checked_stack: CheckedStack) -> None:
    assert not [name for name in checked_stack.run_doctor() if name.startswith("encryption")]


def test_stack_of_another_release_is_reported(checked_stack: CheckedStack) -> None:
    checked_stack.person.stack = replace(
        checked_stack.person.stack, outputs={**checked_stack.person.stack.outputs, "Version": "0.0.1"}
    )
    assert list_failed_checks(checked_stack)["versions"]["words"].endswith("; the stack has 0.0.1")


def test_paused_lane_spent_budget_and_orphaned_sidecar_are_reported(checked_stack: CheckedStack) -> None:
    """No test file is written: that S3 refuses pictures shows in why the lane is paused."""
    checked_stack.person.run("pause", "ideogram")
    error = unavailable("S3", "AccessDenied")
    for source_id in ("one", "two", "three"):
        checked_stack.person.world.steps.breaker.observe_undelivered("ideogram", error.code, error.message, source_id)
    checked_stack.person.run("budget", "0", "--today")
    checked_stack.person.world.s3.upload(INPUT_BUCKET, "lonely.jpg.json", b"{}")
    found = checked_stack.run_doctor(code=1)
    assert {name for name, one in found.items() if one["state"] == "wrong"} == {
        "lane of ideogram",
        "budget",
        "sidecars",
    }
    assert found["lane of ideogram"]["words"] == (
        "paused (paused_by_person): An operator paused the provider.; "
        "(pictures_not_stored): The request to S3 failed (AccessDenied)."
    )
    assert found["sidecars"]["words"] == "1 sidecar without a photo: lonely.jpg.json"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DailyBudgetUSD": "0"}, "DailyBudgetUSD is $0.00, but a new background"),
        ({"DailyBudgetUSD": "0.05"}, "DailyBudgetUSD is $0.05, but a new background"),
    ],
)
def test_budget_that_buys_no_picture_is_a_problem(
    checked_stack: CheckedStack, changes: dict[str, str], words: str
) -> None:
    stack, cap = checked_stack.person.stack, float(changes["DailyBudgetUSD"])
    checked_stack.person.stack = replace(stack, parameters=PARAMETERS | changes, daily_budget=int(cap * 1_000_000))
    found = list_failed_checks(checked_stack)["budget"]
    assert words in found["words"]
    assert "higher DailyBudgetUSD" in found["fix"]


def test_too_many_calls_in_flight_are_only_a_note(checked_stack: CheckedStack) -> None:
    checked_stack.person.stack = replace(checked_stack.person.stack, max_in_flight={"ideogram": 11})
    found = checked_stack.run_doctor()["lane of ideogram"]
    assert (found["state"], "IdeogramMaxInFlight=10" in found["fix"]) == ("unknown", True)


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "wrong", "rolled back (UPDATE_ROLLBACK_COMPLETE): DeploymentCheck: too short"),
        ("UPDATE_ROLLBACK_FAILED", "wrong", "is stuck (UPDATE_ROLLBACK_FAILED): DeploymentCheck: too short"),
        ("UPDATE_IN_PROGRESS", "unknown", "is in progress"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "unknown", "is in progress"),
        ("CREATE_COMPLETE", "good", "succeeded"),
    ],
)
def test_result_of_the_last_deployment_is_shown_with_reason(
    checked_stack: CheckedStack, status: str, state: str, words: str
) -> None:
    checked_stack.account.status = status
    checked_stack.account.events = [
        {"LogicalResourceId": "Later", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "cancelled"},
        {
            "LogicalResourceId": "DeploymentCheck",
            "ResourceStatus": "UPDATE_FAILED",
            "ResourceStatusReason": "too short",
        },
        {"LogicalResourceId": "shop", "ResourceStatus": "UPDATE_IN_PROGRESS"},
        {"LogicalResourceId": "Earlier", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "long ago"},
    ]
    found = checked_stack.run_doctor(code=int(state == "wrong"))["the last deployment"]
    assert found["state"] == state
    assert words in found["words"]


def test_unconfirmed_alarm_mail_is_a_problem_but_no_address_is_a_note(checked_stack: CheckedStack) -> None:
    checked_stack.account.subscribed = "PendingConfirmation"
    assert "has not confirmed the subscription" in list_failed_checks(checked_stack)["alarms"]["words"]
    checked_stack.account.subscribed = None
    assert "not subscribed" in list_failed_checks(checked_stack)["alarms"]["words"]
    checked_stack.person.stack = replace(checked_stack.person.stack, parameters=PARAMETERS | {"AlarmEmail": ""})
    assert checked_stack.run_doctor()["alarms"]["state"] == "unknown"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, ""), "does not exist"),
        ((403, ""), "does not belong to the account 123456789012, or denies you access"),
        ((200, "us-east-1"), "is in us-east-1, but the stack is in eu-central-1"),
    ],
)
@pytest.mark.parametrize(("what", "name"), [("input bucket", INPUT_BUCKET), ("output bucket", OUTPUT_BUCKET)])
def test_missing_foreign_or_remote_bucket_is_a_problem(
    checked_stack: CheckedStack, answer: tuple[int, str], words: str, what: str, name: str
) -> None:
    checked_stack.account.buckets = {name: answer}
    assert words in list_failed_checks(checked_stack)[what]["words"]


def test_checks_before_an_aws_error_are_reported(checked_stack: CheckedStack) -> None:
    checked_stack.account.buckets = {OUTPUT_BUCKET: (404, "")}
    checks = checked_stack.run_doctor(code=1)
    assert (checks["input bucket"]["state"], checks["output bucket"]["state"]) == ("good", "wrong")
    assert checks["Buckets"]["words"] == "cannot be checked: AWS returned NoSuchBucket"


def test_readable_bucket_may_be_foreign_but_must_exist(checked_stack: CheckedStack) -> None:
    checked_stack.person.stack = replace(
        checked_stack.person.stack, parameters=PARAMETERS | {"ReadableBuckets": "shelf"}
    )
    checked_stack.account.buckets = {"shelf": (200, "us-east-1")}
    assert checked_stack.run_doctor()["readable bucket"]["state"] == "good"
    checked_stack.account.buckets = {"shelf": (403, "")}
    assert checked_stack.run_doctor()["readable bucket"]["state"] == "unknown"
    checked_stack.account.buckets = {"shelf": (404, "")}
    assert "shelf does not exist" in list_failed_checks(checked_stack)["readable bucket"]["words"]


def test_output_bucket_without_versioning_is_a_problem(checked_stack: CheckedStack) -> None:
    checked_stack.account.versioning = None
    assert "put-bucket-versioning" in list_failed_checks(checked_stack)["versions of pictures"]["fix"]


def test_input_bucket_of_mandates_needs_versioning(checked_stack: CheckedStack) -> None:
    assert "versions of photos" not in checked_stack.run_doctor()
    checked_stack.person.run("mandate", "create", "anna", "--usd", "1", "--prefix", "agents/anna/")
    failed = list_failed_checks(checked_stack)["versions of photos"]
    assert (INPUT_BUCKET in failed["fix"], "clients under mandates" in failed["words"]) == (True, True)
    checked_stack.account.input_versioning = "Enabled"
    assert checked_stack.run_doctor()["versions of photos"]["state"] == "good"


def test_all_problems_are_on_one_page_with_fixes(checked_stack: CheckedStack) -> None:
    checked_stack.account.key, checked_stack.account.versioning = None, None
    result = checked_stack.person.run("doctor")
    lines = result.out.splitlines()
    broken = [n for n, line in enumerate(lines) if line.strip().startswith("✗")]
    assert len(broken) == 3
    assert all(lines[n + 1].startswith("    ") for n in broken[:-1])
    assert (result.code, lines[-1]) == (1, "✗ 2 problems found.")
