"""Where a mutant runs: a seed's own plan, with the faults and actions that test its guard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import PRODUCT_PHOTO_NAMES
from simulation.scenarios.simulation_plan import AMPLE_BUDGET_MICRO_USD, SimulationPlan, draw_plan


@dataclass(frozen=True)
class MutationScene:
    """What replaces the corresponding parts of a seed's plan.

    `setup`: parameters of the world. `actions`: lines with seconds, the name of an action, and its arguments.
    `starts_before_midnight`: the run starts three minutes before midnight. `is_old_stack`: the stack is some days old,
    and its bucket has a photo from that time. `fault_minutes`: for how long the faults are active, 0 for the seed's own
    time.
    """

    faults: tuple[str, ...] | None = None
    kind: str = ""
    setup: Mapping[str, Any] = field(default_factory=dict[str, Any])
    actions: tuple[str, ...] = ()
    starts_before_midnight: bool = False
    is_old_stack: bool = False
    fault_minutes: int = 0

    def build_plan(self, seed: int) -> SimulationPlan:
        """Returns the seed's plan in this scene."""
        plan = draw_plan(seed, self.faults, self.kind, allow_several_lanes=False)
        planned_actions = (
            tuple(sorted(map(_parse_action, self.actions), key=lambda action: action.at_seconds)) or plan.actions
        )
        setup, fault_minutes = plan.setup | dict(self.setup), self.fault_minutes or plan.fault_minutes
        is_old_stack, starts_before_midnight = (
            self.is_old_stack or plan.is_old_stack,
            self.starts_before_midnight or plan.starts_before_midnight,
        )
        return replace(
            plan,
            setup=setup,
            actions=planned_actions,
            starts_before_midnight=starts_before_midnight,
            is_old_stack=is_old_stack,
            fault_minutes=fault_minutes,
        )


def _parse_action(line: str) -> PlannedAction:
    at_seconds, name, *arguments = line.split()
    return PlannedAction(float(at_seconds), name, tuple(arguments))


def build_scene(faults: str, kind: str = "", *actions: str, **setup: Any) -> MutationScene:
    """Builds a scene with these faults (separated by spaces), and with the seed's own actions if none are given."""
    return MutationScene(tuple(faults.split()), kind, setup, actions)


def list_uploads(
    start_seconds: float, count: int, *, interval_seconds: float = 1.0, tags: str = "cut"
) -> tuple[str, ...]:
    """Lists uploads of the photos `p0.jpg`, `p1.jpg`, and so on, one after another, with instructions in their tags."""
    return tuple(f"{start_seconds + n * interval_seconds} upload p{n}.jpg photo{n} {tags}" for n in range(count))


def list_sidecars(start_seconds: float, count: int, sample: str, *, interval_seconds: float = 1.0) -> tuple[str, ...]:
    """Lists a sidecar for each of these photos."""
    return tuple(f"{start_seconds + n * interval_seconds} write_sidecar p{n}.jpg {sample}" for n in range(count))


def list_replacements(start_seconds: float, count: int, *, interval_seconds: float = 1.0) -> tuple[str, ...]:
    """Lists replacements of these photos by other bytes."""
    return tuple(f"{start_seconds + n * interval_seconds} replace_photo p{n}.jpg other{n}" for n in range(count))


def list_products(
    start_seconds: float, count: int, samples: Sequence[str], photos: Sequence[str] = PRODUCT_PHOTO_NAMES
) -> tuple[str, ...]:
    """Lists photos of the product (`product-0.png` and so on) with sidecars, one after another.

    They have the samples and the kinds of photos in turn. Those with the same kind and the same prompt share a picture.
    """
    lines: list[str] = []
    for n in range(count):
        at_seconds, key = start_seconds + n, f"product-{n}.png"
        lines.append(f"{at_seconds} write_sidecar {key} {samples[n % len(samples)]}")
        lines.append(f"{at_seconds} upload {key} {photos[n // len(samples) % len(photos)]} foreign")
    return tuple(lines)


def list_product_tasks(start_seconds: float, sample: str, variation: str = "plain") -> tuple[str, ...]:
    """Lists photos of the product, each with a task that requests a picture and waits."""
    tasks = (
        f"{start_seconds + 30 + n} send_task product-{n}.png {sample} one {variation}"
        for n in range(len(PRODUCT_PHOTO_NAMES))
    )
    return *list_products(start_seconds, len(PRODUCT_PHOTO_NAMES), ["cut"]), *tasks


def list_product_sidecars(start_seconds: float, samples: Sequence[str]) -> tuple[str, ...]:
    """Lists new sidecars for the first of these photos, one after another."""
    return tuple(f"{start_seconds + n} write_sidecar product-{n}.png {name}" for n, name in enumerate(samples))


