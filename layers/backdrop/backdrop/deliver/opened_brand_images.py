"""The brand images of a job's outputs, opened when the pictures are made.

Intake has checked them before the purchase. One that has since been deleted or replaced affects only the outputs that
draw it: they are not made, and everything else is delivered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backdrop.imaging.brand_images import BrandImageError, open_brand_image
from backdrop.model.codes import Code
from backdrop.model.composition import BrandImage
from backdrop.model.errors import ResultError, UnreadableFileError
from backdrop.model.output_spec import OutputSpec
from backdrop.pipeline.brand_image_reader import read_brand_image
from backdrop.ports import InputBucket

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class OpenedBrandImages:
    """The brand images of one job's outputs, and why the others cannot be used."""

    pixels: Mapping[BrandImage, "Image"]
    errors: Mapping[BrandImage, ResultError]

    def require(self, output: OutputSpec) -> None:
        """Raises ResultError if a brand image that this output draws cannot be used."""
        for image in output.brand_images:
            if image in self.errors:
                raise self.errors[image]


def open_brand_images(photos: InputBucket, bucket: str, outputs: Iterable[OutputSpec]) -> OpenedBrandImages:
    """Opens each brand image once. Raises RetryLaterError if S3 is unavailable."""
    pixels, errors = dict[BrandImage, "Image"](), dict[BrandImage, ResultError]()
    for image in dict.fromkeys(image for output in outputs for image in output.brand_images):
        try:
            pixels[image] = open_brand_image(read_brand_image(photos, bucket, image), image.use)
        except BrandImageError as error:
            errors[image] = _build_error(image, str(error))
        except UnreadableFileError as error:
            errors[image] = _build_error(image, f"cannot be read: {error.message}")
    return OpenedBrandImages(pixels, errors)


def _build_error(image: BrandImage, reason: str) -> ResultError:
    return ResultError(Code.OUTPUT_NOT_MADE, f"The {image.use} {image.key} {reason.rstrip('.')}.")
