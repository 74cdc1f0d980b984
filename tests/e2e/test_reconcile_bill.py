"""Lost answers are settled by Ideogram's usage records: what the ledger, the receipts, and the commands show.

Hours pass by aging what is stored: the stand-in shows its charges, and the ledger its calls and its reads of the
records, as older than they are. The product's rules for when an hour is final stay as they are.
"""

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import STACK
from backdrop_local.standin.ideogram_usage import derive_key_id
from tests.contract.standin_client import KEY, StandinClient
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.test_operating import Operator

ADMIN_KEY_SECRET = f"{STACK}/ideogram/admin-key"
# With BillFinalMinutes=60, every hour of a call this old is final, even if the call may be billed in the next one.
CALL_AGE = timedelta(hours=5)
# Two reads of the records must be half an hour apart.
READ_AGE = timedelta(minutes=31)
SHORT_TIMEOUT = "3"


class AgingStack:
    """The ledger and the stand-in of a stack, whose contents can be made older."""

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self.table = stack.outputs["LedgerTableName"]

    def age_calls(self, folder: Folder) -> None:
        """Makes the calls of a folder's jobs five hours old, in the ledger and in the usage records."""
        for item in folder.ledger():
            job = json.loads(item["body"]["S"])
            for attempt in job.get("attempts", ()):
                attempt |= {name: _shift(attempt[name], CALL_AGE) for name in ("submitted_at", "lease_until")}
            self._put_body(item, job)
        self.stack.standin.control(
            "settings", {"usage_lag_seconds": 0, "usage_age_seconds": int(CALL_AGE.total_seconds())}
        )

    def age_reads(self) -> None:
        """Makes the stored reads of the records half an hour older."""
        for item in self._scan("usage#"):
            day = json.loads(item["body"]["S"])
            for hour in day["hours"]:
                hour |= {name: _shift(hour[name], READ_AGE) for name in ("unchanged_since", "last_read_at")}
            self._put_body(item, day)

    def _scan(self, prefix: str) -> list[dict[str, Any]]:
        pages = self.stack.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression="begins_with(pk, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def _put_body(self, item: dict[str, Any], body: dict[str, Any]) -> None:
        self.stack.clients.dynamodb.update_item(
            TableName=self.table,
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="SET body = :body",
            # The product finds the calls of a day in the text.
            ExpressionAttributeValues={":body": {"S": json.dumps(body, separators=(",", ":"))}},
        )


def _shift(moment: str, age: timedelta) -> str:
    return (datetime.fromisoformat(moment) - age).isoformat()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[DeployedStack]:
    """A separate cloud, so that the records contain nothing else. At the end, bill and receipts must agree."""
    parameters = {**PARAMETERS, "IdeogramKeyIds": derive_key_id(KEY), "OnLostAnswer": "hold"}
    with running_cloud(tmp_path_factory, parameters) as cloud, StandinClient(cloud.standin_url) as standin:
        created = DeployedStack(cloud, standin)
        created.clients.secrets.create_secret(Name=ADMIN_KEY_SECRET, SecretString=KEY)
        disable_schedules(created)
        yield created
        created.check_charges()


def disable_schedules(stack: DeployedStack) -> None:
    """A run between two steps of the test would send again.jpg too early, or settle calls that the test settles."""
    resources = stack.clients.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
    rules = [one.get("PhysicalResourceId", "") for one in resources if one["ResourceType"] == "AWS::Events::Rule"]
    assert rules
    for rule in rules:
        stack.clients.events.disable_rule(Name=rule)


@pytest.fixture(scope="module")
def operator(stack: DeployedStack) -> Operator:
    return Operator(stack)


def lose_answers(folder: Folder) -> None:
    """Buys one photo, and loses three answers, each at another price: only the call for charged.jpg was charged.

    The job of again.jpg waits for the bill; the others are held at once.
    """
    override = folder.stack.override_environment
    with override("render", IDEOGRAM_TIMEOUT_SECONDS=SHORT_TIMEOUT):
        folder.drop("paid.jpg", folder.instructions)
        folder.wait_until_stored("paid.jpg")
        folder.add_fault("accept_then_drop", times=1)
        folder.drop("charged.jpg", folder.instructions)
        folder.wait_for_status("charged.jpg", "held")
        folder.add_fault("status", {"code": 500}, times=2)
        folder.drop("free.jpg", {**folder.instructions, "rendering_speed": "QUALITY"})
        folder.wait_for_status("free.jpg", "held")
    with override("render", IDEOGRAM_TIMEOUT_SECONDS=SHORT_TIMEOUT, ON_LOST_ANSWER="ask_the_bill"):
        folder.drop("again.jpg", {**folder.instructions, "rendering_speed": "DEFAULT"})
        eventually(lambda: waits_for_bill(folder, "again.jpg"), "again.jpg waits", lambda: folder.receipt("again.jpg"))
    folder.wait_until_queues_empty()


