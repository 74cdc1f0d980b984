"""The daily price check in a deployed stack with Ideogram v2: quotes, a difference, and an unexpected generation."""

import csv
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.test_operating import Operator

FUNCTION = f"{STACK}-price-check"
PRICES = {"remove": 0.01, "TURBO": 0.03, "DEFAULT": 0.06, "QUALITY": 0.09}


@pytest.fixture(scope="module")
def v2_cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    with running_cloud(tmp_path_factory, {**PARAMETERS, "IdeogramEndpoint": "v2"}) as running:
        yield running


@pytest.fixture(scope="module")
def standin(v2_cloud: Cloud) -> Generator[StandinClient]:
    with StandinClient(v2_cloud.standin_url) as standin:
        yield standin


@pytest.fixture(scope="module")
def operator(v2_cloud: Cloud, standin: StandinClient) -> Operator:
    return Operator(DeployedStack(v2_cloud, standin))


def run_as_scheduled(operator: Operator) -> dict[str, Any]:
    """Invokes the function as EventBridge does, and returns its report."""
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    response = operator.stack.clients.functions.invoke(FunctionName=FUNCTION, Payload=json.dumps(event).encode())
    assert "FunctionError" not in response
    return json.loads(response["Payload"].read())


def list_prices(report: dict[str, Any]) -> dict[str, float | None]:
    return {price["rendering_speed"] or price["operation"]: price["quoted_usd"] for price in report["prices"]}


def test_function_exists_only_with_v2_and_runs_daily(v2_cloud: Cloud, stack: DeployedStack) -> None:
    def list_names(cloud: Cloud) -> set[str]:
        return {one.get("FunctionName", "") for one in cloud.clients.functions.list_functions()["Functions"]}

    assert FUNCTION in list_names(v2_cloud)
    assert FUNCTION not in list_names(stack.cloud)


def test_prices_are_compared_free(operator: Operator, standin: StandinClient) -> None:
    report = run_as_scheduled(operator)
    assert (list_prices(report), report["differences"], report["problems"]) == (PRICES, [], [])
    assert standin.jobs() == []
    assert operator.read_json("status")["price_check"]["differences"] == []


def test_difference_is_shown_and_pauses_nothing(operator: Operator, standin: StandinClient, tmp_path: Path) -> None:
    standin.control("settings", {"ideogram_quotes": {"QUALITY": 100_000}})
    report = run_as_scheduled(operator)
    standin.control("settings", {"ideogram_quotes": {}})
    assert [(one["rendering_speed"], one["quoted_usd"]) for one in report["differences"]] == [("QUALITY", 0.1)]
    assert "Ideogram quotes $0.10 an image for replace QUALITY" in operator.run("status")
    status = operator.read_json("status")
    assert [provider["state"] for provider in status["providers"] if provider["provider"] == "ideogram"] == ["running"]
    lines = operator.stack.read_metrics("price-check")
    assert [line["PriceCheckFindings"] for line in lines if "PriceCheckFindings" in line] == [[1.0]]
    assert operator.read_json("check-prices")["differences"] == [], "the next quote is right again"


def test_generation_instead_of_a_quote_is_recorded_and_stops_the_check(
    operator: Operator, standin: StandinClient, tmp_path: Path
) -> None:
    standin.control("settings", {"ideogram_dry_run": "generates"})
    report = run_as_scheduled(operator)
    (bought,) = standin.jobs()
    assert bought["id"] in report["stop"]
    assert (standin.total_usd(), report["unknown_usd"]) == ("0.01", 0.01)
    for _ in range(2):
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


def test_plan_without_private_generations_is_named_and_costs_nothing(
    operator: Operator, standin: StandinClient
) -> None:
    bought = len(standin.jobs())
    standin.control("settings", {"ideogram_private_plan": False})
    assert "402" in operator.run("check-prices", code=1)
    standin.control("settings", {"ideogram_private_plan": True})
    prices = operator.read_json("status")["price_check"]["prices"]
    assert [price["code"] for price in prices] == ["provider_plan_refuses", None, None, None]
    assert len(standin.jobs()) == bought
