"""A lane's health: three bad results in a row open its circuit, one job at a time probes it, and one good result closes
it.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.circuit import (
    FAILURE_THRESHOLD,
    FIRST_PROBE_DELAY,
    MAX_FREE_PROBE_DELAY,
    MAX_PROBE_DELAY,
    MAX_QUICK_PROBES,
    UNHEALTHY_BEFORE_PAUSE,
    Gate,
    PauseReason,
    ProviderHealth,
    check_gate,
    observe_result,
    pause,
    start_probe,
)
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.provider_result import ProviderResult, RetryClass
from tests.simulated.lane_states import RUNNING_LANE, SECOND, observe_results
from tests.simulated.stage_worlds import BACKOFF, LOST, NOW, OK, PAUSED, REFUSED, REJECTED, THROTTLED, UNREACHED, UNSAFE

REFUSED_BY_EDGE = ProviderResult(RetryClass.BACKOFF, Code.PROVIDER_EDGE_REFUSES, "The network edge refuses us.")
BAD_RESULTS = pytest.mark.parametrize("bad", [BACKOFF, LOST, REFUSED_BY_EDGE], ids=["busy", "lost", "edge"])
GOOD_RESULTS = pytest.mark.parametrize(
    "good", [OK, UNSAFE, REFUSED, REJECTED], ids=["ok", "withheld", "refused", "rejected"]
)
NEUTRAL_RESULTS = pytest.mark.parametrize("neutral", [THROTTLED, UNREACHED], ids=["throttled", "unreached"])


OPEN_CIRCUIT = observe_results(RUNNING_LANE, *[BACKOFF] * FAILURE_THRESHOLD)
PROBE_AT = NOW + FIRST_PROBE_DELAY


def build_probing_lane(lane: ProviderHealth = OPEN_CIRCUIT, until: timedelta = timedelta(minutes=6)) -> ProviderHealth:
    """Returns a lane whose probe is in flight."""
    moment = lane.next_probe_at or NOW
    return start_probe(lane, moment, moment + until)


# -- opening the circuit -----------------------------------------------------------------------------------------


def test_lane_allows_calls_by_default() -> None:
    assert check_gate(RUNNING_LANE, NOW) == (Gate.ALLOWED, 0)
    assert RUNNING_LANE.mapping_enabled


@BAD_RESULTS
def test_three_bad_results_in_a_row_open_the_circuit(bad: ProviderResult) -> None:
    assert check_gate(observe_results(RUNNING_LANE, bad, bad), NOW)[0] is Gate.ALLOWED
    failing = observe_results(RUNNING_LANE, bad, bad, bad)
    assert check_gate(failing, NOW) == (Gate.BLOCKED, FIRST_PROBE_DELAY.total_seconds())
    assert (failing.mapping_enabled, failing.is_paused, failing.opened_since) == (True, False, NOW)


def test_bad_results_of_both_kinds_count_together() -> None:
    assert observe_results(RUNNING_LANE, BACKOFF, LOST, BACKOFF).opened_since == NOW


@GOOD_RESULTS
def test_one_good_result_resets_the_count(good: ProviderResult) -> None:
    lane = observe_results(RUNNING_LANE, BACKOFF, LOST, good, BACKOFF, LOST)
    assert (lane.opened_since, lane.failure_streak) == (None, 2)


@NEUTRAL_RESULTS
def test_neutral_result_neither_counts_nor_resets_the_count(neutral: ProviderResult) -> None:
    lane = observe_results(RUNNING_LANE, BACKOFF, LOST, neutral)
    assert (lane.opened_since, lane.failure_streak) == (None, 2)
    assert observe_results(lane, BACKOFF).opened_since == NOW


@GOOD_RESULTS
def test_repeated_good_result_changes_nothing(good: ProviderResult) -> None:
    """Otherwise, each picture would cause a write to the ledger."""
    assert observe_results(RUNNING_LANE, good) == RUNNING_LANE


# -- probing -----------------------------------------------------------------------------------------------------


def test_only_one_first_probe_starts_when_it_is_due() -> None:
    assert check_gate(OPEN_CIRCUIT, PROBE_AT - SECOND) == (Gate.BLOCKED, 1)
    assert check_gate(OPEN_CIRCUIT, PROBE_AT) == (Gate.PROBE, 0)
    lane = build_probing_lane()
    assert check_gate(lane, PROBE_AT)[0] is Gate.BLOCKED
    with pytest.raises(ConflictError):
        start_probe(lane, PROBE_AT, PROBE_AT + SECOND)


def test_probe_whose_worker_crashed_is_replaced() -> None:
    lane = build_probing_lane(until=SECOND)
    assert check_gate(lane, PROBE_AT)[0] is Gate.BLOCKED
    assert check_gate(lane, PROBE_AT + SECOND)[0] is Gate.PROBE


def test_running_lane_needs_no_probe() -> None:
    with pytest.raises(ConflictError):
        start_probe(RUNNING_LANE, NOW, NOW + SECOND)


@GOOD_RESULTS
def test_one_good_result_closes_an_open_circuit(good: ProviderResult) -> None:
    opened = observe_result(build_probing_lane(), good, PROBE_AT, probe=True)
    assert check_gate(opened, PROBE_AT)[0] is Gate.ALLOWED
    assert opened == replace(RUNNING_LANE, resumed_at=opened.resumed_at)


@BAD_RESULTS
def test_each_bad_probe_lengthens_the_wait_to_its_limit(
    bad: ProviderResult,
) -> None:
    lane, now, gaps = OPEN_CIRCUIT, PROBE_AT, [FIRST_PROBE_DELAY]
    free = bad.retry_class is RetryClass.BACKOFF
    quick, longest = (MAX_QUICK_PROBES, MAX_FREE_PROBE_DELAY) if free else (0, MAX_PROBE_DELAY)
    for _ in range(8 + quick):
        lane = observe_result(start_probe(lane, now, now + SECOND), bad, now, probe=True)
        assert lane.next_probe_at
        gaps.append(lane.next_probe_at - now)
        now = lane.next_probe_at
    assert gaps == [min(FIRST_PROBE_DELAY * 2 ** max(n - quick, 0), longest) for n in range(9 + quick)]
    assert gaps[-1].total_seconds() == (10 if free else 120)


@NEUTRAL_RESULTS
def test_probe_without_a_verdict_lets_the_next_one_start(neutral: ProviderResult) -> None:
    lane = observe_result(build_probing_lane(), neutral, PROBE_AT, probe=True)
    assert check_gate(lane, PROBE_AT)[0] is Gate.PROBE
    assert lane.opened_since == NOW


@BAD_RESULTS
def test_bad_results_of_earlier_calls_change_nothing(bad: ProviderResult) -> None:
    """Nine other calls were in flight when the circuit opened. They neither delay nor replace the probe."""
    lane = observe_results(OPEN_CIRCUIT, *[bad] * 9)
    assert (lane.next_probe_at, lane.probe_count, lane.opened_since) == (
        OPEN_CIRCUIT.next_probe_at,
        OPEN_CIRCUIT.probe_count,
        NOW,
    )
    out = observe_results(build_probing_lane(), bad)
    assert check_gate(out, PROBE_AT)[0] is Gate.BLOCKED


def test_good_result_of_an_earlier_call_closes_the_circuit() -> None:
    assert check_gate(observe_results(OPEN_CIRCUIT, OK), NOW)[0] is Gate.ALLOWED


def test_probe_overtaken_by_a_good_result_is_canceled() -> None:
    """The probe's own bad result would reopen the circuit at once, although it is only the first of three."""
    assert observe_results(build_probing_lane(), OK).probe_until is None


