"""What the page of the bench says of drained photos."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.drain.alone import Alone
from bench.drain.figures import Figures
from bench.drain.parts import Beside, Drained
from bench.plot import Bar, bars
from bench.processors import STAGES as FUNCTIONS
from docs.tables import table

LOST = {
    "before": "until each slot had its first call",
    "between": "between two calls of a slot",
    "upload": "while a photo was sent",
    "standin": "in the stand-in, beyond its latency",
    "after": "from a slot's last call to the last receipt",
}
STAGES = {
    "IntakeSeconds": "asked for, to in its lane",
    "QueueSeconds": "in its lane, to its call",
    "RenderSeconds": "in its call",
    "DeliverSeconds": "paid, to pictures in the bucket",
    "TotalSeconds": "in its lane, to pictures in the bucket",
}
MOST_INTAKE_MS = 40
"""Of intake's own processor time for a photo of 200 KB."""


def drained(found: Drained) -> str:
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
            _runs(found.runs),
            f"{found.repeated.name}, again and again: {shown}.",
            *(f"Not reported: {words}." for words in found.refused),
            "### Where the slots' time went",
            "Shares of N·S. All of them together are what is missing to the ideal. Pauses: milliseconds between two"
            " calls of a slot, at the beginning, in the middle and at the end.",
            "![where the slots' time went](lost.svg)",
            table(("", *LOST.values(), "pauses ms"), [_lost(one) for one in found.runs]),
            "### A photo's time in each stage",
            f"Alone, with a provider that answers at once, a photo takes {found.alone.median:.2f} s from its upload to"
            f" its receipt in the median, {found.alone.slowest:.2f} s at the most. In seconds, alone and among others,"
            " median and slowest:",
            table(("", *STAGES.values()), [_alone(found.alone), *map(_stages, found.runs)]),
            "### Whose processor time",
            "Milliseconds for each image. The emulator is AWS's part here, the bench uploads. Where it was warm, intake"
            f" took {intake_ms(found):.0f} ms at the most; it may take {MOST_INTAKE_MS}.",
            table(("", *_owners(found), "of the machine"), [_cpu(one, _owners(found)) for one in found.runs]),
            *_starts(found),
        ]
    )


def drained_plots(found: Drained) -> Mapping[str, str]:
    """Its plots by file name."""
    runs = found.runs
    efficiency = [Bar(one.scenario.name, [one.efficiency], f"{one.efficiency:.1%}") for one in runs]
    lost = [Bar(one.scenario.name, [one.lost[name] for name in LOST], f"{sum(one.lost.values()):.1%}") for one in runs]
    return {
        "efficiency.svg": bars("N·S/C by the measured time", efficiency, most=1.0),
        "lost.svg": bars("where the slots' time went, shares of N·S", lost, tuple(LOST)),
    }


def beside(found: Beside) -> str:
    """The section."""
    photos = found.scenario.photos
    ways = {"a bare thread pool": found.bare, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = ", ".join(f"{ratio:.2f}" for ratio in found.ratios)
    return "\n\n".join(
        [
            f"{found.scenario.name}: the same photos, the same stand-in, one after the other on the same machine."
            " The thread pool is a script that keeps no books; the naive pipeline is that of `make chaos`.",
            "![seconds for the same photos](beside.svg)",
            table(
                ("", "seconds", "seconds an image", "by the thread pool's"),
                [
                    (name, f"{seconds:.1f}", f"{seconds / photos:.3f}", f"{seconds / found.bare:.2f}")
                    for name, seconds in ways.items()
                ],
            ),
            f"Backdrop by the thread pool, {found.repeated.name}, again and again: {shown}"
            f" (median {median(found.ratios):.2f}). First result after {found.first_result_seconds:.1f} s.",
        ]
    )


def beside_plots(found: Beside) -> Mapping[str, str]:
    """Its plot."""
    ways = {"a bare thread pool": found.bare, "Backdrop": found.backdrop, "the naive pipeline": found.naive}
    shown = [Bar(name, [seconds], f"{seconds:.1f} s") for name, seconds in ways.items()]
    return {"beside.svg": bars(f"seconds for the same photos, {found.scenario.name}", shown)}


def held_out(found: Sequence[Figures]) -> str:
    """The section."""
    return "\n\n".join(
        [
            "As above, warm, and kept apart: what is calibrated on the others has to foretell these"
            " ([beyond one machine](beyond.md)). Where the account takes 5 calls of 10, half of the places wait.",
            _runs(found),
        ]
    )


def _runs(found: Sequence[Figures]) -> str:
    heads = ("", "ideal s", "measured s", "of the ideal", "call to call", "in the call", "first result s")
    return table(heads, [_row(one) for one in found])


def _row(one: Figures) -> Sequence[str]:
    return (
        one.scenario.name,
        f"{one.scenario.ideal_seconds:.0f}",
        f"{one.measured_seconds:.1f}",
        f"{one.efficiency:.1%}",
        f"{one.calls_efficiency:.1%}",
        f"{one.call_share:.1%}",
        f"{one.first_result_seconds:.1f}",
    )


def _lost(one: Figures) -> Sequence[str]:
    pauses = " / ".join(f"{milliseconds:.0f}" for milliseconds in one.pauses_ms)
    return (one.scenario.name, *(f"{one.lost[name]:.2%}" for name in LOST), pauses)


def _stages(one: Figures) -> Sequence[str]:
    times = [one.stages.get(name) for name in STAGES]
    return (one.scenario.name, *(f"{time.median:.2f} / {time.slowest:.2f}" if time else "-" for time in times))


def _alone(one: Alone) -> Sequence[str]:
    return ("alone", *(f"{one.stages[name]:.2f}" if name in one.stages else "-" for name in STAGES))


def intake_ms(found: Drained) -> float:
    """The most that a warm run shows."""
    return max(one.cpu_ms["intake"] for one in found.runs if not one.scenario.cold)


def _starts(found: Drained) -> Iterator[str]:
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


def _owners(found: Drained) -> Sequence[str]:
    return tuple(found.runs[0].cpu_ms)


def _cpu(one: Figures, owners: Sequence[str]) -> Sequence[str]:
    return (one.scenario.name, *(f"{one.cpu_ms[name]:.0f}" for name in owners), f"{one.machine_share:.0%}")
