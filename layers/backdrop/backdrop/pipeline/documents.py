"""A photo's views, receipt and error report: built whole from the ledger, written where nobody was faster."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionError
from backdrop.model.errors import StaleError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, Source, Status
from backdrop.model.object_keys import receipt_key, report_key, source_name
from backdrop.model.receipt import error_report, receipt
from backdrop.ports import Stored

TRIES = 8
# So a job may stand when its photo's first receipt is written.
BEFORE_ANY_RECEIPT = frozenset({Status.ACCEPTED, Status.SUBMITTING})
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Receipts:
    """Writes a receipt without a look at what lies there, where it is known which one that is, or that none is.

    A receipt that is named was there before the ledger was read, and one that is not there was never written; so what
    is built from that read is no older than what it takes the place of. `input_bucket` is the stack's own.
    """

    output: OutputBucket
    input_bucket: str

    def write(self, source: Source, jobs: Sequence[Job], over: str = "") -> str:
        """The ETag of the receipt that is there now; "" where another one lay there, or a report may lie there too.

        `over`: the ETag of a first receipt, which a job may carry as far as its end; "" where none was written.
        """
        beyond = sum(job.status not in BEFORE_ANY_RECEIPT for job in jobs)
        if not jobs or is_reported(source, jobs) or beyond > bool(over):
            return ""
        key = receipt_key(source_name(source.bucket, source.key, self.input_bucket))
        try:
            return put(self.output, key, *data_of(receipt(source, jobs)), over or None)
        except PreconditionError:
            return ""


@dataclass(eq=False, repr=False)
class Views:
    """`input_bucket` is the stack's own."""

    ledger: Ledger
    output: OutputBucket
    input_bucket: str

    def write(self, source: Source, jobs: Sequence[Job], over: str = "") -> tuple[Source, Sequence[Job]]:
        """Receipt and report as the ledger has them; where somebody was faster, it is begun again.

        `over`: the receipt (its ETag) that lay there before source and jobs were read, where anybody knows it.
        """
        if Receipts(self.output, self.input_bucket).write(source, jobs, over):
            return source, jobs
        name = source_name(source.bucket, source.key, self.input_bucket)
        for _ in range(TRIES):
            reported = is_reported(source, jobs)
            old_receipt = self.output.head(receipt_key(name))
            old_report = self.output.head(report_key(name)) if reported else None
            now, jobs = self.ledger.photo(source.source_id)
            source = now or source
            if is_reported(source, jobs) and not reported:
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
        data, mark = data_of(view)
        if known is None or dict(known.metadata) != mark:
            put(self.output, key, data, mark, known.etag if known else None)


def is_reported(source: Source, jobs: Sequence[Job]) -> bool:
    """Whether the photo ever had an error, so that a report may lie there."""
    return source.reported or any(job.reported for job in jobs)


def data_of(view: Mapping[str, object]) -> tuple[bytes, Mapping[str, str]]:
    """A view's bytes, and the mark by which they are known without being read."""
    data = json.dumps(view, indent=2, ensure_ascii=False).encode()
    return data, {"backdrop-sha256": sha256_hex(data)}


def put(output: OutputBucket, key: str, data: bytes, mark: Mapping[str, str], over: str | None) -> str:
    """Write a view over the one with this ETag (None: where none lies); its own ETag.

    PreconditionError where somebody was faster.
    """
    return output.replace(key, data, JSON, over=over, metadata=mark).etag
