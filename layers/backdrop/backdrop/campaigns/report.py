"""A campaign's report: a row for each item, and totals over all items. It is built from the ledger alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.fidelity import Fidelity, FidelityVerdict
from backdrop.model.ids import derive_event_id
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Attempt, Job, JobStatus, Problem
from backdrop.model.pricing import MICRO_PER_USD, format_usd, to_usd
from backdrop.model.receipt import WITHDRAWN_END_TEXTS

EVENT_TYPE = "Campaign Completed"
MAX_EXAMPLES = 10
SKIPPED, OPEN = "skipped", "open"
# An item with several jobs has the worst of their statuses.
WORST_FIRST = (
    JobStatus.HELD,
    JobStatus.DEAD,
    JobStatus.REFUSED,
    JobStatus.REJECTED,
    JobStatus.CANCELLED,
    JobStatus.SUPERSEDED,
    JobStatus.REVIEW,
    JobStatus.STORED,
)
# Items with these statuses have not failed.
WITHOUT_FAILURE = (JobStatus.STORED, JobStatus.REVIEW)
ITEM_STATUSES = (*(status.value for status in reversed(WORST_FIRST)), SKIPPED, OPEN)
WORST_VERDICT_FIRST = (FidelityVerdict.CHANGED, FidelityVerdict.CANNOT_SAY, FidelityVerdict.SAME)
CSV_COLUMNS = (
    "bucket",
    "key",
    "end",
    "code",
    "message",
    "jobs",
    "pictures",
    "usd",
    "unknown_usd",
    "first_picture",
    "fidelity",
    "fidelity_score",
)


class CampaignStatus(StrEnum):
    """How a campaign's execution ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class FinishedExecution:
    """An execution that has ended. `error` and `cause` are "" if it did not fail.

    `redrive_count`: how often an operator has redriven it.
    """

    execution: str
    campaign_input: Mapping[str, Any]
    status: CampaignStatus
    started_at_text: str
    error: str = ""
    cause: str = ""
    redrive_count: int = 0

    @property
    def started_at(self) -> datetime:
        return datetime.fromisoformat(self.started_at_text)

    @property
    def tolerated_failure_percent(self) -> float:
        value = self.campaign_input.get("tolerated_failure_percent", 100)
        return value if isinstance(value, int | float) else 100


def parse_campaign_status(step_functions_status: str, error: str) -> CampaignStatus:
    """Returns how an execution ended, from its Step Functions status and its error."""
    if error in (Code.CAMPAIGN_REFUSED, Code.MAX_TOTAL_EXCEEDED):
        return CampaignStatus.REFUSED
    return {
        "ABORTED": CampaignStatus.STOPPED,
        "TIMED_OUT": CampaignStatus.TIMED_OUT,
        "SUCCEEDED": CampaignStatus.SUCCEEDED,
    }.get(step_functions_status, CampaignStatus.FAILED)


@dataclass(frozen=True)
class CampaignItem:
    """The current state of one item: its request and its jobs. `new_jobs`: jobs that no earlier item has."""

    request: ImageRequest
    jobs: Sequence[Job]
    new_jobs: Sequence[Job]

    @property
    def status(self) -> str:
        """The worst status of the item's pictures: `review` if some of them only wait for approval.

        `open` until all jobs have ended or wait for approval; `skipped` if the item is not an image.
        """
        if self.request.skipped_kind:
            return SKIPPED
        if any(not job.needs_no_worker for job in self.jobs):
            return OPEN
        statuses = {job.status for job in self.request.select_pictures(self.jobs)} | (
            {JobStatus.REFUSED} if self.request.problems else set()
        )
        return next((status.value for status in WORST_FIRST if status in statuses), OPEN)

    @property
    def problem(self) -> Problem | None:
        """The first problem of the request or, if it has none, of the jobs, except for its mask's."""
        job_problems = (job.reported_problem for job in self.request.select_pictures(self.jobs))
        return next(filter(None, (*self.request.problems, *job_problems)), None)

    @property
    def code(self) -> str:
        """The code of the item's problem, or its status if it has no problem; "" if there is nothing to report."""
        status = self.status
        if status in (SKIPPED, OPEN, *WITHOUT_FAILURE):
            return ""
        return self.problem.code.value if self.problem else status

    @property
    def message(self) -> str:
        """Why the item has its status; "" if there is nothing to report."""
        if not self.code:
            return str(self.request.skip_reason) if self.request.skipped_kind else ""
        return str(self.problem.message) if self.problem else WITHDRAWN_END_TEXTS[JobStatus(self.code)]["message"]

    @property
    def hint(self) -> str:
        """What to do about it, for the person who runs the campaign; "" if there is nothing to report."""
        if not self.code:
            return ""
        return str(self.problem.hint) if self.problem else WITHDRAWN_END_TEXTS[JobStatus(self.code)]["hint"]

    @property
    def picture_keys(self) -> list[str]:
        """Keys in the output bucket."""
        return [result.key for job in self.jobs for result in job.results]

    @property
    def worst_fidelity(self) -> Fidelity | None:
        """The worst verdict on the item's new pictures; of several, the one with the lowest score."""
        found = [one for job in self.jobs for one in job.fidelity_by_image.values() if one]
        return min(found, key=lambda one: (WORST_VERDICT_FIRST.index(one.verdict), one.score or 0), default=None)

    def to_csv_row(self) -> tuple[object, ...]:
        """Returns the item's CSV cells in the order of CSV_COLUMNS. Only the first item of a job includes its cost."""
        pictures, fidelity = self.picture_keys, self.worst_fidelity
        return (
            self.request.bucket,
            self.request.key,
            self.status,
            self.code,
            self.message,
            len(self.jobs),
            len(pictures),
            to_usd(sum(job.charged for job in self.new_jobs)),
            to_usd(sum(job.unknown for job in self.new_jobs)),
            next(iter(pictures), ""),
            fidelity.verdict.value if fidelity else "",
            fidelity.score if fidelity and fidelity.score is not None else "",
        )


