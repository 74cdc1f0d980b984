"""Many photos bought as one: quoted beforehand, asked for through the lane, stopped, reported, paid once."""

import csv
import io
import json
import os
import re
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backdrop.aws.step_functions import STATUS_CACHE_DURATION
from backdrop_local.home import ROOT
from tests.e2e.folder import Folder
from tests.e2e.shop import eventually
from tests.e2e.test_throttling import accepted, hold, let_go

REMOVE = {"operation": "remove"}
PRICE = Decimal("0.01")


class Campaigns:
    """Executions of the state machine over one test's folder."""

    def __init__(self, folder: Folder, here: Path) -> None:
        self.folder, self.shop, self.here = folder, folder.shop, here
        self.states = folder.shop.clients.stepfunctions

    def has(self, *names: str) -> None:
        """Photos that lie there, and of which nobody has said a word."""
        for name in names:
            self.folder.drop(name)

    def begins(self, name: str = "", **given: Any) -> str:
        """A campaign over the whole folder, unless something else is said; its execution."""
        where = {} if "manifest" in given else {"prefix": self.folder.key("")}
        said = {"name": name or self.folder.name, **where, "instructions": REMOVE, **given}
        machine = self.shop.outputs["CampaignStateMachineArn"]
        return self.states.start_execution(stateMachineArn=machine, input=json.dumps(said))["executionArn"]

    def look(self, execution: str) -> dict[str, Any]:
        return dict(self.states.describe_execution(executionArn=execution))

    def ends(self, execution: str) -> dict[str, Any]:
        """The execution, once it is over."""

        def over() -> dict[str, Any] | None:
            found = self.look(execution)
            return None if found["status"] == "RUNNING" else found

        return eventually(over, "the campaign is over", lambda: self.report())

    def runs(self, **given: Any) -> dict[str, Any]:
        """The report of a campaign that went through."""
        execution = self.begins(**given)
        found = self.ends(execution)
        assert found["status"] == "SUCCEEDED", found
        return self.reported(execution)

    def report(self, name: str = "") -> dict[str, Any] | None:
        try:
            return self.shop.read_json(f"_backdrop/campaigns/{name or self.folder.name}/report.json")
        except self.shop.clients.s3.exceptions.NoSuchKey:
            return None

    def reported(self, execution: str) -> dict[str, Any]:
        """The report, once it is this execution's."""

        def look() -> dict[str, Any] | None:
            found = self.report()
            return found if found and found["execution"] == execution else None

        return eventually(look, "the report", self.report)

    def rows(self) -> dict[str, dict[str, str]]:
        """The rows of the CSV by the photos' names; of a key that is named twice the last."""
        key = f"_backdrop/campaigns/{self.folder.name}/report.csv"
        text = self.shop.clients.s3.get_object(Bucket=self.shop.pictures, Key=key)["Body"].read().decode()
        return {row["key"].removeprefix(self.folder.key("")): row for row in csv.DictReader(io.StringIO(text))}

    def told(self, execution: str) -> list[dict[str, Any]]:
        """The events that tell of its end."""
        letters = [one for one in self.shop.events.letters() if one["detail-type"] == "Campaign Completed"]
        return [one["detail"] for one in letters if one["detail"]["execution"] == execution]

    def billed(self) -> Decimal:
        return Decimal(self.shop.standin.total_usd())

    def in_receipts(self) -> Decimal:
        """What the receipts of the folder say that its photos cost."""
        ours = [one for one in self.shop.receipts() if one["source"]["key"].startswith(self.folder.key(""))]
        return sum((Decimal(str(one["total_usd"])) for one in ours), Decimal(0))

    def types(self, *words: str, code: int = 0) -> str:
        """A command of `backdrop`, which must end so."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BACKDROP_"))}
        ran = subprocess.run(
            [str(ROOT / ".venv" / "bin" / "backdrop"), *words],
            capture_output=True,
            text=True,
            env={**plain, "BACKDROP_HOME": str(self.shop.cloud.home.path)},
            cwd=self.here,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture
def campaigns(folder: Folder, tmp_path: Path) -> Campaigns:
    return Campaigns(folder, tmp_path)


def test_a_prefix_is_bought_once_and_the_report_is_the_ledgers_word_and_the_bill(campaigns: Campaigns) -> None:
    photos = [f"{n}.jpg" for n in range(8)]
    campaigns.has(*photos)
    campaigns.folder.put("notes.txt", "for us")
    campaigns.folder.put("_backdrop.json.bak", "old")
    before = campaigns.billed()
    execution = campaigns.begins()
    assert campaigns.ends(execution)["status"] == "SUCCEEDED"
    report, rows = campaigns.reported(execution), campaigns.rows()
    assert (report["items"]["listed"], report["items"]["stored"], report["items"]["skipped"]) == (10, 8, 2)
    assert {name for name, row in rows.items() if row["end"] == "stored"} == {*photos}
    assert rows["notes.txt"]["end"] == "skipped"
    cost = Decimal(str(report["cost"]["usd"]))
    assert cost == len(photos) * PRICE == campaigns.billed() - before == campaigns.in_receipts()
    assert sum(Decimal(row["usd"]) for row in rows.values()) == cost
    [told] = campaigns.told(execution)
    assert (told["status"], told["items"], told["cost"]) == ("succeeded", report["items"], report["cost"])
    assert campaigns.folder.pictures("0.jpg") == ["0.png"]
    again = campaigns.runs()
    assert (again["items"]["stored"], again["bought"]["usd"], again["cost"]["usd"]) == (8, 0, float(cost))
    assert campaigns.billed() - before == cost


def test_a_photos_own_sidecar_speaks_where_the_campaign_says_nothing(campaigns: Campaigns) -> None:
    campaigns.folder.drop("cut.jpg", {"operation": "remove"})
    campaigns.folder.stored("cut.jpg")
    before = campaigns.billed()
    report = campaigns.runs(instructions={})
    assert (report["items"]["stored"], report["items"]["skipped"], report["bought"]["usd"]) == (1, 1, 0)
    assert campaigns.billed() == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_manifests_rows_are_asked_and_each_slip_in_it_is_told(campaigns: Campaigns, kind: str) -> None:
    folder = campaigns.folder
    campaigns.has("a.jpg", "b.jpg", "c.jpg")
    rows: list[dict[str, object]] = [
        {"key": folder.key("a.jpg")},
        {"key": folder.key("a.jpg")},
        {"key": folder.key("b.jpg"), "prompt": folder.prompt, "rendering_speed": "TURBO"},
        {"key": folder.key("c.jpg"), "num_images": "many"},
        {"key": folder.key("gone.jpg")},
        {"prompt": "of nothing"},
    ]
    folder.put(f"list.{kind}", _csv(rows) if kind == "csv" else "\n".join(map(json.dumps, rows)) + "\n{oops")
    report, told = campaigns.runs(manifest=folder.key(f"list.{kind}")), campaigns.rows()
    assert report["items"]["listed"] == report["items"]["asked"] == 5
    assert report["repeats"] == 1
    assert {name: row["code"] for name, row in told.items()} == {
        "a.jpg": "",
        "b.jpg": "",
        "c.jpg": "invalid_value",
        "gone.jpg": "photo_not_found",
    }
    assert report["bad_rows"]["count"] == (1 if kind == "csv" else 2)
    assert report["cost"] == {"usd": 0.04, "unknown_usd": 0}
    assert {one["code"]: one["items"] for one in report["failures"]} == {"invalid_value": 1, "photo_not_found": 1}


def _csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["key", "prompt", "rendering_speed", "num_images"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def test_a_campaign_that_may_cost_more_than_it_is_allowed_buys_nothing(campaigns: Campaigns) -> None:
    campaigns.has("a.jpg", "b.jpg", "c.jpg")
    before = campaigns.billed()
    execution = campaigns.begins(max_total_usd=0.02)
    found = campaigns.ends(execution)
    assert (found["status"], found["error"]) == ("FAILED", "max_total_exceeded")
    assert "$0.03" in found["cause"]
    report = campaigns.reported(execution)
    assert (report["status"], report["items"]["asked"], report["cost"]["usd"]) == ("refused", 0, 0)
    assert campaigns.billed() == before
    assert campaigns.runs(max_total_usd=0.03)["bought"]["usd"] == 0.03
    assert campaigns.billed() - before == 3 * PRICE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"manifest": "nowhere.csv"}, "nowhere.csv"),
        ({"instructions": {"promt": "x"}}, "promt"),
        ({"max_total_usd": "much"}, "max_total_usd"),
    ],
)
def test_a_campaign_that_cannot_be_begun_says_why_and_buys_nothing(
    campaigns: Campaigns, given: dict[str, Any], words: str
) -> None:
    found = campaigns.ends(campaigns.begins(**given))
    assert (found["status"], found["error"]) == ("FAILED", "campaign_refused")
    assert words in found["cause"]


def test_more_failures_than_it_tolerates_fail_the_execution_and_what_was_bought_is_there(campaigns: Campaigns) -> None:
    campaigns.has("a.jpg")
    campaigns.folder.put("no.jpg", "no picture")
    execution = campaigns.begins(tolerated_failure_percent=40)
    found = campaigns.ends(execution)
    assert (found["status"], found["error"]) == ("FAILED", "too_many_failures")
    report = campaigns.reported(execution)
    assert (report["items"]["stored"], report["items"]["refused"]) == (1, 1)
    assert campaigns.folder.pictures("a.jpg") == ["a.png"]
    eventually(lambda: campaigns.told(execution), "the event")
    time.sleep(3)
    assert [one["status"] for one in campaigns.told(execution)] == ["failed"]


def test_stopped_half_way_it_buys_no_more_than_what_was_in_flight_and_reports(campaigns: Campaigns) -> None:
    shop = campaigns.shop
    campaigns.has(*(f"{n}.jpg" for n in range(30)))
    before, billed = accepted(shop), campaigns.billed()
    hold(shop, limit=4)
    with shop.in_flight_limit(2):
        execution = campaigns.begins()
        eventually(lambda: accepted(shop, before) == 2, "two calls in flight")
        campaigns.types("campaign", "stop", campaigns.folder.name, "--yes")
        assert campaigns.look(execution)["status"] == "ABORTED"
        # What render was told of the execution before it was stopped holds for so long.
        time.sleep(STATUS_CACHE_DURATION.total_seconds())
        let_go(shop, latency=0.1)
        report = campaigns.reported(execution)
    assert (report["status"], report["items"]["open"]) == ("stopped", 0)
    assert 2 <= report["items"]["stored"] <= 4
    assert report["items"]["stored"] + report["items"]["cancelled"] == report["items"]["asked"]
    assert Decimal(str(report["cost"]["usd"])) == campaigns.billed() - billed == report["items"]["stored"] * PRICE
    eventually(lambda: len(campaigns.told(execution)) == 1, "one event")
    assert campaigns.runs()["items"]["stored"] == 30
    assert campaigns.billed() - billed == 30 * PRICE


def test_the_verbs_of_campaigns_as_somebody_types_them(campaigns: Campaigns) -> None:
    folder = campaigns.folder
    campaigns.has("a.jpg", "b.jpg")
    prefix, wish = folder.key(""), ("--prompt", folder.prompt)
    quoted = json.loads(campaigns.types("campaign", "quote", prefix, *wish, "--json"))
    assert (quoted["photos"], quoted["jobs"], quoted["most_usd"]) == (2, 2, 0.12)
    assert "nothing was started" in campaigns.types("campaign", "run", prefix, *wish, "--max-total", "0.1", code=1)
    said = campaigns.types("campaign", "run", prefix, *wish, "--wait")
    assert re.search(r"2 +delivered\nCost: \$0\.12\.\nReport: s3:", said)
    assert folder.name in campaigns.types("campaign", "status")
    shown = json.loads(campaigns.types("campaign", "status", folder.name, "--json"))
    assert (shown["status"], shown["stored"], shown["bought_usd"]) == ("succeeded", 2, 0.12)
    assert "no campaign named" in campaigns.types("campaign", "stop", folder.name, "--yes", code=1)


def test_a_drop_of_a_manifest_or_of_a_prefix_in_the_bucket_is_a_campaign(campaigns: Campaigns) -> None:
    folder = campaigns.folder
    campaigns.has("a.jpg", "b.jpg")
    (campaigns.here / "list.csv").write_text(f'key,prompt\n{folder.key("a.jpg")},"{folder.prompt}"\n')
    said = campaigns.types("drop", "list.csv", "--wait")
    assert re.search(r"1 +delivered\nCost: \$0\.06\.", said)
    where = f"s3://{campaigns.shop.photos}/{folder.key('')}"
    said = campaigns.types("drop", where, "--prompt", folder.prompt, "--wait")
    assert re.search(r"2 +delivered\nCost: \$0\.06\.", said)
