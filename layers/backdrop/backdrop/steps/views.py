"""A photo's views, receipt and error report: built whole from the ledger, written where nobody was faster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.buckets import OutputBucket, PreconditionError
from backdrop.aws.ledger import Ledger
from backdrop.core.errors import StaleError
from backdrop.core.job import Job, Source
from backdrop.core.layout import receipt_key, report_key, source_name
from backdrop.core.receipt import error_report, receipt
from backdrop.ports import Stored
from backdrop.steps.receipts import Receipts, data_of, is_reported, put

TRIES = 8


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
