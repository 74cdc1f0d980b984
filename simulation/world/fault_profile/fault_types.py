"""Which faults a run plans, when they strike, and how often each did."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from simulation.world.simulated_provider import ProviderKind

if TYPE_CHECKING:
    from simulation.world.simulated_stack import World

WITH_LOOKUP = frozenset({ProviderKind.LOOKUP_BY_PROVIDER_ID, ProviderKind.LOOKUP_BY_OUR_ID})
ANY_KIND = frozenset(ProviderKind)
FAULT_TYPES: "dict[str, FaultType]" = {}
"""All faults by name. Each module of this package adds its own."""

LANE_SEPARATOR = "@"
"""Separates a fault's name from its lane: `hang_up@runware`. A fault without a lane strikes the first one."""


@dataclass(frozen=True)
class FaultType:
    """Something that may go wrong. `kinds`: the kinds of providers where it can.

    `lasts_for_days`: recovery takes days. `strikes_one_lane`: it strikes one provider and its lane, so that each of
    several lanes can have its own. `is_drawn_apart`: only a plan that has a scene for it draws it.
    """

    name: str
    description: str
    install: "Callable[[InstalledFaults], None]"
    kinds: frozenset[ProviderKind] = ANY_KIND
    lasts_for_days: bool = False
    strikes_one_lane: bool = False
    is_drawn_apart: bool = False


def register_fault(
    *,
    kinds: frozenset[ProviderKind] = ANY_KIND,
    lasts_for_days: bool = False,
    strikes_one_lane: bool = False,
    is_drawn_apart: bool = False,
) -> "Callable[[Callable[[InstalledFaults], None]], Callable[[InstalledFaults], None]]":
    """Registers a function that installs a fault. The fault gets its name and its docstring, which says what fails."""

    def register(install: "Callable[[InstalledFaults], None]") -> "Callable[[InstalledFaults], None]":
        FAULT_TYPES[install.__name__] = FaultType(
            install.__name__, install.__doc__ or "", install, kinds, lasts_for_days, strikes_one_lane, is_drawn_apart
        )
        return install

    return register


class InstalledFaults:
    """The faults that a run plans, active until `until`. A fault that has not struck by then may still do so once.

    `strike_counts`: how often each struck at its lane. `last_strike_at`: when the latest did. A planned fault that
    never struck proves nothing (`list_unfired`). `listeners` are called with the name of each fault that strikes,
    before it does harm. `rarity`: how many times longer than usual the gaps between two strikes of a fault are.
    `delivery_blocks`: each says whether the pictures of a lane cannot be delivered now.
    While a fault is being installed, `name` is its name with its lane, and `provider` the one that it strikes.
    """

    def __init__(
        self, world: "World", fault_names: Iterable[str], until: datetime | None = None, rarity: int = 1
    ) -> None:
        self.world = world
        self.rarity = rarity
        self.fault_names = tuple(fault_names)
        self.is_active = True
        self.has_ended = False
        self.last_strike_at = world.clock.time
        self.strike_counts: Counter[str] = Counter()
        self.listeners: list[Callable[[str], None]] = []
        self.delivery_blocks: list[Callable[[str], bool]] = []
        self.name, self.provider = "", world.provider
        for current_name in self.fault_names:
            self.name, (fault_name, _, lane) = current_name, current_name.partition(LANE_SEPARATOR)
            self.provider = world.simulated_providers[lane] if lane else world.provider
            FAULT_TYPES[fault_name].install(self)
        if until:
            world.event_loop.call_at(until, self._deactivate)

    @property
    def random(self) -> Random:
        return self.world.random

    def list_unfired(self) -> list[str]:
        """Returns the planned faults that never struck, although they could have.

        With both of Ideogram's APIs, every call may go to v1, and then nothing is looked up.
        """
        return [name for name in self.fault_names if not self.strike_counts[name] and not self._may_have_no_call(name)]

    def _may_have_no_call(self, name: str) -> bool:
        has_both_apis = LANE_SEPARATOR not in name and self.world.provider.endpoint is not None
        return has_both_apis and ProviderKind.NO_LOOKUP not in FAULT_TYPES[name].kinds

    def count_strikes(self) -> Counter[str]:
        """Returns how often each fault struck, on all lanes together."""
        return count_by_type(self.strike_counts)

    def end(self) -> None:
        """Ends all faults."""
        self.has_ended = True
        self._deactivate()

    def _deactivate(self) -> None:
        self.is_active = False
        self.world.transport.add_note("the faults end")

    def may_strike(self, name: str) -> bool:
        return self.is_active or not (self.has_ended or self.strike_counts[name])

    def create_trigger(self, max_first: int, mean_gap: int, max_strikes: int = 1_000_000) -> "FaultTrigger":
        """Chooses when the fault that is being installed strikes."""
        return FaultTrigger(self, self.name, max_first, mean_gap, max_strikes)

    def create_uncounted_trigger(self, max_first: int, mean_gap: int, max_strikes: int) -> "FaultTrigger":
        """Chooses when something happens that is not a fault by itself."""
        return FaultTrigger(self, "", max_first, mean_gap, max_strikes)

    def create_window(self, max_first: int, seconds: float) -> "FaultWindow":
        """Chooses a period in which the fault that is being installed strikes."""
        return FaultWindow(self.create_trigger(max_first, 1_000_000, 1), seconds)