@dataclass
class FailureGroup:
    """The items that failed with one code. `key`, `message`, and `hint` are those of the first."""

    count: int
    key: str
    message: str
    hint: str


@dataclass
class CampaignTotals:
    """Totals over all items, in micro-dollars.

    `charged`, `unknown`: for all jobs. `bought`, `bought_unknown`: only for calls since the execution started.
    `reserved`: how much of `bought_unknown` belongs to calls in flight. `fidelity`: the new pictures by verdict.
    """

    started_at: datetime
    counts_by_status: Counter[str] = field(default_factory=Counter[str])
    requested: int = 0
    jobs: int = 0
    pictures: int = 0
    repeats: int = 0
    charged: int = 0
    unknown: int = 0
    bought: int = 0
    bought_unknown: int = 0
    reserved: int = 0
    fidelity: Counter[FidelityVerdict] = field(default_factory=Counter[FidelityVerdict])
    failures_by_code: dict[str, FailureGroup] = field(default_factory=dict[str, FailureGroup])
    first_items: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, item: CampaignItem) -> None:
        """Counts one item."""
        self.requested += 1
        self.counts_by_status[item.status] += 1
        self.jobs += len(item.new_jobs)
        self.repeats += bool(item.jobs) and not item.new_jobs
        self.pictures += sum(len(job.results) for job in item.new_jobs)
        self.fidelity.update(one.verdict for job in item.new_jobs for one in job.fidelity_by_image.values() if one)
        for job in item.new_jobs:
            self._add_cost(job)
        if item.code:
            self._add_failure(item)
        elif item.picture_keys and len(self.first_items) < MAX_EXAMPLES:
            self.first_items.append(_build_item_entry(item))

    def _add_cost(self, job: Job) -> None:
        attempts: list[Attempt] = [attempt for attempt in job.attempts if attempt.submitted_at >= self.started_at]
        self.charged += job.charged
        self.unknown += job.unknown
        self.bought += sum(attempt.charged for attempt in attempts)
        self.bought_unknown += sum(attempt.unknown + attempt.reserved for attempt in attempts)
        self.reserved += sum(attempt.reserved for attempt in attempts)

    def _add_failure(self, item: CampaignItem) -> None:
        group = self.failures_by_code.setdefault(item.code, FailureGroup(0, item.request.key, item.message, item.hint))
        group.count += 1

    def compute_failed_percent(self, listed: int, bad_rows: int) -> float:
        """Returns the percentage of items without a picture, delivered or in review; skipped items do not count."""
        relevant = listed + bad_rows - self.counts_by_status[SKIPPED]
        succeeded = sum(self.counts_by_status[status] for status in WITHOUT_FAILURE)
        return (relevant - succeeded) * 100 / relevant if relevant else 0


