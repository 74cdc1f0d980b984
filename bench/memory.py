"""Runs the memory benches one after another and writes docs/results/memory.md: `python -m bench.memory`.

Exits with code 1 if a photo needs more memory than its stage has.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from bench import deliver_memory, pass_through, prepare_memory, render_memory
from bench.pass_through import MAX_MILLISECONDS, PassThroughRow
from bench.peak_memory import MemoryFigure, find_exit_code, print_figures
from simulation.run_environment import describe_environment

PAGE = Path(__file__).parents[1] / "docs" / "results" / "memory.md"
STAGES = {
    "intake: a JPEG of 50 megapixels": prepare_memory.measure_all,
    "render: a photo of 10 MB": render_memory.measure_all,
    "deliver: a cut-out of 50 megapixels": deliver_memory.measure_all,
}


def main() -> int:
    """Runs all benches, and writes the page whatever the result."""
    found = dict[str, list[MemoryFigure]]()
    for stage, figures in STAGES.items():
        print(stage)
        found[stage] = print_figures(figures())
    # Last, because it makes this process large.
    passed = list(pass_through.measure_rows())
    PAGE.write_text(format_page(found, passed))
    return find_exit_code(chain(*found.values())) or int(any(row.is_over for row in passed))


def format_page(found: Mapping[str, Iterable[MemoryFigure]], pass_through_rows: Iterable[PassThroughRow]) -> str:
    """Returns the complete page."""
    lines = [
        "# Memory",
        "",
        f"Written by `python -m bench.memory` on {describe_environment()}. Each photo is processed in its own process."
        " The peak is the maximum memory of this process, including the interpreter and its libraries.",
        "",
        "| stage | photo | peak MB | limit | CPU seconds | outcome |",
        "|---|---|--:|--:|--:|---|",
        *(line for stage, figures in found.items() for line in _format_lines(stage, figures)),
        "",
        "Intake inspects a JPEG that passes through unchanged, and render sends it without its metadata. Neither"
        f" decodes a pixel. In CPU milliseconds, at most {MAX_MILLISECONDS} together:",
        "",
        "| photo | MB | intake | render | SHA-256, for comparison |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {row.name} | {row.megabytes:.1f} | {row.intake:.1f} | {row.render:.1f} | {row.sha256:.1f} |"
            for row in pass_through_rows
        ),
    ]
    return "\n".join(lines) + "\n"


def _format_lines(stage: str, figures: Iterable[MemoryFigure]) -> Iterator[str]:
    for one in figures:
        peak = f"**{one.peak_megabytes:.0f}**" if one.is_over else f"{one.peak_megabytes:.0f}"
        yield f"| {stage} | {one.photo} | {peak} | {one.max_megabytes} | {one.seconds:.1f} | {one.outcome} |"


if __name__ == "__main__":
    sys.exit(main())
