"""The state of the stack that reconcile emits as metrics at the end of each run. An idle stack emits nothing."""

import json
from typing import Any
from weakref import ref

import pytest

from backdrop.aws.metrics import emit_stack_health
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, Job, JobStatus, PictureLink
from backdrop.model.provider_result import RetryClass
from backdrop.model.schedule import BudgetDay, ItemKey
from backdrop.model.stack_health import StackHealth, build_job_snapshot, find_undelivered_picture, summarize_health
from backdrop.reconcile import open_jobs, service
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, raise_throttle
from tests.simulated.reconcile.test_runs import run_once
from tests.simulated.simulated_days import pass_time
from tests.simulated.stage_worlds import KEY, PRICE, find_only_job, world_with_photo
from tests.unit.ledger_items import LATER, NOW, build_attempt, build_job, build_review

MICRO = 1_000_000
BUDGET = 10_000_000
HOUR = 3600


def measure_after_run(world: World) -> StackHealth:
    """Returns the stack's health after a run."""
    return run_once(world).gauges


# -- measured values ----------------------------------------------------------------------------------------------


def test_stack_without_jobs_has_nothing_open_and_nothing_spent() -> None:
    assert measure_after_run(World()) == StackHealth(cap=BUDGET)


def test_waiting_jobs_are_counted_with_the_oldest_age() -> None:
    world = World()
    world.pause_lane()
    for n in range(3):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
        pass_time(world, HOUR)
    seen = measure_after_run(world)
    oldest = min(job.queued_at for job in world.list_jobs())
    assert (seen.open_jobs, seen.providers_paused, seen.calls_in_flight) == (3, 1, 0)
    assert seen.oldest_open_seconds == pytest.approx((world.clock.time - oldest).total_seconds(), abs=5)
    assert seen.oldest_open_seconds > 3 * HOUR


def test_photo_that_waits_for_instructions_is_not_counted_as_a_job() -> None:
    world = World()
    world.upload_photo(KEY, build_photo("bare"))
    world.deliver_next("intake")
    source = world.read_source(KEY)
    assert source
    assert source.settling_since
    assert measure_after_run(world).open_jobs == 0


def test_ended_job_is_not_open_and_its_price_is_spent() -> None:
    world = world_with_photo()
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert measure_after_run(world) == StackHealth(spent=PRICE, cap=BUDGET)


def test_unresolved_lost_answer_is_measured_by_its_age() -> None:
    world = world_with_photo()
    world.provider.script.append(build_charged_hang_up())
    lost_at = world.clock.time

    def pause(_: ServiceCall) -> None:
        world.pause_lane()

    world.transport.faults_after.append(
        TargetedFault(pause, "transact_write_items", matches=lambda call: '"unknown"' in str(call.request))
    )
    pass_time(world, 2 * HOUR)
    seen = measure_after_run(world)
    assert find_only_job(world).status is JobStatus.UNKNOWN
    assert seen.oldest_unknown_seconds == pytest.approx((world.clock.time - lost_at).total_seconds(), abs=120)
    assert (seen.spent, seen.calls_in_flight) == (PRICE, 0)


def test_lost_answer_of_a_resolved_job_is_not_measured() -> None:
    lost = build_attempt(charged=0, unknown=PRICE, outcome=AttemptOutcome.LOST)
    jobs = [
        build_job(status=status, attempts=(lost,))
        for status in (JobStatus.PAID, JobStatus.SUBMITTING, JobStatus.UNKNOWN)
    ]
    seen = [
        summarize_health([build_job_snapshot(job)], [], BudgetDay("2026-11-16"), BUDGET, LATER).oldest_unknown_seconds
        for job in jobs
    ]
    assert seen == [0, 0, (LATER - lost.submitted_at).total_seconds()]


def test_oldest_picture_that_is_not_delivered_is_measured() -> None:
    world = World()
    world.mappings["deliver"].is_enabled = False
    for n in range(2):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
        world.run_until_empty("intake")
        world.run_until_empty("ideogram")
        world.clock.sleep(HOUR)
    assert 2 * HOUR <= measure_after_run(world).oldest_undelivered_seconds <= 2 * HOUR + 60
    world.deliver_next("deliver")
    assert HOUR <= measure_after_run(world).oldest_undelivered_seconds <= HOUR + 60
    world.run_until_empty("deliver")
    assert measure_after_run(world).oldest_undelivered_seconds == 0


@pytest.mark.parametrize(
    ("changes", "waits_minutes"),
    [
        ({}, 0),
        ({"instructions": {"operation": "replace", "subject": {"mask": "buy"}}, "links": (PictureLink(url="x"),)}, 15),
        ({"stored_at": NOW}, None),
        ({"reviews": (build_review(),)}, None),
        ({"status": JobStatus.SUBMITTING}, None),
    ],
)
def test_picture_counts_as_undelivered_once_it_could_be_delivered(
    changes: dict[str, Any], waits_minutes: int | None
) -> None:
    job = build_job(**{"status": JobStatus.PAID, "paid_at": NOW} | changes)
    found = find_undelivered_picture(job)
    assert (found and (found.waits_since - NOW).total_seconds() / 60) == waits_minutes


def test_calls_in_flight_are_counted() -> None:
    world = world_with_photo()
    seen: list[StackHealth] = []

    def measure_meanwhile(_: ServiceCall) -> None:
        seen.append(measure_after_run(world))

    world.transport.faults_after.append(
        TargetedFault(measure_meanwhile, "transact_write_items", matches=lambda call: "submitting" in str(call.request))
    )
    world.run_until_empty()
    assert [one.calls_in_flight for one in seen] == [1]


