"""The day's budget: beyond it a photo waits, seldom asks again, and is bought when the next day (UTC) begins."""

from datetime import datetime, timedelta

import pytest

from backdrop.core import money
from backdrop.core.codes import Code
from backdrop.core.job import Status
from proof.world.pictures import photo
from proof.world.provider import Reaction
from proof.world.stack import MOST_RECEIVES, World
from tests.unit.simulation import KEY, PRICE, assert_at_rest, dropped, the_job

BLUE = "shoes/blue.jpg"
JITTER_SECONDS = 30


def beginning_at(hour: int, minute: int, *, budget: int) -> tuple[World, datetime]:
    """An empty world at a time of day, and the midnight at which its next day begins."""
    world = World(budget=budget)
    tomorrow = world.clock.now().replace(hour=0, minute=0) + timedelta(days=1)
    world.clock.wait_until(tomorrow + timedelta(hours=hour, minutes=minute))
    return world, tomorrow + timedelta(days=1)


def bought_out(hour: int, minute: int) -> tuple[World, datetime]:
    """A world whose budget one photo has used up, and in which another waits; and the next midnight."""
    world, midnight = beginning_at(hour, minute, budget=PRICE)
    world.drop(KEY, photo(), operation="remove")
    world.run()
    world.drop(BLUE, photo("blue"), operation="remove")
    world.run("intake")
    assert world.clock.now() < midnight
    return world, midnight


@pytest.mark.parametrize(("hour", "minute"), [(0, 5), (9, 0), (23, 50)], ids=["00:05", "09:00", "23:50"])
def test_a_photo_over_the_budget_waits_with_a_report_and_is_bought_when_the_next_day_begins(
    hour: int, minute: int
) -> None:
    world, midnight = bought_out(hour, minute)
    world.run_for((midnight - world.clock.now()).total_seconds() - 1)
    assert world.provider.charged == PRICE
    report = world.report(BLUE)
    assert report
    assert [(one["code"], one["status"], one["money"]) for one in report["errors"]] == [
        ("budget_reached", "accepted", "not_spent")
    ]
    world.run_for(60 + JITTER_SECONDS)
    assert (the_job(world, BLUE).status, world.provider.charged) == (Status.STORED, 2 * PRICE)
    assert the_job(world, BLUE).attempts[0].day == midnight.date().isoformat()
    assert world.booked()["committed"] == PRICE
    assert world.report(BLUE) is None
    assert not world.dead_letters.messages
    assert_at_rest(world)


def test_the_wait_for_budget_doubles_up_to_an_hour_and_never_passes_midnight() -> None:
    world, midnight = bought_out(0, 5)
    world.run()
    waits = [wait for wait in world.waits if wait.code is Code.BUDGET_REACHED]
    grown = [min(10 * 2.0**n, 3600) for n in range(len(waits))]
    ends = [wait.at + timedelta(seconds=wait.seconds) for wait in waits]
    for wait, seconds in zip(waits, grown, strict=True):
        left = (midnight - wait.at).total_seconds()
        assert 0 <= wait.seconds - min(seconds, left) <= JITTER_SECONDS
    assert max(wait.seconds for wait in waits) > 3600
    assert midnight <= ends[-1] <= midnight + timedelta(seconds=JITTER_SECONDS)
    assert len(waits) < 40 < MOST_RECEIVES["ideogram"]


def test_a_budget_of_zero_buys_nothing_for_days_and_says_so() -> None:
    world = dropped(budget=0)
    world.run_for(5 * 86_400)
    assert world.provider.calls == []
    assert the_job(world).status is Status.ACCEPTED
    report = world.report(KEY)
    assert report
    assert report["errors"][0]["code"] == "budget_reached"
    assert "$0.01" in report["errors"][0]["message"]
    assert "$0.00" in report["errors"][0]["message"]
    assert not world.dead_letters.messages


def test_what_calls_in_flight_have_reserved_is_waited_for_without_a_report() -> None:
    """It is back in a moment, so nobody need read of it."""
    world = World(budget=PRICE)
    world.drop(KEY, photo(), operation="remove")
    world.drop(BLUE, photo("blue"), operation="remove")
    world.run("intake")
    seen: list[object] = []

    def others() -> None:
        world.turn("ideogram")
        seen.extend([wait.code for wait in world.waits] + [world.report(KEY), world.report(BLUE)])

    world.provider.script.append(Reaction(meanwhile=others))
    world.turn("ideogram")
    assert seen == [Code.BUDGET_RESERVED, None, None]
    assert world.provider.charged == PRICE


def test_a_price_that_rose_while_the_photo_waited_is_what_is_reserved_and_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = dropped(budget=2 * PRICE)
    world.run("intake")
    assert the_job(world).quoted == PRICE
    monkeypatch.setitem(money.REMOVE_PER_INPUT, "ideogram", 2 * PRICE)
    reserved: list[int] = []
    world.provider.script.append(Reaction(meanwhile=lambda: reserved.append(world.booked()["reserved"])))
    world.run()
    assert reserved == [2 * PRICE]
    assert (the_job(world).quoted, the_job(world).charged) == (2 * PRICE, 2 * PRICE)
    assert_at_rest(world)


def test_a_price_that_rose_above_the_budget_is_told_and_not_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    world = dropped(budget=PRICE)
    world.run("intake")
    monkeypatch.setitem(money.REMOVE_PER_INPUT, "ideogram", 2 * PRICE)
    world.run_for(60)
    assert world.provider.calls == []
    report = world.report(KEY)
    assert report
    assert "costs up to $0.02; $0.01 is today's budget" in report["errors"][0]["message"]
