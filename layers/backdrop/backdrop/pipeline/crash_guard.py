"""Crash marks: a delivery that came again says so while it lasts; the next one that finds the mark counts a crash.

Five in a row, without a delivery between them that went in good order, and nobody opens the photo again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.errors import OvertakenError, StaleError, WaitError
from backdrop.model.job import Job, Source
from backdrop.ports import Clock

MOST_CRASHES = 5
PAUSES = (0, 0.5, 1, 2, 4, 8, 16)
LONGEST_WRITE = timedelta(seconds=2)
# As template.yaml has them: the time limits of intake and deliver.
LONGEST_LOOK = timedelta(seconds=60)
LONGEST_DELIVERY = timedelta(seconds=120)


def begin(ledger: Ledger, job: Job, receives: int, now: datetime, until: datetime) -> Job:
    """The job with its mark until the invocation's end; the first delivery of a message needs none."""
    try:
        return ledger.advance(transitions.begin(job, now, until)) if receives > 1 else job
    except StaleError as error:
        raise OvertakenError from error


def leave(ledger: Ledger, job: Job, clock: Clock, until: datetime | None = None) -> None:
    """The delivery of a job goes in good order; `until`: when its worker must be gone, where that is near."""

    def write() -> None:
        now = ledger.job(job.source_id, job.job_id)
        if now and now.begun_until:
            ledger.advance(transitions.leave(now))

    _insist(write, clock, until)


def begin_look(ledger: Ledger, place: Source, now: datetime) -> None:
    """The mark of a look at a photo that may have no job yet."""
    source = ledger.photo(place.source_id)[0] or place
    died = source.begun_until is not None and now >= source.begun_until
    until = now + LONGEST_LOOK if source.begun_until is None or died else source.begun_until
    crashes = source.crashes + (died and source.crashes < MOST_CRASHES)
    ledger.put_source(source.but(begun_until=until, crashes=crashes), ())


def leave_look(ledger: Ledger, place: Source, clock: Clock) -> None:
    """The look goes in good order; a photo that was given up stays so."""

    def write() -> None:
        now = ledger.photo(place.source_id)[0]
        if now and now.begun_until:
            crashes = now.crashes if now.crashes >= MOST_CRASHES else 0
            ledger.put_source(now.but(begun_until=None, crashes=crashes), ())

    _insist(write, clock)


def _insist(write: Callable[[], None], clock: Clock, until: datetime | None = None) -> None:
    """A ledger that is gone for a moment is waited for: a mark that stays looks like a crash."""
    for pause in PAUSES:
        if until and clock.now() + timedelta(seconds=pause) + LONGEST_WRITE > until:
            return
        clock.sleep(pause)
        try:
            write()
        except (StaleError, WaitError):
            continue
        return
