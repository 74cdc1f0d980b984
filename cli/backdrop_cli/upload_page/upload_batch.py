"""The photos of one upload from the page: their forms, arrival, progress, and results."""

import mimetypes
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.errors import UsageError
from backdrop_cli.formatting import format_cost, format_rough_duration
from backdrop_cli.gallery.album import Album
from backdrop_cli.gallery.gallery_entries import GalleryEntry
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner, UploadForm
from backdrop_cli.stack import Stack
from backdrop_cli.upload_page.page_plan import PagePhoto, PagePlan
from backdrop_cli.upload_page.page_results import build_entries, read_photo_album
from backdrop_cli.uploads.upload_tracker import ExpectedUpload, PhotoProgress, UploadTracker
from backdrop_client.s3_uploader import UploadedObject

MIN_POLL_INTERVAL_SECONDS = 1.0
# A receipt can appear a moment after the ledger has the result.
MAX_RESULT_READS = 20
_STATUSES_WITH_NOTES = (
    DisplayStatus.WAITING,
    DisplayStatus.PARTLY,
    DisplayStatus.REJECTED,
    DisplayStatus.REPLACED,
    DisplayStatus.REFUSED,
    DisplayStatus.FAILED,
)


@dataclass
class UploadBatch:
    """The photos of a plan that is being uploaded. Its methods are called by several threads at a time."""

    stack: Stack
    presigner: Presigner
    files: PageFiles
    number: int
    plan: PagePlan
    started_at: datetime

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._photos = {row.key: row for row in self.plan.photos if not row.problems}
        self._expected = {key: ExpectedUpload() for key, row in self._photos.items() if not row.has_changes}
        self._tracker = UploadTracker(self.stack, self._expected, self.started_at, follows_reviews=True)
        self._sidecars: dict[str, UploadedObject] = {}
        self._result_reads: dict[str, int] = {}
        self._albums: dict[str, Album | None] = {}
        self._polled_at: datetime | None = None

    # -- uploads -------------------------------------------------------------------------------------------

    def create_form(self, key: str) -> UploadForm | None:
        """Writes the photo's sidecar, and returns the upload form, or None if the photo is already in the bucket.

        With the sidecar first, intake finds the instructions when the photo arrives, and buys once.
        """
        photo = self._find_photo(key)
        if photo.new_sidecar is not None and key not in self._sidecars:
            self._sidecars[key] = self.stack.uploader.upload_sidecar(f"{key}.json", photo.new_sidecar)
        if not photo.needs_upload:
            self._expect_upload(key, None)
            return None
        content_type = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        return self.presigner.create_form(key, photo.browser_photo.size, content_type)

    def has_arrived(self, key: str) -> bool:
        """Returns whether the photo is in the bucket; the page cannot read S3's response, which has another origin."""
        photo = self._find_photo(key)
        stored = self.stack.photos.read(self.stack.input_bucket, key, max_bytes=0)
        if (
            stored is None
            or stored.size != photo.browser_photo.size
            or (stored.version_id, stored.modified_at) == photo.previous_version
        ):
            return False
        self._expect_upload(key, UploadedObject(stored.etag, stored.version_id))
        return True

    def _find_photo(self, key: str) -> PagePhoto:
        if key not in self._photos:
            raise UsageError(f"{key} is not a photo of this upload")
        return self._photos[key]

    def _expect_upload(self, key: str, photo: UploadedObject | None) -> None:
        with self._lock:
            self._expected[key] = ExpectedUpload(photo, self._sidecars.get(key), f"{key}.json")
            self._tracker.progress.setdefault(key, PhotoProgress())

    # -- progress ------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Reads the progress of all photos, at most once a second."""
        with self._lock:
            now = self.stack.clock.now()
            is_recent = self._polled_at and (now - self._polled_at).total_seconds() < MIN_POLL_INTERVAL_SECONDS
            if is_recent:
                return
            self._polled_at = now
            self._tracker.poll()
            self._collect_albums()

    def _collect_albums(self) -> None:
        for key, progress in self._tracker.progress.items():
            if not progress.is_final or progress.status is DisplayStatus.IN_REVIEW or key in self._albums:
                continue
            album = read_photo_album(self.stack, key, self.plan.folder)
            self._result_reads[key] = self._result_reads.get(key, 0) + 1
            if album or self._result_reads[key] > MAX_RESULT_READS:
                self._albums[key] = album

    def list_results(self, known_count: int) -> tuple[int, list[GalleryEntry]]:
        """Returns the number of ended photos, and the results of all but the first `known_count`, with new links."""
        with self._lock:
            albums = [*self._albums.values()]
        new_albums = [one for one in albums[known_count:] if one]
        return len(albums), [entry for one in new_albums for entry in build_entries(one, self.files, self.presigner)]

    def build_document(self) -> dict[str, Any]:
        with self._lock:
            tracker, progress_by_key = self._tracker, self._tracker.progress
            in_review = {key for key, one in progress_by_key.items() if one.status is DisplayStatus.IN_REVIEW}
            remaining_seconds = tracker.estimate_remaining_seconds() if tracker.unfinished_keys else None
            return {
                "number": self.number,
                "folder": self.plan.folder,
                "began": self.started_at.isoformat(),
                "photos": len(self._photos),
                "uploaded": len(progress_by_key),
                "counts": {stage.name.lower(): number for stage, number in tracker.count_by_status.items()},
                "ended": sum(photo.is_final for photo in progress_by_key.values()),
                "cost": format_cost(*tracker.cost_micro_usd),
                "earlier": tracker.earlier_cost_text,
                "to_go": f"about {format_rough_duration(remaining_seconds)} left" if remaining_seconds else "",
                "in_review": len(in_review),
                "over": not tracker.unfinished_keys and progress_by_key.keys() - in_review <= self._albums.keys(),
                "rows": [self._describe_photo(key) for key in self._photos],
            }

    def _describe_photo(self, key: str) -> dict[str, Any]:
        progress = self._tracker.progress.get(key)
        status = progress.status if progress else None
        return {
            "key": key,
            "name": key.removeprefix(self.plan.folder),
            "stage": status.name.lower() if status else "here",
            "words": status.value if status else "",
            "note": progress.note if progress and status in _STATUSES_WITH_NOTES else "",
        }
