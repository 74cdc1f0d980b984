"""The input bucket as it will be after an upload: by it `drop` and the page foresee, and price, what they send."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_status import list_current_jobs
from backdrop.intake.preview import preview_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus, Source
from backdrop.operate.rerun import RerunService
from backdrop.ports import ListedObject
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.overlay_bucket import OverlayBucket
from backdrop_cli.uploads.sidecar_decisions import BucketSidecars

RETRIED_STATUSES = frozenset({JobStatus.REFUSED, JobStatus.DEAD, JobStatus.CANCELLED})


class UploadPreview:
    """What there is of some keys, and what intake will make of photos when files lie there in addition.

    Nothing is written. `listed`: those of the keys that the bucket has now; `sidecars`: the instructions among them.
    """

    def __init__(self, stack: Stack, keys: set[str]) -> None:
        self._stack, self._keys = stack, keys
        self.listed = _list_objects(stack, keys)
        self.sidecars = BucketSidecars(stack.photos, stack.input_bucket, self.listed)

    def read_ledger(self, key: str) -> tuple[Source | None, Sequence[Job]]:
        """What the ledger says of a photo that is there, and the jobs that it had."""
        return self._stack.redrive_service.ledger.read_photo(derive_source_id(self._stack.input_bucket, key))

    def find_known_sha256(self, source: Source | None, key: str) -> str | None:
        """The SHA-256 of what is there, where intake read it: with some encryptions an ETag is no hash of it."""
        photo = source.photo if source else None
        return photo.sha256 if photo and photo.etag == self.listed[key].etag else None

    def reruns_after_upload(self, files: Mapping[str, Path | bytes]) -> RerunService:
        """What intake makes of photos when these files lie there in addition."""
        return self._stack.build_rerun_service(
            OverlayBucket(self._stack.photos, files, self._keys - self.listed.keys())
        )


def needs_retry(source: Source | None, jobs: Sequence[Job]) -> bool:
    """Whether a photo that is there was refused, or one of its current jobs failed or was cancelled."""
    if source is None:
        return False
    is_refused = any(not problem.retryable for problem in source.problems)
    return is_refused or any(job.status in RETRIED_STATUSES for job in list_current_jobs(source, jobs))


def preview_new_photo(reruns: RerunService, key: str, *, inspect_bytes: bool) -> tuple[JobPlan, str] | None:
    """What becomes of a photo that the ledger does not know; `inspect_bytes`: its content counts, too."""
    return preview_jobs(reruns.resolver, reruns.bucket, key, reruns.offers, inspect_bytes=inspect_bytes)


def _list_objects(stack: Stack, keys: set[str]) -> dict[str, ListedObject]:
    """Which of these keys lie in the bucket."""
    keys_by_top_folder: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        keys_by_top_folder[key.partition("/")[0] if "/" in key else ""].append(key)
    return {
        listed.key: listed
        for keys_in_folder in keys_by_top_folder.values()
        for listed in _list_range(stack, min(keys_in_folder), max(keys_in_folder))
        if listed.key in keys
    }


def _list_range(stack: Stack, first: str, last: str) -> Iterator[ListedObject]:
    return takewhile(lambda one: one.key <= last, stack.photos.iterate_objects(stack.input_bucket, first[:-1]))
