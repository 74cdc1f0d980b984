"""What is reported of a run, each as a ratio within it or for each image; and when nothing is."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from backdrop.aws.metric_names import Metric
from bench.drain.ground import Run
from bench.drain.scenario import Scenario
from bench.refusals import check_faults, check_machine, check_standin, check_starts

TURNED_AWAY = ("all slots are taken", Metric.THROTTLED.value, Metric.RETURNED_TO_QUEUE.value)
"""What comes of an account that is smaller than it was said to be."""


@dataclass(frozen=True)
class Stage:
    """How long photos took for one stage (seconds)."""

    median: float
    slowest: float


@dataclass(frozen=True)
class Figures:
    """`efficiency`: N·S/C by the seconds from the first upload to the last receipt that says stored;
    `calls_efficiency`: by those from the first call to the end of the last one.

    `call_share`: of the time that the lane's places were held, by the functions' own count. `lost`: where the rest of
    the slots' time went, as shares of N·S. `pauses_ms`: between two calls of a slot, at the beginning, in the middle
    and at the end. `cpu_ms`: for each image, by whose it is.
    """

    scenario: Scenario
    measured_seconds: float
    upload_seconds: float
    efficiency: float
    calls_efficiency: float
    call_share: float
    first_result_seconds: float
    stages: Mapping[str, Stage]
    lost: Mapping[str, float]
    pauses_ms: tuple[float, ...]
    cpu_ms: Mapping[str, float]
    machine_share: float
    foreign_share: float
    standin_share: float
    cold_starts: Mapping[str, float]


def figures(run: Run) -> Figures:
    """What a run shows."""
    scenario, calls, lost = run.scenario, run.seen.calls, run.losses
    measured = run.ended - run.began
    span = max(one.ended for one in calls) - min(one.began for one in calls)
    needed = scenario.photos * scenario.seconds
    places = {name: getattr(lost, name) for name in ("before", "between", "upload", "standin", "after")}
    return Figures(
        scenario=scenario,
        measured_seconds=measured,
        upload_seconds=run.uploaded - run.began,
        efficiency=scenario.ideal_seconds / measured,
        calls_efficiency=scenario.ideal_seconds / span,
        call_share=run.told.call_share,
        first_result_seconds=min(run.told.stored, default=run.ended) - run.began,
        stages={name: Stage(median(times), max(times)) for name, times in run.told.stages.items() if times},
        lost={name: seconds / needed for name, seconds in places.items()},
        pauses_ms=tuple(1000 * seconds for seconds in lost.pauses),
        cpu_ms={name: 1000 * seconds / scenario.photos for name, seconds in run.used.of.items()},
        machine_share=run.used.machine_share(measured),
        foreign_share=run.used.foreign_share(measured),
        standin_share=lost.standin / sum(one.ended - one.began for one in calls),
        cold_starts=run.told.cold_starts,
    )


def check(run: Run, found: Figures) -> None:
    """Whether it may be reported.

    Raises:
        RefusedError: it may not.
    """
    name = run.scenario.name
    troubles = {**run.seen.troubles, **run.told.troubles}
    if run.scenario.account is not None:
        troubles = {what: times for what, times in troubles.items() if not any(words in what for words in TURNED_AWAY)}
    check_faults(name, {**troubles, **run.unfinished})
    calls = sum(one.ended - one.began for one in run.seen.calls)
    check_standin(name, run.losses.standin, calls)
    check_machine(name, found.foreign_share)
    check_starts(name, found.cold_starts, cold=run.scenario.cold)
