"""The `mandate` commands: create mandates, show what is left of them, change them, and end them."""

import json
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from backdrop.model.mandate import Mandate, MandateAccount, WhenSpent
from backdrop.model.pricing import format_usd, to_usd
from backdrop.operate.mandates import MandateNotFoundError, MandateRefusedError
from backdrop_cli.amounts import parse_usd_option
from backdrop_cli.errors import CommandError, NothingFoundError, UsageError
from backdrop_cli.operate.mandate_policy import build_config, build_policy
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
OPERATIONS = ("replace", "remove")


@dataclass(frozen=True)
class MandateTerms:
    """The terms that were given, in micro-dollars; None for those that were not."""

    limit: int | None = None
    per_day: int | None = None
    per_picture: int | None = None
    operations: tuple[str, ...] | None = None
    until: str | None = None

    @classmethod
    def parse(
        cls,
        usd: str | None,
        per_day: str | None,
        per_picture: str | None,
        operations: str | None,
        until: str | None,
    ) -> "MandateTerms":
        """Raises UsageError for a value that is not valid."""
        named = tuple(operations.split(",")) if operations is not None else None
        if named is not None and (not set(named) <= set(OPERATIONS) or len(set(named)) < len(named)):
            raise UsageError(f"--operations takes replace, remove, or replace,remove, not {operations!r}")
        return cls(
            parse_usd_option("--usd", usd),
            parse_usd_option("--per-day", per_day),
            parse_usd_option("--per-picture", per_picture),
            named,
            _parse_day(until) if until is not None else None,
        )

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def _parse_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"--until takes a day such as 2026-12-31, not {text!r}") from error


@contextmanager
def _explain_refusals(stack: Stack, name: str) -> Generator[None]:
    try:
        yield
    except MandateNotFoundError as error:
        raise NothingFoundError(f"there is no mandate {name} in stack {stack.name}") from error
    except MandateRefusedError as error:
        raise CommandError(f"nothing was changed; {error}") from error


# -- show ------------------------------------------------------------------------------------------------------------


def show_mandates(stack: Stack, screen: Screen) -> None:
    """Lists the mandates that own a folder."""
    accounts, day = stack.mandates.list_all(), _read_day(stack)
    screen.print_json({"stack": stack.name, "mandates": [describe_account(account, day) for account in accounts]})
    if not accounts:
        screen.print(f"Stack {stack.name} has no mandates. To create one, run `backdrop mandate create --help`.")
        return
    heads = {"Mandate": "left", "Folder": "words", "Spent": "right", "Left": "right", "Left today": "right"}
    rows = [
        (
            account.mandate.name,
            account.mandate.prefix,
            format_usd(account.committed),
            format_usd(account.usable_on(day)),
            format_usd(account.left_on(day)),
            account.state_on(day).value,
            stop.message if (stop := account.find_stop(day)) else "",
        )
        for account in accounts
    ]
    screen.print_table(heads | {"State": "left", " ": "words"}, rows)


def show_mandate(stack: Stack, screen: Screen, name: str, *, with_policy: bool, with_config: bool) -> None:
    """Prints one mandate, or what its clients need. Raises NothingFoundError if there is none."""
    with _explain_refusals(stack, name):
        account = stack.mandates.find(name)
        _print_mandate(stack, screen, account, with_policy=with_policy, with_config=with_config)


def _print_mandate(
    stack: Stack, screen: Screen, account: MandateAccount, *, with_policy: bool = False, with_config: bool = False
) -> None:
    """Prints a mandate, or the policy or the configuration of its clients."""
    day = _read_day(stack)
    for_clients = {"policy": build_policy(stack, account.mandate)} if with_policy else {}
    for_clients |= {"config": build_config(stack, account.mandate)} if with_config else {}
    screen.print_json(describe_account(account, day) | for_clients)
    for document in for_clients.values():
        for line in json.dumps(document, indent=2).splitlines():
            screen.print_unwrapped(line)
    if for_clients:
        return
    mandate = account.mandate
    reserved = f"{format_usd(account.reserved)} of it reserved by calls in flight" if account.reserved else ""
    unknown = f"{format_usd(account.unknown)} of it possibly not charged, for lost answers" if account.unknown else ""
    stop, today = account.find_stop(day), f"{format_usd(account.by_day.get(day, 0))} spent today (UTC)"
    left = f"nothing can be spent now: {stop.message}" if stop else f"{format_usd(account.left_on(day))} of it today"
    per_day_note = _find_idle_note(mandate.per_day, mandate.limit) or today
    per_picture_note = _find_idle_note(mandate.per_picture, min(mandate.limit, mandate.per_day or mandate.limit))
    rows = [
        (
            "state",
            account.state_on(day).value,
            "a provider charged, or may have charged, more than was reserved" * account.is_overcharged,
        ),
        ("folder", mandate.prefix, f"s3://{mandate.bucket}/{mandate.prefix}"),
        ("limit", format_usd(mandate.limit), "in total"),
        ("spent", format_usd(account.committed), ", ".join(one for one in (reserved, unknown) if one)),
        ("left", format_usd(account.usable_on(day)), left),
        ("per day", _format_limit(mandate.per_day), per_day_note),
        ("per picture", _format_limit(mandate.per_picture), per_picture_note or "the quoted price, with the mask"),
        ("operations", ", ".join(mandate.operations), ""),
        ("until", mandate.until or "no limit", "inclusive (UTC)" if mandate.until else ""),
        ("when spent", mandate.when_spent.value, _WHEN_SPENT_TEXTS[mandate.when_spent]),
    ]
    screen.print(f"Mandate {mandate.name} of stack {stack.name}")
    screen.print_table({"": "left", " ": "right", "  ": "words"}, rows)


