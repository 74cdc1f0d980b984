"""The parts of `make bench`: the measurement, time limit, and section of the page of each."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop_local.home import ROOT
from bench import backlog, cold_starts, drop_speed, large_stack, recovery
from bench.drain import page
from bench.drain.figures import RunFigures
from bench.drain.measurements import ComparisonResult, DrainResult, measure_comparison, measure_drain, measure_held_out
from bench.reliability import UnreliableMeasurementError

MAX_MINUTES = 48


def no_refusals(_found: Any) -> Sequence[str]:
    """Used for a part that reports everything or nothing."""
    return ()


def no_plots(_found: Any) -> Mapping[str, str]:
    """Used for a part without plots."""
    return {}


@dataclass(frozen=True)
class BenchPart:
    """One part. `result_type` is the type of the saved result; None if the part writes its own page.

    `list_refusals` returns why some figures are not reported.
    """

    name: str
    minutes: float
    title: str
    measure: Callable[[], Any]
    result_type: Any = None
    format_section: Callable[[Any], str] = str
    draw_plots: Callable[[Any], Mapping[str, str]] = no_plots
    list_refusals: Callable[[Any], Sequence[str]] = no_refusals


def _run_module(module: str, problem: str) -> Callable[[], None]:
    """Returns a function that runs a bench with its own page in a new process, which no earlier part has made large.

    The bench's exit code decides whether it is reported.
    """

    def measure() -> None:
        if subprocess.run([sys.executable, "-m", module], check=False, cwd=ROOT).returncode:
            raise UnreliableMeasurementError(problem)

    return measure


PARTS = (
    BenchPart(
        "drain",
        26,
        "How close to the ideal",
        measure_drain,
        DrainResult,
        page.format_drain,
        page.draw_drain_plots,
        lambda found: found.refused,
    ),
    BenchPart("held_out", 2.5, "Held-out runs", measure_held_out, tuple[RunFigures, ...], page.format_held_out),
    BenchPart(
        "comparison",
        5,
        "Compared with others",
        measure_comparison,
        ComparisonResult,
        page.format_comparison,
        page.draw_comparison_plots,
    ),
    BenchPart(
        "recovery",
        1.25,
        "An account that is smaller, grows, or has an outage",
        recovery.measure,
        tuple[recovery.AccountUse, ...],
        recovery.format_section,
    ),
    BenchPart("starts", 1.5, "Cold starts", cold_starts.measure, cold_starts.ColdStarts, cold_starts.format_section),
    BenchPart(
        "backlog",
        1,
        "A full ledger",
        backlog.measure,
        tuple[backlog.Backlog, ...],
        backlog.format_section,
        backlog.draw_plots,
    ),
    BenchPart("drop", 2, "Uploading photos", drop_speed.measure, drop_speed.DropSpeed, drop_speed.format_section),
    BenchPart(
        "large_stack",
        1,
        "A large stack",
        large_stack.measure,
        large_stack.LargeStackResult,
        large_stack.format_section,
    ),
    BenchPart(
        "memory", 3, "Memory", _run_module("bench.memory", "memory: a photo needs more memory than its stage has")
    ),
    BenchPart(
        "cost",
        4.75,
        "What AWS costs",
        _run_module("bench.aws_cost", "cost: AWS costs more than the allowed share of the price"),
    ),
)


def choose_parts(names: str) -> tuple[BenchPart, ...]:
    """Returns the named parts, in their order. Returns all parts if none is named.

    Raises:
        ValueError: there is no such part.
    """
    requested = names.replace(",", " ").split()
    unknown = [name for name in requested if name not in {part.name for part in PARTS}]
    if unknown:
        known = ", ".join(part.name for part in PARTS)
        raise ValueError(f"the bench has no part {' or '.join(unknown)}; it has {known}")
    return tuple(part for part in PARTS if not requested or part.name in requested)
