"""The simulated world with the times of the emulator and of AWS: it counts, it foretells, and it says what breaks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.beyond import page
from bench.beyond.__main__ import _row
from bench.beyond.aws import SMALL, Pace, Scaled, play
from bench.beyond.calibrate import calibrated
from bench.beyond.fair import FairSqs
from bench.beyond.found import CALIBRATION, Beyond, foresee, with_row
from bench.beyond.heat import heat
from bench.beyond.large import LargeWorld
from bench.beyond.machine import Costs, Machine, rehearse
from bench.beyond.quotas import numbers, rates
from bench.drain.figures import Figures
from bench.drain.scenario import Scenario
from bench.keep import keep, kept
from bench.processors import STAGES
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue
from simulation.world.transport import Transport
from simulation.world.world_clock import WORLD_START, WorldClock

COSTS = Costs(dict.fromkeys(STAGES, 0.003), served=0.002, upload=0.01, called=0.01, waits=0.02, starts=0.5)
QUICK = Scenario(20, 5, 1.0)
PACE = Pace(dict.fromkeys(STAGES, 0.01))


def seconds(scenario: Scenario, costs: Costs = COSTS) -> float:
    return max(rehearse(scenario, costs).diary.ended.values())


# -- the queues --------------------------------------------------------------------------------------------------


@pytest.fixture
def queue() -> tuple[FairSqs, SimulatedQueue, WorldClock]:
    clock = WorldClock(Random(1))
    sqs = FairSqs(Transport(clock), clock, Random(1))
    return sqs, sqs.create_queue("lane", visibility_seconds=30, retention_seconds=100), clock


def send(sqs: FairSqs, line: SimulatedQueue, body: str, group: str = "") -> None:
    sqs.send_message(QueueUrl=line.url, MessageBody=body, **({"MessageGroupId": group} if group else {}))


def received(sqs: FairSqs, line: SimulatedQueue) -> SimulatedMessage:
    message = sqs.receive(line)
    assert message
    return message


def test_a_group_with_fewer_messages_under_way_is_served_first(
    queue: tuple[FairSqs, SimulatedQueue, WorldClock],
) -> None:
    sqs, line, _ = queue
    for n in range(4):
        send(sqs, line, f"many {n}", "many")
    assert [received(sqs, line).body for _ in range(2)] == ["many 0", "many 1"]
    send(sqs, line, "few 0", "few")
    send(sqs, line, "few 1", "few")
    assert [received(sqs, line).body for _ in range(3)] == ["few 0", "few 1", "many 2"]


def test_messages_come_again_late_or_never_as_in_any_queue(queue: tuple[FairSqs, SimulatedQueue, WorldClock]) -> None:
    sqs, line, clock = queue
    for body in ("first", "second", "third"):
        send(sqs, line, body)
    first, second = received(sqs, line), received(sqs, line)
    sqs.delete(line, first.receipt_handle)
    sqs.change_message_visibility(QueueUrl=line.url, ReceiptHandle=second.receipt_handle, VisibilityTimeout=5)
    assert received(sqs, line).body == "third"
    assert sqs.receive(line) is None
    assert sqs.find_next_visible_at([line]) == WORLD_START + timedelta(seconds=5)
    clock.sleep(5)
    assert (received(sqs, line).body, second.receive_count) == ("second", 2)
    clock.sleep(96)
    assert sqs.receive(line) is None
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    said = sqs.get_queue_attributes(QueueUrl=line.url, AttributeNames=names)["Attributes"]
    assert said == dict.fromkeys(names, "0")


# -- the emulator's time -----------------------------------------------------------------------------------------


def test_two_work_at_a_time_and_the_emulator_does_one_thing_after_another() -> None:
    machine = Machine()
    assert [machine.work(0, 1) for _ in range(3)] == [1, 1, 2]
    emulator = Machine()
    assert [emulator.serve(0, 1) for _ in range(3)] == [1, 2, 3]
    assert emulator.work(0, 1) == 1


def test_a_run_that_costs_nothing_takes_its_calls_time_and_every_cost_makes_it_longer() -> None:
    free = Costs(dict.fromkeys(STAGES, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)
    assert seconds(QUICK, free) == pytest.approx(QUICK.ideal_seconds, abs=0.001)
    for name in ("served", "upload", "called", "waits"):
        dear: dict[str, Any] = {name: 0.02}
        assert seconds(QUICK, replace(free, **dear)) > QUICK.ideal_seconds + 0.01, name
    assert seconds(replace(QUICK, cold=True)) > seconds(QUICK) + COSTS.starts


def test_half_an_account_turns_calls_away_and_takes_its_own_time() -> None:
    half = rehearse(Scenario(20, 4, 1.0, account=2), COSTS)
    assert half.diary.turned_away > 0
    assert len(half.diary.calls) == 20
    assert max(half.diary.ended.values()) >= 10


def figures(scenario: Scenario) -> Figures:
    """What the bench would measure if the machine were as the world with COSTS."""
    world = rehearse(scenario, COSTS)
    n, asked = scenario.photos, world.diary
    calls = {name: sum(times for (who, _, _), times in asked.asked.items() if who == name) for name in STAGES}
    turns = n + sum(asked.requests(name) + 2 * asked.invoked[name] for name in STAGES)
    spent = {name: 0.003 * calls[name] for name in STAGES} | {"emulator": 0.002 * turns}
    spent |= {"bench": 0.01 * n, "stand-in": 0.01 * n}
    cpu = {name: 1000 * used / n for name, used in spent.items()}
    measured, begins = max(asked.ended.values()), sorted(at for at, _ in asked.calls)
    pauses = [
        at - end for at, end in zip(begins[scenario.slots :], sorted(end for _, end in asked.calls), strict=False)
    ]
    lost = {"between": sum(pauses) / (n * scenario.seconds)}
    return Figures(
        scenario, measured, 1.0, 1.0, 1.0, 1.0, 1.0, {}, lost, (0.0, 0.0, 0.0), cpu, 0.1, 0.0, 0.0, cold_starts={}
    )


def test_the_costs_of_a_world_are_found_again_from_its_runs() -> None:
    runs = [figures(Scenario(30, 5, 1.0)), figures(Scenario(30, 10, 1.0, cold=True))]
    found = calibrated(runs)
    assert found.served == pytest.approx(COSTS.served, rel=0.002)
    assert found.waits == pytest.approx(COSTS.waits, rel=0.02)
    assert found.starts == pytest.approx(COSTS.starts, rel=0.05)


def test_only_the_drains_runs_of_a_hundred_photos_calibrate(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = Scenario(100, 10, 1.0), Scenario(30, 10, 1.0, account=5)

    def fitted(runs: Sequence[Figures]) -> Costs:
        assert [one.scenario for one in runs] == [few]
        return COSTS

    monkeypatch.setattr("bench.beyond.found.calibrated", fitted)
    found = foresee([figures(few), figures(many)])
    assert [one.scenario for one in found.calibration] == [few]
    assert [one.scenario for one in found.held_out] == [many]
    assert {one.photos for one in CALIBRATION} == {100}
    assert abs(found.held_out[0].off) < page.MOST_OFF


# -- AWS's time --------------------------------------------------------------------------------------------------


def test_a_small_folder_does_not_wait_for_a_large_one() -> None:
    few, many = play(120, 5, 4.0, PACE), play(480, 5, 4.0, PACE)
    assert many.ended > 3 * few.ended
    assert many.small < few.small + 2 * 4.0
    assert many.small < many.ended / 4


def test_a_photo_asks_no_more_of_aws_where_there_are_more() -> None:
    few, many = play(100, 10, 4.0, PACE), play(300, 10, 4.0, PACE)
    assert sum(many.asked.values()) <= sum(few.asked.values())
    assert many.pause_ms == pytest.approx(few.pause_ms, rel=0.25)


def test_many_slots_are_in_each_others_way_at_the_days_budget() -> None:
    narrow, wide = play(60, 5, 4.0, PACE), play(200, 100, 4.0, PACE)
    assert wide.conflicts > narrow.conflicts
    assert wide.asked["render"] > narrow.asked["render"] > 5


def test_what_all_photos_share_is_written_by_two_transactions_of_each() -> None:
    found = heat()
    assert (found.budget, found.lane, found.index) == (2, 1, 6)
    assert found.largest < 4096


def test_limits_come_in_the_order_in_which_they_are_met() -> None:
    found = heat()
    for quotas in (rates(found), numbers(found)):
        met = [one.met for one in quotas]
        assert met == sorted(met)


# -- the page ----------------------------------------------------------------------------------------------------

ROW = Scaled(100, 10, 15.0, 170.0, 20.0, 190.0, 35.0, {"intake": 7.5}, {"render": 1.0}, 0.1, {"dynamodb query": 900.0})


def test_a_row_that_is_played_again_takes_the_place_of_its_like() -> None:
    again, larger = replace(ROW, ended=171.0), replace(ROW, photos=1000)
    assert with_row([ROW, larger], again) == (again, larger)
    assert with_row([larger], ROW) == (ROW, larger)


def test_the_page_says_what_was_played_and_what_only_follows(tmp_path: Path) -> None:
    keep("beyond", Beyond(None, (ROW,)), 1.0, tmp_path)
    found = kept("beyond", Beyond, tmp_path)
    assert found
    written = page.page(found.found, found.machine)
    assert "| 100 | 2.8 min | 2.8 min | 97.1% | 190 |" in written
    assert "| *1,000,000* |" in written
    assert "Not calibrated yet" in written
    assert f"a folder of {SMALL}" in written


def test_the_page_is_what_the_kept_rows_say() -> None:
    found = kept("beyond", Beyond)
    assert found
    assert page.PAGE.read_text() == page.page(found.found, found.machine), "write it anew: make docs"


def test_rows_are_asked_for_by_their_photos_or_with_slots_and_seconds() -> None:
    assert [_row(text) for text in ("100", "500,50", "5000,2,150")] == [(100, 10, 15), (500, 50, 15), (5000, 2, 150)]


def test_a_lane_that_outlives_its_messages_has_a_part_of_its_own() -> None:
    lasting = replace(ROW, photos=5000, limit=2, seconds=150.0, ended=400_000.0, expired=77)
    written = page.page(Beyond(None, (ROW, lasting)), "a machine")
    assert "though 77 messages had grown too old" in written
    assert "| 2 |" not in written


def test_a_world_that_never_ends_says_so() -> None:
    world = LargeWorld(1, in_flight=1, seconds=15.0, account=1)
    world.start()
    with pytest.raises(RuntimeError, match="0 of 1 photos"):
        world.play(1, 100)
