"""The transitions around the paid call: claim it, record its ID, record its result, and recover a lost result."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from backdrop.model.advice import Advice
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, ConflictError
from backdrop.model.job import (
    IN_FLIGHT_STATUSES,
    Attempt,
    AttemptOutcome,
    Job,
    JobStatus,
    MoneyStatus,
    Problem,
    Settlement,
    SettlementResult,
    Suspicion,
    has_recognized_picture,
)
from backdrop.model.pricing import BILL_PROVIDER
from backdrop.model.provider_result import NOT_TAKEN_CLASSES, ProviderResult, RetryClass
from backdrop.model.retries import explain_retry_end, should_keep_retrying
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.model.sentence import Sentence
from backdrop.model.transitions.lifecycle import (
    BudgetChange,
    ClaimLimits,
    Transition,
    build_content_owner,
    end_job,
    end_retry,
    end_unneeded_job,
    replace_attempt,
    require_status,
    with_mandate,
)

MAX_NOT_TAKEN_ATTEMPTS = 10
# How long a job waits for the usage records. The slowest setting of BillFinalMinutes needs about 27 hours.
MAX_BILL_WAIT = timedelta(hours=48)
# The basis of a charge that the provider's usage records prove.
BILL_BASIS = "bill"
# What a person can do about a held job, as far as the usage records tell.
_SETTLED_ADVICE = {
    SettlementResult.CHARGED: Advice.from_text(
        "To buy the picture again, run `backdrop redrive --pay-again`; it is charged a second time", for_operator=True
    ),
    SettlementResult.NOT_CHARGED: Advice.from_text(
        "Run `backdrop redrive`; the picture is then charged once", for_operator=True
    ),
    SettlementResult.UNDECIDED: Advice.from_text(
        "To buy the picture again, run `backdrop redrive --pay-again`; it may be charged a second time",
        for_operator=True,
    ),
}
_SETTLED_MESSAGES = {
    SettlementResult.CHARGED: "The answer was lost, and the provider's usage records show that the call was charged.",
    SettlementResult.NOT_CHARGED: (
        "The answer was lost, and the provider's usage records show that the call was not charged."
    ),
    SettlementResult.REOPENED: (
        "The answer was lost. The provider's usage records no longer show what they had shown, so it is unknown again "
        "whether the call was charged."
    ),
    SettlementResult.UNDECIDED: (
        "The answer was lost. The provider's usage records show how many of several such calls were charged, but not "
        "whether this one was."
    ),
    None: "The answer was lost, and it is unknown whether the call was charged.",
}
# In these states, a job still accepts a usable result, even a late one.
LATE_RESULT_STATUSES = frozenset(
    {JobStatus.ACCEPTED, JobStatus.SUBMITTING, JobStatus.UNKNOWN, JobStatus.HELD, JobStatus.DEAD}
)


def claim(
    job: Job,
    *,
    now: datetime,
    lease_until: datetime,
    price: int,
    limits: ClaimLimits,
    endpoint: str | None = None,
    provider_id: str | None = None,
    probe: bool = False,
) -> Transition:
    """accepted, unknown → submitting: opens the next attempt and reserves its price, in micro-dollars.

    If the photo's folder has got a mandate since an earlier call, the job becomes the owner of that mandate's content.
    """
    require_status(job, JobStatus.ACCEPTED, JobStatus.UNKNOWN)
    if job.end_after_call:
        raise ConflictError
    n = job.attempt_no + 1
    day = now.date().isoformat()
    mandate = limits.account.mandate.name if limits.account else None
    has_new_mandate = mandate != job.mandate
    job = with_mandate(job, mandate) if has_new_mandate else job
    attempt = Attempt(
        n=n,
        provider=job.provider,
        endpoint=endpoint,
        provider_id=provider_id,
        submitted_at=now,
        lease_until=lease_until,
        budget_day=day,
        reserved=price,
        charge_no=job.charge_no,
        is_probe=probe,
        mandate=mandate,
        budget_share=limits.share,
    )
    claimed = replace(
        job,
        status=JobStatus.SUBMITTING,
        quoted=price,
        attempt_no=n,
        attempts=(*job.attempts, attempt),
        submitted_at=job.submitted_at or now,
        processing_until=None,
        bill_wait_until=None,
    )
    budget_change = BudgetChange(day, job.provider, mandate, reserved=price, claim=limits, share=limits.share)
    return Transition(claimed, budget_change, content_owner=build_content_owner(claimed) if has_new_mandate else None)


def acknowledge(job: Job, n: int, provider_id: str) -> Transition:
    """Records the provider's ID for the work, so that it can be looked up even if this worker crashes."""
    attempt = job.find_attempt(n)
    if attempt is None or attempt.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        raise ConflictError
    return Transition(replace_attempt(job, replace(attempt, provider_id=provider_id)))


