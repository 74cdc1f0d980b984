"""The verb `cancel`: what was said until now is bought no more, once the person knows how much that is.

The lanes are told first, which takes a moment however much there is; then what is known ends, and what is out runs on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, takewhile
from typing import Any

from backdrop.model.cancel_marks import MOST_MARKS, CallOff
from backdrop.model.job import Status
from backdrop.model.pricing import usd_of, usd_text
from backdrop.model.schedule import Ref
from backdrop.operate.cancel import Cancelled
from backdrop_cli.campaign.machine import Execution
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen, several
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

# So much is counted before the question; a person with more must not wait for the sum.
MOST_COUNTED = 2000
# SQS may take a minute to count a message (SQS API reference, GetQueueAttributes).
COUNTED_WITHIN = timedelta(minutes=5)
FULL = (
    f"the lanes keep {MOST_MARKS} cancels of the last 30 days, and have as many; cancel a folder that holds several of "
    "those, or --all: it takes their place, and means what was said there since, too"
)


@dataclass
class Open:
    """What has not ended: jobs not bought, photos that wait for instructions, calls out or paid (micro-dollars).

    `more`: there is more than was counted. `arriving`: messages for intake, roughly. `campaigns`: those that run.
    """

    jobs: int = 0
    waiting: int = 0
    running: int = 0
    cost: int = 0
    more: bool = False
    arriving: int = 0
    campaigns: Sequence[Execution] = field(default_factory=tuple[Execution, ...])

    @property
    def is_nothing(self) -> bool:
        """Whether nothing that is known of is open."""
        return not (self.jobs or self.waiting or self.running or self.more)

    def add(self, other: "Open") -> None:
        """Count one more."""
        self.jobs += other.jobs
        self.waiting += other.waiting
        self.running += other.running
        self.cost += other.cost


def cancel(stack: Stack, screen: Screen, prefix: str, *, yes: bool) -> None:
    """Say what would end, ask, end it, and say what runs on."""
    if not stack.cancelling.has_room(prefix):
        raise RefusedError(FULL)
    with screen.busy("looking through the ledger"):
        found = survey(stack, prefix)
    document = {
        "stack": stack.name,
        "prefix": prefix,
        "would_end": found.jobs,
        "would_wait_no_more": found.waiting,
        "is_all": not found.more,
        "messages_for_intake": found.arriving,
    }
    which = f"keys that begin with {prefix}" if prefix else "all photos"
    if found.is_nothing and not _may_be_arriving(stack, prefix, found):
        screen.data(document | _outcome(Cancelled()))
        screen.say(f"Nothing to cancel, {which}, stack {stack.name}: no photo waits to be bought.")
        return
    least = "at least " if found.more else ""
    screen.say(f"Not bought yet, {which}, stack {stack.name}: {least}{_what(found.jobs, found.waiting)}.")
    _besides(screen, prefix, found)
    _runs_on(screen, found.running, found.cost)
    try:
        screen.agree(_question(found), yes=yes)
    except RefusedError:
        screen.data(document)
        raise
    _end(stack, screen, prefix, document, found.campaigns)


def _end(stack: Stack, screen: Screen, prefix: str, told: dict[str, Any], campaigns: Sequence[Execution]) -> None:
    """End them; what was done is told also where AWS, or Ctrl-C, stops it half-way.

    Campaigns first, since the mark means what they have asked for by then; it comes also where one cannot be stopped.
    """
    stopped: Sequence[Execution] = () if prefix else campaigns
    try:
        for one in stopped:
            stack.machine.stop(one.arn)
            screen.say(f"Stopped: the campaign {one.name}.")
    finally:
        mark = stack.cancelling.call_off(prefix)
        by = f"{mark.until:%Y-%m-%d %H:%M:%S} UTC"
        screen.say(f"Nothing that was uploaded, said or asked for by {by} is bought any more.")
    document = told | {"until": mark.until.isoformat(), "campaigns_stopped": [one.run for one in stopped]}
    done = Cancelled()
    try:
        with screen.busy("ending what is known; Ctrl-C does no harm, the lanes end the rest"):
            for _ in _ending(stack, mark, done):
                pass
    finally:
        screen.data(document | _outcome(done))
        screen.say(f"Ended: {_what(done.jobs, done.waiting)}.")
        _runs_on(screen, done.left, done.left_cost)
        if done.jobs or done.waiting:
            screen.say("A new upload of a photo, its sidecar or its tags brings it back, and so does `backdrop rerun`.")


def _may_be_arriving(stack: Stack, prefix: str, found: Open) -> bool:
    """Whether a photo under the prefix may be on its way to intake, or asked for by a campaign.

    Raises RefusedError where nothing at all has such a key.
    """
    uploaded = _last_upload(stack, prefix)
    asked_elsewhere = found.arriving and stack.parameters.get("ReadableBuckets")
    stoppable = found.campaigns and not prefix
    if uploaded is None and not asked_elsewhere and not stoppable:
        why = f"has no key that begins with {prefix} (upper and lower case count)" if prefix else "has no photos"
        raise RefusedError(f"nothing was changed; stack {stack.name} {why}")
    just_now = uploaded is not None and stack.clock.now() - uploaded < COUNTED_WITHIN
    return bool(just_now or found.arriving or found.campaigns)


def _last_upload(stack: Stack, prefix: str) -> datetime | None:
    """When the newest object under a prefix was uploaded, None where there is none; now, where there are too many."""
    exact = stack.photos.read(stack.input_bucket, prefix, limit=0) if prefix else None
    below = takewhile(lambda one: one.key.startswith(prefix), stack.photos.listed(stack.input_bucket, prefix))
    times = [one.modified for one in islice(below, MOST_COUNTED)] + ([exact.modified] if exact else [])
    return stack.clock.now() if next(below, None) else max(times, default=None)


def _ending(stack: Stack, mark: CallOff, done: Cancelled) -> Any:
    return stack.cancelling.end(mark, done, lambda work, refs: side_by_side(work, refs, stack.at_once))


def survey(stack: Stack, prefix: str) -> Open:
    """What is open under a prefix now, as far as it is counted."""
    refs = stack.orders.books.open()
    found = Open(arriving=stack.arriving(), campaigns=list(stack.machine.latest(running=True)))
    for one in side_by_side(partial(_count, stack, prefix), islice(refs, MOST_COUNTED), stack.at_once):
        found.add(one)
    found.more = next(refs, None) is not None
    return found


def _count(stack: Stack, prefix: str, ref: Ref) -> Open:
    if ref.job_id is None:
        source, _ = stack.orders.ledger.photo(ref.source_id)
        return Open(waiting=bool(source and source.waiting_since and source.key.startswith(prefix)))
    job = stack.orders.ledger.job(ref.source_id, ref.job_id)
    if job is None or job.ended or not job.key.startswith(prefix):
        return Open()
    if job.status is Status.ACCEPTED:
        return Open(jobs=1)
    return Open(running=1, cost=job.charged + job.unknown)


def _question(found: Open) -> str:
    if found.more:
        return "Cancel all of them?"
    if found.jobs or found.waiting:
        return f"Cancel {_what(found.jobs, found.waiting)}?"
    return "Cancel what is still on its way?"


def _what(jobs: int, waiting: int) -> str:
    words = [several(jobs, "job")] if jobs else []
    words += [f"{several(waiting, 'photo')} without instructions"] if waiting else []
    return " and ".join(words) or "nothing"


def _besides(screen: Screen, prefix: str, found: Open) -> None:
    """What is no job yet."""
    if found.arriving:
        screen.say(f"About {several(found.arriving, 'message')} for intake: what was said by now ends too.")
    for one in found.campaigns:
        ends = f"asks on; `backdrop campaign stop {one.name}` ends it" if prefix else "is stopped too"
        screen.say(f"The campaign {one.name} runs, and {ends}.")


def _runs_on(screen: Screen, jobs: int, cost: int) -> None:
    if jobs:
        words = "its call is out or it is paid" if jobs == 1 else "their calls are out or they are paid"
        most = f"at most {usd_text(cost)}, since no call is sent a second time"
        screen.say(f"Left running: {several(jobs, 'job')}; {words}: {most}.")


def _outcome(done: Cancelled) -> dict[str, Any]:
    return {
        "ended": done.jobs,
        "wait_no_more": done.waiting,
        "left_running": done.left,
        "left_running_usd": usd_of(done.left_cost),
    }
