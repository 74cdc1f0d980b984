"""A file that S3 refuses to hand out: reported as waiting while its photo's message comes again and again."""

from dataclasses import replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, UnreadableFileError
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Problem, Source
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock

# Rights that are just being given need no report.
MAX_UNREPORTED_RECEIVES = 4
REPORT_INTERVAL = timedelta(hours=1)
"""How often the report says that it is still so."""


def report_unreadable(
    ledger: Ledger, deliver_queue: Queue, clock: Clock, event: IntakeEvent, error: UnreadableFileError
) -> None:
    """Say in the photo's report that it waits; ConflictError where others were faster."""
    source = ledger.read_photo(derive_source_id(event.bucket, event.key))[0] or Source.new(event.bucket, event.key)
    now = clock.now()
    earlier = find_unreadable_problem(source)
    if event.receive_count <= MAX_UNREPORTED_RECEIVES or (earlier and now - earlier.last_seen < REPORT_INTERVAL):
        return
    problem = Problem.from_error(error, now).with_history(earlier)
    ledger.put_source(replace(source, problems=(*_without_unreadable(source), problem), has_report=True), ())
    enqueue_delivery(deliver_queue, source)


def clear_unreadable(ledger: Ledger, deliver_queue: Queue, source: Source) -> None:
    """Clears the report of an unreadable file, since all was read; raises ConflictError so that it is read again."""
    if find_unreadable_problem(source):
        ledger.put_source(replace(source, problems=_without_unreadable(source)), ())
        enqueue_delivery(deliver_queue, source)
        raise ConflictError


def is_retry_pending(source: Source, now: datetime) -> bool:
    """Whether a message that waits for the file still comes again; one that was given up tells no more."""
    problem = find_unreadable_problem(source)
    return problem is not None and now - problem.last_seen < 2 * REPORT_INTERVAL


def find_unreadable_problem(source: Source) -> Problem | None:
    return next((one for one in source.problems if one.code is Code.FILE_UNREADABLE), None)


def _without_unreadable(source: Source) -> tuple[Problem, ...]:
    return tuple(one for one in source.problems if one.code is not Code.FILE_UNREADABLE)