def park(job: Job, now: datetime) -> Transition:
    """submitting → submitting: the worker runs out of time while the provider works. The next worker need not wait."""
    require_status(job, JobStatus.SUBMITTING)
    return Transition(_with_lease(job, now, parked=True))


def renew_lease(job: Job, now: datetime, lease_until: datetime) -> Transition:
    """submitting → submitting: the lease has expired, and another worker takes over the same attempt."""
    require_status(job, JobStatus.SUBMITTING)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or now < attempt.lease_until:
        raise ConflictError
    job = job if attempt.is_parked else _count_crash(job)
    return Transition(_with_lease(job, lease_until, parked=False))


def resend_call(job: Job, lease_until: datetime) -> Transition:
    """unknown → submitting: sends the same attempt again under the same ID, so the provider charges once."""
    require_status(job, JobStatus.UNKNOWN)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or attempt.provider_id is None or job.end_after_call:
        raise ConflictError
    budget_change = BudgetChange.of_attempt(attempt, reserved=attempt.unknown, unknown=-attempt.unknown)
    resent = replace(
        attempt,
        outcome=AttemptOutcome.IN_FLIGHT,
        reserved=attempt.unknown,
        unknown=0,
        send_count=attempt.send_count + 1,
    )
    job = replace_attempt(replace(job, status=JobStatus.SUBMITTING, bill_wait_until=None), resent)
    return Transition(_with_lease(job, lease_until, parked=False), budget_change)


def _with_lease(job: Job, lease_until: datetime, *, parked: bool) -> Job:
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None:
        raise ConflictError
    return replace_attempt(job, replace(attempt, lease_until=lease_until, is_parked=parked))


def record_result(job: Job, n: int, result: ProviderResult, now: datetime) -> Transition:
    """Records the result of attempt `n`. Possible in every state, because the charge happened regardless."""
    before, result = job.find_attempt(n), result.for_ledger
    if before is None:
        raise ConflictError
    if result.retry_class in NOT_TAKEN_CLASSES:
        return _release_reservation(job, before, result, now)
    if _leaves_cost_unknown(before, result) and before.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        return Transition(job)
    after = _settle_attempt(before, result)
    budget_change = BudgetChange.of_attempt(
        before,
        reserved=-before.reserved,
        confirmed=after.charged - before.charged,
        unknown=after.unknown - before.unknown,
        is_lost=after.outcome is AttemptOutcome.LOST,
    )
    job = _apply_result(replace_attempt(job, after), n, result, now)
    return Transition(_sync_problem_money(job), budget_change)


def _sync_problem_money(job: Job) -> Job:
    """The problem of an ended job reports the charges of all its attempts."""
    return replace(job, problem=replace(job.problem, money=job.money)) if job.has_ended and job.problem else job


def _settle_attempt(attempt: Attempt, result: ProviderResult) -> Attempt:
    outcomes = {
        RetryClass.OK: AttemptOutcome.ANSWERED,
        RetryClass.PERM: AttemptOutcome.REJECTED,
        RetryClass.AMBIG: AttemptOutcome.LOST,
    }
    lost, keeps_charge = _leaves_cost_unknown(attempt, result), _keeps_settled_charge(attempt, result)
    return replace(
        attempt,
        reserved=0,
        charged=result.charged if result.money is MoneyStatus.SPENT else attempt.charged,
        unknown=(attempt.reserved or attempt.unknown) if lost else 0,
        outcome=AttemptOutcome.LOST if lost else outcomes[result.retry_class],
        basis=attempt.basis if keeps_charge else result.basis,
        settlement=attempt.settlement if lost or keeps_charge else None,
    )


def _keeps_settled_charge(attempt: Attempt, result: ProviderResult) -> bool:
    """Whether the usage records remain the only proof of a charge. An answer that names a cost replaces them."""
    return attempt.is_settled(SettlementResult.CHARGED) and result.money is not MoneyStatus.SPENT


