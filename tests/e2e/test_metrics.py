"""The functions write exactly the declared metrics, and count everything that happens."""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from backdrop.aws.metric_names import Metric
from backdrop_local.home import STACK
from tests.e2e.deployed_stack import FUNCTIONS, DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs, sum_metrics

IDEOGRAM = {"provider": "ideogram", "operation": "replace"}
TIMEOUT_WITH_RETRY = "10"
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
        sums = sum_metrics(folder, **labels)
        return sums if set(expected) <= sums.keys() else None

    return poll_logs(folder, poll, f"{expected} with {labels}", lambda: sum_metrics(folder, **labels))


def run_until_measured(folder: Folder, *expected: Metric, before: Callable[[], object] = lambda: None) -> Counter[str]:
    """Runs `before` and reconcile until these metrics of the whole stack are in the log, and returns the sums."""

    def poll() -> Counter[str] | None:
        before()
        folder.stack.run_reconcile()
        sums = sum_metrics(folder)
        return sums if set(expected) <= sums.keys() else None

    return eventually(poll, f"{expected} of the stack", lambda: sum_metrics(folder))


@pytest.fixture
def retried(stack: DeployedStack) -> Generator[None]:
    """Render waits only seconds for an answer, and sends a call whose answer is lost once more."""
    with stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS=TIMEOUT_WITH_RETRY, ON_LOST_ANSWER="retry_once"):
        yield


def test_picture_is_counted_with_its_price_and_stage_times(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    sums = wait_for_metrics(folder, IDEOGRAM, *METRICS_OF_A_JOB)
    assert set(sums) == METRICS_OF_A_JOB
    assert (sums["Accepted"], sums["Completed"], sums["Pictures"]) == (1, 1, 1)
    assert (sums["SpentUSD"], job["cost"]["usd"]) == (0.03, 0.03)
    assert sums["ProviderLatency"] / 1000 == pytest.approx(sums["CallSeconds"], abs=0.01)
    assert sums["CallSeconds"] < sums["SlotSeconds"]
    stages = sums["QueueSeconds"] + sums["RenderSeconds"] + sums["DeliverSeconds"]
    assert stages == pytest.approx(sums["TotalSeconds"], abs=0.01)


def test_throttled_call_is_counted_with_its_waiting_time(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    sums = wait_for_metrics(folder, IDEOGRAM, *METRICS_OF_A_JOB, Metric.THROTTLED)
    assert set(sums) == METRICS_OF_A_JOB | {Metric.THROTTLED, Metric.THROTTLED_SECONDS}
    assert (sums["Throttled"], sums["SpentUSD"]) == (1, 0.03)
    assert sums["ThrottledSeconds"] == pytest.approx(job["throttled_seconds"], abs=0.01)


@pytest.mark.usefixtures("retried")
def test_lost_answer_is_counted_with_its_possible_cost(folder: Folder) -> None:
    folder.add_fault("accept_then_drop", times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    sums = wait_for_metrics(folder, IDEOGRAM, *METRICS_OF_A_JOB, Metric.LOST_ANSWERS)
    assert set(sums) == METRICS_OF_A_JOB | {Metric.LOST_ANSWERS, Metric.UNKNOWN_USD, Metric.POSSIBLE_DOUBLE_CHARGES}
    assert (sums["LostAnswers"], sums["PossibleDoubleCharges"]) == (1, 1)
    assert (sums["SpentUSD"], sums["UnknownUSD"]) == (job["cost"]["usd"], job["cost"]["unknown_usd"])


def test_dead_job_is_counted_by_code_and_cost(folder: Folder) -> None:
    folder.add_fault("expired_url", nth=1)
    folder.drop("dead.jpg", folder.instructions)
    folder.wait_for_status("dead.jpg", "dead")
    dead = {"code": "link_expired"}
    assert wait_for_metrics(folder, {**IDEOGRAM, **dead}, Metric.FAILED) == {"Failed": 1}
    assert wait_for_metrics(folder, {"provider": "ideogram", **dead}, Metric.DEAD_LETTERED) == {"DeadLettered": 1}
    assert wait_for_metrics(folder, {}, Metric.PAID_WITHOUT_RESULT)["PaidWithoutResult"] == 1
    assert "Completed" not in sum_metrics(folder, **IDEOGRAM)


def test_photo_without_a_job_is_counted_by_its_code(folder: Folder) -> None:
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wait_for_error("refused.jpg", "unknown_field")
    no_job = {"provider": "none", "operation": "none", "code": "unknown_field"}
    assert wait_for_metrics(folder, no_job, Metric.FAILED) == {"Failed": 1}


def test_reconcile_measures_open_jobs_and_paused_providers(folder: Folder) -> None:
    folder.stack.run_backdrop("pause", "ideogram")
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_unpaid("red.jpg")
    sums = run_until_measured(folder, Metric.OPEN_JOBS, Metric.PROVIDERS_PAUSED)
    assert sums["OldestOpenJobSeconds"] > 0
    assert sums["OpenJobs"] >= 1


def test_reconcile_measures_spending_and_the_remaining_budget(folder: Folder) -> None:
    numbers = count()

    def buy() -> None:
        """Pays each time, because the spending is zero again after midnight."""
        name = f"{next(numbers)}.jpg"
        folder.drop(name, folder.instructions)
        folder.wait_until_stored(name)

    sums = run_until_measured(
        folder, Metric.SPENT_TODAY_USD, Metric.BUDGET_LEFT_USD, Metric.BUDGET_USED_PERCENT, before=buy
    )
    assert sums["SpentTodayUSD"] >= 0.03
    assert sums["BudgetUsedPercent"] > 0


def test_cold_start_is_counted_once_per_worker(folder: Folder) -> None:
    with folder.stack.override_environment("intake", SETTLE_SECONDS="3"):
        workers = set[int]()
        for name in [f"{n}.jpg" for n in range(4)]:
            folder.drop(name, folder.instructions)
            folder.wait_until_stored(name)
            workers |= folder.stack.list_workers("intake")
        sums = wait_for_metrics(folder, {"function_name": f"{STACK}-intake"}, Metric.COLD_START)
        assert 1 <= sums["ColdStart"] <= len(workers | folder.stack.list_workers("intake"))


def test_every_written_metric_is_declared(folder: Folder) -> None:
    """Checks everything that the stack counted in this session, including at least a picture and a refused photo."""
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wait_for_error("refused.jpg", "unknown_field")
    wait_for_metrics(folder, IDEOGRAM, *METRICS_OF_A_JOB)
    undeclared: defaultdict[str, list[str]] = defaultdict(list)
    for function in FUNCTIONS:
        for line in folder.stack.read_metrics(function):
            undeclared[function] += find_undeclared(line)
        assert [entry for entry in folder.stack.read_log(function) if "failed to write a metric" in entry] == []
    assert {function: lines for function, lines in undeclared.items() if lines} == {}


def test_counted_spending_equals_the_receipts(folder: Folder) -> None:
    names = [f"{n}.jpg" for n in range(3)]
    for name in names:
        folder.drop(name, folder.instructions)
    jobs = [folder.wait_until_stored(name) for name in names]
    confirmed = sum(Decimal(str(job["cost"]["usd"])) for job in jobs)

    def poll() -> bool:
        return round(Decimal(sum_metrics(folder, **IDEOGRAM)["SpentUSD"]), 6) == confirmed

    poll_logs(folder, poll, f"{confirmed} counted as spent")
