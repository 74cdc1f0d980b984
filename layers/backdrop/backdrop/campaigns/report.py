"""A campaign's report: a row for each item and the sums over all of them, from the ledger's items and nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.ids import event_id
from backdrop.model.image_request import Asked
from backdrop.model.job import Attempt, Job, Problem, Status
from backdrop.model.pricing import MICRO, usd_of, usd_text
from backdrop.model.receipt import CALLED_OFF

EVENT = "Campaign Completed"
MOST_SHOWN = 10
SKIPPED, OPEN = "skipped", "open"
# Of several jobs of one item the end that matters most.
WORST_FIRST = (Status.HELD, Status.DEAD, Status.REFUSED, Status.CANCELLED, Status.SUPERSEDED, Status.STORED)
ENDS = (*(status.value for status in reversed(WORST_FIRST)), SKIPPED, OPEN)
COLUMNS = ("bucket", "key", "end", "code", "message", "jobs", "pictures", "usd", "unknown_usd", "first_picture")


class Fate(StrEnum):
    """How a campaign's execution ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Ended:
    """An execution that is over. `given` is its input, `error` and `cause` what it failed with; "" for neither.

    `redrives`: how often a person had it go on since.
    """

    execution: str
    given: Mapping[str, Any]
    fate: Fate
    began_at: str
    error: str = ""
    cause: str = ""
    redrives: int = 0

    @property
    def since(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.began_at)

    @property
    def tolerated_percent(self) -> float:
        said = self.given.get("tolerated_failure_percent", 100)
        return said if isinstance(said, int | float) else 100


def fate_of(status: str, error: str) -> Fate:
    """How an execution ended, by Step Functions' word for it and its error."""
    if error in (Code.CAMPAIGN_REFUSED, Code.MAX_TOTAL_EXCEEDED):
        return Fate.REFUSED
    return {"ABORTED": Fate.STOPPED, "TIMED_OUT": Fate.TIMED_OUT, "SUCCEEDED": Fate.SUCCEEDED}.get(status, Fate.FAILED)


@dataclass(frozen=True)
class Item:
    """One item as it is now: who asked, and its jobs; `new` are those that no item before it has named."""

    asked: Asked
    jobs: Sequence[Job]
    new: Sequence[Job]

    @property
    def end(self) -> str:
        """Its end, or that it has none yet."""
        if self.asked.skipped:
            return SKIPPED
        if any(not job.ended for job in self.jobs):
            return OPEN
        ends = {job.status for job in self.jobs} | ({Status.REFUSED} if self.asked.problems else set())
        return next((status.value for status in WORST_FIRST if status in ends), OPEN)

    @property
    def problem(self) -> Problem | None:
        """What went wrong first."""
        return next(iter((*self.asked.problems, *(job.problem for job in self.jobs if job.problem))), None)

    @property
    def code(self) -> str:
        """The code of what went wrong, or the end that came instead; "" where all is well."""
        end = self.end
        if end in (SKIPPED, OPEN, Status.STORED):
            return ""
        return self.problem.code.value if self.problem else end

    @property
    def message(self) -> str:
        """Why that is its end, in words; "" where all is well."""
        if not self.code:
            return str(self.asked.why_skipped) if self.asked.skipped else ""
        return str(self.problem.message) if self.problem else CALLED_OFF[Status(self.code)]["message"]

    @property
    def pictures(self) -> list[str]:
        """The keys of its pictures in the output bucket."""
        return [result.key for job in self.jobs for result in job.results]

    def row(self) -> tuple[object, ...]:
        """Its line in the CSV, in the order of COLUMNS; a job's cost stands where it is named first."""
        usd, unknown = (usd_of(sum(amounts)) for amounts in _amounts(self.new))
        pictures = self.pictures
        first = next(iter(pictures), "")
        place = self.asked.bucket, self.asked.key
        return (*place, self.end, self.code, self.message, len(self.jobs), len(pictures), usd, unknown, first)


def _amounts(jobs: Sequence[Job]) -> tuple[list[int], list[int]]:
    return [job.charged for job in jobs], [job.unknown for job in jobs]


@dataclass
class Failures:
    """The items that failed with one code; the first of them stands for all."""

    count: int
    key: str
    message: str


