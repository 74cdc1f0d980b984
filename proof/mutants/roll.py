"""All mutants, by name."""

from proof.mutants.arriving import ARRIVING_MUTANTS
from proof.mutants.asking import ASKING_MUTANTS
from proof.mutants.handing import HANDING_MUTANTS
from proof.mutants.lanes import LANE_MUTANTS
from proof.mutants.mutant import Mutant
from proof.mutants.paying import PAYING_MUTANTS

MUTANTS: dict[str, Mutant] = {
    one.name: one for one in (*PAYING_MUTANTS, *ASKING_MUTANTS, *LANE_MUTANTS, *HANDING_MUTANTS, *ARRIVING_MUTANTS)
}
