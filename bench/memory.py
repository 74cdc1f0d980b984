"""Runs the benches of memory one after the other and writes docs/results/memory.md: `python -m bench.memory`.

1 where a photo takes more than its stage may count on.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from bench import deliver_memory, pass_through, prepare_memory, render_memory
from bench.pass_through import LIMIT_MILLISECONDS, Row
from bench.peak import Figure, show, verdict
from simulation.run_environment import describe_environment

PAGE = Path(__file__).parents[1] / "docs" / "results" / "memory.md"
STAGES = {
    "intake: a JPEG of 50 megapixels": prepare_memory.figures,
    "render: a photo of 10 MB": render_memory.figures,
    "deliver: a cut-out of 50 megapixels": deliver_memory.figures,
}


def main() -> int:
    """Run them all; the page is written whatever they find."""
    found = dict[str, list[Figure]]()
    for stage, figures in STAGES.items():
        print(stage)
        found[stage] = show(figures())
    # Last, since it makes this process large.
    passed = list(pass_through.rows())
    PAGE.write_text(document(found, passed))
    return verdict(chain(*found.values())) or int(any(row.is_over for row in passed))


def document(found: Mapping[str, Iterable[Figure]], passed: Iterable[Row]) -> str:
    """The whole page."""
    lines = [
        "# Memory",
        "",
        f"Written by `python -m bench.memory` on {describe_environment()}. "
        f"Each photo is worked on in a process of its own; the "
        "peak is the most that this process ever held, the interpreter and its libraries included.",
        "",
        "| stage | photo | peak MB | at most | CPU seconds | what came of it |",
        "|---|---|--:|--:|--:|---|",
        *(line for stage, figures in found.items() for line in _lines(stage, figures)),
        "",
        "A JPEG that passes as it is is looked at in intake and sent without its metadata by render, both without a "
        f"decoded pixel: in CPU milliseconds, together {LIMIT_MILLISECONDS} at most.",
        "",
        "| photo | MB | intake | render | its SHA-256, beside |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {row.name} | {row.megabytes:.1f} | {row.intake:.1f} | {row.render:.1f} | {row.sha256:.1f} |"
            for row in passed
        ),
    ]
    return "\n".join(lines) + "\n"


def _lines(stage: str, figures: Iterable[Figure]) -> Iterator[str]:
    for one in figures:
        peak = f"**{one.peak:.0f}**" if one.is_over else f"{one.peak:.0f}"
        yield f"| {stage} | {one.photo} | {peak} | {one.most} | {one.seconds:.1f} | {one.told} |"


if __name__ == "__main__":
    sys.exit(main())
