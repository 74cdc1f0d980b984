"""What EventBridge brings: requests on the bus, a catalog's own events, and the word of an existing bucket."""

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
from tests.documented import commands, filled_in
from tests.e2e.amazon import Amazon
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.folder import ERRORS, Folder
from tests.e2e.queues import Message
from tests.e2e.shop import RECEIPTS, SHELF, Shop, eventually

ODD = "blank +plus ünïcode %2B (1).jpg"
OLD = "old-photos"
TOPIC_NAME = "uploads"
TOPIC = f"arn:aws:sns:{REGION}:000000000000:{TOPIC_NAME}"
KEY = f"arn:aws:kms:{REGION}:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
OF_OLD = {"InputBucket": OLD, "NotificationTopicArns": TOPIC, "KmsKeyArns": KEY, "LedgerRetentionDays": "30"}
EVERY_CHANGE = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
BY_TOPIC: Any = {"TopicConfigurations": [{"TopicArn": TOPIC, "Events": EVERY_CHANGE}]}
DEPLOYING = ROOT / "docs" / "deploying.md"
CATALOGUE = {
    "InputPathsMap": {"id": "$.id", "bucket": "$.detail.image.bucket", "key": "$.detail.image.path"},
    "InputTemplate": (
        '{"id": <id>, "detail-type": "Image Requested", "detail": '
        '{"bucket": <bucket>, "key": <key>, "instructions": {"operation": "remove"}}}'
    ),
}


