"""The `failures` command: the failed photos by code, with their cost and what to do."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.object_keys import photo_name_of
from backdrop.model.pricing import to_usd
from backdrop.operate.redrive import FailedItem, FailureFilter
from backdrop_cli.formatting import format_cost, format_count, quote_for_shell
from backdrop_cli.operate.arguments import format_failure_filter
from backdrop_cli.operate.failure_extras import FailureExtras
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_PHOTOS_PER_CODE = 10


def show_failures(stack: Stack, screen: Screen, failure_filter: FailureFilter, *, list_all: bool) -> None:
    """Prints a table by code, the photos of each code, and what else needs attention."""
    with screen.spinner("reading the ledger"):
        failures = list(stack.redrive_service.list_failures(failure_filter))
        extras = FailureExtras.read(stack, failure_filter)
    screen.print_json(_build_document(stack, failures) | extras.to_document())
    if failures:
        screen.print(
            f"{format_count(len(failures), 'failure')}{_format_filter_suffix(failure_filter)} in stack {stack.name}"
        )
        groups = _group_failures(failures, _find_code_and_hint)
        _print_failures(stack, screen, groups, failure_filter, list_all=list_all)
    else:
        screen.print(format_no_failures(stack, failure_filter))
    extras.print_to(screen)


def _print_failures(
    stack: Stack,
    screen: Screen,
    groups: Mapping[tuple[Code, str], Sequence[FailedItem]],
    failure_filter: FailureFilter,
    *,
    list_all: bool,
) -> None:
    heads = {"Code": "left", "Photos": "right", "Cost": "left", "What to do": "words"}
    screen.print_table(heads, (_build_row(code, hint, group) for (code, hint), group in groups.items()))
    for (code, _), group in groups.items():
        limit = len(group) if list_all else MAX_PHOTOS_PER_CODE
        _print_photos(stack, screen, code, group[:limit])
        if len(group) > limit:
            command = build_failures_command(code, failure_filter.prefix, failure_filter.provider)
            screen.print(f"    … and {len(group) - limit:,} more: `{command}` lists them")


def format_no_failures(stack: Stack, failure_filter: FailureFilter) -> str:
    return f"No failures{_format_filter_suffix(failure_filter)} in stack {stack.name}."


def _format_filter_suffix(failure_filter: FailureFilter) -> str:
    return f" {format_failure_filter(failure_filter)}" if format_failure_filter(failure_filter) else ""


def _find_code_and_hint(failure: FailedItem) -> tuple[Code, str]:
    """Returns the code and what to do, which can differ between failures with the same code."""
    return failure.problem.code, str(failure.problem.operator_hint)


def _group_failures[K](failures: Sequence[FailedItem], key: Callable[[FailedItem], K]) -> dict[K, list[FailedItem]]:
    """Returns the failures by key, the most frequent one first."""
    groups: dict[K, list[FailedItem]] = {}
    for one in failures:
        groups.setdefault(key(one), []).append(one)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def count_failed_photos(failures: Sequence[FailedItem]) -> int:
    """Returns the number of photos; one photo can have several failures."""
    return len({one.source.source_id for one in failures})


def sum_failure_cost(failures: Sequence[FailedItem]) -> tuple[int, int]:
    """Returns the confirmed charges and those that are unknown, in micro-dollars."""
    jobs = [one.job for one in failures if one.job]
    return sum(job.charged for job in jobs), sum(job.unknown for job in jobs)


def _build_row(code: Code, hint: str, group: Sequence[FailedItem]) -> tuple[str, str, str, str]:
    return (
        code.value,
        f"{count_failed_photos(group):,}",
        format_cost(*sum_failure_cost(group)),
        hint,
    )


def _print_photos(stack: Stack, screen: Screen, code: Code, failures: Sequence[FailedItem]) -> None:
    screen.print()
    screen.print(code.value)
    for message, same_message in groupby(failures, key=lambda one: str(one.problem.message)):
        screen.print(f"  {message}")
        for one in same_message:
            variant = f" (variant {one.variant})" if one.variant else ""
            screen.print_unwrapped(
                f"    {photo_name_of(one.source.bucket, one.source.key, stack.input_bucket)}{variant}"
            )


def build_failures_command(code: Code, prefix: str, provider: str = "") -> str:
    """Returns the command that lists all failures with this code under the prefix."""
    scope = f" {quote_for_shell(prefix)}" if prefix else ""
    only_provider = f" --provider {provider}" if provider else ""
    return f"backdrop failures{scope} --code {code.value}{only_provider} --all"


def _summarize_code(code: Code, group: Sequence[FailedItem]) -> dict[str, Any]:
    confirmed, unknown = sum_failure_cost(group)
    hints = {str(one.problem.operator_hint) for one in group}
    sums = {"photos": count_failed_photos(group), "usd": to_usd(confirmed), "unknown_usd": to_usd(unknown)}
    return {
        "code": code.value,
        **sums,
        "meaning": str(ERROR_CATALOG[code].meaning),
        "hint": hints.pop() if len(hints) == 1 else None,
    }


def _build_document(stack: Stack, failures: Sequence[FailedItem]) -> dict[str, Any]:
    by_code = _group_failures(failures, lambda one: one.problem.code)
    return {
        "stack": stack.name,
        "codes": [_summarize_code(code, group) for code, group in by_code.items()],
        "failures": [_describe_failure(one) for one in failures],
    }


def _describe_failure(failure: FailedItem) -> dict[str, Any]:
    confirmed, unknown = sum_failure_cost([failure])
    return {
        "bucket": failure.source.bucket,
        "key": failure.source.key,
        "job_id": failure.job.job_id if failure.job else None,
        "variant": failure.variant or None,
        "provider": failure.job.provider if failure.job else None,
        "status": failure.status,
        "code": failure.problem.code.value,
        "message": str(failure.problem.message),
        "hint": str(failure.problem.operator_hint),
        "money": failure.problem.money.value,
        "usd": to_usd(confirmed),
        "unknown_usd": to_usd(unknown),
        "first_seen": failure.problem.first_seen.isoformat(timespec="seconds"),
        "last_seen": failure.problem.last_seen.isoformat(timespec="seconds"),
    }
