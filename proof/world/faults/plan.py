"""Which faults a run announces, when they strike, and how often each did."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from proof.world.provider import Kind

if TYPE_CHECKING:
    from proof.world.stack import World

ASKABLE = frozenset({Kind.ACKNOWLEDGED, Kind.OWN_ID})
ANY_KIND = frozenset(Kind)
FAULTS: "dict[str, Fault]" = {}
"""All faults by name; each module of this package adds its own."""

AT = "@"
"""Parts a fault's name from the lane that it strikes: `hang_up@runware`; without one it strikes the first lane."""


@dataclass(frozen=True)
class Fault:
    """One thing that may go wrong. `kinds`: at which providers it can. `slow`: it takes days to be set right.

    `of_lane`: it strikes one provider and its lane, so that each of several lanes can have its own.
    """

    name: str
    about: str
    install: "Callable[[Faults], None]"
    kinds: frozenset[Kind] = ANY_KIND
    slow: bool = False
    of_lane: bool = False


def fault(
    *, kinds: frozenset[Kind] = ANY_KIND, slow: bool = False, of_lane: bool = False
) -> "Callable[[Callable[[Faults], None]], Callable[[Faults], None]]":
    """Register a function that installs a fault; its name is the fault's, its docstring says what goes wrong."""

    def register(install: "Callable[[Faults], None]") -> "Callable[[Faults], None]":
        FAULTS[install.__name__] = Fault(install.__name__, install.__doc__ or "", install, kinds, slow, of_lane)
        return install

    return register


class Faults:
    """The faults that a run announces, at work until `until`; one that has not struck by then still may, once.

    `fired` counts how often each struck at its lane, `last` is when the latest did; an announced fault that never did
    proves nothing (`silent`). `heard` is told the name of each that strikes, before it does harm. While a fault is
    installed, `name` is its own with its lane's, and `provider` whom it strikes.
    """

    def __init__(self, world: "World", names: Iterable[str], until: datetime | None = None) -> None:
        self.world = world
        self.names = tuple(names)
        self.active = True
        self.ended = False
        self.last = world.clock.time
        self.fired: Counter[str] = Counter()
        self.heard: list[Callable[[str], None]] = []
        self.name, self.provider = "", world.provider
        for name in self.names:
            self.name, (what, _, lane) = name, name.partition(AT)
            self.provider = world.sellers[lane] if lane else world.provider
            FAULTS[what].install(self)
        if until:
            world.hub.at(until, self._calm_down)

    @property
    def random(self) -> Random:
        """The world's one source."""
        return self.world.random

    def silent(self) -> list[str]:
        """The announced faults that never struck."""
        return [name for name in self.names if not self.fired[name]]

    def struck(self) -> Counter[str]:
        """How often each struck, at whichever lane."""
        return by_fault(self.fired)

    def end(self) -> None:
        """From now on all goes well."""
        self.ended = True
        self._calm_down()

    def _calm_down(self) -> None:
        self.active = False
        self.world.wire.note("the faults end")

    def may_strike(self, name: str) -> bool:
        """Whether it is the time for a fault."""
        return self.active or not (self.ended or self.fired[name])

    def trap(self, first: int, gap: int, most: int = 1_000_000) -> "Trap":
        """When the fault that is being installed strikes."""
        return Trap(self, self.name, first, gap, most)

    def quiet_trap(self, first: int, gap: int, most: int) -> "Trap":
        """When something happens that is no fault by itself."""
        return Trap(self, "", first, gap, most)

    def spell(self, first: int, seconds: float) -> "Spell":
        """The time in which the fault that is being installed strikes."""
        return Spell(self.trap(first, 1_000_000, 1), seconds)


@dataclass
class Trap:
    """Strikes at seeded opportunities: the first among the `first` first ones, then about every `gap`, `most` times."""

    faults: Faults
    name: str
    first: int
    gap: int
    most: int

    def __post_init__(self) -> None:
        self._left = self.faults.random.randint(1, self.first)

    def __call__(self, what: object = "") -> bool:
        """Whether this opportunity is taken."""
        if not self.most or not self.faults.may_strike(self.name):
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._left = self.faults.random.randint(max(self.gap // 2, 1), max(self.gap * 3 // 2, 1))
        self.most -= 1
        self.strike(what)
        return True

    def strike(self, what: object = "") -> None:
        """Count it and put it into the history."""
        if self.name:
            self.faults.last = self.faults.world.clock.time
            self.faults.fired[self.name] += 1
            self.faults.world.wire.note(f"fault {self.name} {what}".rstrip())
            for listen in self.faults.heard:
                listen(self.name)


@dataclass
class Spell:
    """A time of trouble: it begins at a seeded opportunity and lasts for so many seconds."""

    trap: Trap
    seconds: float
    until: datetime | None = None

    def __call__(self, what: object = "") -> bool:
        """Whether there is trouble now."""
        now = self.trap.faults.world.clock.time
        if self.trap(what):
            self.until = now + timedelta(seconds=self.seconds)
        return self.until is not None and now < self.until and not self.trap.faults.ended


def named(name: str) -> Fault:
    """The fault of a name, with or without a lane."""
    return FAULTS[name.partition(AT)[0]]


def by_fault(fired: Mapping[str, int]) -> Counter[str]:
    """Counts by fault, those of all lanes together."""
    counts = Counter[str]()
    for name, times in fired.items():
        counts[named(name).name] += times
    return counts


def draw_faults(random: Random, number: int, kind: Kind, *, slow: bool = False) -> tuple[str, ...]:
    """So many faults that can strike at a provider of this kind, drawn by the seed, in the order of their names.

    Each fault has a lot of its own, so that a new one changes only what it is drawn into.
    """
    able = [one.name for one in FAULTS.values() if kind in one.kinds and (slow or not one.slow)]
    return tuple(sorted(by_lot(random, able)[:number]))


def lane_faults(random: Random, kind: Kind) -> list[str]:
    """All faults that a further lane whose provider is of this kind can have, in the order of their lots."""
    return by_lot(random, (one.name for one in FAULTS.values() if one.of_lane and not one.slow and kind in one.kinds))


def by_lot(random: Random, names: Iterable[str]) -> list[str]:
    """These faults in an order that each one's own lot decides."""
    seed = random.random()
    return sorted(names, key=lambda name: Random(f"{seed} {name}").random())
