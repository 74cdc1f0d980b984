"""The top of the bench's page shows each target next to its result, including the targets that were missed."""

from dataclasses import replace

import pytest

from bench.drain.scenario import Scenario
from docs import bench_aims
from tests.unit.bench.test_page import DRAINED, build_result


@pytest.mark.parametrize(("efficiency", "verdict"), [(0.98, "yes"), (0.979, "**no**")])
def test_missed_target_is_shown_as_missed(efficiency: float, verdict: str) -> None:
    run = build_result(Scenario(300, 10, 4.0), efficiency)
    targets = [
        one
        for one in bench_aims.list_drain_targets(replace(DRAINED, runs=(run,)))
        if one.measure.startswith("ideal time")
    ]
    assert [one.is_reached for one in targets] == [verdict == "yes"]
    assert f"| {verdict} |" in bench_aims.format_targets(targets)


def test_missed_targets_come_first() -> None:
    table = bench_aims.format_targets(
        [bench_aims.Target(name, "1", "1", name.startswith("hit")) for name in ("hit 1", "miss 1", "hit 2", "miss 2")]
    )
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["miss 1", "miss 2", "hit 1", "hit 2"]


def test_run_that_was_not_reported_has_no_row() -> None:
    assert [(one.measure, one.is_reached) for one in bench_aims.list_drain_targets(DRAINED)] == [
        ("seconds from upload to receipt, if the provider answers at once", False),
        ("intake's CPU time per photo, ms", True),
    ]
