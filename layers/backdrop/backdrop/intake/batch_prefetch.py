"""Photos of which the ledger knows nothing: asked of a whole batch at once, where most photos are new."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from backdrop.aws.ledger import Ledger
from backdrop.model.ids import source_id
from backdrop.model.intake_event import Look
from backdrop.model.object_keys import Kind, kind_of

# A batch of ten of S3's messages has ten photos.
MOST_AT_ONCE = 100


@dataclass(eq=False, repr=False)
class Strangers:
    """What was so when a batch began. By the time of a look others may have been faster.

    So whoever goes by it writes only where nothing is known still, and reads the ledger where he writes nothing.
    """

    ledger: Ledger
    _coming: frozenset[str] = frozenset()
    _unknown: set[str] = field(default_factory=set[str])

    def begin_batch(self, looks: Iterable[Look]) -> None:
        """The looks that are to come; of one alone nothing is asked before it."""
        photos = (look for look in looks if look.is_plain and kind_of(look.key) is Kind.PHOTO)
        coming = frozenset(source_id(look.bucket, look.key) for look in photos)
        self._coming = coming if len(coming) > 1 else frozenset()
        self._unknown = set()

    def take(self, ident: str) -> bool:
        """Whether nothing was known of a photo; said once, since the look that asks may change it."""
        if ident in self._coming:
            self._unknown = set(self.ledger.unknown(sorted(self._coming)[:MOST_AT_ONCE]))
            self._coming = frozenset()
        found = ident in self._unknown
        self._unknown.discard(ident)
        return found
