"""Backdrop's performance targets next to the last measurements: the first section of the bench's page."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import backlog, recovery
from bench.aws_cost.bill import sum_usd
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.idle_stack import load_one_provider_stack
from bench.aws_cost.page import IMAGES, TYPICAL_LATENCY, build_row_lines, count_all_requests, read_memory
from bench.cold_starts import ColdStarts
from bench.drain.measurements import ComparisonResult, DrainResult
from bench.drain.page import MAX_INTAKE_MS, max_warm_intake_ms
from bench.drain.scenario import Scenario
from bench.drop_speed import MIN_RATIO, DropSpeed
from bench.extrapolation import page as extrapolation_page
from bench.extrapolation.prediction import NAME, Extrapolation
from bench.large_stack import GALLERY_ENTRIES, LargeStackResult
from bench.saved_results import load_result
from docs.tables import format_table

TARGET_SCENARIO = Scenario(300, 10, 4.0)
MIN_WARM, MIN_COLD, MIN_CALL_SHARE = 0.98, 0.92, 0.97
MAX_RECEIPT_SECONDS = 0.12
MAX_TIMES_THREAD_POOL = 1.05
MIN_ACCOUNT_USE = 0.9
MAX_REQUESTS, MAX_REQUESTS_AMONG_MANY = 18, 15
REQUEST_COUNT_TEST = "../../tests/simulated/bench/test_requests_of_an_image.py"
REQUESTS_AMONG_MANY = 20
"""The test's limit for a photo with a sidecar that waits with others."""
MAX_USD = 0.20
MAX_IMPORT_RATIO = 1.10
MAX_GALLERY_SECONDS = 60
MAX_GROWTH = 0.10
MIN_SIMULATED = {10: 0.98, 100: 0.97, 1000: 0.95}
"""Minimum shares of N·S/C in the simulated world, by the number of slots."""


class Target(NamedTuple):
    """A target next to the last measurement, as the page shows them."""

    measure: str
    target: str
    measured: str
    is_reached: bool


def build_section() -> str:
    """Returns the section, without rows for parts that were not measured. Missed targets come first."""
    return (
        "## Targets\n\nN photos, C calls at a time, S seconds per call. The ideal time is N·S/C: all C calls are always"
        " in flight. *Simulated* rows are in the world of [beyond one machine](extrapolation.md), with S=15: they are"
        " not part of `make bench`, and that page names their commits.\n\n"
        f"{format_targets(_list_targets())}"
    )


def format_targets(targets: Iterable[Target]) -> str:
    """Returns the table, in which missed targets come first."""
    cells = [
        (one.measure, one.target, one.measured, "yes" if one.is_reached else "**no**")
        for one in sorted(targets, key=lambda one: one.is_reached)
    ]
    return format_table(("", "target", "measured", "reached"), cells)


def _list_targets() -> Iterator[Target]:
    if drain := load_result("drain", DrainResult):
        yield from list_drain_targets(drain.result)
    if comparison := load_result("comparison", ComparisonResult):
        ratio = comparison.result.backdrop / comparison.result.baseline
        yield _at_most("time relative to a bare thread pool, C=10 S=4", ratio, MAX_TIMES_THREAD_POOL, ".2f")
    if recovered := load_result("recovery", tuple[recovery.AccountUse, ...]):
        used = min(one.used for one in recovered.result if one.name.startswith("half"))
        yield _at_least("use of an account with half the limit", used, MIN_ACCOUNT_USE)
    if starts := load_result("starts", ColdStarts):
        ratio = max(map(starts.result.ratio, starts.result.handlers_ms))
        yield _at_most("a handler's import relative to that of its libraries", ratio, MAX_IMPORT_RATIO, ".2f")
    if drop := load_result("drop", DropSpeed):
        measure = f"`backdrop drop` of {drop.result.photos} small photos: speed relative to `aws s3 cp`"
        yield _at_least(measure, drop.result.ratio, MIN_RATIO, ".0%")
    if large_stack := load_result("large_stack", LargeStackResult):
        measure = f"computed seconds for a gallery of {GALLERY_ENTRIES:,} entries"
        yield _at_most(measure, large_stack.result.gallery_seconds, MAX_GALLERY_SECONDS, ".0f")
    yield from _list_cost_targets()
    if backlog_result := load_result("backlog", tuple[backlog.Backlog, ...]):
        backlogs = backlog_result.result
        growths = {name: max(backlog.compute_growth(backlogs, name)) for name in backlog.list_costs(backlogs[0])}
        growth = max(growths.values())
        yield _at_most(
            "growth of an image's requests and CPU time, from 100 to 10,000 images", growth, MAX_GROWTH, ".0%"
        )
    if extrapolation := load_result(NAME, Extrapolation):
        yield from list_simulated_targets(extrapolation.result)