def _leaves_cost_unknown(attempt: Attempt, result: ProviderResult) -> bool:
    """A refused resend leaves the cost unknown too, because it proves nothing about the first send."""
    is_denied_resend = (
        result.retry_class is RetryClass.PERM and attempt.send_count > 1 and not result.charged and not result.is_final
    )
    return result.retry_class is RetryClass.AMBIG or is_denied_resend


def _apply_result(job: Job, n: int, result: ProviderResult, now: datetime) -> Job:
    """Returns the job in the state that follows from the result; unchanged if the job has continued without it."""
    if result.is_usable:
        if job.status in LATE_RESULT_STATUSES or (
            job.status is JobStatus.PAID
            and has_recognized_picture(result.links)
            and not has_recognized_picture(job.links)
        ):
            return replace(
                job,
                status=JobStatus.PAID,
                paid_attempt_no=n,
                links=result.links,
                reviews=(),
                image_steps=(),
                paid_at=now,
                last_sent_at=now,
                problem=None,
                ended_at=None,
                announced=False,
                processing_until=None,
                crash_count=0,
            )
        return job
    if n != job.attempt_no or job.status not in IN_FLIGHT_STATUSES:
        return job
    if result.retry_class is RetryClass.AMBIG and not result.is_final:
        return replace(job, status=JobStatus.UNKNOWN, problem=_build_problem(job, result, now), has_report=True)
    code = result.code or Code.UNSAFE_RESULT
    return end_job(job, JobStatus(ERROR_CATALOG[code].disposition), _build_problem(job, result, now), now)


def _build_problem(job: Job, result: ProviderResult, now: datetime) -> Problem:
    error = BackdropError(result.code or Code.UNSAFE_RESULT, result.message)
    return Problem.from_error(error, now, result.money).with_history(job.problem)


def _release_reservation(job: Job, attempt: Attempt, result: ProviderResult, now: datetime) -> Transition:
    """submitting → accepted: the provider provably did not accept the call, so its reservation is released."""
    if attempt.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        return Transition(job)
    if attempt.settlement and attempt.settlement.is_final:
        return Transition(job)
    if attempt.send_count > 1 and not result.is_final:
        return _keep_lost(job, attempt)
    attempts = _drop_old_releases(job.attempts, attempt.n)
    if result.retry_class is not RetryClass.QUOTA:
        not_taken = replace(
            attempt,
            reserved=0,
            unknown=0,
            outcome=AttemptOutcome.NOT_TAKEN,
            suspicion=result.suspicion,
            settlement=None,
        )
        attempts = (*attempts, not_taken)
    released = replace(job, attempts=attempts)
    if result.is_final and attempt.charge_no == job.charge_no:
        released = replace(released, charge_no=job.charge_no + 1)
    if job.status in IN_FLIGHT_STATUSES and job.attempt_no == attempt.n:
        released = _release_job(released, now)
    budget_change = BudgetChange.of_attempt(attempt, reserved=-attempt.reserved, unknown=-attempt.unknown)
    return Transition(_sync_problem_money(released), budget_change)


def _keep_lost(job: Job, attempt: Attempt) -> Transition:
    """A resend that the provider did not accept proves nothing about the first send."""
    budget_change = BudgetChange.of_attempt(attempt, reserved=-attempt.reserved, unknown=attempt.reserved)
    unknown = attempt.unknown + attempt.reserved
    job = replace_attempt(job, replace(attempt, outcome=AttemptOutcome.LOST, reserved=0, unknown=unknown))
    is_current = job.status is JobStatus.SUBMITTING and job.attempt_no == attempt.n
    return Transition(_sync_problem_money(replace(job, status=JobStatus.UNKNOWN) if is_current else job), budget_change)


def _release_job(job: Job, now: datetime) -> Job:
    """Returns the job without its call: still unknown if an earlier result is lost, otherwise accepted again."""
    if job.possible_charge_count:
        return replace(job, status=JobStatus.UNKNOWN)
    if job.end_after_call:
        return end_unneeded_job(job, job.end_after_call, now)
    if job.is_retrying and not should_keep_retrying(job):
        return end_retry(job, explain_retry_end(job), now)
    problem = None if job.status is JobStatus.UNKNOWN else job.problem
    # A job that waits for the bill has no message, so that of the accepted job is due at once: reconcile sends it.
    last_sent_at = now - MESSAGE_LIFETIME if job.waits_for_bill else job.last_sent_at
    return replace(job, status=JobStatus.ACCEPTED, problem=problem, last_sent_at=last_sent_at)


