"""A job whose calls are refused or fail without an explanation: other jobs show whether it is the cause."""

from dataclasses import replace

import pytest

from backdrop.model import transitions
from backdrop.model.circuit import (
    FIRST_HALF_OPEN_DELAY,
    SUSPECT_PROBE_DELAY,
    Gate,
    PauseReason,
    check_gate,
    half_open_if_due,
    is_probe_since_pause,
    observe_result,
    pause,
    start_probe,
)
from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus, MoneyStatus, Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.suspicion import MAX_FAILURES, is_suspect, judge_result
from simulation.world.call_behavior import CallBehavior, build_unbilled_failure, build_unexplained_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from tests.simulated.lane_states import RUNNING_LANE, SECOND, list_reasons, observe_results
from tests.simulated.simulated_days import fail_only, list_pause_reasons, pass_time, read_lane_health
from tests.simulated.stage_worlds import BACKOFF, NOW, OK, PRICE, REJECTED, assert_at_rest, build_job, claim

REFUSAL = ProviderResult(RetryClass.PAUSE, Code.PROVIDER_REFUSES, "answered 406", suspicion=Suspicion.REFUSAL)
FAILURE_CODE = Code.PROVIDER_UNAVAILABLE
FAILURE = ProviderResult(RetryClass.BACKOFF, FAILURE_CODE, "answered 500", suspicion=Suspicion.FAILURE)
# A lane that paused for a refusal without an explanation, and the same lane while another job is its probe.
REFUSED = observe_results(RUNNING_LANE, REFUSAL)
PROBING = start_probe(REFUSED, NOW, NOW + SECOND)


def record_results(job: Job, *answers: ProviderResult) -> Job:
    """Returns the job after calls with these results."""
    for answer in answers:
        claimed = claim(job).job
        job = transitions.record_result(claimed, claimed.attempt_no, answer, NOW).job
    return job


# -- the lane ----------------------------------------------------------------------------------------------------


def test_unexplained_refusal_pauses_the_lane_and_tries_another_job() -> None:
    assert [(one.reason, one.code) for one in REFUSED.pauses] == [(PauseReason.REFUSAL, Code.PROVIDER_REFUSES)]
    assert (REFUSED.mapping_enabled, check_gate(REFUSED, NOW)[0], check_gate(REFUSED, NOW, suspect=True)[0]) == (
        True,
        Gate.PROBE,
        Gate.BLOCKED,
    )


def test_refused_job_probes_if_there_is_no_other() -> None:
    assert check_gate(REFUSED, NOW + SUSPECT_PROBE_DELAY - SECOND, suspect=True) == (Gate.BLOCKED, 1)
    assert check_gate(REFUSED, NOW + SUSPECT_PROBE_DELAY, suspect=True)[0] is Gate.PROBE


def test_refused_probe_stops_the_lane_until_reconcile_probes() -> None:
    stopped = observe_result(PROBING, REFUSAL, NOW, probe=True)
    assert (stopped.mapping_enabled, stopped.half_open_attempts) == (False, 1)
    assert half_open_if_due(stopped, NOW + FIRST_HALF_OPEN_DELAY - SECOND) == stopped
    again = half_open_if_due(stopped, NOW + FIRST_HALF_OPEN_DELAY)
    assert check_gate(again, NOW + FIRST_HALF_OPEN_DELAY)[0] is Gate.PROBE
    assert check_gate(again, NOW + FIRST_HALF_OPEN_DELAY, suspect=True)[0] is Gate.BLOCKED


def test_refusals_of_calls_in_flight_do_not_count_as_probes() -> None:
    lane = REFUSED
    for _ in range(9):
        lane = observe_result(lane, REFUSAL, NOW + SECOND, probe=False)
    assert (lane.half_open_attempts, lane.mapping_enabled, check_gate(lane, NOW + SECOND)[0]) == (0, True, Gate.PROBE)


def test_unexplained_refusal_starts_no_probe_in_a_persons_pause() -> None:
    lane = pause(RUNNING_LANE, PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "words", NOW)
    assert not observe_result(lane, REFUSAL, NOW, probe=False).mapping_enabled


@pytest.mark.parametrize(("answer", "proved"), [(OK, NOW), (REJECTED, None)], ids=["picture", "rejected"])
def test_only_a_probe_with_a_picture_proves_the_provider_works(answer: ProviderResult, proved: object) -> None:
    assert observe_result(PROBING, answer, NOW, probe=True).served_despite_refusal_at == proved


def test_refused_probe_of_an_open_circuit_is_replaced() -> None:
    lane = start_probe(observe_results(RUNNING_LANE, FAILURE, FAILURE, FAILURE), NOW + SECOND, NOW + 400 * SECOND)
    refused = observe_result(lane, REFUSAL, NOW + SECOND, probe=True)
    assert (refused.probe_until, check_gate(refused, NOW + SECOND)[0]) == (None, Gate.PROBE)


