"""A file that S3 refuses to hand out: reported as waiting while its photo's message comes again and again."""

from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError, UnreadableError
from backdrop.model.ids import source_id
from backdrop.model.intake_event import Look
from backdrop.model.job import Problem, Source
from backdrop.pipeline.enqueue import to_deliver
from backdrop.ports import Clock

# Rights that are just being given need no report.
MOST_SILENT_RECEIVES = 4
TOLD_AGAIN = timedelta(hours=1)
"""How often the report says that it is still so."""


def report_unreadable(ledger: Ledger, deliver: Queue, clock: Clock, look: Look, error: UnreadableError) -> None:
    """Say in the photo's report that it waits; StaleError where others were faster."""
    source = ledger.photo(source_id(look.bucket, look.key))[0] or Source.at(look.bucket, look.key)
    now = clock.now()
    known = unreadable_problem(source)
    if look.receives <= MOST_SILENT_RECEIVES or (known and now - known.last_seen < TOLD_AGAIN):
        return
    problem = Problem.of(error, now).since(known)
    ledger.put_source(source.but(problems=(*_others(source), problem), reported=True), ())
    to_deliver(deliver, source)


def forget_unreadable(ledger: Ledger, deliver: Queue, source: Source) -> None:
    """The photo and all that speaks for it was read: what was told of it is over, and StaleError has it read anew."""
    if unreadable_problem(source):
        ledger.put_source(source.but(problems=_others(source)), ())
        to_deliver(deliver, source)
        raise StaleError


def is_awaited(source: Source, now: datetime) -> bool:
    """Whether a message that waits for the file still comes again; one that was given up tells no more."""
    problem = unreadable_problem(source)
    return problem is not None and now - problem.last_seen < 2 * TOLD_AGAIN


def unreadable_problem(source: Source) -> Problem | None:
    return next((one for one in source.problems if one.code is Code.FILE_UNREADABLE), None)


def _others(source: Source) -> tuple[Problem, ...]:
    return tuple(one for one in source.problems if one.code is not Code.FILE_UNREADABLE)
