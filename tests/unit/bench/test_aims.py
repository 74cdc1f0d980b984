"""The top of the bench's page shows each target next to its result, including the targets that were missed."""

from dataclasses import replace

import pytest

from bench.drain.scenario import Scenario
from docs import bench_aims
from tests.unit.bench.test_page import DRAINED, build_result


@pytest.mark.parametrize(("efficiency", "verdict"), [(0.98, "yes"), (0.979, "**no**")])
def test_missed_target_is_shown_as_missed(efficiency: float, verdict: str) -> None:
    run = build_result(Scenario(300, 10, 4.0), efficiency)
    rows = list(bench_aims.list_drain_rows(replace(DRAINED, runs=(run,))))
    assert [reached for what, *_, reached in rows if what.startswith("ideal time")] == [verdict == "yes"]
    assert f"| {verdict} |" in bench_aims.format_rows(rows)


def test_run_that_was_not_reported_has_no_row() -> None:
    assert [what for what, *_ in bench_aims.list_drain_rows(DRAINED)] == ["intake's processor time per photo"]
