"""Where a mutant is looked for: a seed's own run, in the weather and with the deeds that put its guard to the test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proof.simulate.act import Act
from proof.simulate.plan import Plan, draw


@dataclass(frozen=True)
class Scene:
    """What stands in place of what a seed draws: `faults`, the provider's `kind`, and `deeds`.

    `setup`: parameters of the world. `deeds`: lines of seconds, a deed of people.py and its words. `late`: it begins
    three minutes before midnight. `asleep`: the stack is some days old, and a photo lies in its bucket since then.
    `minutes`: for how long the faults are at work, 0 for as long as the seed says.
    """

    faults: tuple[str, ...] | None = None
    kind: str = ""
    setup: Mapping[str, Any] = field(default_factory=dict[str, Any])
    deeds: tuple[str, ...] = ()
    late: bool = False
    asleep: bool = False
    minutes: int = 0

    def plan(self, seed: int) -> Plan:
        """The seed's plan in this scene."""
        plan = draw(seed, self.faults, self.kind, mixed=False)
        acts = tuple(sorted(map(_act, self.deeds), key=lambda act: act.at)) or plan.acts
        setup, minutes = plan.setup | dict(self.setup), self.minutes or plan.minutes
        asleep, late = self.asleep or plan.asleep, self.late or plan.late
        return plan.but(setup=setup, acts=acts, late=late, asleep=asleep, minutes=minutes)


def _act(line: str) -> Act:
    at, deed, *words = line.split()
    return Act(float(at), deed, tuple(words))


def weather(faults: str, kind: str = "", *deeds: str, **setup: Any) -> Scene:
    """A scene of these faults (parted by blanks), with the seed's own photos and deeds where none are given."""
    return Scene(tuple(faults.split()), kind, setup, deeds)


def photos(at: float, count: int, *, every: float = 1.0, tags: str = "cut") -> tuple[str, ...]:
    """So many photos, `p0.jpg` and on, one after another from a moment on, each with its wish in its tags."""
    return tuple(f"{at + n * every} drop p{n}.jpg photo{n} {tags}" for n in range(count))


def wishes(at: float, count: int, wish: str, *, every: float = 1.0) -> tuple[str, ...]:
    """A sidecar for each of these photos."""
    return tuple(f"{at + n * every} sidecar p{n}.jpg {wish}" for n in range(count))


def replaced(at: float, count: int, *, every: float = 1.0) -> tuple[str, ...]:
    """Other bytes in the place of each of these photos."""
    return tuple(f"{at + n * every} replace p{n}.jpg other{n}" for n in range(count))


# Photos that list two providers. The first provider's lane is paused soon.
LISTED = (*photos(5, 20, tags="foreign"), *wishes(5.5, 20, "marble-listed"), "20 pause 900")
# What conditions are looked for in before the mutants' own scenes.
WEATHER: Mapping[str, Scene] = {
    "unaskable": weather("hang_up throttled_call duplicate_message", "unaskable"),
    "acknowledged": weather("slow_call killed_render failed_work", "acknowledged"),
    "own id": weather("hang_up rejected_resend killed_render", "own_id"),
    "no message": weather("message_gone_in_doubt killed_render"),
    "no key": weather("secrets_out_of_order"),
    "slow table": weather("slow_table throttled_table"),
    "no table": weather("table_gone_for_long throttled_call"),
    "conflicts": weather("transaction_conflict lost_ledger_answer double_tick"),
    "half of the slots": weather("half_limit", in_flight=4, account_limit=2),
    "little money": weather("charge_and_hang_up reordered_message", budget=120_000),
    "a photo is too dear": weather("reordered_message", budget=30_000),
    "a storm": weather("throttle_storm"),
    "stuck": weather("stuck_work", "acknowledged"),
    "forgotten": weather("killed_in_paid_call forgetful_look_up", "own_id"),
    "late refusals": weather(
        "table_gone_for_long slow_refusal", "unaskable", *photos(5, 20), in_flight=10, account_limit=10
    ),
    "late losses": weather(
        "hang_up long_calls", "unaskable", *photos(5, 20), in_flight=6, account_limit=2, on_lost_answer="retry_once"
    ),
    "late writes": weather("long_calls slow_writes", "unaskable", *photos(5, 20), in_flight=6, account_limit=2),
    "busy": weather("busy_for_an_hour"),
    "long outage": weather("provider_outage_for_long"),
    "no money for days": weather("refused_for_days"),
    "results that nobody knows": weather(
        "unrecognized_result withheld_picture unreachable_result",
        "",
        *photos(5, 8),
        *wishes(6, 8, "sea"),
        "900 redrive",
    ),
    "two lanes": weather(
        "provider_outage_for_long long_calls",
        "unaskable",
        *LISTED,
        besides={"runware": "own_id"},
        in_flight=2,
        account_limit=2,
    ),
}