_WHEN_SPENT_TEXTS = {
    WhenSpent.REFUSE: "photos beyond the limits are refused",
    WhenSpent.WAIT: "photos beyond the limits wait for `raise`, or for the next day",
}


def _find_idle_note(limit: int | None, wider_limit: int) -> str:
    return "never applies: another limit is lower" if limit is not None and limit > wider_limit else ""


def _format_limit(limit: int | None) -> str:
    return "no limit" if limit is None else format_usd(limit)


def describe_account(account: MandateAccount, day: str) -> dict[str, Any]:
    """Returns a mandate as JSON, in dollars. `day`: today (UTC)."""
    mandate, stop = account.mandate, account.find_stop(day)
    return {
        "name": mandate.name,
        "state": account.state_on(day).value,
        "bucket": mandate.bucket,
        "prefix": mandate.prefix,
        "limit_usd": to_usd(mandate.limit),
        "per_day_usd": None if mandate.per_day is None else to_usd(mandate.per_day),
        "per_picture_usd": None if mandate.per_picture is None else to_usd(mandate.per_picture),
        "operations": list(mandate.operations),
        "until": mandate.until,
        "when_spent": mandate.when_spent.value,
        "reserved_usd": to_usd(account.reserved),
        "spent_usd": to_usd(account.confirmed),
        "unknown_usd": to_usd(account.unknown),
        "left_usd": to_usd(account.usable_on(day)),
        "left_today_usd": to_usd(account.left_on(day)),
        "stopped": stop.message if stop else None,
        "overcharged": account.is_overcharged,
    }


def _read_day(stack: Stack) -> str:
    return stack.clock.now().date().isoformat()


# -- change ----------------------------------------------------------------------------------------------------------


def create_mandate(
    stack: Stack, screen: Screen, name: str, prefix: str, terms: MandateTerms, *, when_spent: str, with_policy: bool
) -> None:
    """Creates a mandate. Raises UsageError for its name, and CommandError if it cannot be created."""
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(f"{name!r} is not a name for a mandate; use up to 40 lowercase letters, digits, and hyphens")
    facts: dict[str, Any] = {
        "name": name,
        "bucket": stack.input_bucket,
        "prefix": prefix,
        "when_spent": WhenSpent(when_spent),
        "created_at": stack.clock.now(),
        "created_by": stack.read_caller(),
    }
    with _explain_refusals(stack, name):
        stack.mandates.create(Mandate(**facts | terms.given))
        _print_mandate(stack, screen, stack.mandates.find(name), with_policy=with_policy)


def change_mandate(stack: Stack, screen: Screen, name: str, terms: MandateTerms) -> None:
    """Sets other limits. Raises NothingFoundError if there is no such mandate, and CommandError if it has ended."""
    _change(stack, screen, name, lambda by: stack.mandates.change_terms(name, by, **terms.given))


def suspend_mandate(stack: Stack, screen: Screen, name: str) -> None:
    """Raises NothingFoundError if there is no such mandate, and CommandError if it has ended."""
    _change(stack, screen, name, lambda by: stack.mandates.suspend(name, by))


def resume_mandate(stack: Stack, screen: Screen, name: str) -> None:
    """Raises NothingFoundError if there is no such mandate, and CommandError if it has ended."""
    _change(stack, screen, name, lambda by: stack.mandates.resume(name, by))


def end_mandate(stack: Stack, screen: Screen, name: str, *, yes: bool) -> None:
    """Ends a mandate after asking. Raises NothingFoundError if there is none, and CommandError if it has ended."""
    with _explain_refusals(stack, name):
        account = stack.mandates.find(name)
    screen.confirm(
        f"End {name} for good? {format_usd(account.left)} of its limit is left. Nothing will be bought in "
        f"{account.mandate.prefix} until you release it, and photos that are not bought yet are refused.",
        yes=yes,
    )
    _change(stack, screen, name, lambda by: stack.mandates.end(name, by))


def release_mandate(stack: Stack, screen: Screen, name: str, *, yes: bool) -> None:
    """Gives up the folder of a mandate after asking. Raises CommandError if the mandate has not ended."""
    with _explain_refusals(stack, name):
        account = stack.mandates.find(name)
    screen.confirm(
        f"Let anyone who can upload to {account.mandate.prefix} buy there again? Photos that were not bought under "
        f"{name} stay refused; they are bought only if they are uploaded again, or with `backdrop rerun`.",
        yes=yes,
    )
    _change(stack, screen, name, lambda by: stack.mandates.release(name, by))


def _change(stack: Stack, screen: Screen, name: str, change: Callable[[str], MandateAccount]) -> None:
    with _explain_refusals(stack, name):
        _print_mandate(stack, screen, change(stack.read_caller()))
