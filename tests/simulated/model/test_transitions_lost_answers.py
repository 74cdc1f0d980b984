"""Lost answers, charge by charge: which answers count as lost, can be looked up, or are sent again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.errors import ConflictError
from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, MoneyStatus
from backdrop.model.provider_result import ProviderResult
from backdrop.model.transitions import ClaimLimits
from tests.simulated.stage_worlds import (
    BACKOFF,
    LEASE,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNREACHED,
    build_called_job,
    build_job,
    build_job_called_twice,
    claim,
    job_in,
)

S = JobStatus
OUR_ID = "our-id"
LATER = LEASE + timedelta(minutes=6)
NOT_TAKEN = pytest.mark.parametrize("answer", [THROTTLED, BACKOFF, UNREACHED], ids=["throttled", "busy", "unreached"])


def claim_with_our_id() -> Job:
    """Returns a job whose call is in flight under our ID."""
    lease_until = NOW + timedelta(minutes=6)
    step = transitions.claim(
        build_job(),
        now=NOW,
        lease_until=lease_until,
        price=PRICE,
        limits=ClaimLimits(PRICE),
        provider_id=OUR_ID,
    )
    return step.job


def build_lost_job_with_our_id() -> Job:
    """Returns a job whose answer was lost. Its provider can look up the call by our ID."""
    return transitions.record_result(claim_with_our_id(), 1, LOST, NOW).job


def find_attempt(job: Job, n: int = 1) -> Attempt:
    found = job.find_attempt(n)
    assert found
    return found


def test_crash_during_a_call_is_counted_once() -> None:
    marked = transitions.begin_processing(build_job(), NOW, LEASE).job
    lost = transitions.expire_lease(claim(marked).job, LATER).job
    assert transitions.begin_processing(lost, LATER, LATER + timedelta(minutes=6)).job.crash_count == 1


# -- a second call -----------------------------------------------------------------------------------------------


def test_lost_charge_stays_unknown_next_to_the_second_call() -> None:
    second = claim(job_in(S.UNKNOWN)).job
    assert (second.attempt_no, second.charged, second.unknown) == (2, 0, 2 * PRICE)
    assert [one.outcome for one in second.attempts] == [AttemptOutcome.LOST, AttemptOutcome.IN_FLIGHT]
    good = transitions.record_result(second, 2, OK, NOW).job
    assert (good.status, good.paid_attempt_no, good.charged, good.unknown) == (S.PAID, 2, PRICE, PRICE)


def test_both_charges_count_when_the_lost_answer_arrives() -> None:
    good = build_job_called_twice(OK)
    step = transitions.record_result(good, 1, OK, NOW)
    assert (step.job.status, step.job.paid_attempt_no, step.job.charged, step.job.unknown) == (S.PAID, 2, 2 * PRICE, 0)
    assert step.budget_change
    assert (step.budget_change.confirmed, step.budget_change.unknown) == (PRICE, -PRICE)


@NOT_TAKEN
def test_rejected_second_call_leaves_the_first_charge_unknown(answer: ProviderResult) -> None:
    """The job is neither accepted again, as if nothing had happened, nor counted as a second loss."""
    job = build_job_called_twice(answer)
    assert (job.status, job.possible_charge_count, job.unknown) == (S.UNKNOWN, 1, PRICE)


@NOT_TAKEN
def test_lost_call_that_was_rejected_after_all_starts_again(answer: ProviderResult) -> None:
    job = transitions.record_result(job_in(S.UNKNOWN), 1, answer, NOW).job
    assert (job.status, job.possible_charge_count, job.unknown, job.problem) == (S.ACCEPTED, 0, 0, None)


@pytest.mark.parametrize(("answer", "end"), [(REJECTED, S.DEAD), (REFUSED, S.REFUSED)], ids=["rejected", "refused"])
def test_permanently_refused_second_call_ends_with_unknown_charge(answer: ProviderResult, end: JobStatus) -> None:
    job = build_job_called_twice(answer)
    assert (job.status, job.unknown) == (end, PRICE)
    assert job.problem
    assert job.problem.money is MoneyStatus.UNKNOWN
    assert transitions.reopen(job, job, NOW) is None


@pytest.mark.parametrize("end", [S.SUPERSEDED, S.CANCELLED])
def test_unneeded_lost_call_is_not_sent_again(end: JobStatus) -> None:
    with pytest.raises(ConflictError):
        claim(replace(job_in(S.UNKNOWN), end_after_call=end))


def test_each_lost_answer_of_the_current_charge_counts() -> None:
    job = job_in(S.UNKNOWN)
    assert job.possible_charge_count == 1
    job = transitions.record_result(claim(job).job, 2, LOST, NOW).job
    assert (job.status, job.possible_charge_count, job.unknown) == (S.UNKNOWN, 2, 2 * PRICE)
    again = transitions.pay_again(transitions.hold(job, NOW).job, NOW).job
    assert (again.possible_charge_count, again.unknown) == (0, 2 * PRICE)
    assert transitions.record_result(claim(again).job, 3, LOST, NOW).job.possible_charge_count == 1


def test_lost_answer_reports_how_often_it_was_lost() -> None:
    job = build_job_called_twice(LOST)
    assert job.problem
    assert (job.problem.occurrences, job.problem.money) == (2, MoneyStatus.UNKNOWN)


# -- the provider's own ID for its work --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN, S.HELD])
def test_provider_id_is_recorded_after_the_worker_died(status: JobStatus) -> None:
    job = job_in(status)
    step = transitions.acknowledge(job, 1, "work-1")
    assert (find_attempt(step.job).provider_id, step.job.status, step.budget_change) == ("work-1", status, None)


def test_provider_id_belongs_to_its_own_call() -> None:
    job = transitions.acknowledge(claim(job_in(S.UNKNOWN)).job, 1, "work-1").job
    assert [one.provider_id for one in job.attempts] == ["work-1", None]
    with pytest.raises(ConflictError):
        transitions.acknowledge(job, 3, "work-3")


# -- workers that park a call, and workers that crash -------------------------------------------------------------


def test_parked_call_can_be_taken_over_immediately() -> None:
    later = NOW + timedelta(minutes=1)
    parked = transitions.park(job_in(S.SUBMITTING), later).job
    assert (find_attempt(parked).lease_until, find_attempt(parked).is_parked, parked.crash_count) == (later, True, 0)
    taken = transitions.renew_lease(parked, later, LEASE).job
    assert (taken.status, taken.attempt_no, taken.crash_count) == (S.SUBMITTING, 1, 0)
    assert (find_attempt(taken).lease_until, find_attempt(taken).is_parked) == (LEASE, False)


def test_crash_is_counted_when_the_lease_has_expired() -> None:
    job = job_in(S.SUBMITTING)
    with pytest.raises(ConflictError):
        transitions.renew_lease(job, LEASE - timedelta(seconds=1), LEASE)
    for crashes in (1, 2, 3):
        job = transitions.renew_lease(job, find_attempt(job).lease_until, find_attempt(job).lease_until).job
        assert (job.status, job.attempt_no, job.crash_count) == (S.SUBMITTING, 1, crashes)
    lost = transitions.expire_lease(job, LEASE).job
    assert (lost.status, lost.crash_count) == (S.UNKNOWN, 4)


def test_taken_over_call_keeps_its_reservation() -> None:
    job = job_in(S.SUBMITTING)
    for step in (transitions.park(job, NOW), transitions.renew_lease(job, LEASE, LEASE)):
        assert (step.budget_change, step.job.unknown, len(step.job.attempts)) == (None, PRICE, 1)


def test_picture_resets_the_crashes_before_it() -> None:
    job = transitions.renew_lease(job_in(S.SUBMITTING), LEASE, LEASE).job
    assert transitions.record_result(job, 1, OK, NOW).job.crash_count == 0


# -- sending the same call again ----------------------------------------------------------------------------------


def test_resent_call_keeps_its_id_and_reserves_once() -> None:
    step = transitions.resend_call(build_lost_job_with_our_id(), LEASE)
    again = find_attempt(step.job)
    assert (step.job.status, step.job.attempt_no, len(step.job.attempts)) == (S.SUBMITTING, 1, 1)
    assert (again.provider_id, again.outcome, again.lease_until) == (OUR_ID, AttemptOutcome.IN_FLIGHT, LEASE)
    assert (again.reserved, again.unknown) == (PRICE, 0)
    assert step.budget_change
    assert (step.budget_change.reserved, step.budget_change.unknown, step.budget_change.total) == (PRICE, -PRICE, 0)
    assert step.budget_change.claim is None


def test_call_that_is_lost_again_counts_as_one_loss() -> None:
    job = transitions.record_result(transitions.resend_call(build_lost_job_with_our_id(), LEASE).job, 1, LOST, NOW).job
    assert (job.status, job.possible_charge_count, job.unknown) == (S.UNKNOWN, 1, PRICE)
    assert job.problem
    assert job.problem.occurrences == 2


@NOT_TAKEN
def test_rejected_resend_shows_nothing_about_the_first_send(answer: ProviderResult) -> None:
    """The first send may have been charged. If its amount were released, the bill could exceed the ledger's total."""
    again = transitions.resend_call(build_lost_job_with_our_id(), LEASE).job
    step = transitions.record_result(again, 1, answer, NOW)
    assert (step.job.status, step.job.possible_charge_count, step.job.unknown) == (S.UNKNOWN, 1, PRICE)
    assert step.budget_change
    assert (step.budget_change.reserved, step.budget_change.unknown) == (-PRICE, PRICE)
    assert transitions.resend_call(step.job, LEASE).job.status is S.SUBMITTING


