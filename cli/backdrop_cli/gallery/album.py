"""What a gallery shows: a comparison for each image in receipts, a problem for each entry of an error report."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from backdrop.model.codec import validate
from backdrop.model.fidelity import Fidelity
from backdrop.model.job import END_STATUSES, MASK_VARIANT, AttemptOutcome
from backdrop.model.object_keys import ObjectKind, classify_key, photo_name_of
from backdrop_cli.formatting import count_images
from backdrop_cli.picks import Pick

GENERIC_HINT = "docs/troubleshooting.md explains the code; a newer release of the command may have a hint."


@dataclass(frozen=True)
class GalleryFile:
    """A photo or picture to show, at one version; files with the same `fingerprint` have the same bytes.

    `bucket` is "" for the stack's output bucket. `byte_count` is None for photos, whose size receipts do not have.
    `is_change_map`: a grayscale map of where a picture's product differs from the photo's. `sha256`: the hash that its
    bytes must have, or "".
    """

    bucket: str
    key: str
    version_id: str | None
    fingerprint: str
    byte_count: int | None = None
    is_change_map: bool = False
    sha256: str = ""


class MissingReason(StrEnum):
    """Why a file has no thumbnail. `backdrop gallery --json` prints the value."""

    GONE = "gone"
    ACCESS_DENIED = "withheld"
    UNREADABLE = "unreadable"


type ThumbnailLinks = Mapping[GalleryFile, str | MissingReason]
"""Each file's thumbnail, relative to the page, or why it has none."""

type FullSizeLinks = Mapping[GalleryFile, str]
"""Where the page has the file itself, as a URL; files that it leaves out are missing here."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One image next to its photo, with its job's entry in the receipt.

    `fidelity` is the verdict on its product, and `change_map` the map of what changed, if there are any.

    `full_name` is the photo's name in the output bucket, and `name` the same without the album's prefix. `results`,
    `files`, and `picks` have one item for each of its pictures, in the same order. `image_count` is how many images one
    call buys; some may not be delivered. `duration_seconds` is the time from upload to delivery.
    """

    full_name: str
    name: str
    photo: GalleryFile
    files: Sequence[GalleryFile]
    picks: Sequence[Pick]
    fidelity: Fidelity | None
    change_map: GalleryFile | None
    job: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    image_count: int
    duration_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ReportedProblem:
    """One entry of an error report; `photo` is None if it does not concern one photo."""

    full_name: str
    name: str
    photo: GalleryFile | None
    variant: str
    status: str
    code: str
    message: str
    hint: str
    money: str
    first_seen: str


