"""Ledgers in memory, and their statements of November 2026."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Attempt, Job
from backdrop.model.schedule import BudgetDay
from backdrop_cli.statement.month import parse_month
from backdrop_cli.statement.statement import Statement, read_statement

NOVEMBER = parse_month("2026-11")
DECEMBER_2 = datetime(2026, 12, 2, 9, tzinfo=UTC)
SUBMITTED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class FakeLedger:
    """The parts of a stack that a statement reads. `deleted`: a job that only the days of the budget remember."""

    items: Sequence[Job | ImageRequest]
    now: datetime = DECEMBER_2
    deleted: Job | None = None
    name: str = "shop"
    input_bucket: str = "photos"

    @property
    def ledger_scan(self) -> "FakeLedger":
        return self

    def scan_charged_and_requests(self) -> Iterator[Job | ImageRequest]:
        yield from self.items

    def read_budget(self, now: datetime) -> tuple[BudgetDay, int]:
        jobs = [item for item in (*self.items, self.deleted) if isinstance(item, Job)]
        day = now.date().isoformat()
        of_day = [attempt for job in jobs for attempt in job.attempts if attempt.budget_day == day]
        sums = {name: sum(getattr(one, name) for one in of_day) for name in ("reserved", "unknown")}
        return BudgetDay(day, confirmed=sum(one.charged for one in of_day), **sums), 0

    @property
    def clock(self) -> Any:
        return type("Clock", (), {"now": lambda _: self.now})()


@contextmanager
def read_ledger(
    *items: Job | ImageRequest, now: datetime = DECEMBER_2, deleted: Job | None = None
) -> Generator[Statement]:
    with read_statement(cast("Any", FakeLedger(items, now, deleted)), NOVEMBER) as statement:
        yield statement


def build_attempt(n: int = 1, **changes: Any) -> Attempt:
    facts: dict[str, Any] = {"n": n, "provider": "ideogram", "submitted_at": SUBMITTED_AT, "lease_until": SUBMITTED_AT}
    facts |= {"budget_day": "2026-11-20", "reserved": 0}
    return Attempt(**facts | changes)


def build_request(job_id: str, campaign: str, requested_at: datetime) -> ImageRequest:
    return ImageRequest(
        source_id="s", request_id=campaign, bucket="photos", key="k", campaign=campaign, jobs={"": job_id},
        requested_at=requested_at,
    )  # fmt: skip
