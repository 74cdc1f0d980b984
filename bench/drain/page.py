"""What the page of the bench says of drained photos."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.cpu_usage import STAGES as FUNCTIONS
from bench.drain.figures import RunFigures
from bench.drain.measurements import ComparisonResult, DrainResult
from bench.drain.single_photo import SinglePhoto
from bench.plot import Bar, draw_bars
from docs.tables import table

LOSS_PLACES = {
    "before": "until each slot had its first call",
    "between": "between two calls of a slot",
    "upload": "while a photo was sent",
    "standin": "in the stand-in, beyond its latency",
    "after": "from a slot's last call to the last receipt",
}
STAGE_METRICS = {
    "IntakeSeconds": "asked for, to in its lane",
    "QueueSeconds": "in its lane, to its call",
    "RenderSeconds": "in its call",
    "DeliverSeconds": "paid, to pictures in the bucket",
    "TotalSeconds": "in its lane, to pictures in the bucket",
}
MAX_INTAKE_MS = 40
"""Of intake's own processor time for a photo of 200 KB."""


def format_drain(found: DrainResult) -> str:
    """The section."""
    shown = ", ".join(f"{ratio:.1%}" for ratio in found.repeats)
    return "\n\n".join(
        [
            "N photos of some 220 KB with their tags, C slots, S seconds a call; the ideal is N·S/C. Measured from the"
            " first upload to the last receipt that says stored, and beside it from the first call to the end of the"
            " last. In the call: of the time that render held a place of the lane, the share in which the paid call was"
            " out. Cold: no function has a worker when the first photo comes. All of it, the functions, AWS's part and"
            " the provider, shares the processors of one machine.",
            "![how near to the ideal](efficiency.svg)",
            _format_runs(found.runs),
            f"{found.repeated.name}, again and again: {shown}.",
            *(f"Not reported: {words}." for words in found.refused),
            "### Where the slots' time went",
            "Shares of N·S. All of them together are what is missing to the ideal. Pauses: milliseconds between two"
            " calls of a slot, at the beginning, in the middle and at the end.",
            "![where the slots' time went](lost.svg)",
            table(("", *LOSS_PLACES.values(), "pauses ms"), [_format_losses(one) for one in found.runs]),
            "### A photo's time in each stage",
            f"Alone, with a provider that answers at once, a photo takes {found.single_photo.median:.2f} s from its"
            " upload to"
            f" its receipt in the median, {found.single_photo.slowest:.2f} s at the most. In seconds, alone and among"
            " others,"
            " median and slowest:",
            table(
                ("", *STAGE_METRICS.values()),
                [_format_single_photo(found.single_photo), *map(_format_stages, found.runs)],
            ),
            "### Whose processor time",
            "Milliseconds for each image. The emulator is AWS's part here, the bench uploads. Where it was warm, intake"
            f" took {max_warm_intake_ms(found):.0f} ms at the most; it may take {MAX_INTAKE_MS}.",
            table(
                ("", *_list_programs(found), "of the machine"),
                [_format_cpu(one, _list_programs(found)) for one in found.runs],
            ),
            *_format_cold_starts(found),
        ]
    )


def draw_drain_plots(found: DrainResult) -> Mapping[str, str]:
    """Its plots by file name."""
    runs = found.runs
    efficiency = [Bar(one.scenario.name, [one.efficiency], f"{one.efficiency:.1%}") for one in runs]
    lost = [
        Bar(one.scenario.name, [one.lost[name] for name in LOSS_PLACES], f"{sum(one.lost.values()):.1%}")
        for one in runs
    ]
    return {
        "efficiency.svg": draw_bars("N·S/C by the measured time", efficiency, max_value=1.0),
        "lost.svg": draw_bars("where the slots' time went, shares of N·S", lost, tuple(LOSS_PLACES)),
    }


