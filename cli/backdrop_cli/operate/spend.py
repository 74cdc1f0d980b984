"""The verb `spend`: what all calls have cost, by day, folder or provider, from the ledger's own attempts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backdrop.model.job import Attempt, Job
from backdrop.model.object_keys import source_name
from backdrop.model.pricing import usd_of, usd_text
from backdrop_cli.errors import MisusedError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

type Name = Callable[[Stack, Job, Attempt], str]

ROOT = "(no folder)"


@dataclass
class Sum:
    """What some calls cost, micro-dollars; `calls` that were, or may have been, charged."""

    calls: int = 0
    certain: int = 0
    unknown: int = 0

    def add(self, attempt: Attempt) -> None:
        """Count one call."""
        if attempt.charged or attempt.unknown:
            self.calls += 1
            self.certain += attempt.charged
            self.unknown += attempt.unknown


def _folder(stack: Stack, job: Job, _: Attempt) -> str:
    """The folder at the top, as all keys of a shop's season begin."""
    top, slash, _rest = source_name(job.bucket, job.key, stack.input_bucket).partition("/")
    return f"{top}/" if slash else ROOT


BY: dict[str, Name] = {
    "day": lambda _stack, _job, attempt: attempt.day,
    "folder": _folder,
    "provider": lambda _stack, _job, attempt: attempt.provider,
}


def check(by: str) -> str:
    """One of the words that `--by` takes; MisusedError for another."""
    if by not in BY:
        raise MisusedError(f"spend is told by {', '.join(BY)}, not by {by!r}")
    return by


def spend(stack: Stack, screen: Screen, by: str) -> None:
    """Show it."""
    name, sums, total = BY[by], dict[str, Sum](), Sum()
    with screen.busy("reading the ledger"):
        for job in stack.census.jobs():
            for attempt in job.attempts:
                total.add(attempt)
                sums.setdefault(name(stack, job, attempt), Sum()).add(attempt)
    shown = {key: one for key, one in sorted(sums.items()) if one.calls}
    screen.data(_document(stack, by, shown, total))
    if not total.calls:
        screen.say(f"Nothing has been spent, stack {stack.name}.")
        return
    screen.say(f"What was spent, stack {stack.name}", "bold")
    heads = {by.capitalize(): "left", "Paid calls": "right", "Spent": "right", "Perhaps besides": "right"}
    rows = [(key, *_cells(one)) for key, one in shown.items()]
    screen.table(heads, [*rows, ("all", *_cells(total))])


def _cells(one: Sum) -> tuple[str, str, str]:
    return f"{one.calls:,}", usd_text(one.certain), usd_text(one.unknown) if one.unknown else ""


def _document(stack: Stack, by: str, sums: dict[str, Sum], total: Sum) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "by": by,
        "rows": [{by: key, **_described(one)} for key, one in sums.items()],
        "total": _described(total),
    }


def _described(one: Sum) -> dict[str, Any]:
    return {"paid_calls": one.calls, "usd": usd_of(one.certain), "unknown_usd": usd_of(one.unknown)}
