"""The state machine of money: every transition of a job, pure and in one place.

    accepted ─▶ submitting ─▶ paid ─▶ stored
       ▲            │ │         └────▶ dead (money: spent)
       │            │ └─▶ unknown ─▶ paid | accepted | refused | dead | held
       └────────────┘  provably not taken; written before any wait
    accepted ─▶ superseded | cancelled | refused | dead      submitting ─▶ refused | dead
    superseded, cancelled, refused, dead (not spent) ─▶ accepted       stored ─▶ paid (named again)

A transition returns a `Step`: the item as it shall be and what the day's budget books with it, to be written together
or not at all. Where a transition does not apply, it raises StaleError: the caller looks again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backdrop.core.answer import NOT_TAKEN, Answer, Class
from backdrop.core.codes import CODES, Code
from backdrop.core.errors import BackdropError, StaleError
from backdrop.core.job import FAILED, Attempt, Job, Money, Outcome, Problem, Result, Status

KEPT_NOT_TAKEN = 10
NOT_CURRENT = "not_current"
# Where a usable answer, however late, is still what the job waits for.
USEFUL = frozenset({Status.ACCEPTED, Status.SUBMITTING, Status.UNKNOWN, Status.HELD, Status.DEAD})


@dataclass(frozen=True)
class Booking:
    """What one transition changes on a day's budget, in micro-dollars; `cap` is set where it may fail."""

    day: str
    reserved: int = 0
    certain: int = 0
    unknown: int = 0
    cap: int | None = None

    @property
    def committed(self) -> int:
        return self.reserved + self.certain + self.unknown


@dataclass(frozen=True)
class Step:
    """One transition: the job as it shall be, and its booking."""

    job: Job
    booking: Booking | None = None


def claim(job: Job, *, now: datetime, lease_until: datetime, price: int, cap: int) -> Step:
    """accepted → submitting: open the next attempt and reserve its highest price (`price`, `cap`: micro-dollars)."""
    _only(job, Status.ACCEPTED)
    n = job.attempt + 1
    day = now.date().isoformat()
    attempt = Attempt(
        n=n,
        provider=job.provider,
        submitted_at=now,
        lease_until=lease_until,
        day=day,
        reserved=price,
    )
    claimed = job.but(
        status=Status.SUBMITTING,
        quoted=price,
        attempt=n,
        attempts=(*job.attempts, attempt),
        submitted_at=job.submitted_at or now,
    )
    return Step(claimed, Booking(day, reserved=price, cap=cap))


def record(job: Job, n: int, answer: Answer, now: datetime) -> Step:
    """Write an answer to attempt `n` down: possible in every state, since the money has moved whatever came between."""
    before = job.attempt_of(n)
    if before is None:
        raise StaleError
    if answer.kind in NOT_TAKEN:
        return _release(job, before, answer, now)
    after = before.but(**_settled(before, answer))
    booked = Booking(
        before.day,
        reserved=-before.reserved,
        certain=after.charged - before.charged,
        unknown=after.unknown - before.unknown,
    )
    job = _with_attempt(job, after)
    return Step(_truthful(job.but(**_fate(job, n, answer, now))), booked)


def _truthful(job: Job) -> Job:
    """What an ended job's problem says of money is what its attempts say."""
    return job.but(problem=job.problem.but(money=job.money)) if job.ended and job.problem else job


def _settled(attempt: Attempt, answer: Answer) -> dict[str, object]:
    outcomes = {Class.OK: Outcome.ANSWERED, Class.PERM: Outcome.REJECTED, Class.AMBIG: Outcome.LOST}
    lost = answer.kind is Class.AMBIG
    return {
        "reserved": 0,
        "charged": answer.charged if answer.money is Money.SPENT else attempt.charged,
        "unknown": (attempt.reserved or attempt.unknown) if lost else 0,
        "outcome": outcomes[answer.kind],
        "basis": answer.basis,
    }


