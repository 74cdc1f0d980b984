"""The daily budget: above it, the lane pauses with one report until the next day (UTC) or until a person raises it."""

from datetime import datetime, timedelta

import pytest

from backdrop.model import pricing
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.simulated_days import (
    DAY,
    EVERY_SECONDS,
    list_event_types,
    list_pause_reasons,
    list_provider_codes,
    list_report_codes,
    pass_time,
    read_provider_report,
    run_reconcile,
)
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

BLUE = "shoes/blue.jpg"
EVENT_TYPES = ["Image Completed", "Provider Paused", "Budget Reached"]


def world_at_its_budget(hour: int = 9, minute: int = 0) -> tuple[World, datetime]:
    """Returns a world in which one photo has used up the budget and another waits, and the next midnight."""
    world = World(budget=PRICE)
    tomorrow = world.clock.now().replace(hour=0, minute=0) + timedelta(days=1)
    world.clock.advance_to(tomorrow + timedelta(hours=hour, minutes=minute))
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    world.upload_photo(BLUE, build_photo("blue"), operation="remove")
    world.run_until_empty()
    assert world.clock.now() < tomorrow + timedelta(days=1)
    return world, tomorrow + timedelta(days=1)


@pytest.mark.parametrize(("hour", "minute"), [(0, 5), (9, 0), (23, 50)], ids=["00:05", "09:00", "23:50"])
def test_photo_over_the_budget_is_bought_the_next_day(hour: int, minute: int) -> None:
    world, midnight = world_at_its_budget(hour, minute)
    pass_time(world, (midnight - world.clock.now()).total_seconds() - 1)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (PRICE, ["budget"])
    pass_time(world, EVERY_SECONDS)
    assert (find_only_job(world, BLUE).status, world.provider.charged_micro_usd) == (JobStatus.STORED, 2 * PRICE)
    assert find_only_job(world, BLUE).attempts[0].budget_day == midnight.date().isoformat()
    assert world.read_budget()["committed"] == PRICE
    assert (read_provider_report(world), list_event_types(world)) == (
        None,
        [*EVENT_TYPES, "Provider Resumed", "Image Completed"],
    )
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


def test_reached_budget_causes_one_report_and_one_event() -> None:
    world, _ = world_at_its_budget()
    for n in range(5):
        world.upload_photo(f"hats/{n}.jpg", build_photo(f"{n}"), operation="remove")
    pass_time(world, 3600)
    report = read_provider_report(world)
    assert report
    assert [(one["code"], one["status"], one["money"]) for one in report["errors"]] == [
        ("budget_reached", "paused", "not_spent")
    ]
    assert "$" not in report["errors"][0]["message"]
    assert "`backdrop budget 300 --today`" in report["errors"][0]["hint"]
    assert [list_report_codes(world, job.key) for job in world.list_jobs()] == [[]] * 7
    assert list_event_types(world) == EVENT_TYPES


def test_reached_budget_does_not_use_up_message_receives() -> None:
    world, _ = world_at_its_budget()
    pass_time(world, DAY / 2)
    (message,) = world.queues["ideogram"].messages
    assert message.receive_count == 1
    assert [wait.code for wait in world.returned_messages] == [Code.BUDGET_REACHED]


def test_budget_of_zero_buys_nothing_but_loses_nothing() -> None:
    """Lanes keep a message for four days. By then, reconcile has sent a new one."""
    world = world_with_photo(budget=0)
    pass_time(world, 9 * DAY, every=DAY / 8)
    assert (world.provider.received_job_ids, world.read_budget(), find_only_job(world).status) == (
        [],
        {},
        JobStatus.ACCEPTED,
    )
    assert list_provider_codes(world) == ["budget_reached"]
    assert world.sqs.list_messages(world.queues["ideogram"])
    assert not world.dead_letter_queue.messages


# -- raised by a person -------------------------------------------------------------------------------------------


