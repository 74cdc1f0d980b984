"""A stack with Ideogram v2: the daily price check, which only v2 has, and pictures, also after a worker was killed."""

import csv
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import STACK
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.test_crashes import expire_lease, wait_for_accepted_job
from tests.e2e.test_operating import Operator

FUNCTION = f"{STACK}-price-check"
PRICES = {"remove": 0.01, "TURBO": 0.03, "DEFAULT": 0.06, "QUALITY": 0.09}
REPLACE_V2 = "/v2/image/replace-background/ideogram-3"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[DeployedStack]:
    """A separate cloud with a stack that calls v2."""
    with (
        running_cloud(tmp_path_factory, {**PARAMETERS, "IdeogramEndpoint": "v2"}) as cloud,
        StandinClient(cloud.standin_url) as standin,
    ):
        created = DeployedStack(cloud, standin)
        yield created
        created.check_logs()


@pytest.fixture(scope="module")
def operator(stack: DeployedStack) -> Operator:
    return Operator(stack)


# -- the price check, before any picture is bought -----------------------------------------------------------------


def run_as_scheduled(operator: Operator) -> dict[str, Any]:
    """Invokes the function as EventBridge does, and returns its report."""
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    response = operator.stack.clients.functions.invoke(FunctionName=FUNCTION, Payload=json.dumps(event).encode())
    assert "FunctionError" not in response
    return json.loads(response["Payload"].read())


def list_prices(report: dict[str, Any]) -> dict[str, float | None]:
    return {price["rendering_speed"] or price["operation"]: price["quoted_usd"] for price in report["prices"]}


def test_prices_are_compared_free(stack: DeployedStack, operator: Operator) -> None:
    report = run_as_scheduled(operator)
    assert (list_prices(report), report["differences"], report["problems"]) == (PRICES, [], [])
    assert stack.standin.jobs() == []
    assert operator.read_json("status")["price_check"]["differences"] == []


def test_generation_instead_of_a_quote_is_recorded_and_stops_the_check(
    stack: DeployedStack, operator: Operator, tmp_path: Path
) -> None:
    standin = stack.standin
    standin.control("settings", {"ideogram_dry_run": "generates"})
    report = run_as_scheduled(operator)
    (bought,) = standin.jobs()
    assert bought["id"] in report["stop"]
    assert (standin.total_usd(), report["unknown_usd"]) == ("0.01", 0.01)
    run_as_scheduled(operator)
    assert "check-prices --resume" in operator.run("check-prices", code=1)
    assert len(standin.jobs()) == 1, "nothing is bought until a person resumes the check"
    total = operator.read_json("spend")["total"]
    assert total == {"paid_calls": 1, "usd": 0.0, "unknown_usd": 0.01}
    status = operator.read_json("status")
    assert status["today"]["unknown_usd"] == 0.01
    month, path = status["today"]["day"][:7], tmp_path / "statement.csv"
    operator.run("statement", month, "--csv", str(path))
    (row,) = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    assert (row["x_JobId"], row["x_UnknownCost"], row["x_ProviderRequestId"]) == ("price-check", "0.01", bought["id"])
    standin.control("settings", {"ideogram_dry_run": "exact"})
    assert "Ideogram's prices are those of the price list" in operator.run("check-prices", "--resume")
    assert operator.read_json("spend")["total"] == total, "the charge stays"


# -- pictures ------------------------------------------------------------------------------------------------------


def test_replacement_is_sent_to_v2(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    (attempt,) = job["attempts"]
    assert (attempt["endpoint"], attempt["outcome"], bool(attempt["provider_id"])) == (REPLACE_V2, "answered", True)
    assert job["cost"] == {"usd": 0.03, "basis": "reported", "unknown_usd": 0}
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_acknowledged_generation_survives_a_killed_worker(folder: Folder) -> None:
    """Another message stands for the redelivery after the visibility timeout, which test_runbooks.py waits for."""
    stack = folder.stack
    folder.add_fault("poll_stuck", route="v2/generations", times=3)
    folder.drop("red.jpg", folder.instructions)
    job_id = wait_for_accepted_job(folder)
    eventually(
        lambda: [one for one in stack.standin.see("requests")["requests"] if "/v2/generations/" in one["path"]],
        "the generation is polled",
    )
    stack.kill_render_workers()
    expire_lease(folder, job_id)
    stack.send("IdeogramQueueUrl", folder.message(job_id))
    job = folder.wait_until_stored("red.jpg")
    assert [(one["endpoint"], one["outcome"], one["money"]) for one in job["attempts"]] == [
        (REPLACE_V2, "answered", "spent")
    ]
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]
