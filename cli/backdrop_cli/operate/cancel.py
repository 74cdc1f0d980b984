"""The `cancel` command: shows what has not been bought yet, asks for confirmation, and cancels it.

A mark that stops the lanes is written first, which is fast for any number of photos. Then the known jobs are ended;
calls in flight run to completion.
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
from backdrop_cli.errors import CommandError, NothingFoundError
from backdrop_cli.formatting import format_count, format_scope, format_utc
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

# Counting more would delay the question.
MAX_COUNTED = 2000
# SQS may take a minute to count a message (SQS API reference, GetQueueAttributes).
QUEUE_COUNT_LAG = timedelta(minutes=5)
NO_ROOM_MESSAGE = (
    f"nothing was changed; the stack keeps at most {MAX_MARKS} cancellations of the last 30 days: cancel a folder that "
    "contains several of them, or --all, which replaces them and also covers what was uploaded or requested there since"
)


@dataclass
class PendingWork:
    """What has not ended: jobs not bought, photos without instructions, and jobs in flight or paid.

    `running_cost` is in micro-dollars. `is_truncated`: there is more than was counted. `intake_messages` is
    approximate. `campaigns` are the running ones.
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
        return not (self.unsent_jobs or self.waiting_photos or self.running_jobs or self.is_truncated)

    def add(self, other: "PendingWork") -> None:
        self.unsent_jobs += other.unsent_jobs
        self.waiting_photos += other.waiting_photos
        self.running_jobs += other.running_jobs
        self.running_cost += other.running_cost


def cancel_work(stack: Stack, screen: Screen, prefix: str, *, yes: bool) -> None:
    """Shows what would be canceled, asks for confirmation, cancels it, and shows what continues."""
    if not stack.cancel_service.has_room_for_mark(prefix):
        raise CommandError(NO_ROOM_MESSAGE)
    with screen.spinner("reading the ledger"):
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
        screen.print(f"Nothing to cancel ({scope}, stack {stack.name}): no photo is waiting to be bought.")
        return
    if pending.is_truncated and not (pending.unsent_jobs or pending.waiting_photos):
        amount = "unknown, because too many jobs are open to count"
    else:
        at_least = "at least " if pending.is_truncated else ""
        amount = f"{at_least}{_format_counts(pending.unsent_jobs, pending.waiting_photos)}"
    screen.print(f"Not bought yet ({scope}, stack {stack.name}): {amount}.")
    _print_unregistered_work(screen, prefix, pending)
    _print_running_jobs(screen, pending.running_jobs, pending.running_cost)
    with screen.print_json_if_refused(document):
        screen.confirm(_build_question(pending), yes=yes)
    _cancel_and_print(stack, screen, prefix, document, () if prefix else pending.campaigns)


def _cancel_and_print(
    stack: Stack, screen: Screen, prefix: str, base_document: dict[str, Any], campaigns: Sequence[Execution]
) -> None:
    """Stops the campaigns and cancels the work; prints what was done even if an error or Ctrl-C ends it."""
    stopped_campaigns: list[str] = []
    document = base_document | {"until": None, "campaigns_stopped": stopped_campaigns}
    totals = CancelSummary()
    try:
        # Campaigns are stopped first, because the mark covers what they have requested by then. The mark is written
        # even if a campaign cannot be stopped.
        try:
            for one in campaigns:
                stack.state_machine.stop(one.arn)
                stopped_campaigns.append(one.execution_name)
                screen.print(f"Campaign {one.name} stopped.")
        finally:
            mark = stack.cancel_service.add_mark(prefix)
            document["until"] = mark.until.isoformat()
            screen.print(f"Nothing that was uploaded or requested by {format_utc(mark.until)} will be bought.")
        _end_jobs_and_print(stack, screen, prefix, mark, totals)
    finally:
        screen.print_json(document | _build_outcome_document(totals))


def _end_jobs_and_print(stack: Stack, screen: Screen, prefix: str, mark: CancelMark, totals: CancelSummary) -> None:
    """Ends the known jobs, and counts them in `totals`; prints the counts even if an error or Ctrl-C ends it."""
    try:
        with screen.spinner("ending jobs; if you press Ctrl-C, the stack ends the rest"):
            for _ in _end_marked_work(stack, mark, totals):
                pass
    finally:
        screen.print(f"✓ {_format_counts(totals.cancelled_jobs, totals.cancelled_photos).capitalize()} canceled.")
        _print_running_jobs(screen, totals.uncancellable_jobs, totals.uncancellable_cost)
        if totals.cancelled_jobs or totals.cancelled_photos:
            rerun = f"`backdrop rerun {format_scope(prefix)}`"
            screen.print(f"To restore a photo, upload it, its sidecar, or its tags again, or run {rerun}.")


def _may_be_arriving(stack: Stack, prefix: str, pending: PendingWork) -> bool:
    """Returns whether a photo under the prefix may be on its way to intake, or be requested by a campaign.

    Raises NothingFoundError if no key begins with the prefix.
    """
    uploaded = _find_last_upload(stack, prefix)
    may_be_requested = pending.intake_messages and stack.parameters.get("ReadableBuckets")
    can_stop_campaigns = pending.campaigns and not prefix
    if uploaded is None and not may_be_requested and not can_stop_campaigns:
        why = f"has no key that begins with {prefix} (keys are case-sensitive)" if prefix else "has no photos"
        raise NothingFoundError(f"nothing was changed; stack {stack.name} {why}")
    is_recent = uploaded is not None and stack.clock.now() - uploaded < QUEUE_COUNT_LAG
    return bool(is_recent or pending.intake_messages or pending.campaigns)


def _find_last_upload(stack: Stack, prefix: str) -> datetime | None:
    """Returns the newest upload time under a prefix, None if there is no object, or now if there are too many."""
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
    """Counts what is open under a prefix, up to MAX_COUNTED items."""
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
    return "Cancel what is still arriving?"


def _format_counts(jobs: int, waiting: int) -> str:
    counts = [format_count(jobs, "job")] if jobs else []
    counts += [f"{format_count(waiting, 'photo')} without instructions"] if waiting else []
    return " and ".join(counts) or "nothing"


def _print_unregistered_work(screen: Screen, prefix: str, pending: PendingWork) -> None:
    if pending.intake_messages:
        screen.print(f"About {format_count(pending.intake_messages, 'message')} for intake: canceled as well.")
    for one in pending.campaigns:
        if prefix:
            screen.print(f"The campaign {one.name} keeps running. To stop it, run `backdrop campaign stop {one.name}`.")
        else:
            screen.print(f"The running campaign {one.name} is also stopped.")


def _print_running_jobs(screen: Screen, jobs: int, cost: int) -> None:
    if jobs:
        screen.print(
            f"Not canceled: {format_count(jobs, 'job')} in flight or paid, for at most {format_usd(cost)}; "
            "no call is sent a second time."
        )


def _build_outcome_document(totals: CancelSummary) -> dict[str, Any]:
    return {
        "ended": totals.cancelled_jobs,
        "wait_no_more": totals.cancelled_photos,
        "left_running": totals.uncancellable_jobs,
        "left_running_usd": to_usd(totals.uncancellable_cost),
    }
