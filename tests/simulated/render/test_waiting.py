"""Jobs that must wait, because of throttling, failures, or the ledger: they cost nothing and continue by themselves."""

from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, raise_throttle
from tests.simulated.simulated_days import fail_only, read_lane_health, read_provider_report, retry_between_successes
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, assert_budgets, find_only_job, world_with_photo

THROTTLE = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)
BUSY = build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)


def test_many_throttles_use_up_no_message_and_charge_once() -> None:
    world = world_with_photo()
    world.provider.script.extend([THROTTLE] * 300)
    world.run_until_empty()
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert job.throttled_ms > 0
    assert [attempt.outcome for attempt in job.attempts] == [AttemptOutcome.ANSWERED]
    assert world.provider.charged_micro_usd == PRICE
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


def test_account_without_a_slot_is_called_less_and_less_often() -> None:
    world = world_with_photo()
    world.provider.behavior_sources.append(lambda: THROTTLE)
    world.run_for(60)
    first = len(world.provider.received_job_ids)
    world.run_for(1740)
    assert 30 < first <= len(world.provider.received_job_ids) < 8 * first
    world.provider.behavior_sources.clear()
    world.run_for(60)
    assert find_only_job(world).status is JobStatus.STORED


def test_long_wait_is_spent_in_the_queue_not_the_slot() -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100))
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    (message,) = world.queues["ideogram"].messages
    assert 99 <= (message.visible_at - world.clock.now()).total_seconds() <= 103
    assert find_only_job(world).status is JobStatus.ACCEPTED


def test_only_failing_photo_is_reported_and_completes_later() -> None:
    """Other photos succeed, so nothing is wrong with the provider."""
    world = world_with_photo()
    world.run_until_empty("intake")
    fail_only(world, find_only_job(world).job_id, BUSY)
    retry_between_successes(world, 6)
    assert find_only_job(world, KEY).status is JobStatus.ACCEPTED
    assert (read_provider_report(world), read_lane_health(world).opened_since) == (None, None)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["status"], one["retryable"], one["money"]) for one in report["errors"]] == [
        ("provider_unavailable", "accepted", True, "not_spent")
    ]
    assert report["errors"][0]["first_seen"] < report["errors"][0]["last_seen"]
    world.provider.behavior_sources.clear()
    world.run_until_empty()
    assert (find_only_job(world, KEY).status, world.read_report(KEY)) == (JobStatus.STORED, None)
    assert_at_rest(world)


def test_nothing_is_paid_that_cannot_be_recorded_first() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.transport.faults_before.append(TargetedFault(raise_throttle, "transact_write_items", times=1000))
    world.run_for(600)
    assert world.provider.received_job_ids == []
    world.transport.clear_faults()
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_answer_survives_a_short_ledger_outage() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    outage = TargetedFault(raise_throttle, "transact_write_items", nth=2, times=3)
    world.transport.faults_before.append(outage)
    world.run_until_empty()
    assert outage.hit_count == 3
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_superseded_job_is_not_bought_while_it_is_throttled() -> None:
    """The provider throttles the job's call, and then the sidecar changes."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")

    def edit_sidecar() -> None:
        world.upload_sidecar(KEY, prompt="on a marble table")
        world.run_until_empty("intake")

    answer = THROTTLE.result
    world.provider.script.append(CallBehavior(accepts_work=False, result=answer, run_during_call=edit_sidecar))
    world.run_until_empty()
    by_operation = {job.operation: job.status for job in world.list_jobs()}
    assert by_operation == {"remove": JobStatus.SUPERSEDED, "replace": JobStatus.STORED}
    assert world.provider.charged_micro_usd == 60_000
    assert_budgets(world)


def test_job_whose_photo_was_replaced_while_throttled_ends() -> None:
    world = world_with_photo()

    def replace_photo() -> None:
        world.upload_photo(KEY, build_photo("another"), operation="remove")
        world.run_until_empty("intake")

    wait = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100)
    world.provider.script.append(CallBehavior(accepts_work=False, result=wait.result, run_during_call=replace_photo))
    world.run_until_empty()
    assert sorted(job.status for job in world.list_jobs()) == [JobStatus.STORED, JobStatus.SUPERSEDED]
    assert_at_rest(world)
