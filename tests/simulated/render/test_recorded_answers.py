"""A paid answer is recorded despite ledger errors: writes are retried for as long as the invocation lasts."""

from datetime import datetime, timedelta

import pytest

from backdrop.model.job import AttemptOutcome, JobStatus
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, raise_throttle
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

CALL_SECONDS = 10


def world_with_outage_after_payment(seconds: float) -> World:
    """Returns a world whose ledger is unavailable for this long after the provider has answered."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    end: list[datetime] = []

    def fail(call: ServiceCall) -> None:
        if call.service == "dynamodb" and end and world.clock.now() < end[0]:
            raise_throttle(call)

    def start_outage() -> None:
        end.append(world.clock.now() + timedelta(seconds=seconds))

    world.provider.script.append(CallBehavior(work_seconds=CALL_SECONDS, run_during_call=start_outage))
    world.transport.faults_before.append(fail)
    return world


@pytest.mark.parametrize("seconds", [1, 15, 60, 240])
def test_ledger_outage_after_a_paid_call_loses_nothing(seconds: float) -> None:
    world = world_with_outage_after_payment(seconds)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown) == (JobStatus.STORED, PRICE, 0)
    assert [attempt.outcome for attempt in job.attempts] == [AttemptOutcome.ANSWERED]
    assert (len(world.provider.received_job_ids), world.returned_messages, world.crash_count) == (1, [], 0)
    assert world.read_report(KEY) is None
    assert_at_rest(world)


def test_answer_is_recorded_despite_concurrent_writes() -> None:
    """The job is superseded, named again, and tagged while the call is in flight: each event changes it."""
    world = world_with_photo()
    revs: list[int] = []

    def edit_meanwhile() -> None:
        for fields in ({"prompt": "at sea"}, {"operation": "remove"}):
            world.upload_sidecar(KEY, **fields)
            world.run_until_empty("intake")
            revs.append(next(job.lock_version for job in world.list_jobs() if job.operation == "remove"))

    world.provider.script.append(CallBehavior(run_during_call=edit_meanwhile))
    world.run_until_empty()
    removed = next(job for job in world.list_jobs() if job.operation == "remove")
    assert revs[0] < revs[1]
    assert (removed.status, len(removed.results), removed.charged) == (JobStatus.STORED, 1, PRICE)
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)