RETRY_SAMPLES = ["retry", "masked-retry", "retry-two", "retry-thrice", "masked-limited", "retry-gently"]
RETRY_ACTIONS = list_products(5, 18, RETRY_SAMPLES)
MASK_ACTIONS = list_products(5, 15, ["masked", "masked-once", "masked-and-cut", "masked-retry", "cut"])
APPROVAL_ACTIONS = list_products(5, 18, ["reviewed", "reviewed-two", "reviewed-cut", "doubted", "doubted-two", "cut"])

# Photos that list two providers. The first provider's lane is soon paused.
UPLOADS_WITH_PROVIDER_LIST = (
    *list_uploads(5, 20, tags="foreign"),
    *list_sidecars(5.5, 20, "marble-listed"),
    "20 pause_lane 900",
)
# The scenes in which conditions run before the mutants' own scenes.
FAULT_SCENES: Mapping[str, MutationScene] = {
    "unaskable": build_scene("hang_up throttled_call duplicate_message", "unaskable"),
    "acknowledged": build_scene("slow_call killed_render failed_work", "acknowledged"),
    "own id": build_scene("hang_up rejected_resend killed_render", "own_id"),
    "no message": build_scene("message_gone_in_doubt killed_render"),
    "no key": build_scene("secrets_out_of_order"),
    "slow table": build_scene("slow_table throttled_table"),
    "no table": build_scene("table_gone_for_long throttled_call"),
    "conflicts": build_scene("transaction_conflict lost_ledger_answer double_tick"),
    "half of the slots": build_scene("half_limit", in_flight=4, account_limit=2),
    "little money": build_scene("charge_and_hang_up reordered_message", budget=120_000),
    "a photo is too expensive": build_scene("reordered_message", budget=30_000),
    "a storm": build_scene("throttle_storm"),
    "stuck": build_scene("stuck_work", "acknowledged"),
    "forgotten": build_scene("killed_in_paid_call forgetful_look_up", "own_id"),
    "late refusals": build_scene(
        "table_gone_for_long slow_refusal", "unaskable", *list_uploads(5, 20), in_flight=10, account_limit=10
    ),
    "late losses": build_scene(
        "hang_up long_calls",
        "unaskable",
        *list_uploads(5, 20),
        in_flight=6,
        account_limit=2,
        on_lost_answer="retry_once",
    ),
    "late writes": build_scene(
        "long_calls slow_writes", "unaskable", *list_uploads(5, 20), in_flight=6, account_limit=2
    ),
    "busy": build_scene("busy_for_an_hour"),
    "long outage": build_scene("provider_outage_for_long"),
    "no money for days": build_scene("refused_for_days"),
    "unrecognized results": build_scene(
        "unrecognized_result withheld_picture unreachable_result",
        "",
        *list_uploads(5, 8),
        *list_sidecars(6, 8, "sea"),
        "900 redrive",
    ),
    "retries": build_scene(
        "hang_up refused_request withheld_picture",
        "",
        *RETRY_ACTIONS,
        # So that some retries wait while they become unneeded.
        "30 pause_lane 900",
        *list_product_sidecars(40, ["no-retry", "retry", "marble", "retry-thrice", "no-retry"]),
        "45 delete_photo product-7.png",
        "50 cancel product-8",
        budget=AMPLE_BUDGET_MICRO_USD,
    ),
    "masks": build_scene(
        "withheld_picture killed_after",
        "",
        *MASK_ACTIONS,
        *list_product_sidecars(40, ["cut", "masked", "marble", "masked-variants", "masked"]),
        "70 pause_lane 1200",
        *list_product_sidecars(80, ["masked-once", "masked-limited", "doubted-masked", "marble"]),
        *list_product_tasks(100, "masked"),
        budget=AMPLE_BUDGET_MICRO_USD,
    ),
    "approvals": build_scene(
        "killed_after duplicate_message",
        "",
        *APPROVAL_ACTIONS,
        *list_product_sidecars(60, ["not-reviewed", "doubted-two", "marble", "reviewed", "doubted-gently"]),
        *list_product_sidecars(400, ["reviewed-own", "reviewed-two", "reviewed", "reviewed-web", "reviewed-own"]),
        "90 delete_photo product-6.png",
        "200 damage_review_file delete",
        "300 damage_review_file replace",
        *list_product_tasks(500, "reviewed-masked"),
        budget=AMPLE_BUDGET_MICRO_USD,
    ),
    "two lanes": build_scene(
        "provider_outage_for_long long_calls",
        "unaskable",
        *UPLOADS_WITH_PROVIDER_LIST,
        other_providers={"runware": "own_id"},
        in_flight=2,
        account_limit=2,
    ),
}
