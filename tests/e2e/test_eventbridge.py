"""EventBridge: requests on the bus, and notifications of an existing bucket."""

import json
import os
import re
import subprocess
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local.home import REGION, ROOT
from tests.contract.standin_client import StandinClient
from tests.documented_commands import commands_on, fill_in_json
from tests.e2e.aws_cli import AwsCli
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import READABLE_BUCKET, RECEIPTS_PREFIX, DeployedStack, eventually
from tests.e2e.folder import ERRORS_PREFIX, Folder

ODD_NAME = "blank +plus ünïcode %2B (1).jpg"
EXISTING_BUCKET = "old-photos"
TOPIC_NAME = "uploads"
TOPIC = f"arn:aws:sns:{REGION}:000000000000:{TOPIC_NAME}"
KEY = f"arn:aws:kms:{REGION}:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
EXISTING_BUCKET_PARAMETERS = {
    "InputBucket": EXISTING_BUCKET,
    "NotificationTopicArns": TOPIC,
    "KmsKeyArns": KEY,
    "LedgerRetentionDays": "30",
}
NOTIFICATIONS_CHECK = "the bucket's notifications"
EVERY_CHANGE = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
BY_TOPIC: Any = {"TopicConfigurations": [{"TopicArn": TOPIC, "Events": EVERY_CHANGE}]}
DEPLOYING = ROOT / "docs" / "deploying.md"


@pytest.fixture(scope="module")
def readable_bucket(stack: DeployedStack) -> str:
    """A bucket outside the stack that the stack may read."""
    stack.clients.s3.create_bucket(
        Bucket=READABLE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return READABLE_BUCKET


def put_event(
    stack: DeployedStack, detail: object, kind: str = "Image Requested", source: str = "shop.catalog"
) -> None:
    """Puts an event on the stack's bus."""
    entry = {"EventBusName": stack.outputs["EventBusName"], "Source": source, "DetailType": kind}
    response = stack.clients.events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
    assert response["FailedEntryCount"] == 0


def build_request(folder: Folder, name: str, bucket: str = "") -> dict[str, object]:
    """Returns a request for a new background."""
    return {"bucket": bucket or folder.stack.input_bucket, "key": folder.key(name), "instructions": folder.instructions}


# -- requests on the bus -------------------------------------------------------------------------------------------


def test_request_with_an_unusual_key_leads_to_one_picture(folder: Folder) -> None:
    folder.put(ODD_NAME, folder.photo(ODD_NAME))
    put_event(folder.stack, build_request(folder, "red.jpg"), source="backdrop")
    put_event(folder.stack, build_request(folder, ODD_NAME))
    job = folder.wait_until_stored(ODD_NAME)
    assert job["provenance"]["prompt"] == "request"
    assert folder.pictures(ODD_NAME) == [f"{ODD_NAME.removesuffix('.jpg')}.png"]
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    # The stack's own events are not requests.
    folder.assert_no_results("red.jpg")


# -- other buckets -------------------------------------------------------------------------------------------------


def test_photo_of_a_readable_bucket_is_delivered(folder: Folder, readable_bucket: str) -> None:
    stack, key = folder.stack, folder.key(ODD_NAME)
    stack.clients.s3.put_object(Bucket=readable_bucket, Key=key, Body=folder.photo(ODD_NAME), Tagging="seed=7")
    stack.clients.s3.put_object(
        Bucket=readable_bucket, Key=folder.key("_backdrop.json"), Body=b'{"rendering_speed": "TURBO"}'
    )
    put_event(stack, {"bucket": readable_bucket, "key": key, "instructions": {"prompt": folder.prompt}})
    receipt = eventually(
        lambda: _read_document(stack, f"{RECEIPTS_PREFIX}@{readable_bucket}/{key}.json", "stored"), "a receipt"
    )
    (job,) = receipt["jobs"]
    assert (receipt["source"]["bucket"], receipt["source"]["key"]) == (readable_bucket, key)
    assert (job["provenance"]["seed"], job["provenance"]["rendering_speed"]) == ("tags", folder.key("_backdrop.json"))
    (result,) = job["results"]
    assert result["key"] == f"@{readable_bucket}/{key}/{ODD_NAME.removesuffix('.jpg')}.png"
    stack.clients.s3.head_object(Bucket=stack.output_bucket, Key=result["key"])
    stack.run_backdrop("show", f"@{readable_bucket}/{key}")
    folder.assert_no_results(ODD_NAME)
    put_event(stack, build_request(folder, "red.jpg", "missing-photos"))
    report_key = f"{ERRORS_PREFIX}@missing-photos/{folder.key('red.jpg')}.json"
    report = eventually(lambda: _read_document(stack, report_key), "a report")
    assert [error["code"] for error in report["errors"]] == ["photo_not_found"]
    assert len(folder.charges()) == 1


def _read_document(stack: DeployedStack, key: str, status: str = "") -> dict[str, Any] | None:
    """Returns a receipt or report if it exists. If `status` is given, its first job must have this status."""
    try:
        document = stack.read_json(key)
    except stack.clients.s3.exceptions.NoSuchKey:
        return None
    return document if not status or document["jobs"][0]["status"] == status else None


# -- an existing input bucket --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def existing_bucket_stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[DeployedStack]:
    """A separate cloud with an existing input bucket and a retention period for the ledger's items."""
    with running_cloud(tmp_path_factory) as cloud:
        in_region: Any = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}
        cloud.clients.s3.create_bucket(Bucket=EXISTING_BUCKET, **in_region)
        encryption: Any = {"Rules": [WITH_KEY]}
        cloud.clients.s3.put_bucket_encryption(Bucket=EXISTING_BUCKET, ServerSideEncryptionConfiguration=encryption)
        cloud = local_cloud.up(cloud.home, {**PARAMETERS, **EXISTING_BUCKET_PARAMETERS}, print, build=False)
        with StandinClient(cloud.standin_url) as standin:
            created = DeployedStack(cloud, standin)
            yield created
            created.check_charges()
            created.check_logs()