@dataclass
class Sums:
    """All items together. Amounts are micro-dollars: of all their jobs, and of the calls made since the run began.

    `reserved`: how much of `bought_unknown` belongs to calls that are out.
    """

    since: datetime
    ends: Counter[str] = field(default_factory=Counter[str])
    asked: int = 0
    jobs: int = 0
    pictures: int = 0
    repeats: int = 0
    charged: int = 0
    unknown: int = 0
    bought: int = 0
    bought_unknown: int = 0
    reserved: int = 0
    failures: dict[str, Failures] = field(default_factory=dict[str, Failures])
    first: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, item: Item) -> None:
        """Count one item."""
        self.asked += 1
        self.ends[item.end] += 1
        self.jobs += len(item.new)
        self.repeats += bool(item.jobs) and not item.new
        self.pictures += sum(len(job.results) for job in item.new)
        for job in item.new:
            self._pay(job)
        if item.code:
            self._fail(item)
        elif item.pictures and len(self.first) < MOST_SHOWN:
            self.first.append({"key": item.asked.key, "pictures": item.pictures})

    def _pay(self, job: Job) -> None:
        ours: list[Attempt] = [attempt for attempt in job.attempts if attempt.submitted_at >= self.since]
        self.charged += job.charged
        self.unknown += job.unknown
        self.bought += sum(attempt.charged for attempt in ours)
        self.bought_unknown += sum(attempt.unknown + attempt.reserved for attempt in ours)
        self.reserved += sum(attempt.reserved for attempt in ours)

    def _fail(self, item: Item) -> None:
        met = self.failures.setdefault(item.code, Failures(0, item.asked.key, item.message))
        met.count += 1

    def failed_percent(self, listed: int, bad_rows: int) -> float:
        """Of all that was meant and no mere bystander, how much has no picture."""
        meant = listed + bad_rows - self.ends[SKIPPED]
        return (meant - self.ends[Status.STORED]) * 100 / meant if meant else 0


def document(
    ended: Ended, sums: Sums, plan: Mapping[str, Any], now: datetime, missing: Sequence[str] = ()
) -> dict[str, Any]:
    """report.json; `plan` is what was listed before anything was asked, empty where that never came to be.

    `missing`: the first keys that were listed and not asked.
    """
    listed: int = plan.get("items", sums.asked)
    counts = {end: sums.ends[end] for end in ENDS}
    return {
        "name": ended.given.get("name"),
        "execution": ended.execution,
        "redrives": ended.redrives,
        "status": ended.fate.value,
        "error": {"code": ended.error, "message": ended.cause} if ended.error else None,
        **{name: ended.given.get(name) for name in ("prefix", "manifest", "instructions", "max_total_usd")},
        "tolerated_failure_percent": ended.tolerated_percent,
        "quoted_usd": plan.get("quoted_usd"),
        "began_at": ended.began_at,
        "reported_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "items": {"listed": listed, "asked": sums.asked, "not_asked": max(listed - sums.asked, 0), **counts},
        "first_not_asked": [*missing],
        "bad_rows": plan.get("bad_rows", {"count": 0, "first": []}),
        "repeats": sums.repeats,
        "jobs": sums.jobs,
        "pictures": sums.pictures,
        "cost": {"usd": usd_of(sums.charged), "unknown_usd": usd_of(sums.unknown)},
        "bought": {"usd": usd_of(sums.bought), "unknown_usd": usd_of(sums.bought_unknown)},
        "failures": [
            _failures(code, one) for code, one in sorted(sums.failures.items(), key=lambda one: -one[1].count)
        ],
        "first": sums.first,
    }


def _failures(code: str, one: Failures) -> dict[str, Any]:
    hint = str(CODES[Code(code)].hint) if code in {known.value for known in Code} else CALLED_OFF[Status(code)]["hint"]
    return {"code": code, "items": one.count, "key": one.key, "message": one.message, "hint": hint}


def announcement(report: Mapping[str, Any], bucket: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """The detail of the event that tells of a campaign's end; `keys`: where its report lies, by suffix."""
    told = ("name", "execution", "status", "error", "items", "jobs", "pictures", "cost", "bought", "failures")
    ident = event_id(report["execution"], EVENT, str(report["redrives"] or ""))
    return {"event_id": ident, **{name: report[name] for name in told}, "report": {"bucket": bucket, **keys}}


def letter(report: Mapping[str, Any], where: str) -> tuple[str, str]:
    """Subject and text of the one mail about it."""
    items = report["items"]
    subject = f"Backdrop campaign {report['name']}: {report['status']}"
    counts = ", ".join(f"{items[end]:,} {end}" for end in ENDS if items[end]) or "nothing was asked"
    lines = [
        f"The campaign {report['name']} has ended: {report['status']}.",
        *([f"{report['error']['code']}: {report['error']['message']}"] if report["error"] else []),
        f"Of {items['listed']:,} items: {counts}.",
        *([_not_asked(items["not_asked"], report["first_not_asked"])] if items["not_asked"] else []),
        *([f"{report['bad_rows']['count']:,} rows name no photo."] if report["bad_rows"]["count"] else []),
        _bought(report["bought"]),
        *(f"{one['items']:,} {one['code']}: {one['message']}" for one in report["failures"]),
        f"The report: {where}",
    ]
    return subject[:100], "\n".join(lines)


def _not_asked(number: int, first: Sequence[str]) -> str:
    return f"{number:,} were not asked for{f', {first[0]} the first of them' if first else ''}."


def _bought(sums: Mapping[str, float]) -> str:
    usd, unknown = (usd_text(round(sums[name] * MICRO)) for name in ("usd", "unknown_usd"))
    return f"Bought for {usd}{f', and {unknown} perhaps' if sums['unknown_usd'] else ''}."
