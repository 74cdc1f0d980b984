"""Event routing in the template: intake receives photos and requests, and no other function does."""

import pytest

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.aws.events import INCOMING_DETAIL_TYPES
from tests.unit.template_document import Deployed


def test_every_change_of_a_photo_is_sent_to_intake() -> None:
    notifications = Deployed().resources["PhotoBucket"]["Properties"]["NotificationConfiguration"]
    routes = [(n["Event"], n["Queue"]) for n in notifications["QueueConfigurations"]]
    events = ("ObjectCreated", "ObjectRemoved", "ObjectTagging")
    assert routes == [(f"s3:{event}:*", "IntakeQueue.Arn") for event in events]
    assert all(set(n) == {"Event", "Queue"} for n in notifications["QueueConfigurations"])


@pytest.mark.parametrize("given", ["", "old-photos"])
def test_only_the_input_bucket_and_our_rules_may_send_to_intake(given: str) -> None:
    stack = Deployed(InputBucket=given)
    bucket = given or stack.resources["PhotoBucket"]["Properties"]["BucketName"]
    policy = stack.of_type("AWS::SQS::QueuePolicy")["IntakeQueuePolicy"]
    by_s3, by_rules, _ = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == ["IntakeQueue"]
    assert by_s3["Principal"] == {"Service": "s3.amazonaws.com"}
    assert by_s3["Condition"]["ArnEquals"] == {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}
    assert by_s3["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert by_rules["Principal"] == {"Service": "events.amazonaws.com"}
    on_the_bus = "arn:aws:events:eu-central-1:123456789012:rule/EventBus/*"
    arns = [on_the_bus, *(["InputBucketRule.Arn"] if given else [])]
    assert by_rules["Condition"] == {"ArnLike": {"aws:SourceArn": arns}}


def test_only_the_configured_topics_may_send_to_intake() -> None:
    topics = [f"arn:aws:sns:eu-central-1:{account}:uploads" for account in ("123456789012", "210987654321")]
    stack = Deployed(InputBucket="old-photos", NotificationTopicArns=",".join(topics))
    policy = stack.of_type("AWS::SQS::QueuePolicy")["IntakeQueuePolicy"]["PolicyDocument"]
    [by_topics] = [one for one in policy["Statement"] if one["Principal"] == {"Service": "sns.amazonaws.com"}]
    assert (by_topics["Action"], by_topics["Resource"]) == ("sqs:SendMessage", "IntakeQueue.Arn")
    assert by_topics["Condition"] == {"ArnEquals": {"aws:SourceArn": topics}}


@pytest.mark.parametrize("given", ["", "old-photos"])
def test_only_rules_may_send_undelivered_events_to_dead_letters(given: str) -> None:
    stack = Deployed(InputBucket=given)
    rules = stack.of_type("AWS::Events::Rule")
    for name, rule in rules.items():
        assert [target["DeadLetterConfig"] for target in rule["Targets"]] == [{"Arn": "DeadLetterQueue.Arn"}], name
    policy = stack.of_type("AWS::SQS::QueuePolicy")["DeadLetterQueuePolicy"]
    statement, _ = policy["PolicyDocument"]["Statement"]
    assert (policy["Queues"], statement["Resource"]) == (["DeadLetterQueue"], "DeadLetterQueue.Arn")
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert set(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == {f"{name}.Arn" for name in rules}
    queues = stack.of_type("AWS::SQS::Queue")
    assert not [name for name, queue in queues.items() if "FifoQueue" in queue], "EventBridge sends no group to them"


def test_only_an_existing_bucket_notifies_through_eventbridge() -> None:
    rule = Deployed(InputBucket="old-photos").resources["InputBucketRule"]["Properties"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted", "Object Tags Added", "Object Tags Deleted"],
        "detail": {"bucket": {"name": ["old-photos"]}},
    }
    assert [target["Arn"] for target in rule["Targets"]] == ["IntakeQueue.Arn"]
    assert "EventBusName" not in rule, "S3 sends its events to the default bus"
    assert "InputBucketRule" not in Deployed().resources


def test_request_on_the_bus_goes_to_intake_unless_it_is_ours() -> None:
    rule = Deployed().resources["RequestRule"]["Properties"]
    assert rule["EventBusName"] == "EventBus"
    assert rule["EventPattern"] == {
        "source": [{"anything-but": [EVENT_SOURCE]}],
        "detail-type": [*INCOMING_DETAIL_TYPES],
    }
    assert [target["Arn"] for target in rule["Targets"]] == ["IntakeQueue.Arn"]
