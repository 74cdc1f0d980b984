"""The verb `failures`: what stands in the error reports, by code, with its money and what to do."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.object_keys import source_name
from backdrop.model.pricing import usd_of, usd_text
from backdrop.operate.redrive import Failure, Wanted
from backdrop_cli.operate.besides import Besides
from backdrop_cli.operate.choice import chosen
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

MOST_PER_CODE = 10


def show(stack: Stack, screen: Screen, meant: Wanted, *, every: bool) -> None:
    """The table by code, then the photos, then what is no failure but waits."""
    with screen.busy("looking through the ledger"):
        found = list(stack.orders.failures(meant))
        besides = Besides.of(stack, meant)
    screen.data(_document(stack, found) | besides.document())
    if found:
        screen.say(f"{several(len(found), 'failure')}{_with(meant)}, stack {stack.name}")
        _tell(stack, screen, by_code(found), every=every)
    else:
        screen.say(none_of(stack, meant))
    besides.tell(screen)


def _tell(stack: Stack, screen: Screen, groups: Mapping[Code, Sequence[Failure]], *, every: bool) -> None:
    heads = {"Code": "left", "Photos": "right", "Money": "left", "What to do": "words"}
    screen.table(heads, (_row(code, group) for code, group in groups.items()))
    for code, group in groups.items():
        _photos(stack, screen, code, group, most=len(group) if every else MOST_PER_CODE)


def none_of(stack: Stack, meant: Wanted) -> str:
    """That there is nothing to show or to redrive."""
    return f"No failures{_with(meant)}, stack {stack.name}."


def _with(meant: Wanted) -> str:
    return f" with {chosen(meant)}" if chosen(meant) else ""


def by_code(found: Sequence[Failure]) -> dict[Code, list[Failure]]:
    """The failures of each code, the most frequent first."""
    groups: dict[Code, list[Failure]] = {}
    for one in found:
        groups.setdefault(one.problem.code, []).append(one)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def photos(found: Sequence[Failure]) -> int:
    """How many photos these are of: one may have several."""
    return len({one.source.source_id for one in found})


def money(found: Sequence[Failure]) -> tuple[int, int]:
    """What is certainly paid and what may be besides, micro-dollars."""
    jobs = [one.job for one in found if one.job]
    return sum(job.charged for job in jobs), sum(job.unknown for job in jobs)


def money_text(certain: int, unknown: int) -> str:
    """The same in words."""
    words = [f"{usd_text(certain)} spent"] if certain else []
    words += [f"{usd_text(unknown)} unknown"] if unknown else []
    return ", ".join(words) or "nothing"


def _row(code: Code, group: Sequence[Failure]) -> tuple[str, str, str, str]:
    return code.value, f"{photos(group):,}", money_text(*money(group)), str(CODES[code].hint)


def _photos(stack: Stack, screen: Screen, code: Code, group: Sequence[Failure], *, most: int) -> None:
    screen.say()
    screen.say(code.value)
    for message, same in groupby(group[:most], key=lambda one: str(one.problem.message)):
        screen.say(f"  {message}")
        for one in same:
            variant = f" (variant {one.job.variant})" if one.job and one.job.variant else ""
            screen.line(f"    {source_name(one.source.bucket, one.source.key, stack.input_bucket)}{variant}")
    if len(group) > most:
        screen.say(f"    … and {len(group) - most:,} more: `backdrop failures --code {code.value} --all` lists them")


def _summary(code: Code, group: Sequence[Failure]) -> dict[str, Any]:
    certain, unknown = money(group)
    sums = {"photos": photos(group), "usd": usd_of(certain), "unknown_usd": usd_of(unknown)}
    return {"code": code.value, **sums, "meaning": str(CODES[code].meaning), "hint": str(CODES[code].hint)}


def _document(stack: Stack, found: Sequence[Failure]) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "codes": [_summary(code, group) for code, group in by_code(found).items()],
        "failures": [_described(one) for one in found],
    }


def _described(one: Failure) -> dict[str, Any]:
    certain, unknown = money([one])
    return {
        "bucket": one.source.bucket,
        "key": one.source.key,
        "job_id": one.job.job_id if one.job else None,
        "variant": one.job.variant or None if one.job else None,
        "provider": one.job.provider if one.job else None,
        "status": one.status,
        "code": one.problem.code.value,
        "message": str(one.problem.message),
        "hint": str(one.problem.hint),
        "money": one.problem.money.value,
        "usd": usd_of(certain),
        "unknown_usd": usd_of(unknown),
        "first_seen": one.problem.first_seen.isoformat(timespec="seconds"),
        "last_seen": one.problem.last_seen.isoformat(timespec="seconds"),
    }
