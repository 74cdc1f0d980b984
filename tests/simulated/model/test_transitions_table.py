"""The state machine, status by status: exactly the transitions of the design's diagram."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from backdrop.model import transitions
from backdrop.model.circuit import CancelMark
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, DecisionRefusedError, ResultError
from backdrop.model.fidelity import Fidelity
from backdrop.model.job import (
    AttemptOutcome,
    ImageOutcome,
    ImageStep,
    ImageStepKind,
    Job,
    JobStatus,
    MoneyStatus,
    PictureLink,
    Settlement,
    SettlementResult,
)
from backdrop.model.review import ReviewDecision
from tests.simulated.stage_worlds import (
    ANSWERS,
    BACKOFF,
    LEASE,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNSAFE,
    build_called_job,
    build_dead_paid_job,
    build_job,
    build_problem,
    build_review,
    claim,
    decide,
    job_in,
)
from tests.unit.ledger_items import build_result

Move = Callable[[Job], transitions.Transition | None]
S = JobStatus


def with_provider_id(job: Job) -> Job:
    """Returns the job after its provider has assigned an ID to its work."""
    return replace(job, attempts=tuple(replace(attempt, provider_id="work-1") for attempt in job.attempts))


OWNER = build_job(job_id="o" * 64)


def build_settlement(result: SettlementResult) -> Settlement:
    """What the usage records say about a job's only call."""
    return Settlement(
        result=result, settled_at=NOW, amount=PRICE, hours=(NOW,), billed=1, certain=0, records_read_at=NOW
    )


def settle_waiting(job: Job, result: SettlementResult) -> transitions.Transition:
    """Settles the call of a job that waits for the bill."""
    return transitions.settle(replace(job, bill_wait_until=LEASE), 1, build_settlement(result))


def with_settled_call(job: Job, result: SettlementResult = SettlementResult.NOT_CHARGED) -> Job:
    """The job with only one call, which the usage records have settled."""
    settled = transitions.settle(job_in(S.HELD), 1, build_settlement(result)).job
    return replace(job, attempts=settled.attempts)


