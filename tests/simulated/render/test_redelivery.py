"""Redelivery of a lane's message: in every status of its job, with a valid lease and with an expired one."""

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
from tests.simulated.stage_worlds import (
    KEY,
    LOST,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    assert_budgets,
    claim,
    find_only_job,
    world_with_photo,
)

S = JobStatus


def world_with_waiting_job(policy: str = "retry_once") -> tuple[World, Job]:
    """Returns a world with a job that no worker has received yet. Its message is the only one."""
    world = world_with_photo(on_lost_answer=policy)
    world.run_until_empty("intake")
    world.queues["deliver"].messages.clear()
    return world, find_only_job(world)


def bring_to_status(world: World, job: Job, status: JobStatus, now: datetime) -> None:
    """Moves the job to a status, as another worker would."""
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
    ("status", "then", "is_announced"),
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
def test_redelivery_buys_nothing_and_completes_open_work(
    status: JobStatus, then: JobStatus, is_announced: bool
) -> None:
    world, job = world_with_waiting_job("hold")
    bring_to_status(world, job, status, world.clock.now())
    world.deliver_next("ideogram")
    assert find_only_job(world).status is then
    assert world.provider.received_job_ids == []
    assert bool(world.queues["deliver"].messages) is is_announced


def test_every_status_has_a_redelivery_test() -> None:
    """The table above and this case cover every status."""
    world, _ = world_with_waiting_job()
    world.deliver_next("ideogram")
    assert find_only_job(world).status is S.PAID
    assert len(world.provider.received_job_ids) == 1
    assert set(S) == {*S}


def test_lease_is_respected_until_it_expires() -> None:
    world, job = world_with_waiting_job()
    bring_to_status(world, job, S.SUBMITTING, world.clock.now())
    lease = find_only_job(world).attempts[0].lease_until
    world.deliver_next("ideogram")
    (message,) = world.queues["ideogram"].messages
    assert lease <= message.visible_at <= lease + timedelta(seconds=3)


def test_expired_lease_counts_as_a_lost_answer() -> None:
    """Its worker crashed between the claim and the record. The call may have been made, and is sent once more."""
    world, job = world_with_waiting_job()
    bring_to_status(world, job, S.SUBMITTING, world.clock.now())
    world.run_until_empty("ideogram")
    again = find_only_job(world)
    assert (again.status, again.charged, again.unknown, len(world.provider.received_job_ids)) == (
        S.PAID,
        PRICE,
        PRICE,
        1,
    )
    assert [attempt.outcome for attempt in again.attempts] == [AttemptOutcome.LOST, AttemptOutcome.ANSWERED]


def test_expired_lease_is_held_if_the_operator_chose_that() -> None:
    world, job = world_with_waiting_job("hold")
    bring_to_status(world, job, S.SUBMITTING, world.clock.now())
    world.run_until_empty("ideogram")
    held = find_only_job(world)
    assert (held.status, held.unknown, world.provider.received_job_ids) == (S.HELD, PRICE, [])
    assert held.problem
    assert held.problem.code is Code.CHARGE_UNKNOWN


def test_two_messages_of_one_job_buy_once() -> None:
    world, job = world_with_waiting_job()
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], job)
    meanwhile: list[bool] = []
    world.provider.script.append(CallBehavior(run_during_call=lambda: meanwhile.append(world.deliver_next("ideogram"))))
    world.run_until_empty()
    assert meanwhile == [True]
    assert len(world.provider.received_job_ids) == 1
    assert find_only_job(world).status is S.STORED


def test_answer_after_the_lease_still_delivers_its_picture() -> None:
    """Another worker has recorded the answer as lost by then, but the charge was made."""
    world, _ = world_with_waiting_job()

    def declare_lost() -> None:
        late = find_only_job(world)
        lost = world.ledger.write_transition(transitions.expire_lease(late, late.attempts[0].lease_until))
        world.ledger.write_transition(transitions.hold(lost, world.clock.now()))

    world.provider.script.append(CallBehavior(run_during_call=declare_lost))
    world.run_until_empty()
    assert find_only_job(world).status is S.STORED
    assert (find_only_job(world).charged, find_only_job(world).unknown) == (PRICE, 0)
    assert world.read_report(KEY) is None
    assert_budgets(world)


def test_only_the_bytes_of_the_job_are_ever_sent() -> None:
    """The photo was replaced, and intake has not received the event yet."""
    world, job = world_with_waiting_job()
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.deliver_next("ideogram")
    assert world.provider.received_job_ids == []
    world.run_until_empty()
    sent = [call.request["sha256"] for call in world.transport.calls if call.operation == "call"]
    assert [one.status for one in world.list_jobs()] == [S.SUPERSEDED, S.STORED]
    assert sent == [world.list_jobs()[1].sha256] != [job.sha256]


def test_message_of_an_unknown_job_is_a_dead_letter() -> None:
    world, job = world_with_waiting_job()
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], replace(job, job_id="f" * 64))
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "damaged_message"
