"""The sweep: finds recent photos, sidecars, and folder defaults whose events were lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.aws.table import MAX_BATCH_GET_KEYS
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Source
from backdrop.model.object_keys import ObjectKind, classify_key, list_sidecar_keys
from backdrop.model.queue_messages import CheckMessage
from backdrop.pipeline.enqueue import enqueue_for_intake
from backdrop.pipeline.unreadable_files import is_retry_pending
from backdrop.ports import Clock, InputBucket, ListedObject

# Older photos need a campaign.
MAX_AGE = timedelta(hours=48)
# Events come within seconds, so a younger object's event may still arrive.
MIN_AGE = timedelta(minutes=10)
SWEPT_KINDS = (ObjectKind.PHOTO, ObjectKind.DEFAULTS)
MAX_KEYS = 20_000
MAX_PHOTOS = 2_000


@dataclass(eq=False, repr=False)
class Sweep:
    """`read_stack_created_at` returns when the stack was created. Older objects are not swept."""

    photos: InputBucket
    ledger: Ledger
    intake: Queue
    clock: Clock
    bucket: str
    read_stack_created_at: Callable[[], datetime]

    def run(self, start_after: str) -> tuple[str, int]:
        """Checks the keys after `start_after`, and sends the missed photos to intake.

        Returns where the next run starts ("" for the beginning), and how many photos were missed.
        """
        objects = list(islice(self.photos.iterate_objects(self.bucket, start_after), MAX_KEYS))
        sidecars = {listed.key: listed for listed in objects if classify_key(listed.key) is ObjectKind.SIDECAR}
        photos = [listed for listed in objects if classify_key(listed.key) in SWEPT_KINDS]
        due = [photo for photo in photos if self._is_due(photo) or self._is_due(_find_sidecar(photo, sidecars))]
        missed_photos = [
            photo
            for batch in batched(due[:MAX_PHOTOS], MAX_BATCH_GET_KEYS, strict=False)
            for photo in self._list_missed(batch, sidecars)
        ]
        for photo in missed_photos:
            enqueue_for_intake(self.intake, CheckMessage(bucket=self.bucket, key=photo.key))
        return _find_next_start(objects, due), len(missed_photos)

    def _is_due(self, listed: ListedObject | None) -> bool:
        """Whether the object is old enough that its event is overdue, and recent enough to be bought unrequested."""
        now = self.clock.now()
        return (
            listed is not None
            and max(now - MAX_AGE, self.read_stack_created_at()) <= listed.modified_at <= now - MIN_AGE
        )

    def _list_missed(
        self, photos: Sequence[ListedObject], sidecars: Mapping[str, ListedObject]
    ) -> Iterator[ListedObject]:
        """Yields those of these photos that the ledger has not recorded as they are."""
        ids = [derive_source_id(self.bucket, photo.key) for photo in photos]
        sources = self.ledger.read_sources(ids)
        for photo, source_id in zip(photos, ids, strict=True):
            if self._is_missed(photo, _find_sidecar(photo, sidecars), sources.get(source_id)):
                yield photo

    def _is_missed(self, photo: ListedObject, sidecar: ListedObject | None, source: Source | None) -> bool:
        """Whether the ledger has not recorded this version of the photo and its sidecar."""
        if source and is_retry_pending(source, self.clock.now()):
            return False
        if source is None or source.photo is None or source.was_missing or source.photo.etag != photo.etag:
            return True
        return sidecar is not None and source.sidecar_etag != sidecar.etag


def _find_sidecar(photo: ListedObject, sidecars: Mapping[str, ListedObject]) -> ListedObject | None:
    """Returns the sidecar that applies to a photo."""
    return next((sidecars[key] for key in list_sidecar_keys(photo.key) if key in sidecars), None)


def _find_next_start(objects: Sequence[ListedObject], due: Sequence[ListedObject]) -> str:
    """Returns where the next run starts: after the last photo checked, or at the beginning if no keys are left."""
    if len(due) > MAX_PHOTOS:
        return due[MAX_PHOTOS - 1].key
    return objects[-1].key if len(objects) == MAX_KEYS else ""
