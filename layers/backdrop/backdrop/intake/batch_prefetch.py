"""What intake needs from the ledger for the photos of a batch, in one request, because most photos are new."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from backdrop.aws.ledger import Ledger
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.mandate import MandateRegistry
from backdrop.model.object_keys import ObjectKind, classify_key

# What the ledger reads in one request, with the registry. A batch of ten S3 messages has at most ten photos.
MAX_PREFETCHED_PHOTOS = 99


@dataclass(eq=False, repr=False)
class BatchPrefetch:
    """Snapshot taken at the start of a batch. It may be stale when an event is handled.

    Callers must write conditionally, and must read the ledger again if they write nothing.
    """

    ledger: Ledger
    _pending_ids: frozenset[str] = frozenset()
    _new_ids: set[str] = field(default_factory=set[str])
    _registry: MandateRegistry | None = None

    def start_batch(self, events: Iterable[IntakeEvent]) -> None:
        """Prefetches the photos of these events."""
        photo_events = (
            event for event in events if event.is_first_object_change and classify_key(event.key) is ObjectKind.PHOTO
        )
        self._pending_ids = frozenset(derive_source_id(event.bucket, event.key) for event in photo_events)
        self._new_ids = set()
        self._registry = None

    def is_new(self, photo_id: str) -> bool:
        """Returns True at most once per photo, because handling its first event may create its ledger item."""
        if photo_id in self._pending_ids:
            prefetched_ids = sorted(self._pending_ids)[:MAX_PREFETCHED_PHOTOS]
            new_ids, self._registry = self.ledger.read_unrecorded(prefetched_ids)
            self._new_ids, self._pending_ids = set(new_ids), frozenset()
        is_new = photo_id in self._new_ids
        self._new_ids.discard(photo_id)
        return is_new

    def find_mandate_name(self, bucket: str, key: str) -> str | None:
        """Returns the name of the mandate that owns the photo's folder; None if there is none."""
        if self._registry is None:
            self._registry = self.ledger.read_mandate_registry()
        return self._registry.find_name(bucket, key)