def test_final_failure_counts_for_the_lane_like_any_other_failure() -> None:
    job, lane = build_job(), RUNNING_LANE
    for _ in range(MAX_FAILURES):
        answer = judge_result(FAILURE, job, lane)
        job, lane = record_results(job, answer), observe_result(lane, answer, NOW, probe=False)
    assert (job.status, lane.failure_streak, lane.opened_since) == (JobStatus.DEAD, MAX_FAILURES, NOW)


def test_final_failure_of_a_probe_keeps_the_circuit_open() -> None:
    lane = start_probe(
        half_open_if_due(pause(RUNNING_LANE, PauseReason.UNHEALTHY, FAILURE_CODE, "words", NOW), NOW),
        NOW,
        NOW + SECOND,
    )
    job = record_results(build_job(), *[FAILURE] * (MAX_FAILURES - 1))
    final = judge_result(FAILURE, job, lane)
    assert (final.retry_class, list_reasons(observe_result(lane, final, NOW, probe=True))) == (
        RetryClass.PERM,
        {PauseReason.UNHEALTHY},
    )


def test_final_refusal_of_a_probe_only_frees_the_probe() -> None:
    final = judge_result(
        REFUSAL, record_results(build_job(), REFUSAL), replace(PROBING, served_despite_refusal_at=NOW + SECOND)
    )
    assert (final.retry_class, observe_result(PROBING, final, NOW, probe=True)) == (
        RetryClass.PERM,
        replace(PROBING, probe_until=None),
    )
    assert observe_result(PROBING, final, NOW, probe=False) == PROBING


# -- the job -----------------------------------------------------------------------------------------------------


def test_refused_job_records_the_refusal_and_has_no_charge() -> None:
    job = record_results(build_job(), REFUSAL)
    assert (job.status, job.money, is_suspect(job)) == (JobStatus.ACCEPTED, MoneyStatus.NOT_SPENT, True)
    assert not is_suspect(replace(job, provider="segmind"))
    assert not is_suspect(replace(job, charge_no=1))


def test_second_refusal_is_final_only_after_another_job_got_its_picture() -> None:
    job = record_results(build_job(), REFUSAL)
    assert judge_result(REFUSAL, job, RUNNING_LANE) == REFUSAL
    assert judge_result(REFUSAL, job, replace(RUNNING_LANE, served_despite_refusal_at=NOW - SECOND)) == REFUSAL
    final = judge_result(REFUSAL, job, replace(RUNNING_LANE, served_despite_refusal_at=NOW + SECOND))
    assert (final.retry_class, final.code, final.money) == (
        RetryClass.PERM,
        Code.REQUEST_REJECTED,
        MoneyStatus.NOT_SPENT,
    )
    assert judge_result(REFUSAL, build_job(), replace(RUNNING_LANE, served_despite_refusal_at=NOW + SECOND)) == REFUSAL


def test_third_unbilled_failure_is_final_despite_refusals_in_between() -> None:
    job = build_job()
    for _ in range(MAX_FAILURES - 1):
        assert judge_result(FAILURE, job, RUNNING_LANE) == FAILURE
        job = record_results(job, FAILURE, *[BACKOFF] * 12)
    assert judge_result(FAILURE, job, RUNNING_LANE).retry_class is RetryClass.PERM
    assert judge_result(replace(FAILURE, suspicion=None), job, RUNNING_LANE).retry_class is RetryClass.BACKOFF


def test_failure_during_an_outage_is_not_one_of_the_three_attempts() -> None:
    outage = replace(RUNNING_LANE, failure_streak=MAX_FAILURES)
    job = record_results(build_job(), FAILURE, FAILURE)
    assert judge_result(FAILURE, job, outage) == replace(FAILURE, suspicion=None)
    assert judge_result(FAILURE, job, RUNNING_LANE).retry_class is RetryClass.PERM


# -- in the world ------------------------------------------------------------------------------------------------


def world_with_striking_photos(
    photos: int, *failing_photos: int, reaction: CallBehavior, kind: ProviderKind = ProviderKind.NO_LOOKUP
) -> World:
    """Returns a world in which the provider always responds to some photos in the same way."""
    world = World(kind=kind)
    for n in range(photos):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    keys = {job.job_id: job.key for job in world.list_jobs()}
    bad = {f"shoes/{n}.jpg" for n in failing_photos}
    world.provider.behavior_sources.append(
        lambda: reaction if keys[world.provider.received_job_ids[-1]] in bad else None
    )
    return world


def test_photo_refused_without_reason_is_rejected_and_others_are_served() -> None:
    world = world_with_striking_photos(4, 0, reaction=build_unexplained_refusal())
    world.run_until_empty()
    assert [(job.status, job.money) for job in world.list_jobs("shoes/0.jpg")] == [
        (JobStatus.DEAD, MoneyStatus.NOT_SPENT)
    ]
    assert [job.problem.code for job in world.list_jobs() if job.problem] == [Code.REQUEST_REJECTED]
    assert [job.status for job in world.list_jobs()].count(JobStatus.STORED) == 3
    assert world.provider.charged_micro_usd == 3 * PRICE
    assert not read_lane_health(world).is_paused
    assert_at_rest(world)


