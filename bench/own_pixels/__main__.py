"""Measures own pixels: `python -m bench.own_pixels`, with `--out docs/results/own_pixels.md` to write a page.

Exits with code 1 if a figure misses its aim.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from bench.own_pixels.memory_figures import MAX_MEGABYTES, MAX_SECONDS, measure_memory
from bench.peak_memory import MemoryFigure, print_figures
from simulation.run_environment import describe_environment

if TYPE_CHECKING:
    from bench.own_pixels.edge_colors import EdgeFigure
    from bench.own_pixels.misalignments import MisalignmentFigure


def main() -> int:
    """Runs all measurements, and writes the page whatever the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.own_pixels", description=__doc__)
    parser.add_argument("--out", type=Path, help="write a page with the results to this file")
    arguments = parser.parse_args()
    memory = print_figures(measure_memory())
    # Imported late: NumPy would make this process large, and memory is measured in processes forked from it.
    from bench.own_pixels.edge_colors import MAX_RELATIVE_ERROR, measure_edges
    from bench.own_pixels.misalignments import MIN_DETECTED_SHARE, measure_false_refusals, measure_misalignments

    edges, misalignments = list(measure_edges()), list(measure_misalignments())
    refusals = list(measure_false_refusals())
    lines = [*format_edges(edges), "", *format_misalignments(misalignments), "", format_false_refusals(refusals)]
    print("\n".join(["", *lines]))
    if arguments.out:
        arguments.out.write_text(format_page(memory, lines))
    is_met = (
        not any(one.is_over or one.seconds > MAX_SECONDS for one in memory)
        and max(one.relative for one in edges) <= MAX_RELATIVE_ERROR
        and not any(one.changed_pixels for one in edges)
        and mean(one.is_detected for one in misalignments if one.is_forced) >= MIN_DETECTED_SHARE
    )
    return int(not is_met)


def format_edges(figures: "Sequence[EdgeFigure]") -> list[str]:
    """Returns the table of edge colors, and a sentence that sums it up."""
    return [
        "| subject | new background | scene | naive ΔE | own pixels ΔE | ratio | changed pixels inside |",
        "|---|---|---|--:|--:|--:|--:|",
        *(
            f"| {one.scene} | {one.ground} | {one.place} | {one.naive:.1f} | {one.own:.1f} | {one.relative:.2f} |"
            f" {one.changed_pixels} |"
            for one in figures
        ),
        "",
        f"The error at the edges is {mean(one.relative for one in figures):.2f} of a naive paste's on average,"
        f" and at most {max(one.relative for one in figures):.2f}.",
    ]


def format_misalignments(figures: "Sequence[MisalignmentFigure]") -> list[str]:
    """Returns a table with one row per kind of misalignment, and a sentence that sums it up."""
    by_name: dict[str, list[MisalignmentFigure]] = {}
    for one in figures:
        by_name.setdefault(one.change.name, []).append(one)
    forced = [one for one in figures if one.is_forced]
    detected = sum(one.is_detected for one in forced)
    return [
        "| subject in the scene | scenes | refused | aligned | missed |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {name} | {len(group)} | {sum(one.is_refused for one in group)} |"
            f" {sum(one.is_detected and not one.is_refused for one in group)} |"
            f" {sum(not one.is_detected for one in group)} |"
            for name, group in by_name.items()
        ),
        "",
        f"{detected} of {len(forced)} forced misalignments are detected ({detected / len(forced):.0%}).",
    ]


def format_false_refusals(refusals: Sequence[bool]) -> str:
    """Returns a sentence that says how many unchanged products are refused."""
    return (
        f"Of {len(refusals)} unchanged products, those of [the verdict's figures](fidelity.md) at the stronger changes"
        f" of light, place, size, and quality, {sum(refusals)} are refused."
    )


def format_page(memory: Sequence[MemoryFigure], lines: Sequence[str]) -> str:
    """Returns the complete page."""
    return "\n".join(
        [
            "# Own pixels",
            "",
            f"Written by `python -m bench.own_pixels` on {describe_environment()}.",
            "",
            "Memory and time of one picture, from the files to the outputs with their metadata, including the verdict."
            f" The limits are {MAX_MEGABYTES} MB and {MAX_SECONDS} seconds. A WebP photo with alpha misses the first:"
            " Pillow's decoder alone takes that much.",
            "",
            "| photo | peak MB | CPU seconds | outcome |",
            "|---|--:|--:|---|",
            *(f"| {one.photo} | {one.peak_megabytes:.0f} | {one.seconds:.1f} | {one.outcome} |" for one in memory),
            "",
            "Mean color errors near the subject's edges, compared with the true picture. The naive paste draws the"
            " photo over the enlarged scene, through its matte:",
            "",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
