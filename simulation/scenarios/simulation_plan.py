"""One seed's plan, drawn before the run: the stack's setup, the faults, and what users do when."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from backdrop.model.price_check import QuoteOutcome
from backdrop.ports import IdeogramEndpoint
from simulation.scenarios.delivery_faults import DELIVERY_FAULTS, draw_burst
from simulation.scenarios.feature_draft import FeatureDraft
from simulation.scenarios.guard_faults import POISON_FAULT
from simulation.scenarios.instruction_draft import InstructionDraft
from simulation.scenarios.long_faults import DAY_LONG_FAULTS, HOUR_LONG_FAULTS
from simulation.scenarios.mandate_draft import OWNED_FOLDERS, MandateDraft, add_last_days
from simulation.scenarios.place_draft import PlaceDraft
from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.product_draft import ProductDraft
from simulation.scenarios.sample_instructions import (
    DEFAULTS_SAMPLES,
    EDITED_SAMPLES,
    PHOTO_NAMES,
    PROVIDER_SAMPLES,
    REMOVAL_SAMPLES,
    SIMPLE_SAMPLES,
    TAG_SAMPLES,
    TEXT_FILE_NAME,
)
from simulation.world.fault_profile import (
    FAULT_TYPES,
    LANE_SEPARATOR,
    draw_faults,
    find_fault_type,
    order_by_name_and_seed,
    order_lane_faults,
)
from simulation.world.simulated_provider import ProviderKind

FOLDERS = ("shoes/", "bags/", "hats/summer/", "")
MIN_PHOTOS, MAX_PHOTOS = 3, 10
MIN_FAULTS, MAX_FAULTS = 3, 8
# For each additional lane.
MIN_LANE_FAULTS, MAX_LANE_FAULTS = 1, 2
AMPLE_BUDGET_MICRO_USD = 10_000_000
BUDGETS_MICRO_USD = (0, 20_000, 100_000, 240_000, *[AMPLE_BUDGET_MICRO_USD] * 8)
ARRIVAL_SECONDS = 400
# Of the seeds with mandates, whose limits of a day end at midnight.
MIDNIGHT_SHARE = 0.4
# It takes this long to abandon a photo that crashes its workers, and to recover from a fault that lasts an hour.
LONG_FAULT_MINUTES = 75
LONG_FAULTS = HOUR_LONG_FAULTS | {POISON_FAULT}
# One seed in this many has a fault that takes days to recover from.
SEEDS_PER_DAYS_LONG_FAULT = 12
SEEDS_PER_MULTI_LANE_SEED = 3
# Every fifth seed of a million or more has names, frames, templates, marketplaces, and compositions. None of them may
# kill mutants or have once broken a promise, because such seeds keep their histories.
FIRST_FEATURE_SEED = 1_000_000
SEEDS_PER_FEATURE_SEED = 5
# Of these, those of two million or more also have photos of a product that can be compared: with retries, with masks,
# and with pictures that people approve.
FIRST_PRODUCT_SEED = 2_000_000
# Of these, those of three million or more also have mandates, and clients that write into their folders.
FIRST_MANDATE_SEED = 3_000_000
# From this seed on, a third of the worlds have Ideogram's v2 next to v1. In half of them, the operator returns to v1.
FIRST_V2_SEED = 4_000_000
SEEDS_PER_V2_SEED = 3
# All seeds of four million or more whose provider has no IDs of ours count images, as Ideogram does.
FIRST_PLACES_SEED = 4_000_000
# Each of these seeds has a time in which what is bought cannot be delivered, and a burst of photos. They are apart,
# because bursts take long, and because other seeds keep their histories.
DELIVERY_FAULT_SEEDS = range(5_000_000, 6_000_000)
# In each of these seeds, Runware has a lane, and most users who have a background removed name it or a model. They are
# apart, because other seeds keep their histories.
REMOVAL_SEEDS = range(6_000_000, 7_000_000)
MAX_PRICE_CHECKS = 4
# Their limits, which are those of the account. Each sample asks for at most three pictures.
PLACE_LIMITS = (3, 4, 6, 10)
# Half of the seeds of four million or more divide the day's budget into shares, as larger stacks do.
FIRST_SHARED_BUDGET_SEED = 4_000_000
SHARE_COUNTS = (1, 2, 3, 5, 30)
SHARED_BUDGETS_MICRO_USD = (0, 20_000, 70_000, 100_000, 250_000, 600_000, *[AMPLE_BUDGET_MICRO_USD] * 2)
# If fewer calls may be in flight, there are rarely as many as half of them.
MIN_IN_FLIGHT_FOR_HALF_LIMIT = 3
MALFORMED_MESSAGE_QUEUES = ("intake", "ideogram", "deliver")
MALFORMED_BODIES = (
    "{",
    "[]",
    '{"kind": "paint"}',
    '{"Records": [{"s3": {}}]}',
    '{"bucket": "foreign", "key": "a.jpg"}',
    "null",
    '"x"',
)


@dataclass(frozen=True)
class SimulationPlan:
    """Everything that a seed decides before the first event.

    `setup`: the world's parameters. `is_old_stack`: the stack is some days old, and its bucket has a photo that is too
    old to be bought without a request. `starts_before_midnight`: the run starts three minutes before midnight.
    """

    seed: int
    setup: dict[str, Any]
    faults: tuple[str, ...]
    actions: tuple[PlannedAction, ...]
    fault_minutes: int
    is_old_stack: bool = False
    starts_before_midnight: bool = False

    @property
    def other_lanes(self) -> tuple[str, ...]:
        return tuple(self.setup.get("other_providers", ()))

    @property
    def last_action_seconds(self) -> float:
        """How long after the start the last action follows, which may be after the faults."""
        return max((action.at_seconds for action in self.actions), default=0.0)

    @property
    def has_days_long_recovery(self) -> bool:
        """Whether recovery takes days."""
        return any(find_fault_type(name).lasts_for_days for name in self.faults)

    @property
    def has_days_long_fault(self) -> bool:
        """Whether a fault lasts for days, even after the others have ended."""
        return bool(DAY_LONG_FAULTS & _strip_lanes(self.faults))

    def format_lines(self) -> list[str]:
        setup = " ".join(f"{name}={value}" for name, value in self.setup.items())
        return [f"seed {self.seed}: {setup}", f"faults: {', '.join(self.faults)}", *map(str, self.actions)]


def draw_plan(
    seed: int, faults: Sequence[str] | None = None, kind: str = "", *, allow_several_lanes: bool = True
) -> SimulationPlan:
    """Draws a seed's plan. If the faults or the provider's kind are given, there is one lane.

    `allow_several_lanes`: some seeds have several lanes.
    """
    random = Random(f"plan {seed}")
    setup = _draw_setup(random)
    if kind:
        setup["kind"] = kind
    elif seed >= FIRST_V2_SEED:
        setup |= _draw_endpoint(Random(f"endpoints {seed}"))
    if counts_images(seed, setup["kind"]):
        limit = Random(f"places {seed}").choice(PLACE_LIMITS)
        setup |= {"counts_images": True, "in_flight": limit, "account_limit": limit}
    shares = Random(f"shares {seed}")
    is_shared = seed >= FIRST_SHARED_BUDGET_SEED and shares.random() < 0.5
    if is_shared:
        setup |= {"budget_shares": shares.choice(SHARE_COUNTS), "budget": shares.choice(SHARED_BUDGETS_MICRO_USD)}
    drawn_faults = _draw_faults(Random(f"faults {seed}"), setup)
    fault_names = drawn_faults if faults is None else tuple(faults)
    if faults is None and seed in DELIVERY_FAULT_SEEDS:
        fault_names += (Random(f"delivery faults {seed}").choice(DELIVERY_FAULTS),)
    lanes = Random(f"lanes {seed}")
    has_several_lanes = (
        allow_several_lanes
        and faults is None
        and not kind
        and (lanes.randrange(SEEDS_PER_MULTI_LANE_SEED) == 0 or seed in REMOVAL_SEEDS)
    )
    if has_several_lanes:
        fault_names += _draw_other_lanes(lanes, setup)
    short_minutes = random.randint(15, 30)
    minutes = LONG_FAULT_MINUTES if LONG_FAULTS & _strip_lanes(fault_names) else short_minutes
    draft, starts_before_midnight = _ActionDraft(random, minutes * 60), False
    actions = draft.draw_actions()
    instruction_actions = InstructionDraft(Random(f"sayings {seed}"), minutes * 60, draft.keys, FOLDERS).draw_actions()
    if has_features(seed):
        feature_draft = FeatureDraft(Random(f"features {seed}"), minutes * 60, draft.keys, FOLDERS)
        instruction_actions = (*instruction_actions, *feature_draft.draw_actions())
        if has_products(seed):
            folders = (*FOLDERS, *OWNED_FOLDERS) if has_mandates(seed) else FOLDERS
            product_draft = ProductDraft(Random(f"products {seed}"), minutes * 60, folders)
            instruction_actions += (*product_draft.draw_actions(),)
        if has_mandates(seed):
            mandates = Random(f"mandates {seed}")
            mandate_actions = MandateDraft(mandates, minutes * 60).draw_actions()
            # Drawn apart, so that the other draws of a seed stay the same.
            instruction_actions += (*add_last_days(mandate_actions, Random(f"last days {seed}")),)
            starts_before_midnight = mandates.random() < MIDNIGHT_SHARE
    if counts_images(seed, setup["kind"]):
        place_draft = PlaceDraft(Random(f"bursts {seed}"), minutes * 60, FOLDERS)
        instruction_actions = (*instruction_actions, *place_draft.draw_actions())
    if "ideogram_endpoint" in setup:
        instruction_actions = (*instruction_actions, *_draw_price_checks(Random(f"price checks {seed}"), minutes * 60))
    if _strip_lanes(fault_names).intersection(DELIVERY_FAULTS):
        instruction_actions = (*instruction_actions, *draw_burst(Random(f"many photos {seed}")))
    if is_shared:
        instruction_actions = (*instruction_actions, *_draw_caps(shares, minutes * 60))
    actions = tuple(sorted((*actions, *instruction_actions), key=lambda action: action.at_seconds))
    if has_several_lanes:
        actions = _spread_over_lanes(lanes, actions, [*setup["other_providers"]])
        if seed in REMOVAL_SEEDS:
            actions = _spread_over_removers(Random(f"removers {seed}"), actions)
    return SimulationPlan(
        seed,
        setup,
        fault_names,
        actions,
        minutes,
        is_old_stack=random.random() < 0.1,
        starts_before_midnight=random.random() < 0.1 or starts_before_midnight,
    )


def _draw_caps(random: Random, seconds: float) -> Iterable[PlannedAction]:
    """Raised and lowered caps, each for the rest of the day."""
    for _ in range(random.randint(0, 3)):
        at_seconds = round(random.uniform(0, seconds * 0.8), 1)
        yield PlannedAction(at_seconds, "set_budget", (str(random.choice(SHARED_BUDGETS_MICRO_USD)),))


def has_features(seed: int) -> bool:
    """Whether users of this world ask for names, frames, templates, marketplaces, and compositions."""
    return seed >= FIRST_FEATURE_SEED and seed % SEEDS_PER_FEATURE_SEED == 0


def has_products(seed: int) -> bool:
    """Whether users of this world ask for retries, masks, and approval of their pictures."""
    return seed >= FIRST_PRODUCT_SEED and has_features(seed)


def has_mandates(seed: int) -> bool:
    """Whether operators of this world create mandates."""
    return seed >= FIRST_MANDATE_SEED and has_features(seed)


def counts_images(seed: int, kind: str) -> bool:
    """Whether the provider of this world counts images, and its users ask for several at once."""
    return seed >= FIRST_PLACES_SEED and kind != ProviderKind.LOOKUP_BY_OUR_ID.value


def _strip_lanes(faults: Iterable[str]) -> set[str]:
    return {find_fault_type(name).name for name in faults}


def _draw_endpoint(random: Random) -> dict[str, Any]:
    """Returns the setup of a world with Ideogram's v2; nothing if it has none."""
    if random.randrange(SEEDS_PER_V2_SEED):
        return {}
    v1_again_after_seconds = round(random.uniform(60, ARRIVAL_SECONDS), 1) if random.random() < 0.5 else 0
    return {
        "kind": ProviderKind.LOOKUP_BY_PROVIDER_ID.value,
        "ideogram_endpoint": IdeogramEndpoint.V2,
        "v1_again_after_seconds": v1_again_after_seconds,
    }


