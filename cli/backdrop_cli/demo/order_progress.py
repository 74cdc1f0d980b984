"""The progress of one uploaded file: its status in the ledger, and its receipt or report once written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.clock import SystemClock
from backdrop.aws.settings import Settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job
from backdrop.model.object_keys import receipt_key, report_key
from backdrop_cli.display_status import FINAL_STATUSES, DisplayStatus, summarize_photo_status
from backdrop_local.cloud import Cloud


@dataclass(frozen=True)
class OrderProgress:
    """Snapshot of one file; `cost_micro_usd` are the confirmed charges of its jobs so far."""

    status: DisplayStatus = DisplayStatus.DROPPED
    note: str = ""
    cost_micro_usd: int = 0
    receipt: dict[str, Any] | None = None
    report: dict[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def pictures(self) -> list[dict[str, Any]]:
        """The results of the current jobs, as the receipt lists them."""
        return [result for job in self._current_jobs for result in job["results"]]

    @property
    def image_count(self) -> int:
        """The number of delivered images; each can have several files."""
        return sum(len({result["n"] for result in job["results"]}) for job in self._current_jobs)

    @property
    def warnings(self) -> list[str]:
        """The warnings of the current jobs, without duplicates."""
        return [*dict.fromkeys(words for job in self._current_jobs for words in job["warnings"])]

    @property
    def stored_at(self) -> datetime | None:
        """When the last picture was delivered."""
        times = [datetime.fromisoformat(job["stored_at"]) for job in self._current_jobs if job["stored_at"]]
        return max(times, default=None)

    @property
    def _current_jobs(self) -> list[dict[str, Any]]:
        return [job for job in self.receipt["jobs"] if job["current"]] if self.receipt else []


class OrderProgressReader:
    """Reads the ledger and the output bucket of one cloud."""

    def __init__(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        self._s3 = cloud.clients.s3
        settings = Settings(ledger_table=outputs["LedgerTableName"])
        self._ledger = Bootstrap(settings, lambda service: getattr(cloud.clients, service), SystemClock()).ledger
        self._input_bucket = outputs["InputBucketName"]
        self._output_bucket = outputs["OutputBucketName"]

    def read_progress(self, key: str) -> OrderProgress:
        """Returns the file's progress; it has ended only if its receipt or report also says so."""
        source, jobs = self._ledger.read_photo(derive_source_id(self._input_bucket, key))
        if source is None:
            return OrderProgress()
        status, note = summarize_photo_status(source, jobs)
        cost = sum(job.charged for job in jobs)
        if status not in FINAL_STATUSES:
            return OrderProgress(status, note, cost)
        receipt, report = self._read_json(receipt_key(key)), self._read_json(report_key(key))
        if not _is_published(status, jobs, receipt, report):
            return OrderProgress(DisplayStatus.DELIVERING, cost_micro_usd=cost)
        return OrderProgress(status, note, cost, receipt, report)

    def read_picture(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._output_bucket, Key=key)["Body"].read()

    def _read_json(self, key: str) -> dict[str, Any] | None:
        try:
            return json.loads(self.read_picture(key))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise


def _is_published(
    status: DisplayStatus, jobs: Sequence[Job], receipt: dict[str, Any] | None, report: dict[str, Any] | None
) -> bool:
    """Returns whether the output bucket has caught up with the ledger; deliver writes a moment later."""
    if status is not DisplayStatus.STORED and report is None:
        return False
    receipt_statuses = {job["job_id"]: job["status"] for job in receipt["jobs"]} if receipt else {}
    return all(receipt_statuses.get(job.job_id) == job.status.value for job in jobs)
