"""Watches dropped files until each has come back, or until nothing moves any more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from backdrop.ports import Clock
from backdrop_cli.demo.drop import Dropped
from backdrop_cli.demo.sight import Sight
from backdrop_cli.stages import Stage
from backdrop_cli.watch import watch

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

    def until_all_are_back(self, show: Callable[[], None], clock: Clock) -> None:
        """Looks and shows until all have come back, or nothing has moved for `patience_seconds`."""

        def look() -> bool:
            moved = self.glance()
            show()
            return moved

        def give_up(still_seconds: float) -> str:
            return "nothing moves" if still_seconds > self.patience_seconds else ""

        watch(look, lambda: not self.missing(), give_up, partial(clock.sleep, POLL_SECONDS), clock.now)

    def failures(self) -> Sequence[str]:
        """The keys that ended otherwise than they should: failed, missing, or a non-photo that went through."""
        return [key for key, sight in self.seen.items() if not _is_as_it_should(self.dropped[key], sight)]


def _is_as_it_should(dropped: Dropped, sight: Sight) -> bool:
    if dropped.order.must_be_refused:
        return sight.stage is Stage.REFUSED
    return sight.stage is Stage.STORED or (sight.stage is Stage.REFUSED and not dropped.order.credit)