@dataclass(frozen=True, kw_only=True)
class Album:
    """Receipts and error reports from the output bucket, and how to show them.

    `prefix` is left out of names. `uploaded_at` has the upload times that are known. `standins` are the providers that
    a stand-in simulated. Photos below `side_by_side_prefix` are the same photo edited by each provider, shown side by
    side.
    """

    receipts: Sequence[Mapping[str, Any]]
    reports: Sequence[Mapping[str, Any]] = ()
    stack: str = ""
    prefix: str = ""
    input_bucket: str = ""
    output_bucket: str = ""
    standins: Collection[str] = ()
    side_by_side_prefix: str = ""
    uploaded_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    credits: Sequence[str] = ()

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """The images of all current jobs, in the order of the receipts."""
        return [
            comparison
            for receipt in self.receipts
            for job in _current_jobs(receipt)
            for comparison in self._build_comparisons(receipt, job)
        ]

    @cached_property
    def problems(self) -> list[ReportedProblem]:
        return [self._build_problem(report, error) for report in self.reports for error in report["errors"]]

    @property
    def is_empty(self) -> bool:
        """True if no name begins with the prefix; reports about providers, or folders above it, do not count."""
        reported_names = (self._format_full_name(report["source"]) for report in self.reports if report["source"])
        return not self.receipts and not any(name.startswith(self.prefix) for name in reported_names)

    @property
    def picture_count(self) -> int:
        return sum(len(comparison.files) for comparison in self.comparisons)

    @property
    def bought_image_count(self) -> int:
        """How many images the total paid for, delivered or not, with those of jobs that are no longer current."""
        return sum(count_bought_images(job) for job in self._jobs if job["variant"] != MASK_VARIANT)

    @property
    def bought_mask_count(self) -> int:
        return sum(count_bought_images(job) for job in self._jobs if job["variant"] == MASK_VARIANT)

    @property
    def _jobs(self) -> Iterator[Mapping[str, Any]]:
        return (job for receipt in self.receipts for job in receipt["jobs"])

    @property
    def pending_image_count(self) -> int:
        """How many images the current jobs request that have neither ended nor a reported problem."""
        reported_job_ids = {error["job_id"] for report in self.reports for error in report["errors"]}
        jobs = (job for receipt in self.receipts for job in _current_jobs(receipt))
        pending_jobs = (
            job for job in jobs if job["status"] not in _FINAL_STATUSES and job["job_id"] not in reported_job_ids
        )
        return sum(count_images(job["instructions"]) for job in pending_jobs)

    @property
    def total_usd(self) -> float:
        """The total of the receipts, rounded to micro-dollars."""
        return round(sum(receipt["total_usd"] for receipt in self.receipts), 6)

    @property
    def files(self) -> list[GalleryFile]:
        """All files to show, without duplicates."""
        problem_photos = (problem.photo for problem in self.problems if problem.photo)
        change_maps = (comparison.change_map for comparison in self.comparisons if comparison.change_map)
        return list(dict.fromkeys([*self.compared_files, *problem_photos, *change_maps]))

    @property
    def compared_files(self) -> list[GalleryFile]:
        """The photos that have pictures, and their pictures, without duplicates."""
        files = (file for comparison in self.comparisons for file in (comparison.photo, *comparison.files))
        return list(dict.fromkeys(files))

    def _build_comparisons(self, receipt: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Comparison]:
        """Yields one comparison for each image, no matter how many pictures were made from it."""
        full_name = self._format_full_name(receipt["source"])
        numbers = dict.fromkeys(result["n"] for result in job["results"])
        for n in numbers:
            results = [result for result in job["results"] if result["n"] == n]
            fidelity = _read_fidelity(results[0])
            yield Comparison(
                full_name=full_name,
                name=self._strip_prefix(full_name),
                photo=photo_file(receipt["source"]),
                files=[_picture_file(job, result) for result in results],
                picks=[Pick(full_name, result["key"]) for result in results],
                fidelity=fidelity,
                change_map=change_map_file(fidelity),
                job=job,
                results=results,
                image_count=_count_images_per_call(job),
                duration_seconds=_measure_duration(self.uploaded_at.get(receipt["source"]["key"]), job),
            )

    def _build_problem(self, report: Mapping[str, Any], error: Mapping[str, Any]) -> ReportedProblem:
        source = report["source"]
        full_name = self._format_full_name(source) if source else ""
        is_photo = bool(source) and classify_key(source["key"]) is ObjectKind.PHOTO
        return ReportedProblem(
            full_name=full_name,
            name=self._strip_prefix(full_name) if source else report["provider"],
            photo=photo_file(source) if is_photo else None,
            variant=error["variant"] or "",
            hint=error["hint"] or GENERIC_HINT,
            first_seen=error["first_seen"] or "",
            **{name: str(error[name]) for name in ("status", "code", "message", "money")},
        )

    def _format_full_name(self, source: Mapping[str, Any]) -> str:
        return photo_name_of(source["bucket"], source["key"], self.input_bucket or source["bucket"])

    def _strip_prefix(self, full_name: str) -> str:
        """Removes the prefix's folders from a photo's name."""
        folder = self.prefix[: self.prefix.rfind("/") + 1]
        return full_name.removeprefix(folder) or full_name


_FINAL_STATUSES = frozenset(status.value for status in END_STATUSES)


def _current_jobs(receipt: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (job for job in receipt["jobs"] if job["current"])


def count_bought_images(job: Mapping[str, Any]) -> int:
    """How many images a job has bought: none if it reuses another job's, those of several calls if it retried."""
    answered = [attempt for attempt in job["attempts"] if attempt["outcome"] == AttemptOutcome.ANSWERED.value]
    return len(answered) * _count_images_per_call(job)


def _count_images_per_call(job: Mapping[str, Any]) -> int:
    """How many images a call buys. The instructions say so, because some images may be withheld or rejected."""
    return max([count_images(job["instructions"]), *(result["n"] for result in job["results"])])


def photo_file(source: Mapping[str, Any]) -> GalleryFile:
    fingerprint = source["sha256"] or f"{source['bucket']}/{source['key']}@{source['version_id']}"
    return GalleryFile(source["bucket"], source["key"], source["version_id"], fingerprint)


def _picture_file(job: Mapping[str, Any], result: Mapping[str, Any]) -> GalleryFile:
    fingerprint = result["version_id"] or f"{job['job_id']} {job['stored_at']} {result['bytes']}"
    return GalleryFile("", result["key"], result["version_id"], f"{result['key']}@{fingerprint}", result["bytes"])


def _read_fidelity(result: Mapping[str, Any]) -> Fidelity | None:
    """Returns the verdict on an image, which all its files share; None for a cut-out.

    Receipts that an earlier release wrote have no verdicts.
    """
    return validate(Fidelity, result["fidelity"]) if result.get("fidelity") else None


def change_map_file(fidelity: Fidelity | None) -> GalleryFile | None:
    if fidelity is None or fidelity.map_key is None:
        return None
    fingerprint = f"change map {fidelity.map_key}@{fidelity.version}"
    return GalleryFile("", fidelity.map_key, None, fingerprint, is_change_map=True)


def _measure_duration(uploaded_at: datetime | None, job: Mapping[str, Any]) -> float | None:
    if not job["stored_at"]:
        return None
    started_at = uploaded_at or datetime.fromisoformat(job["queued_at"])
    return (datetime.fromisoformat(job["stored_at"]) - started_at).total_seconds()
