"""The bench's parts: each ends within its time limit and is saved only if it is reliable. Pages show the results."""

import time
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import backlog, cold_starts, recovery
from bench.parts import MAX_MINUTES, PARTS, BenchPart, choose_parts
from bench.reliability import UnreliableMeasurementError
from bench.saved_results import FOLDER, load_result, save_result
from bench.time_limit import TimeLimitError, time_limit
from docs import make_bench


def test_whole_bench_takes_no_longer_than_announced() -> None:
    assert sum(part.minutes for part in PARTS) <= MAX_MINUTES


def test_part_that_takes_too_long_is_ended_and_unreported() -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitError, match="slow: took more than its 0.001 minutes"), time_limit("slow", 0.001):
        time.sleep(60)
    assert time.monotonic() - began < 30


def test_remaining_time_does_not_carry_over_to_the_next_part() -> None:
    with time_limit("quick", 0.001):
        pass
    time.sleep(0.1)


def test_parts_are_chosen_by_name_and_unknown_names_are_rejected() -> None:
    assert [part.name for part in choose_parts("")] == [part.name for part in PARTS]
    assert [part.name for part in choose_parts("starts, drain")] == ["drain", "starts"]
    with pytest.raises(ValueError, match=r"no part drains; it has drain, held_out, comparison"):
        choose_parts("drains")


def test_unreliable_part_is_not_saved_and_the_others_still_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "save_result", partial(save_result, folder=tmp_path))

    def refuses() -> object:
        raise UnreliableMeasurementError("first: the machine was too noisy")

    first = BenchPart("first", 1, "", refuses, tuple[float, ...])
    second = BenchPart("second", 1, "", lambda: (1.0, 2.5), tuple[float, ...])
    assert command.run_parts([first, second]) == ["first: the machine was too noisy"]
    found = load_result("second", tuple[float, ...], tmp_path)
    assert load_result("first", tuple[float, ...], tmp_path) is None
    assert found
    assert (found.result, "Python 3.13" in found.machine) == ((1.0, 2.5), True)


def test_part_is_saved_without_its_unreliable_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "save_result", partial(save_result, folder=tmp_path))
    part = BenchPart(
        "some", 1, "", lambda: (1.0,), tuple[float, ...], list_refusals=lambda found: [f"all but {found[0]:g}"]
    )
    assert command.run_parts([part]) == ["all but 1"]
    assert load_result("some", tuple[float, ...], tmp_path)


def test_bench_that_exits_with_an_error_is_unreliable() -> None:
    from bench.parts import _run_module

    _run_module("this", "too much")()
    with pytest.raises(UnreliableMeasurementError, match="too much"):
        _run_module("bench.no_such_bench", "too much")()


# -- the page ----------------------------------------------------------------------------------------------------


def test_every_plot_is_drawn_from_saved_results_and_shown() -> None:
    plots = make_bench.draw_plots()
    assert {file.name for file in FOLDER.glob("*.svg")} == plots.keys()
    for name, svg in plots.items():
        assert (FOLDER / name).read_text() == svg, "run `make docs`"
        assert f"]({name})" in make_bench.PAGE.read_text()


# -- parts without a cloud ---------------------------------------------------------------------------------------


def test_requests_per_image_do_not_grow_with_stored_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_REPEATS", 1)  # a command makes the same requests every time
    few, many = backlog.measure((60, 240))
    for name, cost in backlog.list_costs(many).items():
        assert cost.requests <= backlog.list_costs(few)[name].requests, name


def test_growth_compares_the_second_with_the_last_backlog() -> None:
    cost = backlog.ImageCost(2.0, 1.0)
    one = backlog.Backlog(10, {"intake": cost}, cost, cost)
    grown = replace(one, images=1000, status=backlog.ImageCost(3.0, 1.0))
    assert backlog.compute_growth(
        [replace(one, status=backlog.ImageCost(9.0, 1.0)), one, grown], "status"
    ) == pytest.approx((0.5, 0.0))
    assert "+50% / +0%" in backlog.format_section([one, one, grown])


def test_half_the_account_limit_is_used_to_ninety_percent() -> None:
    half = recovery.AccountCase("half", 30, 4, ((0, recovery.CONFIGURED_LIMIT // 2),))
    used, turned_away = recovery.run_seed(half, seed=1)
    assert 0.9 <= used <= 1.0
    assert turned_away > 0


def test_outage_counts_neither_as_used_nor_as_unused() -> None:
    whole = recovery.AccountCase("whole", 20, 4, ((0, recovery.CONFIGURED_LIMIT),))
    away = replace(whole, away=(2.0, 2.0 + recovery.OUTAGE_SECONDS))
    assert recovery.run_seed(away, seed=1)[0] <= recovery.run_seed(whole, seed=1)[0] <= 1.0


def test_imports_that_differ_between_halves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = cycle((1.1, 1.5))
    monkeypatch.setattr(
        cold_starts, "_measure_round", lambda: {"floor": 1.0, **dict.fromkeys(cold_starts.HANDLERS, next(costs))}
    )
    with pytest.raises(UnreliableMeasurementError, match="import of Intake: the machine was too noisy"):
        cold_starts.measure()


def test_package_size_is_measured_compressed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x" * 10_000)
    assert 0 < cold_starts.measure_packed_bytes(tmp_path) < 200
