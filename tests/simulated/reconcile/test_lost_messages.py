"""Lost messages: each open job gets a new message in time, and lost answers are looked up if possible."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus
from backdrop.model.provider_result import LookupStatus, RetryClass
from backdrop.model.schedule import MESSAGE_LIFETIME, SETTLE_CHECK_DELAY
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import RETENTION_SECONDS, TIMEOUTS_SECONDS, World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.lost_messages import (
    SCENES,
    accepted_without_message,
    crashed_during_call,
    delete_messages,
    lost_answer_without_message,
)
from tests.simulated.simulated_days import DAY, list_event_types, list_report_codes, pass_time, run_reconcile
from tests.simulated.stage_worlds import KEY, OK, PRICE, assert_at_rest, find_only_job, world_with_photo

S, HOUR = JobStatus, 3600
EACH = pytest.mark.parametrize("name", SCENES)


@EACH
def test_job_whose_message_is_gone_completes(name: str) -> None:
    scene, due = SCENES[name]
    world = scene()
    pass_time(world, due.total_seconds() + HOUR, every=1800)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])
    assert_at_rest(world)


@EACH
def test_job_is_not_resent_before_it_is_due(name: str) -> None:
    """The job's message may still be in transit."""
    scene, due = SCENES[name]
    world = scene()
    status = find_only_job(world).status
    world.clock.sleep(due.total_seconds() - 120)
    run_reconcile(world)
    assert (find_only_job(world).status, world.queues["ideogram"].messages) == (status, [])
    assert not [one for one in world.queues["deliver"].messages if find_only_job(world).job_id in one.body]


@EACH
def test_job_is_resent_once_and_not_by_the_next_run(name: str) -> None:
    scene, due = SCENES[name]
    world = scene()
    world.clock.sleep(due.total_seconds() + 60)
    run_reconcile(world)
    run_reconcile(world)
    job_id = find_only_job(world).job_id
    assert sum(job_id in one.body for line in world.queues.values() for one in line.messages) == 1


def test_message_is_resent_before_its_queue_drops_it() -> None:
    assert MESSAGE_LIFETIME + timedelta(hours=12) < timedelta(seconds=RETENTION_SECONDS["ideogram"])
    world = accepted_without_message()
    world.pause_lane()
    pass_time(world, 12 * DAY, every=DAY / 4)
    assert world.sqs.list_messages(world.queues["ideogram"])
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)


def test_job_that_waits_for_another_is_also_resent() -> None:
    world = world_with_photo()
    world.upload_photo("other.jpg", build_photo(), operation="remove")
    world.run_until_empty("intake")
    delete_messages(world)
    pass_time(world, 4 * DAY, every=DAY / 8)
    assert {job.status for job in world.list_jobs()} == {S.STORED}
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


# -- lost answers ------------------------------------------------------------------------------------------------


def count_lookups(world: World) -> int:
    return sum(call.operation == "look_up" for call in world.transport.calls)


@pytest.mark.parametrize(
    ("scene", "kind"),
    [(crashed_during_call, "acknowledged"), (crashed_during_call, "own_id"), (lost_answer_without_message, "own_id")],
)
def test_answer_found_by_lookup_needs_no_slot_in_the_lane(scene: Callable[..., World], kind: str) -> None:
    world = scene(kind=kind)
    world.clock.sleep(1000)
    run_reconcile(world)
    assert (find_only_job(world).status, count_lookups(world), world.queues["ideogram"].messages) == (S.PAID, 1, [])
    world.run_until_empty("deliver")
    assert (find_only_job(world).status, world.provider.charged_micro_usd, len(world.provider.received_job_ids)) == (
        S.STORED,
        PRICE,
        1,
    )
    assert_at_rest(world)


def test_no_worker_takes_over_a_job_during_reconciles_lookup() -> None:
    world = crashed_during_call(kind="acknowledged")
    world.clock.sleep(1000)
    ends, leases = world.clock.now() + timedelta(seconds=TIMEOUTS_SECONDS["reconcile"]), list[datetime]()
    world.transport.faults_before.append(
        TargetedFault(lambda _: leases.append(find_only_job(world).attempts[-1].lease_until), "look_up")
    )
    run_reconcile(world)
    assert [lease >= ends for lease in leases] == [True]


@pytest.mark.parametrize("kind", ["acknowledged", "own_id"])
def test_pending_work_returns_to_its_lane_for_lookup(kind: str) -> None:
    world = crashed_during_call(kind=kind)
    until = world.clock.time + timedelta(seconds=2000)
    world.provider.override_lookup = lambda: LookupStatus.PENDING if world.clock.time < until else None
    pass_time(world, 4000)
    assert (find_only_job(world).status, world.provider.charged_micro_usd, len(world.provider.received_job_ids)) == (
        S.STORED,
        PRICE,
        1,
    )
    assert_at_rest(world)


@EACH
@pytest.mark.parametrize("kind", ["unaskable", "own_id"])
def test_reconcile_never_sends_a_paid_call(name: str, kind: str) -> None:
    scene, due = SCENES[name]
    world = scene() if kind == "unaskable" else scene(kind=kind)
    calls = len(world.provider.paid_calls)
    world.clock.sleep(due.total_seconds() + 60)
    run_reconcile(world)
    assert len(world.provider.paid_calls) == calls


def test_lost_answer_without_lookup_waits_for_its_lane() -> None:
    """The lane is paused by a person. No call is sent, no call is abandoned, and no message is received too often."""
    world = lost_answer_without_message()
    world.pause_lane()
    pass_time(world, 6 * HOUR)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.UNKNOWN, 1)
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 2)
    assert_at_rest(world)


