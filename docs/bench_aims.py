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
from docs.tables import table

ASKED = Scenario(300, 10, 4.0)
MAX_REQUESTS = 18
COUNTED = "../../tests/e2e/test_counted_requests.py"
MAX_GROWTH = 0.10

type Row = tuple[str, str, str, bool]


def section() -> str:
    """Returns the section, without rows for parts that were not measured."""
    return (
        "## Targets\n\nN photos, C calls at a time, S seconds per call. The ideal time is N·S/C: all C calls are always"
        f" in flight.\n\n{shown(_rows())}"
    )


def shown(rows: Iterable[Row]) -> str:
    cells = [(what, asked, found, "yes" if reached else "**no**") for what, asked, found, reached in rows]
    return table(("", "target", "measured", "reached"), cells)


def _rows() -> Iterator[Row]:
    if drain := load_result("drain", DrainResult):
        yield from of_the_drain(drain.result)
    if comparison := load_result("comparison", ComparisonResult):
        ratio = comparison.result.backdrop / comparison.result.baseline
        yield "time relative to a bare thread pool, C=10 S=4", "at most 1.05", f"{ratio:.2f}", ratio <= 1.05
    if recovered := load_result("recovery", tuple[recovery.AccountUse, ...]):
        used = min(one.used for one in recovered.result if one.name.startswith("half"))
        yield "use of an account with half the limit", "90%", f"at least {used:.1%}", used >= 0.9
    requests = count_all_requests(load_costs().rows[0])
    alone = f"{requests:g} for one photo with a sidecar; [fewer]({COUNTED}) for many"
    yield "requests to AWS per image", f"at most {MAX_REQUESTS}", alone, requests <= MAX_REQUESTS
    if full := load_result("backlog", tuple[backlog.Backlog, ...]):
        grown = {name: max(backlog.compute_growth(full.result, name)) for name in backlog.list_costs(full.result[0])}
        most = max(grown, key=lambda name: grown[name])
        worst = f"at most {grown[most]:+.0%} ({most})"
        what = "growth of an image's cost, from 100 to 10,000 images"
        yield what, f"at most +{MAX_GROWTH:.0%}", worst, grown[most] <= MAX_GROWTH


def of_the_drain(found: DrainResult) -> Iterator[Row]:
    """Yields how close the runs came to the ideal, except for runs that were not reported."""
    for scenario, least in ((ASKED, 0.98), (replace(ASKED, cold=True), 0.95)):
        run = next((one for one in found.runs if one.scenario == scenario), None)
        if run:
            near = run.efficiency >= least
            yield f"ideal time / measured time, {scenario.name}", f"{least:.0%}", f"{run.efficiency:.1%}", near
            share = f"share of the slots' time in calls, {scenario.name}"
            yield share, "97%", f"{run.call_share:.1%}", run.call_share >= 0.97
    most = max_warm_intake_ms(found)
    yield "intake's processor time per photo", f"at most {MAX_INTAKE_MS} ms", f"{most:.0f} ms", most <= MAX_INTAKE_MS
