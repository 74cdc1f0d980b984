"""A photo's views, receipt and error report: built whole from the ledger, written where nobody was faster."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.object_keys import receipt_key, report_key, source_name
from backdrop.model.receipt import build_error_report, build_receipt
from backdrop.ports import StoredObject

MAX_TRIES = 8
# So a job may stand when its photo's first receipt is written.
STATUSES_BEFORE_RECEIPT = frozenset({JobStatus.ACCEPTED, JobStatus.SUBMITTING})
JSON_CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class ReceiptWriter:
    """Writes a receipt without a look at what lies there, where it is known which one that is, or that none is.

    A receipt that is named was there before the ledger was read, and one that is not there was never written; so what
    is built from that read is no older than what it takes the place of. `input_bucket_name` is the stack's own.
    """

    output_bucket: OutputBucket
    input_bucket_name: str

    def write(self, source: Source, jobs: Sequence[Job], previous_etag: str = "") -> str:
        """The ETag of the receipt that is there now; "" where another one lay there, or a report may lie there too.

        `previous_etag`: the ETag of a first receipt, which a job may carry as far as its end; "" where none was
        written.
        """
        advanced_count = sum(job.status not in STATUSES_BEFORE_RECEIPT for job in jobs)
        if not jobs or may_have_report(source, jobs) or advanced_count > bool(previous_etag):
            return ""
        key = receipt_key(source_name(source.bucket, source.key, self.input_bucket_name))
        try:
            return put_document(
                self.output_bucket, key, *serialize_document(build_receipt(source, jobs)), previous_etag or None
            )
        except PreconditionFailedError:
            return ""


@dataclass(eq=False, repr=False)
class DocumentWriter:
    """`input_bucket_name` is the stack's own."""

    ledger: Ledger
    output_bucket: OutputBucket
    input_bucket_name: str

    def write(self, source: Source, jobs: Sequence[Job], previous_etag: str = "") -> tuple[Source, Sequence[Job]]:
        """Receipt and report as the ledger has them; where somebody was faster, it is begun again.

        `previous_etag`: the receipt (its ETag) that lay there before source and jobs were read, where anybody knows it.
        """
        if ReceiptWriter(self.output_bucket, self.input_bucket_name).write(source, jobs, previous_etag):
            return source, jobs
        name = source_name(source.bucket, source.key, self.input_bucket_name)
        for _ in range(MAX_TRIES):
            had_report = may_have_report(source, jobs)
            old_receipt = self.output_bucket.head(receipt_key(name))
            old_report = self.output_bucket.head(report_key(name)) if had_report else None
            current, jobs = self.ledger.read_photo(source.source_id)
            source = current or source
            if may_have_report(source, jobs) and not had_report:
                continue
            try:
                if jobs:
                    self.put_or_delete(receipt_key(name), build_receipt(source, jobs), old_receipt)
                report = build_error_report(source, jobs)
                self.put_or_delete(report_key(name), report, old_report)
            except PreconditionFailedError:
                continue
            if report is None or old_report or self._matches_ledger(source, report):
                return source, jobs
        raise ConflictError

    def _matches_ledger(self, source: Source, report: Mapping[str, object]) -> bool:
        """Whether the ledger bears a report out that has just been put where none lay.

        Nothing kept it from being written late: whoever set the photo right meanwhile found no report to take away.
        """
        current, jobs = self.ledger.read_photo(source.source_id)
        return current is not None and build_error_report(current, jobs) == report

    def put_or_delete(self, key: str, document: Mapping[str, object] | None, existing: StoredObject | None) -> None:
        """Write a view where it differs, or take it away where there is nothing more to say."""
        if document is None:
            if existing:
                self.output_bucket.delete_if_unchanged(key, expected=existing)
            return
        data, metadata = serialize_document(document)
        if existing is None or dict(existing.metadata) != metadata:
            put_document(self.output_bucket, key, data, metadata, existing.etag if existing else None)


def may_have_report(source: Source, jobs: Sequence[Job]) -> bool:
    """Whether the photo ever had an error, so that a report may lie there."""
    return source.has_report or any(job.has_report for job in jobs)


def serialize_document(document: Mapping[str, object]) -> tuple[bytes, Mapping[str, str]]:
    """A view's bytes, and the mark by which they are known without being read."""
    data = json.dumps(document, indent=2, ensure_ascii=False).encode()
    return data, {"backdrop-sha256": sha256_hex(data)}


def put_document(
    output_bucket: OutputBucket, key: str, data: bytes, metadata: Mapping[str, str], previous_etag: str | None
) -> str:
    """Write a view over the one with this ETag (None: where none lies); its own ETag.

    PreconditionFailedError where somebody was faster.
    """
    return output_bucket.put_if_unchanged(
        key, data, JSON_CONTENT_TYPE, expected_etag=previous_etag, metadata=metadata
    ).etag
