"""Backdrop's performance targets next to the last measurements: the first section of the bench's page."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bench import backlog, recovery
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.page import count_all_requests
from bench.drain.measurements import ComparisonResult, DrainResult
from bench.drain.page import MAX_INTAKE_MS, max_warm_intake_ms
from bench.drain.scenario import Scenario
from bench.saved_results import load_result
from docs.tables import format_table

TARGET_SCENARIO = Scenario(300, 10, 4.0)
MAX_REQUESTS = 18
REQUEST_COUNT_TEST = "../../tests/simulated/bench/test_requests_of_an_image.py"
MAX_GROWTH = 0.10

type Row = tuple[str, str, str, bool]


def build_section() -> str:
    """Returns the section, without rows for parts that were not measured."""
    return (
        "## Targets\n\nN photos, C calls at a time, S seconds per call. The ideal time is N·S/C: all C calls are always"
        f" in flight.\n\n{format_rows(_list_rows())}"
    )


def format_rows(rows: Iterable[Row]) -> str:
    cells = [
        (measure, target, measured, "yes" if is_reached else "**no**") for measure, target, measured, is_reached in rows
    ]
    return format_table(("", "target", "measured", "reached"), cells)


def _list_rows() -> Iterator[Row]:
    if drain := load_result("drain", DrainResult):
        yield from list_drain_rows(drain.result)
    if comparison := load_result("comparison", ComparisonResult):
        ratio = comparison.result.backdrop / comparison.result.baseline
        yield "time relative to a bare thread pool, C=10 S=4", "at most 1.05", f"{ratio:.2f}", ratio <= 1.05
    if recovered := load_result("recovery", tuple[recovery.AccountUse, ...]):
        used = min(one.used for one in recovered.result if one.name.startswith("half"))
        yield "use of an account with half the limit", "90%", f"at least {used:.1%}", used >= 0.9
    requests = count_all_requests(load_costs().rows[0])
    measured = f"{requests:g} for one photo with a sidecar; [fewer]({REQUEST_COUNT_TEST}) for many"
    yield "requests to AWS per image", f"at most {MAX_REQUESTS}", measured, requests <= MAX_REQUESTS
    if backlog_result := load_result("backlog", tuple[backlog.Backlog, ...]):
        backlogs = backlog_result.result
        growths = {name: max(backlog.compute_growth(backlogs, name)) for name in backlog.list_costs(backlogs[0])}
        largest = max(growths, key=lambda name: growths[name])
        measured = f"at most {growths[largest]:+.0%} ({largest})"
        measure = "growth of an image's cost, from 100 to 10,000 images"
        yield measure, f"at most +{MAX_GROWTH:.0%}", measured, growths[largest] <= MAX_GROWTH


def list_drain_rows(result: DrainResult) -> Iterator[Row]:
    """Yields how close the runs came to the ideal, except for runs that were not reported."""
    for scenario, min_efficiency in ((TARGET_SCENARIO, 0.98), (replace(TARGET_SCENARIO, cold=True), 0.95)):
        run = next((one for one in result.runs if one.scenario == scenario), None)
        if run:
            is_reached = run.efficiency >= min_efficiency
            yield (
                f"ideal time / measured time, {scenario.name}",
                f"{min_efficiency:.0%}",
                f"{run.efficiency:.1%}",
                is_reached,
            )
            measure = f"share of the slots' time in calls, {scenario.name}"
            yield measure, "97%", f"{run.call_share:.1%}", run.call_share >= 0.97
    intake_ms = max_warm_intake_ms(result)
    yield (
        "intake's processor time per photo",
        f"at most {MAX_INTAKE_MS} ms",
        f"{intake_ms:.0f} ms",
        intake_ms <= MAX_INTAKE_MS,
    )
