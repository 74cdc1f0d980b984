"""The transitions around the paid call: claim it, know its id, write its answer down, look for a lost answer."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError, StaleError
from backdrop.model.job import Attempt, Job, Money, Outcome, Problem, Status, Suspicion, shows
from backdrop.model.provider_result import NOT_TAKEN, Answer, Class
from backdrop.model.transitions.transition import Booking, Step, ended, only, with_attempt

KEPT_NOT_TAKEN = 10
# Where a usable answer, however late, is still what the job waits for.
USEFUL = frozenset({Status.ACCEPTED, Status.SUBMITTING, Status.UNKNOWN, Status.HELD, Status.DEAD})


def claim(
    job: Job,
    *,
    now: datetime,
    lease_until: datetime,
    price: int,
    cap: int,
    provider_id: str | None = None,
    probe: bool = False,
) -> Step:
    """accepted, unknown → submitting: open the next attempt, reserve its price (`price`, `cap`: micro-dollars)."""
    only(job, Status.ACCEPTED, Status.UNKNOWN)
    if job.unwanted:
        raise StaleError
    n = job.attempt + 1
    day = now.date().isoformat()
    attempt = Attempt(
        n=n,
        provider=job.provider,
        provider_id=provider_id,
        submitted_at=now,
        lease_until=lease_until,
        day=day,
        reserved=price,
        generation=job.generation,
        probe=probe,
    )
    claimed = job.but(
        status=Status.SUBMITTING,
        quoted=price,
        attempt=n,
        attempts=(*job.attempts, attempt),
        submitted_at=job.submitted_at or now,
        begun_until=None,
    )
    return Step(claimed, Booking(day, job.provider, reserved=price, cap=cap))


def acknowledge(job: Job, n: int, provider_id: str) -> Step:
    """The provider named its work: from now on it can be asked about it, whatever becomes of this worker."""
    attempt = job.attempt_of(n)
    if attempt is None or attempt.outcome not in (Outcome.IN_FLIGHT, Outcome.LOST):
        raise StaleError
    return Step(with_attempt(job, attempt.but(provider_id=provider_id)))


def park(job: Job, now: datetime) -> Step:
    """submitting → submitting: the provider is still at work when this worker must go; the next one need not wait."""
    only(job, Status.SUBMITTING)
    return Step(_leased(job, now, parked=True))


def renew(job: Job, now: datetime, lease_until: datetime) -> Step:
    """submitting → submitting: another worker takes the same attempt over, since its lease is over."""
    only(job, Status.SUBMITTING)
    attempt = job.attempt_of(job.attempt)
    if attempt is None or now < attempt.lease_until:
        raise StaleError
    job = job if attempt.parked else _after_a_crash(job)
    return Step(_leased(job, lease_until, parked=False))


def send_again(job: Job, lease_until: datetime) -> Step:
    """unknown → submitting: the same attempt under the same id, which a provider that knows it never charges twice."""
    only(job, Status.UNKNOWN)
    attempt = job.attempt_of(job.attempt)
    if attempt is None or attempt.provider_id is None or job.unwanted:
        raise StaleError
    booked = Booking(attempt.day, attempt.provider, reserved=attempt.unknown, unknown=-attempt.unknown)
    asked = attempt.but(outcome=Outcome.IN_FLIGHT, reserved=attempt.unknown, unknown=0, sends=attempt.sends + 1)
    job = with_attempt(job.but(status=Status.SUBMITTING), asked)
    return Step(_leased(job, lease_until, parked=False), booked)


def _leased(job: Job, lease_until: datetime, *, parked: bool) -> Job:
    attempt = job.attempt_of(job.attempt)
    if attempt is None:
        raise StaleError
    return with_attempt(job, attempt.but(lease_until=lease_until, parked=parked))


def record(job: Job, n: int, answer: Answer, now: datetime) -> Step:
    """Write an answer to attempt `n` down: possible in every state, since the money has moved whatever came between."""
    before, answer = job.attempt_of(n), answer.recordable
    if before is None:
        raise StaleError
    if answer.kind in NOT_TAKEN:
        return _release(job, before, answer, now)
    if _says_nothing(before, answer) and before.outcome not in (Outcome.IN_FLIGHT, Outcome.LOST):
        return Step(job)
    after = before.but(**_settled(before, answer))
    booked = Booking(
        before.day,
        before.provider,
        reserved=-before.reserved,
        certain=after.charged - before.charged,
        unknown=after.unknown - before.unknown,
        lost=after.outcome is Outcome.LOST,
    )
    job = with_attempt(job, after)
    return Step(_truthful(job.but(**_fate(job, n, answer, now))), booked)


def _truthful(job: Job) -> Job:
    """What an ended job's problem says of money is what its attempts say."""
    return job.but(problem=job.problem.but(money=job.money)) if job.ended and job.problem else job


def _settled(attempt: Attempt, answer: Answer) -> dict[str, object]:
    outcomes = {Class.OK: Outcome.ANSWERED, Class.PERM: Outcome.REJECTED, Class.AMBIG: Outcome.LOST}
    lost = _says_nothing(attempt, answer)
    return {
        "reserved": 0,
        "charged": answer.charged if answer.money is Money.SPENT else attempt.charged,
        "unknown": (attempt.reserved or attempt.unknown) if lost else 0,
        "outcome": Outcome.LOST if lost else outcomes[answer.kind],
        "basis": answer.basis,
    }