def test_cap_that_a_person_set_for_the_day_is_used() -> None:
    world = World()
    world.steps.ledger_queries.set_day_cap(world.clock.time.date().isoformat(), 5 * PRICE)
    assert measure_after_run(world).cap == 5 * PRICE


# -- cost of measuring --------------------------------------------------------------------------------------------


def test_stack_with_too_many_jobs_is_measured_partially(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_SCANNED_ITEMS", 4)
    world = World()
    world.pause_lane()
    for n in range(6):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_for(60)
    before = len(world.transport.calls)
    assert measure_after_run(world).open_jobs == 4
    read = [call.operation for call in world.transport.calls[before:] if "job#" in str(call.request)]
    assert read == ["batch_get_item"] * 2, "once for failover, once for the gauges"


def test_only_one_batch_of_jobs_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 items of 9 KB exceed the memory of reconcile, which would silence all the alarms that depend on it."""
    monkeypatch.setattr(open_jobs, "BATCH_SIZE", 2)
    read: list[ref[Job]] = []
    left: list[int] = []

    def record_read(opened: open_jobs.OpenJobs, one: ItemKey) -> Job | None:
        found = opened.loaded_jobs.get(one)
        read.extend([ref(found)] if found else [])
        return found

    def measure(*facts: Any) -> StackHealth:
        left.append(sum(one() is not None for one in read))
        return summarize_health(*facts)

    world = World()
    world.pause_lane()
    for n in range(6):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_for(60)
    monkeypatch.setattr(open_jobs.OpenJobs, "find_job", record_read)
    monkeypatch.setattr(service, "summarize_health", measure)
    assert measure_after_run(world).open_jobs == 6
    assert (len(read), left) == (12, [2])


def test_calls_in_flight_are_counted_after_many_paid_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paid jobs that wait for deliver are due earlier, and therefore precede them in the index."""
    monkeypatch.setattr(open_jobs, "BATCH_SIZE", 2)
    world = World()
    seen: list[StackHealth] = []

    def measure(_: ServiceCall) -> None:
        seen.append(measure_after_run(world))

    for n in range(5):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    world.transport.faults_after.append(
        TargetedFault(measure, "transact_write_items", nth=5, matches=lambda call: "submitting" in str(call.request))
    )
    world.run_until_empty("ideogram")
    assert [(one.open_jobs, one.calls_in_flight) for one in seen] == [(5, 1)]


def test_unannounced_failure_is_not_counted_as_an_open_job() -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty("intake", "ideogram")
    assert (find_only_job(world).status, find_only_job(world).announced) == (JobStatus.DEAD, False)
    assert measure_after_run(world).open_jobs == 0


def test_settling_photos_do_not_use_up_the_job_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.pause_lane()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty("intake")
    for n in range(4):
        world.upload_photo(f"bare/{n}.jpg", build_photo(f"{n}"))
        world.deliver_next("intake")
    monkeypatch.setattr(service, "MAX_SCANNED_ITEMS", 4)
    assert measure_after_run(world).open_jobs == 1


def test_job_of_another_release_does_not_hide_other_jobs() -> None:
    world = World()
    world.pause_lane()
    for n in range(3):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_for(60)
    key = min(key for key in world.table.items if key[1].startswith("job#"))
    body = world.table.items[key]["body"]["S"].replace('"v":2', '"v":3')
    world.table.items[key] = {**world.table.items[key], "body": {"S": body}}
    assert measure_after_run(world).open_jobs == 2


def test_run_completes_without_gauges_if_the_ledger_is_unavailable() -> None:
    world = world_with_photo()
    world.run_until_empty()
    gone = TargetedFault(raise_throttle, "get_item", times=99, matches=lambda call: "budget#" in str(call.request))
    world.transport.faults_before.append(gone)
    tally = run_once(world)
    assert gone.hit_count
    assert (tally.gauges, [one.message.startswith("gauges: ") for one in tally.failures]) == (StackHealth(), [True])
    assert world.ledger.read_reconcile_state().locked_until is None


# -- emitted metrics ----------------------------------------------------------------------------------------------


@pytest.fixture
def emit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "shop")

    def emit_health(seen: StackHealth) -> list[dict[str, Any]]:
        emit_stack_health(seen)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [{name: value for name, value in line.items() if name not in ("_aws", "service")} for line in lines]

    return emit_health


def test_idle_stack_emits_no_metric(emit: Any) -> None:
    assert emit(StackHealth(cap=BUDGET)) == []


def test_values_above_zero_are_emitted_in_one_line(emit: Any) -> None:
    assert emit(StackHealth(open_jobs=2, oldest_open_seconds=9.5, providers_paused=1, cap=BUDGET)) == [
        {"OpenJobs": [2.0], "OldestOpenJobSeconds": [9.5], "ProvidersPaused": [1.0]}
    ]


@pytest.mark.parametrize(
    ("spent", "cap", "left", "percent"),
    [(2_500_000, BUDGET, 7.5, 25.0), (BUDGET, BUDGET, 0.0, 100.0), (3_000_000, 2_000_000, 0.0, 150.0), (1, 0, 0, 100)],
)
def test_budget_is_emitted_on_a_day_with_spending(emit: Any, spent: int, cap: int, left: float, percent: float) -> None:
    today = {"SpentTodayUSD": [spent / MICRO], "BudgetLeftUSD": [left], "BudgetUsedPercent": [percent]}
    assert emit(StackHealth(spent=spent, cap=cap)) == [today]