def waits_for_bill(folder: Folder, name: str) -> bool:
    """Whether the photo's job waits for the usage records, and its report says so."""
    job, report = folder.job(name), folder.report(name)
    hints = [entry["hint"] for entry in report["errors"]] if report else []
    return job is not None and job["status"] == "unknown" and any("usage records" in hint for hint in hints)


def wait_for_settlement(folder: Folder, name: str, result: str) -> dict[str, Any]:
    """Returns the photo's job as soon as its receipt shows how its first call was settled."""

    def poll() -> dict[str, Any] | None:
        job = folder.job(name)
        return job if job and job["attempts"][0]["settlement"] == result else None

    return eventually(poll, f"{name} is settled as {result}", lambda: folder.receipt(name))


def read_money(job: dict[str, Any]) -> tuple[str, float, float]:
    return job["status"], job["cost"]["usd"], job["cost"]["unknown_usd"]


def test_lost_calls_are_settled_sent_again_and_corrected(
    stack: DeployedStack, folder: Folder, operator: Operator, tmp_path: Path
) -> None:
    # Jobs wait for the bill only while it is read.
    assert operator.read_json("reconcile-bill")["settled"] == []
    lose_answers(folder)
    aging = AgingStack(stack)
    aging.age_calls(folder)
    assert operator.read_json("reconcile-bill")["settled"] == []

    aging.age_reads()
    report = operator.read_json("reconcile-bill")
    assert {one["key"]: one["result"] for one in report["settled"]} == {
        folder.key("charged.jpg"): "charged",
        folder.key("free.jpg"): "not_charged",
        folder.key("again.jpg"): "not_charged",
    }
    assert read_money(wait_for_settlement(folder, "charged.jpg", "charged")) == ("held", 0.03, 0)
    assert read_money(wait_for_settlement(folder, "free.jpg", "not_charged")) == ("held", 0, 0)
    check_commands(folder, operator, tmp_path)

    stack.run_reconcile()
    assert read_money(folder.wait_until_stored_again("again.jpg")) == ("stored", 0.06, 0)
    assert sorted(charge["usd"] for charge in folder.charges()) == ["0.03", "0.03", "0.06"]

    # The new call appears in an hour that was final, as if the first one had been charged after all.
    reopened = operator.read_json("reconcile-bill")
    assert folder.key("again.jpg") in {one["key"] for one in reopened["reopened"]}
    assert any(one["was_resent"] for one in reopened["corrections"])
    assert read_money(wait_for_settlement(folder, "again.jpg", "reopened")) == ("stored", 0.06, 0.06)
    assert "were corrected" in operator.run("doctor", code=1)
    assert [one["problem"] for one in operator.read_json("status")["usage_records"] if "corrected" in one["problem"]]


def check_commands(folder: Folder, operator: Operator, files: Path) -> None:
    """Checks what the commands show of a charged and an uncharged call."""
    failures = {one["key"]: one for one in operator.read_json("failures")["failures"]}
    money = {name: failures[folder.key(name)]["money"] for name in ("charged.jpg", "free.jpg")}
    assert money == {"charged.jpg": "spent", "free.jpg": "not_spent"}
    assert "the usage records show that it was charged" in operator.run("show", folder.key("charged.jpg"))
    assert "the usage records show that it was not charged" in operator.run("show", folder.key("free.jpg"))
    month = f"{datetime.now(UTC):%Y-%m}"
    outputs = "--csv", str(files / "statement.csv"), "--page", str(files / "statement.html")
    statement = operator.read_json("statement", month, *outputs)
    assert (statement["settled_charges"], statement["open_charges"]) == (3, 0)
    assert (statement["total"]["usd"], statement["total"]["unknown_usd"]) == (0.06, 0)
    assert "settled_not_charged" in (files / "statement.csv").read_text()
    assert "$0.06" in operator.run("spend")
