"""The verb `cancel`: what is not bought yet ends, once the person knows how much that is; what is out runs on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backdrop.core.job import Job, Status
from backdrop.core.money import usd_of, usd_text
from backdrop.core.watch import Ref
from backdrop.steps.orders import Cancelled
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack


@dataclass
class Open:
    """What has not ended: jobs not bought, photos that wait for instructions, calls out or paid (micro-dollars).

    `repeatable` are those running whose call might be sent again as yet.
    """

    jobs: int = 0
    waiting: int = 0
    running: int = 0
    cost: int = 0
    repeatable: int = 0


def cancel(stack: Stack, screen: Screen, prefix: str, *, yes: bool) -> None:
    """Say what would end, ask, end it, and say what runs on."""
    with screen.busy("looking through the ledger"):
        found = survey(stack, prefix)
    document = {"stack": stack.name, "prefix": prefix, "would_end": found.jobs, "would_wait_no_more": found.waiting}
    which = f"keys that begin with {prefix}" if prefix else "all photos"
    screen.say(f"Not bought yet, {which}, stack {stack.name}: {_what(found)}.")
    _runs_on(screen, found.running, found.cost)
    if not (found.jobs or found.waiting or found.repeatable):
        screen.data(document | _outcome(Cancelled(left=found.running, left_cost=found.cost)))
        return
    try:
        screen.agree(_question(found), yes=yes)
    except RefusedError:
        screen.data(document)
        raise
    _end(stack, screen, prefix, document)


def _end(stack: Stack, screen: Screen, prefix: str, document: dict[str, Any]) -> None:
    """End them; what was done is told also where AWS stops it half-way."""
    done = Cancelled()
    try:
        with screen.busy("cancelling"):
            for _ in stack.orders.cancel(prefix, done):
                pass
    finally:
        screen.data(document | _outcome(done))
        screen.say(f"Ended: {_what(Open(done.jobs, done.waiting))}.")
        _runs_on(screen, done.left, done.left_cost)
        if done.jobs or done.waiting:
            screen.say("A new upload of a photo, its sidecar or its tags brings it back.")


def survey(stack: Stack, prefix: str) -> Open:
    """What is open under a prefix now."""
    found = Open()
    for ref in stack.orders.books.open():
        found.waiting += ref.job_id is None and _waits(stack, ref, prefix)
        for job in _job(stack, ref, prefix):
            if job.status is Status.ACCEPTED:
                found.jobs += 1
            else:
                found.running += 1
                found.cost += job.charged + job.unknown
                found.repeatable += job.status is not Status.PAID and job.unwanted is not Status.CANCELLED
    return found


def _waits(stack: Stack, ref: Ref, prefix: str) -> bool:
    source, _ = stack.orders.ledger.photo(ref.source_id)
    return bool(source and source.waiting_since and source.key.startswith(prefix))


def _job(stack: Stack, ref: Ref, prefix: str) -> Iterator[Job]:
    job = stack.orders.ledger.job(ref.source_id, ref.job_id) if ref.job_id else None
    if job and not job.ended and job.key.startswith(prefix):
        yield job


def _question(found: Open) -> str:
    if found.jobs or found.waiting:
        return f"Cancel {_what(found)}?"
    return f"Let no call of {several(found.repeatable, 'job')} be sent a second time?"


def _what(found: Open) -> str:
    words = [several(found.jobs, "job")] if found.jobs else []
    words += [f"{several(found.waiting, 'photo')} without instructions"] if found.waiting else []
    return " and ".join(words) or "nothing"


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
