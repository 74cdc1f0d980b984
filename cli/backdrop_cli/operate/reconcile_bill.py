"""The `reconcile-bill` command: compares Ideogram's usage records with the ledger, and explains the result."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from backdrop.model.bill import ASYNC_ENDPOINT_PREFIX
from backdrop.model.bill_records import FindingKind, KeyUse
from backdrop.model.object_keys import photo_name_of
from backdrop.reconcile.bill_reconciliation import MAX_KEPT_FINDINGS
from backdrop.reconcile.bill_report import format_hours
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.formatting import format_count, format_receipt_usd
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

LISTS_WITH_HOURS = ("groups", "findings", "settled", "reopened", "corrections")
RESULT_TEXTS = {
    "charged": "was charged",
    "not_charged": "was not charged",
    "undecided": "stays unknown",
}
NOT_SETTLED = "not settled"
NEXT_STEPS = {
    "not_charged": (
        "A job whose call was not charged is sent once more within minutes if it waited for the records "
        "(`OnLostAnswer=ask_the_bill`). If it is held, `backdrop redrive` buys its picture without paying twice."
    ),
    "charged": (
        "A job whose call was charged is held if it waited for the records, or for you. `backdrop redrive --pay-again` "
        "buys its picture a second time."
    ),
    "undecided": (
        "A job whose call stays unknown is held if it waited for the records, or for you. `backdrop redrive "
        "--pay-again` buys its picture, and may pay twice."
    ),
}
# Each of these is about images or jobs of its own. Of the others, the same one often concerns many hours.
SINGLE_FINDINGS = frozenset(
    {
        FindingKind.MISSING_CHARGE,
        FindingKind.FOREIGN_USAGE,
        FindingKind.UNCLEAR_CALL,
        FindingKind.BILLED_FAILURE,
    }
)
FINDINGS_WITH_JOBS = frozenset({FindingKind.UNCLEAR_CALL, FindingKind.BILLED_FAILURE})
# These are about all endpoints, although each is recorded for one.
FINDINGS_WITHOUT_ENDPOINT = frozenset({FindingKind.STOPPED, FindingKind.OTHER_PRICE})


def parse_day(text: str | None) -> date | None:
    """Raises UsageError if the text is not a day."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # `fromisoformat` takes a week, too, and returns its Monday.
    if day is None or day.isoformat() != text:
        raise UsageError(f"--day takes a day such as 2026-11-26, not {text!r}")
    return day


def check_has_begun(day: date | None, now: datetime) -> None:
    """Raises UsageError if the day is in the future."""
    if day and day > now.date():
        raise UsageError(f"--day {day} has not begun (UTC)")