@pytest.fixture(scope="module")
def shelf(shop: Shop) -> str:
    """A bucket of somebody's, which the stack may read."""
    shop.clients.s3.create_bucket(Bucket=SHELF, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return SHELF


def tell(shop: Shop, detail: object, kind: str = "Image Requested", source: str = "shop.catalog") -> None:
    """Somebody puts an event on the stack's bus."""
    entry = {"EventBusName": shop.outputs["EventBusName"], "Source": source, "DetailType": kind}
    told = shop.clients.events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
    assert told["FailedEntryCount"] == 0


def wanted(folder: Folder, name: str, bucket: str = "") -> dict[str, object]:
    """A request for a new background."""
    return {"bucket": bucket or folder.shop.photos, "key": folder.key(name), "instructions": folder.wish}


def letter_of(shop: Shop, mark: str) -> Message:
    """The only dead letter that holds a mark, once it is there."""

    def look() -> list[Message]:
        return [one for one in shop.queue("DeadLetterQueueUrl").messages() if mark in one.body]

    (letter,) = eventually(look, f"a dead letter about {mark}")
    return letter


# -- requests on the bus -------------------------------------------------------------------------------------------


def test_a_request_on_the_bus_becomes_a_picture_once_however_its_key_is_spelled(folder: Folder) -> None:
    folder.put(ODD, folder.photo(ODD))
    tell(folder.shop, wanted(folder, ODD))
    job = folder.stored(ODD)
    assert job["provenance"]["prompt"] == "request"
    assert folder.pictures(ODD) == [f"{ODD.removesuffix('.jpg')}.png"]
    folder.settle()
    assert len(folder.charges()) == 1


def test_what_the_stack_itself_tells_is_no_request(folder: Folder) -> None:
    tell(folder.shop, wanted(folder, "red.jpg"), source="backdrop")
    folder.drop("later.jpg", folder.wish)
    folder.stored("later.jpg")
    folder.settle()
    folder.nothing_came_of("red.jpg")
    event: dict[str, Any] = {"id": folder.name, "source": "backdrop", "detail-type": "Image Requested", "detail": {}}
    folder.shop.send("IntakeQueueUrl", event)
    letter = letter_of(folder.shop, folder.name)
    assert letter.attributes["code"] == "damaged_message"
    assert letter.attributes["reason"].startswith("Events with the source backdrop come from this stack")


def test_a_catalogs_own_event_asks_through_an_input_transformer(folder: Folder) -> None:
    shop, name = folder.shop, "red +1.jpg"
    bus, rule = shop.outputs["EventBusName"], "catalog"
    pattern = json.dumps({"source": ["shop.catalog"], "detail-type": ["Product Photographed"]})
    shop.clients.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
    target: Any = {"Id": "intake", "Arn": shop.queue_arn("IntakeQueueUrl"), "InputTransformer": CATALOGUE}
    shop.clients.events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    folder.put(name, folder.photo(name))
    image = {"bucket": shop.photos, "path": folder.key(name)}
    tell(shop, {"sku": "4711", "image": image}, "Product Photographed")
    assert folder.stored(name)["operation"] == "remove"


# -- other buckets -------------------------------------------------------------------------------------------------


def test_a_photo_of_a_readable_bucket_is_delivered_under_the_buckets_name(folder: Folder, shelf: str) -> None:
    shop, key = folder.shop, folder.key(ODD)
    shop.clients.s3.put_object(Bucket=shelf, Key=key, Body=folder.photo(ODD), Tagging="seed=7")
    shop.clients.s3.put_object(Bucket=shelf, Key=folder.key("_backdrop.json"), Body=b'{"rendering_speed": "TURBO"}')
    tell(shop, {"bucket": shelf, "key": key, "instructions": {"prompt": folder.prompt}})
    receipt = eventually(lambda: _view(shop, f"{RECEIPTS}@{shelf}/{key}.json", "stored"), "a receipt")
    (job,) = receipt["jobs"]
    assert (receipt["source"]["bucket"], receipt["source"]["key"]) == (shelf, key)
    assert (job["provenance"]["seed"], job["provenance"]["rendering_speed"]) == ("tags", folder.key("_backdrop.json"))
    (result,) = job["results"]
    assert result["key"] == f"@{shelf}/{key}/{ODD.removesuffix('.jpg')}.png"
    shop.clients.s3.head_object(Bucket=shop.pictures, Key=result["key"])
    shop.backdrop("show", f"@{shelf}/{key}")
    folder.nothing_came_of(ODD)
    assert len(folder.charges()) == 1


def test_a_bucket_that_may_not_be_read_is_a_dead_letter_and_one_that_is_not_there_a_report(folder: Folder) -> None:
    shop, key = folder.shop, folder.key("red.jpg")
    tell(shop, wanted(folder, "red.jpg", "somebody-elses"))
    letter = letter_of(shop, folder.name)
    assert letter.attributes["code"] == "damaged_message"
    assert letter.attributes["reason"].startswith("The bucket 'somebody-elses' is neither this stack's input bucket")
    tell(shop, wanted(folder, "red.jpg", "nobodys-photos"))
    report = eventually(lambda: _view(shop, f"{ERRORS}@nobodys-photos/{key}.json"), "a report")
    assert [one["code"] for one in report["errors"]] == ["photo_not_found"]
    assert folder.charges() == []


def _view(shop: Shop, key: str, status: str = "") -> dict[str, Any] | None:
    """A receipt or report, once it is there and its first job has come to this end."""
    try:
        found = shop.read_json(key)
    except shop.clients.s3.exceptions.NoSuchKey:
        return None
    return found if not status or found["jobs"][0]["status"] == status else None


# -- an existing input bucket --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shop]:
    """A cloud of its own, whose photos come into a bucket that the stack did not make, and which forgets."""
    with running_cloud(tmp_path_factory) as cloud:
        here: Any = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}
        cloud.clients.s3.create_bucket(Bucket=OLD, **here)
        encryption: Any = {"Rules": [WITH_KEY]}
        cloud.clients.s3.put_bucket_encryption(Bucket=OLD, ServerSideEncryptionConfiguration=encryption)
        cloud = local_cloud.up(cloud.home, {**PARAMETERS, **OF_OLD}, print, build=False)
        with StandinClient(cloud.standin_url) as standin:
            opened = Shop(cloud, standin)
            yield opened
            opened.check_the_books()
            opened.check_the_logs()


def wiring(shop: Shop, check: str = "the bucket's notifications") -> str:
    """How doctor finds the bucket's notifications, or another check."""
    env = {**os.environ, "BACKDROP_HOME": str(shop.cloud.home.path)}
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "doctor", "--json"]
    said = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    return {one["name"]: one["state"] for one in json.loads(said.stdout)["checks"]}[check]


