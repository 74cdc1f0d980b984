"""How long a job waits and how often it says so: twice as long each time, and nothing claimed before there is a key."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from backdrop.core.answer import Answer, Class
from backdrop.core.codes import Code
from backdrop.core.job import Status
from functions.deployment_check import app as deployment_check
from proof.world.provider import Reaction, refuses
from proof.world.stack import LIMITS, World
from proof.world.wire import Call, Strike, throttle
from tests.unit.simulation import KEY, PRICE, assert_at_rest, claim, dropped, the_job

WRONG_KEY = refuses(Class.PAUSE, Code.PROVIDER_KEY_REFUSED)
BUSY = refuses(Class.BACKOFF, Code.PROVIDER_UNAVAILABLE)
NO_KEY = Answer(Class.PAUSE, Code.PROVIDER_KEY_MISSING, "There is no API key for Ideogram: the secret is empty.")


def asleep(seconds: float, world: World) -> Callable[[Call], None]:
    """A service that takes its time."""
    return lambda _: world.clock.sleep(seconds)


def without_a_key() -> World:
    """A world whose provider has no key yet, with a photo that waits for it."""
    world = dropped()
    world.provider.unready = NO_KEY
    return world


# -- twice as long each time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [WRONG_KEY, BUSY], ids=["wrong key", "busy"])
def test_a_provider_out_of_order_is_asked_more_and_more_seldom(refusal: Reaction) -> None:
    world = dropped()
    world.provider.otherwise = refusal
    world.run_for(7200)
    waits = [wait.seconds for wait in world.waits]
    assert len(waits) == len(world.provider.calls) > 10
    for wait, grown in zip(waits, [10, 20, 40, 80, 160, 320, 640, *[900] * len(waits)], strict=False):
        assert 0 <= wait - grown <= 2


def test_another_problem_begins_with_a_short_wait_again() -> None:
    world = dropped()
    world.provider.script.extend([WRONG_KEY, WRONG_KEY, WRONG_KEY, BUSY])
    world.run()
    assert [round(wait.seconds) // 10 for wait in world.waits] == [1, 2, 4, 1]


def test_a_provider_that_says_when_to_come_again_is_believed() -> None:
    world = dropped()
    world.provider.script.extend([refuses(Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after=77)] * 3)
    world.run()
    assert [77 <= wait.seconds <= 79 for wait in world.waits] == [True] * 3


def test_a_report_is_written_anew_at_the_first_second_fourth_and_eighth_time() -> None:
    """The ledger counts every time; the file is not written again for each."""
    world = dropped()
    world.run("intake", "deliver")
    world.provider.otherwise = WRONG_KEY
    told: list[int] = []

    def note(call: Call) -> None:
        if call.sent["QueueUrl"] == world.lines["deliver"].url:
            problem = the_job(world).problem
            told.append(problem.times if problem else 0)

    world.wire.after.append(Strike(note, "send_message", times=10_000))
    world.run_for(20_000)
    problem = the_job(world).problem
    assert problem
    assert 16 < problem.times < 32
    assert told == [1, 2, 4, 8, 16]


# -- no key, no claim --------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_claimed_or_booked() -> None:
    world = without_a_key()
    world.run_for(3600)
    job = the_job(world)
    assert (job.status, job.attempt, job.attempts, job.submitted_at) == (Status.ACCEPTED, 0, (), None)
    assert (world.booked(), world.provider.calls) == ({}, [])
    report = world.report(KEY)
    assert report
    assert [(one["code"], one["retryable"], one["money"]) for one in report["errors"]] == [
        ("provider_key_missing", True, "not_spent")
    ]
    assert {wait.code for wait in world.waits} == {Code.PROVIDER_KEY_MISSING}


def test_a_photo_goes_by_itself_when_the_key_is_there() -> None:
    world = without_a_key()
    world.run_for(3600)
    world.provider.unready = None
    world.run()
    assert (the_job(world).status, world.provider.charged) == (Status.STORED, PRICE)
    assert world.report(KEY) is None
    assert_at_rest(world)


def test_a_key_that_is_not_there_outranks_a_budget_that_is_reached() -> None:
    """Which of the two is told must not change from one delivery to the next."""
    world = dropped(budget=0)
    world.provider.unready = NO_KEY
    world.run_for(3600)
    assert {wait.code for wait in world.waits} == {Code.PROVIDER_KEY_MISSING}


# -- too little time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spent", "starts"), [(10, True), (10.5, False)], ids=["just enough", "too little"])
def test_a_call_starts_only_where_it_can_end_and_be_recorded(spent: float, starts: bool) -> None:
    """300 s are left, a call takes up to 280 s and its record 10 s; reading the photo takes the rest."""
    world = dropped()
    world.provider.timeout_seconds = 280
    world.run("intake", "deliver")
    world.wire.before.append(Strike(asleep(spent, world), "get_object"))
    world.turn("ideogram")
    assert bool(world.provider.calls) is starts
    assert [wait.code for wait in world.waits] == ([] if starts else [Code.TOO_LITTLE_TIME])
    assert (the_job(world).status, the_job(world).attempt) == ((Status.PAID, 1) if starts else (Status.ACCEPTED, 0))


def test_a_call_that_the_deployment_check_lets_through_can_start() -> None:
    """Five seconds for ledger, photo and key are part of the check's margin."""
    world = dropped()
    world.provider.timeout_seconds = LIMITS["ideogram"] - deployment_check.MARGIN_SECONDS
    world.run("intake")
    world.wire.before.append(read := Strike(asleep(5, world), "get_object"))
    world.run("ideogram")
    world.run()
    assert read.hits == 1
    assert world.waits == []
    assert the_job(world).status is Status.STORED


def test_a_wait_inside_the_slot_leaves_time_for_the_call_after_it() -> None:
    world = dropped()
    world.provider.timeout_seconds = 280
    world.provider.script.extend([refuses(Class.QUOTA, Code.PROVIDER_THROTTLED, retry_after=12)])
    world.run("intake")
    world.turn("ideogram")
    assert (len(world.provider.calls), [wait.code for wait in world.waits]) == (1, [Code.PROVIDER_THROTTLED])
    world.run()
    assert the_job(world).status is Status.STORED


# -- why a message comes again -----------------------------------------------------------------------------------


def test_a_job_in_anothers_call_says_so_and_waits_for_its_lease() -> None:
    world = dropped()
    world.run("intake")
    claimed = world.ledger.advance(claim(the_job(world), world.clock.now()))
    world.turn("ideogram")
    (wait,) = world.waits
    assert wait.code is Code.JOB_IN_FLIGHT
    assert wait.at + timedelta(seconds=wait.seconds) == claimed.attempts[0].lease_until + timedelta(seconds=1)


def test_a_ledger_out_of_order_is_asked_more_and_more_seldom() -> None:
    """The first read of a delivery fails; nothing is spent, and the waits grow up to ten minutes."""
    world = dropped()
    world.run("intake", "deliver")
    world.wire.before.append(Strike(throttle, "get_item", times=12))
    world.run()
    seconds = [wait.seconds for wait in world.waits]
    assert {wait.code for wait in world.waits} == {Code.LEDGER_UNAVAILABLE}
    assert seconds == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]
    assert the_job(world).status is Status.STORED