def _drop_old_releases(attempts: Iterable[Attempt], n: int) -> tuple[Attempt, ...]:
    """Drops attempt `n` and the oldest of the attempts that were not accepted, so that they do not fill the item.

    Failures that count toward the job's attempt limit stay; there are few of them.
    """
    others = [attempt for attempt in attempts if attempt.n != n]
    droppable = (attempt for attempt in others if attempt.suspicion is not Suspicion.FAILURE)
    released = [attempt.n for attempt in droppable if attempt.outcome is AttemptOutcome.NOT_TAKEN]
    dropped = set(released[: -(MAX_NOT_TAKEN_ATTEMPTS - 1)])
    return tuple(attempt for attempt in others if attempt.n not in dropped)


def expire_lease(job: Job, now: datetime) -> Transition:
    """submitting → unknown: the worker crashed and its lease has expired, so the result is lost."""
    require_status(job, JobStatus.SUBMITTING)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or now < attempt.lease_until:
        raise ConflictError
    lost = ProviderResult.lost("The worker crashed between the call and the record of its result.")
    return record_result(_count_crash(job), job.attempt_no, lost, now)


def _count_crash(job: Job) -> Job:
    """Also removes the delivery's mark, so that the next delivery does not count the same crash again."""
    return replace(job, processing_until=None, crash_count=job.crash_count + 1)


def hold(job: Job, now: datetime) -> Transition:
    """unknown → held: the call cannot be looked up, so an operator must decide about the money."""
    require_status(job, JobStatus.UNKNOWN)
    return Transition(_hold(job, now))


def _hold(job: Job, now: datetime) -> Job:
    message = job.problem.message if job.problem else "The result was lost."
    error = BackdropError(Code.CHARGE_UNKNOWN, message)
    job = end_job(job, JobStatus.HELD, Problem.from_error(error, now, job.money), now)
    return _explain_settlements(job) if any(call.settlement for call in job.lost_calls) else job


def can_wait_for_bill(job: Job) -> bool:
    """Whether the usage records may allow to send the job's lost call once more, which happens at most once.

    Not if nothing would be sent: the pictures are no longer needed, or there are paid ones to deliver instead.
    """
    is_wanted = job.end_after_call is None and not job.is_retrying
    calls = job.lost_calls
    return is_wanted and len(calls) == 1 and calls[0].provider == BILL_PROVIDER and calls[0].unknown > 0


def wait_for_bill(job: Job, now: datetime) -> Transition:
    """unknown: the job needs no worker until the usage records show whether its lost call was charged."""
    require_status(job, JobStatus.UNKNOWN)
    if not can_wait_for_bill(job):
        raise ConflictError
    until = now + MAX_BILL_WAIT
    advice = Advice.from_text(
        "You do not need to do anything. The job waits for Ideogram's usage records, until "
        f"{until:%Y-%m-%d %H:%M} UTC at the latest. If they show that the call was not charged, it is sent once more, "
        "unless its picture is no longer needed. If it was charged, or that stays unknown, the job is held"
    )
    problem = replace(job.problem, advice=advice) if job.problem else None
    return Transition(replace(job, problem=problem, bill_wait_until=until, processing_until=None, crash_count=0))


# -- settlements by the provider's usage records -----------------------------------------------------------------------


def settle(job: Job, n: int, settlement: Settlement) -> Transition:
    """Any state: the usage records show whether a call whose answer was lost was charged, or how many of several were.

    The money changes on the day of the claim. A call that failed, and was billed all the same, becomes charged, too.
    """
    before = job.find_attempt(n)
    if (
        before is None
        or before.outcome is AttemptOutcome.IN_FLIGHT
        or (before.settlement and before.settlement.is_final)
    ):
        raise ConflictError
    if before.outcome is not AttemptOutcome.LOST and (before.charged or before.unknown):
        raise ConflictError
    if before.outcome is AttemptOutcome.LOST and before.unknown != settlement.amount:
        raise ConflictError
    after = replace(before, settlement=settlement)
    if settlement.is_final:
        charged = settlement.amount if settlement.result is SettlementResult.CHARGED else 0
        after = replace(
            after, unknown=0, charged=before.charged + charged, basis=BILL_BASIS if charged else before.basis
        )
    return _change_settled_money(job, before, after, settlement)


