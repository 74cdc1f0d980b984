"""The sweep: what no event told of, photos, sidecars, defaults. Only young ones; older are a campaign's business."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.ids import source_id
from backdrop.model.object_keys import Kind, kind_of, sidecars_of
from backdrop.pipeline.enqueue import look_at
from backdrop.pipeline.unreadable_files import is_awaited
from backdrop.ports import Clock, InputBucket, Listed

YOUNG = timedelta(hours=48)
# Events come within seconds; whoever is younger has one on its way.
HAD_TIME = timedelta(minutes=10)
LOOKED_AT = (Kind.PHOTO, Kind.DEFAULTS)
MOST_KEYS = 20_000
MOST_PHOTOS = 2_000


@dataclass(eq=False, repr=False)
class Sweep:
    """`since` says when the stack was created: what was in the bucket before is not its business."""

    photos: InputBucket
    ledger: Ledger
    intake: Queue
    clock: Clock
    bucket: str
    since: Callable[[], datetime]

    def run(self, after: str) -> tuple[str, int]:
        """Look through the keys that follow `after`; how far it came ("": to the end) and how many it found."""
        listed = list(islice(self.photos.listed(self.bucket, after), MOST_KEYS))
        sidecars = {one.key: one for one in listed if kind_of(one.key) is Kind.SIDECAR}
        photos = [one for one in listed if kind_of(one.key) in LOOKED_AT]
        due = [one for one in photos if self._is_due(one) or self._is_due(_nearest(one, sidecars))]
        found = [one for one in due[:MOST_PHOTOS] if self._unknown(one, _nearest(one, sidecars))]
        for one in found:
            look_at(self.intake, self.bucket, one.key)
        return _last(listed, due), len(found)

    def _is_due(self, one: Listed | None) -> bool:
        """Whether an event should have told of it by now, and it is not too old to be bought without asking."""
        now = self.clock.now()
        return one is not None and max(now - YOUNG, self.since()) <= one.modified <= now - HAD_TIME

    def _unknown(self, photo: Listed, sidecar: Listed | None) -> bool:
        """Whether the ledger knows the photo, or what its sidecar says, otherwise than it lies there."""
        source, _ = self.ledger.photo(source_id(self.bucket, photo.key))
        if source and is_awaited(source, self.clock.now()):
            return False
        if source is None or source.photo is None or source.seen_gone or source.photo.etag != photo.etag:
            return True
        return sidecar is not None and source.sidecar_etag != sidecar.etag


def _nearest(photo: Listed, sidecars: Mapping[str, Listed]) -> Listed | None:
    """The sidecar that speaks for a photo."""
    return next((sidecars[key] for key in sidecars_of(photo.key) if key in sidecars), None)


def _last(listed: Sequence[Listed], due: Sequence[Listed]) -> str:
    """Where the next run goes on: behind the last photo that was looked at, from the front after the last key."""
    if len(due) > MOST_PHOTOS:
        return due[MOST_PHOTOS - 1].key
    return listed[-1].key if len(listed) == MOST_KEYS else ""