@NOT_TAKEN
def test_answer_that_is_recorded_twice_is_charged_once(answer: ProviderResult) -> None:
    """The second time, the job may be in any status."""
    once = build_called_job(answer)
    if once.find_attempt(1):
        twice = transitions.record_result(once, 1, answer, NOW)
        assert (twice.job, twice.budget_change) == (once, None)
    for status in (S.PAID, S.STORED, S.DEAD, S.REFUSED):
        assert transitions.record_result(job_in(status), 1, answer, NOW) == transitions.Transition(job_in(status))


@pytest.mark.parametrize("answer", [REFUSED, REJECTED, LOST], ids=["refused", "rejected", "lost"])
def test_resend_without_result_keeps_what_was_found_meanwhile(answer: ProviderResult) -> None:
    """Two workers had the same message: one looked the result up, the other sent the call again."""
    again = transitions.resend_call(build_lost_job_with_our_id(), LATER).job
    paid = transitions.record_result(again, 1, OK, NOW).job
    assert transitions.record_result(paid, 1, answer, NOW) == transitions.Transition(paid)


@pytest.mark.parametrize("end", [S.SUPERSEDED, S.CANCELLED])
def test_unneeded_call_is_not_resent_under_its_id(end: JobStatus) -> None:
    with pytest.raises(ConflictError):
        transitions.resend_call(replace(build_lost_job_with_our_id(), end_after_call=end), LATER)


