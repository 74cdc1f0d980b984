"""What was asked of Backdrop's speed, beside what the bench found last: the head of its page."""

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
MOST_REQUESTS = 18
COUNTED = "../../tests/e2e/test_counted_requests.py"
MOST_GROWTH = 0.10

type Row = tuple[str, str, str, bool]


def section() -> str:
    """The table; a part that was not measured has no rows in it."""
    return "## What was asked\n\n" + shown(_rows())


def shown(rows: Iterable[Row]) -> str:
    """As a table."""
    cells = [(what, asked, found, "yes" if reached else "**no**") for what, asked, found, reached in rows]
    return table(("", "asked", "found", "reached"), cells)


def _rows() -> Iterator[Row]:
    if drain := load_result("drain", DrainResult):
        yield from of_the_drain(drain.result)
    if comparison := load_result("comparison", ComparisonResult):
        ratio = comparison.result.backdrop / comparison.result.baseline
        yield "time by a bare thread pool's, C=10 S=4", "at most 1.05", f"{ratio:.2f}", ratio <= 1.05
    if recovered := load_result("recovery", tuple[recovery.AccountUse, ...]):
        used = min(one.used for one in recovered.result if one.name.startswith("half"))
        yield "an account of half the limit, used", "90%", f"{used:.1%} at the least", used >= 0.9
    requests = count_all_requests(load_costs().rows[0])
    alone = f"{requests:g} alone, with a sidecar; [fewer]({COUNTED}) in a drain"
    yield "requests to AWS an image", f"at most {MOST_REQUESTS}", alone, requests <= MOST_REQUESTS
    if full := load_result("backlog", tuple[backlog.Backlog, ...]):
        grown = {name: max(backlog.compute_growth(full.result, name)) for name in backlog.list_costs(full.result[0])}
        most = max(grown, key=lambda name: grown[name])
        worst = f"{grown[most]:+.0%} at the most ({most})"
        yield "an image's cost, from 100 to 10,000", f"at most +{MOST_GROWTH:.0%}", worst, grown[most] <= MOST_GROWTH


def of_the_drain(found: DrainResult) -> Iterator[Row]:
    """How near to the ideal; a run that was not reported has no row."""
    for scenario, least in ((ASKED, 0.98), (replace(ASKED, cold=True), 0.95)):
        run = next((one for one in found.runs if one.scenario == scenario), None)
        if run:
            near = run.efficiency >= least
            yield f"N·S/C by the measured time, {scenario.name}", f"{least:.0%}", f"{run.efficiency:.1%}", near
            yield f"slot time in the call, {scenario.name}", "97%", f"{run.call_share:.1%}", run.call_share >= 0.97
    most = max_warm_intake_ms(found)
    yield "intake's processor time a photo", f"at most {MAX_INTAKE_MS} ms", f"{most:.0f} ms", most <= MAX_INTAKE_MS
