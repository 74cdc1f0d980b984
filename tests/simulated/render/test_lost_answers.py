"""Lost answers without a lookup: sent once more after the lost call has ended, or held for a person."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus, MoneyStatus, Settlement, SettlementResult
from backdrop.model.provider_result import OnLostAnswer, RetryClass
from simulation.world.simulated_provider import (
    CallBehavior,
    build_charged_hang_up,
    build_refusal,
    build_uncharged_hang_up,
)
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.simulated_days import DAY, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo
from tests.unit.ledger_items import NOW, build_attempt, build_job

S = JobStatus
LOST = {
    "charged": build_charged_hang_up(),
    "not taken": build_uncharged_hang_up(),
    "too slow": CallBehavior(work_seconds=200),
}


def read_money(world: World) -> tuple[int, int, int]:
    """Returns the certain cost, the unknown cost, and the bill."""
    return find_only_job(world).charged, find_only_job(world).unknown, world.provider.charged_micro_usd


@pytest.mark.parametrize("lost", LOST)
def test_second_call_and_both_charges_are_in_the_receipt(lost: str) -> None:
    world = world_with_photo()
    world.provider.script.append(LOST[lost])
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids), list_report_codes(world, KEY)) == (
        S.STORED,
        2,
        [],
    )
    assert read_money(world) == (PRICE, PRICE, PRICE if lost == "not taken" else 2 * PRICE)
    receipt = world.read_receipt(KEY)
    assert receipt
    (job,) = receipt["jobs"]
    assert job["cost"] == {"usd": 0.01, "basis": "price_list", "unknown_usd": 0.01}
    assert [(one["n"], one["outcome"], one["money"]) for one in job["attempts"]] == [
        (1, "lost", "unknown"),
        (2, "answered", "spent"),
    ]
    assert_at_rest(world)


@pytest.mark.parametrize("lost", [*LOST.values(), CallBehavior(kills_worker=True)], ids=[*LOST, "worker crashed"])
def test_lost_answer_is_reported_before_the_second_call(lost: CallBehavior) -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(lost)
    reports: list[object] = []

    def deliver_meanwhile(_: ServiceCall) -> None:
        world.deliver_next("deliver")
        reports.append((world.read_receipt(KEY) or {})["jobs"][0]["status"])
        reports.extend(list_report_codes(world, KEY))

    claims = TargetedFault(
        deliver_meanwhile, "transact_write_items", nth=2, matches=lambda call: "submitting" in str(call.request)
    )
    world.transport.faults_before.append(claims)
    pass_time(world, 1200)
    assert reports == ["unknown", "charge_unknown"]
    assert_at_rest(world)


@pytest.mark.parametrize("lost", LOST)
def test_second_call_waits_until_the_lost_call_has_ended(lost: str) -> None:
    """The lost call may still occupy a slot at the provider, and the account may not allow two at once."""
    world = world_with_photo(account_limit=1)
    world.provider.script.append(LOST[lost])
    world.run_until_empty()
    first, *others = world.provider.paid_calls
    assert others[0].started_at - first.started_at >= timedelta(seconds=world.provider.timeout_seconds)
    assert (find_only_job(world).status, world.provider.peak_in_flight) == (S.STORED, 1)


@pytest.mark.parametrize("lost", LOST)
def test_answer_lost_a_second_time_is_held(lost: str) -> None:
    world = world_with_photo()
    world.provider.default_behavior = LOST[lost]
    pass_time(world, DAY, every=3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.HELD, 2)
    assert read_money(world) == (0, 2 * PRICE, 0 if lost == "not taken" else 2 * PRICE)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["status"], one["money"], one["retryable"]) for one in report["errors"]] == [
        ("charge_unknown", "held", "unknown", False)
    ]
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


@pytest.mark.parametrize("lost", LOST)
def test_nothing_is_sent_again_if_the_operator_chose_hold(lost: str) -> None:
    world = world_with_photo(on_lost_answer="hold")
    world.provider.default_behavior = LOST[lost]
    pass_time(world, DAY, every=3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids), list_report_codes(world, KEY)) == (
        S.HELD,
        1,
        ["charge_unknown"],
    )
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("answer", "end", "code"),
    [
        (build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), S.REFUSED, "unsafe_request"),
        (build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED), S.DEAD, "request_rejected"),
        (CallBehavior(unsafe_count=1), S.DEAD, "unsafe_result"),
    ],
    ids=["refused", "rejected", "withheld"],
)
def test_failed_second_call_ends_the_job_with_unknown_first_charge(
    answer: CallBehavior, end: JobStatus, code: str
) -> None:
    world = world_with_photo()
    world.provider.script.extend([build_charged_hang_up(), answer])
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).unknown, list_report_codes(world, KEY)) == (
        end,
        PRICE,
        [code],
    )
    report = world.read_report(KEY)
    assert report
    assert report["errors"][0]["money"] == "unknown"
    assert_at_rest(world)


@pytest.mark.parametrize("kind", [RetryClass.QUOTA, RetryClass.BACKOFF, RetryClass.NOW])
def test_second_call_that_was_not_accepted_is_repeated(kind: RetryClass) -> None:
    world = world_with_photo()
    refusal = build_refusal(kind, Code.PROVIDER_THROTTLED)
    world.provider.script.extend([build_charged_hang_up(), refusal, refusal])
    pass_time(world, 3600)
    job = find_only_job(world)
    assert (job.status, len(world.provider.received_job_ids), job.possible_charge_count) == (S.STORED, 4, 1)
    assert read_money(world) == (PRICE, PRICE, 2 * PRICE)
    outcomes = [attempt.outcome for attempt in job.attempts]
    assert [outcome for outcome in outcomes if outcome is not AttemptOutcome.NOT_TAKEN] == [
        AttemptOutcome.LOST,
        AttemptOutcome.ANSWERED,
    ]
    assert_at_rest(world)


def test_refused_key_does_not_use_up_the_second_call() -> None:
    world = world_with_photo()
    world.provider.script.extend([build_charged_hang_up(), build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)])
    pass_time(world, 3600)
    assert (find_only_job(world).status, find_only_job(world).possible_charge_count) == (S.STORED, 1)
    assert_at_rest(world)


def test_lost_answer_of_a_superseded_job_is_not_bought_again() -> None:
    world = world_with_photo()

    def edit_sidecar() -> None:
        world.upload_sidecar(KEY, prompt="on a marble table")
        world.run_until_empty("intake")

    lost = build_charged_hang_up().result
    world.provider.script.append(CallBehavior(result=lost, run_during_call=edit_sidecar))
    world.run_until_empty()
    by_operation = {job.operation: job for job in world.list_jobs()}
    assert by_operation["replace"].status is S.STORED
    assert (by_operation["remove"].status, by_operation["remove"].money) == (S.HELD, MoneyStatus.UNKNOWN)
    assert world.provider.received_job_ids.count(by_operation["remove"].job_id) == 1
    assert_at_rest(world)


def test_second_call_waits_until_the_budget_allows_it() -> None:
    """A possible charge counts as spent until it is resolved."""
    world = world_with_photo(budget=2 * PRICE - 1)
    world.provider.script.append(build_charged_hang_up())
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids), world.read_budget()["unknown"]) == (
        S.UNKNOWN,
        1,
        PRICE,
    )
    pass_time(world, DAY, every=3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 2)
    assert_at_rest(world)


def test_paused_lane_also_delays_the_second_call() -> None:
    world = world_with_photo()
    lost = build_charged_hang_up().result
    world.provider.script.append(CallBehavior(result=lost, run_during_call=world.pause_lane))
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.UNKNOWN, 1)
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 2)


SETTLED_CHARGED, SETTLED_FREE = SettlementResult.CHARGED, SettlementResult.NOT_CHARGED
COUNTED = SettlementResult.UNDECIDED


@pytest.mark.parametrize(
    ("policy", "lost_calls", "may_retry"),
    [
        (OnLostAnswer.RETRY_ONCE, [None], True),
        (OnLostAnswer.RETRY_ONCE, [COUNTED], True),
        (OnLostAnswer.RETRY_ONCE, [SETTLED_FREE], True),
        (OnLostAnswer.RETRY_ONCE, [SETTLED_CHARGED], False),
        (OnLostAnswer.RETRY_ONCE, [SETTLED_FREE, None], False),
        (OnLostAnswer.RETRY_ONCE, [SETTLED_FREE, SETTLED_FREE], False),
        (OnLostAnswer.ASK_THE_BILL, [None], False),
        (OnLostAnswer.ASK_THE_BILL, [COUNTED], False),
        (OnLostAnswer.ASK_THE_BILL, [SETTLED_FREE], True),
        (OnLostAnswer.ASK_THE_BILL, [SETTLED_FREE, SETTLED_FREE], False),
        (OnLostAnswer.HOLD, [SETTLED_FREE], False),
    ],
)
def test_settlements_decide_whether_a_lost_call_is_sent_again(
    policy: OnLostAnswer, lost_calls: list[SettlementResult | None], may_retry: bool
) -> None:
    """The usage records may be read before the worker decides, for example because the lane was paused for hours."""
    attempts = tuple(
        build_attempt(n=n, charged=0, unknown=PRICE, outcome=AttemptOutcome.LOST, settlement=build_settlement(result))
        for n, result in enumerate(lost_calls, start=1)
    )
    job = build_job(status=JobStatus.UNKNOWN, attempts=attempts, attempt_no=len(attempts))
    recovery = replace(World().steps.bootstrap.recovery, policy=policy)
    assert recovery.can_retry_purchase(job) is may_retry


def build_settlement(result: SettlementResult | None) -> Settlement | None:
    if result is None:
        return None
    return Settlement(
        result=result, settled_at=NOW, amount=PRICE, hours=(NOW,), billed=1, certain=0, records_read_at=NOW
    )
