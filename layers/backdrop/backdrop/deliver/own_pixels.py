"""New pictures with the photo's own product: the provider's scene at the photo's full size, and the product in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.deliver.fidelity_checks import PhotoWithMask
from backdrop.deliver.original_photos import OriginalPhotos
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.own_pixels import OwnPixelsError, OwnPixelsProblem, compose_own_pixels
from backdrop.model.fidelity import CannotSayReason, requests_own_pixels
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.sentence import Sentence

MAX_ENLARGEMENT = 4
"""A scene that is enlarged further looks blurred next to the product."""
_CODES = {
    OwnPixelsProblem.SUBJECT_MOVED: WarningCode.SUBJECT_MOVED,
    OwnPixelsProblem.TRANSLUCENT_SUBJECT: WarningCode.TRANSLUCENT_SUBJECT,
}


@dataclass(frozen=True)
class OwnPixels:
    """Part of deliver. The result of a framed photo has at most `max_megapixels`."""

    photos: OriginalPhotos
    max_megapixels: int

    def compose(
        self, job: Job, n: int, picture: PaidPicture, original: PhotoWithMask | CannotSayReason
    ) -> Iterator[JobWarning]:
        """Puts the photo's own product into image `n` if the instructions request that.

        Yields a warning if the provider's picture stays as it is, or if its scene is enlarged much.
        """
        if not requests_own_pixels(job.instructions):
            return
        photo = None if isinstance(original, CannotSayReason) else self.photos.load(job)
        if isinstance(original, CannotSayReason) and original is not CannotSayReason.PHOTO_GONE:
            yield _build_fallback(WarningCode.MASK_UNAVAILABLE, n, "there is no usable mask of it")
        elif isinstance(original, CannotSayReason) or photo is None:
            yield _build_fallback(WarningCode.PHOTO_GONE, n, "the photo can no longer be read")
        else:
            matte = None if original.has_own_alpha else original.mask
            # Converting copies, which a large picture has no memory for.
            scene = picture.pixels if picture.pixels.mode == "RGB" else picture.pixels.convert("RGB")
            try:
                composed = compose_own_pixels(scene, photo, matte, job.canvas, self.max_megapixels * 1_000_000)
            except OwnPixelsError as error:
                yield _build_fallback(_CODES[error.problem], n, f"it {error}")
                return
            picture.replace_pixels(composed.picture)
            if composed.enlargement > MAX_ENLARGEMENT:
                text = f"the background of picture {n} is enlarged to {composed.enlargement:.1f} times its size"
                yield JobWarning(code=WarningCode.SCENE_ENLARGED, text=Sentence(text))


def _build_fallback(code: WarningCode, n: int, reason: str) -> JobWarning:
    text = f"picture {n} shows the provider's product, not the photo's own, because {reason}"
    return JobWarning(code=code, text=Sentence(text))
