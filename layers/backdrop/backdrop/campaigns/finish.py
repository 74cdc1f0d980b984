"""The end of a campaign: its report, one event, and one email, even if the end is reported several times."""

import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched, islice
from typing import Any

from backdrop.aws.campaign_files import CampaignFiles
from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.operator_mail import OperatorMail
from backdrop.campaigns.campaign import (
    ITEMS_FILE,
    NAME_PATTERN,
    PLAN_FILE,
    campaign_report_key,
    campaign_work_key,
    parse_execution_name,
)
from backdrop.campaigns.manifest import split_lines
from backdrop.campaigns.report import (
    CSV_COLUMNS,
    EVENT_TYPE,
    MAX_EXAMPLES,
    CampaignItem,
    CampaignStatus,
    CampaignTotals,
    FinishedExecution,
    build_event_detail,
    build_mail,
    build_report,
)
from backdrop.model.codes import Code
from backdrop.model.csv_cells import format_csv_row
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job
from backdrop.model.schedule import ItemKey
from backdrop.ports import CLIENT_CONCURRENCY, Clock, ManifestReader

# Items per request to the ledger.
ITEMS_PER_READ = 100
POLL_INTERVAL = timedelta(seconds=5)
# The index may lag behind the last requests.
MAX_READS = 4
# Time to publish the event, send the email, and save the announced report after the last read.
FINISH_MARGIN = timedelta(seconds=60)


@dataclass
class CampaignSnapshot:
    """The result of one pass over all items. `open_jobs`: the jobs that have not ended."""

    totals: CampaignTotals
    open_jobs: set[ItemKey] = field(default_factory=set[ItemKey])
    keys: set[str] = field(default_factory=set[str])

    def add(self, item: CampaignItem) -> None:
        """Counts one item."""
        self.totals.add(item)
        self.keys.add(item.request.key)
        self.open_jobs |= {ItemKey(item.request.source_id, job.job_id) for job in item.jobs if not job.needs_no_worker}


@dataclass(frozen=True)
class CampaignReporter:
    """Reads all items as a stream. Only their keys and the IDs of the counted jobs stay in memory."""

    ledger_queries: LedgerQueries
    files: CampaignFiles
    manifests: ManifestReader
    events: EventBus
    operator_mail: OperatorMail
    clock: Clock

    def report(self, execution: FinishedExecution, deadline: datetime) -> dict[str, Any] | None:
        """Writes the report, announces it once, and returns it; None if the campaign's name is not valid.

        If the execution was stopped, waits for its open jobs until shortly before the deadline.
        """
        name = execution.campaign_input.get("name")
        if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
            return None
        if earlier_report := self._find_saved_report(execution):
            return earlier_report
        report = self._wait_for_final_report(name, execution, deadline - FINISH_MARGIN)
        # Another worker may have announced it in the meantime. If a worker crashes after sending the email and before
        # saving the announced report, the event is published twice, with the same ID, and the email is sent twice.
        if earlier_report := self._find_saved_report(execution):
            return earlier_report
        keys = {suffix: campaign_report_key(name, suffix) for suffix in ("json", "csv")}
        self.files.put(keys["json"], json.dumps(report, indent=2).encode(), "application/json")
        self.events.publish(EVENT_TYPE, build_event_detail(report, self.files.bucket, keys))
        self.operator_mail.send(*build_mail(report, f"s3://{self.files.bucket}/{keys['json']}"))
        self.files.put(_announced_report_key(execution), json.dumps(report).encode(), "application/json")
        return report

    def _find_saved_report(self, execution: FinishedExecution) -> dict[str, Any] | None:
        saved_report = self.files.find(_announced_report_key(execution))
        return json.loads(saved_report) if saved_report else None

    def _wait_for_final_report(self, name: str, execution: FinishedExecution, deadline: datetime) -> dict[str, Any]:
        """Returns the report once it is final, or when too little time is left to read all items again."""
        plan = json.loads(
            self.files.find(campaign_work_key(parse_execution_name(execution.execution), PLAN_FILE)) or b"{}"
        )
        item_counts: list[int] = []
        while True:
            started_at = self.clock.now()
            snapshot, report = self._write_csv_and_build_report(name, execution, plan)
            item_counts.append(snapshot.totals.requested)
            last_start = deadline - (self.clock.now() - started_at)
            if (
                _is_final(execution.status, report, snapshot, item_counts)
                or self.clock.now() + POLL_INTERVAL > last_start
            ):
                return report
            self._wait_for_jobs(snapshot.open_jobs, last_start)

    def _wait_for_jobs(self, jobs: Collection[ItemKey], deadline: datetime) -> None:
        """Waits until the jobs have ended or the deadline is near."""
        self.clock.sleep(POLL_INTERVAL.total_seconds())
        while (jobs := self._filter_open(jobs)) and self.clock.now() + POLL_INTERVAL <= deadline:
            self.clock.sleep(POLL_INTERVAL.total_seconds())

    def _filter_open(self, jobs: Collection[ItemKey]) -> list[ItemKey]:
        found = self.ledger_queries.read_jobs([*jobs])
        return [item_key for item_key, job in found.items() if not job.needs_no_worker]

    def _write_csv_and_build_report(
        self, name: str, execution: FinishedExecution, plan: Mapping[str, Any]
    ) -> tuple[CampaignSnapshot, dict[str, Any]]:
        """Writes the CSV from the items' current state. Returns that state, and the document for report.json."""
        execution_name = parse_execution_name(execution.execution)
        snapshot = CampaignSnapshot(CampaignTotals(execution.started_at))
        with self.files.open_writer(campaign_report_key(name, "csv"), "text/csv; charset=utf-8") as write:
            write(format_csv_row(CSV_COLUMNS).encode())
            for item in read_items(self.ledger_queries, execution_name):
                snapshot.add(item)
                write(format_csv_row(item.to_csv_row()).encode())
        unrequested_keys = (
            islice(self._list_unrequested_keys(execution_name, snapshot.keys), MAX_EXAMPLES)
            if plan.get("items", 0) > snapshot.totals.requested
            else ()
        )
        report = _build_final_report(execution, snapshot.totals, plan, [*unrequested_keys], self.clock.now())
        return snapshot, report

    def _list_unrequested_keys(self, execution_name: str, requested_keys: Container[str]) -> Iterator[str]:
        chunks = self.manifests.read_chunks(self.files.bucket, campaign_work_key(execution_name, ITEMS_FILE)) or ()
        return (key for line in split_lines(chunks) if (key := json.loads(line)["key"]) not in requested_keys)


