"""New pictures with the photo's own product: the provider's scene at the photo's full size, and the product in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backdrop.deliver.fidelity_checks import PhotoWithMask
from backdrop.deliver.original_photos import OriginalPhotos
from backdrop.imaging.color import is_transparent
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.own_pixels import ComposedScene, OwnPixelsError, OwnPixelsProblem, compose_own_pixels
from backdrop.model.errors import ConflictError
from backdrop.model.fidelity import CannotSayReason, requests_own_pixels
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.sentence import Sentence

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_ENLARGEMENT = 4
"""A scene that is enlarged further looks blurred next to the product."""
_CODES = {
    OwnPixelsProblem.SUBJECT_MOVED: WarningCode.SUBJECT_MOVED,
    OwnPixelsProblem.TRANSLUCENT_SUBJECT: WarningCode.TRANSLUCENT_SUBJECT,
    OwnPixelsProblem.PHOTO_GONE: WarningCode.PHOTO_GONE,
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
        if isinstance(original, CannotSayReason):
            is_photo_gone = original is CannotSayReason.PHOTO_GONE
            code = WarningCode.PHOTO_GONE if is_photo_gone else WarningCode.MASK_UNAVAILABLE
            reason = "the photo can no longer be read" if is_photo_gone else "there is no usable mask of it"
            yield _build_fallback(code, n, reason)
            return
        if is_transparent(picture.pixels):
            yield _build_fallback(WarningCode.TRANSPARENT_RESULT, n, "parts of that picture are transparent")
            return
        # Converting copies, which a large picture has no memory for.
        scene = picture.pixels if picture.pixels.mode == "RGB" else picture.pixels.convert("RGB")
        matte = None if original.has_own_alpha else original.mask
        compose = partial(
            compose_own_pixels,
            scene,
            partial(self.photos.load, job),
            matte,
            job.canvas,
            self.max_megapixels * 1_000_000,
        )
        try:
            composed = compose()
        except OwnPixelsError as error:
            yield _build_fallback(_CODES[error.problem], n, str(error))
            return
        picture.replace_pixels(composed.picture, partial(_compose_again, compose), composed.enlargement)
        if composed.enlargement > MAX_ENLARGEMENT:
            text = (
                f"at full size, the background of picture {n} is enlarged to {composed.enlargement:.1f} times its size "
                "in the provider's picture"
            )
            yield JobWarning(code=WarningCode.SCENE_ENLARGED, text=Sentence(text))


def _compose_again(compose: Callable[[], ComposedScene]) -> "Image":
    """Raises ConflictError if the photo was deleted or replaced meanwhile, so that the delivery starts over."""
    try:
        return compose().picture
    except OwnPixelsError as error:
        raise ConflictError from error


def _build_fallback(code: WarningCode, n: int, reason: str) -> JobWarning:
    text = f"picture {n} shows the provider's product, not the photo's own, because {reason}"
    return JobWarning(code=code, text=Sentence(text))
