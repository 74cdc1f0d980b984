"""A run's figures are those of its slots; where they would be another thing's than the pipeline's, there are none."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backdrop.imaging.metadata import strip_photo_metadata
from bench.drain.figures import check, figures
from bench.drain.ground import Run
from bench.drain.parts import played
from bench.drain.scenario import Scenario
from bench.drain.slots import PaidCall, losses
from bench.drain.told import Told, told
from bench.photos import photo
from bench.processors import Used
from bench.refusals import NoisyError, RefusedError, check_spread
from bench.standin import Seen, seen

SCENARIO = Scenario(photos=4, limit=2, seconds=1.0)


def call(began: float, upload: float = 0.0, own: float = 0.0) -> PaidCall:
    return PaidCall(began, began + upload, began + upload + 1.0 + own, 1.0)


def a_run(calls: Sequence[PaidCall] = (), **changes: Any) -> Run:
    """Two slots, each with a pause of 0.1 s between its two calls; it began at 10.0 and ended at 12.5."""
    made = calls or (call(10.1), call(10.2), call(11.2), call(11.3))
    facts: dict[str, Any] = {
        "scenario": SCENARIO,
        "began": 10.0,
        "uploaded": 10.3,
        "ended": 12.5,
        "seen": Seen(tuple(made), {}),
        "told": Told(4.4, 4.0, {"TotalSeconds": (1.0, 2.0, 3.0)}, (11.4, 12.5), {}, {}),
        "used": Used({"render": 0.4, "bench": 0.1}, 0.5),
        "losses": losses(made, SCENARIO, 10.0, 12.5),
        "unfinished": {"dead letter": 0},
    }
    return Run(**{**facts, **changes})


def test_the_ideal_is_photos_by_seconds_by_slots() -> None:
    assert Scenario(300, 10, 4).ideal_seconds == 120


def test_all_slot_seconds_without_an_answer_have_a_place() -> None:
    calls = [call(10.1, upload=0.02, own=0.01), call(10.2), call(11.2), call(11.3)]
    lost = losses(calls, SCENARIO, 10.0, 12.5)
    assert lost.before == pytest.approx(0.1 + 0.2)
    assert lost.between == pytest.approx(0.07 + 0.1)
    assert (lost.upload, lost.standin) == (pytest.approx(0.02), pytest.approx(0.01))
    assert lost.after == pytest.approx(0.3 + 0.2)
    together = lost.before + lost.between + lost.upload + lost.standin + lost.after
    assert together == pytest.approx(2 * 2.5 - 4 * 1.0)


def test_pauses_are_told_apart_at_the_beginning_in_the_middle_and_at_the_end() -> None:
    one_slot = Scenario(photos=4, limit=1, seconds=1.0)
    calls = [call(0.0), call(1.1), call(2.3), call(3.6)]
    assert losses(calls, one_slot, 0.0, 5.0).pauses == pytest.approx((0.1, 0.2, 0.3))


def test_a_run_that_never_filled_its_slots_has_no_pauses_to_speak_of() -> None:
    with pytest.raises(RefusedError, match="never filled"):
        losses([call(1.0)], SCENARIO, 0.0, 3.0)


def test_efficiency_counts_from_the_first_upload_to_the_last_receipt_and_beside_it_from_call_to_call() -> None:
    found = figures(a_run())
    assert found.efficiency == pytest.approx(2.0 / 2.5)
    assert found.calls_efficiency == pytest.approx(2.0 / 2.2)
    assert found.call_share == pytest.approx(4.0 / 4.4)
    assert found.first_result_seconds == pytest.approx(1.4)
    assert found.stages["TotalSeconds"].median == 2.0
    assert found.cpu_ms["render"] == pytest.approx(100)
    assert found.lost["before"] == pytest.approx(0.3 / 4)


# -- what the functions told -------------------------------------------------------------------------------------


def emf(values: dict[str, object], at: int = 0, **dimensions: str) -> str:
    names = [{"Name": name} for name in values]
    about = {"Timestamp": at, "CloudWatchMetrics": [{"Dimensions": [[*dimensions]], "Metrics": names}]}
    return json.dumps({"_aws": about, **dimensions, **values})


def test_the_logs_say_how_long_each_stage_took_and_when_the_last_photo_was_stored() -> None:
    lines = [
        "START RequestId: 1",
        emf({"SlotSeconds": [4.2], "CallSeconds": [4.1]}, provider="ideogram"),
        emf({"SlotSeconds": 4.0, "CallSeconds": 3.9}, provider="ideogram"),
        emf({"Completed": [1.0], "TotalSeconds": [5.0], "DeliverSeconds": [0.5]}, at=12_500),
        emf({"Completed": [1.0], "TotalSeconds": [6.0]}, at=11_250),
        emf({"ColdStart": [1.0]}, function_name="render"),
    ]
    found = told(lines)
    assert found.call_share == pytest.approx(8.0 / 8.2)
    assert found.stored == (11.25, 12.5)
    assert found.stages["TotalSeconds"] == (5.0, 6.0)
    assert (found.cold_starts, found.troubles) == ({"render": 1}, {})


@pytest.mark.parametrize("metric", ["HandedBack", "Throttled", "Failed", "UnexpectedError"])
def test_a_run_in_which_a_function_tells_of_trouble_is_refused(metric: str) -> None:
    heard = told([emf({metric: [1.0]}, code="job_in_flight")])
    with pytest.raises(RefusedError, match=f"{metric} job_in_flight"):
        refuse(told=heard)


# -- refusals ----------------------------------------------------------------------------------------------------


def refuse(calls: Sequence[PaidCall] = (), **changes: object) -> None:
    run = a_run(calls, **changes)
    check(run, figures(run))


def test_a_quiet_run_is_reported() -> None:
    refuse()


def test_a_run_in_which_the_standin_was_the_bottleneck_is_refused() -> None:
    slow = [call(10.1, own=0.05), call(10.2, own=0.05), call(11.2), call(11.3)]
    with pytest.raises(RefusedError, match="the stand-in was the bottleneck"):
        refuse(calls=slow, losses=losses(slow, SCENARIO, 10.0, 12.5))


def test_a_run_in_which_the_standin_refused_or_broke_a_call_is_refused() -> None:
    entry = {"method": "POST", "path": "/ideogram/v1/x", "started": 1.0, "read": 1.0, "ended": 2.0, "fault": None}
    answered = {**entry, "status": 200, "latency_seconds": 1.0, "outcome": "answered 200"}
    found = seen([answered, {**answered, "status": 429, "outcome": "all slots are taken"}])
    assert len(found.calls) == 1
    with pytest.raises(RefusedError, match=r"all slots are taken \(1\)"):
        refuse(seen=Seen(a_run().seen.calls, found.troubles))


@pytest.mark.parametrize("what", ["photo without a receipt that says stored", "dead letter"])
def test_a_run_that_left_something_undone_is_refused(what: str) -> None:
    with pytest.raises(RefusedError, match=rf"{what} \(1\)"):
        refuse(unfinished={what: 1})


def test_a_worker_that_ends_takes_nothing_away_from_its_stage() -> None:
    before = Used({"intake": 7.0, "ended workers": 0.0}, 10.0, {"intake": {1: 5.0, 2: 2.0}})
    after = Used({"intake": 3.5, "ended workers": 6.0}, 14.0, {"intake": {2: 3.0, 3: 0.5}})
    assert after.since(before).of == {"intake": 1.5, "ended workers": 1.0}


def test_a_run_beside_other_programs_is_refused() -> None:
    with pytest.raises(RefusedError, match="other programs took"):
        refuse(used=Used({"render": 0.4}, 1.2))


def test_a_warm_run_in_which_a_function_started_cold_is_refused_and_a_cold_one_in_which_none_did() -> None:
    heard = replace(a_run().told, cold_starts={"render": 1})
    with pytest.raises(NoisyError, match=r"started cold after all: render \(1\)"):
        refuse(told=heard)
    cold = replace(SCENARIO, cold=True)
    refuse(told=heard, scenario=cold)
    with pytest.raises(RefusedError, match="no function started cold"):
        refuse(scenario=cold)


def test_a_noisy_run_is_tried_once_more_and_a_faulty_one_is_not() -> None:
    place: Any = Place([Used({}, 5.0), Used({}, 0.0)])
    assert played(place, SCENARIO).foreign_share == 0
    noisy: Any = Place([Used({}, 5.0)] * 2)
    with pytest.raises(RefusedError, match="other programs"):
        played(noisy, SCENARIO)
    faulty: Any = Place([Used({}, 0.0)] * 2, unfinished={"dead letter": 1})
    with pytest.raises(RefusedError, match="dead letter"):
        played(faulty, SCENARIO)
    assert len(faulty.left) == 1


class Place:
    """A ground whose runs differ in what the machine did."""

    def __init__(self, left: list[Used], **changes: object) -> None:
        self.left, self.changes = left, changes

    def play(self, scenario: Scenario) -> Run:
        return a_run((), scenario=scenario, used=self.left.pop(0), **self.changes)


@pytest.mark.parametrize(
    ("ratios", "is_too_noisy"),
    [([0.95, 0.97, 0.96], False), ([0.90, 0.97, 0.96], True)],
)
def test_repeats_that_lie_too_far_apart_are_refused(ratios: list[float], is_too_noisy: bool) -> None:
    def judge() -> None:
        check_spread("efficiency", ratios)

    assert refuses(judge) is is_too_noisy


def refuses(judge: Callable[[], None]) -> bool:
    try:
        judge()
    except RefusedError as refused:
        return "too noisy" in str(refused)
    return False


# -- photos ------------------------------------------------------------------------------------------------------


def test_photos_weigh_what_is_promised_and_no_two_have_the_same_bytes() -> None:
    first, second = photo("1"), photo("2")
    assert first != second
    assert 180_000 < len(first) < 260_000
    assert strip_photo_metadata(first) == strip_photo_metadata(second)


HALF = replace(SCENARIO, limit=4, account=2)
TURNED_AWAY = {"POST /ideogram/v1/x: refused: all slots are taken": 3}


def test_calls_turned_away_by_a_smaller_account_are_what_its_run_asked_for_and_no_other_runs() -> None:
    waited = Told(
        4.4, 4.0, {"TotalSeconds": (1.0,)}, (12.5,), {}, {"Throttled": 3.0, "HandedBack too_many_requests": 1}
    )
    run = a_run(seen=Seen(a_run().seen.calls, TURNED_AWAY), told=waited)
    with pytest.raises(RefusedError, match="faults that nobody asked for"):
        check(run, figures(run))
    half = replace(run, scenario=HALF)
    check(half, figures(half))
    lost = replace(half, told=replace(waited, troubles={"LostAnswers": 1.0}))
    with pytest.raises(RefusedError, match="LostAnswers"):
        check(lost, figures(lost))


def test_the_ideal_of_a_smaller_account_is_that_of_its_slots() -> None:
    assert HALF.ideal_seconds == SCENARIO.ideal_seconds
    assert HALF.name == "N=4 C=4 of an account of 2 S=1 warm"
