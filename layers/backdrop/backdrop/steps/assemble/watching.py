"""What sets right, put together: reconcile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from backdrop.campaign_ports import Executions
from backdrop.core.intake_event import Look
from backdrop.ports import Books, InputBucket, Letters, Queue
from backdrop.steps.assemble.paying import Paying
from backdrop.steps.letters import DeadLetters
from backdrop.steps.moving import into_lanes
from backdrop.steps.put_back import PutBack
from backdrop.steps.reconcile import Reconcile
from backdrop.steps.stopping import Stopping
from backdrop.steps.sweep import Sweep


@dataclass(eq=False, repr=False)
class Watching:
    """What reconcile needs besides: `waiting` counts deliver's messages, `since` is when the stack came to be."""

    books: Books
    photos: InputBucket
    executions: Executions
    lanes: Mapping[str, Queue]
    letters: Letters
    dead_letters: Queue
    waiting: Callable[[], int]
    looks: Callable[[str], list[Look]]
    bucket: str
    since: datetime


def reconcile(paying: Paying, watching: Watching) -> Reconcile:
    """The step that sets right."""
    return Reconcile(
        ledger=paying.ledger,
        books=watching.books,
        keeper=paying.keeper,
        answers=paying.answers,
        put_back=put_back(paying, watching.lanes),
        stopping=Stopping(paying.ledger, watching.executions, paying.clock),
        moves=paying.moves(into_lanes(watching.lanes)),
        letters=dead_letters(paying, watching),
        sweep=Sweep(
            watching.photos, paying.ledger, paying.intake, paying.clock, bucket=watching.bucket, since=watching.since
        ),
        deliver=paying.deliver,
        intake=paying.intake,
        waiting=watching.waiting,
        lanes=watching.lanes,
        clock=paying.clock,
        daily_budget=paying.daily_budget,
    )


def put_back(paying: Paying, lanes: Mapping[str, Queue]) -> PutBack:
    """What brings open jobs on their way again."""
    return PutBack(
        ledger=paying.ledger,
        lost=paying.lost,
        providers=paying.providers,
        lanes=lanes,
        deliver=paying.deliver,
        intake=paying.intake,
        clock=paying.clock,
    )


def dead_letters(paying: Paying, watching: Watching) -> DeadLetters:
    """What explains dead letters."""
    return DeadLetters(
        ledger=paying.ledger,
        letters=watching.letters,
        dead_letters=watching.dead_letters,
        deliver=paying.deliver,
        intake=paying.intake,
        clock=paying.clock,
        looks=watching.looks,
    )