def _draw_price_checks(random: Random, seconds: float) -> list[PlannedAction]:
    """Draws runs of the price check, and how the provider answers in each."""
    outcomes = random.choices([*QuoteOutcome], weights=[4, 2, 2, 1], k=random.randint(1, MAX_PRICE_CHECKS))
    return [
        PlannedAction(round(random.uniform(0, seconds), 1), "check_prices", (outcome.value,)) for outcome in outcomes
    ]


def _draw_other_lanes(random: Random, setup: dict[str, Any]) -> tuple[str, ...]:
    """Adds one or two lanes of other kinds to the setup, and draws the faults of each."""
    supports_our_id = setup["kind"] == ProviderKind.LOOKUP_BY_OUR_ID.value
    setup["other_providers"] = {"runware": ProviderKind.LOOKUP_BY_OUR_ID} | (
        {} if supports_our_id else {"segmind": random.choice([*ProviderKind])}
    )
    fault_names: list[str] = []
    for lane, kind in setup["other_providers"].items():
        drawn = [name for name in order_lane_faults(random, kind) if _can_strike(name, setup)]
        fault_names += (
            f"{name}{LANE_SEPARATOR}{lane}" for name in drawn[: random.randint(MIN_LANE_FAULTS, MAX_LANE_FAULTS)]
        )
    return tuple(fault_names)