def test_probe_after_an_unexplained_refusal_is_another_photo() -> None:
    world = world_with_striking_photos(3, 0, reaction=build_unexplained_refusal())
    world.run_until_empty()
    keys = {job.job_id: job.key for job in world.list_jobs()}
    called = [keys[job_id] for job_id in world.provider.received_job_ids]
    first = called.index("shoes/0.jpg")
    assert called[first + 1] != "shoes/0.jpg"
    assert called.count("shoes/0.jpg") == 2


def test_photo_refused_alone_waits_until_another_photo_is_served() -> None:
    world = world_with_striking_photos(1, 0, reaction=build_unexplained_refusal())
    pass_time(world, 1800)
    assert (list_pause_reasons(world), [job.status for job in world.list_jobs()]) == (["refusal"], [JobStatus.ACCEPTED])
    world.provider.behavior_sources.clear()
    fail_only(world, world.list_jobs()[0].job_id, build_unexplained_refusal())
    world.upload_photo("shoes/1.jpg", build_photo("1"), operation="remove")
    pass_time(world, 1800)
    assert {job.key: job.status for job in world.list_jobs()} == {
        "shoes/0.jpg": JobStatus.DEAD,
        "shoes/1.jpg": JobStatus.STORED,
    }
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("reaction", "reason"),
    [(build_unexplained_refusal(), "refusal"), (build_unbilled_failure(), "unhealthy")],
    ids=["refusal", "failure"],
)
def test_provider_that_answers_no_calls_does_not_end_any_photo(reaction: CallBehavior, reason: str) -> None:
    world = world_with_striking_photos(4, 0, 1, 2, 3, reaction=reaction)
    pass_time(world, 1800)
    assert ({job.status for job in world.list_jobs()}, list_pause_reasons(world)) == ({JobStatus.ACCEPTED}, [reason])
    world.provider.behavior_sources.clear()
    pass_time(world, 1800)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert_at_rest(world)


@pytest.mark.parametrize("kind", [ProviderKind.LOOKUP_BY_PROVIDER_ID, ProviderKind.LOOKUP_BY_OUR_ID])
def test_probe_that_outlasts_its_worker_ends_the_pause_when_found(
    kind: ProviderKind,
) -> None:
    world = world_with_striking_photos(3, 0, reaction=build_unexplained_refusal(), kind=kind)
    world.provider.default_behavior = CallBehavior(work_seconds=600)
    pass_time(world, 3600)
    assert [job.status for job in world.list_jobs()].count(JobStatus.STORED) == 2
    assert [job.status for job in world.list_jobs("shoes/0.jpg")] == [JobStatus.DEAD]
    assert not read_lane_health(world).is_paused
    assert_at_rest(world)


def test_picture_of_an_earlier_call_does_not_end_the_pause() -> None:
    lane = pause(RUNNING_LANE, PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "words", NOW)
    job = claim(build_job(), probe=True).job
    (call,) = job.attempts
    assert is_probe_since_pause(replace(job, attempts=(replace(call, submitted_at=NOW),)), lane)
    assert not is_probe_since_pause(replace(job, attempts=(replace(call, submitted_at=NOW - SECOND),)), lane)
    assert not is_probe_since_pause(claim(build_job()).job, RUNNING_LANE)
    assert not is_probe_since_pause(build_job(), RUNNING_LANE)


def test_photo_that_makes_the_provider_fail_is_sent_three_times() -> None:
    world = world_with_striking_photos(2, 0, reaction=build_unbilled_failure())
    world.run_until_empty()
    (job,) = world.list_jobs("shoes/0.jpg")
    assert (job.status, job.money, world.provider.received_job_ids.count(job.job_id)) == (
        JobStatus.DEAD,
        MoneyStatus.NOT_SPENT,
        3,
    )
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


def test_one_proof_rejects_at_most_one_photo() -> None:
    world = world_with_striking_photos(1, reaction=build_unexplained_refusal())
    breaker = world.steps.breaker
    world.ledger.put_health(replace(read_lane_health(world), served_despite_refusal_at=NOW + SECOND))
    taken = [breaker.consume_proof("ideogram", NOW) for _ in range(2)]
    assert (taken, read_lane_health(world).served_despite_refusal_at) == ([True, False], None)


def test_brief_top_up_ends_at_most_one_refused_photo() -> None:
    world = world_with_striking_photos(3, 0, 1, 2, reaction=build_unexplained_refusal())
    pass_time(world, 1800)
    assert all(is_suspect(job) for job in world.list_jobs())
    world.ledger.put_health(replace(read_lane_health(world), served_despite_refusal_at=world.clock.time))
    world.resume_lane()
    pass_time(world, 1800)
    assert sorted(job.status for job in world.list_jobs()) == [JobStatus.ACCEPTED, JobStatus.ACCEPTED, JobStatus.DEAD]
    assert (list_pause_reasons(world), read_lane_health(world).served_despite_refusal_at) == (["refusal"], None)
