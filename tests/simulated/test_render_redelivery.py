"""Redelivery of a lane's message: in every status of its job, with a live lease and with an expired one."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, Job, JobStatus
from backdrop.pipeline.enqueue import enqueue_job
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from tests.simulated.simulation import KEY, LOST, OK, PRICE, REFUSED, REJECTED, assert_books, claim, dropped, the_job

S = JobStatus


def waiting(policy: str = "retry_once") -> tuple[World, Job]:
    """Returns a world with a job that no worker has taken yet, and whose message is the only one."""
    world = dropped(on_lost_answer=policy)
    world.run_until_empty("intake")
    world.queues["deliver"].messages.clear()
    return world, the_job(world)


def come_to(world: World, job: Job, status: JobStatus, now: datetime) -> None:
    """Brings the job into a status, as another worker would."""
    advance = world.ledger.write_transition
    stopped = {S.SUPERSEDED: transitions.supersede, S.CANCELLED: transitions.cancel}
    if status in stopped:
        step = stopped[status](job, now)
        assert step
        advance(step)
        return
    job = advance(claim(job, now))
    answers = {S.UNKNOWN: LOST, S.HELD: LOST, S.PAID: OK, S.STORED: OK, S.REFUSED: REFUSED, S.DEAD: REJECTED}
    if status in answers:
        job = advance(transitions.record_result(job, 1, answers[status], now))
    if status is S.HELD:
        advance(transitions.hold(job, now))
    if status is S.STORED:
        advance(transitions.store(job, (), (), now))


@pytest.mark.parametrize(
    ("status", "then", "told"),
    [
        (S.SUBMITTING, S.SUBMITTING, False),
        (S.UNKNOWN, S.HELD, True),
        (S.PAID, S.PAID, True),
        (S.STORED, S.STORED, True),
        (S.REFUSED, S.REFUSED, True),
        (S.DEAD, S.DEAD, True),
        (S.HELD, S.HELD, True),
        (S.SUPERSEDED, S.SUPERSEDED, True),
        (S.CANCELLED, S.CANCELLED, True),
    ],
)
def test_redelivery_buys_nothing_and_completes_what_was_left(status: JobStatus, then: JobStatus, told: bool) -> None:
    world, job = waiting("hold")
    come_to(world, job, status, world.clock.now())
    world.deliver_next("ideogram")
    assert the_job(world).status is then
    assert world.provider.received_job_ids == []
    assert bool(world.queues["deliver"].messages) is told


def test_every_status_has_its_redelivery() -> None:
    """The table above and this case are complete."""
    world, _ = waiting()
    world.deliver_next("ideogram")
    assert the_job(world).status is S.PAID
    assert len(world.provider.received_job_ids) == 1
    assert set(S) == {*S}


def test_live_lease_is_respected_until_it_expires() -> None:
    world, job = waiting()
    come_to(world, job, S.SUBMITTING, world.clock.now())
    lease = the_job(world).attempts[0].lease_until
    world.deliver_next("ideogram")
    (message,) = world.queues["ideogram"].messages
    assert lease <= message.visible_at <= lease + timedelta(seconds=3)


def test_expired_lease_is_a_lost_answer() -> None:
    """Its worker crashed between claim and record: the call may have been made, and it is repeated once."""
    world, job = waiting()
    come_to(world, job, S.SUBMITTING, world.clock.now())
    world.run_until_empty("ideogram")
    again = the_job(world)
    assert (again.status, again.charged, again.unknown, len(world.provider.received_job_ids)) == (
        S.PAID,
        PRICE,
        PRICE,
        1,
    )
    assert [attempt.outcome for attempt in again.attempts] == [AttemptOutcome.LOST, AttemptOutcome.ANSWERED]


def test_expired_lease_is_held_if_the_operator_chose_that() -> None:
    world, job = waiting("hold")
    come_to(world, job, S.SUBMITTING, world.clock.now())
    world.run_until_empty("ideogram")
    held = the_job(world)
    assert (held.status, held.unknown, world.provider.received_job_ids) == (S.HELD, PRICE, [])
    assert held.problem
    assert held.problem.code is Code.CHARGE_UNKNOWN


def test_two_messages_of_one_job_buy_once() -> None:
    world, job = waiting()
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], job)
    meanwhile: list[bool] = []
    world.provider.script.append(CallBehavior(run_during_call=lambda: meanwhile.append(world.deliver_next("ideogram"))))
    world.run_until_empty()
    assert meanwhile == [True]
    assert len(world.provider.received_job_ids) == 1
    assert the_job(world).status is S.STORED


def test_answer_after_the_lease_still_delivers_its_picture() -> None:
    """Another worker has declared the answer lost by then; the charge was made all the same."""
    world, _ = waiting()

    def others_give_it_up() -> None:
        late = the_job(world)
        lost = world.ledger.write_transition(transitions.expire_lease(late, late.attempts[0].lease_until))
        world.ledger.write_transition(transitions.hold(lost, world.clock.now()))

    world.provider.script.append(CallBehavior(run_during_call=others_give_it_up))
    world.run_until_empty()
    assert the_job(world).status is S.STORED
    assert (the_job(world).charged, the_job(world).unknown) == (PRICE, 0)
    assert world.read_report(KEY) is None
    assert_books(world)


def test_bytes_other_than_the_jobs_are_never_sent() -> None:
    """The photo was replaced, and intake has not received the event yet."""
    world, job = waiting()
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.deliver_next("ideogram")
    assert world.provider.received_job_ids == []
    world.run_until_empty()
    sent = [call.request["sha256"] for call in world.transport.calls if call.operation == "call"]
    assert [one.status for one in world.list_jobs()] == [S.SUPERSEDED, S.STORED]
    assert sent == [world.list_jobs()[1].sha256] != [job.sha256]


def test_message_of_an_unknown_job_is_a_dead_letter() -> None:
    world, job = waiting()
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], replace(job, job_id="f" * 64))
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "damaged_message"