def test_lane_resumes_after_a_person_raises_todays_budget() -> None:
    world, midnight = world_at_its_budget()
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 2 * PRICE)
    pass_time(world, EVERY_SECONDS)
    assert (find_only_job(world, BLUE).status, list_pause_reasons(world)) == (JobStatus.STORED, [])
    world.upload_photo("hats/1.jpg", build_photo("1"), operation="remove")
    pass_time(world, (midnight - world.clock.now()).total_seconds() - 1)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (2 * PRICE, ["budget"])
    assert_at_rest_except(world, "hats/1.jpg")


def test_raised_budget_is_valid_for_one_day_only() -> None:
    world, midnight = world_at_its_budget()
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 10 * PRICE)
    pass_time(world, (midnight - world.clock.now()).total_seconds() + EVERY_SECONDS)
    for n in range(3):
        world.upload_photo(f"hats/{n}.jpg", build_photo(f"{n}"), operation="remove")
    pass_time(world, 3600)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (3 * PRICE, ["budget"])


def test_raise_that_does_not_cover_the_next_job_resumes_no_lane() -> None:
    world, _ = world_at_its_budget()
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 2 * PRICE - 1)
    pass_time(world, 3600)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (PRICE, ["budget"])
    (message,) = world.queues["ideogram"].messages
    assert message.receive_count == 1


# -- reservations, unknown charges, and rising prices ------------------------------------------------------------


def test_reservations_of_calls_in_flight_delay_without_a_pause() -> None:
    """The reservation will be released soon, so no report is needed."""
    world = World(budget=PRICE)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.upload_photo(BLUE, build_photo("blue"), operation="remove")
    world.run_until_empty("intake")
    seen: list[object] = []

    def claim_meanwhile() -> None:
        world.deliver_next("ideogram")
        seen.extend(
            [
                *(wait.code for wait in world.returned_messages),
                world.read_report(KEY),
                world.read_report(BLUE),
                list_pause_reasons(world),
            ]
        )

    world.provider.script.append(CallBehavior(run_during_call=claim_meanwhile))
    world.deliver_next("ideogram")
    assert seen == [Code.BUDGET_RESERVED, None, None, []]
    assert world.provider.charged_micro_usd == PRICE


def test_price_that_rose_while_waiting_is_reserved_and_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_with_photo(budget=2 * PRICE)
    world.run_until_empty("intake")
    assert find_only_job(world).quoted == PRICE
    monkeypatch.setitem(pricing.REMOVE_PER_INPUT, "ideogram", {"ideogram": 2 * PRICE})
    reserved: list[int] = []
    world.provider.script.append(CallBehavior(run_during_call=lambda: reserved.append(world.read_budget()["reserved"])))
    world.run_until_empty()
    assert reserved == [2 * PRICE]
    assert (find_only_job(world).quoted, find_only_job(world).charged) == (2 * PRICE, 2 * PRICE)
    assert_at_rest(world)


def world_above_its_budget(monkeypatch: pytest.MonkeyPatch) -> World:
    """Returns a world with a photo whose price rose above the whole day's budget while it waited."""
    world = world_with_photo(budget=PRICE)
    world.run_until_empty("intake")
    monkeypatch.setitem(pricing.REMOVE_PER_INPUT, "ideogram", {"ideogram": 2 * PRICE})
    pass_time(world, EVERY_SECONDS)
    monkeypatch.undo()
    return world


