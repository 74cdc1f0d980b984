"""The `reconcile-bill` command: compares Ideogram's usage records with the ledger, and explains the result."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

RESULT_TEXTS = {
    "charged": "was charged",
    "not_charged": "was not charged",
    "undecided": "stays unknown",
}


def parse_day(text: str | None) -> date | None:
    """Raises UsageError if the text is not a day."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"--day is not a day such as 2026-11-26: {text}") from error


def reconcile_bill(stack: Stack, screen: Screen, day: date | None, *, accept_missing: bool) -> None:
    """Raises CommandError if the records could not be compared."""
    with screen.spinner("reading Ideogram's usage records and the ledger"):
        report = stack.run_bill_comparison({"requested": True, "accept_missing": accept_missing})
    groups, findings = ([one for one in report[name] if _is_on(one, day)] for name in ("groups", "findings"))
    screen.print_json({"stack": stack.name, **report, "groups": groups, "findings": findings})
    if report["is_off"]:
        raise CommandError(
            f"nothing can be compared without an admin key: {report['failure']}; docs/bill.md shows how to set it up"
        )
    if report["failure"]:
        raise CommandError(f"nothing was compared or settled: {report['failure']}")
    screen.print(f"Ideogram's usage records and the ledger, stack {stack.name}", "bold")
    _print_keys(screen, report["keys"])
    if report["missing_hours"]:
        hours = format_count(len(report["missing_hours"]), "hour")
        screen.print(f"The response has no records of {hours}, which are not settled.")
    _print_groups(screen, groups)
    _print_settled(screen, report)
    for finding in findings:
        screen.print_bullet("!", finding["text"], "yellow")
    if report["stopped_hour"]:
        screen.print(f"Nothing is settled from {report['stopped_hour'][:16]} UTC on, until you have looked.", "red")
    if report["not_final"]:
        calls = format_count(report["not_final"], "call")
        screen.print(f"{calls} with an unknown charge cannot be settled yet: an hour is not final, or has a finding.")


def _is_on(one: Mapping[str, Any], day: date | None) -> bool:
    return day is None or one["first_hour"][:10] <= day.isoformat() <= one["last_hour"][:10]


def _print_keys(screen: Screen, keys: Sequence[Mapping[str, Any]]) -> None:
    uses = {
        "own": "this stack's",
        "shared": "shared",
        "other": "not this stack's",
        None: "not listed in IdeogramKeyIds",
    }
    if keys:
        rows = ((one["id"], uses[one["use"]], f"{one['images']:,}") for one in keys)
        screen.print_table({"Key ID": "left", "Use": "left", "Images in a week": "right"}, rows)
    else:
        screen.print("The records of the last week are empty.")
    if keys and not any(one["use"] for one in keys):
        screen.print("Set IdeogramKeyIds to the ID of this stack's key. Until then, nothing is settled.", "yellow")


def _print_groups(screen: Screen, groups: Sequence[Mapping[str, Any]]) -> None:
    if not groups:
        screen.print("No hour that is final has an unknown charge.")
        return
    heads = {"Hours": "left", "Price": "right", "Billed": "right", "Certain": "right", "Unknown": "right", "": "words"}
    screen.print_table(
        heads,
        (
            (
                one["hours"],
                one["unit_price"],
                f"{one['billed']:,}",
                f"{one['certain']:,}",
                f"{one['unknown']:,}",
                _describe_group(one),
            )
            for one in groups
        ),
    )


def _describe_group(one: Mapping[str, Any]) -> str:
    charged, not_charged = one["settled_as_charged"], one["settled_as_not_charged"]
    parts = [f"{charged:,} were charged"] if charged else []
    parts += [f"{not_charged:,} were not charged"] if not_charged else []
    if not parts and one["charged_of_unknown"]:
        parts = [f"{one['charged_of_unknown']:,} of them were charged, but not which"]
    return "; ".join(parts) or "not settled"


def _print_settled(screen: Screen, report: Mapping[str, Any]) -> None:
    for one in report["settled"]:
        text = f"{one['key']}: call {one['n']} (${one['usd']:.2f}) {RESULT_TEXTS[one['result']]}"
        if one["result"] == "undecided":
            text += f", because {one['charged_count']} of {one['unknown_count']} images like it were charged"
        screen.print_bullet("✓", f"{text}.")
    for one in report["reopened"]:
        screen.print_bullet(
            "!",
            f"{one['key']}: call {one['n']} (${one['usd']:.2f}) is unknown again, because Ideogram changed its "
            f"records of {one['hours']}. It had been settled: it {RESULT_TEXTS[one['result']]}.",
            "red",
        )