def read_check_states(stack: DeployedStack) -> dict[str, str]:
    """Returns the states that `doctor` reports by check."""
    env = {**os.environ, "BACKDROP_HOME": str(stack.cloud.home.path)}
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "doctor", "--json"]
    completed = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    return {result["name"]: result["state"] for result in json.loads(completed.stdout)["checks"]}


def assert_expires_after_30_days(folder: Folder, job: dict[str, Any]) -> None:
    """Asserts that the job expires 30 days after its end, and that no photo does."""
    stack, stored_at = folder.stack, datetime.fromisoformat(job["stored_at"])
    table = stack.clients.dynamodb.describe_time_to_live(TableName=stack.outputs["LedgerTableName"])
    live = table["TimeToLiveDescription"]
    assert (live.get("TimeToLiveStatus"), live.get("AttributeName")) == ("ENABLED", "expires_at")
    expires_at = int(folder.item(job["job_id"])["expires_at"]["N"])
    assert abs(expires_at - (stored_at + timedelta(days=30)).timestamp()) < 2
    assert all("expires_at" not in item for item in folder.ledger() if item["sk"]["S"] == "source")


def test_existing_bucket_works_once_it_sends_eventbridge_notifications(existing_bucket_stack: DeployedStack) -> None:
    folder = Folder(existing_bucket_stack, "existing")
    assert read_check_states(existing_bucket_stack)[NOTIFICATIONS_CHECK] == "wrong"
    existing_bucket_stack.clients.s3.put_bucket_notification_configuration(
        Bucket=EXISTING_BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    checks = read_check_states(existing_bucket_stack)
    assert (checks[NOTIFICATIONS_CHECK], checks[f"encryption of {EXISTING_BUCKET}"]) == ("good", "good")
    folder.drop(ODD_NAME, folder.instructions)
    assert_expires_after_30_days(folder, folder.wait_until_stored(ODD_NAME))
    folder.delete(ODD_NAME)
    folder.drop("waits.jpg")
    folder.wait_for_error("waits.jpg", "no_instructions")
    folder.put("waits.jpg.json", json.dumps(folder.instructions))
    folder.wait_until_stored("waits.jpg")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 2
    assert existing_bucket_stack.queue("DeadLetterQueueUrl").messages() == []


# -- an existing input bucket with other notifications ------------------------------------------------------------


def run_documented_command(stack: DeployedStack, here: Path, start: str) -> None:
    """Runs the command lines of docs/deploying.md that begin with `start`."""
    environment = dict(line.removeprefix("export ").split("=", 1) for line in local_cloud.format_exports(stack.cloud))
    lines = [command.line for command in commands_on(DEPLOYING) if command.line.startswith(start)]
    assert lines
    for line in lines:
        line = re.sub(r"<(\w+)>", lambda match: stack.outputs[match[1]], line)
        AwsCli(environment, here).run(line.replace("123456789012", "000000000000"))


def test_notifications_through_a_topic_work_raw_and_wrapped(
    existing_bucket_stack: DeployedStack, tmp_path: Path
) -> None:
    s3, sns = existing_bucket_stack.clients.s3, existing_bucket_stack.clients.sns
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": TOPIC}]})
    assert sns.create_topic(Name=TOPIC_NAME, Attributes={"Policy": policy})["TopicArn"] == TOPIC
    s3.put_bucket_notification_configuration(Bucket=EXISTING_BUCKET, NotificationConfiguration=BY_TOPIC)
    assert read_check_states(existing_bucket_stack)[NOTIFICATIONS_CHECK] == "wrong"
    run_documented_command(existing_bucket_stack, tmp_path, "aws sns subscribe")
    assert read_check_states(existing_bucket_stack)[NOTIFICATIONS_CHECK] == "good"
    folder = Folder(existing_bucket_stack, "by-topic")
    folder.drop(ODD_NAME, folder.instructions)
    folder.wait_until_stored(ODD_NAME)
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    arn = subscription["SubscriptionArn"]
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    folder.drop("raw.jpg", folder.instructions)
    folder.wait_until_stored("raw.jpg")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 2
    assert_unlisted_topic_is_denied(existing_bucket_stack)


def assert_unlisted_topic_is_denied(stack: DeployedStack) -> None:
    """Asserts that a topic that is not in NotificationTopicArns cannot send to the intake queue."""
    stranger = stack.clients.sns.create_topic(Name="stranger")["TopicArn"]
    stack.clients.sns.subscribe(TopicArn=stranger, Protocol="sqs", Endpoint=stack.outputs["IntakeQueueArn"])
    stack.clients.sns.publish(TopicArn=stranger, Message="from a stranger")
    stack.send("IntakeQueueUrl", {"from": "the account itself"})
    letters = stack.queue("DeadLetterQueueUrl")
    eventually(letters.messages, "a dead letter about the message of the account itself")
    assert [letter.body for letter in letters.messages() if "the account itself" not in letter.body] == []


def test_bucket_of_a_deleted_stack_accepts_the_documented_notifications(
    existing_bucket_stack: DeployedStack, tmp_path: Path
) -> None:
    """The bucket still names the deleted stack's queue, and S3 refuses any configuration that does."""
    s3, sqs = existing_bucket_stack.clients.s3, existing_bucket_stack.clients.sqs
    url = sqs.create_queue(QueueName="gone-IntakeQueue-1")["QueueUrl"]
    arn = existing_bucket_stack.queue_arn("IntakeQueueUrl").rpartition(":")[0] + ":gone-IntakeQueue-1"
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": arn}]})},
    )
    leftover: Any = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=EXISTING_BUCKET, NotificationConfiguration=leftover)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(s3.exceptions.ClientError, match="InvalidArgument"):
        s3.put_bucket_notification_configuration(
            Bucket=EXISTING_BUCKET, NotificationConfiguration=leftover | {"EventBridgeConfiguration": {}}
        )
    (tmp_path / "events.json").write_text(fill_in_json(DEPLOYING, "EventBridgeConfiguration", {}))
    run_documented_command(existing_bucket_stack, tmp_path, "aws s3api put-bucket-notification-configuration")
    assert read_check_states(existing_bucket_stack)[NOTIFICATIONS_CHECK] == "good"
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=EXISTING_BUCKET)
