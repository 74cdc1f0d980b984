"""The simulated world with the latencies of the emulator and of AWS counts requests, predicts durations, and finds the
limits.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from backdrop.pipeline.enqueue import enqueue_job
from bench.aws_cost.bill import LAMBDA_REQUESTS_PER_BATCH, REQUEST_SECONDS
from bench.aws_cost.dynamodb_units import count_index_writes, measure_item_bytes
from bench.aws_cost.idle_stack import load_one_provider_stack
from bench.cpu_usage import STAGES
from bench.drain.figures import RunFigures
from bench.drain.scenario import Scenario
from bench.extrapolation import page
from bench.extrapolation.__main__ import _parse_row
from bench.extrapolation.aws_timing import SMALL_FOLDER_PHOTOS, RequestTimes, ScaledRun, run_scaled
from bench.extrapolation.calibration import calibrate
from bench.extrapolation.fair_queue import FairSqs
from bench.extrapolation.hot_keys import KeyAccessCounter, measure_hot_keys
from bench.extrapolation.large_world import LargeWorld
from bench.extrapolation.local_timing import LocalMachine, MachineCosts, simulate_scenario
from bench.extrapolation.prediction import CALIBRATION, Extrapolation, predict_runs, replace_row
from bench.extrapolation.quotas import TRANSACTION_FACTOR, compute_list_usd, list_rate_quotas, list_size_quotas
from bench.saved_results import load_result, save_result
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue
from simulation.world.transport import Transport
from simulation.world.world_clock import WORLD_START, WorldClock

COSTS = MachineCosts(
    dict.fromkeys(STAGES, 0.003),
    emulator_cpu=0.002,
    upload_cpu=0.01,
    standin_cpu=0.01,
    invocation_delay=0.02,
    cold_start_cpu=0.5,
)
QUICK = Scenario(20, 5, 1.0)
PACE = RequestTimes(dict.fromkeys(STAGES, 0.01))


def measure_seconds(scenario: Scenario, costs: MachineCosts = COSTS) -> float:
    return max(simulate_scenario(scenario, costs).diary.ended_at.values())


# -- the queues --------------------------------------------------------------------------------------------------


@pytest.fixture
def lane_queue() -> tuple[FairSqs, SimulatedQueue, WorldClock]:
    clock = WorldClock(Random(1))
    sqs = FairSqs(Transport(clock), clock, Random(1))
    return sqs, sqs.create_queue("lane", visibility_seconds=30, retention_seconds=100), clock


def send(sqs: FairSqs, line: SimulatedQueue, body: str, group: str = "") -> None:
    sqs.send_message(QueueUrl=line.url, MessageBody=body, **({"MessageGroupId": group} if group else {}))


def receive(sqs: FairSqs, line: SimulatedQueue) -> SimulatedMessage:
    message = sqs.receive(line)
    assert message
    return message


def test_group_with_fewer_messages_in_flight_is_served_first(
    lane_queue: tuple[FairSqs, SimulatedQueue, WorldClock],
) -> None:
    sqs, line, _ = lane_queue
    for n in range(4):
        send(sqs, line, f"many {n}", "many")
    assert [receive(sqs, line).body for _ in range(2)] == ["many 0", "many 1"]
    send(sqs, line, "few 0", "few")
    send(sqs, line, "few 1", "few")
    assert [receive(sqs, line).body for _ in range(3)] == ["few 0", "few 1", "many 2"]


def test_messages_are_redelivered_delayed_or_expired_like_in_sqs(
    lane_queue: tuple[FairSqs, SimulatedQueue, WorldClock],
) -> None:
    sqs, line, clock = lane_queue
    for body in ("first", "second", "third"):
        send(sqs, line, body)
    first, second = receive(sqs, line), receive(sqs, line)
    sqs.delete(line, first.receipt_handle)
    sqs.change_message_visibility(QueueUrl=line.url, ReceiptHandle=second.receipt_handle, VisibilityTimeout=5)
    assert receive(sqs, line).body == "third"
    assert sqs.receive(line) is None
    assert sqs.find_next_visible_at([line]) == WORLD_START + timedelta(seconds=5)
    clock.sleep(5)
    assert (receive(sqs, line).body, second.receive_count) == ("second", 2)
    clock.sleep(96)
    assert sqs.receive(line) is None
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=line.url, AttributeNames=names)["Attributes"]
    assert attributes == dict.fromkeys(names, "0")


# -- the emulator's time -----------------------------------------------------------------------------------------


def test_two_workers_run_while_the_emulator_handles_one_call() -> None:
    machine = LocalMachine()
    assert [machine.work(0, 1) for _ in range(3)] == [1, 1, 2]
    emulator = LocalMachine()
    assert [emulator.serve(0, 1) for _ in range(3)] == [1, 2, 3]
    assert emulator.work(0, 1) == 1


def test_every_cost_lengthens_a_run() -> None:
    free = MachineCosts(dict.fromkeys(STAGES, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)
    assert measure_seconds(QUICK, free) == pytest.approx(QUICK.ideal_seconds, abs=0.001)
    for name in ("emulator_cpu", "upload_cpu", "standin_cpu", "invocation_delay"):
        changed: dict[str, Any] = {name: 0.02}
        assert measure_seconds(QUICK, replace(free, **changed)) > QUICK.ideal_seconds + 0.01, name
    assert measure_seconds(replace(QUICK, cold=True)) > measure_seconds(QUICK) + COSTS.cold_start_cpu


def test_half_the_account_limit_refuses_calls_and_doubles_the_time() -> None:
    half = simulate_scenario(Scenario(20, 4, 1.0, account_limit=2), COSTS)
    assert half.diary.refused_calls > 0
    assert len(half.diary.calls) == 20
    assert max(half.diary.ended_at.values()) >= 10


def build_figures(scenario: Scenario) -> RunFigures:
    """Returns what the bench would measure if the machine behaved like the simulated world with COSTS."""
    world = simulate_scenario(scenario, COSTS)
    n, event_log = scenario.photos, world.diary
    calls = {
        name: sum(times for (who, _, _), times in event_log.requests_by_operation.items() if who == name)
        for name in STAGES
    }
    turns = n + sum(event_log.count_requests(name) + 2 * event_log.invocations[name] for name in STAGES)
    spent = {name: 0.003 * calls[name] for name in STAGES} | {"emulator": 0.002 * turns}
    spent |= {"bench": 0.01 * n, "stand-in": 0.01 * n}
    cpu = {name: 1000 * used / n for name, used in spent.items()}
    measured, start_times = max(event_log.ended_at.values()), sorted(at for at, _ in event_log.calls)
    pauses = [
        at - end
        for at, end in zip(start_times[scenario.slots :], sorted(end for _, end in event_log.calls), strict=False)
    ]
    lost = {"between": sum(pauses) / (n * scenario.seconds)}
    return RunFigures(
        scenario, measured, 1.0, 1.0, 1.0, 1.0, 1.0, {}, lost, (0.0, 0.0, 0.0), cpu, 0.1, 0.0, 0.0, cold_starts={}
    )


def test_calibration_recovers_the_costs_of_a_world() -> None:
    runs = [build_figures(Scenario(30, 5, 1.0)), build_figures(Scenario(30, 10, 1.0, cold=True))]
    found = calibrate(runs)
    assert found.emulator_cpu == pytest.approx(COSTS.emulator_cpu, rel=0.002)
    assert found.invocation_delay == pytest.approx(COSTS.invocation_delay, rel=0.02)
    assert found.cold_start_cpu == pytest.approx(COSTS.cold_start_cpu, rel=0.05)


def test_calibration_uses_only_drain_runs_of_hundred_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = Scenario(100, 10, 1.0), Scenario(30, 10, 1.0, account_limit=5)

    def fitted(runs: Sequence[RunFigures]) -> MachineCosts:
        assert [one.scenario for one in runs] == [few]
        return COSTS

    monkeypatch.setattr("bench.extrapolation.prediction.calibrate", fitted)
    found = predict_runs([build_figures(few), build_figures(many)])
    assert [one.scenario for one in found.calibration] == [few]
    assert [one.scenario for one in found.held_out] == [many]
    assert {one.photos for one in CALIBRATION} == {100}
    assert abs(found.held_out[0].error) < page.MAX_ERROR


# -- AWS's time --------------------------------------------------------------------------------------------------


def test_small_folder_does_not_wait_for_a_large_one() -> None:
    few, many = run_scaled(120, 5, 4.0, PACE), run_scaled(480, 5, 4.0, PACE)
    assert many.ended_seconds > 3 * few.ended_seconds
    assert many.small_folder_seconds < few.small_folder_seconds + 2 * 4.0
    assert many.small_folder_seconds < many.ended_seconds / 4


def test_requests_per_photo_do_not_grow_with_photos() -> None:
    few, many = run_scaled(100, 10, 4.0, PACE), run_scaled(300, 10, 4.0, PACE)
    assert sum(many.requests.values()) <= sum(few.requests.values())
    assert many.pause_ms == pytest.approx(few.pause_ms, rel=0.25)


def test_many_slots_conflict_on_the_daily_budget() -> None:
    small_run, large_run = run_scaled(60, 5, 4.0, PACE), run_scaled(200, 100, 4.0, PACE)
    assert large_run.conflicts > small_run.conflicts
    assert large_run.requests["render"] > small_run.requests["render"] > 5


def test_shared_items_are_written_by_two_transactions_per_photo() -> None:
    found = measure_hot_keys()
    # Render reads the lane and its places, which have the same partition.
    assert (found.budget_writes, found.lane_reads, found.index_writes) == (2, 2, 6)
    assert found.largest_item_bytes < 4096


def test_limits_are_listed_in_the_order_they_are_reached() -> None:
    found = measure_hot_keys()
    for quotas in (list_rate_quotas(found), list_size_quotas(found)):
        reached_times = [one.met_at for one in quotas]
        assert reached_times == sorted(reached_times)


def test_many_slots_wait_less_for_shares_than_for_one_item(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = run_scaled(200, 200, 1.0, PACE)
    monkeypatch.setattr("backdrop.model.budget_shares.MIN_SLOTS_FOR_SHARES", 1000)
    assert 5 * shared.conflicts < run_scaled(200, 200, 1.0, PACE).conflicts


# -- the page ----------------------------------------------------------------------------------------------------

ONCE = {"render": 1.0, "deliver": 1.0}
REQUESTS = {"intake": 7.5, "deliver": 7.0}
ROW = ScaledRun(100, 10, 15.0, 170.0, 20.0, 190.0, 35.0, REQUESTS, ONCE, 0.1, {"dynamodb query": 900.0})


def test_repeated_row_replaces_the_row_with_the_same_parameters() -> None:
    again, larger = replace(ROW, ended_seconds=171.0), replace(ROW, photos=1000)
    assert replace_row([ROW, larger], again) == (again, larger)
    assert replace_row([larger], ROW) == (ROW, larger)


def test_page_shows_the_saved_rows(tmp_path: Path) -> None:
    save_result("extrapolation", Extrapolation(None, (ROW,)), 1.0, tmp_path)
    found = load_result("extrapolation", Extrapolation, tmp_path)
    assert found
    written = page.format_page(found.result, found.machine)
    assert "| 100 | 2.8 min | 2.8 min | 97.1% | 190 |" in written
    assert "The first picture is stored 20 s after the first upload" in written
    assert "Not calibrated yet" in written
    assert f"a folder of {SMALL_FOLDER_PHOTOS}" in written


def test_page_matches_the_saved_rows() -> None:
    found = load_result("extrapolation", Extrapolation)
    assert found
    assert page.PAGE.read_text() == page.format_page(found.result, found.machine), "run `make docs`"


def test_row_argument_has_photos_slots_and_seconds() -> None:
    assert [_parse_row(text) for text in ("100", "500,50", "5000,2,150", "500,50,15,mandate")] == [
        (100, 10, 15, False),
        (500, 50, 15, False),
        (5000, 2, 150, False),
        (500, 50, 15, True),
    ]


def test_row_with_a_mandate_is_compared_with_the_same_one_without(tmp_path: Path) -> None:
    plain = replace(ROW, photos=5000, limit=50, ended_seconds=1600.0)
    owned = replace(plain, ended_seconds=1650.0, conflicts=0.5, has_mandate=True, commit="commit 0123456789")
    rows = replace_row(replace_row([ROW], plain), owned)
    assert rows == (ROW, plain, owned)
    written = page.format_page(Extrapolation(None, rows), "a machine")
    _, _, section = written.partition("## One mandate for all photos")
    assert "| 50 | 5,000 | 91.1% | 93.9% | 0.50 | 0123456789 |" in section
    assert written.count("| 5,000 |") == 2


def test_page_says_what_is_possible_while_lambda_adds_workers() -> None:
    wide = replace(ROW, photos=100_000, limit=1000)
    assert "So at most 93.8% is possible in the last row." in page.format_page(Extrapolation(None, (ROW, wide)), "it")


def test_folder_of_one_mandate_conflicts_on_it() -> None:
    plain, owned = (run_scaled(200, 100, 4.0, PACE, has_mandate=has_mandate) for has_mandate in (False, True))
    assert owned.conflicts > 2 * plain.conflicts
    assert not owned.violations


def test_lane_that_outlives_its_messages_has_its_own_section() -> None:
    long_row = replace(ROW, photos=5000, limit=2, seconds=150.0, ended_seconds=400_000.0, expired=77)
    written = page.format_page(Extrapolation(None, (ROW, long_row)), "a machine")
    _, _, section = written.partition("## A lane that outlives its messages")
    assert "| 5,000 | 2 | 150 | 4.3 days | 4.6 days | 93.9% | 77 |" in section
    assert "| 2 |" not in written.replace(section, "")


def test_batch_of_items_costs_a_read_for_each() -> None:
    batches, items = (
        page.compute_usd(replace(ROW, reconcile_per_hour={f"dynamodb {name}": 1000.0}))
        for name in ("batch_get_item", "get_item")
    )
    hours = ROW.ended_seconds / 3600
    assert batches - items == pytest.approx(hours * compute_list_usd("dynamodb reads", 99_000))


def test_cost_counts_repeated_messages_and_what_reconcile_sends_again() -> None:
    hours = ROW.ended_seconds / 3600
    again = {"dynamodb get_item": 1000.0, "dynamodb transact_write_items": 1000.0, "sqs send_message": 1000.0}
    seconds = 3000 * REQUEST_SECONDS * page.read_memory(load_one_provider_stack())["reconcile"]
    expected = (
        compute_list_usd("dynamodb reads", 1000)
        + compute_list_usd("dynamodb writes", 6000)
        + compute_list_usd("sqs", 1000)
        + compute_list_usd("lambda seconds", seconds)
    )
    resent, idle = (page.compute_usd(replace(ROW, reconcile_per_hour=hourly)) for hourly in (again, {}))
    assert resent - idle == pytest.approx(hours * expected)
    repeated = page.compute_usd(replace(ROW, reconcile_per_hour={}, invocations={"render": 1.5, "deliver": 1.5}))
    # Sending, receiving, and deleting the messages, and announcing the result once more.
    least = compute_list_usd("sqs", 5) + compute_list_usd("events", 1)
    assert 0.5 * ROW.photos * least < repeated - idle < 0.5 * ROW.photos * 3 * least


def count_stage_use(world: LargeWorld, seconds: float) -> tuple[Counter[str], Counter[str]]:
    """Returns what the stages request in the next seconds: by function, and by service and operation, with reads."""
    before, keys = Counter(world.diary.requests_by_operation), KeyAccessCounter()
    world.transport.listeners.append(keys)
    world.pass_time(seconds)
    by_function, by_use = Counter[str](), Counter[str]()
    for (function, service, operation), times in (world.diary.requests_by_operation - before).items():
        if function in STAGES:
            by_function[function] += times
            by_use[f"{service} {operation}"] += times
    by_use["dynamodb reads"] = by_use["dynamodb query"] + keys.reads.total()
    return by_function, by_use


def count_repeat_use(*, discards_data: bool = False) -> tuple[Counter[str], Counter[str]]:
    """Returns what the stages request for a message whose job is done."""
    world = LargeWorld(1, in_flight=1, seconds=15.0, account=1, discards_data=discards_data)
    world.start()
    world.upload("shoes/1.jpg")
    world.run_until_ended(1, 300)
    world.pass_time(100)
    (job,) = world.list_jobs()
    enqueue_job(world.steps.reconcile.lane_queues[job.provider], job)
    return count_stage_use(world, 60)


def test_message_of_a_done_job_uses_what_the_page_counts() -> None:
    by_function, by_use = count_repeat_use()
    assert by_function == page.REPEAT_REQUESTS
    assert by_use["dynamodb reads"] == page.REPEAT_USE["dynamodb reads"]
    assert by_use["s3 head_object"] == page.REPEAT_USE["s3 reads"]
    assert by_use["events put_events"] == page.REPEAT_USE["events"]
    assert by_use["sqs send_message"] + 2 * LAMBDA_REQUESTS_PER_BATCH == page.REPEAT_USE["sqs"]


def test_message_that_was_sent_again_before_the_call_uses_what_the_page_counts() -> None:
    found: list[tuple[Counter[str], Counter[str]]] = []
    for is_resent in (False, True):
        world = LargeWorld(1, in_flight=1, seconds=15.0, account=1)
        world.start()
        world.pause_lane()
        world.upload("shoes/1.jpg")
        world.pass_time(60)
        (job,) = world.list_jobs()
        if is_resent:
            lane = world.find_lane()
            assert lane.receivable or lane.delayed
            lane.receivable.clear()
            lane.delayed.clear()
            enqueue_job(world.steps.reconcile.lane_queues[job.provider], job)
        world.resume_lane()
        found.append(count_stage_use(world, 3600))
    (functions, use), (late_functions, late_use) = found
    assert late_functions - functions == {"deliver": page.LATE_REQUESTS}
    assert {name: late_use[name] - use[name] for name in ("dynamodb reads", "s3 head_object")} == {
        "dynamodb reads": page.LATE_USE["dynamodb reads"],
        "s3 head_object": page.LATE_USE["s3 reads"],
    }


def test_receipt_that_the_check_has_discarded_is_written_again() -> None:
    (kept, _), (discarded, _) = (count_repeat_use(discards_data=one) for one in (False, True))
    assert discarded - kept == {"deliver": page.REWRITE_REQUESTS}


def test_cost_counts_calls_after_a_message_that_was_sent_again() -> None:
    requests = {**REQUESTS, "deliver": 8 + 0.5 * (5 + 2) + 0.8 * 3}
    invocations = {"render": 1.5, "deliver": 1.5}
    late, in_time = (
        page.compute_usd(replace(ROW, invocations=invocations, requests=one))
        for one in (requests, {**requests, "deliver": 8 + 0.5 * (5 + 2)})
    )
    seconds = 3 * REQUEST_SECONDS * page.read_memory(load_one_provider_stack())["deliver"]
    expected = (
        compute_list_usd("dynamodb reads", 2)
        + compute_list_usd("s3 reads", 1)
        + compute_list_usd("lambda seconds", seconds)
    )
    assert late - in_time == pytest.approx(0.8 * ROW.photos * expected)


def test_waiting_job_is_as_large_as_the_page_assumes() -> None:
    world = LargeWorld(1, in_flight=1, seconds=15.0, account=1)
    world.start()
    world.pause_lane()
    world.upload("shoes/1.jpg")
    world.pass_time(60)
    (job,) = world.list_jobs()
    assert job.status is JobStatus.ACCEPTED
    waiting = next(item for key, item in world.table.items.items() if key[1].startswith("job#"))
    later = {**waiting, "due": {"S": "2027-01-01T00:00:00.000+00:00"}}
    units = TRANSACTION_FACTOR * ceil(measure_item_bytes(waiting) / 1024) + count_index_writes(waiting, later)
    assert units == page.JOB_WRITE_UNITS


def test_world_that_never_ends_raises_an_error() -> None:
    world = LargeWorld(1, in_flight=1, seconds=15.0, account=1)
    world.start()
    with pytest.raises(RuntimeError, match="0 of 1 photos"):
        world.run_until_ended(1, 100)
