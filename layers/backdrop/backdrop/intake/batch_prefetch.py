"""Photos of which the ledger knows nothing: asked of a whole batch at once, where most photos are new."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from backdrop.aws.ledger import Ledger
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.object_keys import ObjectKind, classify_key

# A batch of ten of S3's messages has ten photos.
MAX_PREFETCHED_PHOTOS = 100


@dataclass(eq=False, repr=False)
class BatchPrefetch:
    """What was so when a batch began. By the time of a look others may have been faster.

    So whoever goes by it writes only where nothing is known still, and reads the ledger where he writes nothing.
    """

    ledger: Ledger
    _pending_ids: frozenset[str] = frozenset()
    _new_ids: set[str] = field(default_factory=set[str])

    def start_batch(self, events: Iterable[IntakeEvent]) -> None:
        """The looks that are to come; of one alone nothing is asked before it."""
        photo_events = (
            look for look in events if look.is_first_object_change and classify_key(look.key) is ObjectKind.PHOTO
        )
        source_ids = frozenset(derive_source_id(look.bucket, look.key) for look in photo_events)
        self._pending_ids = source_ids if len(source_ids) > 1 else frozenset()
        self._new_ids = set()

    def is_new(self, photo_id: str) -> bool:
        """Whether nothing was known of a photo; said once, since the look that asks may change it."""
        if photo_id in self._pending_ids:
            self._new_ids = set(self.ledger.find_unrecorded(sorted(self._pending_ids)[:MAX_PREFETCHED_PHOTOS]))
            self._pending_ids = frozenset()
        is_new = photo_id in self._new_ids
        self._new_ids.discard(photo_id)
        return is_new
