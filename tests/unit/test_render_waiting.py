"""Jobs that must wait: throttled, paused, over the budget; they spend nothing, say why, and go by themselves."""

import pytest

from backdrop.core.answer import Class
from backdrop.core.codes import Code
from backdrop.core.job import Outcome, Status
from proof.world.pictures import photo
from proof.world.provider import Reaction, hangs_up, refuses
from proof.world.stack import World
from proof.world.wire import Strike, throttle
from tests.unit.simulation import KEY, PRICE, assert_at_rest, assert_books, dropped, the_job

THROTTLE = refuses(Class.QUOTA, Code.PROVIDER_THROTTLED)
WRONG_KEY = refuses(Class.PAUSE, Code.PROVIDER_KEY_REFUSED)
BUSY = refuses(Class.BACKOFF, Code.PROVIDER_UNAVAILABLE)


def test_a_throttle_storm_burns_no_message_and_ends_in_one_charge() -> None:
    world = dropped()
    world.provider.script.extend([THROTTLE] * 300)
    world.run()
    job = the_job(world)
    assert job.status is Status.STORED
    assert job.throttled_ms > 0
    assert [attempt.outcome for attempt in job.attempts] == [Outcome.ANSWERED]
    assert world.provider.charged == PRICE
    assert not world.dead_letters.messages
    assert_at_rest(world)


def test_a_long_wait_is_spent_in_the_queue_not_in_the_slot() -> None:
    world = dropped()
    world.provider.script.append(refuses(Class.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100))
    world.run("intake")
    world.turn("ideogram")
    (message,) = world.lines["ideogram"].messages
    assert 99 <= (message.visible_at - world.clock.now()).total_seconds() <= 103
    assert the_job(world).status is Status.ACCEPTED


@pytest.mark.parametrize("refusal", [WRONG_KEY, BUSY], ids=["wrong key", "busy"])
def test_a_provider_out_of_order_is_reported_and_the_photo_goes_when_it_is_mended(refusal: Reaction) -> None:
    world = dropped()
    world.provider.otherwise = refusal
    world.run_for(1800)
    assert the_job(world).status is Status.ACCEPTED
    report = world.report(KEY)
    assert report
    assert [(one["status"], one["retryable"], one["money"]) for one in report["errors"]] == [
        ("accepted", True, "not_spent")
    ]
    assert report["errors"][0]["first_seen"] < report["errors"][0]["last_seen"]
    assert world.booked()["committed"] == 0
    world.provider.otherwise = Reaction()
    world.run()
    assert the_job(world).status is Status.STORED
    assert world.report(KEY) is None
    assert_at_rest(world)


def test_a_call_that_was_never_taken_but_may_have_been_is_held_not_sent_again() -> None:
    world = dropped()
    world.provider.script.append(hangs_up())
    world.run()
    assert (the_job(world).status, len(world.provider.calls)) == (Status.HELD, 1)
    assert_at_rest(world)


def test_nothing_is_paid_that_cannot_be_recorded_first() -> None:
    world = dropped()
    world.run("intake")
    world.wire.before.append(Strike(throttle, "transact_write_items", times=1000))
    world.run_for(600)
    assert world.provider.calls == []
    world.wire.calm()
    world.run()
    assert the_job(world).status is Status.STORED
    assert_at_rest(world)


def test_an_answer_is_kept_through_a_short_outage_of_the_ledger() -> None:
    world = dropped()
    world.run("intake")
    outage = Strike(throttle, "transact_write_items", nth=2, times=3)
    world.wire.before.append(outage)
    world.run()
    assert outage.hits == 3
    assert (the_job(world).status, world.provider.charged) == (Status.STORED, PRICE)
    assert_at_rest(world)


def test_a_job_that_is_named_no_more_is_not_bought_while_it_is_throttled() -> None:
    """It goes back from the provider unpaid, and by then the sidecar asks for something else."""
    world = World()
    world.drop(KEY, photo())
    world.sidecar(KEY, operation="remove")

    def edit() -> None:
        world.sidecar(KEY, prompt="on a marble table")
        world.run("intake")

    answer = THROTTLE.answer
    world.provider.script.append(Reaction(takes=False, answer=answer, meanwhile=edit))
    world.run()
    by_operation = {job.operation: job.status for job in world.jobs()}
    assert by_operation == {"remove": Status.SUPERSEDED, "replace": Status.STORED}
    assert world.provider.charged == 60_000
    assert_books(world)


def test_a_job_whose_photo_was_replaced_while_it_was_throttled_comes_to_an_end() -> None:
    world = dropped()

    def replace() -> None:
        world.drop(KEY, photo("another"), operation="remove")
        world.run("intake")

    wait = refuses(Class.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100)
    world.provider.script.append(Reaction(takes=False, answer=wait.answer, meanwhile=replace))
    world.run()
    assert sorted(job.status for job in world.jobs()) == [Status.STORED, Status.SUPERSEDED]
    assert_at_rest(world)
