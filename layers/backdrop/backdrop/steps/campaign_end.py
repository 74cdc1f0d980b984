"""The end of a campaign: its report, the event and the mail that tell of it, however often its end is heard of."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from backdrop.campaign_ports import CampaignFiles, Mail
from backdrop.core.asked import Asked
from backdrop.core.campaign import NAME, report_key, run_of, work_key
from backdrop.core.campaign_report import (
    COLUMNS,
    EVENT,
    OPEN,
    Ended,
    Fate,
    Item,
    Sums,
    announcement,
    document,
    letter,
)
from backdrop.core.codes import Code
from backdrop.core.job import Job
from backdrop.core.watch import Ref
from backdrop.ports import Books, Clock, Events
from backdrop.steps.campaign_plan import PLAN

TOLD = "told"
AT_ONCE = 100
LOOK_SECONDS = 5.0
# Reading the ledger once more and writing the report go after the last look.
TO_END = timedelta(seconds=60)


@dataclass(frozen=True)
class Reporter:
    """Reads all items as a stream; what lies in memory is the marks of the jobs that were counted."""

    books: Books
    files: CampaignFiles
    events: Events
    mail: Mail
    clock: Clock

    def __call__(self, ended: Ended, deadline: datetime) -> dict[str, Any] | None:
        """Write the report and tell of it; None where that was done, or the campaign has no name to do it under.

        What was under way when an execution was stopped is waited for until shortly before the deadline.
        """
        run = run_of(ended.execution)
        name = ended.given.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name) or self.files.find(work_key(run, TOLD)) is not None:
            return None
        if ended.fate in (Fate.STOPPED, Fate.TIMED_OUT, Fate.FAILED):
            self._settle(ended, run, deadline - TO_END)
        report = self._write(name, run, ended)
        keys = {suffix: report_key(name, suffix) for suffix in ("json", "csv")}
        self.events.announce(EVENT, announcement(report, self.files.bucket, keys))
        self.mail.send(*letter(report, f"s3://{self.files.bucket}/{keys['json']}"))
        self.files.put(work_key(run, TOLD), b"", "text/plain")
        return report

    def _settle(self, ended: Ended, run: str, until: datetime) -> None:
        """Wait until nothing is open, and nothing more is heard of between two looks."""
        before = -1
        while self.clock.now() < until:
            self.clock.sleep(LOOK_SECONDS)
            sums = sums_of(self.books, run, ended.since)
            if sums.asked == before and not sums.ends[OPEN]:
                return
            before = sums.asked

    def _write(self, name: str, run: str, ended: Ended) -> dict[str, Any]:
        """Both files; a campaign with more failures than it tolerates has failed."""
        plan = json.loads(self.files.find(work_key(run, PLAN)) or b"{}")
        with self.files.writing(report_key(name, "csv"), "text/csv; charset=utf-8") as write:
            write(_line(COLUMNS))
            sums = sums_of(self.books, run, ended.since, lambda item: write(_line(item.row())))
        report = document(ended, sums, plan, self.clock.now())
        failed = sums.failed_percent(report["items"]["listed"], report["bad_rows"]["count"])
        if ended.fate is Fate.SUCCEEDED and failed > ended.tolerated_percent:
            words = f"{failed:.1f} % of the items failed; tolerated_failure_percent is {ended.tolerated_percent:g}"
            code = Code.TOO_MANY_FAILURES.value
            report = document(replace(ended, fate=Fate.FAILED, error=code, cause=words), sums, plan, self.clock.now())
        self.files.put(report_key(name, "json"), json.dumps(report, indent=2).encode(), "application/json")
        return report


def sums_of(books: Books, run: str, since: datetime, tell: Callable[[Item], None] = lambda item: None) -> Sums:
    """All items of a run, which began at `since`, counted as they are now, each told of."""
    sums = Sums(since)
    for item in _items(books, run):
        sums.add(item)
        tell(item)
    return sums


def _items(books: Books, run: str) -> Iterator[Item]:
    counted = set[str]()
    for some in batched(books.asked(run), AT_ONCE, strict=False):
        jobs = books.jobs([ref for asked in some for ref in _refs(asked)])
        for asked in some:
            mine = [jobs[ref] for ref in _refs(asked) if ref in jobs]
            yield Item(asked, mine, _new(mine, counted))


def _refs(asked: Asked) -> list[Ref]:
    return [Ref(asked.source_id, job_id) for job_id in asked.jobs.values()]


def _new(jobs: Sequence[Job], counted: set[str]) -> list[Job]:
    found = [job for job in jobs if job.job_id not in counted]
    counted |= {job.job_id for job in found}
    return found


def _line(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
