"""Why a job in a lane waits: its lane is paused or probing, or calls in flight reserve the rest of the budget."""

from dataclasses import dataclass
from datetime import datetime

from backdrop.model.circuit import LaneState, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import Job
from backdrop.model.schedule import BudgetDay
from backdrop_cli.formatting import format_utc

PROBING_MESSAGE = "it failed three times in a row, and one job at a time probes it"


@dataclass(frozen=True)
class Wait:
    """Why a photo waits, and what to do.

    `code`: an error code, or one of the codes of photo_waits.py for a wait that is not a problem. `since`: None if that
    is not recorded. `job_id`: None if the whole photo waits.
    """

    code: str
    message: str
    hint: str
    since: datetime | None = None
    job_id: str | None = None


def is_budget_reserved(price: int, day: BudgetDay, cap: int) -> bool:
    """Whether calls in flight reserve what a call of this price needs; all amounts are micro-dollars.

    The ledger makes the same decision when a worker claims the job. Such a wait lasts seconds, so it is not recorded.
    """
    return day.spent + price <= cap < day.spent + day.reserved + price


def list_lane_waits(job: Job, lane: ProviderHealth, day: BudgetDay, cap: int) -> list[Wait]:
    """Returns why an `accepted` job waits; empty if it waits only for its turn, or if its problem is the reason."""
    if lane.pauses:
        return [
            Wait(
                one.code.value,
                f"{lane.provider} has been paused since {format_utc(one.since)} ({one.code.value}): {one.message}",
                str(ERROR_CATALOG[one.code].operator_hint),
                one.since,
                job.job_id,
            )
            for one in lane.pauses
        ]
    if lane.state is LaneState.PROBING and lane.opened_since:
        message = f"{lane.provider} has been probing since {format_utc(lane.opened_since)}: {PROBING_MESSAGE}."
        hint = str(ERROR_CATALOG[Code.LANE_SHUT].operator_hint)
        return [Wait(Code.LANE_SHUT.value, message, hint, lane.opened_since, job.job_id)]
    code = job.wait_reason
    if code is None and is_budget_reserved(job.quoted, day, cap):
        code = Code.BUDGET_RESERVED
    if code is None or job.problem:
        return []
    entry = ERROR_CATALOG[code]
    message = f"{str(entry.meaning).removesuffix('.')} ({code.value})."
    since = None if code is Code.BUDGET_RESERVED else job.queued_at
    return [Wait(code.value, message, str(entry.operator_hint), since, job.job_id)]
