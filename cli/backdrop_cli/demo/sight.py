"""What can be seen of one dropped file: how far the ledger says it is, and its receipt or report once written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.clock import SystemClock
from backdrop.aws.settings import Settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.ids import source_id
from backdrop.model.job import Job
from backdrop.model.object_keys import receipt_key, report_key
from backdrop_cli.stages import ENDED, Stage, stage_of
from backdrop_local.cloud import Cloud


@dataclass(frozen=True)
class Sight:
    """One file at one moment; `micro_usd` is what its jobs certainly cost so far."""

    stage: Stage = Stage.DROPPED
    note: str = ""
    micro_usd: int = 0
    receipt: dict[str, Any] | None = None
    report: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.stage in ENDED

    @property
    def pictures(self) -> list[dict[str, Any]]:
        """The results of the current jobs, as the receipt lists them."""
        return [result for job in self._current for result in job["results"]]

    @property
    def images(self) -> int:
        """How many were delivered; each may have come in several files."""
        return sum(len({result["n"] for result in job["results"]}) for job in self._current)

    @property
    def warnings(self) -> list[str]:
        """What people should know of the current jobs' pictures, each said once."""
        return [*dict.fromkeys(words for job in self._current for words in job["warnings"])]

    @property
    def stored_at(self) -> datetime | None:
        """When the last picture was handed over."""
        times = [datetime.fromisoformat(job["stored_at"]) for job in self._current if job["stored_at"]]
        return max(times, default=None)

    @property
    def _current(self) -> list[dict[str, Any]]:
        return [job for job in self.receipt["jobs"] if job["current"]] if self.receipt else []


class Lookout:
    """Looks at the ledger and the output bucket of one cloud."""

    def __init__(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        self._s3 = cloud.clients.s3
        settings = Settings(ledger_table=outputs["LedgerTableName"])
        self._ledger = Bootstrap(settings, lambda service: getattr(cloud.clients, service), SystemClock()).ledger
        self._input = outputs["InputBucketName"]
        self._output = outputs["OutputBucketName"]

    def look(self, key: str) -> Sight:
        """The file as it stands now; it has ended only when its receipt or report says so too."""
        source, jobs = self._ledger.photo(source_id(self._input, key))
        if source is None:
            return Sight()
        stage, note = stage_of(source, jobs)
        cost = sum(job.charged for job in jobs)
        if stage not in ENDED:
            return Sight(stage, note, cost)
        receipt, report = self._json(receipt_key(key)), self._json(report_key(key))
        if not _is_told(stage, jobs, receipt, report):
            return Sight(Stage.DELIVERING, micro_usd=cost)
        return Sight(stage, note, cost, receipt, report)

    def picture(self, key: str) -> bytes:
        """A picture's bytes."""
        return self._s3.get_object(Bucket=self._output, Key=key)["Body"].read()

    def _json(self, key: str) -> dict[str, Any] | None:
        try:
            return json.loads(self.picture(key))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise


def _is_told(stage: Stage, jobs: Sequence[Job], receipt: dict[str, Any] | None, report: dict[str, Any] | None) -> bool:
    """Whether the output bucket says what the ledger says; deliver writes it a moment later."""
    if stage is not Stage.STORED and report is None:
        return False
    told = {job["job_id"]: job["status"] for job in receipt["jobs"]} if receipt else {}
    return all(told.get(job.job_id) == job.status.value for job in jobs)