def test_call_without_an_id_is_left_to_its_lane() -> None:
    """Only render may repeat the call, so reconcile does not wait until the call must have ended."""
    world = crashed_during_call()
    world.clock.sleep(1000)
    run_reconcile(world)
    assert (find_only_job(world).status, len(world.queues["ideogram"].messages)) == (S.SUBMITTING, 1)


def test_abandoned_call_is_resolved_after_its_worker_crashed() -> None:
    """The first answer arrived while the second call was in flight. The job is stored, and the second charge is
    unknown.
    """
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")

    def record_first_answer() -> None:
        world.ledger.write_transition(transitions.record_result(find_only_job(world), 1, OK, world.clock.now()))

    world.provider.script.extend(
        [build_charged_hang_up(), CallBehavior(kills_worker=True, run_during_call=record_first_answer)]
    )
    pass_time(world, 2 * HOUR)
    job = find_only_job(world)
    assert (job.status, [one.outcome for one in job.attempts]) == (
        S.STORED,
        [AttemptOutcome.ANSWERED, AttemptOutcome.LOST],
    )
    assert (job.charged, job.unknown, world.read_budget()["reserved"]) == (PRICE, PRICE, 0)
    assert not list(world.steps.ledger_queries.list_open())
    assert_at_rest(world)


# -- photos, and disabled providers ------------------------------------------------------------------------------


def test_photo_whose_settle_message_was_lost_is_handled() -> None:
    world = World(settle_seconds=20)
    world.upload_photo(KEY, build_photo())
    world.deliver_next("intake")
    delete_messages(world)
    pass_time(world, SETTLE_CHECK_DELAY.total_seconds() + 600)
    assert list_report_codes(world, KEY) == ["no_instructions"]


def disable_provider(world: World) -> None:
    """Deploys the stack without the provider."""
    world.intake.photo_intake.dispatcher.lanes = {}
    world.steps.reconcile.redispatcher.lane_queues = {}


def test_job_of_a_disabled_provider_is_refused_and_reported() -> None:
    world = accepted_without_message()
    disable_provider(world)
    pass_time(world, 4 * DAY, every=DAY / 4)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.REFUSED, ["provider_not_configured"])


@pytest.mark.parametrize("name", ["submitting", "unknown"])
@pytest.mark.parametrize("kind", ["unaskable", "own_id"])
def test_lost_answer_of_a_disabled_provider_is_held(name: str, kind: str) -> None:
    scene, _ = SCENES[name]
    world = scene() if kind == "unaskable" else scene(kind=kind)
    disable_provider(world)
    world.steps.reconcile.redispatcher.providers = {}
    pass_time(world, HOUR)
    assert (find_only_job(world).status, find_only_job(world).unknown, list_report_codes(world, KEY)) == (
        S.HELD,
        PRICE,
        ["charge_unknown"],
    )


def test_unannounced_failure_is_announced() -> None:
    """The worker that recorded the failure crashed before it sent the message. Then the lane was paused."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")
    world.pause_lane()
    pass_time(world, HOUR)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.DEAD, ["request_rejected"])
    assert [letter.attributes["code"] for letter in world.dead_letter_queue.messages] == ["request_rejected"]
    assert "Image Failed" in list_event_types(world)


# -- races and crashes -------------------------------------------------------------------------------------------


@EACH
def test_next_run_completes_an_interrupted_run(name: str) -> None:
    scene, due = SCENES[name]
    for nth in range(1, 20, 2):
        world = scene()
        world.transport.clear_faults()
        world.clock.sleep(due.total_seconds() + 60)
        world.transport.faults_after.append(TargetedFault(crash_worker, nth=nth))
        pass_time(world, 2 * HOUR)
        world.transport.clear_faults()
        pass_time(world, due.total_seconds() + HOUR, every=HOUR)
        assert find_only_job(world).status is S.STORED, nth
        assert_at_rest(world)


def test_job_that_ends_during_the_run_is_left_unchanged() -> None:
    world = accepted_without_message()
    world.clock.sleep(MESSAGE_LIFETIME.total_seconds() + 60)

    def end_job(_: object) -> None:
        world.delete_file(KEY)
        world.run_until_empty("intake")

    world.transport.faults_before.append(fault := TargetedFault(end_job, "transact_write_items", nth=2))
    run_reconcile(world)
    world.run_until_empty()
    assert (fault.hit_count, find_only_job(world).status, world.provider.received_job_ids) == (1, S.CANCELLED, [])


def test_reconcile_finds_every_open_job() -> None:
    for scene, _ in SCENES.values():
        world = scene()
        assert [ref.job_id for ref in world.steps.ledger_queries.list_open() if ref.job_id] == [
            find_only_job(world).job_id
        ]


def test_job_whose_lane_was_removed_is_reported_by_the_next_run() -> None:
    """The queue was deleted together with the message. No other check would find the job for three days."""
    world = accepted_without_message()
    photos = world.intake.photo_intake
    world.intake = replace(world.intake, photo_intake=replace(photos, dispatcher=replace(photos.dispatcher, lanes={})))
    world.steps.reconcile.lane_queues = {}
    run_reconcile(world)
    world.run_until_empty("intake", "deliver")
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.REFUSED, ["provider_not_configured"])
    run_reconcile(world)
    assert world.queues["intake"].messages == []
