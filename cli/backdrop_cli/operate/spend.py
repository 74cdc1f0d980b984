"""The `spend` command: the cost of all calls by day, folder, provider, or mandate, from the attempts in the ledger."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from backdrop.model.job import MASK_VARIANT, Attempt, Job
from backdrop.model.object_keys import photo_name_of
from backdrop.model.pricing import format_usd, to_usd
from backdrop_cli.errors import NothingFoundError, UsageError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

type GroupName = Callable[[str, Attempt], str]
"""Returns the group of a call. The first argument is the photo's name; "" for a request of the price check."""

ROOT_LABEL, NO_MANDATE_LABEL = "(no folder)", "(no mandate)"


@dataclass
class SpendTotal:
    """The cost of calls in micro-dollars; `calls` counts those that were, or may have been, charged."""

    calls: int = 0
    confirmed: int = 0
    unknown: int = 0

    def add(self, attempt: Attempt) -> None:
        if attempt.charged or attempt.unknown:
            self.calls += 1
            self.confirmed += attempt.charged
            self.unknown += attempt.unknown

    @classmethod
    def sum(cls, totals: Iterable["SpendTotal"]) -> "SpendTotal":
        """Returns the total of calls that no two of these totals count."""
        result = cls()
        for one in totals:
            result.calls += one.calls
            result.confirmed += one.confirmed
            result.unknown += one.unknown
        return result

    def build_document(self) -> dict[str, Any]:
        return {"paid_calls": self.calls, "usd": to_usd(self.confirmed), "unknown_usd": to_usd(self.unknown)}


@dataclass
class ApprovalTotal:
    """What people decided about pictures, and what those pictures cost.

    A picture costs what all its tries cost: once people have decided about a picture of a photo's variant, all jobs of
    the variant count, current or not, and the photo's mask. `approved`: only pictures that were also delivered.
    """

    approved: int = 0
    rejected: int = 0
    _charged: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _decided: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, job: Job) -> None:
        delivered = {result.n for result in job.results}
        self.approved += sum(review.is_approved and review.n in delivered for review in job.reviews)
        self.rejected += sum(review.is_rejected for review in job.reviews)
        variant = job.source_id, job.variant
        if job.charged:
            self._charged[variant] += job.charged
        if any(review.decision for review in job.reviews):
            self._decided.add(variant)

    @property
    def cost(self) -> int:
        """The confirmed cost, in micro-dollars."""
        masks = {(source_id, MASK_VARIANT) for source_id, _ in self._decided}
        return sum(self._charged[variant] for variant in self._decided | masks)

    @property
    def cost_per_approved(self) -> int | None:
        """In micro-dollars; None if no picture was approved and delivered."""
        return round(self.cost / self.approved) if self.approved else None


def find_top_folder(photo_name: str) -> str:
    """Returns the first folder of a photo's name, such as `shoes/`; "" if it has none."""
    top, slash, _ = photo_name.partition("/")
    return f"{top}/" if slash else ""


GROUPINGS: dict[str, GroupName] = {
    "day": lambda _photo_name, attempt: attempt.budget_day,
    "folder": lambda photo_name, _attempt: find_top_folder(photo_name) or ROOT_LABEL,
    "provider": lambda _photo_name, attempt: attempt.provider,
    "mandate": lambda _photo_name, attempt: attempt.mandate or NO_MANDATE_LABEL,
}


def validate_grouping(by: str) -> str:
    """Returns the grouping. Raises UsageError if `--by` does not take it."""
    if by not in GROUPINGS:
        raise UsageError(f"--by takes {', '.join(GROUPINGS)}, not {by!r}")
    return by


def show_spend(stack: Stack, screen: Screen, prefix: str, by: str) -> None:
    """Prints the cost of all photos whose names begin with the prefix.

    Raises NothingFoundError if the prefix is not empty and no such photo has a job.
    """
    group_name, totals, total = GROUPINGS[by], dict[str, SpendTotal](), SpendTotal()
    approval = ApprovalTotal()
    has_jobs = False
    with screen.spinner("reading the ledger"):
        for item in stack.ledger_scan.scan_charged():
            photo_name = photo_name_of(item.bucket, item.key, stack.input_bucket) if isinstance(item, Job) else ""
            if not photo_name.startswith(prefix):
                continue
            if isinstance(item, Job):
                has_jobs = True
                approval.add(item)
            for attempt in item.attempts:
                total.add(attempt)
                totals.setdefault(group_name(photo_name, attempt), SpendTotal()).add(attempt)
    shown = {key: one for key, one in sorted(totals.items()) if one.calls}
    screen.print_json(_build_document(stack, prefix, by, shown, total, approval))
    scope = f"in {prefix}, stack {stack.name}" if prefix else f"in stack {stack.name}"
    if prefix and not has_jobs:
        raise NothingFoundError(f"there is no job {scope}")
    if not total.calls:
        screen.print(f"Nothing has been spent {scope}.")
        return
    screen.print(f"Spend {scope}" if prefix else f"Spend of stack {stack.name}", "bold")
    heads = {by.capitalize(): "left", "Paid calls": "right", "Charged": "right", "Possibly more": "right"}
    rows = [(key, *_format_cells(one)) for key, one in shown.items()]
    screen.print_table(heads, [*rows, ("all", *_format_cells(total))])
    if approval.cost_per_approved is not None:
        screen.print()
        # It is an average, not an amount that anyone paid: to a tenth of a cent, but a cut-out may cost less than that.
        average = approval.cost_per_approved
        cost = format_usd(round(average, -3 if average >= 10_000 else 0))
        screen.print(
            f"{approval.approved:,} approved and delivered, {approval.rejected:,} rejected: {cost} per "
            "approved picture, with all tries and masks."
        )


def _format_cells(total: SpendTotal) -> tuple[str, str, str]:
    return f"{total.calls:,}", format_usd(total.confirmed), format_usd(total.unknown) if total.unknown else ""


def _build_document(
    stack: Stack, prefix: str, by: str, totals: dict[str, SpendTotal], total: SpendTotal, approval: ApprovalTotal
) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "prefix": prefix,
        "by": by,
        "rows": [{by: key, **one.build_document()} for key, one in totals.items()],
        "total": total.build_document(),
        "approval": {
            "approved": approval.approved,
            "rejected": approval.rejected,
            "usd": to_usd(approval.cost),
            "usd_per_approved": None if approval.cost_per_approved is None else to_usd(approval.cost_per_approved),
        },
    }