@dataclass
class FaultTrigger:
    """Strikes at seeded opportunities: first at one of the first `max_first`, then at about every `mean_gap`-th one.

    Strikes at most `max_strikes` times.
    """

    faults: InstalledFaults
    name: str
    max_first: int
    mean_gap: int
    max_strikes: int

    def __post_init__(self) -> None:
        self._remaining = self.faults.random.randint(1, self.max_first)

    def __call__(self, detail: object = "") -> bool:
        """Whether the fault strikes at this opportunity."""
        if not self.max_strikes or not self.faults.may_strike(self.name):
            return False
        self._remaining -= 1
        if self._remaining > 0:
            return False
        mean_gap = self.mean_gap * self.faults.rarity
        self._remaining = self.faults.random.randint(max(mean_gap // 2, 1), max(mean_gap * 3 // 2, 1))
        self.max_strikes -= 1
        self.strike(detail)
        return True

    def strike(self, detail: object = "") -> None:
        """Counts the strike and adds it to the history."""
        if self.name:
            self.faults.last_strike_at = self.faults.world.clock.time
            self.faults.strike_counts[self.name] += 1
            self.faults.world.transport.add_note(f"fault {self.name} {detail}".rstrip())
            for notify in self.faults.listeners:
                notify(self.name)


@dataclass
class FaultWindow:
    """A period of trouble: it begins at a seeded opportunity and lasts for this many seconds."""

    trigger: FaultTrigger
    seconds: float
    ends_at: datetime | None = None

    def __call__(self, detail: object = "") -> bool:
        """Whether there is trouble now."""
        if self.trigger(detail):
            self.ends_at = self.trigger.faults.world.clock.time + timedelta(seconds=self.seconds)
        return self.is_open

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not ended."""
        faults = self.trigger.faults
        return self.ends_at is not None and faults.world.clock.time < self.ends_at and not faults.has_ended


def find_fault_type(name: str) -> FaultType:
    """Returns the fault of a name, with or without a lane."""
    return FAULT_TYPES[name.partition(LANE_SEPARATOR)[0]]


def count_by_type(strike_counts: Mapping[str, int]) -> Counter[str]:
    """Returns counts by fault, of all lanes together."""
    counts = Counter[str]()
    for name, count in strike_counts.items():
        counts[find_fault_type(name).name] += count
    return counts


def draw_faults(random: Random, count: int, kind: ProviderKind, *, include_days: bool = False) -> tuple[str, ...]:
    """Draws faults that can strike at a provider of this kind. Returns them in the order of their names.

    Each fault has its own random draw, so that a new fault changes only the seeds that get it.
    """
    candidates = [
        fault_type.name
        for fault_type in FAULT_TYPES.values()
        if kind in fault_type.kinds
        and not fault_type.is_drawn_apart
        and (include_days or not fault_type.lasts_for_days)
    ]
    return tuple(sorted(order_by_name_and_seed(random, candidates)[:count]))


def order_lane_faults(random: Random, kind: ProviderKind) -> list[str]:
    """Returns all faults that an additional lane with this kind of provider can have, in the order of their draws."""
    return order_by_name_and_seed(
        random,
        (
            fault_type.name
            for fault_type in FAULT_TYPES.values()
            if fault_type.strikes_one_lane and not fault_type.lasts_for_days and kind in fault_type.kinds
        ),
    )


def order_by_name_and_seed(random: Random, names: Iterable[str]) -> list[str]:
    """Sorts these faults by each one's own random draw."""
    seed = random.random()
    return sorted(names, key=lambda name: Random(f"{seed} {name}").random())
