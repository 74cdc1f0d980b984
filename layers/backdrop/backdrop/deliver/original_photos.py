"""The photos that jobs are for: their own pixels, as far as they are still in the bucket."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backdrop.imaging.output import OriginalPhoto
from backdrop.imaging.prepare import load_upright_photo
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.errors import PhotoError, UnreadableFileError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, Source
from backdrop.model.photo_facts import PhotoFacts
from backdrop.ports import InputBucket

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class OriginalPhotos:
    """Photos with more than `max_megapixels` are not decoded."""

    photos: InputBucket
    max_megapixels: int

    def find(self, source: Source, job: Job) -> OriginalPhoto | None:
        """Returns the photo that the job is for; None if the ledger has since recorded another photo."""
        facts = _find_facts(source, job)
        if facts is None or facts.pixel_size is None:
            return None
        return OriginalPhoto(facts.pixel_size, facts.may_be_transparent, partial(self.load, job))

    def is_gone(self, source: Source, job: Job) -> bool:
        """Whether the ledger has recorded that the photo was deleted or replaced. The photo is not read."""
        return _find_facts(source, job) is None

    def may_be_transparent(self, source: Source, job: Job) -> bool:
        facts = _find_facts(source, job)
        return facts is not None and facts.may_be_transparent

    def load(self, job: Job) -> "Image | None":
        """Returns the photo's own pixels, upright; None if its bytes are missing or replaced, or cannot be opened."""
        try:
            stored = self.photos.read(job.bucket, job.key, max_bytes=MAX_FILE_BYTES)
            if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
                return None
            return load_upright_photo(stored.data, self.max_megapixels)
        except (UnreadableFileError, PhotoError):
            # The paid picture is delivered anyway, with a warning.
            return None


def _find_facts(source: Source, job: Job) -> PhotoFacts | None:
    return source.photo if source.photo and source.photo.sha256 == job.sha256 else None
