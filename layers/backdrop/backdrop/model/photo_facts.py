"""What the ledger keeps of a photo that intake has looked at."""

from datetime import datetime
from enum import StrEnum

from backdrop.model.record import Record, record


class ChangeCode(StrEnum):
    """What may be changed of a photo before it is sent."""

    CONVERTED = "converted"
    FIRST_OF_PICTURES = "first_of_pictures"
    ORIENTATION = "orientation"
    PROFILE = "profile"
    COLORS = "colors"
    BITS = "bits"
    REENCODED = "reencoded"
    SCALED = "scaled"
    METADATA = "metadata"


@record
class PhotoChange(Record):
    """One change; what `values` are is told in imaging/prepare.py. Receipts show its text."""

    code: ChangeCode
    values: tuple[int | str, ...] = ()

    @classmethod
    def of(cls, code: ChangeCode, *values: int | str) -> "PhotoChange":
        return cls(code=code, values=values)

    def __str__(self) -> str:
        return ":".join(map(str, (self.code, *self.values)))


@record
class PhotoFacts(Record):
    """What intake saw in the bucket: enough to know the same bytes again without reading them.

    `width`, `height` (pixels) as people see the photo; `format` is its own. `changes`: what is changed of it before it
    is sent; `is_prepared`: for that it was decoded, and the file that is sent lies
    under _backdrop/work/.
    """

    etag: str
    version_id: str | None = None
    uploaded_at: datetime
    size: int
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    is_prepared: bool = False
    changes: tuple[PhotoChange, ...] = ()
