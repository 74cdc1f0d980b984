"""Each guard of settlements is needed: without it, a seed of the bill's worlds or a test fails.

A hash of the product selects the eighth of the guards that run here. `make proof` runs all of them.
"""

from pathlib import Path

import pytest

from simulation.bill.bill_mutants import BILL_MUTANTS, is_killed
from simulation.bill.bill_world import run_seed
from simulation.product_hash import choose_eighth

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", choose_eighth([*BILL_MUTANTS], ROOT))
def test_removed_guard_of_settlements_is_noticed(name: str) -> None:
    assert is_killed(BILL_MUTANTS[name])


@pytest.mark.parametrize("seed", sorted({one.killer for one in BILL_MUTANTS.values() if isinstance(one.killer, int)}))
def test_seed_finds_nothing_in_the_product_itself(seed: int) -> None:
    assert run_seed(seed).problems == []
