"""All registered mutants, by name, and the seeds that killed them."""

import json
from collections.abc import Mapping

from simulation.mutation.guards.budget_share_guards import BUDGET_SHARE_MUTANTS
from simulation.mutation.guards.delivery_guards import DELIVERY_MUTANTS
from simulation.mutation.guards.instruction_guards import INSTRUCTION_MUTANTS
from simulation.mutation.guards.intake_guards import INTAKE_MUTANTS
from simulation.mutation.guards.lane_guards import LANE_MUTANTS
from simulation.mutation.guards.mandate_guards import MANDATE_MUTANTS
from simulation.mutation.guards.payment_guards import PAYMENT_MUTANTS
from simulation.mutation.guards.place_guards import PLACE_MUTANTS
from simulation.mutation.guards.price_check_guards import PRICE_CHECK_MUTANTS
from simulation.mutation.guards.product_guards import PRODUCT_MUTANTS
from simulation.mutation.guards.recovery_guards import RECOVERY_MUTANTS
from simulation.mutation.guards.request_guards import REQUEST_MUTANTS
from simulation.mutation.killer_files import KILLING_SEEDS_FILE
from simulation.mutation.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        *PAYMENT_MUTANTS,
        *BUDGET_SHARE_MUTANTS,
        *RECOVERY_MUTANTS,
        *LANE_MUTANTS,
        *DELIVERY_MUTANTS,
        *INTAKE_MUTANTS,
        *INSTRUCTION_MUTANTS,
        *REQUEST_MUTANTS,
        *PRODUCT_MUTANTS,
        *MANDATE_MUTANTS,
        *PLACE_MUTANTS,
        *PRICE_CHECK_MUTANTS,
    )
}


def read_killing_seeds() -> dict[str, int]:
    """Returns the seed that killed each mutant when it last ran."""
    return json.loads(KILLING_SEEDS_FILE.read_text())


def write_killing_seeds(seeds: Mapping[str, int]) -> None:
    """Writes the killing seeds, without mutants that no longer exist."""
    retained = {name: seed for name, seed in sorted(seeds.items()) if name in MUTANTS}
    KILLING_SEEDS_FILE.write_text(json.dumps(retained, indent=2) + "\n")
