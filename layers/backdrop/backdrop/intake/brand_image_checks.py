"""Checks brand images before a purchase, each once per batch."""

from collections.abc import Iterable, Mapping
from functools import partial

from backdrop.imaging.brand_images import BrandImageError, check_brand_image
from backdrop.intake.batch_cache import BatchCache
from backdrop.model.codes import Code
from backdrop.model.composition import BrandImage, BrandImageUse
from backdrop.model.errors import InstructionError
from backdrop.model.output_spec import OutputSpec
from backdrop.pipeline.brand_image_reader import read_brand_image
from backdrop.ports import InputBucket

_CODES: Mapping[BrandImageUse, Code] = {
    BrandImageUse.LOGO: Code.LOGO_UNUSABLE,
    BrandImageUse.BACKGROUND: Code.BACKGROUND_UNUSABLE,
}


class BrandImageChecks:
    def __init__(self, photos: InputBucket) -> None:
        self._photos = photos
        self.cache = BatchCache[tuple[str, BrandImage], InstructionError | None]()

    def find_errors(self, bucket: str, outputs: Iterable[OutputSpec]) -> list[InstructionError]:
        """Returns one error for each brand image that outputs cannot draw."""
        images = dict.fromkeys(image for output in outputs for image in output.brand_images)
        results = [self.cache.get((bucket, image), partial(self._find_error, bucket, image)) for image in images]
        return [error for error in results if error]

    def _find_error(self, bucket: str, image: BrandImage) -> InstructionError | None:
        try:
            check_brand_image(read_brand_image(self._photos, bucket, image))
        except BrandImageError as error:
            return InstructionError(_CODES[image.use], f"The {image.use} {image.key} {error}.")
        return None
