"""The parts of `make bench`: what each measures, how long it may take, and what the page says of it."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop_local.home import ROOT
from bench import backlog, cold_starts, recovery
from bench.drain import page
from bench.drain.figures import RunFigures
from bench.drain.measurements import ComparisonResult, DrainResult, measure_comparison, measure_drain, measure_held_out
from bench.reliability import UnreliableMeasurementError

MAX_MINUTES = 40


def no_refusals(_found: Any) -> Sequence[str]:
    """A part of which all is reported, or nothing."""
    return ()


def no_plots(_found: Any) -> Mapping[str, str]:
    """A part without pictures."""
    return {}


@dataclass(frozen=True)
class BenchPart:
    """One part. `kind` is what `measure` finds and what is kept; None where it writes a page of its own.

    `refused`: why some of what it measured is not reported.
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
    """A bench that writes its page and judges by its exit code, in a process that no earlier part has made large."""

    def measure() -> None:
        if subprocess.run([sys.executable, "-m", module], check=False, cwd=ROOT).returncode:
            raise UnreliableMeasurementError(problem)

    return measure


PARTS = (
    BenchPart(
        "drain",
        24,
        "How near to the ideal",
        measure_drain,
        DrainResult,
        page.format_drain,
        page.draw_drain_plots,
        lambda found: found.refused,
    ),
    BenchPart(
        "held_out", 2.25, "Runs for those who predict", measure_held_out, tuple[RunFigures, ...], page.format_held_out
    ),
    BenchPart(
        "comparison",
        4.75,
        "Compared with others",
        measure_comparison,
        ComparisonResult,
        page.format_comparison,
        page.draw_comparison_plots,
    ),
    BenchPart(
        "recovery",
        1.25,
        "A smaller, a growing and an absent account",
        recovery.measure,
        tuple[recovery.AccountUse, ...],
        recovery.format_section,
    ),
    BenchPart("starts", 1.75, "Cold starts", cold_starts.measure, cold_starts.ColdStarts, cold_starts.format_section),
    BenchPart(
        "backlog",
        0.75,
        "A full ledger",
        backlog.measure,
        tuple[backlog.Backlog, ...],
        backlog.format_section,
        backlog.draw_plots,
    ),
    BenchPart(
        "memory", 0.75, "Memory", _run_module("bench.memory", "memory: a photo takes more than its stage may count on")
    ),
    BenchPart(
        "cost", 4.5, "What AWS costs", _run_module("bench.aws_cost", "cost: AWS takes more than it may of the price")
    ),
)


def choose_parts(names: str) -> tuple[BenchPart, ...]:
    """The parts of these names, in their order; all where none is named.

    Raises:
        ValueError: there is no such part.
    """
    requested = names.replace(",", " ").split()
    unknown = [name for name in requested if name not in {part.name for part in PARTS}]
    if unknown:
        known = ", ".join(part.name for part in PARTS)
        raise ValueError(f"the bench has no part {' or '.join(unknown)}; it has {known}")
    return tuple(part for part in PARTS if not requested or part.name in requested)