def _can_strike(fault_name: str, setup: dict[str, Any]) -> bool:
    return fault_name != "half_limit" or setup["account_limit"] >= MIN_IN_FLIGHT_FOR_HALF_LIMIT


def _spread_over_lanes(
    random: Random, actions: tuple[PlannedAction, ...], lanes: list[str]
) -> tuple[PlannedAction, ...]:
    """Returns the same actions. Most now name one of these lanes, or several in order of preference."""

    def choose_sample(sample: str, suffixes: tuple[str, ...]) -> str:
        candidates = [candidate for candidate in PROVIDER_SAMPLES.get(sample, ()) if candidate.endswith(suffixes)]
        return random.choice(candidates) if candidates and random.random() < 0.7 else sample

    def choose_samples(action: PlannedAction) -> PlannedAction:
        """Folder defaults always name several lanes: a photo that inherits a single one may be refused there."""
        suffixes = ("-listed",) if action.name == "write_default" else ("-listed", *lanes)
        return replace(action, arguments=tuple(choose_sample(argument, suffixes) for argument in action.arguments))

    return tuple(
        choose_samples(action)
        if action.name in {"write_sidecar", "write_default", "send_request", "upload_pair"}
        else action
        for action in actions
    )


def _spread_over_removers(random: Random, actions: tuple[PlannedAction, ...]) -> tuple[PlannedAction, ...]:
    """Returns the same actions. Most sidecars and requests that have a background removed now name where, or how."""
    return tuple(
        replace(
            action, arguments=tuple(random.choice(REMOVAL_SAMPLES) if one == "cut" else one for one in action.arguments)
        )
        if action.name in {"write_sidecar", "send_request"} and random.random() < 0.8
        else action
        for action in actions
    )


