"""What the ledger records about a photo that intake has read."""

from datetime import datetime
from enum import StrEnum

from backdrop.model.record import Record, record

JOB_METADATA_KEY = "backdrop-job"
"""The metadata of the S3 object of each delivered picture. S3's copies and replication keep it."""


class ChangeCode(StrEnum):
    """How a photo is changed before it is sent to a provider."""

    CONVERTED = "converted"
    FIRST_OF_PICTURES = "first_of_pictures"
    ORIENTATION = "orientation"
    PROFILE = "profile"
    TRANSPARENCY = "transparency"
    COLORS = "colors"
    BITS = "bits"
    REENCODED = "reencoded"
    SCALED = "scaled"
    METADATA = "metadata"


@record
class PhotoChange(Record):
    """One change. imaging/prepare.py documents `values`. Receipts show it as text."""

    code: ChangeCode
    values: tuple[int | str, ...] = ()

    @classmethod
    def of(cls, code: ChangeCode, *values: int | str) -> "PhotoChange":
        return cls(code=code, values=values)

    def __str__(self) -> str:
        return ":".join(map(str, (self.code, *self.values)))


@record
class PhotoFacts(Record):
    """The photo as intake found it in the bucket: enough to recognize the same bytes without reading them.

    `width`, `height`: pixels, in the photo's displayed orientation. `format`: the photo's own format. `changes`: how it
    is changed before it is sent. `is_prepared`: the changes required decoding, and the file that is sent is under
    `_backdrop/work/`. `has_alpha`: the photo may have transparent parts; None if an earlier release read it.
    `is_own_picture`: Backdrop delivered it, and it came back, for example by a sync of the two buckets.
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
    has_alpha: bool | None = None
    is_own_picture: bool = False

    @property
    def may_be_transparent(self) -> bool:
        return self.format != "jpeg" if self.has_alpha is None else self.has_alpha

    @property
    def pixel_size(self) -> tuple[int, int] | None:
        """Width and height; None if the photo was not opened."""
        return (self.width, self.height) if self.width and self.height else None
