"""Reads brand images from the bucket: intake checks them before the purchase, and deliver opens them."""

from backdrop.imaging.brand_images import BrandImageError
from backdrop.model.composition import BrandImage
from backdrop.ports import InputBucket

MAX_BRAND_IMAGE_BYTES = 20_000_000


def read_brand_image(photos: InputBucket, bucket: str, image: BrandImage) -> bytes:
    """Returns the file of a brand image. Raises `BrandImageError` if it is missing, archived, or too large.

    Raises `RetryLaterError` if S3 is unavailable, and `UnreadableFileError` if it denies access.
    """
    stored = photos.read(bucket, image.key, max_bytes=MAX_BRAND_IMAGE_BYTES)
    if stored is None:
        raise BrandImageError(f"is not {f'in the bucket {bucket}' if bucket else 'here'}")
    if stored.archive_storage_class:
        raise BrandImageError(f"is in the archive storage class {stored.archive_storage_class}")
    if stored.data is None:
        raise BrandImageError(f"is {stored.size:,} bytes; at most {MAX_BRAND_IMAGE_BYTES:,} are allowed")
    return stored.data