def _draw_faults(random: Random, setup: dict[str, Any]) -> tuple[str, ...]:
    """Draws faults that can strike with this setup; in some seeds, one of them lasts for days."""
    has_days_long_fault = random.randrange(SEEDS_PER_DAYS_LONG_FAULT) == 0
    drawn = {*draw_faults(random, random.randint(MIN_FAULTS, MAX_FAULTS), ProviderKind(setup["kind"]))}
    drawn |= {
        *order_by_name_and_seed(
            random, (name for name, fault_type in FAULT_TYPES.items() if fault_type.lasts_for_days)
        )[:has_days_long_fault]
    }
    return tuple(sorted(name for name in drawn if _can_strike(name, setup)))


def _draw_setup(random: Random) -> dict[str, Any]:
    in_flight = random.choice([2, 3, 4, 10])
    return {
        "kind": random.choice([*ProviderKind]).value,
        "on_lost_answer": random.choice(["retry_once", "retry_once", "hold"]),
        "budget": random.choice(BUDGETS_MICRO_USD),
        "in_flight": in_flight,
        "account_limit": random.choice([in_flight, in_flight, in_flight // 2]),
    }


class _ActionDraft:
    """Draws what users do within `seconds`."""

    def __init__(self, random: Random, seconds: float) -> None:
        self._random = random
        self._seconds = seconds
        self._actions: list[PlannedAction] = []
        self.keys: list[str] = []

    def draw_actions(self) -> tuple[PlannedAction, ...]:
        """Draws all actions, in the order of their times."""
        random = self._random
        for index in range(random.randint(MIN_PHOTOS, MAX_PHOTOS)):
            self._draw_upload(f"{random.choice(FOLDERS)}{index}.jpg")
        for _ in range(random.randint(0, 6)):
            self._draw_change()
        for chance, draw_action in self._list_optional_actions():
            if random.random() < chance:
                draw_action()
        return tuple(sorted(self._actions, key=lambda action: action.at_seconds))

    def _list_optional_actions(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (0.4, self._draw_redrive),
            (0.15, self._draw_pay_again),
            (0.15, self._draw_cancel),
            (0.3, self._draw_pause),
            (0.35, self._draw_budget),
            (0.4, self._draw_malformed_messages),
            (0.3, lambda: self._add(0, "place_old_photo", self._create_key("old"))),
            (0.3, lambda: self._add(self._draw_time(), "copy_output_back", self._choose_key())),
            (
                0.3,
                lambda: self._add(
                    self._draw_time(), "write_default", self._random.choice(FOLDERS) or "/", DEFAULTS_SAMPLES[0]
                ),
            ),
        ]

    def _add(self, at_seconds: float, name: str, *arguments: str) -> None:
        self._actions.append(PlannedAction(round(at_seconds, 1), name, arguments))

    def _draw_time(self, first: float = 0.0) -> float:
        return self._random.uniform(first, self._seconds * 0.8)

    def _choose_key(self) -> str:
        return self._random.choice(self.keys)

    def _create_key(self, name: str) -> str:
        return f"{self._random.choice(FOLDERS)}{name}.jpg"

    def _draw_upload(self, key: str) -> None:
        """A photo with tags, with a sidecar before or after it, with both, or without instructions."""
        random = self._random
        self.keys.append(key)
        at = random.uniform(0, ARRIVAL_SECONDS)
        name = TEXT_FILE_NAME if random.random() < 0.04 else random.choice(PHOTO_NAMES)
        instruction_source = random.choice(["tags", "tags", "sidecar", "sidecar", "sidecar", "both", "nothing"])
        tags = (
            random.choice(["cut", "marble"])
            if instruction_source in ("tags", "both")
            else random.choice(["", "foreign"])
        )
        self._add(at, "upload", key, name, tags)
        if instruction_source in ("sidecar", "both"):
            sample = random.choice(SIMPLE_SAMPLES if random.random() < 0.85 else EDITED_SAMPLES)
            self._add(max(at + random.choice([-30.0, -1.0, 0.1, 3.0, 15.0, 60.0]), 0), "write_sidecar", key, sample)

    def _draw_change(self) -> None:
        """A change to a photo, soon after it arrived or much later."""
        random = self._random
        key, at = self._choose_key(), self._draw_time(5)
        name = random.choice(
            [
                "write_sidecar",
                "write_sidecar",
                "write_sidecar",
                "replace_photo",
                "replace_photo",
                "upload_again",
                "delete_photo",
                "delete_sidecar",
                "set_tags",
                "repeat_event",
                "copy_photo",
            ]
        )
        arguments = {
            "write_sidecar": lambda: (key, random.choice(EDITED_SAMPLES)),
            "replace_photo": lambda: (key, random.choice(PHOTO_NAMES)),
            "set_tags": lambda: (key, random.choice([*TAG_SAMPLES])),
            "copy_photo": lambda: (key, self._create_key(f"copy{len(self._actions)}")),
            "repeat_event": lambda: (str(random.randrange(1000)),),
        }.get(name, lambda: (key,))()
        self._add(at, name, *arguments)
        if name in ("write_sidecar", "replace_photo") and random.random() < 0.3:
            original = {"write_sidecar": random.choice(SIMPLE_SAMPLES), "replace_photo": random.choice(PHOTO_NAMES)}[
                name
            ]
            self._add(at + random.uniform(1, 200), name, key, original)

    def _draw_redrive(self) -> None:
        self._add(self._draw_time(self._seconds / 2), "redrive")

    def _draw_pay_again(self) -> None:
        self._add(self._draw_time(self._seconds / 2), "pay_again")

    def _draw_cancel(self) -> None:
        self._add(self._draw_time(60), "cancel", self._random.choice(FOLDERS))

    def _draw_pause(self) -> None:
        self._add(self._draw_time(10), "pause_lane", f"{self._random.uniform(60, 700):.0f}")

    def _draw_budget(self) -> None:
        self._add(
            self._draw_time(30),
            "set_budget",
            str(self._random.choice([0, 60_000, 200_000, AMPLE_BUDGET_MICRO_USD, AMPLE_BUDGET_MICRO_USD])),
        )

    def _draw_malformed_messages(self) -> None:
        for number in range(self._random.randint(1, 2)):
            body = f"{self._random.choice(MALFORMED_BODIES)}{' ' * number}"
            self._add(self._draw_time(), "send_malformed", self._random.choice(MALFORMED_MESSAGE_QUEUES), body)
