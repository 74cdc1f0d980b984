"""Runs the benches of memory one after the other and writes docs/results/memory.md: `python -m bench.memory`.

1 where a photo takes more than its stage may count on.
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
    """Run them all; the page is written whatever they find."""
    found = dict[str, list[MemoryFigure]]()
    for stage, figures in STAGES.items():
        print(stage)
        found[stage] = print_figures(figures())
    # Last, since it makes this process large.
    passed = list(pass_through.measure_rows())
    PAGE.write_text(format_page(found, passed))
    return find_exit_code(chain(*found.values())) or int(any(row.is_over for row in passed))


def format_page(found: Mapping[str, Iterable[MemoryFigure]], pass_through_rows: Iterable[PassThroughRow]) -> str:
    """The whole page."""
    lines = [
        "# Memory",
        "",
        f"Written by `python -m bench.memory` on {describe_environment()}. Each photo is worked on in a process of"
        " its own; the "
        "peak is the most that this process ever held, the interpreter and its libraries included.",
        "",
        "| stage | photo | peak MB | at most | CPU seconds | what came of it |",
        "|---|---|--:|--:|--:|---|",
        *(line for stage, figures in found.items() for line in _format_lines(stage, figures)),
        "",
        "A JPEG that passes as it is is looked at in intake and sent without its metadata by render, both without a "
        f"decoded pixel: in CPU milliseconds, together {MAX_MILLISECONDS} at most.",
        "",
        "| photo | MB | intake | render | its SHA-256, beside |",
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
