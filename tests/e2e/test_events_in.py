"""What EventBridge brings: requests on the bus, a catalogue's own events, and the word of an existing bucket."""

import json
import os
import subprocess
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local.home import ROOT, Home
from backdrop_local.leash import leashed
from tests.contract.standin_client import StandinClient
from tests.e2e.conftest import PARAMETERS
from tests.e2e.folder import ERRORS, Folder
from tests.e2e.queues import Message
from tests.e2e.shop import RECEIPTS, SHELF, Shop, eventually

ODD = "blank +plus ünïcode %2B (1).jpg"
OLD = "old-photos"
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


def tell(shop: Shop, detail: object, kind: str = "Image Requested", source: str = "shop.catalogue") -> None:
    """Somebody puts an event on the stack's bus."""
    entry = {"EventBusName": shop.outputs["EventBusName"], "Source": source, "DetailType": kind}
    told = shop.clients.events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])  # pyright: ignore[reportArgumentType]
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
    assert letter.attributes["reason"].startswith("an event of the source backdrop is what this stack tells")


def test_a_catalogues_own_event_asks_through_an_input_transformer(folder: Folder) -> None:
    shop, name = folder.shop, "red +1.jpg"
    bus, rule = shop.outputs["EventBusName"], "catalogue"
    pattern = json.dumps({"source": ["shop.catalogue"], "detail-type": ["Product Photographed"]})
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
    assert letter.attributes["reason"].startswith("the bucket 'somebody-elses' is neither this stack's input bucket")
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
    home = Home(tmp_path_factory.mktemp("old"))
    with leashed(home):
        cloud = local_cloud.up(home, PARAMETERS, print, build=False)
        here: Any = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}
        cloud.clients.s3.create_bucket(Bucket=OLD, **here)
        cloud = local_cloud.up(
            home, {**PARAMETERS, "InputBucket": OLD, "LedgerRetentionDays": "30"}, print, build=False
        )
        with StandinClient(cloud.standin_url) as standin:
            opened = Shop(cloud, standin)
            yield opened
            opened.check_the_books()
            opened.check_the_logs()


def wiring(shop: Shop) -> str:
    """What doctor says of the bucket's notifications."""
    env = {**os.environ, "BACKDROP_HOME": str(shop.cloud.home.path)}
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "doctor", "--json"]
    said = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    return {one["name"]: one["state"] for one in json.loads(said.stdout)["checks"]}["the bucket's notifications"]


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
