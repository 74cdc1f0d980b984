"""Checks brand images before a purchase, each once per batch."""

from collections.abc import Iterable, Mapping
from functools import partial

from backdrop.imaging.brand_images import BrandImageError, check_brand_image
from backdrop.intake.batch_cache import BatchCache
from backdrop.model.codes import Code
from backdrop.model.composition import BrandImage, BrandImageUse
from backdrop.model.errors import InstructionError
from backdrop.model.object_keys import list_folders_of
from backdrop.model.output_spec import OutputSpec
from backdrop.pipeline.brand_image_reader import MissingBrandImageError, read_brand_image
from backdrop.ports import InputBucket, Run, run_here

_CODES: Mapping[BrandImageUse, Code] = {
    BrandImageUse.LOGO: Code.LOGO_UNUSABLE,
    BrandImageUse.BACKGROUND: Code.BACKGROUND_UNUSABLE,
}


class BrandImageChecks:
    def __init__(self, photos: InputBucket, run: Run = run_here) -> None:
        self._photos = photos
        self._run = run
        self.cache = BatchCache[tuple[str, BrandImage], BrandImageError | None]()

    def find_errors(self, bucket: str, photo_key: str, outputs: Iterable[OutputSpec]) -> list[InstructionError]:
        """Returns one error for each brand image that outputs of a photo cannot draw."""
        images = dict.fromkeys(image for output in outputs for image in output.brand_images)
        results = [(image, self.cache.get((bucket, image), partial(self._check, bucket, image))) for image in images]
        return [self._build_error(bucket, photo_key, image, error) for image, error in results if error]

    def _check(self, bucket: str, image: BrandImage) -> BrandImageError | None:
        try:
            self._run(check_brand_image, read_brand_image(self._photos, bucket, image))
        except BrandImageError as error:
            return error
        return None

    def _build_error(self, bucket: str, photo_key: str, image: BrandImage, error: BrandImageError) -> InstructionError:
        namesake = self._find_namesake(bucket, photo_key, image) if isinstance(error, MissingBrandImageError) else None
        hint = f" There is {namesake}; to use it, write that key in the instructions." if namesake else ""
        return InstructionError(_CODES[image.use], f"The {image.use} {image.key} {error}.{hint}")

    def _find_namesake(self, bucket: str, photo_key: str, image: BrandImage) -> str | None:
        """Returns the key that the image has if it was uploaded together with the photo, below one of its folders."""
        keys = (f"{folder}{image.key}" for folder in list_folders_of(photo_key))
        return next((key for key in keys if self._photos.read(bucket, key, max_bytes=0)), None)
