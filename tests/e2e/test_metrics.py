"""What the stack counts is what is declared, name by name, and each thing that happens is counted."""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from backdrop.aws.metric_names import Metric
from backdrop_local.home import STACK
from tests.e2e.folder import Folder
from tests.e2e.shop import FUNCTIONS, Shop, eventually
from tests.e2e.told import counted, told

IDEOGRAM = {"provider": "ideogram", "operation": "replace"}
SOON_ENOUGH_TO_ANSWER = "10"
EVERY_JOB = frozenset(
    {
        *(Metric.ACCEPTED, Metric.INTAKE_SECONDS, Metric.SLOT_SECONDS, Metric.CALL_SECONDS, Metric.PROVIDER_LATENCY),
        *(Metric.SPENT_USD, Metric.COMPLETED, Metric.QUEUE_SECONDS, Metric.RENDER_SECONDS, Metric.DELIVER_SECONDS),
        *(Metric.PICTURES, Metric.TOTAL_SECONDS),
    }
)


def strangers(line: Mapping[str, Any]) -> list[str]:
    """What a line has that no declaration says, or says otherwise."""
    found: list[str] = []
    for made in line["_aws"]["CloudWatchMetrics"]:
        for metric in made["Metrics"]:
            known = next((one for one in Metric if one == metric["Name"]), None)
            declared = known and [(known.unit.value, {"service", *known.dimensions}, "Backdrop")]
            if declared != [(metric["Unit"], set(names), made["Namespace"]) for names in made["Dimensions"]]:
                found.append(f"{metric} with {made['Dimensions']}")
            if any(name not in line for names in made["Dimensions"] for name in (*names, metric["Name"])):
                found.append(f"{metric} of which something is missing")
    return found


def all_counted(folder: Folder, labels: Mapping[str, str], *wanted: Metric) -> Counter[str]:
    """The sums, once each of these is there: a worker's last lines may come with its next turn only."""

    def look() -> Counter[str] | None:
        found = counted(folder, **labels)
        return found if set(wanted) <= found.keys() else None

    return told(folder, look, f"{wanted} with {labels}")


def gauged(folder: Folder, *wanted: Metric, first: Callable[[], object] = lambda: None) -> Counter[str]:
    """What reconcile told of the whole stack, once these are there: it runs until then, each time after `first`."""

    def look() -> Counter[str] | None:
        first()
        folder.shop.set_right()
        found = counted(folder)
        return found if set(wanted) <= found.keys() else None

    return eventually(look, f"{wanted} of the stack", lambda: counted(folder))


@pytest.fixture
def retried(shop: Shop) -> Generator[None]:
    """Render waits but seconds for an answer, and sends a call that is lost once more."""
    with shop.running("render", IDEOGRAM_TIMEOUT_SECONDS=SOON_ENOUGH_TO_ANSWER, ON_LOST_ANSWER="retry_once"):
        yield