def _says_nothing(attempt: Attempt, answer: Answer) -> bool:
    """Whether an answer leaves open what a call cost; that it was refused when it went out again does, too."""
    denied_again = answer.kind is Class.PERM and attempt.sends > 1 and not answer.charged and not answer.final
    return answer.kind is Class.AMBIG or denied_again


def _fate(job: Job, n: int, answer: Answer, now: datetime) -> dict[str, object]:
    """Where an answer moves its job; nowhere when the job has gone on without it."""
    if answer.usable:
        if job.status in USEFUL or (job.status is Status.PAID and shows(answer.links) and not shows(job.links)):
            return {**_paid(answer, now), "answered": n}
        return {}
    if n != job.attempt or job.status not in (Status.SUBMITTING, Status.UNKNOWN):
        return {}
    if answer.kind is Class.AMBIG and not answer.final:
        return {"status": Status.UNKNOWN, "problem": _problem(job, answer, now), "reported": True}
    code = answer.code or Code.UNSAFE_RESULT
    return ended(Status(CODES[code].end), _problem(job, answer, now), now)


def _paid(answer: Answer, now: datetime) -> dict[str, object]:
    return {
        "status": Status.PAID,
        "links": answer.links,
        "paid_at": now,
        "put_at": now,
        "problem": None,
        "ended_at": None,
        "told": False,
        "begun_until": None,
        "crashes": 0,
    }


def _problem(job: Job, answer: Answer, now: datetime) -> Problem:
    error = BackdropError(answer.code or Code.UNSAFE_RESULT, answer.message)
    return Problem.of(error, now, answer.money).since(job.problem)


def _release(job: Job, attempt: Attempt, answer: Answer, now: datetime) -> Step:
    """submitting → accepted: the provider provably took nothing, so the reservation goes back."""
    if attempt.outcome not in (Outcome.IN_FLIGHT, Outcome.LOST):
        return Step(job)
    if attempt.sends > 1 and not answer.final:
        return _still_lost(job, attempt)
    attempts = _without_old_releases(job.attempts, attempt.n)
    if answer.kind is not Class.QUOTA:
        nothing = {"reserved": 0, "unknown": 0, "outcome": Outcome.NOT_TAKEN, "suspicion": answer.suspicion}
        attempts = (*attempts, attempt.but(**nothing))
    changed: dict[str, object] = {"attempts": attempts}
    if answer.final and attempt.generation == job.generation:
        changed["generation"] = job.generation + 1
    if job.status in (Status.SUBMITTING, Status.UNKNOWN) and job.attempt == attempt.n:
        changed |= _back(job.but(**changed), now)
    booked = Booking(attempt.day, attempt.provider, reserved=-attempt.reserved, unknown=-attempt.unknown)
    return Step(_truthful(job.but(**changed)), booked)


def _still_lost(job: Job, attempt: Attempt) -> Step:
    """That a call was not taken when it went out again says nothing of the first time."""
    booked = Booking(attempt.day, attempt.provider, reserved=-attempt.reserved, unknown=attempt.reserved)
    unknown = attempt.unknown + attempt.reserved
    job = with_attempt(job, attempt.but(outcome=Outcome.LOST, reserved=0, unknown=unknown))
    current = job.status is Status.SUBMITTING and job.attempt == attempt.n
    return Step(_truthful(job.but(status=Status.UNKNOWN) if current else job), booked)


def _back(job: Job, now: datetime) -> Mapping[str, object]:
    """Where a job goes whose call was not taken: an earlier answer that is lost still is, else it begins anew."""
    if job.losses:
        return {"status": Status.UNKNOWN}
    if job.unwanted:
        return {"status": job.unwanted, "problem": None, "ended_at": now}
    return {"status": Status.ACCEPTED} | ({"problem": None} if job.status is Status.UNKNOWN else {})


def _without_old_releases(attempts: Iterable[Attempt], n: int) -> tuple[Attempt, ...]:
    """All but attempt `n` and the oldest of the many that took nothing: a storm must not fill the item.

    Failures that count toward the job's tries stay; there are few of them.
    """
    others = [attempt for attempt in attempts if attempt.n != n]
    passing = (attempt for attempt in others if attempt.suspicion is not Suspicion.FAILURE)
    released = [attempt.n for attempt in passing if attempt.outcome is Outcome.NOT_TAKEN]
    dropped = set(released[: -(KEPT_NOT_TAKEN - 1)])
    return tuple(attempt for attempt in others if attempt.n not in dropped)


def lose(job: Job, now: datetime) -> Step:
    """submitting → unknown: the worker died and its lease is over, so the answer is lost."""
    only(job, Status.SUBMITTING)
    attempt = job.attempt_of(job.attempt)
    if attempt is None or now < attempt.lease_until:
        raise StaleError
    lost = Answer.lost("The worker died between the call and the record of its answer.")
    return record(_after_a_crash(job), job.attempt, lost, now)


def _after_a_crash(job: Job) -> Job:
    """Counts the crash once: without its mark, the next delivery does not count it again."""
    return job.but(begun_until=None, crashes=job.crashes + 1)


def hold(job: Job, now: datetime) -> Step:
    """unknown → held: nobody can be asked, a person must decide about money."""
    only(job, Status.UNKNOWN)
    words = job.problem.message if job.problem else "The answer was lost."
    error = BackdropError(Code.CHARGE_UNKNOWN, words)
    return Step(job.but(**ended(Status.HELD, Problem.of(error, now, Money.UNKNOWN), now)))
