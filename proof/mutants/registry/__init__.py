"""All mutants that a person wrote, by name, and the seeds that killed them."""

import json
from collections.abc import Mapping
from pathlib import Path

from proof.mutants.mutant import Mutant
from proof.mutants.registry.arriving import ARRIVING_MUTANTS
from proof.mutants.registry.asking import ASKING_MUTANTS
from proof.mutants.registry.handing import HANDING_MUTANTS
from proof.mutants.registry.instructing import INSTRUCTING_MUTANTS
from proof.mutants.registry.lanes import LANE_MUTANTS
from proof.mutants.registry.paying import PAYING_MUTANTS
from proof.mutants.registry.requesting import REQUESTING_MUTANTS

MUTANTS: dict[str, Mutant] = {
    one.name: one
    for one in (
        *PAYING_MUTANTS,
        *ASKING_MUTANTS,
        *LANE_MUTANTS,
        *HANDING_MUTANTS,
        *ARRIVING_MUTANTS,
        *INSTRUCTING_MUTANTS,
        *REQUESTING_MUTANTS,
    )
}
KILLERS = Path(__file__).parents[1] / "killers.json"


def killers() -> dict[str, int]:
    """The seed that killed each mutant when they were last hunted."""
    return json.loads(KILLERS.read_text())


def keep_killers(found: Mapping[str, int]) -> None:
    """Write the seeds down that killed, without mutants that are no more."""
    kept = {name: seed for name, seed in sorted(found.items()) if name in MUTANTS}
    KILLERS.write_text(json.dumps(kept, indent=2) + "\n")
