"""Every promise holds in hundreds of seeds; and in those that once broke one, each with what was mended then."""

import pytest

from proof.simulate.many import played

SEEDS = range(500)
AT_ONCE = 25


@pytest.mark.parametrize("first", [*SEEDS][::AT_ONCE])
def test_every_promise_holds_whatever_goes_wrong(first: int) -> None:
    runs = [played(seed) for seed in range(first, first + AT_ONCE)]
    assert [run.error for run in runs if run.error] == []
    assert {run.plan.seed: str(run.breaches[0][1]) for run in runs if run.broken} == {}
