"""The money metrics add up to what the ledger contains, whatever faults occur."""

import json
from collections import Counter

import pytest

from backdrop.aws.metrics import count_budget_change
from backdrop.model.codes import Code
from backdrop.model.job import Attempt, AttemptOutcome
from backdrop.model.provider_result import RetryClass
from backdrop.model.transitions import BudgetChange, Transition
from simulation.world.simulated_provider import (
    CallBehavior,
    ProviderKind,
    build_charged_hang_up,
    build_refusal,
    build_uncharged_hang_up,
)
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response
from tests.simulated.simulated_days import pass_time
from tests.simulated.stage_worlds import PRICE, find_only_job, world_with_photo
from tests.unit.ledger_items import build_attempt, build_job

MICRO = 1_000_000
AWAY = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)
FAILS = build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)
FAULTS = {
    "good": [],
    "throttled": [AWAY, AWAY],
    "refused": [FAILS],
    "withheld": [CallBehavior(unsafe_count=1)],
    "lost": [build_charged_hang_up()],
    "lost, then throttled": [build_charged_hang_up(), AWAY],
    "lost, then refused": [build_uncharged_hang_up(), FAILS],
    "lost twice": [build_charged_hang_up(), build_uncharged_hang_up()],
    "worker died": [CallBehavior(kills_worker=True)],
}


@pytest.fixture(autouse=True)
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "shop")


def count_written(world: World, capsys: pytest.CaptureFixture[str]) -> Counter[str]:
    """Returns the metrics of everything that the ledger wrote."""
    capsys.readouterr()
    for step in world.transitions:
        count_budget_change(step)
    sums: Counter[str] = Counter()
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        assert (line["provider"], line["operation"]) == ("ideogram", "remove")
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            sums[metric["Name"]] += sum(line[metric["Name"]])
    return sums


@pytest.mark.parametrize("kind", ProviderKind)
@pytest.mark.parametrize("faults", FAULTS)
def test_sum_of_the_counts_matches_the_ledger(
    faults: str, kind: ProviderKind, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_with_photo(kind=kind)
    world.provider.script.extend(FAULTS[faults])
    pass_time(world, 3600)
    day = world.steps.ledger_queries.read_budget_day(world.clock.time.date().isoformat())
    sums = count_written(world, capsys)
    assert round(sums["SpentUSD"] * MICRO) == day.confirmed == find_only_job(world).charged
    assert round(sums["UnknownUSD"] * MICRO) == day.unknown == find_only_job(world).unknown


def test_write_with_a_lost_response_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    world = world_with_photo()
    gone = TargetedFault(lose_response, "transact_write_items", nth=3)
    world.transport.faults_after.append(gone)
    pass_time(world, 3600)
    assert gone.hit_count
    assert count_written(world, capsys)["SpentUSD"] == PRICE / MICRO


@pytest.mark.parametrize(("faults", "lost"), [("good", 0), ("throttled", 0), ("lost", 1), ("lost twice", 2)])
def test_each_lost_answer_is_counted_once(faults: str, lost: int, capsys: pytest.CaptureFixture[str]) -> None:
    world = world_with_photo()
    world.provider.script.extend(FAULTS[faults])
    pass_time(world, 3600)
    assert sum(attempt.outcome is AttemptOutcome.LOST for attempt in find_only_job(world).attempts) == lost
    assert count_written(world, capsys)["LostAnswers"] == lost


def test_answer_that_crashed_with_its_worker_counts_as_lost(capsys: pytest.CaptureFixture[str]) -> None:
    world = world_with_photo()
    world.provider.script.extend(FAULTS["worker died"])
    pass_time(world, 3600)
    assert count_written(world, capsys)["LostAnswers"] == 1


@pytest.mark.parametrize("faults", ["lost", "lost, then throttled", "lost twice", "worker died"])
def test_call_next_to_a_lost_one_may_double_charge(faults: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = world_with_photo()
    world.provider.script.extend(FAULTS[faults])
    pass_time(world, 3600)
    assert count_written(world, capsys)["PossibleDoubleCharges"] == 1


@pytest.mark.parametrize("faults", ["good", "throttled", "refused", "withheld", "lost, then refused"])
def test_single_possible_charge_is_not_a_possible_double_charge(
    faults: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_with_photo()
    world.provider.script.extend(FAULTS[faults])
    pass_time(world, 3600)
    assert count_written(world, capsys)["PossibleDoubleCharges"] == 0


@pytest.mark.parametrize("faults", FAULTS)
def test_provider_that_knows_our_id_cannot_charge_twice(faults: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = world_with_photo(kind=ProviderKind.LOOKUP_BY_OUR_ID)
    world.provider.script.extend(FAULTS[faults])
    pass_time(world, 3600)
    assert count_written(world, capsys)["PossibleDoubleCharges"] == 0


# -- derived from a single write ----------------------------------------------------------------------------------

TODAY = "2026-11-20"
LOST = build_attempt(charged=0, unknown=PRICE, outcome=AttemptOutcome.LOST)
CHARGED = build_attempt(n=2, charged=PRICE)


def count_change(booking: BudgetChange, capsys: pytest.CaptureFixture[str], *calls: Attempt) -> set[str]:
    """Returns the metrics that one write adds to."""
    count_budget_change(Transition(build_job(attempts=calls), booking))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def test_rejected_resend_is_not_counted_as_another_lost_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    still_lost = BudgetChange(TODAY, "ideogram", reserved=-PRICE, unknown=PRICE)
    assert count_change(still_lost, capsys, LOST) == {"UnknownUSD"}


def test_write_without_money_counts_and_logs_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    count_budget_change(Transition(build_job()))
    assert (capsys.readouterr().out, caplog.messages) == ("", [])


@pytest.mark.parametrize(
    ("booking", "counted"),
    [
        pytest.param(BudgetChange(TODAY, "ideogram", reserved=PRICE), set[str](), id="a claim"),
        pytest.param(BudgetChange(TODAY, "ideogram", reserved=-PRICE), set[str](), id="not taken"),
        pytest.param(
            BudgetChange(TODAY, "ideogram", confirmed=PRICE, unknown=-PRICE),
            {"SpentUSD", "UnknownUSD"},
            id="late answer",
        ),
    ],
)
def test_double_charge_is_counted_only_by_the_second_settlement(
    booking: BudgetChange, counted: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert count_change(booking, capsys, LOST, CHARGED) == counted
