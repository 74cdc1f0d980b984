"""What may be wrong with planned pictures, found before they are bought, for all that show a price."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from backdrop.imaging.matte_parts import find_visible_box
from backdrop.imaging.output_checks import check_outputs, needs_photo_size
from backdrop.imaging.prepare import load_upright_photo, read_photo_size
from backdrop.model.capabilities import MAX_FILE_BYTES, MAX_MEGAPIXELS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.frame import Box, Size
from backdrop.model.job import Job
from backdrop.model.job_warning import WarningCode
from backdrop.model.output_spec import parse_outputs
from backdrop.ports import InputBucket
from backdrop_cli.cover_crops import find_crops, may_crop
from backdrop_cli.formatting import format_count
from backdrop_cli.screen import Screen

COVER_CROPS = "cover_crops"
MAX_LISTED_WARNINGS = 5
WARNING_HINTS: Mapping[str, str] = {
    WarningCode.ENLARGED: "Use a larger photo. For an output without a marketplace, a smaller size also helps.",
    WarningCode.CERTIFICATE_FAILED: "Use a larger photo, or the fit pad, which makes the exact size. A frame of "
    "a shape other than the marketplace's makes the product smaller.",
    WarningCode.TINY_PHOTO: "Use a larger photo.",
    WarningCode.SAME_OUTPUTS: "Keep only one of the outputs. For marketplaces, keep all if you want a file and a "
    "certificate for each.",
    WarningCode.SAME_VARIANTS: 'If you want one picture, set "variants": {} in the instructions that set the prompt or '
    "operation of all variants.",
    WarningCode.SUBJECT_AT_BORDER: "Use a photo that shows the whole subject.",
    WarningCode.SMALL_IN_FRAME: "Use a photo whose shape is closer to the frame's, or crop it first.",
    WarningCode.MASK_UNAVAILABLE: 'Add "mask": "buy" to `subject`, or a variant with "operation": "remove". If a limit '
    "leaves no room for the mask, raise it.",
    WarningCode.FEWER_RETRIES: "Raise max_cost_usd, or lower `retries`.",
    Code.MANDATE_SPENT: "These pictures would be refused. Raise the mandate with `backdrop mandate raise`, or upload "
    "fewer photos.",
    Code.MANDATE_WAITS: "These pictures would wait until the mandate is raised or resumed, or for the next day (UTC).",
    Code.MANDATE_SUSPENDED: "These pictures would be refused. Resume the mandate with `backdrop mandate resume`.",
    Code.MANDATE_ENDED: "These pictures would be refused. Upload the photos to another folder.",
    Code.MANDATE_FORBIDS: "The most expensive provider that these pictures name would be refused. Name only others.",
    COVER_CROPS: 'To keep all of it, use "fit": "pad", or request a frame.',
}
"""The warnings of planned jobs that a person should read before the purchase, and what to do about each."""


class PurchaseWarning(NamedTuple):
    """A warning about a photo's jobs. `text` is a sentence. `count`: how many warnings the receipts would have."""

    code: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class PhotoMeasurements:
    """What a photo shows: its size in pixels, as displayed, and the box of its subject. None: not known."""

    size: Size | None = None
    subject_box: Box | None = None


NOT_MEASURED = PhotoMeasurements()


def measure_photo(photos: InputBucket, bucket: str, key: str, jobs: Sequence[Job]) -> PhotoMeasurements:
    """Measures a photo as far as the warnings about these jobs depend on it."""
    needs_subject = any(may_crop(output) for job in jobs for output in parse_outputs(job.instructions))
    if not (needs_subject or any(needs_photo_size(job.instructions) for job in jobs)):
        return NOT_MEASURED
    try:
        stored = photos.read(bucket, key, max_bytes=MAX_FILE_BYTES)
        if stored is None or stored.data is None:
            return NOT_MEASURED
        # A photo that is too large for a stack is reported elsewhere.
        if not needs_subject:
            return PhotoMeasurements(read_photo_size(stored.data, MAX_MEGAPIXELS))
        photo = load_upright_photo(stored.data, MAX_MEGAPIXELS)
        return PhotoMeasurements(photo.size, find_visible_box(photo) if photo.mode == "RGBA" else None)
    except (PhotoError, OSError):
        # A file that is no photo has no jobs, and one that cannot be read is reported elsewhere.
        return NOT_MEASURED


def list_purchase_warnings(jobs: Sequence[Job], photo: PhotoMeasurements) -> list[PurchaseWarning]:
    """Returns the warnings about one photo's planned jobs, each once with the count of all jobs, sorted by code."""
    counts = Counter[tuple[str, str]]()
    for job in jobs:
        for one in {*_find_warnings(job, photo)}:
            counts[one.code, one.text] += one.count
    return [PurchaseWarning(code, text, count) for (code, text), count in sorted(counts.items())]


def _find_warnings(job: Job, photo: PhotoMeasurements) -> Iterator[PurchaseWarning]:
    for one in (*job.warnings, *check_outputs(job.instructions, photo.size, job.canvas)):
        if one.code in WARNING_HINTS:
            text = str(one.text)
            yield PurchaseWarning(one.code.value, f"{text[:1].upper()}{text[1:]}.", one.count)
    for text in find_crops(job, photo.size, photo.subject_box) if photo.size else ():
        yield PurchaseWarning(COVER_CROPS, text)


def count_warnings(warnings_of_photos: Iterable[Iterable[PurchaseWarning]]) -> Counter[str]:
    """Returns the number of warnings of several photos by code."""
    counts = Counter[str]()
    for one in chain.from_iterable(warnings_of_photos):
        counts[one.code] += one.count
    return counts


@dataclass
class WarningTotals:
    """The number of warnings by code, and the first texts of each, of `text_counts`, with the photo's key."""

    counts: Counter[str] = field(default_factory=Counter[str])
    text_counts: Counter[str] = field(default_factory=Counter[str])
    first: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))

    def add(self, key: str, warnings: Iterable[PurchaseWarning]) -> None:
        for one in warnings:
            self.counts[one.code] += one.count
            self.text_counts[one.code] += 1
            if len(self.first[one.code]) < MAX_LISTED_WARNINGS:
                self.first[one.code].append(f"{key}: {one.text}")


def print_warning_counts(screen: Screen, counts: Counter[str]) -> None:
    """Prints the number of warnings about local photos for each code, and what to do about it."""
    for code, count in counts.most_common():
        _print_count(screen, code, count)
    if counts:
        screen.print("  To see which photos they concern, run `backdrop lint` on the same paths.")


def print_warning_totals(screen: Screen, totals: WarningTotals) -> None:
    """Prints the number of warnings for each code, what to do about it, and the first of them."""
    for code, count in totals.counts.most_common():
        _print_count(screen, code, count)
        screen.print_sample(totals.first[code], MAX_LISTED_WARNINGS, totals.text_counts[code])


def _print_count(screen: Screen, code: str, count: int) -> None:
    screen.print(f"! {format_count(count, 'warning')}: {code}", "yellow")
    screen.print(f"  {WARNING_HINTS[code]}")