IMAGE_STEP = ImageStep(kind=ImageStepKind.DELIVERED, n=1, outcome=ImageOutcome())
MOVES: dict[str, Move] = {
    "accept": transitions.accept,
    "claim": lambda job: claim(job),
    "acknowledge": lambda job: transitions.acknowledge(job, 1, "work-1"),
    "park": lambda job: transitions.park(job, NOW),
    "renew_lease": lambda job: transitions.renew_lease(job, LEASE, LEASE),
    "resend_call": lambda job: transitions.resend_call(with_provider_id(job), LEASE),
    "expire_lease": lambda job: transitions.expire_lease(job, LEASE),
    "hold": lambda job: transitions.hold(job, NOW),
    "begin_processing": lambda job: transitions.begin_processing(job, NOW, LEASE),
    "end_processing": lambda job: transitions.end_processing(job, NOW),
    "record_wait_reason": lambda job: transitions.record_wait_reason(job, build_problem()),
    "record_image_step": lambda job: transitions.record_image_step(job, IMAGE_STEP),
    "mark_resent": lambda job: transitions.mark_resent(job, NOW),
    "mark_announced": transitions.mark_announced,
    "await_approval": lambda job: transitions.await_approval(job, (build_review(),)),
    "approve": lambda job: decide(job, ReviewDecision.APPROVED),
    "decide": lambda job: decide(job, ReviewDecision.REJECTED),
    "reject": lambda job: transitions.reject(replace(job, reviews=job_in(S.REJECTED).reviews), (), NOW),
    "store": lambda job: transitions.store(job, (), (), NOW),
    "fail": lambda job: transitions.fail(job, ResultError(Code.LINK_EXPIRED, "expired"), NOW),
    "supersede": lambda job: transitions.supersede(job, NOW),
    "cancel": lambda job: transitions.cancel(job, NOW),
    "apply_cancel_marks": lambda job: transitions.apply_cancel_marks(job, [CancelMark(prefix="", until=NOW)], NOW),
    "mark_not_current": lambda job: transitions.mark_not_current(replace(job, results=(build_result(),))),
    "reopen": lambda job: transitions.reopen(job, job, NOW),
    "restart": lambda job: transitions.restart(job, job, NOW),
    "reinstate": transitions.reinstate,
    "show_other_picture": lambda job: transitions.update_instructions(
        job, replace(job, instructions={"subject": {"pixels": "own"}})
    ),
    "require_approval": lambda job: transitions.update_instructions(
        job, replace(job, instructions={"approval": "required"})
    ),
    "update_instructions": lambda job: transitions.update_instructions(job, replace(job, instructions={"metadata": 1})),
    "wait_for_owner": lambda job: transitions.wait_for_owner(job, transitions.build_content_owner(OWNER)),
    "take_over": lambda job: transitions.take_over(job, transitions.build_content_owner(OWNER)),
    "reuse": lambda job: transitions.reuse(job, job_in(S.STORED), NOW),
    "join_existing": lambda job: transitions.join_existing(job, transitions.build_content_owner(OWNER), OWNER, NOW),
    "change_provider": lambda job: transitions.change_provider(job, "runware", PRICE, "ideogram is paused", NOW),
    "retry_delivery": lambda job: transitions.retry_delivery(job, NOW),
    "pay_again": lambda job: transitions.pay_again(job, NOW),
    "retry_picture": lambda job: transitions.retry_picture(job, (Fidelity.from_score(0.5),), NOW),
    "set_mandate": lambda job: transitions.set_mandate(job, "anna"),
    "return_to_lane": lambda job: transitions.return_to_lane(
        replace(job, problem=build_problem(Code.MANDATE_WAITS)), NOW
    ),
    "choose_attempt": lambda job: transitions.choose_attempt(job, (Fidelity.from_score(0.5),)),
    "wait_for_bill": lambda job: transitions.wait_for_bill(job, NOW),
    "settle": lambda job: transitions.settle(job, 1, build_settlement(SettlementResult.CHARGED)),
    "settle_charged_wait": lambda job: settle_waiting(job, SettlementResult.CHARGED),
    "settle_undecided_wait": lambda job: settle_waiting(job, SettlementResult.UNDECIDED),
    "settle_free_wait": lambda job: settle_waiting(job, SettlementResult.NOT_CHARGED),
    "reopen_settlement": lambda job: transitions.reopen_settlement(with_settled_call(job), 1, NOW),
    "confirm_settlement": lambda job: transitions.confirm_settlement(
        with_settled_call(job), 1, build_settlement(SettlementResult.NOT_CHARGED)
    ),
    "withdraw_count": lambda job: transitions.withdraw_count(with_settled_call(job, SettlementResult.UNDECIDED), 1),
}
STAYS = {
    "accept": [*S],
    "acknowledge": [S.SUBMITTING, S.UNKNOWN, S.HELD],
    "park": [S.SUBMITTING],
    "renew_lease": [S.SUBMITTING],
    "begin_processing": [S.ACCEPTED, S.UNKNOWN, S.PAID],
    "end_processing": [*S],
    "record_wait_reason": [S.ACCEPTED, S.PAID],
    "record_image_step": [S.PAID],
    "mark_resent": [*S],
    "mark_announced": [S.REJECTED, S.REFUSED, S.DEAD, S.HELD],
    "supersede": [S.SUBMITTING, S.UNKNOWN],
    "cancel": [S.SUBMITTING, S.UNKNOWN],
    "apply_cancel_marks": [S.SUBMITTING, S.UNKNOWN],
    "mark_not_current": [S.STORED],
    "reinstate": [S.PAID],
    "show_other_picture": [state for state in S if state not in (S.REVIEW, S.STORED, S.REJECTED)],
    "require_approval": [state for state in S if state is not S.REVIEW],
    "update_instructions": [*S],
    "wait_for_owner": [S.ACCEPTED],
    "take_over": [S.ACCEPTED],
    "join_existing": [S.ACCEPTED],
    "change_provider": [S.ACCEPTED],
    "set_mandate": [S.ACCEPTED],
    "return_to_lane": [S.ACCEPTED],
    "choose_attempt": [S.PAID],
    "wait_for_bill": [S.UNKNOWN],
    "settle": [S.UNKNOWN, S.HELD, S.DEAD],
    "settle_charged_wait": [S.HELD, S.DEAD],
    "settle_undecided_wait": [S.HELD, S.REFUSED, S.DEAD],
    "settle_free_wait": [S.HELD, S.REFUSED, S.DEAD],
    "reopen_settlement": [state for state in S if state is not S.ACCEPTED],
    "confirm_settlement": [*S],
    "withdraw_count": [*S],
}
ALLOWED: dict[tuple[str, JobStatus], JobStatus] = {
    **{(name, state): state for name, states in STAYS.items() for state in states},
    ("claim", S.ACCEPTED): S.SUBMITTING,
    ("claim", S.UNKNOWN): S.SUBMITTING,
    ("resend_call", S.UNKNOWN): S.SUBMITTING,
    ("expire_lease", S.SUBMITTING): S.UNKNOWN,
    ("hold", S.UNKNOWN): S.HELD,
    ("await_approval", S.PAID): S.REVIEW,
    ("approve", S.REVIEW): S.PAID,
    ("decide", S.REVIEW): S.REJECTED,
    ("reject", S.PAID): S.REJECTED,
    ("show_other_picture", S.REVIEW): S.PAID,
    ("show_other_picture", S.STORED): S.PAID,
    ("show_other_picture", S.REJECTED): S.PAID,
    ("require_approval", S.REVIEW): S.PAID,
    ("store", S.PAID): S.STORED,
    ("fail", S.ACCEPTED): S.DEAD,
    ("fail", S.PAID): S.DEAD,
    ("supersede", S.ACCEPTED): S.SUPERSEDED,
    ("supersede", S.REVIEW): S.SUPERSEDED,
    ("cancel", S.ACCEPTED): S.CANCELLED,
    ("apply_cancel_marks", S.ACCEPTED): S.CANCELLED,
    ("reinstate", S.STORED): S.PAID,
    **{
        (name, state): S.ACCEPTED
        for name in ("reopen", "restart")
        for state in (S.SUPERSEDED, S.CANCELLED, S.REFUSED, S.DEAD)
    },
    ("reuse", S.ACCEPTED): S.PAID,
    ("pay_again", S.DEAD): S.ACCEPTED,
    ("pay_again", S.REFUSED): S.ACCEPTED,
    ("pay_again", S.HELD): S.ACCEPTED,
    ("retry_picture", S.PAID): S.ACCEPTED,
    ("settle", S.REFUSED): S.DEAD,
    ("settle_charged_wait", S.REFUSED): S.DEAD,
    ("settle_charged_wait", S.UNKNOWN): S.HELD,
    ("settle_undecided_wait", S.UNKNOWN): S.HELD,
    ("settle_free_wait", S.UNKNOWN): S.ACCEPTED,
    ("reopen_settlement", S.ACCEPTED): S.HELD,
}
# The module's other names: functions with their own tests, and functions that are not transitions.
NOT_IN_THE_TABLE = {
    "record_result",
    "describe_decision",
    "build_content_owner",
    "add_throttled_time",
    "can_wait_for_bill",
    "with_mandate",
    "BudgetChange",
    "ClaimLimits",
    "Transition",
    "MAX_NOT_TAKEN_ATTEMPTS",
    "LATE_RESULT_STATUSES",
}
# Other arguments of transitions that are in the table.
VARIATIONS = {
    "approve",
    "show_other_picture",
    "require_approval",
    "settle_charged_wait",
    "settle_undecided_wait",
    "settle_free_wait",
}
# The status that a job gets from the answer to its own attempt, by the status in which the answer arrives.
RECORDED: dict[tuple[str, JobStatus], JobStatus] = {
    **{("ok", state): S.PAID for state in (S.SUBMITTING, S.UNKNOWN, S.HELD, S.DEAD)},
    **{(name, state): S.DEAD for name in ("unsafe", "rejected", "failed") for state in (S.SUBMITTING, S.UNKNOWN)},
    **{("refused", state): S.REFUSED for state in (S.SUBMITTING, S.UNKNOWN)},
    **{("lost", state): S.UNKNOWN for state in (S.SUBMITTING, S.UNKNOWN)},
    **{(name, S.SUBMITTING): S.ACCEPTED for name in ("throttled", "backoff", "unreached", "paused")},
    **{(name, S.UNKNOWN): S.ACCEPTED for name in ("throttled", "backoff", "unreached", "paused")},
}
ATTEMPTED = [S.SUBMITTING, S.UNKNOWN, S.PAID, S.REVIEW, S.STORED, S.REJECTED, S.REFUSED, S.DEAD, S.HELD]


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("name", MOVES)
def test_transition_leads_to_the_status_in_the_diagram_or_is_refused(name: str, status: JobStatus) -> None:
    try:
        step = MOVES[name](job_in(status))
    except (ConflictError, DecisionRefusedError):
        step = None
    assert (step.job.status if step else None) == ALLOWED.get((name, status))