def _continue_after_settlement(job: Job, attempt: Attempt, settlement: Settlement) -> Job:
    """A job that waits for the bill continues: → accepted if its call was not charged, otherwise → held.

    A failure that was billed does not end the wait, because its call is not the one that the job waits for.
    accepted → held if the records changed: the call may have been charged after all, so it must not be sent again.
    """
    now = settlement.settled_at
    if attempt.charge_no != job.charge_no or attempt.outcome is not AttemptOutcome.LOST:
        return job
    if job.waits_for_bill:
        if not job.possible_charge_count:
            return _release_job(job, now)
        return _hold(job, now)
    is_withdrawn = settlement.result is SettlementResult.REOPENED and job.status is JobStatus.ACCEPTED
    return _hold(job, now) if is_withdrawn else job


def reopen_settlement(job: Job, n: int, now: datetime) -> Transition:
    """Any state: the usage records changed after the call was settled, so its charge is unknown again.

    A call that failed counts as not charged again, until the records show that it was billed.
    """
    before = job.find_attempt(n)
    settlement = before.settlement if before else None
    if before is None or settlement is None or not settlement.is_final:
        raise ConflictError
    reopened = replace(
        settlement,
        result=SettlementResult.REOPENED,
        settled_at=now,
        reopened_count=settlement.reopened_count + 1,
    )
    charged = settlement.amount if settlement.result is SettlementResult.CHARGED else 0
    after = replace(
        before,
        charged=before.charged - charged,
        unknown=settlement.amount if before.outcome is AttemptOutcome.LOST else 0,
        basis=ProviderResult.basis,
        settlement=reopened,
    )
    return _change_settled_money(job, before, after, reopened)


def confirm_settlement(job: Job, n: int, settlement: Settlement) -> Transition:
    """Any state: the usage records changed, but still prove what they had proved about the call."""
    before = job.find_attempt(n)
    if before is None or before.settlement is None or not before.is_settled(settlement.result):
        raise ConflictError
    if before.settlement.amount != settlement.amount:
        raise ConflictError
    confirmed = replace(
        settlement, settled_at=before.settlement.settled_at, reopened_count=before.settlement.reopened_count
    )
    return Transition(replace_attempt(job, replace(before, settlement=confirmed)))


def withdraw_count(job: Job, n: int) -> Transition:
    """Any state: the usage records no longer show how many calls were charged of several that include this one."""
    before = job.find_attempt(n)
    if before is None or before.settlement is None or not before.is_settled(SettlementResult.UNDECIDED):
        raise ConflictError
    # A call that was settled once stays reopened, which tells a second correction from the first.
    reopened = replace(before.settlement, result=SettlementResult.REOPENED)
    after = replace(before, settlement=reopened if reopened.reopened_count else None)
    job = replace_attempt(job, after)
    return Transition(_explain_settlements(job) if job.status is JobStatus.HELD else job)


def _explain_settlements(job: Job) -> Job:
    """Says why a job is held, as far as the usage records tell about all of its lost calls."""
    if job.problem is None:
        return job
    results = {call.settlement.result if call.settlement else None for call in job.lost_calls}
    if results == {SettlementResult.NOT_CHARGED}:
        result = SettlementResult.NOT_CHARGED
    else:
        decisive = (SettlementResult.CHARGED, SettlementResult.REOPENED, SettlementResult.UNDECIDED)
        result = next((one for one in decisive if one in results), None)
    message, advice = Sentence(_SETTLED_MESSAGES[result]), _SETTLED_ADVICE.get(result) if result else None
    return replace(job, problem=replace(job.problem, message=message, advice=advice))


def _change_settled_money(job: Job, before: Attempt, after: Attempt, settlement: Settlement) -> Transition:
    job = _continue_after_settlement(replace_attempt(job, after), after, settlement)
    confirmed, unknown = after.charged - before.charged, after.unknown - before.unknown
    if job.status is JobStatus.HELD:
        job = _explain_settlements(job)
    if job.status is JobStatus.REFUSED and job.charged:
        # Nothing else tells the operator that a failure was charged.
        job = replace(job, status=JobStatus.DEAD)
    budget_change = BudgetChange.of_attempt(before, confirmed=confirmed, unknown=unknown)
    return Transition(_sync_problem_money(job), budget_change if confirmed or unknown else None)
