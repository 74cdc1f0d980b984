"""Writes the bench's page with its plots, and its extrapolation, from the last results: `make docs`."""

from bench.extrapolation import page as extrapolation_page
from bench.parts import MAX_MINUTES, PARTS, BenchPart
from bench.saved_results import FOLDER, load_result
from docs import bench_aims

PAGE = FOLDER / "README.md"
OWN_PAGES = {
    "memory": "[docs/results/memory.md](../../docs/results/memory.md)",
    "cost": "[docs/results/aws_cost.md](../../docs/results/aws_cost.md)",
}


def build_page() -> str:
    return "\n\n".join([_build_intro(), bench_aims.build_section(), *(_build_section(part) for part in PARTS)]) + "\n"


def draw_plots() -> dict[str, str]:
    """Returns every plot by its file name."""
    results = {part: load_result(part.name, part.result_type) for part in PARTS if part.result_type}
    return {name: svg for part, one in results.items() if one for name, svg in part.draw_plots(one.result).items()}


def write_pages() -> None:
    PAGE.write_text(build_page())
    extrapolation_page.write_page()
    for name, svg in draw_plots().items():
        (FOLDER / name).write_text(svg)


def _build_intro() -> str:
    names = ", ".join(f"`{part.name}`" for part in PARTS)
    return (
        f"# Measured speed and cost\n\n`make bench` measures everything and writes this page, in at most {MAX_MINUTES}"
        ' minutes on two cores. `make bench ONLY="drain comparison"` measures only the parts that it names, and keeps'
        f" the last results of the others. The parts: {names}. Only figures of one run are compared. A part reports"
        " nothing if the stand-in was the bottleneck, an unexpected error occurred, or the machine was too noisy. The"
        " expected results with more photos and on AWS: [beyond one machine](extrapolation.md)."
    )


def _build_section(part: BenchPart) -> str:
    title = f"## {part.title}"
    if part.result_type is None:
        return f"{title}\n\nOn a page of its own: {OWN_PAGES[part.name]}."
    found = load_result(part.name, part.result_type)
    if found is None:
        return f"{title}\n\nNot measured yet: `make bench ONLY={part.name}`."
    measured = f"`{part.name}`, {_format_minutes(found.minutes)} on {found.machine}."
    return f"{title}\n\n{measured}\n\n{part.format_section(found.result)}"


def _format_minutes(minutes: float) -> str:
    rounded = round(minutes)
    return {0: "under a minute", 1: "a minute"}.get(rounded, f"{rounded} minutes")


if __name__ == "__main__":
    write_pages()
