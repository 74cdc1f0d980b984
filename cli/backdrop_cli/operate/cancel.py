"""The verb `cancel`: what was said until now is bought no more, once the person knows how much that is.

The lanes are told first, which takes a moment however much there is; then what is known ends, and what is out runs on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, takewhile
from typing import Any

from backdrop.model.circuit import MAX_MARKS, CancelMark
from backdrop.model.job import JobStatus
from backdrop.model.pricing import format_usd, to_usd
from backdrop.model.schedule import ItemKey
from backdrop.operate.cancel import CancelSummary
from backdrop_cli.campaign.state_machine import Execution
from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

# So much is counted before the question; a person with more must not wait for the sum.
MAX_COUNTED = 2000
# SQS may take a minute to count a message (SQS API reference, GetQueueAttributes).
QUEUE_COUNT_LAG = timedelta(minutes=5)
NO_ROOM_MESSAGE = (
    f"the lanes keep {MAX_MARKS} cancels of the last 30 days, and have as many; cancel a folder that holds several of "
    "those, or --all: it takes their place, and means what was said there since, too"
)


@dataclass
class PendingWork:
    """What has not ended: jobs not bought, photos that wait for instructions, calls out or paid (micro-dollars).

    `is_truncated`: there is more than was counted. `intake_messages`: messages for intake, roughly. `campaigns`: those
    that run.
    """

    unsent_jobs: int = 0
    waiting_photos: int = 0
    running_jobs: int = 0
    running_cost: int = 0
    is_truncated: bool = False
    intake_messages: int = 0
    campaigns: Sequence[Execution] = field(default_factory=tuple[Execution, ...])

    @property
    def is_empty(self) -> bool:
        """Whether nothing that is known of is open."""
        return not (self.unsent_jobs or self.waiting_photos or self.running_jobs or self.is_truncated)

    def add(self, other: "PendingWork") -> None:
        """Count one more."""
        self.unsent_jobs += other.unsent_jobs
        self.waiting_photos += other.waiting_photos
        self.running_jobs += other.running_jobs
        self.running_cost += other.running_cost


def cancel_work(stack: Stack, screen: Screen, prefix: str, *, yes: bool) -> None:
    """Say what would end, ask, end it, and say what runs on."""
    if not stack.cancel_service.has_room_for_mark(prefix):
        raise CommandError(NO_ROOM_MESSAGE)
    with screen.spinner("looking through the ledger"):
        pending = count_pending_work(stack, prefix)
    document = {
        "stack": stack.name,
        "prefix": prefix,
        "would_end": pending.unsent_jobs,
        "would_wait_no_more": pending.waiting_photos,
        "is_all": not pending.is_truncated,
        "messages_for_intake": pending.intake_messages,
    }
    scope = f"keys that begin with {prefix}" if prefix else "all photos"
    if pending.is_empty and not _may_be_arriving(stack, prefix, pending):
        screen.print_json(document | _build_outcome_document(CancelSummary()))
        screen.print(f"Nothing to cancel, {scope}, stack {stack.name}: no photo waits to be bought.")
        return
    at_least = "at least " if pending.is_truncated else ""
    screen.print(
        f"Not bought yet, {scope}, stack {stack.name}: "
        f"{at_least}{_format_counts(pending.unsent_jobs, pending.waiting_photos)}."
    )
    _print_unregistered_work(screen, prefix, pending)
    _print_running_jobs(screen, pending.running_jobs, pending.running_cost)
    with screen.print_json_if_refused(document):
        screen.confirm(_build_question(pending), yes=yes)
    _cancel_and_print(stack, screen, prefix, document, pending.campaigns)


def _cancel_and_print(
    stack: Stack, screen: Screen, prefix: str, base_document: dict[str, Any], campaigns: Sequence[Execution]
) -> None:
    """End them; what was done is told also where AWS, or Ctrl-C, stops it half-way.

    Campaigns first, since the mark means what they have asked for by then; it comes also where one cannot be stopped.
    """
    to_stop: Sequence[Execution] = () if prefix else campaigns
    try:
        for one in to_stop:
            stack.state_machine.stop(one.arn)
            screen.print(f"Stopped: the campaign {one.name}.")
    finally:
        mark = stack.cancel_service.add_mark(prefix)
        screen.print(f"Nothing that was uploaded, said or asked for by {format_utc(mark.until)} is bought any more.")
    document = base_document | {
        "until": mark.until.isoformat(),
        "campaigns_stopped": [one.execution_name for one in to_stop],
    }
    totals = CancelSummary()
    try:
        with screen.spinner("ending what is known; Ctrl-C does no harm, the lanes end the rest"):
            for _ in _end_marked_work(stack, mark, totals):
                pass
    finally:
        screen.print_json(document | _build_outcome_document(totals))
        screen.print(f"Ended: {_format_counts(totals.cancelled_jobs, totals.cancelled_photos)}.")
        _print_running_jobs(screen, totals.uncancellable_jobs, totals.uncancellable_cost)
        if totals.cancelled_jobs or totals.cancelled_photos:
            screen.print(
                "A new upload of a photo, its sidecar or its tags brings it back, and so does `backdrop rerun`."
            )


def _may_be_arriving(stack: Stack, prefix: str, pending: PendingWork) -> bool:
    """Whether a photo under the prefix may be on its way to intake, or asked for by a campaign.

    Raises CommandError where nothing at all has such a key.
    """
    uploaded = _find_last_upload(stack, prefix)
    may_be_requested = pending.intake_messages and stack.parameters.get("ReadableBuckets")
    can_stop_campaigns = pending.campaigns and not prefix
    if uploaded is None and not may_be_requested and not can_stop_campaigns:
        why = f"has no key that begins with {prefix} (upper and lower case count)" if prefix else "has no photos"
        raise CommandError(f"nothing was changed; stack {stack.name} {why}")
    is_recent = uploaded is not None and stack.clock.now() - uploaded < QUEUE_COUNT_LAG
    return bool(is_recent or pending.intake_messages or pending.campaigns)


def _find_last_upload(stack: Stack, prefix: str) -> datetime | None:
    """When the newest object under a prefix was uploaded, None where there is none; now, where there are too many."""
    exact_match = stack.photos.read(stack.input_bucket, prefix, max_bytes=0) if prefix else None
    matches = takewhile(
        lambda one: one.key.startswith(prefix), stack.photos.iterate_objects(stack.input_bucket, prefix)
    )
    times = [one.modified_at for one in islice(matches, MAX_COUNTED)] + (
        [exact_match.modified_at] if exact_match else []
    )
    return stack.clock.now() if next(matches, None) else max(times, default=None)


def _end_marked_work(stack: Stack, mark: CancelMark, totals: CancelSummary) -> Any:
    return stack.cancel_service.cancel_marked(
        mark, totals, lambda work, refs: parallel_map(work, refs, stack.max_threads)
    )


def count_pending_work(stack: Stack, prefix: str) -> PendingWork:
    """What is open under a prefix now, as far as it is counted."""
    refs = stack.redrive_service.ledger_queries.list_open()
    pending = PendingWork(
        intake_messages=stack.count_intake_messages(),
        campaigns=list(stack.state_machine.list_latest(only_running=True)),
    )
    for one in parallel_map(partial(_count_item, stack, prefix), islice(refs, MAX_COUNTED), stack.max_threads):
        pending.add(one)
    pending.is_truncated = next(refs, None) is not None
    return pending


def _count_item(stack: Stack, prefix: str, ref: ItemKey) -> PendingWork:
    if ref.job_id is None:
        source, _ = stack.redrive_service.ledger.read_photo(ref.source_id)
        return PendingWork(waiting_photos=bool(source and source.settling_since and source.key.startswith(prefix)))
    job = stack.redrive_service.ledger.find_job(ref.source_id, ref.job_id)
    if job is None or job.has_ended or not job.key.startswith(prefix):
        return PendingWork()
    if job.status is JobStatus.ACCEPTED:
        return PendingWork(unsent_jobs=1)
    return PendingWork(running_jobs=1, running_cost=job.charged + job.unknown)


def _build_question(pending: PendingWork) -> str:
    if pending.is_truncated:
        return "Cancel all of them?"
    if pending.unsent_jobs or pending.waiting_photos:
        return f"Cancel {_format_counts(pending.unsent_jobs, pending.waiting_photos)}?"
    return "Cancel what is still on its way?"


def _format_counts(jobs: int, waiting: int) -> str:
    words = [format_count(jobs, "job")] if jobs else []
    words += [f"{format_count(waiting, 'photo')} without instructions"] if waiting else []
    return " and ".join(words) or "nothing"


def _print_unregistered_work(screen: Screen, prefix: str, pending: PendingWork) -> None:
    """What is no job yet."""
    if pending.intake_messages:
        screen.print(
            f"About {format_count(pending.intake_messages, 'message')} for intake: what was said by now ends too."
        )
    for one in pending.campaigns:
        ends = f"asks on; `backdrop campaign stop {one.name}` ends it" if prefix else "is stopped too"
        screen.print(f"The campaign {one.name} runs, and {ends}.")


def _print_running_jobs(screen: Screen, jobs: int, cost: int) -> None:
    if jobs:
        words = "its call is out or it is paid" if jobs == 1 else "their calls are out or they are paid"
        most = f"at most {format_usd(cost)}, since no call is sent a second time"
        screen.print(f"Left running: {format_count(jobs, 'job')}; {words}: {most}.")


def _build_outcome_document(totals: CancelSummary) -> dict[str, Any]:
    return {
        "ended": totals.cancelled_jobs,
        "wait_no_more": totals.cancelled_photos,
        "left_running": totals.uncancellable_jobs,
        "left_running_usd": to_usd(totals.uncancellable_cost),
    }
