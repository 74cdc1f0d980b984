"""Lost answers are settled by Ideogram's usage records: what the ledger, the receipts, and the commands show.

Hours pass by aging what is stored: the stand-in shows its charges, and the ledger its calls and its reads of the
records, as older than they are. The product's rules for when an hour is final stay as they are.
"""

import json
from collections.abc import Generator
from datetime import datetime, timedelta
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
    """A separate cloud, of which the records contain nothing else. At the end, bill and receipts must agree."""
    parameters = {**PARAMETERS, "IdeogramKeyIds": derive_key_id(KEY), "OnLostAnswer": "hold"}
    with running_cloud(tmp_path_factory, parameters) as cloud, StandinClient(cloud.standin_url) as standin:
        created = DeployedStack(cloud, standin)
        created.clients.secrets.create_secret(Name=ADMIN_KEY_SECRET, SecretString=KEY)
        yield created
        created.check_charges()


@pytest.fixture(scope="module")
def operator(stack: DeployedStack) -> Operator:
    return Operator(stack)


def lose_answers(folder: Folder) -> None:
    """Buys one photo, and loses the answers to two calls: one was charged, and the other, at another price, was not."""
    with folder.stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS=SHORT_TIMEOUT):
        folder.drop("paid.jpg", folder.instructions)
        folder.wait_until_stored("paid.jpg")
        folder.add_fault("accept_then_drop", times=1)
        folder.drop("charged.jpg", folder.instructions)
        folder.wait_for_status("charged.jpg", "held")
        folder.add_fault("status", {"code": 500}, times=1)
        folder.drop("free.jpg", {**folder.instructions, "rendering_speed": "QUALITY"})
        folder.wait_for_status("free.jpg", "held")
    folder.wait_until_queues_empty()


def wait_for_settlement(folder: Folder, name: str, result: str) -> dict[str, Any]:
    """Returns the photo's job as soon as its receipt shows how its only call was settled."""

    def poll() -> dict[str, Any] | None:
        job = folder.job(name)
        return job if job and job["attempts"][0]["settlement"] == result else None

    return eventually(poll, f"{name} is settled as {result}", lambda: folder.receipt(name))


def find_check(operator: Operator, name: str) -> list[dict[str, Any]]:
    """Returns what `doctor` says about the usage records."""
    report = json.loads(operator.run("doctor", "--json", code=1))
    return [check for check in report["checks"] if check["name"] == name]


def test_key_that_is_not_an_admin_key_is_explained(stack: DeployedStack, operator: Operator) -> None:
    stack.clients.secrets.put_secret_value(SecretId=ADMIN_KEY_SECRET, SecretString="key-of-a-designer")
    try:
        assert "is not an admin key" in operator.run("reconcile-bill", code=1)
        assert "is not an admin key" in operator.run("doctor", code=1)
    finally:
        stack.clients.secrets.put_secret_value(SecretId=ADMIN_KEY_SECRET, SecretString=KEY)


def test_lost_calls_are_settled_and_corrected(stack: DeployedStack, folder: Folder, operator: Operator) -> None:
    lose_answers(folder)
    aging = AgingStack(stack)
    aging.age_calls(folder)
    assert operator.read_json("reconcile-bill")["settled"] == []

    aging.age_reads()
    report = operator.read_json("reconcile-bill")
    assert {one["key"]: one["result"] for one in report["settled"]} == {
        folder.key("charged.jpg"): "charged",
        folder.key("free.jpg"): "not_charged",
    }
    charged = wait_for_settlement(folder, "charged.jpg", "charged")
    free = wait_for_settlement(folder, "free.jpg", "not_charged")
    assert [(one["status"], one["cost"]["usd"], one["cost"]["unknown_usd"]) for one in (charged, free)] == [
        ("held", 0.03, 0),
        ("held", 0, 0),
    ]
    print("FAIL", operator.run("failures"))
    print("FAILJ", operator.run("failures", "--json"))
    print("SHOW", operator.run("show", folder.key("charged.jpg")))
    print("SHOW", operator.run("show", folder.key("free.jpg")))
    print("SPEND", operator.run("spend"))
    print("STMT", operator.run("statement", f"{datetime.now():%Y-%m}", "--json"))
    print("DOC", operator.run("doctor"))