def test_job_above_the_whole_daily_budget_is_reported_without_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the job paused its lane, the lane would stay paused for all other jobs forever."""
    world = world_above_its_budget(monkeypatch)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["status"], one["money"]) for one in report["errors"]] == [
        ("budget_reached", "accepted", "not_spent")
    ]
    assert "costs up to $0.02, which is more than a whole day's budget ($0.01)" in report["errors"][0]["message"]
    assert (list_pause_reasons(world), read_provider_report(world), world.provider.received_job_ids) == ([], None, [])
    world.upload_photo(BLUE, build_photo("blue"), operation="remove")
    world.run_for(60)
    assert find_only_job(world, BLUE).status is JobStatus.STORED


def test_job_above_the_daily_budget_is_reported_despite_crashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_with_photo(budget=PRICE)
    world.run_until_empty("intake", "deliver")
    monkeypatch.setitem(pricing.REMOVE_PER_INPUT, "ideogram", {"ideogram": 2 * PRICE})
    world.transport.faults_before.append(fault := TargetedFault(crash_worker, "send_message", times=2))
    pass_time(world, 1800)
    assert (fault.hit_count, list_report_codes(world, KEY)) == (2, ["budget_reached"])


def test_job_above_the_daily_budget_runs_after_a_raise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_above_its_budget(monkeypatch)
    monkeypatch.setitem(pricing.REMOVE_PER_INPUT, "ideogram", {"ideogram": 2 * PRICE})
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 2 * PRICE)
    world.run_for(3700)
    assert (find_only_job(world).status, list_report_codes(world, KEY), world.provider.charged_micro_usd) == (
        JobStatus.STORED,
        [],
        2 * PRICE,
    )


def test_lost_answer_that_no_budget_can_repeat_is_held() -> None:
    """A person had raised the budget for the day on which the call was sent."""
    world = world_with_photo(budget=PRICE // 2)
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), PRICE)
    world.provider.script.append(build_charged_hang_up())
    pass_time(world, 3600)
    job = find_only_job(world)
    assert (job.status, job.unknown, world.provider.charged_micro_usd) == (JobStatus.HELD, PRICE, PRICE)
    assert (list_report_codes(world, KEY), list_event_types(world)) == (["charge_unknown"], ["Image Failed"])


def test_budget_and_person_are_separate_reasons_to_pause() -> None:
    world, _ = world_at_its_budget()
    world.pause_lane()
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 2 * PRICE)
    pass_time(world, 3600)
    assert (list_pause_reasons(world), world.provider.charged_micro_usd) == (["person"], PRICE)
    world.resume_lane()
    run_reconcile(world)
    world.run_until_empty()
    assert find_only_job(world, BLUE).status is JobStatus.STORED


def assert_at_rest_except(world: World, waiting: str) -> None:
    """Asserts that everything is at rest except one photo, which waits for the budget."""
    job = find_only_job(world, waiting)
    assert (job.status, job.attempts, list_report_codes(world, waiting)) == (JobStatus.ACCEPTED, (), [])


# -- shares, which larger stacks have ------------------------------------------------------------------------------


def world_with_shares(share_count: int, budget: int, photo_count: int) -> World:
    """Returns a world whose lane has handled photos at $0.01 each, after their calls were settled."""
    world = World(budget=budget, budget_shares=share_count)
    for n in range(photo_count):
        world.upload_photo(f"hats/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty()
    return world


@pytest.mark.parametrize("share_count", [1, 2, 7, 30])
def test_shares_together_buy_as_much_as_the_budget_covers(share_count: int) -> None:
    world = world_with_shares(share_count, 5 * PRICE + PRICE // 2, 8)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (5 * PRICE, ["budget"])
    assert list_provider_codes(world) == ["budget_reached"]
    assert world.read_budget()["committed"] == 5 * PRICE


def test_people_see_the_sum_of_all_shares() -> None:
    world = world_with_shares(4, 100 * PRICE, 6)
    day = world.steps.ledger_queries.read_budget_day(world.clock.now().date().isoformat())
    assert (day.spent, day.reserved, day.cap) == (6 * PRICE, 0, None)
    assert len({attempt.budget_share for job in world.list_jobs() for attempt in job.attempts}) > 1


def test_lane_resumes_if_the_shares_have_enough_the_next_day() -> None:
    world = world_with_shares(3, 2 * PRICE, 3)
    assert list_pause_reasons(world) == ["budget"]
    pass_time(world, DAY)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (3 * PRICE, [])
    assert world.read_budget((world.clock.now() - timedelta(days=1)).date().isoformat())["committed"] == 2 * PRICE


def test_answer_after_midnight_is_settled_on_the_share_of_the_claims_day() -> None:
    world = World(budget=PRICE, budget_shares=2)
    midnight = world.clock.now().replace(hour=0, minute=0) + timedelta(days=1)
    world.clock.advance_to(midnight - timedelta(seconds=30))
    world.provider.default_behavior = CallBehavior(work_seconds=60)
    world.start()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.event_loop.run_until(midnight + timedelta(minutes=5))
    assert find_only_job(world).status is JobStatus.STORED
    assert (find_only_job(world).attempts[0].charged, world.read_budget()) == (PRICE, {})
    assert world.read_budget((midnight - timedelta(days=1)).date().isoformat())["confirmed"] == PRICE


@pytest.mark.parametrize(("slots", "shares"), [(10, {None}), (49, {None}), (50, {1, 2})])
def test_stack_has_shares_from_fifty_slots_on(slots: int, shares: set[int | None]) -> None:
    world = World(in_flight=slots)
    for n in range(8):
        world.upload_photo(f"hats/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty()
    assert {job.attempts[0].budget_share for job in world.list_jobs()} == shares


def test_slots_of_all_lanes_count() -> None:
    world = World(in_flight=25, other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    assert world.steps.bootstrap.budget_share_count == 2


def test_reconcile_returns_grants_above_a_cap_that_a_deployment_lowered() -> None:
    """The day's item has no cap of its own then: the functions have another budget from now on."""
    world = world_with_shares(2, 100 * PRICE, 2)
    today = world.clock.now().date().isoformat()
    shares = world.steps.bootstrap.purchases.budget_shares
    assert shares.read(today).granted > 2 * PRICE
    world.steps.reconcile.daily_budget = 2 * PRICE
    run_reconcile(world)
    assert (shares.read(today).granted, shares.read(today).left(2 * PRICE)) == (2 * PRICE, 0)


