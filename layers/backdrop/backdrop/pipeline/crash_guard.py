"""Crash marks: a worker sets one while it handles a redelivered message, and removes it when it finishes.

A worker that finds an expired mark counts a crash. After five crashes in a row, no worker opens the photo again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job, Source
from backdrop.ports import Clock

MAX_CRASHES = 5
RETRY_DELAYS_SECONDS = (0, 0.5, 1, 2, 4, 8, 16)
MAX_WRITE_DURATION = timedelta(seconds=2)
PROCESSED_DELAY_SECONDS = 10.0
"""A delivery with the photo's own pixels takes about as long."""
# The time limits of intake and deliver in template.yaml.
INTAKE_TIMEOUT = timedelta(seconds=60)
DELIVER_TIMEOUT = timedelta(seconds=120)


def begin_job_processing(
    ledger: Ledger, job: Job, receive_count: int, now: datetime, processing_until: datetime
) -> Job:
    """Returns the job with a mark that lasts until the invocation ends, if its message was received before.

    Raises RetryLaterError while the mark of another worker is in force. If two workers processed the job at once, the
    writes of each would make those of the other fail, over and over. Raises ConflictError if another worker writes the
    job first.
    """
    if job.is_being_processed(now):
        raise RetryLaterError(Code.BEING_PROCESSED, "Another worker is processing the job.", PROCESSED_DELAY_SECONDS)
    if receive_count == 1:
        return job
    return ledger.write_transition(transitions.begin_processing(job, now, processing_until))


def end_job_processing(ledger: Ledger, job: Job, clock: Clock, deadline: datetime | None = None) -> None:
    """Removes the mark that `begin_job_processing` set, if it set one. Leaves the mark of another worker.

    `job`: as `begin_job_processing` returned it. `deadline`: when the worker ends at the latest; None if there is
    plenty of time.
    """
    if job.processing_until is None:
        return

    def clear_mark() -> None:
        current = ledger.find_job(job.source_id, job.job_id)
        if current and current.processing_until == job.processing_until:
            ledger.write_transition(transitions.end_processing(current, clock.now()))

    _retry_write(clear_mark, clock, deadline)


def begin_photo_processing(ledger: Ledger, new_source: Source, now: datetime) -> Source:
    """Marks a photo, which may have no job yet, and counts a crash if an earlier mark has expired.

    Returns the photo with the mark, which is another worker's if that worker is still processing the photo.
    """
    source = ledger.read_photo(new_source.source_id)[0] or new_source
    has_crashed = source.processing_until is not None and now >= source.processing_until
    processing_until = (
        now + INTAKE_TIMEOUT if source.processing_until is None or has_crashed else source.processing_until
    )
    crashes = source.crash_count + (has_crashed and source.crash_count < MAX_CRASHES)
    marked_source = replace(source, processing_until=processing_until, crash_count=crashes)
    ledger.put_source(marked_source, ())
    return marked_source


def end_photo_processing(ledger: Ledger, source: Source, clock: Clock) -> None:
    """Removes the photo's mark. Resets its crash count, unless the count has reached the limit."""

    def clear_mark() -> None:
        current = ledger.read_photo(source.source_id)[0]
        if current and current.processing_until:
            crashes = current.crash_count if current.crash_count >= MAX_CRASHES else 0
            ledger.put_source(replace(current, processing_until=None, crash_count=crashes), ())

    _retry_write(clear_mark, clock)


def _retry_write(write: Callable[[], None], clock: Clock, deadline: datetime | None = None) -> None:
    """Retries while the ledger is briefly unavailable, because a mark that remains counts as a crash."""
    for delay in RETRY_DELAYS_SECONDS:
        if deadline and clock.now() + timedelta(seconds=delay) + MAX_WRITE_DURATION > deadline:
            return
        clock.sleep(delay)
        try:
            write()
        except (ConflictError, RetryLaterError):
            continue
        return
