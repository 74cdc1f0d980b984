"""The bench's page shows the measured figures."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.drain.figures import RunFigures, StageTimes
from bench.drain.measurements import (
    COLD,
    HELD_OUT,
    LARGE,
    LIMITS,
    PHOTOS,
    REPEATED,
    SECONDS,
    WARM,
    ComparisonResult,
    DrainResult,
)
from bench.drain.page import draw_comparison_plots, draw_drain_plots, format_comparison, format_drain, format_held_out
from bench.drain.scenario import Scenario
from bench.drain.single_photo import SinglePhoto
from bench.drop_speed import DropSpeed, format_section
from bench.saved_results import load_result, save_result


def build_result(scenario: Scenario, efficiency: float) -> RunFigures:
    return RunFigures(
        scenario=scenario,
        measured_seconds=scenario.ideal_seconds / efficiency,
        upload_seconds=1.0,
        efficiency=efficiency,
        calls_efficiency=efficiency + 0.01,
        call_share=0.975,
        first_result_seconds=4.7,
        stages={"TotalSeconds": StageTimes(12.0, 34.5)},
        lost={"before": 0.01, "between": 0.02, "upload": 0.001, "standin": 0.002, "after": 0.005},
        pauses_ms=(80.0, 50.0, 49.0),
        cpu_ms={"intake": 22.4 if not scenario.cold else 51.0, "render": 24.0, "deliver": 20.0, "emulator": 88.0},
        machine_share=0.3,
        other_programs_share=0.01,
        standin_share=0.001,
        cold_starts={"backdrop-local-intake": 2.0} if scenario.cold else {},
    )


WARM_TWIN = replace(COLD[0], cold=False)
DRAINED = DrainResult(
    SinglePhoto(0.21, 0.4, {}),
    (build_result(WARM[0], 0.95), build_result(COLD[0], 0.82), build_result(WARM_TWIN, 0.9)),
    REPEATED,
    (0.93, 0.94, 0.95),
)
COMPARISON = ComparisonResult(
    WARM[0], backdrop=42.0, baseline=40.0, naive=50.0, first_result_seconds=4.8, repeated=REPEATED, ratios=(1.1,)
)


def test_each_run_is_in_each_table_with_its_figures() -> None:
    page = format_drain(DRAINED)
    assert f"| {WARM[0].name} | 20 | 21.1 | 95.0% | 96.0% | 97.5% | 4.7 |" in page
    assert "| 1.00% | 2.00% | 0.10% | 0.20% | 0.50% | 80 / 50 / 49 |" in page
    assert "12.00 / 34.50" in page
    assert "93.0%, 94.0%, 95.0%" in page
    assert page.count(COLD[0].name) == 4
    assert "intake took at most 22 ms; the limit is 40." in page


def test_cold_run_is_compared_with_the_same_warm_run() -> None:
    assert "a worker took 1.43 to 1.43 s of CPU time to start" in format_drain(DRAINED)
    assert "to start" not in format_drain(replace(DRAINED, runs=DRAINED.runs[:2]))


def test_other_systems_are_shown_as_ratios_to_the_thread_pool() -> None:
    page = format_comparison(COMPARISON)
    assert "| Backdrop | 42.0 | 0.420 | 1.05 |" in page
    assert "| the naive pipeline | 50.0 | 0.500 | 1.25 |" in page


@pytest.mark.parametrize("plots", [draw_drain_plots(DRAINED), draw_comparison_plots(COMPARISON)])
def test_every_plot_of_a_section_is_shown_in_it(plots: dict[str, str]) -> None:
    page = format_drain(DRAINED) + format_comparison(COMPARISON)
    assert plots
    assert all(f"]({name})" in page and "<svg" in svg for name, svg in plots.items())


def test_saved_result_is_loaded_unchanged(tmp_path: Path) -> None:
    save_result("drain", DRAINED, 24.0, tmp_path)
    again = load_result("drain", DrainResult, tmp_path)
    assert again
    assert format_drain(again.result) == format_drain(DRAINED)


def test_table_has_the_promised_rows() -> None:
    assert {(one.limit, one.seconds, one.photos) for one in WARM} == {
        (c, s, n) for c in LIMITS for s in SECONDS for n in PHOTOS
    }
    assert all(one.cold for one in COLD)
    assert (LARGE.photos, LARGE.seconds, LARGE.limit) == (1000, 4.0, 10)
    assert REPEATED in WARM


def test_held_out_runs_are_not_used_for_calibration() -> None:
    assert not {*HELD_OUT} & {*WARM, *COLD, LARGE}
    assert any(one.account_limit and one.account_limit < one.limit for one in HELD_OUT)
    assert "N=60 C=10 of an account of 5 S=4 warm | 48 | 50.0 | 96.0%" in format_held_out(
        [build_result(HELD_OUT[1], 0.96)]
    )


def test_speed_of_drop_is_that_of_all_rounds() -> None:
    found = DropSpeed(
        300,
        67.2,
        aws_seconds=(2.0, 3.0, 4.0),
        drop_seconds=(4.0, 2.0, 4.0),
        quick_seconds=(2.0, 2.0, 2.0),
        upload_seconds=(1.0, 1.5, 1.1),
    )
    assert found.ratio == 0.9
    page = format_section(found)
    assert "| `backdrop drop` | 3.3 | 90% |" in page
    assert "`drop` uploads for 1.2 s." in page
