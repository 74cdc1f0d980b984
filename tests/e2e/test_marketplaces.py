"""One purchase makes a certified file for each marketplace, and a rule that cannot be met is never bought."""

import json
from typing import Any, cast

import pytest

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

ALL = ["amazon-main", "ebay", "etsy", "google-merchant", "shopify", "walmart"]


def find_checks(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the checks of a result's certificate by their rules."""
    return {check["rule"]: check for check in result["certificate"]["checks"]}


def test_one_cut_out_is_delivered_and_measured_for_every_marketplace(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "output": {"for": ALL}})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == [f"red@{name}.jpg" for name in ALL]
    assert [result["certificate"]["marketplace"] for result in job["results"]] == ALL
    picture = folder.picture("red.jpg", "red@amazon-main.jpg")
    checks = find_checks(job["results"][0])
    assert job["results"][0]["certificate"]["verdict"] == "passed"
    assert checks["longest_side"]["measured"] == max(picture.size) == 2000
    assert checks["background"]["measured"] == "#ffffff"
    assert cast("tuple[int, int, int]", picture.getpixel((5, 5))) == (255, 255, 255)
    assert checks["subject_share"]["measured"] == pytest.approx(0.88, abs=0.002)
    assert checks["format"]["verdict"] == checks["bytes"]["verdict"] == "passed"
    assert job["cost"]["usd"] == 0.01


def test_new_background_for_a_shop_has_the_ai_label(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "output": {"for": "google-merchant"}})
    (result,) = folder.wait_until_stored("red.jpg")["results"]
    label = find_checks(result)["ai_label"]
    assert (label["measured"], label["verdict"]) == ("compositeWithTrainedAlgorithmicMedia", "passed")
    assert find_checks(result)["whole_product"]["verdict"] == "cannot_say"


def test_file_that_breaks_a_rule_is_delivered_with_a_warning(folder: Folder) -> None:
    output = {"for": "amazon-main", "fit": "contain", "trim": False, "margin": "0%", "width": 1000, "height": 1000}
    folder.drop("red.jpg", {"operation": "remove", "output": output})
    job = folder.wait_until_stored("red.jpg")
    (result,) = job["results"]
    assert result["certificate"]["verdict"] == "failed"
    assert any(warning.startswith("certificate_failed: ") for warning in job["warnings"])
    assert folder.pictures("red.jpg") == ["red@amazon-main.jpg"]
    folder.put("red.jpg.json", json.dumps({"operation": "remove", "output": {"for": "amazon-main"}}))

    def poll() -> dict[str, Any] | None:
        current = folder.job("red.jpg")
        width = current["results"][0]["width"] if current and current["status"] == "stored" else None
        return current if width == 2000 else None

    again = eventually(poll, "red.jpg has the marketplace's own output")
    assert again["job_id"] == job["job_id"]
    assert again["cost"]["usd"] == 0.01


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        ({"prompt": "on a table", "output": {"for": "amazon-main"}}, "makes a new background"),
        ({"operation": "remove", "output": {"for": "amazon-main", "format": "webp"}}, "this makes it webp"),
        ({"operation": "remove", "output": {"for": "amzon-main"}}, "Did you mean 'amazon-main'?"),
    ],
)
def test_rule_that_cannot_be_met_is_not_bought(folder: Folder, instructions: dict[str, Any], words: str) -> None:
    folder.drop("red.jpg", instructions)
    entry = eventually(lambda: (folder.report("red.jpg") or {}).get("errors"), "red.jpg is reported")[0]
    assert words in entry["message"]
    assert entry["money"] == "not_spent"
    assert folder.pictures("red.jpg") == []
    assert folder.charges() == []
