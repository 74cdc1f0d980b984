"""Whether new pictures still show the photo's product: finds a mask of the product, and compares the pictures in it.

The mask is the photo's own transparency if that shows the product, or its cut-out if that was bought or is among the
photo's current jobs. Such a cut-out may be bought only as a mask.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.aws.s3 import OutputBucket
from backdrop.deliver.original_photos import OriginalPhotos
from backdrop.deliver.paid_files import PaidFiles
from backdrop.imaging.fidelity import measure_fidelity
from backdrop.imaging.mask_checks import find_mask_problem, find_own_mask
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.strip_resize import downscale
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.model.fidelity import MAX_MASK_WAIT, CannotSayReason, Fidelity, buys_mask, find_min_score
from backdrop.model.job import Job, Source
from backdrop.model.object_keys import change_map_key
from backdrop.ports import Clock

if TYPE_CHECKING:
    from PIL.Image import Image

MASK_DELAY_SECONDS = 30.0
MAX_COMPARED_SIDE = 1536
"""Pixels per side of the pictures that are compared. Larger ones would take more memory."""


@dataclass(frozen=True, eq=False)
class PhotoWithMask:
    """The photo (RGB or RGBA, upright, sRGB) and the mask of its subject (L), both reduced.

    `has_own_alpha`: the mask is the photo's own transparency.
    """

    photo: "Image"
    mask: "Image"
    has_own_alpha: bool


@dataclass(eq=False, repr=False)
class FidelityChecks:
    """Part of deliver: the verdict on each new picture."""

    photos: OriginalPhotos
    paid_files: PaidFiles
    output_bucket: OutputBucket
    clock: Clock

    def find_mask(self, source: Source, job: Job, jobs: Sequence[Job]) -> PhotoWithMask | CannotSayReason:
        """Returns the photo with a mask of its subject, or why there is none, or none that can be used.

        Raises RetryLaterError while the photo's cut-out is being bought, for at most `MAX_MASK_WAIT`.
        """
        may_be_transparent = self.photos.may_be_transparent(source, job)
        photo = self._load_photo(job) if may_be_transparent else None
        if photo and (own_mask := find_own_mask(photo)):
            return PhotoWithMask(photo, own_mask, has_own_alpha=True)
        cut_out = find_cut_out(source, job, jobs, self.clock.now())
        if cut_out is None:
            if self.photos.is_gone(source, job) or (may_be_transparent and photo is None):
                return CannotSayReason.PHOTO_GONE
            return CannotSayReason.MASK_UNAVAILABLE if buys_mask(job.instructions) else CannotSayReason.NO_MASK
        if waits_for_mask(job, cut_out, self.clock.now()):
            message = "The picture waits for the photo's cut-out, which shows where the product is."
            raise RetryLaterError(Code.MASK_PENDING, message, MASK_DELAY_SECONDS)
        mask = self._load_cut_out(cut_out)
        if mask is None:
            is_gone = self.photos.is_gone(source, job)
            return CannotSayReason.PHOTO_GONE if is_gone else CannotSayReason.MASK_UNAVAILABLE
        photo = photo or self._load_photo(job)
        if photo is None:
            return CannotSayReason.PHOTO_GONE
        return find_mask_problem(photo, mask) or PhotoWithMask(photo, mask.getchannel("A"), has_own_alpha=False)

    def _load_photo(self, job: Job) -> "Image | None":
        photo = self.photos.load(job)
        return photo and _reduce(photo)

    def _load_cut_out(self, cut_out: Job) -> "Image | None":
        """Returns a cut-out (RGBA, reduced) that is stored or in review; None if its file cannot be used."""
        links = [link for link in cut_out.links if link.is_usable]
        if not cut_out.has_mask or not links:
            return None
        try:
            picture = PaidPicture(*self.paid_files.load(cut_out, 1, links[0], is_redelivery=True))
        except ResultError:
            # The cut-out's own delivery has reported it.
            return None
        # A verified cut-out has transparent parts, so its pixels have an alpha channel.
        return _reduce(picture.pixels)

    def check(self, job: Job, n: int, picture: PaidPicture, original: PhotoWithMask | CannotSayReason) -> Fidelity:
        """Returns the verdict on image `n` of the job, and keeps its change map in the output bucket."""
        if isinstance(original, CannotSayReason):
            return Fidelity.from_reason(original)
        measured = measure_fidelity(
            original.photo, original.mask, _crop_to_photo(job, picture), find_min_score(job.instructions)
        )
        if measured.change_map is None:
            return measured.fidelity
        key = change_map_key(job.job_id, job.paid_attempt_no, n)
        file = BytesIO()
        measured.change_map.save(file, "PNG", optimize=True)
        self.output_bucket.put(key, file.getvalue(), "image/png")
        return replace(measured.fidelity, map_key=key)


def find_cut_out(source: Source, job: Job, jobs: Iterable[Job], now: datetime) -> Job | None:
    """Returns the cut-out of the job's photo: a current one that is bought or awaited, or the newest bought one.

    A current one may replace a bought one whose mask is wrong. One that has failed, or is no longer awaited,
    is returned only if there is no other. None if there is no cut-out.
    """

    def rank(cut_out: Job) -> tuple[bool, bool, bool, datetime]:
        is_current, is_awaited = cut_out.job_id in source.jobs.values(), waits_for_mask(job, cut_out, now)
        since = cut_out.paid_at or cut_out.queued_at
        return cut_out.has_mask and is_current, is_awaited, cut_out.has_mask, since

    cut_outs = [one for one in jobs if one.operation == "remove" and one.sha256 == job.sha256]
    candidates = [one for one in cut_outs if one.has_mask or one.job_id in source.jobs.values()]
    return max(candidates, key=rank, default=None)


def waits_for_mask(job: Job, cut_out: Job, now: datetime) -> bool:
    """Whether a bought picture waits for the cut-out of its photo, before it is compared with the photo."""
    return not cut_out.needs_no_worker and now < find_mask_wait_end(job, cut_out)


def find_mask_wait_end(job: Job, cut_out: Job) -> datetime:
    """Returns until when the picture waits. Its cut-out may have been requested long after it was bought."""
    return max(job.paid_at or job.queued_at, cut_out.queued_at) + MAX_MASK_WAIT


def _crop_to_photo(job: Job, picture: PaidPicture) -> "Image":
    """Returns the part of the picture that shows the photo, reduced: with a frame, not all of it does."""
    pixels = _reduce(picture.pixels)
    if job.canvas is None:
        return pixels
    shown = job.canvas.resize(*pixels.size)
    left, top = shown.photo_left, shown.photo_top
    return pixels.crop((left, top, left + shown.photo_width, top + shown.photo_height))


def _reduce(picture: "Image") -> "Image":
    return downscale(picture, MAX_COMPARED_SIDE / max(picture.size))
