"""Watches dropped files until each has come back, or until nothing moves any more."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backdrop_cli.demo.drop import Dropped
from backdrop_cli.demo.sight import Sight
from backdrop_cli.stages import Stage

POLL_SECONDS = 0.3


@dataclass
class Watch:
    """All files of one demo by key, as last seen; insertion order is the order of dropping."""

    look: Callable[[str], Sight]
    patience_seconds: float
    dropped: dict[str, Dropped] = field(default_factory=dict[str, Dropped])
    seen: dict[str, Sight] = field(default_factory=dict[str, Sight])

    def add(self, one: Dropped) -> None:
        """Watches one more file."""
        self.dropped[one.key] = one
        self.seen[one.key] = Sight()

    def glance(self) -> bool:
        """Looks once at each file that has not come back; says whether any of them moved."""
        before = dict(self.seen)
        for key in self.missing():
            self.seen[key] = self.look(key)
        return self.seen != before

    def missing(self) -> Sequence[str]:
        """The keys of the files that have not come back."""
        return [key for key, sight in self.seen.items() if not sight.ended]

    def until_all_are_back(
        self,
        show: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Looks and shows until all have come back, or nothing has moved for `patience_seconds`."""
        moved_at = now()
        while True:
            if self.glance():
                moved_at = now()
            show()
            if not self.missing() or now() - moved_at > self.patience_seconds:
                return
            sleep(POLL_SECONDS)

    def failures(self) -> Sequence[str]:
        """The keys that ended otherwise than they should: failed, missing, or a non-photo that went through."""
        return [key for key, sight in self.seen.items() if not _is_as_it_should(self.dropped[key], sight)]


def _is_as_it_should(dropped: Dropped, sight: Sight) -> bool:
    if dropped.order.must_be_refused:
        return sight.stage is Stage.REFUSED
    return sight.stage is Stage.STORED or (sight.stage is Stage.REFUSED and not dropped.order.credit)
