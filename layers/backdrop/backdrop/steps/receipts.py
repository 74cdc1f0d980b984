"""A photo's receipt, written without a look at what lies there: where it is known which one that is, or that none is.

A receipt that is named was there before the ledger was read, and one that is not there was never written; so what is
built from that read is no older than what it takes the place of.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.buckets import OutputBucket, PreconditionError
from backdrop.core.identity import sha256_hex
from backdrop.core.job import Job, Source, Status
from backdrop.core.layout import receipt_key, source_name
from backdrop.core.receipt import receipt

# So a job may stand when its photo's first receipt is written.
BEFORE_ANY_RECEIPT = frozenset({Status.ACCEPTED, Status.SUBMITTING})
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Receipts:
    """`input_bucket` is the stack's own."""

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