# -- pausing after ten minutes ------------------------------------------------------------------------------------


@BAD_RESULTS
def test_open_circuit_pauses_the_lane_after_ten_minutes(bad: ProviderResult) -> None:
    """The lane does not pause a second earlier."""
    just_before_pause = NOW + UNHEALTHY_BEFORE_PAUSE - SECOND
    assert not observe_result(OPEN_CIRCUIT, bad, just_before_pause, probe=True).is_paused
    paused = observe_result(OPEN_CIRCUIT, bad, just_before_pause + SECOND, probe=True)
    expected_code = bad.code if bad is REFUSED_BY_EDGE else Code.PROVIDER_UNAVAILABLE
    assert [(one.reason, one.code) for one in paused.pauses] == [(PauseReason.UNHEALTHY, expected_code)]
    assert (paused.mapping_enabled, check_gate(paused, just_before_pause + SECOND)[0]) == (False, Gate.BLOCKED)


def test_bad_results_of_earlier_calls_do_not_pause_the_lane() -> None:
    lane = OPEN_CIRCUIT
    for _ in range(3):
        lane = observe_result(lane, LOST, NOW + UNHEALTHY_BEFORE_PAUSE, probe=False)
    assert not lane.is_paused


def test_circuit_that_reopens_has_another_ten_minutes() -> None:
    later = NOW + UNHEALTHY_BEFORE_PAUSE
    opened = observe_result(OPEN_CIRCUIT, OK, later, probe=True)
    failing = opened
    for _ in range(FAILURE_THRESHOLD):
        failing = observe_result(failing, BACKOFF, later, probe=False)
    assert (failing.is_paused, failing.opened_since, failing.next_probe_at) == (False, later, later + FIRST_PROBE_DELAY)


# -- results that pause the lane ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Code.PROVIDER_KEY_MISSING, PauseReason.KEY),
        (Code.PROVIDER_KEY_REFUSED, PauseReason.KEY),
        (Code.PROVIDER_OUT_OF_MONEY, PauseReason.BALANCE),
        (Code.PROVIDER_PLAN_REFUSES, PauseReason.PLAN),
        (Code.PROVIDER_DAILY_LIMIT, PauseReason.DAILY_LIMIT),
        (Code.PROVIDER_MISCONFIGURED, PauseReason.ADDRESS),
        (Code.PROVIDER_REFUSES, PauseReason.REFUSAL),
    ],
)
@pytest.mark.parametrize("probe", [False, True])
def test_pausing_result_pauses_at_once_with_its_own_reason(code: Code, reason: PauseReason, probe: bool) -> None:
    lane = observe_result(
        build_probing_lane() if probe else RUNNING_LANE,
        ProviderResult(RetryClass.PAUSE, code, "words"),
        NOW,
        probe=probe,
    )
    assert [(one.reason, one.code, str(one.message)) for one in lane.pauses] == [(reason, code, "words")]
    assert (lane.mapping_enabled, lane.is_half_open, lane.probe_until) == (False, False, None)


def test_repeated_reason_keeps_its_start_and_updates_its_message() -> None:
    later = NOW + timedelta(minutes=1)
    first = pause(RUNNING_LANE, PauseReason.KEY, Code.PROVIDER_KEY_MISSING, "no key", NOW)
    (one,) = pause(first, PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "wrong key", later).pauses
    assert (one.since, one.last_seen) == (NOW, later)
    assert (one.code, str(one.message)) == (Code.PROVIDER_KEY_REFUSED, "wrong key")


def test_good_result_of_an_earlier_call_lifts_no_pause() -> None:
    paused = observe_result(RUNNING_LANE, PAUSED, NOW, probe=False)
    assert observe_results(paused, OK) == paused
