"""Reads brand images from the bucket: intake checks them before the purchase, and deliver opens them."""

from backdrop.imaging.brand_images import BrandImageError
from backdrop.model.composition import BrandImage
from backdrop.ports import InputBucket

MAX_BRAND_IMAGE_BYTES = 20_000_000


class MissingBrandImageError(BrandImageError):
    """The bucket has no object under the image's key."""


def read_brand_image(photos: InputBucket, bucket: str, image: BrandImage) -> bytes:
    """Returns the file of a brand image. Raises `BrandImageError` if it is archived or too large.

    Raises `MissingBrandImageError` if it is missing, `RetryLaterError` if S3 is unavailable, and `UnreadableFileError`
    if S3 denies access.
    """
    stored = photos.read(bucket, image.key, max_bytes=MAX_BRAND_IMAGE_BYTES)
    if stored is None:
        raise MissingBrandImageError(f"is not {f'in the bucket {bucket}' if bucket else 'here'}")
    if stored.archive_storage_class:
        raise BrandImageError(f"is in the archive storage class {stored.archive_storage_class}")
    if stored.data is None:
        raise BrandImageError(f"is {stored.size:,} bytes; at most {MAX_BRAND_IMAGE_BYTES:,} are allowed")
    return stored.data
