"""How long a job waits and how often it is reported: waits double each time, and never exceed the invocation."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from functions.deployment_check import app as deployment_check
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import TIMEOUTS_SECONDS, World
from simulation.world.transport import ServiceCall, TargetedFault, raise_throttle
from tests.simulated.simulated_days import fail_only, retry_between_successes
from tests.simulated.stage_worlds import KEY, claim, find_only_job, world_with_photo

BUSY = build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)


def sleep_in_call(seconds: float, world: World) -> Callable[[ServiceCall], None]:
    """Delays a call by this many seconds."""
    return lambda _: world.clock.sleep(seconds)


# -- doubling waits -----------------------------------------------------------------------------------------------


def world_with_one_failing_photo(reaction: CallBehavior) -> World:
    """Returns a world in which the provider responds in this way to one photo, and succeeds with others in between."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    fail_only(world, find_only_job(world, KEY).job_id, reaction)
    return world


def test_provider_that_fails_for_one_photo_is_called_less_often() -> None:
    world = world_with_one_failing_photo(BUSY)
    retry_between_successes(world, 10)
    waits = [wait.delay_seconds for wait in world.returned_messages]
    assert len(waits) >= 10
    for wait, grown in zip(waits, [3, 6, 12, 24, 48, 96, 192, 384, 768, 900], strict=False):
        assert 0 <= wait - grown <= 2


def test_another_problem_starts_again_with_a_short_wait() -> None:
    world = world_with_photo()
    throttled = build_refusal(RetryClass.NOW, Code.PROVIDER_THROTTLED)
    world.provider.script.extend([BUSY, BUSY, throttled, throttled, throttled])
    world.run_until_empty()
    assert [3 <= wait.delay_seconds <= 5 for wait in world.returned_messages] == [True, False, True]


def test_retry_after_of_the_provider_is_respected() -> None:
    world = world_with_photo()
    world.provider.script.extend([build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after=77)] * 2)
    world.run_until_empty()
    assert [77 <= wait.delay_seconds <= 79 for wait in world.returned_messages] == [True] * 2


def test_photo_is_reported_after_the_fourth_failure() -> None:
    """The ledger counts every failure, but the report is not written again each time."""
    world = world_with_one_failing_photo(BUSY)
    report_counts: list[int] = []

    def record_write(call: ServiceCall) -> None:
        own_job = find_only_job(world, KEY)
        if call.request["QueueUrl"] == world.queues["deliver"].url and own_job.source_id in call.request["MessageBody"]:
            report_counts.append(own_job.problem.occurrences if own_job.problem else 0)

    world.transport.faults_after.append(TargetedFault(record_write, "send_message", times=10_000))
    retry_between_successes(world, 8)
    problem = find_only_job(world, KEY).problem
    assert problem
    assert 8 <= problem.occurrences < 16
    assert (report_counts, bool(world.read_report(KEY))) == ([4, 8], True)


# -- not enough time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spent", "starts"), [(10, True), (10.5, False)], ids=["just enough", "too little"])
def test_call_starts_only_if_it_can_end_and_be_recorded(spent: float, starts: bool) -> None:
    """300 s are left. A call takes up to 280 s and its record 10 s, and reading the photo takes the rest."""
    world = world_with_photo()
    world.provider.timeout_seconds = 280
    world.run_until_empty("intake", "deliver")
    world.transport.faults_before.append(TargetedFault(sleep_in_call(spent, world), "get_object"))
    world.deliver_next("ideogram")
    assert bool(world.provider.received_job_ids) is starts
    assert [wait.code for wait in world.returned_messages] == ([] if starts else [Code.TOO_LITTLE_TIME])
    assert (find_only_job(world).status, find_only_job(world).attempt_no) == (
        (JobStatus.PAID, 1) if starts else (JobStatus.ACCEPTED, 0)
    )


def test_call_that_the_deployment_check_accepts_can_start() -> None:
    """The check's margin includes five seconds for the ledger, the photo, and the key."""
    world = world_with_photo()
    world.provider.timeout_seconds = TIMEOUTS_SECONDS["ideogram"] - deployment_check.CALL_MARGIN_SECONDS
    world.run_until_empty("intake")
    world.transport.faults_before.append(read := TargetedFault(sleep_in_call(5, world), "get_object"))
    world.run_until_empty("ideogram")
    world.run_until_empty()
    assert read.hit_count == 1
    assert world.returned_messages == []
    assert find_only_job(world).status is JobStatus.STORED


@pytest.mark.parametrize("kind", ["unaskable", "own_id"])
def test_slow_claim_is_not_followed_by_a_call(kind: str) -> None:
    """No call is made, and nothing stays reserved."""
    world = world_with_photo(kind=kind)
    world.run_until_empty("intake", "deliver")
    world.transport.faults_after.append(slow := TargetedFault(sleep_in_call(150, world), "transact_write_items"))
    world.deliver_next("ideogram")
    assert (slow.hit_count, world.provider.received_job_ids, [wait.code for wait in world.returned_messages]) == (
        1,
        [],
        [Code.TOO_LITTLE_TIME],
    )
    assert (find_only_job(world).status, world.read_budget()["committed"]) == (JobStatus.ACCEPTED, 0)
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.STORED, 1)


def test_wait_in_the_slot_leaves_time_for_the_call() -> None:
    world = world_with_photo()
    world.provider.timeout_seconds = 280
    world.provider.script.extend([build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=12)])
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    assert (len(world.provider.received_job_ids), [wait.code for wait in world.returned_messages]) == (
        1,
        [Code.PROVIDER_THROTTLED],
    )
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED


# -- why a message is redelivered --------------------------------------------------------------------------------


def test_job_claimed_by_another_worker_waits_for_its_lease() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    claimed = world.ledger.write_transition(claim(find_only_job(world), world.clock.now()))
    world.deliver_next("ideogram")
    (wait,) = world.returned_messages
    assert wait.code is Code.JOB_IN_FLIGHT
    assert wait.returned_at + timedelta(seconds=wait.delay_seconds) == claimed.attempts[0].lease_until + timedelta(
        seconds=1
    )


def test_unavailable_ledger_is_read_less_and_less_often() -> None:
    """The first read of a delivery fails. Nothing is charged, and the waits grow up to a minute."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.transport.faults_before.append(TargetedFault(raise_throttle, "batch_get_item", times=12))
    world.run_until_empty()
    seconds = [wait.delay_seconds for wait in world.returned_messages]
    assert {wait.code for wait in world.returned_messages} == {Code.LEDGER_UNAVAILABLE}
    assert seconds == [5, 10, 20, 40, *[60] * 8]
    assert find_only_job(world).status is JobStatus.STORED