def list_drain_targets(result: DrainResult) -> Iterator[Target]:
    """Yields how close the runs came to the ideal, except for runs that were not reported."""
    for scenario, min_efficiency in ((TARGET_SCENARIO, MIN_WARM), (replace(TARGET_SCENARIO, cold=True), MIN_COLD)):
        run = next((one for one in result.runs if one.scenario == scenario), None)
        if run:
            yield _at_least(f"ideal time / measured time, {scenario.name}", run.efficiency, min_efficiency)
            yield _at_least(f"share of the slots' time in calls, {scenario.name}", run.call_share, MIN_CALL_SHARE)
    seconds = result.single_photo.median
    yield _at_most(
        "seconds from upload to receipt, if the provider answers at once", seconds, MAX_RECEIPT_SECONDS, ".2f"
    )
    yield _at_most("intake's CPU time per photo, ms", max_warm_intake_ms(result), MAX_INTAKE_MS, ".0f")


def _list_cost_targets() -> Iterator[Target]:
    alone = load_costs().rows[0]
    requests = count_all_requests(alone)
    yield Target(
        "requests to AWS for one photo with a sidecar, and for one among many",
        f"at most {MAX_REQUESTS}, {MAX_REQUESTS_AMONG_MANY}",
        f"{requests:g}, [at most {REQUESTS_AMONG_MANY}]({REQUEST_COUNT_TEST})",
        requests <= MAX_REQUESTS and REQUESTS_AMONG_MANY <= MAX_REQUESTS_AMONG_MANY,
    )
    usd = IMAGES * sum_usd(build_row_lines(alone, read_memory(load_one_provider_stack()), TYPICAL_LATENCY))
    yield _at_most(f"AWS's cost for {IMAGES:,} photos with sidecars, USD", usd, MAX_USD, ".3f")


def list_simulated_targets(found: Extrapolation) -> Iterator[Target]:
    """Yields the predictions' error, and the speed and cost of the simulated runs."""
    if found.prediction:
        error = max(abs(one.error) for one in found.prediction.held_out)
        yield _at_most("error of a predicted held-out run", error, extrapolation_page.MAX_ERROR)
    for run in extrapolation_page.list_wide_lanes(found):
        if run.limit in MIN_SIMULATED:
            measure = f"ideal time / simulated time, N={run.photos:,} C={run.limit:,}"
            yield _at_least(measure, run.ideal_seconds / run.ended_seconds, MIN_SIMULATED[run.limit])
    if folders := extrapolation_page.list_large_folders(found):
        costs = [extrapolation_page.compute_usd(one) / one.photos for one in folders]
        photos = f"from {folders[0].photos:,} to {folders[-1].photos:,} simulated photos"
        yield _at_most(f"change of a photo's cost, {photos}", max(costs) / min(costs) - 1, MAX_GROWTH)


def _at_least(measure: str, value: float, target: float, form: str = ".1%") -> Target:
    return Target(measure, _format_target(target, form), f"{value:{form}}", value >= target)


def _at_most(measure: str, value: float, target: float, form: str = ".1%") -> Target:
    return Target(measure, f"at most {_format_target(target, form)}", f"{value:{form}}", value <= target)


def _format_target(target: float, form: str) -> str:
    return f"{target:.0%}" if form.endswith("%") else f"{target:{form}}"