def reconcile_bill(stack: Stack, screen: Screen, day: date | None, *, accept_missing: bool) -> None:
    """Raises CommandError if the records could not be compared, UsageError if the day has not begun."""
    check_has_begun(day, stack.clock.now())
    with screen.spinner("reading Ideogram's usage records and the ledger"):
        request = {"requested": True, "accept_missing": accept_missing, "day": day.isoformat() if day else None}
        report = stack.run_bill_comparison(request)
    is_cut = len(report["findings"]) >= MAX_KEPT_FINDINGS
    report |= {name: [one for one in report[name] if _is_on(one, day)] for name in LISTS_WITH_HOURS}
    uncompared = [hour for hour in report["uncompared_hours"] if day and hour.startswith(day.isoformat())]
    groups, findings = report["groups"], report["findings"]
    screen.print_json({"stack": stack.name, **report})
    if report["failure"]:
        raise CommandError(f"nothing was compared. {report['failure']}")
    screen.print(f"Ideogram's usage records and the ledger, stack {stack.name}", "bold")
    _print_keys(screen, report["keys"], day, has_key_ids=bool(stack.parameters.get("IdeogramKeyIds")))
    if report["missing_hours"]:
        hours = format_count(len(report["missing_hours"]), "hour")
        screen.print(f"The response has no records of {hours}, which are not settled.")
    if uncompared:
        hours = format_count(len(uncompared), "hour")
        screen.print(
            f"{hours} of {day} cannot be compared: the response lacks them, the ledger may have deleted their jobs, or "
            "they are not final. Two reads at least 30 minutes apart must agree, so run the command again in half an "
            "hour if the day was read for the first time.",
            "yellow",
        )
    is_key_shared = any(one["use"] == KeyUse.SHARED for one in report["keys"])
    _print_groups(screen, groups, day, is_key_shared=is_key_shared)
    name_photo = partial(_name_photo, stack.input_bucket)
    _print_settled(screen, [one | {"photo": name_photo(one)} for one in report["settled"]])
    for one in report["corrections"]:
        screen.print_bullet("!", _describe_correction(one, name_photo(one)), "red")
    if report["corrections_left_out"]:
        corrections = format_count(report["corrections_left_out"], "more correction is", "more corrections are")
        screen.print(f"{corrections} not listed. `backdrop show KEY` shows what became of a call.", "red")
    for text in _list_findings(findings):
        screen.print_bullet("!", text, "yellow")
    for month in sorted({one["first_hour"][:7] for one in findings if one["kind"] in FINDINGS_WITH_JOBS}):
        screen.print(
            f"The CSV of `backdrop statement {month}` has the photo and Ideogram's ID of each job (`x_JobId`)."
        )
    if is_cut:
        screen.print(f"Only {MAX_KEPT_FINDINGS} findings are kept; there may be more.", "yellow")
    if report["stopped_hour"]:
        screen.print(
            f"Nothing is settled from {_format_minute(report['stopped_hour'])} UTC on, until you have found out why a "
            "charge is missing, and run `backdrop reconcile-bill --accept-missing`.",
            "red",
        )
    # With a day, the number includes calls of the days around it. The hours and findings above say what is open.
    if report["open_calls"] and not day:
        calls = format_count(report["open_calls"], "call")
        screen.print(
            f"{calls} with an unknown charge cannot be settled yet: an hour is not final, has a finding, or is older "
            "than a week. For an older hour, run `backdrop reconcile-bill` with `--day`."
        )


def _is_on(one: Mapping[str, Any], day: date | None) -> bool:
    return day is None or one["first_hour"][:10] <= day.isoformat() <= one["last_hour"][:10]


def _name_photo(stack_bucket: str, one: Mapping[str, Any]) -> str:
    """Returns the name under which `show` finds the photo; the job's ID if its key is not recorded."""
    return photo_name_of(one["bucket"], one["key"], stack_bucket) if one["key"] else one["job_id"]


def _format_minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _print_keys(screen: Screen, keys: Sequence[Mapping[str, Any]], day: date | None, *, has_key_ids: bool) -> None:
    period = "three days" if day else "a week"
    uses = {
        "own": "this stack's",
        "shared": "shared",
        "other": "not this stack's",
        None: "not listed in IdeogramKeyIds",
    }
    if keys:
        rows = ((one["id"], uses[one["use"]], f"{one['images']:,}") for one in keys)
        screen.print_table({"Key ID": "left", "Use": "left", f"Images in {period}": "right"}, rows)
    else:
        screen.print(
            f"The records of {period} are empty. An hour is read when it is over, so a call appears up to an hour "
            "later."
        )
        if not has_key_ids:
            screen.print("IdeogramKeyIds needs the ID of this stack's key, which this command lists then.")
    if keys and not any(one["use"] for one in keys):
        screen.print("Set IdeogramKeyIds to the ID of this stack's key. Until then, nothing is settled.", "yellow")


def _print_groups(
    screen: Screen, groups: Sequence[Mapping[str, Any]], day: date | None, *, is_key_shared: bool
) -> None:
    if not groups:
        screen.print(f"No hour {f'of {day} ' if day else ''}that is final has an unknown charge.")
        return
    for one in groups:
        screen.print_bullet("-", _describe_group(one))
    # Otherwise, a finding says why, or how many of them were charged.
    if is_key_shared and any(_describe_result(one) == NOT_SETTLED for one in groups):
        screen.print(
            "Because a key is shared, calls are only settled as not charged. Those that may have been charged stay "
            "unknown."
        )