def _fate(job: Job, n: int, answer: Answer, now: datetime) -> dict[str, object]:
    """Where an answer moves its job; nowhere when the job has gone on without it."""
    if answer.usable:
        if job.status in USEFUL:
            return {**_paid(answer, now), "answered": n}
        return {}
    if n != job.attempt or job.status not in (Status.SUBMITTING, Status.UNKNOWN):
        return {}
    if answer.kind is Class.AMBIG:
        return {"status": Status.UNKNOWN, "problem": _problem(job, answer, now)}
    code = answer.code or Code.UNSAFE_RESULT
    return _ended(job, Status(CODES[code].end), _problem(job, answer, now), now)


def _paid(answer: Answer, now: datetime) -> dict[str, object]:
    return {
        "status": Status.PAID,
        "links": answer.links,
        "paid_at": now,
        "problem": None,
        "ended_at": None,
        "told": False,
    }


def _problem(job: Job, answer: Answer, now: datetime) -> Problem:
    error = BackdropError(answer.code or Code.UNSAFE_RESULT, answer.message)
    return Problem.of(error, now, answer.money).since(job.problem)


def _release(job: Job, attempt: Attempt, answer: Answer, now: datetime) -> Step:
    """submitting → accepted: the provider provably took nothing, so the reservation goes back."""
    if attempt.outcome not in (Outcome.IN_FLIGHT, Outcome.LOST):
        raise StaleError
    attempts = _without_old_releases(job.attempts, attempt.n)
    if answer.kind is not Class.QUOTA:
        nothing = {"reserved": 0, "unknown": 0, "outcome": Outcome.NOT_TAKEN}
        attempts = (*attempts, attempt.but(**nothing))
    changed: dict[str, object] = {"attempts": attempts}
    if job.status in (Status.SUBMITTING, Status.UNKNOWN) and job.attempt == attempt.n:
        changed |= {"status": Status.ACCEPTED}
        if job.status is Status.UNKNOWN:
            changed["problem"] = None
        if job.unwanted:
            changed |= {"status": job.unwanted, "problem": None, "ended_at": now}
    booked = Booking(attempt.day, reserved=-attempt.reserved, unknown=-attempt.unknown)
    return Step(_truthful(job.but(**changed)), booked)


def _without_old_releases(attempts: Iterable[Attempt], n: int) -> tuple[Attempt, ...]:
    """All but attempt `n` and the oldest of the many that took nothing: a storm must not fill the item."""
    others = [attempt for attempt in attempts if attempt.n != n]
    released = [attempt.n for attempt in others if attempt.outcome is Outcome.NOT_TAKEN]
    dropped = set(released[: -(KEPT_NOT_TAKEN - 1)])
    return tuple(attempt for attempt in others if attempt.n not in dropped)


def lose(job: Job, now: datetime) -> Step:
    """submitting → unknown: the worker died and its lease is over, so the answer is lost."""
    _only(job, Status.SUBMITTING)
    attempt = job.attempt_of(job.attempt)
    if attempt is None or now < attempt.lease_until:
        raise StaleError
    lost = Answer(
        Class.AMBIG,
        Code.CHARGE_UNKNOWN,
        "The worker died between the call and the record of its answer.",
    )
    return record(job, job.attempt, lost, now)


def hold(job: Job, now: datetime) -> Step:
    """unknown → held: nobody can be asked, a person must decide about money."""
    _only(job, Status.UNKNOWN)
    words = job.problem.message if job.problem else "The answer was lost."
    error = BackdropError(Code.CHARGE_UNKNOWN, words)
    return Step(job.but(**_ended(job, Status.HELD, Problem.of(error, now, Money.UNKNOWN), now)))


def note(job: Job, problem: Problem) -> Step:
    """A waiting job says why it waits."""
    _only(job, Status.ACCEPTED, Status.PAID)
    return Step(job.but(problem=problem, reported=True))