def test_a_picture_is_counted_with_its_price_and_the_time_of_each_stage(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    found = all_counted(folder, IDEOGRAM, *EVERY_JOB)
    assert set(found) == EVERY_JOB
    assert (found["Accepted"], found["Completed"], found["Pictures"]) == (1, 1, 1)
    assert (found["SpentUSD"], job["cost"]["usd"]) == (0.03, 0.03)
    assert found["ProviderLatency"] / 1000 == pytest.approx(found["CallSeconds"], abs=0.01)
    assert found["CallSeconds"] < found["SlotSeconds"]
    stages = found["QueueSeconds"] + found["RenderSeconds"] + found["DeliverSeconds"]
    assert stages == pytest.approx(found["TotalSeconds"], abs=0.01)


def test_a_throttled_call_is_counted_with_the_time_that_it_waited(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    found = all_counted(folder, IDEOGRAM, *EVERY_JOB, Metric.THROTTLED)
    assert set(found) == EVERY_JOB | {Metric.THROTTLED, Metric.THROTTLED_SECONDS}
    assert (found["Throttled"], found["SpentUSD"]) == (1, 0.03)
    assert found["ThrottledSeconds"] == pytest.approx(job["throttled_seconds"], abs=0.01)


@pytest.mark.usefixtures("retried")
def test_a_lost_answer_is_counted_with_what_it_may_have_cost(folder: Folder) -> None:
    folder.fault("accept_then_drop", times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    found = all_counted(folder, IDEOGRAM, *EVERY_JOB, Metric.LOST_ANSWERS)
    assert set(found) == EVERY_JOB | {Metric.LOST_ANSWERS, Metric.UNKNOWN_USD, Metric.POSSIBLE_DOUBLE_CHARGES}
    assert (found["LostAnswers"], found["PossibleDoubleCharges"]) == (1, 1)
    assert (found["SpentUSD"], found["UnknownUSD"]) == (job["cost"]["usd"], job["cost"]["unknown_usd"])


def test_a_dead_job_is_counted_by_its_code_as_a_dead_letter_and_as_money_without_a_picture(folder: Folder) -> None:
    folder.fault("expired_url", nth=1)
    folder.drop("dead.jpg", folder.wish)
    folder.ended("dead.jpg", "dead")
    dead = {"code": "link_expired"}
    assert all_counted(folder, {**IDEOGRAM, **dead}, Metric.FAILED) == {"Failed": 1}
    assert all_counted(folder, {"provider": "ideogram", **dead}, Metric.DEAD_LETTERED) == {"DeadLettered": 1}
    assert all_counted(folder, {}, Metric.PAID_WITHOUT_RESULT)["PaidWithoutResult"] == 1
    assert "Completed" not in counted(folder, **IDEOGRAM)


def test_a_photo_that_never_had_a_job_is_counted_by_its_code(folder: Folder) -> None:
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wrong("refused.jpg", "unknown_field")
    nobodys = {"provider": "none", "operation": "none", "code": "unknown_field"}
    assert all_counted(folder, nobodys, Metric.FAILED) == {"Failed": 1}


def test_a_run_of_reconcile_tells_how_the_stack_stands(folder: Folder) -> None:
    folder.shop.backdrop("pause", "ideogram")
    folder.drop("red.jpg", folder.wish)
    folder.waits("red.jpg")
    found = gauged(folder, Metric.OPEN_JOBS, Metric.PROVIDERS_PAUSED)
    assert found["OldestOpenJobSeconds"] > 0
    assert found["OpenJobs"] >= 1


def test_what_is_spent_is_told_with_what_is_left_of_the_budget(folder: Folder) -> None:
    turns = count()

    def buys() -> None:
        """In each turn, for with midnight comes a day that has cost nothing."""
        name = f"{next(turns)}.jpg"
        folder.drop(name, folder.wish)
        folder.stored(name)

    found = gauged(folder, Metric.SPENT_TODAY, Metric.BUDGET_LEFT, Metric.BUDGET_USED, first=buys)
    assert found["SpentTodayUSD"] >= 0.03
    assert found["BudgetUsedPercent"] > 0


def test_a_new_worker_is_counted_once(folder: Folder) -> None:
    with folder.shop.running("intake", SETTLE_SECONDS="3"):
        workers = set[int]()
        for name in [f"{n}.jpg" for n in range(4)]:
            folder.drop(name, folder.wish)
            folder.stored(name)
            workers |= folder.shop.workers("intake")
        found = all_counted(folder, {"function_name": f"{STACK}-intake"}, Metric.COLD_START)
        assert 1 <= found["ColdStart"] <= len(workers | folder.shop.workers("intake"))


def test_nothing_is_counted_that_is_not_declared_and_all_that_is_counted_is_written(folder: Folder) -> None:
    """Whatever this session's tests made the stack count so far, and a picture and a refused photo at least."""
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wrong("refused.jpg", "unknown_field")
    all_counted(folder, IDEOGRAM, *EVERY_JOB)
    unknown: defaultdict[str, list[str]] = defaultdict(list)
    for function in FUNCTIONS:
        for line in folder.shop.metrics(function):
            unknown[function] += strangers(line)
        assert [one for one in folder.shop.log(function) if "failed to write a metric" in one] == []
    assert {function: found for function, found in unknown.items() if found} == {}


def test_the_spending_that_was_counted_is_what_the_receipts_say(folder: Folder) -> None:
    names = [f"{n}.jpg" for n in range(3)]
    for name in names:
        folder.drop(name, folder.wish)
    jobs = [folder.stored(name) for name in names]
    certain = sum(Decimal(str(job["cost"]["usd"])) for job in jobs)

    def look() -> bool:
        return round(Decimal(counted(folder, **IDEOGRAM)["SpentUSD"]), 6) == certain

    told(folder, look, f"{certain} counted as spent")