def _describe_group(one: Mapping[str, Any]) -> str:
    """Describes the images at one endpoint and price in connected hours, and what the records prove about them."""
    billed = format_count(one["billed"], "image")
    return (
        f"{one['hours']}, {one['endpoint']}, {one['unit_price']} an image: {billed} billed. The ledger has "
        f"{one['certain']:,} as charged, and {one['unknown']:,} as unknown: {_describe_result(one)}."
    )


def _describe_result(one: Mapping[str, Any]) -> str:
    charged, not_charged = one["settled_as_charged"], one["settled_as_not_charged"]
    parts = [format_count(charged, "was charged", "were charged")] if charged else []
    parts += [format_count(not_charged, "was not charged", "were not charged")] if not_charged else []
    if one["charged_of_unknown"]:
        # The records do not tell a lost call from one that need not have been charged.
        is_async = one["endpoint"].startswith(ASYNC_ENDPOINT_PREFIX)
        free = "calls that failed" if is_async else "pictures that were withheld"
        others = f"of {'the others' if parts else 'them'}, or of {free},"
        counted = format_count(one["charged_of_unknown"], f"{others} was", f"{others} were")
        parts = [f"{counted} charged, but it is not known which"]
    return "; ".join(parts) or NOT_SETTLED


def _list_findings(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns one text for each finding, or for the same finding in several hours, with its endpoint if it has one."""
    hours_by_text: dict[tuple[str, str, int], list[str]] = {}
    for no, finding in enumerate(sorted(findings, key=lambda one: one["first_hour"])):
        hours = format_hours(*(datetime.fromisoformat(finding[name]) for name in ("first_hour", "last_hour")))
        text = finding["text"].removeprefix(f"{hours}: ")
        endpoint = "" if finding["kind"] in FINDINGS_WITHOUT_ENDPOINT else finding["endpoint"]
        key = (endpoint, text, no if finding["kind"] in SINGLE_FINDINGS else -1)
        hours_by_text.setdefault(key, []).append(hours)
    return [
        f"{_join_hours(list(dict.fromkeys(hours)))}{endpoint and f', {endpoint}'}: {text}"
        for (endpoint, text, _), hours in hours_by_text.items()
    ]


def _join_hours(hours: Sequence[str]) -> str:
    first, *others = hours
    return f"{first} and {len(others):,} more times, the last {others[-1]}" if others[1:] else " and ".join(hours)


def _print_settled(screen: Screen, settled: Sequence[Mapping[str, Any]]) -> None:
    """Prints what this run settled, and what becomes of the jobs."""
    for one in settled:
        text = f"{one['photo']}: call {one['n']} ({format_receipt_usd(one['usd'])}) {RESULT_TEXTS[one['result']]}"
        if one["result"] == "undecided":
            images = format_count(one["unknown_count"], "image like it was", "images like it were")
            text += f", because {one['charged_count']} of {images} charged"
        screen.print_bullet("?" if one["result"] == "undecided" else "✓", f"{text}.")
    results = {one["result"] for one in settled}
    for result, text in NEXT_STEPS.items():
        if result in results:
            screen.print(text)


def _describe_correction(one: Mapping[str, Any], photo_name: str) -> str:
    """Describes a call whose settlement Ideogram's records no longer support, and what to do about it."""
    text = (
        f"{photo_name}: call {one['n']} ({format_receipt_usd(one['usd'])}) had been settled as "
        f"{one['was'].replace('_', ' ')} by the records of {one['hours']}. They, or the meaning of a key in "
        "`IdeogramKeyIds`, have changed, so its charge became unknown again on "
        f"{_format_minute(one['found_at'])} UTC."
    )
    if one["was_resent"]:
        return (
            f"{text} It has been sent again since, so both calls may have been charged: compare them with Ideogram's "
            "bill, and ask for a refund of this one."
        )
    return f"{text} It was not sent again. When the changed hours are final, it is settled again if they prove it."
