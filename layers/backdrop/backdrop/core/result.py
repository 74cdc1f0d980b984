"""What a job leaves in the output bucket."""

from backdrop.core.record import Record, record


@record
class Result(Record):
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
