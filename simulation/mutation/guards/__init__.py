"""All mutants that a person wrote, by name, and the seeds that killed them."""

import json
from collections.abc import Mapping
from pathlib import Path

from simulation.mutation.guards.delivery_guards import DELIVERY_MUTANTS
from simulation.mutation.guards.instruction_guards import INSTRUCTION_MUTANTS
from simulation.mutation.guards.intake_guards import INTAKE_MUTANTS
from simulation.mutation.guards.lane_guards import LANE_MUTANTS
from simulation.mutation.guards.payment_guards import PAYMENT_MUTANTS
from simulation.mutation.guards.recovery_guards import RECOVERY_MUTANTS
from simulation.mutation.guards.request_guards import REQUEST_MUTANTS
from simulation.mutation.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    one.name: one
    for one in (
        *PAYMENT_MUTANTS,
        *RECOVERY_MUTANTS,
        *LANE_MUTANTS,
        *DELIVERY_MUTANTS,
        *INTAKE_MUTANTS,
        *INSTRUCTION_MUTANTS,
        *REQUEST_MUTANTS,
    )
}
KILLING_SEEDS_FILE = Path(__file__).parents[1] / "killers.json"


def read_killing_seeds() -> dict[str, int]:
    """The seed that killed each mutant when they were last hunted."""
    return json.loads(KILLING_SEEDS_FILE.read_text())


def write_killing_seeds(seeds: Mapping[str, int]) -> None:
    """Write the seeds down that killed, without mutants that are no more."""
    retained = {name: seed for name, seed in sorted(seeds.items()) if name in MUTANTS}
    KILLING_SEEDS_FILE.write_text(json.dumps(retained, indent=2) + "\n")
