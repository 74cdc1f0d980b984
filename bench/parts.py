"""The parts of `make bench`: what each measures, how long it may take, and what the page says of it."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop_local.home import ROOT
from bench import backlog, recovery, starts
from bench.drain import page
from bench.drain.figures import Figures
from bench.drain.parts import Beside, Drained, measure_beside, measure_drain, measure_held_out
from bench.refusals import RefusedError

MOST_MINUTES = 40


def all_reported(_found: Any) -> Sequence[str]:
    """A part of which all is reported, or nothing."""
    return ()


def no_plots(_found: Any) -> Mapping[str, str]:
    """A part without pictures."""
    return {}


@dataclass(frozen=True)
class Part:
    """One part. `kind` is what `measure` finds and what is kept; None where it writes a page of its own.

    `refused`: why some of what it measured is not reported.
    """

    name: str
    minutes: float
    title: str
    measure: Callable[[], Any]
    kind: Any = None
    section: Callable[[Any], str] = str
    plots: Callable[[Any], Mapping[str, str]] = no_plots
    refused: Callable[[Any], Sequence[str]] = all_reported


def _own_page(module: str, words: str) -> Callable[[], None]:
    """A bench that writes its page and judges by its exit code, in a process that no earlier part has made large."""

    def measure() -> None:
        if subprocess.run([sys.executable, "-m", module], check=False, cwd=ROOT).returncode:
            raise RefusedError(words)

    return measure


PARTS = (
    Part(
        "drain",
        24,
        "How near to the ideal",
        measure_drain,
        Drained,
        page.drained,
        page.drained_plots,
        lambda found: found.refused,
    ),
    Part("held_out", 2.25, "Runs for those who predict", measure_held_out, tuple[Figures, ...], page.held_out),
    Part("beside", 4.75, "Beside others", measure_beside, Beside, page.beside, page.beside_plots),
    Part(
        "recovery",
        1.25,
        "A smaller, a growing and an absent account",
        recovery.measure,
        tuple[recovery.Recovered, ...],
        recovery.section,
    ),
    Part("starts", 1.75, "Cold starts", starts.measure, starts.Starts, starts.section),
    Part(
        "backlog", 0.75, "A full ledger", backlog.measure, tuple[backlog.Backlog, ...], backlog.section, backlog.plots
    ),
    Part("memory", 0.75, "Memory", _own_page("bench.memory", "memory: a photo takes more than its stage may count on")),
    Part("cost", 4.5, "What AWS costs", _own_page("bench.aws_cost", "cost: AWS takes more than it may of the price")),
)


def chosen(names: str) -> tuple[Part, ...]:
    """The parts of these names, in their order; all where none is named.

    Raises:
        ValueError: there is no such part.
    """
    asked = names.replace(",", " ").split()
    unknown = [name for name in asked if name not in {part.name for part in PARTS}]
    if unknown:
        known = ", ".join(part.name for part in PARTS)
        raise ValueError(f"the bench has no part {' or '.join(unknown)}; it has {known}")
    return tuple(part for part in PARTS if not asked or part.name in asked)
