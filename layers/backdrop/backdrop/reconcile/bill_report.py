"""What a comparison with the usage records found, as data and as sentences."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backdrop.model.bill import GroupDecision
from backdrop.model.bill_records import BillState, Correction, Finding, FindingKind, KeyUse
from backdrop.model.pricing import format_usd, to_usd
from backdrop.model.sentence import Sentence
from backdrop.reconcile.bill_reconciliation import BillResult, SettledCall

_TEXTS = {
    FindingKind.MISSING_CHARGE: (
        "Images that were certainly charged, but are missing in the records: {count}. No later hour is settled until "
        "you have found out why, and run `backdrop reconcile-bill --accept-missing`. Check first whether a new API key "
        "is missing in IdeogramKeyIds."
    ),
    FindingKind.FOREIGN_USAGE: (
        "Images in the records that belong to no call of this stack: {count} of {billed}. Nothing is settled in this "
        "hour and the one before, and elsewhere, calls are only settled as not charged. If something else uses the "
        "key, give the stack a key of its own, or mark the key as `:shared`."
    ),
    FindingKind.UNLISTED_KEY: (
        "The records have usage of keys that IdeogramKeyIds does not list: {details}. List each one, with `:other` if "
        "it is not this stack's."
    ),
    FindingKind.UNKNOWN_ENDPOINT: (
        "This stack's key has usage at an endpoint that this stack does not call: {details}. If other software uses "
        "the key, mark it as `:shared`."
    ),
    FindingKind.UNKNOWN_PRICE: (
        "The records have images of this stack's key at a price that is not in the price list, or do not count them: "
        "{details}."
    ),
    FindingKind.OTHER_PRICE: (
        "Ideogram's prices are not those of the price list, so usage at one price may be that of calls at another. "
        "Update Backdrop once a release has the new prices."
    ),
    FindingKind.LATE_USAGE: (
        "An image of a later hour is not certainly that of another call, so it may be that of a call in these hours, "
        "billed later than expected. Such calls stay unknown."
    ),
    FindingKind.UNCLEAR_CALL: (
        "An earlier release sent calls without recording their endpoint, or the amounts of calls are not those of "
        "their images at the prices of the price list: jobs {details}."
    ),
    FindingKind.UNSEEN_ENDPOINT: (
        "The records have never had usage at this endpoint, so they may call it by another name."
    ),
    FindingKind.SHRUNK_HOUR: "The records had more usage in this hour before, so it is unknown which amount is right.",
    FindingKind.STOPPED: (
        "A charge in an earlier hour is missing in the records, so this hour is not settled. See that hour's finding."
    ),
    FindingKind.BILLED_FAILURE: (
        "Ideogram charged for calls that failed, of the jobs {details}. The ledger counts them as charged now. Ask "
        "Ideogram for a refund."
    ),
}


def describe_finding(finding: Finding) -> Sentence:
    text = _TEXTS[finding.kind].format(billed=finding.billed, count=finding.count, details=_list_details(finding))
    return Sentence(f"{format_hours(finding.first_hour, finding.last_hour)}: {text}")


def _list_details(finding: Finding) -> str:
    more = finding.count - len(finding.details)
    return ", ".join(finding.details) + (f", and {more} more" if finding.details and more > 0 else "")


def format_hours(first: datetime, last: datetime) -> str:
    """Formats hours as `2026-11-26 10:00–12:00 UTC`."""
    end = last + timedelta(hours=1)
    end_text = f"{end:%H:%M}" if end.date() == first.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M}–{end_text} UTC"


def build_bill_report(result: BillResult, key_uses: Mapping[str, KeyUse], now: datetime) -> dict[str, Any]:
    """Returns the result of a run as JSON, for the command."""
    comparison = result.comparison
    return {
        "is_off": result.is_off,
        "failure": None if result.failure is None else str(result.failure),
        "keys": [
            {"id": key_id, "use": use.value if (use := key_uses.get(key_id)) else None, "images": images}
            for key_id, images in sorted(result.images_by_key.items())
        ],
        "missing_hours": [hour.isoformat() for hour in result.missing_hours],
        "uncompared_hours": [hour.isoformat() for hour in result.uncompared_hours],
        "groups": [_build_group(one) for one in (comparison.decisions if comparison else ()) if _has_unknown(one)],
        "open_calls": len(comparison.open_calls) if comparison else 0,
        "settled": [_build_call(one) for one in result.settled],
        "reopened": [_build_call(one) for one in result.reopened],
        "conflicts": len(result.conflicts),
        **_build_state_report(result.state, now),
    }


def _build_state_report(state: BillState, now: datetime) -> dict[str, Any]:
    return {
        "read_at": _format_time(state.read_at),
        "stopped_hour": _format_time(state.stopped_hour),
        "findings": [
            {
                "kind": one.kind.value,
                "first_hour": one.first_hour.isoformat(),
                "last_hour": one.last_hour.isoformat(),
                "endpoint": one.endpoint,
                "text": str(describe_finding(one)),
            }
            for one in state.findings
        ],
        "corrections": [_build_correction(one) for one in state.list_recent_corrections(now)],
        "corrections_left_out": state.corrections_left_out,
    }


def _build_correction(one: Correction) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "key": one.key,
        "job_id": one.job_id,
        "n": one.n,
        "found_at": one.found_at.isoformat(),
        "hours": format_hours(one.first_hour, one.last_hour),
        "first_hour": one.first_hour.isoformat(),
        "last_hour": one.last_hour.isoformat(),
        "usd": to_usd(one.amount),
        "was": one.was,
        "was_resent": one.was_resent,
    }


def _has_unknown(decision: GroupDecision) -> bool:
    return any(call.is_unknown for call in decision.calls)


def _build_group(decision: GroupDecision) -> dict[str, Any]:
    return {
        "hours": format_hours(decision.hours[0], decision.hours[-1]),
        "first_hour": decision.hours[0].isoformat(),
        "last_hour": decision.hours[-1].isoformat(),
        "endpoint": decision.endpoint,
        "unit_price": format_usd(decision.unit_price),
        "billed": decision.billed,
        "certain": sum(call.certain for call in decision.calls),
        "unknown": sum(call.possible for call in decision.calls if call.is_unknown),
        "settled_as_charged": sum(call.possible for call in decision.charged),
        "settled_as_not_charged": sum(call.possible for call in decision.not_charged),
        "charged_of_unknown": decision.charged_count,
    }


def _build_call(one: SettledCall) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "key": one.key,
        "job_id": one.call.job_id,
        "n": one.call.n,
        "result": one.result.value,
        "usd": to_usd(one.amount),
        "hours": format_hours(one.hours[0], one.hours[-1]),
        "first_hour": one.hours[0].isoformat(),
        "last_hour": one.hours[-1].isoformat(),
        "charged_count": one.charged_count,
        "unknown_count": one.unknown_count,
    }


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