def test_call_without_our_id_is_never_resent() -> None:
    with pytest.raises(ConflictError):
        transitions.resend_call(job_in(S.UNKNOWN), LEASE)


# -- processing marks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PAID])
def test_expired_processing_mark_is_a_crash(status: JobStatus) -> None:
    processing = transitions.begin_processing(job_in(status), NOW, LEASE).job
    assert (processing.processing_until, processing.crash_count) == (LEASE, 0)
    again = transitions.begin_processing(processing, LEASE, LATER).job
    assert (again.processing_until, again.crash_count) == (LATER, 1)


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PAID])
def test_job_is_not_marked_while_another_mark_is_in_force(status: JobStatus) -> None:
    """The mark belongs to another message of the same job that arrived at the same time."""
    processing = transitions.begin_processing(job_in(status), NOW, LEASE).job
    with pytest.raises(ConflictError):
        transitions.begin_processing(processing, LEASE - timedelta(seconds=1), LATER)


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PAID])
def test_successful_delivery_resets_the_crash_count(status: JobStatus) -> None:
    """Only five crashes in a row end a job. A photo that a worker can process does not crash its workers."""
    crashed = transitions.begin_processing(
        transitions.begin_processing(job_in(status), NOW, LEASE).job, LEASE, LATER
    ).job
    left = transitions.end_processing(crashed, LATER).job
    assert (left.processing_until, left.crash_count) == (None, 0)


@pytest.mark.parametrize(("status", "is_sent_again_later"), [(S.ACCEPTED, False), (S.PAID, True)])
def test_returned_message_of_a_paid_job_counts_as_sent(status: JobStatus, is_sent_again_later: bool) -> None:
    """A lane's message keeps its age when it returns, and is deleted after four days."""
    processing = transitions.begin_processing(job_in(status), NOW, LEASE).job
    left = transitions.end_processing(processing, LATER).job
    assert left.last_sent_at == (LATER if is_sent_again_later else processing.last_sent_at)


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PAID])
def test_every_step_of_the_job_removes_the_mark(status: JobStatus) -> None:
    processing = transitions.begin_processing(job_in(status), NOW, LEASE).job
    moved = claim(processing).job if status is S.ACCEPTED else transitions.store(processing, (), (), NOW).job
    assert moved.processing_until is None
