"""Campaigns are quoted, requested through the lane, stopped, and reported, and each photo is paid for once."""

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
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.test_throttling import hold_calls, last_accepted_call, release_calls

REMOVE = {"operation": "remove"}
PRICE = Decimal("0.01")


class Campaigns:
    """Executions of the state machine for one test's folder."""

    def __init__(self, folder: Folder, here: Path) -> None:
        self.folder, self.stack, self.here = folder, folder.stack, here
        self.states = folder.stack.clients.stepfunctions

    def upload(self, *names: str) -> None:
        """Uploads photos without instructions."""
        for name in names:
            self.folder.drop(name)

    def start(self, name: str = "", **overrides: Any) -> str:
        """Starts a campaign for the whole folder, or as `overrides` specifies, and returns its execution."""
        source = {} if "manifest" in overrides else {"prefix": self.folder.key("")}
        campaign = {"name": name or self.folder.name, **source, "instructions": REMOVE, **overrides}
        machine = self.stack.outputs["CampaignStateMachineArn"]
        return self.states.start_execution(stateMachineArn=machine, input=json.dumps(campaign))["executionArn"]

    def describe(self, execution: str) -> dict[str, Any]:
        return dict(self.states.describe_execution(executionArn=execution))

    def wait_for_end(self, execution: str) -> dict[str, Any]:
        """Returns the execution as soon as it has ended."""

        def over() -> dict[str, Any] | None:
            description = self.describe(execution)
            return None if description["status"] == "RUNNING" else description

        return eventually(over, "the campaign is over", lambda: self.report())

    def run(self, **overrides: Any) -> dict[str, Any]:
        """Runs a campaign, checks that it succeeds, and returns its report."""
        execution = self.start(**overrides)
        description = self.wait_for_end(execution)
        assert description["status"] == "SUCCEEDED", description
        return self.wait_for_report(execution)

    def report(self, name: str = "") -> dict[str, Any] | None:
        try:
            return self.stack.read_json(f"_backdrop/campaigns/{name or self.folder.name}/report.json")
        except self.stack.clients.s3.exceptions.NoSuchKey:
            return None

    def wait_for_report(self, execution: str) -> dict[str, Any]:
        """Returns the report as soon as it is about this execution."""

        def poll() -> dict[str, Any] | None:
            report = self.report()
            return report if report and report["execution"] == execution else None

        return eventually(poll, "the report", self.report)

    def csv_rows(self) -> dict[str, dict[str, str]]:
        """Returns the rows of the CSV report by the photos' names. If a key occurs twice, its last row counts."""
        key = f"_backdrop/campaigns/{self.folder.name}/report.csv"
        text = self.stack.clients.s3.get_object(Bucket=self.stack.output_bucket, Key=key)["Body"].read().decode()
        return {row["key"].removeprefix(self.folder.key("")): row for row in csv.DictReader(io.StringIO(text))}

    def events(self, execution: str) -> list[dict[str, Any]]:
        """Returns the details of the events about the execution's end."""
        recorded = self.stack.event_recorder.read_all()
        details = [event["detail"] for event in recorded if event["detail-type"] == "Campaign Completed"]
        return [detail for detail in details if detail["execution"] == execution]

    def total_billed(self) -> Decimal:
        return Decimal(self.stack.standin.total_usd())

    def total_in_receipts(self) -> Decimal:
        """Returns the total cost of the folder's receipts."""
        ours = [
            receipt
            for receipt in self.stack.read_receipts()
            if receipt["source"]["key"].startswith(self.folder.key(""))
        ]
        return sum((Decimal(str(receipt["total_usd"])) for receipt in ours), Decimal(0))

    def run_command(self, *words: str, code: int = 0) -> str:
        """Runs a `backdrop` command, checks its exit code, and returns its output."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BACKDROP_"))}
        completed = subprocess.run(
            [str(ROOT / ".venv" / "bin" / "backdrop"), *words],
            capture_output=True,
            text=True,
            env={**inherited, "BACKDROP_HOME": str(self.stack.cloud.home.path)},
            cwd=self.here,
            stdin=subprocess.DEVNULL,
        )
        assert completed.returncode == code, completed.stdout + completed.stderr
        assert "Traceback" not in completed.stderr
        return completed.stdout + completed.stderr


@pytest.fixture
def campaigns(folder: Folder, tmp_path: Path) -> Campaigns:
    return Campaigns(folder, tmp_path)


def test_prefix_is_bought_once_and_report_matches_the_bill(campaigns: Campaigns) -> None:
    photos = [f"{n}.jpg" for n in range(3)]
    campaigns.upload(*photos)
    campaigns.folder.put("notes.txt", "for us")
    campaigns.folder.put("_backdrop.json.bak", "old")
    before = campaigns.total_billed()
    execution = campaigns.start()
    assert campaigns.wait_for_end(execution)["status"] == "SUCCEEDED"
    report, csv_rows = campaigns.wait_for_report(execution), campaigns.csv_rows()
    assert (report["items"]["listed"], report["items"]["stored"], report["items"]["skipped"]) == (5, 3, 2)
    assert {name for name, row in csv_rows.items() if row["end"] == "stored"} == {*photos}
    assert csv_rows["notes.txt"]["end"] == "skipped"
    cost = Decimal(str(report["cost"]["usd"]))
    assert cost == len(photos) * PRICE == campaigns.total_billed() - before == campaigns.total_in_receipts()
    assert sum(Decimal(row["usd"]) for row in csv_rows.values()) == cost
    [event] = campaigns.events(execution)
    assert (event["status"], event["items"], event["cost"]) == ("succeeded", report["items"], report["cost"])
    assert campaigns.folder.pictures("0.jpg") == ["0.png"]
    again = campaigns.run()
    assert (again["items"]["stored"], again["bought"]["usd"], again["cost"]["usd"]) == (3, 0, float(cost))
    assert campaigns.total_billed() - before == cost


def test_manifest_rows_are_requested_and_bad_rows_are_reported(campaigns: Campaigns) -> None:
    folder = campaigns.folder
    campaigns.upload("a.jpg", "b.jpg", "c.jpg")
    csv_rows: list[dict[str, object]] = [
        {"key": folder.key("a.jpg")},
        {"key": folder.key("a.jpg")},
        {
            "key": folder.key("b.jpg"),
            "prompt": "{words}",
            "rendering_speed": "TURBO",
            "metadata.words": folder.prompt,
        },
        {"key": folder.key("c.jpg"), "num_images": "many"},
        {"key": folder.key("gone.jpg")},
        {"prompt": "of nothing"},
    ]
    folder.put("list.csv", _csv(csv_rows))
    report, report_rows = campaigns.run(manifest=folder.key("list.csv")), campaigns.csv_rows()
    assert report["items"]["listed"] == report["items"]["asked"] == 5
    assert report["repeats"] == 1
    assert {name: row["code"] for name, row in report_rows.items()} == {
        "a.jpg": "",
        "b.jpg": "",
        "c.jpg": "invalid_value",
        "gone.jpg": "photo_not_found",
    }
    assert report["bad_rows"]["count"] == 1
    assert report["cost"] == {"usd": 0.04, "unknown_usd": 0}
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"], "the column fills the prompt"
    assert {failure["code"]: failure["items"] for failure in report["failures"]} == {
        "invalid_value": 1,
        "photo_not_found": 1,
    }


def _csv(csv_rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["key", "prompt", "rendering_speed", "num_images", "metadata.words"])
    writer.writeheader()
    writer.writerows(csv_rows)
    return text.getvalue()


def test_campaign_above_its_cost_limit_buys_nothing(campaigns: Campaigns) -> None:
    campaigns.upload("a.jpg", "b.jpg", "c.jpg")
    before = campaigns.total_billed()
    execution = campaigns.start(max_total_usd=0.02)
    execution_end = campaigns.wait_for_end(execution)
    assert (execution_end["status"], execution_end["error"]) == ("FAILED", "max_total_exceeded")
    assert "$0.03" in execution_end["cause"]
    report = campaigns.wait_for_report(execution)
    assert (report["status"], report["items"]["asked"], report["cost"]["usd"]) == ("refused", 0, 0)
    assert campaigns.total_billed() == before
    assert campaigns.run(max_total_usd=0.03)["bought"]["usd"] == 0.03
    assert campaigns.total_billed() - before == 3 * PRICE


def test_too_many_failures_fail_the_execution_and_keep_pictures(campaigns: Campaigns) -> None:
    campaigns.upload("a.jpg")
    campaigns.folder.put("no.jpg", "no picture")
    execution = campaigns.start(tolerated_failure_percent=40)
    execution_end = campaigns.wait_for_end(execution)
    assert (execution_end["status"], execution_end["error"]) == ("FAILED", "too_many_failures")
    report = campaigns.wait_for_report(execution)
    assert (report["items"]["stored"], report["items"]["refused"]) == (1, 1)
    assert campaigns.folder.pictures("a.jpg") == ["a.png"]
    eventually(lambda: campaigns.events(execution), "the event")
    time.sleep(3)
    assert [event["status"] for event in campaigns.events(execution)] == ["failed"]


def test_stopped_campaign_buys_only_calls_in_flight_and_reports(campaigns: Campaigns) -> None:
    stack = campaigns.stack
    campaigns.upload(*(f"{n}.jpg" for n in range(8)))
    before, total_billed = last_accepted_call(stack), campaigns.total_billed()
    hold_calls(stack, limit=4)
    with stack.limit_lane(2):
        execution = campaigns.start()
        eventually(lambda: last_accepted_call(stack, before) == 2, "two calls in flight")
        campaigns.run_command("campaign", "stop", campaigns.folder.name, "--yes")
        assert campaigns.describe(execution)["status"] == "ABORTED"
        # For this long, render may use the cached status from before the execution was stopped.
        time.sleep(STATUS_CACHE_DURATION.total_seconds())
        release_calls(stack, latency=0.1)
        report = campaigns.wait_for_report(execution)
    assert (report["status"], report["items"]["open"]) == ("stopped", 0)
    assert 2 <= report["items"]["stored"] <= 4
    assert report["items"]["stored"] + report["items"]["cancelled"] == report["items"]["asked"]
    assert (
        Decimal(str(report["cost"]["usd"]))
        == campaigns.total_billed() - total_billed
        == report["items"]["stored"] * PRICE
    )
    eventually(lambda: len(campaigns.events(execution)) == 1, "one event")
    assert campaigns.run()["items"]["stored"] == 8
    assert campaigns.total_billed() - total_billed == 8 * PRICE


def test_drop_of_a_manifest_runs_a_campaign(campaigns: Campaigns) -> None:
    folder = campaigns.folder
    campaigns.upload("a.jpg")
    (campaigns.here / "list.csv").write_text(f'key,prompt\n{folder.key("a.jpg")},"{folder.prompt}"\n')
    output = campaigns.run_command("drop", "list.csv", "--wait")
    assert re.search(r"1 +delivered\nCost: \$0\.06\.", output)
