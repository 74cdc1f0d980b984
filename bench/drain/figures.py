"""The figures of a run, as ratios within it or per image, and the checks that decide whether they are reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from backdrop.aws.metric_names import Metric
from backdrop_local.standin.slots import NO_FREE_SLOTS
from bench.drain.harness import DrainRun
from bench.drain.scenario import Scenario
from bench.reliability import check_faults, check_machine, check_standin, check_starts

SMALL_ACCOUNT_EFFECTS = (NO_FREE_SLOTS, Metric.THROTTLED.value, Metric.RETURNED_TO_QUEUE.value)
"""The expected effects of an account whose limit is lower than configured."""


@dataclass(frozen=True)
class StageTimes:
    """How long photos took in one stage (seconds)."""

    median: float
    slowest: float


@dataclass(frozen=True)
class RunFigures:
    """The figures of one run.

    `efficiency`: N·S/C divided by the seconds from the first upload to the last receipt of a stored job.
    `calls_efficiency`: N·S/C divided by the seconds from the first call to the end of the last one. `call_share`: the
    share of the time of held slots that was spent in the call, according to the functions' metrics. `lost`: where the
    rest of the slots' time went, as shares of N·S. `pauses_ms`: between two calls of a slot, at the beginning, in the
    middle, and at the end. `cpu_ms`: per image, by program.
    """

    scenario: Scenario
    measured_seconds: float
    upload_seconds: float
    efficiency: float
    calls_efficiency: float
    call_share: float
    first_result_seconds: float
    stages: Mapping[str, StageTimes]
    lost: Mapping[str, float]
    pauses_ms: tuple[float, ...]
    cpu_ms: Mapping[str, float]
    machine_share: float
    other_programs_share: float
    standin_share: float
    cold_starts: Mapping[str, float]


def compute_figures(run: DrainRun) -> RunFigures:
    """Computes the figures of a run."""
    scenario, calls, lost = run.scenario, run.standin_log.calls, run.losses
    measured = run.ended - run.began
    call_span_seconds = max(one.ended for one in calls) - min(one.began for one in calls)
    needed = scenario.photos * scenario.seconds
    lost_seconds = {name: getattr(lost, name) for name in ("before", "between", "upload", "standin", "after")}
    return RunFigures(
        scenario=scenario,
        measured_seconds=measured,
        upload_seconds=run.uploaded - run.began,
        efficiency=scenario.ideal_seconds / measured,
        calls_efficiency=scenario.ideal_seconds / call_span_seconds,
        call_share=run.log_metrics.call_share,
        first_result_seconds=min(run.log_metrics.stored_at, default=run.ended) - run.began,
        stages={name: StageTimes(median(times), max(times)) for name, times in run.log_metrics.stages.items() if times},
        lost={name: seconds / needed for name, seconds in lost_seconds.items()},
        pauses_ms=tuple(1000 * seconds for seconds in lost.pauses),
        cpu_ms={name: 1000 * seconds / scenario.photos for name, seconds in run.cpu_usage.by_program.items()},
        machine_share=run.cpu_usage.machine_share(measured),
        other_programs_share=run.cpu_usage.other_programs_share(measured),
        standin_share=lost.standin / sum(one.ended - one.began for one in calls),
        cold_starts=run.log_metrics.cold_starts,
    )


def check_run(run: DrainRun, found: RunFigures) -> None:
    """Checks whether a run can be reported.

    Raises:
        UnreliableMeasurementError: it cannot.
    """
    name = run.scenario.name
    problems = {**run.standin_log.problems, **run.log_metrics.problems}
    if run.scenario.account_limit is not None:
        problems = {
            what: times for what, times in problems.items() if not any(words in what for words in SMALL_ACCOUNT_EFFECTS)
        }
    check_faults(name, {**problems, **run.unfinished})
    calls = sum(one.ended - one.began for one in run.standin_log.calls)
    check_standin(name, run.losses.standin, calls)
    check_machine(name, found.other_programs_share)
    check_starts(name, found.cold_starts, cold=run.scenario.cold)
