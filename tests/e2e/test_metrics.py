"""The functions write exactly the declared metrics, and count everything that happens."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from backdrop.aws.metric_names import Metric
from tests.e2e.deployed_stack import FED_BY_QUEUES, FUNCTIONS, eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import Labels, poll_logs, sum_metrics

IDEOGRAM = {"provider": "ideogram", "operation": "replace"}
METRICS_OF_A_JOB = frozenset(
    {
        *(Metric.ACCEPTED, Metric.INTAKE_SECONDS, Metric.SLOT_SECONDS, Metric.CALL_SECONDS, Metric.PROVIDER_LATENCY),
        *(Metric.SPENT_USD, Metric.COMPLETED, Metric.QUEUE_SECONDS, Metric.RENDER_SECONDS, Metric.DELIVER_SECONDS),
        *(Metric.PICTURES, Metric.TOTAL_SECONDS),
    }
)


def find_undeclared(line: Mapping[str, Any]) -> list[str]:
    """Describes how a log line differs from the declared metrics."""
    differences: list[str] = []
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            known = next((member for member in Metric if member == metric["Name"]), None)
            declared = known and [(known.unit.value, {"service", *known.dimensions}, "Backdrop")]
            if declared != [(metric["Unit"], set(names), directive["Namespace"]) for names in directive["Dimensions"]]:
                differences.append(f"{metric} with {directive['Dimensions']}")
            if any(name not in line for names in directive["Dimensions"] for name in (*names, metric["Name"])):
                differences.append(f"{metric} without a value or a dimension")
    return differences


def wait_for_metrics(folder: Folder, labels: Mapping[str, str], *expected: Metric) -> Counter[str]:
    """Returns the sums as soon as each of these metrics is in the log."""

    def poll() -> Counter[str] | None:
        sums = sum_metrics(folder)[frozenset(labels.items())]
        return sums if set(expected) <= sums.keys() else None

    return poll_logs(folder, poll, f"{expected} with {labels}", lambda: sum_metrics(folder))


def run_until_measured(folder: Folder, *expected: Metric, before: Callable[[], object] = lambda: None) -> Counter[str]:
    """Runs `before` and reconcile until these metrics of the whole stack are in the log, and returns the sums."""

    def poll() -> Counter[str] | None:
        before()
        folder.stack.run_reconcile()
        sums = sum_metrics(folder)[frozenset()]
        return sums if set(expected) <= sums.keys() else None

    return eventually(poll, f"{expected} of the stack", lambda: sum_metrics(folder))


def drop_every_outcome(folder: Folder) -> None:
    """Uploads a photo that is stored, one that is throttled first, one whose picture expires, and a refused one."""
    outcomes: list[tuple[str, str, dict[str, object]]] = [
        ("stored.jpg", "", {}),
        ("throttled.jpg", "refuse_429", {"headers": {"Retry-After": "1"}}),
        ("dead.jpg", "expired_url", {}),
    ]
    for name, fault, args in outcomes:
        prompt = f"{folder.prompt}, {name}"
        if fault:
            folder.stack.standin.add_fault(fault, args, prompt_regex=prompt, times=1)
        folder.drop(name, {**folder.instructions, "prompt": prompt})
    folder.drop("refused.jpg", '{"promt": "a beach"}')


def test_every_outcome_is_counted_with_its_price_and_times(folder: Folder) -> None:
    drop_every_outcome(folder)
    stored, throttled = folder.wait_until_stored("stored.jpg"), folder.wait_until_stored("throttled.jpg")
    dead = folder.wait_for_status("dead.jpg", "dead")
    folder.wait_for_error("refused.jpg", "unknown_field")
    sums = poll_logs(
        folder, lambda: find_complete_sums(folder), "every outcome is counted", lambda: sum_metrics(folder)
    )
    jobs = sums[frozenset(IDEOGRAM.items())]
    assert set(jobs) == METRICS_OF_A_JOB | {Metric.THROTTLED, Metric.THROTTLED_SECONDS}
    assert (jobs["Accepted"], jobs["Pictures"], jobs["Throttled"]) == (3, 2, 1)
    receipts = sum(Decimal(str(job["cost"]["usd"])) for job in (stored, throttled, dead))
    assert round(Decimal(jobs["SpentUSD"]), 6) == receipts == Decimal("0.09")
    assert jobs["ThrottledSeconds"] == pytest.approx(throttled["throttled_seconds"], abs=0.01)
    # The throttled call has no latency.
    assert 0 < jobs["ProviderLatency"] / 1000 < jobs["CallSeconds"] < jobs["SlotSeconds"]
    stages = jobs["QueueSeconds"] + jobs["RenderSeconds"] + jobs["DeliverSeconds"]
    assert stages == pytest.approx(jobs["TotalSeconds"], abs=0.01)
    assert_all_are_declared(folder)


def find_complete_sums(folder: Folder) -> Mapping[Labels, Counter[str]] | None:
    """Returns the sums as soon as both stored pictures, the dead job, and the refused photo are counted."""
    sums, dead = sum_metrics(folder, FED_BY_QUEUES), {"code": "link_expired"}
    no_job = {"provider": "none", "operation": "none", "code": "unknown_field"}
    expected: list[tuple[Metric, Mapping[str, str], int]] = [
        (Metric.COMPLETED, IDEOGRAM, 2),
        (Metric.ACCEPTED, IDEOGRAM, 3),
        (Metric.THROTTLED, IDEOGRAM, 1),
        (Metric.FAILED, IDEOGRAM | dead, 1),
        (Metric.DEAD_LETTERED, {"provider": "ideogram"} | dead, 1),
        (Metric.PAID_WITHOUT_RESULT, {}, 1),
        (Metric.FAILED, no_job, 1),
    ]
    found = [sums[frozenset(labels.items())] for _, labels, _ in expected]
    complete = [one[metric] >= least for one, (metric, _, least) in zip(found, expected, strict=True)]
    spent = sums[frozenset(IDEOGRAM.items())][Metric.SPENT_USD]
    return sums if all(complete) and round(spent, 6) >= 0.09 else None


def assert_all_are_declared(folder: Folder) -> None:
    """Checks everything that the stack counted in this session."""
    undeclared: defaultdict[str, list[str]] = defaultdict(list)
    for function in FUNCTIONS:
        for line in folder.stack.read_metrics(function):
            undeclared[function] += find_undeclared(line)
        assert [entry for entry in folder.stack.read_log(function) if "failed to write a metric" in entry] == []
    assert {function: lines for function, lines in undeclared.items() if lines} == {}


def test_reconcile_measures_jobs_lanes_spending_and_budget(folder: Folder) -> None:
    folder.stack.run_backdrop("pause", "ideogram")
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_unpaid("red.jpg")
    numbers = count()

    def buy() -> None:
        """Pays each time, because the spending is zero again after midnight."""
        name = f"{next(numbers)}.jpg"
        folder.drop(name, {**folder.instructions, "provider": "runware"})
        folder.wait_until_stored(name)

    gauges = (Metric.OPEN_JOBS, Metric.PROVIDERS_PAUSED, Metric.SPENT_TODAY_USD, Metric.BUDGET_LEFT_USD)
    sums = run_until_measured(folder, *gauges, Metric.BUDGET_USED_PERCENT, before=buy)
    assert sums["OldestOpenJobSeconds"] > 0
    assert sums["OpenJobs"] >= 1
    assert sums["SpentTodayUSD"] >= 0.03
    assert sums["BudgetUsedPercent"] > 0
