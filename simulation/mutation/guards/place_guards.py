"""Guards of places: a provider that counts images never gets more than it allows, and each job gets its turn."""

from collections.abc import Sequence

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true

HARMLESS_FAULT = "reordered_message"
SETUP = {"counts_images": True, "in_flight": 4, "account_limit": 4, "budget": 10_000_000, "kind": "unaskable"}


def list_orders(samples: Sequence[str], interval_seconds: float = 2.0) -> Sequence[str]:
    """Lists photos that ask for these samples, one after another."""
    return [
        action
        for n, sample in enumerate(samples)
        for action in (
            f"{10 + n * interval_seconds} write_sidecar {n}.jpg {sample}",
            f"{10.5 + n * interval_seconds} upload {n}.jpg photo{n} foreign",
        )
    ]


MIXED_ORDERS = list_orders(["snow", "sea", "marble", "snow", "sea", "marble"] * 4)
STREAM = list_orders([*["marble"] * 15, "snow", *["marble"] * 60])

PLACE_MUTANTS = (
    build_mutant(
        "exceeds-places",
        "3.7: Calls never hold more places than there are.",
        force_true("model.place_leases:PlaceLeases.admits#1758ed return 3"),
        invariant=Invariant.PLACES_RESPECTED,
        faults=HARMLESS_FAULT,
        actions=MIXED_ORDERS,
        **SETUP,
    ),
    build_mutant(
        "overtakes-waiting-job",
        "3.7: No other job gets places before a job that has waited for a minute.",
        force_false("model.place_leases:PlaceLeases.admits#1758ed if 2"),
        invariant=Invariant.TURNS_RESPECTED,
        faults=HARMLESS_FAULT,
        actions=STREAM,
        **SETUP,
    ),
    build_mutant(
        "leases-no-single-place",
        "3.7: While a call for several images runs or waits, single-image calls lease their places.",
        force_false("model.place_leases:PlaceLeases.needs_lease#330964 operand 2"),
        invariant=Invariant.PLACES_RESPECTED,
        faults=HARMLESS_FAULT,
        actions=MIXED_ORDERS,
        **SETUP,
    ),
    build_mutant(
        "frees-places-of-lost-call",
        "3.7: A lost call keeps its places until it has surely ended.",
        force_true("pipeline.purchase:Purchases.record_result#443b5b if 1"),
        invariant=Invariant.PLACES_RESPECTED,
        faults="charge_and_hang_up",
        actions=MIXED_ORDERS,
        **SETUP,
    ),
)
