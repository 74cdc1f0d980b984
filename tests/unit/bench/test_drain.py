"""A run's figures describe how its slots were used. A run that something else slowed down has no figures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop_local.standin.slots import NO_FREE_SLOTS
from bench.cpu_usage import CpuUsage
from bench.drain.figures import check_run, compute_figures
from bench.drain.harness import DrainRun
from bench.drain.log_metrics import LogMetrics, parse_log_metrics
from bench.drain.measurements import measure_scenario
from bench.drain.scenario import Scenario
from bench.drain.slot_losses import TimedCall, compute_losses
from bench.reliability import NoisyMachineError, UnreliableMeasurementError, check_spread
from bench.sample_photos import build_photo
from bench.standin_controller import StandinLog, parse_journal

SCENARIO = Scenario(photos=4, limit=2, seconds=1.0)


def build_call(began: float, upload: float = 0.0, own: float = 0.0) -> TimedCall:
    return TimedCall(began, began + upload, began + upload + 1.0 + own, 1.0)


def build_run(calls: Sequence[TimedCall] = (), **changes: Any) -> DrainRun:
    """Two slots, each with a pause of 0.1 s between its two calls. The run began at 10.0 and ended at 12.5."""
    created = calls or (build_call(10.1), build_call(10.2), build_call(11.2), build_call(11.3))
    facts: dict[str, Any] = {
        "scenario": SCENARIO,
        "began": 10.0,
        "uploaded": 10.3,
        "ended": 12.5,
        "standin_log": StandinLog(tuple(created), {}),
        "log_metrics": LogMetrics(4.4, 4.0, {"TotalSeconds": (1.0, 2.0, 3.0)}, (11.4, 12.5), {}, {}),
        "cpu_usage": CpuUsage({"render": 0.4, "bench": 0.1}, 0.5),
        "losses": compute_losses(created, SCENARIO, 10.0, 12.5),
        "unfinished": {"dead letter": 0},
    }
    return DrainRun(**{**facts, **changes})


def test_ideal_is_photos_times_seconds_divided_by_slots() -> None:
    assert Scenario(300, 10, 4).ideal_seconds == 120


def test_all_lost_slot_seconds_have_a_cause() -> None:
    calls = [build_call(10.1, upload=0.02, own=0.01), build_call(10.2), build_call(11.2), build_call(11.3)]
    lost = compute_losses(calls, SCENARIO, 10.0, 12.5)
    assert lost.before == pytest.approx(0.1 + 0.2)
    assert lost.between == pytest.approx(0.07 + 0.1)
    assert (lost.upload, lost.standin) == (pytest.approx(0.02), pytest.approx(0.01))
    assert lost.after == pytest.approx(0.3 + 0.2)
    together = lost.before + lost.between + lost.upload + lost.standin + lost.after
    assert together == pytest.approx(2 * 2.5 - 4 * 1.0)


def test_pauses_are_split_into_beginning_middle_and_end() -> None:
    one_slot = Scenario(photos=4, limit=1, seconds=1.0)
    calls = [build_call(0.0), build_call(1.1), build_call(2.3), build_call(3.6)]
    assert compute_losses(calls, one_slot, 0.0, 5.0).pauses == pytest.approx((0.1, 0.2, 0.3))


def test_run_that_never_filled_its_slots_is_refused() -> None:
    with pytest.raises(UnreliableMeasurementError, match="never filled"):
        compute_losses([build_call(1.0)], SCENARIO, 0.0, 3.0)


def test_efficiency_is_measured_from_upload_to_receipt_and_between_calls() -> None:
    found = compute_figures(build_run())
    assert found.efficiency == pytest.approx(2.0 / 2.5)
    assert found.calls_efficiency == pytest.approx(2.0 / 2.2)
    assert found.call_share == pytest.approx(4.0 / 4.4)
    assert found.first_result_seconds == pytest.approx(1.4)
    assert found.stages["TotalSeconds"].median == 2.0
    assert found.cpu_ms["render"] == pytest.approx(100)
    assert found.lost["before"] == pytest.approx(0.3 / 4)


# -- the functions' metrics --------------------------------------------------------------------------------------


def build_metric_line(values: dict[str, object], at: int = 0, **dimensions: str) -> str:
    names = [{"Name": name} for name in values]
    about = {"Timestamp": at, "CloudWatchMetrics": [{"Dimensions": [[*dimensions]], "Metrics": names}]}
    return json.dumps({"_aws": about, **dimensions, **values})


def test_stage_times_and_stored_times_are_read_from_logs() -> None:
    lines = [
        "START RequestId: 1",
        build_metric_line({"SlotSeconds": [4.2], "CallSeconds": [4.1]}, provider="ideogram"),
        build_metric_line({"SlotSeconds": 4.0, "CallSeconds": 3.9}, provider="ideogram"),
        build_metric_line({"Completed": [1.0], "TotalSeconds": [5.0], "DeliverSeconds": [0.5]}, at=12_500),
        build_metric_line({"Completed": [1.0], "TotalSeconds": [6.0]}, at=11_250),
        build_metric_line({"ColdStart": [1.0]}, function_name="render"),
    ]
    found = parse_log_metrics(lines)
    assert found.call_share == pytest.approx(8.0 / 8.2)
    assert found.stored_at == (11.25, 12.5)
    assert found.stages["TotalSeconds"] == (5.0, 6.0)
    assert (found.cold_starts, found.problems) == ({"render": 1}, {})


@pytest.mark.parametrize("metric", ["ReturnedToQueue", "Throttled", "Failed", "UnexpectedError"])
def test_run_with_a_problem_metric_is_refused(metric: str) -> None:
    received = parse_log_metrics([build_metric_line({metric: [1.0]}, code="job_in_flight")])
    with pytest.raises(UnreliableMeasurementError, match=f"{metric} job_in_flight"):
        list_refusals(log_metrics=received)


# -- refusals ----------------------------------------------------------------------------------------------------


def list_refusals(calls: Sequence[TimedCall] = (), **changes: object) -> None:
    run = build_run(calls, **changes)
    check_run(run, compute_figures(run))


def test_run_on_an_idle_machine_is_reported() -> None:
    list_refusals()


def test_run_with_the_standin_as_bottleneck_is_refused() -> None:
    slow = [build_call(10.1, own=0.05), build_call(10.2, own=0.05), build_call(11.2), build_call(11.3)]
    with pytest.raises(UnreliableMeasurementError, match="the stand-in was the bottleneck"):
        list_refusals(calls=slow, losses=compute_losses(slow, SCENARIO, 10.0, 12.5))


def test_run_with_refused_or_broken_calls_is_refused() -> None:
    entry = {"method": "POST", "path": "/ideogram/v1/x", "started": 1.0, "read": 1.0, "ended": 2.0, "fault": None}
    answered = {**entry, "status": 200, "latency_seconds": 1.0, "outcome": "answered 200"}
    found = parse_journal([answered, {**answered, "status": 429, "outcome": NO_FREE_SLOTS}])
    assert len(found.calls) == 1
    with pytest.raises(UnreliableMeasurementError, match=rf"{NO_FREE_SLOTS} \(1\)"):
        list_refusals(standin_log=StandinLog(build_run().standin_log.calls, found.problems))


@pytest.mark.parametrize("what", ["photo without a receipt that says stored", "dead letter"])
def test_unfinished_run_is_refused(what: str) -> None:
    with pytest.raises(UnreliableMeasurementError, match=rf"{what} \(1\)"):
        list_refusals(unfinished={what: 1})


def test_ended_worker_does_not_distort_its_stages_cpu_time() -> None:
    before = CpuUsage({"intake": 7.0, "ended workers": 0.0}, 10.0, {"intake": {1: 5.0, 2: 2.0}})
    after = CpuUsage({"intake": 3.5, "ended workers": 6.0}, 14.0, {"intake": {2: 3.0, 3: 0.5}})
    assert after.since(before).by_program == {"intake": 1.5, "ended workers": 1.0}


def test_run_is_refused_if_other_programs_used_the_machine() -> None:
    with pytest.raises(UnreliableMeasurementError, match="other programs used"):
        list_refusals(cpu_usage=CpuUsage({"render": 0.4}, 1.2))


def test_warm_run_with_cold_starts_and_cold_run_without_are_refused() -> None:
    received = replace(build_run().log_metrics, cold_starts={"render": 1})
    with pytest.raises(NoisyMachineError, match=r"cold starts in a warm run: render \(1\)"):
        list_refusals(log_metrics=received)
    cold = replace(SCENARIO, cold=True)
    list_refusals(log_metrics=received, scenario=cold)
    with pytest.raises(UnreliableMeasurementError, match="no function started cold"):
        list_refusals(scenario=cold)


def test_noisy_run_is_repeated_once_and_faulty_run_is_not() -> None:
    harness: Any = FakeHarness([CpuUsage({}, 5.0), CpuUsage({}, 0.0)])
    assert measure_scenario(harness, SCENARIO).other_programs_share == 0
    noisy: Any = FakeHarness([CpuUsage({}, 5.0)] * 2)
    with pytest.raises(UnreliableMeasurementError, match="other programs"):
        measure_scenario(noisy, SCENARIO)
    faulty: Any = FakeHarness([CpuUsage({}, 0.0)] * 2, unfinished={"dead letter": 1})
    with pytest.raises(UnreliableMeasurementError, match="dead letter"):
        measure_scenario(faulty, SCENARIO)
    assert len(faulty.left) == 1


class FakeHarness:
    """A harness whose runs differ in the machine's CPU usage."""

    def __init__(self, left: list[CpuUsage], **changes: object) -> None:
        self.left, self.changes = left, changes

    def run_scenario(self, scenario: Scenario) -> DrainRun:
        return build_run((), scenario=scenario, cpu_usage=self.left.pop(0), **self.changes)