def mark_told(job: Job) -> Step:
    """A failure is counted, and becomes a dead letter, once, however often its message comes."""
    _only(job, *FAILED)
    return Step(job.but(told=True))


def throttled(job: Job, waited_ms: int) -> Job:
    """Add to the milliseconds that the job has waited for a rate limit; written with its next transition."""
    return job.but(throttled_ms=job.throttled_ms + waited_ms)


def store(job: Job, results: tuple[Result, ...], warnings: Iterable[str], now: datetime) -> Step:
    """paid → stored: the pictures are handed over."""
    _only(job, Status.PAID)
    stored = {
        "status": Status.STORED,
        "results": results,
        "warnings": tuple(dict.fromkeys((*job.warnings, *warnings))),
        "problem": None,
        "stored_at": job.stored_at or now,
        "ended_at": now,
    }
    return Step(job.but(**stored))


def fail(job: Job, error: BackdropError, now: datetime) -> Step:
    """accepted → refused or dead, unpaid; paid → dead, spent: what was bought cannot be handed over."""
    _only(job, Status.ACCEPTED, Status.PAID)
    end = Status.DEAD if job.status is Status.PAID else Status(CODES[error.code].end)
    problem = Problem.of(error, now, job.money)
    return Step(job.but(**_ended(job, end, problem, now)))


def supersede(job: Job, now: datetime) -> Step | None:
    """The photo names the job no more; None where that changes nothing."""
    return _leave(job, Status.SUPERSEDED, now)


def cancel(job: Job, now: datetime) -> Step | None:
    """The photo was deleted; None where that changes nothing."""
    return _leave(job, Status.CANCELLED, now)


def _leave(job: Job, end: Status, now: datetime) -> Step | None:
    """accepted → superseded or cancelled, unpaid; a job whose call is out goes there if it comes back unpaid."""
    if job.status is Status.ACCEPTED:
        return Step(job.but(status=end, problem=None, ended_at=now))
    if job.status in (Status.SUBMITTING, Status.UNKNOWN) and job.unwanted is not end:
        return Step(job.but(unwanted=end))
    return None


def reopen(job: Job, wanted: Job, now: datetime) -> Step | None:
    """The photo names the job again: what ended unpaid runs again, as it is wanted now; None where nothing changes."""
    again = {Status.SUPERSEDED, Status.CANCELLED, Status.REFUSED, Status.DEAD}
    if job.status in again and job.money is Money.NOT_SPENT:
        fresh = {"status": Status.ACCEPTED, "problem": None, "queued_at": now, "ended_at": None, "told": False}
        lane = {"provider": wanted.provider, "version_id": wanted.version_id, "warnings": wanted.warnings}
        return Step(job.but(**fresh, **lane, unwanted=None))
    return Step(job.but(unwanted=None)) if job.unwanted else None


def name_again(job: Job) -> Step | None:
    """stored → paid: others' pictures may lie where this one's were; paid: who delivers it looks anew. Else None."""
    if job.status not in (Status.PAID, Status.STORED):
        return None
    told = tuple(warning for warning in job.warnings if not warning.startswith(NOT_CURRENT))
    return Step(job.but(status=Status.PAID, results=(), warnings=told, ended_at=None))


def describe(job: Job, wanted: Job) -> Step | None:
    """What the photo says of a job beside what is bought (metadata, a price limit, origins); None where it is known."""
    described = job.but(instructions=wanted.instructions, provenance=wanted.provenance)
    return Step(described) if described != job else None


def _ended(job: Job, status: Status, problem: Problem, now: datetime) -> dict[str, object]:
    return {"status": status, "problem": problem, "reported": True, "ended_at": now}


def _with_attempt(job: Job, changed: Attempt) -> Job:
    attempts = tuple(changed if attempt.n == changed.n else attempt for attempt in job.attempts)
    return job.but(attempts=attempts)


def _only(job: Job, *allowed: Status) -> None:
    if job.status not in allowed:
        raise StaleError