def build_report(
    execution: FinishedExecution,
    totals: CampaignTotals,
    plan: Mapping[str, Any],
    now: datetime,
    unrequested_keys: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns report.json. `plan`: the plan document; {} if the plan was not completed.

    `unrequested_keys`: the first keys that are in the plan but were not requested.
    """
    listed: int = plan.get("items", totals.requested)
    counts = {end: totals.counts_by_status[end] for end in ITEM_STATUSES}
    return {
        "name": execution.campaign_input.get("name"),
        "execution": execution.execution,
        "redrives": execution.redrive_count,
        "status": execution.status.value,
        "error": {"code": execution.error, "message": execution.cause} if execution.error else None,
        **{
            name: execution.campaign_input.get(name) for name in ("prefix", "manifest", "instructions", "max_total_usd")
        },
        "tolerated_failure_percent": execution.tolerated_failure_percent,
        "quoted_usd": plan.get("quoted_usd"),
        "began_at": execution.started_at_text,
        "reported_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "items": {
            "listed": listed,
            "asked": totals.requested,
            "not_asked": max(listed - totals.requested, 0),
            **counts,
        },
        "first_not_asked": [*unrequested_keys],
        "bad_rows": plan.get("bad_rows", {"count": 0, "first": []}),
        "repeats": totals.repeats,
        "jobs": totals.jobs,
        "pictures": totals.pictures,
        "fidelity": {verdict.value: totals.fidelity[verdict] for verdict in FidelityVerdict},
        "cost": {"usd": to_usd(totals.charged), "unknown_usd": to_usd(totals.unknown)},
        "bought": {"usd": to_usd(totals.bought), "unknown_usd": to_usd(totals.bought_unknown)},
        "failures": [
            {"code": code, "items": group.count, "key": group.key, "message": group.message, "hint": group.hint}
            for code, group in sorted(totals.failures_by_code.items(), key=lambda entry: -entry[1].count)
        ],
        "first": totals.first_items,
    }


def _build_item_entry(item: CampaignItem) -> dict[str, Any]:
    fidelity = item.worst_fidelity
    return {
        "key": item.request.key,
        "pictures": item.picture_keys,
        "fidelity": fidelity and {"verdict": fidelity.verdict.value, "score": fidelity.score},
    }


def build_event_detail(report: Mapping[str, Any], bucket: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """Returns the detail of the event that reports a campaign's end. `keys`: the keys of the report by suffix."""
    fields = ("name", "execution", "status", "error", "items", "jobs", "pictures", "cost", "bought", "failures")
    unique_id = derive_event_id(report["execution"], EVENT_TYPE, str(report["redrives"] or ""))
    return {"event_id": unique_id, **{name: report[name] for name in fields}, "report": {"bucket": bucket, **keys}}


def build_mail(report: Mapping[str, Any], report_uri: str) -> tuple[str, str]:
    """Returns the subject and the body of the email about the end of a campaign."""
    items = report["items"]
    subject = f"Backdrop campaign {report['name']}: {report['status']}"
    counts = ", ".join(_format_count(items[end], end) for end in ITEM_STATUSES if items[end]) or "none was requested"
    lines = [
        f"The campaign {report['name']} has ended: {report['status']}.",
        *([f"{report['error']['code']}: {report['error']['message']}"] if report["error"] else []),
        f"Of {items['listed']:,} items: {counts}.",
        *([_format_unrequested(items["not_asked"], report["first_not_asked"])] if items["not_asked"] else []),
        *([_format_bad_rows(report["bad_rows"]["count"])] if report["bad_rows"]["count"] else []),
        *([_format_changed(report["fidelity"]["changed"])] if report["fidelity"]["changed"] else []),
        _format_purchases(report["bought"]),
        *(f"{failure['items']:,} {failure['code']}: {failure['message']}" for failure in report["failures"]),
        f"Report: {report_uri}",
    ]
    return subject[:100], "\n".join(lines)


def _format_count(number: int, status: str) -> str:
    if status != JobStatus.REVIEW:
        return f"{number:,} {status}"
    return f"{number:,} awaiting approval (to decide, run `backdrop review`)"


def _format_bad_rows(number: int) -> str:
    return f"{number:,} {'row of the manifest names' if number == 1 else 'rows of the manifest name'} no photo."


def _format_unrequested(number: int, first: Sequence[str]) -> str:
    items = "item was" if number == 1 else "items were"
    return f"{number:,} {items} not requested{f'; the first is {first[0]}' if first else ''}."


def _format_changed(number: int) -> str:
    return f"The product may have changed in {number:,} {'picture' if number == 1 else 'pictures'}."


def _format_purchases(amounts: Mapping[str, float]) -> str:
    usd, unknown = (format_usd(round(amounts[name] * MICRO_PER_USD)) for name in ("usd", "unknown_usd"))
    unknown_text = f" It is unknown whether another US {unknown} was charged." if amounts["unknown_usd"] else ""
    return f"US {usd} was charged.{unknown_text}"
