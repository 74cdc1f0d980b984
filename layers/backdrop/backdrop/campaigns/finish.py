"""The end of a campaign: its report, the event and the mail that tell of it, however often its end is heard of."""

import csv
import io
import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched, islice
from typing import Any

from backdrop.aws.campaign_files import CampaignFiles
from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger_index import Books
from backdrop.aws.operator_mail import TopicMail
from backdrop.campaigns.campaign import ITEMS, NAME, PLAN, report_key, run_of, work_key
from backdrop.campaigns.manifest import lines_of
from backdrop.campaigns.report import (
    COLUMNS,
    EVENT,
    MOST_SHOWN,
    Ended,
    Fate,
    Item,
    Sums,
    announcement,
    document,
    letter,
)
from backdrop.model.codes import Code
from backdrop.model.image_request import Asked
from backdrop.model.job import Job
from backdrop.model.schedule import Ref
from backdrop.ports import AT_ONCE, Clock, Manifests

# So many items are read by one call.
BATCH = 100
LOOK = timedelta(seconds=5)
# The index may not show at once what was asked last.
MOST_LOOKS = 4
# Event, mail and note go after the last look.
TO_END = timedelta(seconds=60)


@dataclass
class Look:
    """What one reading of all items came to; `open`: the jobs that have not ended."""

    sums: Sums
    open: set[Ref] = field(default_factory=set[Ref])
    keys: set[str] = field(default_factory=set[str])

    def add(self, item: Item) -> None:
        """Count one item."""
        self.sums.add(item)
        self.keys.add(item.asked.key)
        self.open |= {Ref(item.asked.source_id, job.job_id) for job in item.jobs if not job.ended}


@dataclass(frozen=True)
class Reporter:
    """Reads all items as a stream; what lies in memory is the keys and the marks of the jobs that were counted."""

    books: Books
    files: CampaignFiles
    lists: Manifests
    events: EventBus
    mail: TopicMail
    clock: Clock

    def report(self, ended: Ended, deadline: datetime) -> dict[str, Any] | None:
        """Its report, which is told of once; None where the campaign has no name to be reported under.

        What was under way when an execution was stopped is waited for until shortly before the deadline.
        """
        name = ended.given.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return None
        if told := self._told(ended):
            return told
        report = self._settled(name, ended, deadline - TO_END)
        # Another may have told of it meanwhile. One that dies between mail and note is heard twice, by the same event.
        if told := self._told(ended):
            return told
        keys = {suffix: report_key(name, suffix) for suffix in ("json", "csv")}
        self.files.put(keys["json"], json.dumps(report, indent=2).encode(), "application/json")
        self.events.announce(EVENT, announcement(report, self.files.bucket, keys))
        self.mail.send(*letter(report, f"s3://{self.files.bucket}/{keys['json']}"))
        self.files.put(_note_key(ended), json.dumps(report).encode(), "application/json")
        return report

    def _told(self, ended: Ended) -> dict[str, Any] | None:
        found = self.files.find(_note_key(ended))
        return json.loads(found) if found else None

    def _settled(self, name: str, ended: Ended, until: datetime) -> dict[str, Any]:
        """The report as it is when nothing more is to come, or no time is left to wait and to read all once more."""
        plan = json.loads(self.files.find(work_key(run_of(ended.execution), PLAN)) or b"{}")
        counts: list[int] = []
        while True:
            began = self.clock.now()
            look, report = self._written(name, ended, plan)
            counts.append(look.sums.asked)
            latest = until - (self.clock.now() - began)
            if _is_last(ended.fate, report, look, counts) or self.clock.now() + LOOK > latest:
                return report
            self._wait(look.open, latest)

    def _wait(self, jobs: Collection[Ref], latest: datetime) -> None:
        """Until these have ended, or it is too late to wait on."""
        self.clock.sleep(LOOK.total_seconds())
        while (jobs := self._still_open(jobs)) and self.clock.now() + LOOK <= latest:
            self.clock.sleep(LOOK.total_seconds())

    def _still_open(self, jobs: Collection[Ref]) -> list[Ref]:
        return [ref for ref, job in self.books.jobs([*jobs]).items() if not job.ended]

    def _written(self, name: str, ended: Ended, plan: Mapping[str, Any]) -> tuple[Look, dict[str, Any]]:
        """The rows as things stand, and what report.json is to say of them."""
        run, look = run_of(ended.execution), Look(Sums(ended.since))
        with self.files.writing(report_key(name, "csv"), "text/csv; charset=utf-8") as write:
            write(_line(COLUMNS))
            for item in items_of(self.books, run):
                look.add(item)
                write(_line(item.row()))
        missing = islice(self._not_asked(run, look.keys), MOST_SHOWN) if plan.get("items", 0) > look.sums.asked else ()
        report = _weighed(ended, look.sums, plan, [*missing], self.clock.now())
        return look, report

    def _not_asked(self, run: str, asked: Container[str]) -> Iterator[str]:
        chunks = self.lists.chunks(self.files.bucket, work_key(run, ITEMS)) or ()
        return (key for line in lines_of(chunks) if (key := json.loads(line)["key"]) not in asked)


def _note_key(ended: Ended) -> str:
    """Where it is noted what was told; an execution that was redriven ends once more."""
    return work_key(run_of(ended.execution), f"told-{ended.redrives}.json")


def _is_last(fate: Fate, report: Mapping[str, Any], look: Look, counts: Sequence[int]) -> bool:
    """Whether no further look, behind those that found so many items, would find more."""
    if fate is Fate.REFUSED:
        return True
    if fate is Fate.SUCCEEDED:
        return not report["items"]["not_asked"] or len(counts) == MOST_LOOKS
    return not look.open and counts[-2:-1] == counts[-1:]


def _weighed(
    ended: Ended, sums: Sums, plan: Mapping[str, Any], missing: Sequence[str], now: datetime
) -> dict[str, Any]:
    """The report; a campaign with more failures than it tolerates has failed."""
    report = document(ended, sums, plan, now, missing)
    failed = sums.failed_percent(report["items"]["listed"], report["bad_rows"]["count"])
    if ended.fate is not Fate.SUCCEEDED or failed <= ended.tolerated_percent:
        return report
    words = f"{failed:.1f} % of the items failed; tolerated_failure_percent is {ended.tolerated_percent:g}"
    ended = replace(ended, fate=Fate.FAILED, error=Code.TOO_MANY_FAILURES.value, cause=words)
    return document(ended, sums, plan, now, missing)


def items_of(books: Books, run: str) -> Iterator[Item]:
    """All items of a run as they are now."""
    counted = set[str]()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for some in batched(books.asked(run), BATCH * AT_ONCE, strict=False):
            refs = [[ref for asked in part for ref in _refs(asked)] for part in batched(some, BATCH, strict=False)]
            jobs = {ref: job for found in pool.map(books.jobs, refs) for ref, job in found.items()}
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
