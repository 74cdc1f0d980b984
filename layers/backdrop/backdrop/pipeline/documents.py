"""A photo's receipt and error report: built from the ledger alone, and written only over the version read before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.object_keys import photo_name_of, receipt_key, report_key
from backdrop.model.receipt import build_error_report, build_receipt
from backdrop.ports import StoredObject

MAX_TRIES = 8
# The possible statuses of a job while its photo's first receipt is written.
STATUSES_BEFORE_RECEIPT = frozenset({JobStatus.ACCEPTED, JobStatus.SUBMITTING})
JSON_CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(eq=False, repr=False)
class DocumentWriter:
    """`input_bucket_name` is the stack's own input bucket."""

    ledger: Ledger
    output_bucket: OutputBucket
    input_bucket_name: str

    def write_first_receipt(self, source: Source, jobs: Sequence[Job], previous_etag: str = "") -> str:
        """Writes the receipt without a HEAD request, if the ETag of the receipt in the bucket is known.

        Returns the new ETag, or "" if nothing was written, because another receipt is in the bucket or a report may be.

        `previous_etag`: the ETag of the photo's first receipt, which a job's messages carry until the job ends; "" if
        there is no receipt yet. The write succeeds only if exactly that receipt is still in the bucket. It was written
        before the ledger was read, so the new receipt is never older than the one that it replaces.
        """
        advanced_count = sum(job.status not in STATUSES_BEFORE_RECEIPT for job in jobs)
        if not jobs or may_have_report(source, jobs) or advanced_count > bool(previous_etag):
            return ""
        key = receipt_key(photo_name_of(source.bucket, source.key, self.input_bucket_name))
        try:
            return self._put(key, *_serialize(build_receipt(source, jobs)), previous_etag or None)
        except PreconditionFailedError:
            return ""

    def write(self, source: Source, jobs: Sequence[Job], previous_etag: str = "") -> tuple[Source, Sequence[Job]]:
        """Brings receipt and report up to date, and returns the source and the jobs that they were built from.

        `previous_etag`: the ETag of the receipt that was in the bucket before `source` and `jobs` were read, if known.

        Raises ConflictError if other workers keep writing the same documents.
        """
        if self.write_first_receipt(source, jobs, previous_etag):
            return source, jobs
        name = photo_name_of(source.bucket, source.key, self.input_bucket_name)
        for _ in range(MAX_TRIES):
            had_report = may_have_report(source, jobs)
            # Objects are read before the ledger, so if another worker writes a document after this read, our write
            # fails.
            old_receipt = self.output_bucket.head(receipt_key(name))
            old_report = self.output_bucket.head(report_key(name)) if had_report else None
            current, jobs = self.ledger.read_photo(source.source_id)
            source = current or source
            if may_have_report(source, jobs) and not had_report:
                continue
            receipt, report = build_receipt(source, jobs), build_error_report(source, jobs)
            try:
                is_changed = bool(jobs) and self.put_or_delete(receipt_key(name), receipt, old_receipt)
                is_changed |= self.put_or_delete(report_key(name), report, old_report)
            except PreconditionFailedError:
                continue
            if not is_changed or self._matches_ledger(source.source_id, receipt, report):
                return source, jobs
        raise ConflictError

    def _matches_ledger(
        self, source_id: str, receipt: Mapping[str, object], report: Mapping[str, object] | None
    ) -> bool:
        """Reads the ledger again after a document was written or deleted.

        An outdated write succeeds if the ledger has returned to an earlier state in the meantime: the worker that found
        the documents of that state, or no report, had nothing to write.
        """
        current, jobs = self.ledger.read_photo(source_id)
        return current is not None and (build_receipt(current, jobs), build_error_report(current, jobs)) == (
            receipt,
            report,
        )

    def put_or_delete(self, key: str, document: Mapping[str, object] | None, existing: StoredObject | None) -> bool:
        """Writes a document if it differs from the existing object, or deletes that object if there is no document.

        Returns whether there was anything to do. Raises PreconditionFailedError if another worker wrote the object
        since it was read.
        """
        if document is None:
            if existing:
                self.output_bucket.delete_if_unchanged(key, expected=existing)
            return existing is not None
        data, metadata = _serialize(document)
        if existing and dict(existing.metadata) == metadata:
            return False
        self._put(key, data, metadata, existing.etag if existing else None)
        return True

    def _put(self, key: str, data: bytes, metadata: Mapping[str, str], previous_etag: str | None) -> str:
        return self.output_bucket.put_if_unchanged(
            key, data, JSON_CONTENT_TYPE, expected_etag=previous_etag, metadata=metadata
        ).etag


def may_have_report(source: Source, jobs: Sequence[Job]) -> bool:
    """Whether the photo ever had an error, so that the bucket may have a report."""
    return source.has_report or any(job.has_report for job in jobs)


def _serialize(document: Mapping[str, object]) -> tuple[bytes, Mapping[str, str]]:
    """Returns a document's bytes, and metadata that is compared in place of the bytes."""
    data = json.dumps(document, indent=2, ensure_ascii=False).encode()
    return data, {"backdrop-sha256": sha256_hex(data)}
