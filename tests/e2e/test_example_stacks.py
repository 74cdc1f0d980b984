"""The examples that are more than photos, deployed and used as their page says."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local import sam
from backdrop_local.home import REGION, ROOT
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

EXAMPLES = ROOT / "examples"
# A time that is over: the emulator's schedule begins at once.
NOW = "at(2026-01-01T00:00:00)"


def deployed(shop: Shop, example: str, *outputs: str, **parameters: str) -> dict[str, str]:
    """The outputs of an example's own stack, made from these outputs of Backdrop's and these parameters."""
    given = {name: shop.outputs[name] for name in outputs} | parameters
    template = EXAMPLES / example / "template.yaml"
    options = ["--template-file", str(template), "--stack-name", example, "--region", REGION, "--resolve-s3"]
    options += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    reach = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": shop.cloud.endpoint_url}
    sam.run_sam(
        ["deploy", *options, "--parameter-overrides", *sam.format_overrides(given)],
        reach,
        shop.cloud.home.log_file(example),
    )
    (stack,) = shop.clients.cloudformation.describe_stacks(StackName=example)["Stacks"]
    return {one.get("OutputKey", ""): one.get("OutputValue", "") for one in stack.get("Outputs", [])}


def outcome(shop: Shop, machine: str, given: object) -> dict[str, Any]:
    """What an execution ends with, which must succeed."""
    states = shop.clients.stepfunctions
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    told: dict[str, Any] = {}

    def over() -> bool:
        told.update(dict(states.describe_execution(executionArn=arn)))
        return told["status"] != "RUNNING"

    eventually(over, f"the end of {arn}", lambda: told)
    assert told["status"] == "SUCCEEDED", told
    return json.loads(told["output"])


@pytest.fixture(scope="module")
def workflow(shop: Shop) -> str:
    """A state machine of one's own."""
    return deployed(shop, "from-a-workflow", "IntakeQueueUrl", "InputBucketName")["WorkflowArn"]


def test_a_workflow_goes_on_with_the_pictures(folder: Folder, workflow: str) -> None:
    folder.drop("red.jpg")
    found = outcome(folder.shop, workflow, {"key": folder.key("red.jpg"), "instructions": folder.wish})
    assert found == {"pictures": [folder.key("red.jpg/red.png")], "usd": folder.stored("red.jpg")["cost"]["usd"]}


def test_a_workflow_hears_what_is_wrong(folder: Folder, workflow: str) -> None:
    folder.drop("red.jpg")
    found = outcome(folder.shop, workflow, {"key": folder.key("red.jpg"), "instructions": {"operation": "paint"}})
    assert (found["Error"], [one["code"] for one in json.loads(found["Cause"])]) == ("invalid_value", ["invalid_value"])


def test_a_line_of_python_asks_for_a_photo(folder: Folder) -> None:
    folder.drop("red.jpg")
    shop = folder.shop
    reach = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": shop.cloud.endpoint_url}
    words = [shop.outputs["EventBusName"], shop.photos, folder.key("red.jpg"), folder.prompt]
    command = [sys.executable, str(EXAMPLES / "from-python" / "request.py"), *words]
    subprocess.run(command, env={**os.environ, **reach}, check=True, capture_output=True)
    assert folder.stored("red.jpg")["instructions"]["prompt"] == folder.prompt


def test_a_catalogs_own_event_is_a_request(folder: Folder) -> None:
    folder.drop("red.jpg")
    deployed(folder.shop, "from-a-catalog", "EventBusName", "IntakeQueueUrl")
    text = (EXAMPLES / "from-a-catalog" / "product_photographed.json").read_text()
    for name in ("EventBusName", "InputBucketName"):
        text = text.replace(f"<{name}>", folder.shop.outputs[name])
    events = json.loads(text.replace("shoes/red.jpg", folder.key("red.jpg")))
    folder.shop.clients.events.put_events(Entries=events)
    asked = folder.stored("red.jpg")["instructions"]
    assert (asked["prompt"], asked["metadata"]) == ('on a "Calacatta" marble table', {"sku": "RED-42"})


def test_a_picture_is_published_when_it_is_ready(folder: Folder) -> None:
    made = deployed(folder.shop, "publish-when-ready", "EventBusName", "OutputBucketName")
    s3, shelf = folder.shop.clients.s3, made["ShopBucketName"]
    folder.drop("red.jpg", {**folder.wish, "num_images": 2})
    folder.stored("red.jpg")
    published = [folder.key(f"red.jpg/{name}") for name in folder.pictures("red.jpg")]
    eventually(lambda: s3.list_objects_v2(Bucket=shelf)["KeyCount"] == len(published), "both on the shelf")
    assert [found.get("Key") for found in s3.list_objects_v2(Bucket=shelf).get("Contents", [])] == published


@pytest.fixture
def catalog(shop: Shop) -> Generator[Folder]:
    opened = Folder(shop, "catalog")
    yield opened
    opened.close()


def test_a_season_is_six_scenes_of_each_photo_and_one_report(catalog: Folder) -> None:
    for name in ("cup.jpg", "bowl.jpg"):
        catalog.drop(name)
    campaign = json.loads((EXAMPLES / "seasonal-campaign" / "campaign.json").read_text())
    outcome(catalog.shop, catalog.shop.outputs["CampaignStateMachineArn"], campaign)
    report = catalog.shop.read_json("_backdrop/campaigns/winter/report.json")
    assert (report["items"]["stored"], report["pictures"], report["failures"]) == (2, 24, [])
    assert report["cost"]["usd"] == report["quoted_usd"]
    assert 500 * report["quoted_usd"] / 2 <= campaign["max_total_usd"], "a catalog of 500 passes its own limit"
    assert len(catalog.pictures("cup.jpg")) == 12


@pytest.fixture
def nightly(shop: Shop) -> Generator[Folder]:
    opened = Folder(shop, "nightly")
    yield opened
    opened.close()


def test_a_folder_is_gone_through_at_night(nightly: Folder) -> None:
    nightly.drop("red.jpg")
    deployed(nightly.shop, "nightly-folder", "CampaignStateMachineArn", Schedule=NOW)
    assert nightly.stored("red.jpg")["operation"] == "remove"
