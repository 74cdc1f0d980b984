"""How much of a provider's account stays unused if it is smaller than configured, grows, or has an outage.

Runs the product's own code in the simulated world, where an outage of five minutes takes a moment. Unused: the slots
that were empty from the first call to the end of the last one, as a share of all that the account allowed in that
time. During an outage, there is nothing to use.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from docs.tables import format_table
from fault_bench.slot_use import SlotHistory, TimedValue, TimeRange, measure_slot_use
from simulation.world.call_behavior import CallBehavior, build_refusal
from simulation.world.sample_images import build_picture
from simulation.world.simulated_stack import World

CONFIGURED_LIMIT = 10
SEEDS = range(3)
OUTAGE_SECONDS = 300.0
TIMEOUT = timedelta(hours=6)


@dataclass(frozen=True)
class AccountCase:
    """One case.

    `limits`: how many calls the account allows, and from which second. `away`: when the provider is down.
    """

    name: str
    photos: int
    seconds: float
    limits: tuple[TimedValue, ...]
    away: TimeRange | None = None


CASES = (
    *(AccountCase(f"half of the limit, {s} s a call", 100, s, ((0, CONFIGURED_LIMIT // 2),)) for s in (1, 4, 15)),
    *(
        AccountCase(
            f"the limit doubles, {s} s a call", 200, s, ((0, CONFIGURED_LIMIT // 2), (12.0 * s, CONFIGURED_LIMIT))
        )
        for s in (1, 4)
    ),
    AccountCase(
        "an outage of five minutes, 4 s a call", 300, 4, ((0, CONFIGURED_LIMIT),), (30.0, 30.0 + OUTAGE_SECONDS)
    ),
)


@dataclass(frozen=True)
class AccountUse:
    """One case over several seeds: the mean and the lowest share of the account that was used."""

    name: str
    photos: int
    used: float
    lowest_used: float
    refused_per_photo: float

    @property
    def unused(self) -> float:
        return 1 - self.used


def measure() -> tuple[AccountUse, ...]:
    """Measures all cases."""
    return tuple(_measure_case(case) for case in CASES)


def _measure_case(case: AccountCase) -> AccountUse:
    played = [run_seed(case, seed) for seed in SEEDS]
    used = [share for share, _ in played]
    return AccountUse(case.name, case.photos, mean(used), min(used), mean(refused for _, refused in played))


def run_seed(case: AccountCase, seed: int) -> tuple[float, float]:
    """Runs one seed. Returns the share of the slots that was used, and the refused calls per photo."""
    world = World(seed, in_flight=CONFIGURED_LIMIT, account_limit=int(case.limits[0][1]), budget=10**9)
    world.provider.default_behavior = CallBehavior(work_seconds=case.seconds)
    began = world.clock.time
    for at, limit in case.limits:
        world.event_loop.call_at(began + timedelta(seconds=at), lambda limit=limit: _set_limit(world, int(limit)))
    if case.away:
        first, last = (began + timedelta(seconds=at) for at in case.away)
        sick = build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)
        world.provider.behavior_sources.append(lambda: sick if first <= world.clock.time < last else None)
    world.start()
    for n in range(case.photos):
        world.upload_photo(f"shoes/{n}.jpg", build_picture(str(n)), operation="remove")
    world.event_loop.run_until(began + TIMEOUT, should_stop=lambda: len(world.read_pictures()) == case.photos)
    sold = [call for call in world.provider.paid_calls if call.micro_usd]
    if len(sold) != case.photos:
        raise RuntimeError(f"{case.name}, seed {seed}: {len(sold)} calls were charged for {case.photos} photos")
    return _compute_used_share(world, case, began.timestamp()), len(world.provider.paid_calls) / case.photos - 1


def _set_limit(world: World, limit: int) -> None:
    world.provider.concurrency_limit = limit


def _compute_used_share(world: World, case: AccountCase, began: float) -> float:
    held = list(_count_open_calls(world))
    limits = [(began + at, limit) for at, limit in case.limits]
    away = [(began + case.away[0], began + case.away[1])] if case.away else []
    whole = measure_slot_use(SlotHistory(held, limits, away), held[0][0])
    outside = OUTAGE_SECONDS if away else 0.0
    return (whole.ideal_seconds - outside) / (whole.measured_seconds - outside)


def _count_open_calls(world: World) -> Iterator[TimedValue]:
    """Yields the number of charged calls in flight, and the moment from which it applies."""
    sold = [call for call in world.provider.paid_calls if call.micro_usd]
    moves = [(call.started_at.timestamp(), 1) for call in sold]
    moves += [(call.ended_at.timestamp(), -1) for call in sold if call.ended_at]
    count = 0
    for at, change in sorted(moves):
        count += change
        yield at, count


def format_section(found: Sequence[AccountUse]) -> str:
    rows = [
        (
            one.name,
            f"{one.photos}",
            f"{one.used:.1%}",
            f"{one.lowest_used:.1%}",
            f"{one.unused:.1%}",
            f"{one.refused_per_photo:.2f}",
        )
        for one in found
    ]
    return "\n\n".join(
        [
            f"The product's own code in the simulated world, {len(SEEDS)} seeds each. {CONFIGURED_LIMIT} concurrent"
            " calls are configured. Unused: slots that were empty from the first call to the end of the last one, as"
            " a share of all that the account allowed in that time. The outage itself is excluded.",
            format_table(("", "photos", "used", "lowest", "unused", "refused calls per image"), rows),
        ]
    )