def test_an_existing_bucket_works_once_its_notifications_to_eventbridge_are_on(old_shop: Shop) -> None:
    opened = Folder(old_shop, "existing")
    assert wiring(old_shop) == "wrong"
    old_shop.clients.s3.put_bucket_notification_configuration(
        Bucket=OLD, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert wiring(old_shop) == "good"
    opened.drop(ODD, opened.wish)
    opened.stored(ODD)
    opened.remove(ODD)
    opened.drop("waits.jpg")
    opened.wrong("waits.jpg", "no_instructions")
    opened.put("waits.jpg.json", json.dumps(opened.wish))
    opened.stored("waits.jpg")
    opened.settle()
    assert len(opened.charges()) == 2
    assert old_shop.queue("DeadLetterQueueUrl").messages() == []


def test_a_stack_that_forgets_lets_dynamodb_forget_what_was_stored_a_month_ago(old_shop: Shop) -> None:
    opened, dynamodb, table = (
        Folder(old_shop, "forgotten"),
        old_shop.clients.dynamodb,
        old_shop.outputs["LedgerTableName"],
    )
    opened.drop(ODD, opened.wish)
    stored = datetime.fromisoformat(opened.stored(ODD)["stored_at"])
    live = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (live.get("TimeToLiveStatus"), live.get("AttributeName")) == ("ENABLED", "expires_at")
    items: list[Any] = dynamodb.scan(TableName=table)["Items"]
    (job,) = (one for one in items if one["sk"]["S"].startswith("job#") and one["key"]["S"] == opened.key(ODD))
    assert abs(int(job["expires_at"]["N"]) - (stored + timedelta(days=30)).timestamp()) < 2
    assert all("expires_at" not in one for one in items if one["sk"]["S"] == "source")


# -- an existing input bucket that already notifies others ---------------------------------------------------------


def documented(shop: Shop, folder: Path, words: str) -> None:
    """Type the lines of docs/deploying.md that begin with these words."""
    said = dict(line.removeprefix("export ").split("=", 1) for line in local_cloud.format_exports(shop.cloud))
    lines = [one.line for one in commands(DEPLOYING) if one.line.startswith(words)]
    assert lines
    for line in lines:
        filled = re.sub(r"<(\w+)>", lambda found: shop.outputs[found[1]], line)
        Amazon(said, folder).does(filled.replace("123456789012", "000000000000"))


def test_an_existing_bucket_fans_out_through_a_topic_with_and_without_envelopes(old_shop: Shop, tmp_path: Path) -> None:
    s3, sns = old_shop.clients.s3, old_shop.clients.sns
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": TOPIC}]})
    assert sns.create_topic(Name=TOPIC_NAME, Attributes={"Policy": policy})["TopicArn"] == TOPIC
    s3.put_bucket_notification_configuration(Bucket=OLD, NotificationConfiguration=BY_TOPIC)
    assert wiring(old_shop) == "wrong"
    documented(old_shop, tmp_path, "aws sns subscribe")
    assert wiring(old_shop) == "good"
    opened = Folder(old_shop, "by-topic")
    opened.drop(ODD, opened.wish)
    opened.stored(ODD)
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    arn = subscription["SubscriptionArn"]
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    opened.drop("raw.jpg", opened.wish)
    opened.stored("raw.jpg")
    opened.settle()
    assert len(opened.charges()) == 2
    assert old_shop.queue("DeadLetterQueueUrl").messages() == []


def test_a_topic_that_is_not_named_cannot_send_to_the_queue(old_shop: Shop) -> None:
    sns = old_shop.clients.sns
    stranger = sns.create_topic(Name="stranger")["TopicArn"]
    sns.subscribe(TopicArn=stranger, Protocol="sqs", Endpoint=old_shop.outputs["IntakeQueueArn"])
    sns.publish(TopicArn=stranger, Message="from a stranger")
    old_shop.send("IntakeQueueUrl", {"from": "the account itself"})
    letter_of(old_shop, "the account itself")
    assert not [one for one in old_shop.queue("DeadLetterQueueUrl").messages() if "a stranger" in one.body]


def test_a_bucket_that_a_deleted_stack_left_behind_takes_the_documented_notifications(
    old_shop: Shop, tmp_path: Path
) -> None:
    """The bucket still names the deleted stack's queue, and S3 refuses any configuration that does."""
    s3, sqs = old_shop.clients.s3, old_shop.clients.sqs
    url = sqs.create_queue(QueueName="gone-IntakeQueue-1")["QueueUrl"]
    arn = old_shop.queue_arn("IntakeQueueUrl").rpartition(":")[0] + ":gone-IntakeQueue-1"
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": arn}]})},
    )
    left: Any = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=OLD, NotificationConfiguration=left)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(s3.exceptions.ClientError, match="InvalidArgument"):
        s3.put_bucket_notification_configuration(
            Bucket=OLD, NotificationConfiguration=left | {"EventBridgeConfiguration": {}}
        )
    (tmp_path / "events.json").write_text(filled_in(DEPLOYING, "EventBridgeConfiguration", {}))
    documented(old_shop, tmp_path, "aws s3api put-bucket-notification-configuration")
    assert wiring(old_shop) == "good"
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=OLD)


def test_doctor_finds_that_the_stack_may_use_the_key_of_an_existing_bucket(old_shop: Shop) -> None:
    assert wiring(old_shop, f"encryption of {OLD}") == "good"
