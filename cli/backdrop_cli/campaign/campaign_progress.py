"""A campaign's progress from the ledger: how its items ended, what they cost, and what the others wait for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from backdrop.campaigns.campaign import campaign_report_key
from backdrop.campaigns.finish import read_items
from backdrop.campaigns.report import ITEM_STATUSES, OPEN, SKIPPED, CampaignTotals
from backdrop.model.circuit import LaneState
from backdrop.model.job import JobStatus
from backdrop.model.pricing import format_usd, to_usd
from backdrop_cli.campaign.state_machine import Execution
from backdrop_cli.formatting import format_cost
from backdrop_cli.operate import status as stack_status
from backdrop_cli.operate.pause_resume import describe_pause
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

END_LABELS = {
    **{status.value: label for status, label in stack_status.STATUS_LABELS.items()},
    SKIPPED: ("skipped", "not photos, judging by their keys"),
    OPEN: ("in progress", ""),
}


@dataclass(frozen=True)
class CampaignProgress:
    """A campaign at one moment.

    `total_items` is None while the items are being listed. `active_providers` are those with open jobs. `report_key` is
    None until the report exists.
    """

    execution: Execution
    totals: CampaignTotals
    total_items: int | None
    active_providers: Collection[str]
    report_key: str | None

    @property
    def ended_items(self) -> int:
        return self.totals.requested - self.totals.counts_by_status[OPEN]

    @property
    def _known_items(self) -> int:
        return max(self.total_items or 0, self.totals.requested)

    @property
    def is_delivered(self) -> bool:
        """Whether every photo of the campaign was delivered."""
        counts = self.totals.counts_by_status
        return counts[JobStatus.STORED] + counts[SKIPPED] == self._known_items

    @property
    def summary(self) -> str:
        """`28 of 60 items ended`."""
        total = self._known_items
        if not total:
            return "listing the items" if self.execution.is_running else "nothing was requested"
        return f"{self.ended_items:,} of {total:,} items ended"

    @property
    def cost_summary(self) -> str:
        """`$0.24, $0.54 reserved for calls in flight`."""
        totals = self.totals
        reserved_text = f", {format_usd(totals.reserved)} reserved for calls in flight" if totals.reserved else ""
        return format_cost(totals.bought, totals.bought_unknown - totals.reserved) + reserved_text


def read_campaign_progress(stack: Stack, execution: Execution) -> CampaignProgress:
    totals, active_providers = CampaignTotals(execution.started_at), set[str]()
    for item in read_items(stack.redrive_service.ledger_queries, execution.execution_name):
        totals.add(item)
        active_providers |= {job.provider for job in item.jobs if not job.needs_no_worker}
    plan = stack.bucket_reader.read_campaign_plan(execution.execution_name)
    total_items = plan["items"] if plan else None if execution.is_running else totals.requested
    return CampaignProgress(
        execution,
        totals,
        total_items,
        active_providers,
        None if execution.is_running else _find_report_key(stack, execution),
    )


def _find_report_key(stack: Stack, execution: Execution) -> str | None:
    """Returns the report's key if this run has written it; an earlier run's report has the same key."""
    report = stack.bucket_reader.read_campaign_report(execution.name)
    return campaign_report_key(execution.name, "json") if report and report["execution"] == execution.arn else None


def build_progress_document(stack: Stack, progress: CampaignProgress) -> dict[str, Any]:
    totals, pauses = (
        progress.totals,
        [
            (name, one)
            for name in progress.active_providers
            for one in stack.circuit_breaker.ledger.read_health(name).pauses
        ],
    )
    return {
        **describe_campaign(progress.execution),
        "message": progress.execution.cause or None,
        "listed": progress.total_items,
        "asked": totals.requested,
        **{end: totals.counts_by_status[end] for end in ITEM_STATUSES},
        "bought_usd": to_usd(totals.bought),
        "unknown_usd": to_usd(totals.bought_unknown - totals.reserved),
        "reserved_usd": to_usd(totals.reserved),
        "failures": {code: one.count for code, one in totals.failures_by_code.items()},
        "paused": [{"provider": name, **describe_pause(one)} for name, one in pauses],
        "report": progress.report_key,
    }


def describe_campaign(execution: Execution) -> dict[str, Any]:
    return {
        "name": execution.name,
        "run": execution.execution_name,
        "execution": execution.arn,
        "status": execution.display_status,
        "began": execution.started_at.isoformat(timespec="seconds"),
        "error": execution.error or None,
    }


def print_campaign_progress(stack: Stack, screen: Screen, progress: CampaignProgress) -> None:
    execution, totals = progress.execution, progress.totals
    if execution.error:
        screen.print(f"! {execution.error}: {execution.cause}", "yellow")
    rows = [
        (f"{totals.counts_by_status[end]:,}", *END_LABELS[end]) for end in ITEM_STATUSES if totals.counts_by_status[end]
    ]
    to_come = max((progress.total_items or 0) - totals.requested, 0)
    rows += [(f"{to_come:,}", "to come" if execution.is_running else "not requested", "")] if to_come else []
    screen.print_table({"": "right", " ": "left", "  ": "words"}, rows)
    for code, failed in totals.failures_by_code.items():
        screen.print(f"! {failed.count:,} {code}: {failed.message}", "yellow")
    for name in sorted(progress.active_providers):
        lane = stack.circuit_breaker.ledger.read_health(name)
        if lane.state is not LaneState.RUNNING:
            screen.print(f"! {name} is {stack_status.describe_lane_state(lane)}", "yellow")
    screen.print(f"Cost: {progress.cost_summary}.")
    if progress.report_key:
        screen.print_unwrapped(f"Report: s3://{stack.output_bucket}/{progress.report_key}")
    elif not execution.is_running:
        screen.print("There is no report of this run yet, or a newer run of the campaign has replaced it.")