def test_diagram_of_the_docs_has_every_change_of_state() -> None:
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    drawn = set(re.findall(r"^  (\w+) --> (\w+): ", page.partition("stateDiagram-v2")[2], re.MULTILINE))
    tables = ({(state, end) for (_, state), end in table.items() if state is not end} for table in (ALLOWED, RECORDED))
    assert {(state.value, end.value) for table in tables for state, end in table} <= drawn


def test_every_transition_is_in_the_table() -> None:
    assert set(MOVES) - VARIATIONS | NOT_IN_THE_TABLE == set(transitions.__all__)


@pytest.mark.parametrize("status", ATTEMPTED)
@pytest.mark.parametrize("name", ANSWERS)
def test_answer_moves_its_job_as_in_the_diagram(name: str, status: JobStatus) -> None:
    step = transitions.record_result(job_in(status), 1, ANSWERS[name], NOW)
    assert step.job.status == RECORDED.get((name, status), status)


def test_nothing_is_recorded_for_an_unknown_attempt() -> None:
    with pytest.raises(ConflictError):
        transitions.record_result(job_in(S.SUBMITTING), 2, OK, NOW)


def test_call_with_a_valid_lease_is_never_recorded_as_lost() -> None:
    with pytest.raises(ConflictError):
        transitions.expire_lease(job_in(S.SUBMITTING), NOW)


