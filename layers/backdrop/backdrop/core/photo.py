"""What the ledger keeps of a photo that intake has looked at."""

from datetime import datetime

from backdrop.core.record import Record, record

# How the change begins that tells of how many pictures of a file the first one was taken.
FIRST = "first_of_pictures:"


@record
class PhotoFacts(Record):
    """What intake saw in the bucket: enough to know the same bytes again without reading them.

    `width`, `height` (pixels) as people see the photo; `format` is its own. `changes`: what is changed of it before it
    is sent, in the words of imaging/prepare.py; `prepared`: for that it was decoded, and the file that is sent lies
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
    prepared: bool = False
    changes: tuple[str, ...] = ()