def format_comparison(found: ComparisonResult) -> str:
    """The section."""
    photos = found.scenario.photos
    systems = {"a bare thread pool": found.baseline, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = ", ".join(f"{ratio:.2f}" for ratio in found.ratios)
    return "\n\n".join(
        [
            f"{found.scenario.name}: the same photos, the same stand-in, one after the other on the same machine."
            " The thread pool is a script that keeps no books; the naive pipeline is that of `make chaos`.",
            "![seconds for the same photos](comparison.svg)",
            table(
                ("", "seconds", "seconds an image", "by the thread pool's"),
                [
                    (name, f"{seconds:.1f}", f"{seconds / photos:.3f}", f"{seconds / found.baseline:.2f}")
                    for name, seconds in systems.items()
                ],
            ),
            f"Backdrop by the thread pool, {found.repeated.name}, again and again: {shown}"
            f" (median {median(found.ratios):.2f}). First result after {found.first_result_seconds:.1f} s.",
        ]
    )


def draw_comparison_plots(found: ComparisonResult) -> Mapping[str, str]:
    """Its plot."""
    systems = {"a bare thread pool": found.baseline, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = [Bar(name, [seconds], f"{seconds:.1f} s") for name, seconds in systems.items()]
    return {"comparison.svg": draw_bars(f"seconds for the same photos, {found.scenario.name}", shown)}


def format_held_out(found: Sequence[RunFigures]) -> str:
    """The section."""
    return "\n\n".join(
        [
            "As above, warm, and kept apart: what is calibrated on the others has to foretell these"
            " ([beyond one machine](extrapolation.md)). Where the account takes 5 calls of 10, half of the places"
            " wait.",
            _format_runs(found),
        ]
    )


def _format_runs(found: Sequence[RunFigures]) -> str:
    heads = ("", "ideal s", "measured s", "of the ideal", "call to call", "in the call", "first result s")
    return table(heads, [_format_run(one) for one in found])


def _format_run(one: RunFigures) -> Sequence[str]:
    return (
        one.scenario.name,
        f"{one.scenario.ideal_seconds:.0f}",
        f"{one.measured_seconds:.1f}",
        f"{one.efficiency:.1%}",
        f"{one.calls_efficiency:.1%}",
        f"{one.call_share:.1%}",
        f"{one.first_result_seconds:.1f}",
    )


def _format_losses(one: RunFigures) -> Sequence[str]:
    pauses = " / ".join(f"{milliseconds:.0f}" for milliseconds in one.pauses_ms)
    return (one.scenario.name, *(f"{one.lost[name]:.2%}" for name in LOSS_PLACES), pauses)


def _format_stages(one: RunFigures) -> Sequence[str]:
    times = [one.stages.get(name) for name in STAGE_METRICS]
    return (one.scenario.name, *(f"{time.median:.2f} / {time.slowest:.2f}" if time else "-" for time in times))


def _format_single_photo(one: SinglePhoto) -> Sequence[str]:
    return ("alone", *(f"{one.stages[name]:.2f}" if name in one.stages else "-" for name in STAGE_METRICS))


def max_warm_intake_ms(found: DrainResult) -> float:
    """The most that a warm run shows."""
    return max(one.cpu_ms["intake"] for one in found.runs if not one.scenario.cold)


def _format_cold_starts(found: DrainResult) -> Iterator[str]:
    """What a worker took to start: the functions' processor time of a cold run, less that of the same run warm."""
    runs = {one.scenario: one for one in found.runs}
    each = list[float]()
    for one in found.runs:
        twin, workers = runs.get(replace(one.scenario, cold=False)), sum(one.cold_starts.values())
        if one.scenario.cold and twin and workers:
            more = sum(one.cpu_ms[name] - twin.cpu_ms[name] for name in FUNCTIONS)
            each.append(more / 1000 * one.scenario.photos / workers)
    if each:
        yield (
            f"Where it was cold, a worker took {min(each):.2f} to {max(each):.2f} s of these processors to start. On"
            " AWS each has a processor of its own; here they wait for one another, and photos for them."
        )


def _list_programs(found: DrainResult) -> Sequence[str]:
    return tuple(found.runs[0].cpu_ms)


def _format_cpu(one: RunFigures, programs: Sequence[str]) -> Sequence[str]:
    return (one.scenario.name, *(f"{one.cpu_ms[name]:.0f}" for name in programs), f"{one.machine_share:.0%}")
