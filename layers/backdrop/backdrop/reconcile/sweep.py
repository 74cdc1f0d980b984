"""The sweep: what no event told of, photos, sidecars, defaults. Only young ones; older are a campaign's business."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.ids import derive_source_id
from backdrop.model.object_keys import ObjectKind, classify_key, list_sidecar_keys
from backdrop.model.queue_messages import CheckMessage
from backdrop.pipeline.enqueue import enqueue_for_intake
from backdrop.pipeline.unreadable_files import is_retry_pending
from backdrop.ports import Clock, InputBucket, ListedObject

MAX_AGE = timedelta(hours=48)
# Events come within seconds; whoever is younger has one on its way.
MIN_AGE = timedelta(minutes=10)
SWEPT_KINDS = (ObjectKind.PHOTO, ObjectKind.DEFAULTS)
MAX_KEYS = 20_000
MAX_PHOTOS = 2_000


@dataclass(eq=False, repr=False)
class Sweep:
    """`read_stack_created_at` says when the stack was created: what was in the bucket before is not its business."""

    photos: InputBucket
    ledger: Ledger
    intake: Queue
    clock: Clock
    bucket: str
    read_stack_created_at: Callable[[], datetime]

    def run(self, start_after: str) -> tuple[str, int]:
        """Look through the keys that follow `start_after`; how far it came ("": to the end) and how many it found."""
        objects = list(islice(self.photos.iterate_objects(self.bucket, start_after), MAX_KEYS))
        sidecars = {one.key: one for one in objects if classify_key(one.key) is ObjectKind.SIDECAR}
        photos = [one for one in objects if classify_key(one.key) in SWEPT_KINDS]
        due = [one for one in photos if self._is_due(one) or self._is_due(_find_sidecar(one, sidecars))]
        missed_photos = [one for one in due[:MAX_PHOTOS] if self._is_missed(one, _find_sidecar(one, sidecars))]
        for one in missed_photos:
            enqueue_for_intake(self.intake, CheckMessage(bucket=self.bucket, key=one.key))
        return _find_next_start(objects, due), len(missed_photos)

    def _is_due(self, listed: ListedObject | None) -> bool:
        """Whether an event should have told of it by now, and it is not too old to be bought without asking."""
        now = self.clock.now()
        return (
            listed is not None
            and max(now - MAX_AGE, self.read_stack_created_at()) <= listed.modified_at <= now - MIN_AGE
        )

    def _is_missed(self, photo: ListedObject, sidecar: ListedObject | None) -> bool:
        """Whether the ledger knows the photo, or what its sidecar says, otherwise than it lies there."""
        source, _ = self.ledger.read_photo(derive_source_id(self.bucket, photo.key))
        if source and is_retry_pending(source, self.clock.now()):
            return False
        if source is None or source.photo is None or source.was_missing or source.photo.etag != photo.etag:
            return True
        return sidecar is not None and source.sidecar_etag != sidecar.etag


def _find_sidecar(photo: ListedObject, sidecars: Mapping[str, ListedObject]) -> ListedObject | None:
    """The sidecar that speaks for a photo."""
    return next((sidecars[key] for key in list_sidecar_keys(photo.key) if key in sidecars), None)


def _find_next_start(objects: Sequence[ListedObject], due: Sequence[ListedObject]) -> str:
    """Where the next run goes on: behind the last photo that was looked at, from the front after the last key."""
    if len(due) > MAX_PHOTOS:
        return due[MAX_PHOTOS - 1].key
    return objects[-1].key if len(objects) == MAX_KEYS else ""
