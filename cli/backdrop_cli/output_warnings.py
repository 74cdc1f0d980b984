"""Warnings about the outputs of photos that are still on this machine, for `lint` and `quote`."""

from collections.abc import Iterator, Mapping, Sequence

from backdrop.imaging.output_review import needs_photo_size, review_outputs
from backdrop.imaging.prepare import read_photo_size
from backdrop.model.capabilities import MAX_FILE_BYTES, MAX_MEGAPIXELS
from backdrop.model.errors import PhotoError
from backdrop.model.frame import Size
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.ports import InputBucket
from backdrop_cli.local_folder import BUCKET

OUTPUT_HINTS: Mapping[str, str] = {
    WarningCode.ENLARGED: "Use a larger photo. If the output is for no marketplace, a smaller size or the fit contain "
    "also helps.",
    WarningCode.CERTIFICATE_FAILED: "Use a larger photo, or the fit pad, which makes the exact size. A frame of "
    "another shape than the marketplace's makes the product smaller.",
    WarningCode.TINY_PHOTO: "Use a larger photo.",
    WarningCode.SAME_OUTPUTS: "Keep only one of the outputs.",
}


def review_job_outputs(photos: InputBucket | None, key: str, jobs: Sequence[Job]) -> Iterator[JobWarning]:
    """Yields the warnings about the outputs of a photo's jobs.

    Reads the photo's size from `photos` only if the outputs depend on it; without `photos`, the size is unknown.
    """
    has_dependent_outputs = any(needs_photo_size(job.instructions) for job in jobs)
    size = _find_photo_size(photos, key) if photos and has_dependent_outputs else None
    for job in jobs:
        yield from review_outputs(job.instructions, size, job.canvas)


def _find_photo_size(photos: InputBucket, key: str) -> Size | None:
    """Returns None for a file that is no photo, which `lint` reports."""
    try:
        stored = photos.read(BUCKET, key, max_bytes=MAX_FILE_BYTES)
        # A photo that is too large for a stack is reported elsewhere.
        return read_photo_size(stored.data, MAX_MEGAPIXELS) if stored and stored.data else None
    except (PhotoError, OSError):
        return None
