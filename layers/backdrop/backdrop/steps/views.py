"""A photo's views, receipt and error report: built whole from the ledger, written where nobody was faster."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.core.errors import StaleError
from backdrop.core.identity import sha256_hex
from backdrop.core.job import Job, Source, Status
from backdrop.core.layout import receipt_key, report_key, source_name
from backdrop.core.receipt import error_report, receipt
from backdrop.ports import Ledger, OutputBucket, PreconditionError, Stored

TRIES = 8
# So a job may stand when its photo's first receipt is written.
BEFORE_ANY_RECEIPT = frozenset({Status.ACCEPTED, Status.SUBMITTING})
JSON = "application/json; charset=utf-8"


@dataclass(eq=False, repr=False)
class Views:
    """`input_bucket` is the stack's own."""

    ledger: Ledger
    output: OutputBucket
    input_bucket: str

    def write(self, source: Source, jobs: Sequence[Job]) -> tuple[Source, Sequence[Job]]:
        """Receipt and report as the ledger has them; where somebody was faster, it is begun again."""
        name = source_name(source.bucket, source.key, self.input_bucket)
        if self._was_first(name, source, jobs):
            return source, jobs
        for _ in range(TRIES):
            reported = _reported(source, jobs)
            old_receipt = self.output.head(receipt_key(name))
            old_report = self.output.head(report_key(name)) if reported else None
            now, jobs = self.ledger.photo(source.source_id)
            source = now or source
            if _reported(source, jobs) and not reported:
                continue
            try:
                if jobs:
                    self.put(receipt_key(name), receipt(source, jobs), old_receipt)
                report = error_report(source, jobs)
                self.put(report_key(name), report, old_report)
            except PreconditionError:
                continue
            if report is None or old_report or self._still_says(source, report):
                return source, jobs
        raise StaleError

    def _was_first(self, name: str, source: Source, jobs: Sequence[Job]) -> bool:
        """Whether this is the photo's first receipt by now: where none lies, nobody can have written a newer one."""
        if not jobs or _reported(source, jobs) or any(job.status not in BEFORE_ANY_RECEIPT for job in jobs):
            return False
        try:
            self.put(receipt_key(name), receipt(source, jobs), None)
        except PreconditionError:
            return False
        return True

    def _still_says(self, source: Source, report: Mapping[str, object]) -> bool:
        """Whether the ledger bears a report out that has just been put where none lay.

        Nothing kept it from being written late: whoever set the photo right meanwhile found no report to take away.
        """
        now, jobs = self.ledger.photo(source.source_id)
        return now is not None and error_report(now, jobs) == report

    def put(self, key: str, view: Mapping[str, object] | None, known: Stored | None) -> None:
        """Write a view where it differs, or take it away where there is nothing more to say."""
        if view is None:
            if known:
                self.output.delete(key, known=known)
            return
        data = json.dumps(view, indent=2, ensure_ascii=False).encode()
        mark = {"backdrop-sha256": sha256_hex(data)}
        if known is None or dict(known.metadata) != mark:
            self.output.replace(key, data, JSON, known=known, metadata=mark)


def _reported(source: Source, jobs: Sequence[Job]) -> bool:
    """Whether the photo ever had an error, so that a report may lie there."""
    return source.reported or any(job.reported for job in jobs)