def test_paid_job_that_is_named_again_is_not_bought_again() -> None:
    assert transitions.reopen(build_dead_paid_job(), build_dead_paid_job(), NOW) is None
    unsafe = build_called_job(UNSAFE)
    assert transitions.reopen(unsafe, unsafe, NOW) is None


def test_claim_reserves_the_maximum_price_until_the_answer() -> None:
    claimed = claim(job_in(S.ACCEPTED))
    assert claimed.budget_change
    assert (claimed.budget_change.reserved, claimed.budget_change.total) == (PRICE, PRICE)
    for answer, certain, unknown in ((OK, PRICE, 0), (LOST, 0, PRICE), (REFUSED, 0, 0), (BACKOFF, 0, 0)):
        booking = transitions.record_result(claimed.job, 1, answer, NOW).budget_change
        assert booking
        assert (booking.reserved, booking.confirmed, booking.unknown) == (-PRICE, certain, unknown)


def test_dead_job_reports_whether_money_was_spent() -> None:
    problem = build_dead_paid_job().problem
    assert problem
    assert problem.money is MoneyStatus.SPENT
    assert job_in(S.HELD).money is MoneyStatus.UNKNOWN


def test_late_rejection_settles_a_held_jobs_charge() -> None:
    """An answer can always be recorded, even one that says "not accepted"."""
    for answer in (REJECTED, THROTTLED, BACKOFF):
        step = transitions.record_result(job_in(S.HELD), 1, answer, NOW)
        assert step.budget_change
        assert (step.job.status, step.job.unknown, step.budget_change.unknown) == (S.HELD, 0, -PRICE)


@pytest.mark.parametrize(("leave", "end"), [(transitions.supersede, S.SUPERSEDED), (transitions.cancel, S.CANCELLED)])
def test_unneeded_job_ends_when_its_call_was_not_charged(
    leave: Callable[[Job, datetime], transitions.Transition | None], end: JobStatus
) -> None:
    marked = leave(job_in(S.SUBMITTING), NOW)
    assert marked
    assert leave(marked.job, NOW) is None
    assert transitions.record_result(marked.job, 1, THROTTLED, NOW).job.status is end
    assert transitions.record_result(marked.job, 1, OK, NOW).job.status is S.PAID
    again = transitions.reopen(marked.job, marked.job, NOW)
    assert again
    assert transitions.record_result(again.job, 1, THROTTLED, NOW).job.status is S.ACCEPTED


def test_many_refusals_leave_a_bounded_number_of_attempts() -> None:
    job = job_in(S.ACCEPTED)
    for _ in range(50):
        job = claim(job).job
        job = transitions.record_result(job, job.attempt_no, BACKOFF, NOW).job
    assert job.attempt_no == 50
    assert len(job.attempts) == transitions.MAX_NOT_TAKEN_ATTEMPTS
    assert {attempt.outcome for attempt in job.attempts} == {AttemptOutcome.NOT_TAKEN}


def test_throttled_call_leaves_no_attempt() -> None:
    job = build_called_job(THROTTLED)
    assert (job.attempts, job.attempt_no) == ((), 1)


KEEPING_STEPS = {"acknowledge", "apply_cancel_marks", "begin_processing", "end_processing", "mark_resent"} | {
    "record_wait_reason",
    "reopen_settlement",
    "confirm_settlement",
    "withdraw_count",
    "accept",
}


@pytest.mark.parametrize("name", sorted({name for name, state in ALLOWED if state is S.PAID} - KEEPING_STEPS))
def test_finished_steps_of_a_delivery_end_with_it_or_with_its_instructions(name: str) -> None:
    begun = transitions.record_image_step(job_in(S.PAID), replace(IMAGE_STEP, n=2)).job
    transition = MOVES[name](begun)
    assert transition
    expected = [2, 1] if name == "record_image_step" else []
    assert [step.n for step in transition.job.image_steps] == expected


def test_late_pictures_of_another_attempt_have_no_finished_steps() -> None:
    unrecognized = replace(OK, links=(PictureLink(url=None, is_unrecognized=True),))
    paid = transitions.record_result(claim(job_in(S.UNKNOWN)).job, 2, unrecognized, NOW).job
    begun = transitions.record_image_step(paid, IMAGE_STEP).job
    late = transitions.record_result(begun, 1, OK, NOW).job
    assert (late.paid_attempt_no, late.image_steps) == (1, ())


def test_same_instructions_keep_the_finished_steps() -> None:
    begun = transitions.record_image_step(job_in(S.PAID), IMAGE_STEP).job
    assert transitions.update_instructions(begun, begun) is None
