"""Files that S3 denies access to: the photo's report lists the problem for as long as its message is retried."""

from dataclasses import replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, UnreadableFileError
from backdrop.model.job import Problem, Source
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock

# New permissions take a moment to apply, so the first receives are not reported.
MAX_UNREPORTED_RECEIVES = 4
REPORT_INTERVAL = timedelta(hours=1)
"""How often the report's `last_seen` is updated while access is still denied."""


def report_unreadable(
    ledger: Ledger,
    deliver_queue: Queue,
    clock: Clock,
    marked_source: Source,
    receive_count: int,
    error: UnreadableFileError,
) -> None:
    """Adds the problem to the photo's report.

    `marked_source`: the photo with the crash mark that was set before the file was read. If the mark is gone, another
    worker has handled the photo since and may have read the file, so nothing is reported: if the file is still
    unreadable, the next delivery of the message reports it.

    Raises ConflictError if another worker wrote the photo first.
    """
    source = ledger.read_photo(marked_source.source_id)[0]
    if source is None or source.processing_until != marked_source.processing_until:
        return
    now = clock.now()
    earlier = find_unreadable_problem(source)
    if receive_count <= MAX_UNREPORTED_RECEIVES or (earlier and now - earlier.last_seen < REPORT_INTERVAL):
        return
    problem = Problem.from_error(error, now).with_history(earlier)
    ledger.put_source(replace(source, problems=(*_without_unreadable(source), problem), has_report=True), ())
    enqueue_delivery(deliver_queue, source)


def clear_unreadable(ledger: Ledger, deliver_queue: Queue, source: Source) -> None:
    """Removes the problem from the report, because every file has been read.

    If there was one, raises ConflictError, so that the caller starts over with the new source.
    """
    if find_unreadable_problem(source):
        ledger.put_source(replace(source, problems=_without_unreadable(source)), ())
        enqueue_delivery(deliver_queue, source)
        raise ConflictError


def is_retry_pending(source: Source, now: datetime) -> bool:
    """Whether a message is still retried for the file. SQS gave up on it if the report is no longer updated."""
    problem = find_unreadable_problem(source)
    return problem is not None and now - problem.last_seen < 2 * REPORT_INTERVAL


def find_unreadable_problem(source: Source) -> Problem | None:
    return next((problem for problem in source.problems if problem.code is Code.FILE_UNREADABLE), None)


def _without_unreadable(source: Source) -> tuple[Problem, ...]:
    return tuple(problem for problem in source.problems if problem.code is not Code.FILE_UNREADABLE)