def test_reconcile_returns_what_an_interrupted_command_left_above_the_cap() -> None:
    world = world_with_shares(2, 100 * PRICE, 2)
    today = world.clock.now().date().isoformat()
    world.transport.faults_before.append(TargetedFault(crash_worker, "transact_write_items"))
    with pytest.raises(SimulatedCrash):
        world.steps.ledger_queries.set_day_cap(today, 3 * PRICE)
    shares = world.steps.bootstrap.purchases.budget_shares
    assert shares.read(today).granted > 3 * PRICE
    run_reconcile(world)
    assert (shares.read(today).held, shares.read(today).left(3 * PRICE)) == (3 * PRICE, PRICE)


def test_raised_cap_lets_empty_shares_borrow_again() -> None:
    world = world_with_shares(3, 2 * PRICE, 4)
    assert list_pause_reasons(world) == ["budget"]
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 3 * PRICE)
    pass_time(world, 600)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (3 * PRICE, ["budget"])
    world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), 4 * PRICE)
    pass_time(world, 600)
    assert (world.provider.charged_micro_usd, list_pause_reasons(world)) == (4 * PRICE, [])


def test_worker_that_crashes_after_borrowing_leaves_the_money_to_others() -> None:
    world = World(budget=PRICE, budget_shares=3)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty("intake")
    fault = TargetedFault(crash_worker, "transact_write_items", matches=lambda call: "granted" in str(call.request))
    world.transport.faults_after.append(fault)
    world.run_until_empty()
    pass_time(world, 3600)
    assert fault.hit_count == 1
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_stack_without_shares_stores_no_trace_of_them() -> None:
    world = World(budget=10 * PRICE)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert not [key for key in world.table.items if key[0].startswith("share#")]
    assert "budget_share" not in str([*world.table.items.values()])
    assert not {"granted", "share_count"} & world.table.items[f"budget#{world.clock.now().date()}", "budget"].keys()
