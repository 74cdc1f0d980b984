"""The sections of the bench's page about draining photos through a lane."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.cpu_usage import STAGES as FUNCTIONS
from bench.drain.figures import RunFigures
from bench.drain.measurements import ComparisonResult, DrainResult
from bench.drain.single_photo import SinglePhoto
from bench.plot import Bar, draw_bars
from docs.tables import format_table

LOSS_PLACES = {
    "before": "until each slot's first call",
    "between": "between two calls of a slot",
    "upload": "while a photo was sent",
    "standin": "in the stand-in, beyond its latency",
    "after": "from a slot's last call to the last receipt",
}
STAGE_METRICS = {
    "IntakeSeconds": "requested → in its lane",
    "QueueSeconds": "in its lane → in its call",
    "RenderSeconds": "in its call",
    "DeliverSeconds": "paid → pictures in the bucket",
    "TotalSeconds": "in its lane → pictures in the bucket",
}
MAX_INTAKE_MS = 40
"""The limit of intake's own CPU time for a photo of 200 KB."""


def format_drain(found: DrainResult) -> str:
    shown = ", ".join(f"{ratio:.1%}" for ratio in found.repeats)
    return "\n\n".join(
        [
            "N photos of about 220 KB with tags, C slots, and S seconds per call. The ideal is N·S/C. Measured from"
            " the first upload to the last receipt of a stored job, and, as *call to call*, from the first call to"
            " the end of the last one. *In the call* is the share of the time of render's held slots that was spent"
            " in the paid call. *First result*: from the first upload to the first picture. *Cold*: no function has a"
            " worker when the first photo arrives. The functions, the emulated AWS, and the provider share the"
            " processors of one machine.",
            "![how close to the ideal](efficiency.svg)",
            _format_runs(found.runs),
            f"{found.repeated.name}, repeated: {shown}.",
            *(f"Not reported: {words}." for words in found.refused),
            "### Where the slots' time went",
            "Shares of N·S. Their sum is the difference from the ideal. Pauses: milliseconds between two calls of a"
            " slot, at the beginning, in the middle, and at the end.",
            "![where the slots' time went](lost.svg)",
            format_table(("", *LOSS_PLACES.values(), "pauses ms"), [_format_losses(one) for one in found.runs]),
            "### A photo's time in each stage",
            f"With a provider that answers immediately, a single photo takes a median of"
            f" {found.single_photo.median:.2f} s from its upload to its receipt,"
            f" and at most {found.single_photo.slowest:.2f} s. In seconds,"
            " for a single photo, and for photos among others (median and slowest):",
            format_table(
                ("", *STAGE_METRICS.values()),
                [_format_single_photo(found.single_photo), *map(_format_stages, found.runs)],
            ),
            "### CPU time by program",
            "Milliseconds per image. The emulator stands for AWS, and the bench uploads the photos. In warm runs,"
            f" intake took at most {max_warm_intake_ms(found):.0f} ms; the limit is {MAX_INTAKE_MS}.",
            format_table(
                ("", *_list_programs(found), "of the machine"),
                [_format_cpu(one, _list_programs(found)) for one in found.runs],
            ),
            *_format_cold_starts(found),
        ]
    )


def draw_drain_plots(found: DrainResult) -> Mapping[str, str]:
    """Returns the plots by file name."""
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
    photos = found.scenario.photos
    systems = {"a bare thread pool": found.baseline, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = ", ".join(f"{ratio:.2f}" for ratio in found.ratios)
    return "\n\n".join(
        [
            f"{found.scenario.name}: the same photos and the same stand-in, one system after another on the same"
            " machine. The thread pool is a script without a ledger. The naive pipeline is that of `make chaos`.",
            "![seconds for the same photos](comparison.svg)",
            format_table(
                ("", "seconds", "seconds per image", "× the thread pool's"),
                [
                    (name, f"{seconds:.1f}", f"{seconds / photos:.3f}", f"{seconds / found.baseline:.2f}")
                    for name, seconds in systems.items()
                ],
            ),
            f"Backdrop's time divided by the thread pool's, {found.repeated.name}, repeated: {shown}"
            f" (median {median(found.ratios):.2f}). First result after {found.first_result_seconds:.1f} s.",
        ]
    )


def draw_comparison_plots(found: ComparisonResult) -> Mapping[str, str]:
    """Returns the plot by file name."""
    systems = {"a bare thread pool": found.baseline, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = [Bar(name, [seconds], f"{seconds:.1f} s") for name, seconds in systems.items()]
    return {"comparison.svg": draw_bars(f"seconds for the same photos, {found.scenario.name}", shown)}


def format_held_out(found: Sequence[RunFigures]) -> str:
    return "\n\n".join(
        [
            "Warm runs as above, but excluded from the calibration, so that the simulation has to predict them"
            " ([beyond one machine](extrapolation.md)). Where the account allows 5 of 10 calls, half of the slots"
            " wait.",
            _format_runs(found),
        ]
    )


def _format_runs(found: Sequence[RunFigures]) -> str:
    heads = ("", "ideal s", "measured s", "of the ideal", "call to call", "in the call", "first result s")
    return format_table(heads, [_format_run(one) for one in found])


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
    """Returns the largest value of all warm runs."""
    return max(one.cpu_ms["intake"] for one in found.runs if not one.scenario.cold)


def _format_cold_starts(found: DrainResult) -> Iterator[str]:
    """Yields the CPU time of a worker's start: that of a cold run minus that of the same run when warm."""
    runs = {one.scenario: one for one in found.runs}
    each = list[float]()
    for one in found.runs:
        twin, workers = runs.get(replace(one.scenario, cold=False)), sum(one.cold_starts.values())
        if one.scenario.cold and twin and workers:
            more = sum(one.cpu_ms[name] - twin.cpu_ms[name] for name in FUNCTIONS)
            each.append(more / 1000 * one.scenario.photos / workers)
    if each:
        yield (
            f"In cold runs, a worker took {min(each):.2f} to {max(each):.2f} s of CPU time to start. On AWS, each"
            " worker has its own vCPU. Here, workers wait for one another, and photos wait for them."
        )


def _list_programs(found: DrainResult) -> Sequence[str]:
    return tuple(found.runs[0].cpu_ms)


def _format_cpu(one: RunFigures, programs: Sequence[str]) -> Sequence[str]:
    return (one.scenario.name, *(f"{one.cpu_ms[name]:.0f}" for name in programs), f"{one.machine_share:.0%}")
