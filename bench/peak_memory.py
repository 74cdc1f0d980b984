"""The peak memory of some work in its own process, and its limit."""

import resource
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000
_KILOBYTE = 1_024
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class MemoryFigure:
    """One row: a photo, the outcome, CPU seconds, and the peak in MB with its limit (None: no limit)."""

    photo: str
    outcome: str
    peak_megabytes: float
    max_megabytes: int | None
    seconds: float

    @property
    def is_over(self) -> bool:
        return self.max_megabytes is not None and self.peak_megabytes > self.max_megabytes


def read_peak_megabytes() -> float:
    """Returns the peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE / MEGABYTE


def run_in_fresh_process(module: str, *arguments: str) -> str:
    """Runs a module in a new process, and returns what it prints.

    A process forked from a large one counts the parent's memory as its own, so the caller must be small.
    """
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=_ROOT).stdout


def print_figures(figures: Iterable[MemoryFigure]) -> list[MemoryFigure]:
    """Prints each figure as it arrives, and returns all of them."""
    shown = list[MemoryFigure]()
    print(f"{'':<28} {'peak MB':>8} {'of':>5} {'CPU s':>6}")
    for one in figures:
        print(
            f"{one.photo:<28} {one.peak_megabytes:>8.0f} {one.max_megabytes or '-':>5} {one.seconds:>6.2f} "
            f" {one.outcome}",
            flush=True,
        )
        shown.append(one)
    return shown


def find_exit_code(figures: Iterable[MemoryFigure]) -> int:
    """Returns a bench's exit code: 1 if a figure exceeds its limit."""
    return int(any(one.is_over for one in figures))
