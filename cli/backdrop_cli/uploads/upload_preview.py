"""Previews what intake will do after an upload, for the plan and price of `drop` and the upload page."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice, takewhile
from pathlib import Path

from backdrop.intake.instruction_resolver import MAX_PREVIEWED_KEYS
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus, Source
from backdrop.operate.rerun import RerunService
from backdrop.ports import ListedObject
from backdrop_cli.parallel import parallel_map
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.sidecar_decisions import BucketSidecars
from backdrop_client.overlay_bucket import OverlayBucket

RETRIED_STATUSES = frozenset({JobStatus.REFUSED, JobStatus.DEAD, JobStatus.CANCELLED})


class UploadPreview:
    """The present state of some keys, and what intake will do once files are uploaded. Writes nothing.

    `listed` are those of the keys that exist in the bucket, `sidecars` the sidecars among them.
    """

    def __init__(self, stack: Stack, keys: set[str]) -> None:
        self._stack, self._keys = stack, keys
        self.listed = _list_objects(stack, keys)
        self.sidecars = BucketSidecars(stack.photos, stack.input_bucket, self.listed)

    def read_ledger(self, key: str) -> tuple[Source | None, Sequence[Job]]:
        """Returns a photo's source and all its jobs."""
        return self._stack.redrive_service.ledger.read_photo(derive_source_id(self._stack.input_bucket, key))

    def find_known_sha256(self, source: Source | None, key: str) -> str | None:
        """Returns the SHA-256 if intake has read this version: with some encryption, an ETag is no content hash."""
        photo = source.photo if source else None
        return photo.sha256 if photo and photo.etag == self.listed[key].etag else None

    def list_names(self, folders: Collection[str]) -> Iterator[str]:
        """Yields the first keys of some folders in the bucket, as many as a preview reads."""

        def list_folder(folder: str) -> list[str]:
            keys = self._stack.photos.list_folder_keys(self._stack.input_bucket, folder)
            return list(islice(keys, MAX_PREVIEWED_KEYS))

        return chain.from_iterable(parallel_map(list_folder, folders, self._stack.max_threads))

    def reruns_after_upload(self, files: Mapping[str, Path | bytes]) -> RerunService:
        """Returns a service that previews intake as if these files were uploaded."""
        return self._stack.build_rerun_service(
            OverlayBucket(self._stack.photos, files, self._keys - self.listed.keys())
        )


def needs_retry(source: Source | None, jobs: Sequence[Job]) -> bool:
    """Returns whether an existing photo was refused, or one of its current jobs failed or was canceled."""
    if source is None:
        return False
    is_refused = any(not problem.retryable for problem in source.problems)
    return is_refused or any(job.status in RETRIED_STATUSES for job in list_current_jobs(source, jobs))


def _list_objects(stack: Stack, keys: set[str]) -> dict[str, ListedObject]:
    """Returns those of the keys that exist in the bucket; lists one range of keys per top-level folder."""
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