def _announced_report_key(execution: FinishedExecution) -> str:
    """Returns the key of the announced report. A redriven execution ends again, and its report has another key."""
    return campaign_work_key(parse_execution_name(execution.execution), f"told-{execution.redrive_count}.json")


def _is_final(
    status: CampaignStatus, report: Mapping[str, Any], snapshot: CampaignSnapshot, item_counts: Sequence[int]
) -> bool:
    """True if another pass would find nothing new. `item_counts`: how many items each pass so far has found."""
    if status is CampaignStatus.REFUSED:
        return True
    if status is CampaignStatus.SUCCEEDED:
        return not report["items"]["not_asked"] or len(item_counts) == MAX_READS
    return not snapshot.open_jobs and item_counts[-2:-1] == item_counts[-1:]


def _build_final_report(
    execution: FinishedExecution,
    totals: CampaignTotals,
    plan: Mapping[str, Any],
    unrequested_keys: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Returns the report. A campaign with more failures than it tolerates has failed."""
    report = build_report(execution, totals, plan, now, unrequested_keys)
    failure_percent = totals.compute_failed_percent(report["items"]["listed"], report["bad_rows"]["count"])
    if execution.status is not CampaignStatus.SUCCEEDED or failure_percent <= execution.tolerated_failure_percent:
        return report
    cause = (
        f"{failure_percent:.1f}% of the items failed; "
        f"tolerated_failure_percent is {execution.tolerated_failure_percent:g}"
    )
    execution = replace(execution, status=CampaignStatus.FAILED, error=Code.TOO_MANY_FAILURES.value, cause=cause)
    return build_report(execution, totals, plan, now, unrequested_keys)


def read_items(ledger_queries: LedgerQueries, execution_name: str) -> Iterator[CampaignItem]:
    """Yields the current state of all items of an execution."""
    counted_job_ids = set[str]()
    with ThreadPoolExecutor(CLIENT_CONCURRENCY) as pool:
        for requests in batched(
            ledger_queries.list_campaign_requests(execution_name), ITEMS_PER_READ * CLIENT_CONCURRENCY, strict=False
        ):
            item_keys = [
                [item_key for request in part for item_key in _list_job_keys(request)]
                for part in batched(requests, ITEMS_PER_READ, strict=False)
            ]
            jobs = {
                item_key: job
                for found in pool.map(ledger_queries.read_jobs, item_keys)
                for item_key, job in found.items()
            }
            for request in requests:
                item_jobs = [jobs[item_key] for item_key in _list_job_keys(request) if item_key in jobs]
                yield CampaignItem(request, item_jobs, _take_uncounted(item_jobs, counted_job_ids))


def _list_job_keys(request: ImageRequest) -> list[ItemKey]:
    return [ItemKey(request.source_id, job_id) for job_id in request.jobs.values()]


def _take_uncounted(jobs: Sequence[Job], counted_job_ids: set[str]) -> list[Job]:
    new_jobs = [job for job in jobs if job.job_id not in counted_job_ids]
    counted_job_ids |= {job.job_id for job in new_jobs}
    return new_jobs
