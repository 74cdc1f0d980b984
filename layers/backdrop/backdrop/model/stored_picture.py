"""What a job leaves in the output bucket."""

from backdrop.model.record import Record, record

MAX_RESULT_BYTES = 100_000_000
"""Of a provider's file: what is downloaded, taken out of an answer, or read from the output bucket."""


@record
class StoredPicture(Record):
    """One picture in the output bucket."""

    key: str
    version_id: str | None
    n: int
    output: str | None
    width: int
    height: int
    format: str
    bytes: int
    has_alpha: bool
    seed: int | None