@pytest.mark.parametrize(
    ("ratios", "is_too_noisy"),
    [([0.95, 0.97, 0.96], False), ([0.90, 0.97, 0.96], True)],
)
def test_repeats_that_differ_too_much_are_refused(ratios: list[float], is_too_noisy: bool) -> None:
    def judge() -> None:
        check_spread("efficiency", ratios)

    assert is_refused(judge) is is_too_noisy


def is_refused(judge: Callable[[], None]) -> bool:
    try:
        judge()
    except UnreliableMeasurementError as refused:
        return "too noisy" in str(refused)
    return False


# -- photos ------------------------------------------------------------------------------------------------------


def test_sample_photos_have_the_promised_size_and_unique_bytes() -> None:
    first, second = build_photo("1"), build_photo("2")
    assert first != second
    assert 180_000 < len(first) < 260_000
    assert strip_photo_metadata(first) == strip_photo_metadata(second)


HALF = replace(SCENARIO, limit=4, account_limit=2)
TURNED_AWAY = {f"POST /ideogram/v1/x: refused: {NO_FREE_SLOTS}": 3}


def test_refused_calls_are_expected_only_with_a_smaller_account() -> None:
    waited = LogMetrics(
        4.4, 4.0, {"TotalSeconds": (1.0,)}, (12.5,), {}, {"Throttled": 3.0, "ReturnedToQueue too_many_requests": 1}
    )
    run = build_run(standin_log=StandinLog(build_run().standin_log.calls, TURNED_AWAY), log_metrics=waited)
    with pytest.raises(UnreliableMeasurementError, match="unrequested faults"):
        check_run(run, compute_figures(run))
    half = replace(run, scenario=HALF)
    check_run(half, compute_figures(half))
    lost = replace(half, log_metrics=replace(waited, problems={"LostAnswers": 1.0}))
    with pytest.raises(UnreliableMeasurementError, match="LostAnswers"):
        check_run(lost, compute_figures(lost))


def test_ideal_of_a_smaller_account_uses_its_slots() -> None:
    assert HALF.ideal_seconds == SCENARIO.ideal_seconds
    assert HALF.name == "N=4 C=4 of an account of 2 S=1 warm"
