"""Why a job in a lane waits: its lane is paused or probing, or calls in flight reserve the rest of the budget."""

from backdrop.model.circuit import LaneState, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import Job
from backdrop.model.schedule import BudgetDay
from backdrop_cli.formatting import format_utc

PROBING_MESSAGE = "it failed three times in a row, and one job at a time probes it"


def is_budget_reserved(price: int, day: BudgetDay, cap: int) -> bool:
    """Whether calls in flight reserve what a call of this price needs; all amounts are micro-dollars.

    The ledger makes the same decision when a worker claims the job. Such a wait lasts seconds, so it is not recorded.
    """
    return day.spent + price <= cap < day.spent + day.reserved + price


def explain_wait(job: Job, lane: ProviderHealth, day: BudgetDay, cap: int) -> list[tuple[str, str]]:
    """Returns why an `accepted` job waits, each reason with what to do; empty if it waits only for its turn."""
    if lane.pauses:
        return [
            (
                f"{lane.provider} has been paused since {format_utc(one.since)} ({one.code.value}): {one.message}",
                str(ERROR_CATALOG[one.code].hint),
            )
            for one in lane.pauses
        ]
    if lane.state is LaneState.PROBING and lane.opened_since:
        message = f"{lane.provider} has been probing since {format_utc(lane.opened_since)}: {PROBING_MESSAGE}."
        return [(message, str(ERROR_CATALOG[Code.LANE_SHUT].hint))]
    code = job.wait_reason
    if code is None and is_budget_reserved(job.quoted, day, cap):
        code = Code.BUDGET_RESERVED
    if code is None or job.problem:
        return []
    entry = ERROR_CATALOG[code]
    return [(f"{str(entry.meaning).removesuffix('.')} ({code.value}).", str(entry.hint))]
