"""Retries: a picture whose product differs is bought again, and no end of that loses the picture that is paid."""

from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.fidelity import CannotSayReason, FidelityVerdict
from backdrop.model.job import AttemptOutcome, Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import PAID_PREFIX
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.operate.redrive import FailureFilter
from backdrop.pipeline.enqueue import enqueue_delivery
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up, build_refusal, build_uncharged_hang_up
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    PHOTO,
    SCENE,
    TRANSPARENT_PHOTO,
    draw_on,
    encode,
    find_fidelity,
)
from tests.simulated.simulated_days import DAY, cancel_jobs, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

LANE, PRICE = "ideogram", 60_000
COPY = "shoes/copy.jpg"
GRASS = (60, 120, 70)
MARBLE = {"prompt": "on a marble table"}
RETRY = {"otherwise": "retry"}
S = JobStatus


def blend(share: float) -> bytes:
    """Returns a scene whose product is this much another one."""
    return encode(Image.blend(draw_on(GRASS), draw_on(GRASS, is_changed=True), share))


NEARLY, HARDLY = blend(0.4), blend(0.5)
"""Scenes with changed products, and scores of about 0.8 and 0.55."""
BEHAVIORS: dict[str, CallBehavior] = {
    "refused": build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST),
    "rejected": build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED),
    "withheld": CallBehavior(unsafe_count=1),
    "unrecognized": CallBehavior(unrecognized_count=1),
    "failed": CallBehavior(failure=ProviderResult.failed("the work ended with an error")),
    "failed and billed": CallBehavior(failure=ProviderResult.failed("ended with an error"), bills_failure=True),
}


def build_world(
    *scenes: bytes, photo: bytes = TRANSPARENT_PHOTO, subject: Any = RETRY, fields: Any = MARBLE, **setup: Any
) -> World:
    """Returns a world in which a photo was uploaded, and whose provider makes these pictures, one after the other."""
    world = World(**setup)
    world.downloads.script_by_provider[LANE] = scenes
    world.upload_photo(KEY, photo)
    world.upload_sidecar(KEY, **fields, subject=subject)
    return world


def deliver(*scenes: bytes, **fields: Any) -> World:
    world = build_world(*scenes, **fields)
    world.run_until_empty()
    return world


def build_retrying_world(**setup: Any) -> World:
    """Returns a world in which the first picture differs, and the job waits for its second call."""
    world = build_world(NEARLY, SCENE, **setup)
    world.run_until_empty("intake", LANE)
    world.run_until_empty("deliver")
    world.run_until_empty("intake")
    assert (find_only_job(world).status, find_only_job(world).charged) == (S.ACCEPTED, PRICE)
    return world


def assert_first_is_delivered(world: World, *, fetched_again: bool = False) -> Job:
    """Asserts that the picture of the first attempt is delivered, and that nothing else was certainly charged."""
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no) == (S.STORED, 1)
    assert find_fidelity(job).verdict is FidelityVerdict.CHANGED
    assert list_warning_codes(job).count(WarningCode.RETRIED) == 1
    assert WarningCode.PRODUCT_CHANGED in list_warning_codes(job)
    assert list_report_codes(world, KEY) == []
    assert not world.dead_letter_queue.messages
    assert (len(world.downloads.fetched_urls) > len({*world.downloads.fetched_urls})) is fetched_again
    assert_at_rest(world)
    return job


# -- which picture is delivered -----------------------------------------------------------------------------------


def test_same_product_is_not_bought_again() -> None:
    world = deliver(SCENE)
    job = find_only_job(world)
    assert (len(job.attempts), job.judged_attempts, list_warning_codes(job)) == (1, (), [])
    assert world.provider.charged_micro_usd == PRICE
    assert world.downloads.fetched_urls == [*dict.fromkeys(world.downloads.fetched_urls)]
    assert_at_rest(world)


def test_second_picture_with_the_same_product_is_delivered() -> None:
    world = deliver(CHANGED_SCENE, SCENE)
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no, job.charged) == (S.STORED, 2, 2 * PRICE)
    assert find_fidelity(job).verdict is FidelityVerdict.SAME
    assert list_warning_codes(job) == [WarningCode.RETRIED]
    receipt = world.read_receipt(KEY)
    assert receipt
    (receipt_job,) = receipt["jobs"]
    assert [(one["outcome"], one["money"]) for one in receipt_job["attempts"]] == [("answered", "spent")] * 2
    assert receipt_job["warnings"] == [
        "retried: the product differed, so the picture was bought 2 times; attempt 2 is the best"
    ]
    assert receipt_job["cost"]["usd"] == 0.12
    assert_at_rest(world)


def test_nothing_is_delivered_before_the_last_verdict() -> None:
    world = build_retrying_world()
    assert world.read_pictures() == {}
    assert world.bus.events == []
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [job["status"] for job in receipt["jobs"]] == ["accepted"]


@pytest.mark.parametrize(
    ("scenes", "best"), [((HARDLY, NEARLY), 2), ((NEARLY, HARDLY), 1), ((NEARLY, NEARLY), 1)], ids=str
)
def test_best_picture_is_delivered_if_none_has_the_same_product(scenes: Sequence[bytes], best: int) -> None:
    world = deliver(*scenes)
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no, len(job.attempts)) == (S.STORED, best, 2)
    assert {*list_warning_codes(job)} == {WarningCode.RETRIED, WarningCode.PRODUCT_CHANGED}
    assert find_fidelity(job).map_key == f"_backdrop/changes/{job.job_id}/{best}_1.png"
    assert_at_rest(world)


def test_picture_is_bought_up_to_three_more_times() -> None:
    world = deliver(CHANGED_SCENE, HARDLY, NEARLY, CHANGED_SCENE, SCENE, subject=RETRY | {"retries": 3})
    job = find_only_job(world)
    assert (job.paid_attempt_no, world.provider.charged_micro_usd) == (3, 4 * PRICE)
    assert [attempt.charge_no for attempt in job.attempts] == [0, 1, 2, 3]
    kept = [key for key in world.output_bucket.list_keys() if key.startswith(f"{PAID_PREFIX}/")]
    assert len(kept) == 4
    assert_at_rest(world)


def test_one_of_several_pictures_is_enough() -> None:
    world = deliver(CHANGED_SCENE, SCENE, fields=MARBLE | {"num_images": 2})
    assert len(find_only_job(world).attempts) == 1
    assert_at_rest(world)


def test_all_pictures_of_the_best_attempt_are_delivered() -> None:
    world = deliver(HARDLY, HARDLY, CHANGED_SCENE, NEARLY, fields=MARBLE | {"num_images": 2})
    job = find_only_job(world)
    assert (job.paid_attempt_no, len(job.results)) == (2, 2)
    assert [fidelity.verdict for fidelity in job.fidelity_by_image.values() if fidelity] == ["changed"] * 2
    assert_at_rest(world)


@pytest.mark.parametrize("photo", [PHOTO, build_photo()])
def test_picture_that_cannot_be_compared_is_not_bought_again(photo: bytes) -> None:
    world = deliver(CHANGED_SCENE, photo=photo)
    job = find_only_job(world)
    assert (len(job.attempts), find_fidelity(job).reason) == (1, CannotSayReason.NO_MASK)
    assert_at_rest(world)


def test_picture_next_to_one_that_cannot_be_compared_is_not_bought_again() -> None:
    other_shape = encode(draw_on(GRASS).resize((320, 100)))
    world = deliver(CHANGED_SCENE, other_shape, fields=MARBLE | {"num_images": 2})
    assert len(find_only_job(world).attempts) == 1


def test_own_pixels_are_compared_as_they_would_be_delivered() -> None:
    world = deliver(NEARLY, subject=RETRY | {"pixels": "own"})
    assert (len(find_only_job(world).attempts), find_fidelity(find_only_job(world)).score) == (1, 1)
    assert_at_rest(world)


def test_default_delivers_the_changed_picture_at_once() -> None:
    world = deliver(CHANGED_SCENE, SCENE, subject={"otherwise": "deliver"})
    assert (len(find_only_job(world).attempts), find_only_job(world).status) == (1, S.STORED)


# -- the limits of a retry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "calls"), [(0.06, 1), (0.119, 1), (0.12, 2), (0.17, 2), (0.18, 3), (1, 4)])
def test_max_cost_refuses_the_first_call_and_stops_retries(limit: float, calls: int) -> None:
    fields = MARBLE | {"max_cost_usd": limit}
    world = deliver(CHANGED_SCENE, fields=fields, subject=RETRY | {"retries": 3})
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, calls * PRICE)
    assert_at_rest(world)


def test_first_call_above_max_cost_is_refused() -> None:
    world = deliver(CHANGED_SCENE, fields=MARBLE | {"max_cost_usd": 0.05})
    assert (world.list_jobs(), list_report_codes(world, KEY)) == ([], ["max_cost_exceeded"])


def test_lost_answer_counts_toward_max_cost() -> None:
    world = build_world(CHANGED_SCENE, fields=MARBLE | {"max_cost_usd": 0.12})
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, 2 * PRICE)
    assert WarningCode.FEWER_RETRIES in list_warning_codes(find_only_job(world))
    assert_at_rest(world)


def test_limit_that_is_lowered_before_the_verdict_stops_the_retry_with_a_warning() -> None:
    world = build_world(NEARLY, SCENE)
    world.run_until_empty("intake", LANE)
    world.upload_sidecar(KEY, **MARBLE, subject=RETRY, max_cost_usd=0.06)
    world.run_until_empty("intake")
    world.run_until_empty()
    warnings = [one.text_with_code for one in find_only_job(world).warnings]
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)
    assert "fewer_retries: no retry can be bought within max_cost_usd" in warnings


def test_limit_that_is_lowered_before_the_second_call_is_why_it_is_not_sent() -> None:
    world = build_retrying_world()
    world.upload_sidecar(KEY, **MARBLE, subject=RETRY, max_cost_usd=0.06)
    world.run_until_empty()
    (warning,) = [one for one in assert_first_is_delivered(world).warnings if one.code is WarningCode.RETRIED]
    assert "another call does not fit within max_cost_usd" in str(warning.text)


def test_limit_that_allows_some_retries_has_one_warning() -> None:
    world = deliver(CHANGED_SCENE, fields=MARBLE | {"max_cost_usd": 0.12}, subject=RETRY | {"retries": 3})
    (warning,) = [one for one in find_only_job(world).warnings if one.code is WarningCode.FEWER_RETRIES]
    assert str(warning.text).startswith("only 1 of 3 retries")


def test_retry_waits_for_the_next_days_budget() -> None:
    world = build_world(NEARLY, SCENE, budget=PRICE)
    world.run_until_empty()
    assert (find_only_job(world).status, world.read_pictures()) == (S.ACCEPTED, {})
    pass_time(world, DAY)
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no, world.provider.charged_micro_usd) == (S.STORED, 2, 2 * PRICE)
    assert_at_rest(world)


# -- retries that bring no picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BEHAVIORS)
@pytest.mark.parametrize("kind", ProviderKind)
def test_retry_without_a_picture_delivers_the_first_one(kind: ProviderKind, name: str) -> None:
    world = build_world(NEARLY, kind=kind)
    world.provider.script += [CallBehavior(), BEHAVIORS[name]]
    world.run_until_empty()
    pass_time(world, DAY / 4)
    assert_first_is_delivered(world)


@pytest.mark.parametrize("lost", [build_charged_hang_up(), build_uncharged_hang_up()], ids=["charged", "not charged"])
@pytest.mark.parametrize("policy", ["retry_once", "hold"])
def test_lost_answer_of_a_retry_is_not_bought_again(policy: str, lost: CallBehavior) -> None:
    """The quote counts every retry once, and there is a paid picture to deliver."""
    world = build_world(NEARLY, SCENE, subject=RETRY | {"retries": 3}, on_lost_answer=policy)
    world.provider.script += [CallBehavior(), lost]
    world.run_until_empty()
    job = assert_first_is_delivered(world)
    assert (len(job.attempts), job.charged, job.unknown) == (2, PRICE, PRICE)


def test_retry_that_can_be_looked_up_survives_a_lost_answer() -> None:
    world = build_world(NEARLY, SCENE, kind=ProviderKind.LOOKUP_BY_OUR_ID)
    world.provider.script += [CallBehavior(), build_charged_hang_up()]
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.paid_attempt_no, job.charged, job.unknown) == (2, 2 * PRICE, 0)
    assert_at_rest(world)


def test_lost_answer_of_the_first_call_leaves_its_retries() -> None:
    world = build_world(NEARLY, SCENE)
    world.provider.script += [build_charged_hang_up()]
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.paid_attempt_no, job.charged, job.unknown) == (3, 2 * PRICE, PRICE)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["warnings"] == [
        "retried: the product differed, so the picture was bought 2 times; "
        "1 call without an answer may have been charged, too; attempt 3 is the best"
    ]
    assert_at_rest(world)


def test_unusable_file_of_a_retry_delivers_the_first_picture() -> None:
    world = deliver(NEARLY, b"no picture")
    assert_first_is_delivered(world, fetched_again=True)


def test_retry_in_a_lane_that_throttles_continues() -> None:
    world = build_world(NEARLY, SCENE)
    world.provider.script += [CallBehavior(), *[build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)] * 5]
    world.run_until_empty()
    assert find_only_job(world).paid_attempt_no == 7
    assert_at_rest(world)


def test_retry_stays_at_its_provider() -> None:
    fields = MARBLE | {"provider": [LANE, "runware"]}
    world = build_retrying_world(fields=fields, other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    world.provider.script += [build_refusal(RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY)]
    world.run_for(60)
    assert (find_only_job(world).status, len(find_only_job(world).attempts)) == (S.ACCEPTED, 2)
    pass_time(world, DAY)
    assert {attempt.provider for attempt in find_only_job(world).attempts} == {LANE}
    assert find_only_job(world).paid_attempt_no == 3
    assert_at_rest(world)


# -- requests that change meanwhile ---------------------------------------------------------------------------------


def test_cancel_before_the_second_call_delivers_the_first_picture() -> None:
    world = build_retrying_world()
    assert cancel_jobs(world)[1].uncancellable_cost == PRICE
    world.run_until_empty()
    assert_first_is_delivered(world)
    assert world.provider.charged_micro_usd == PRICE


def test_cancel_before_the_verdict_stops_the_retry() -> None:
    world = build_world(NEARLY, SCENE)
    world.run_until_empty("intake", LANE)
    cancel_jobs(world)
    world.run_until_empty()
    assert_first_is_delivered(world)
    assert world.provider.charged_micro_usd == PRICE


def test_cancel_delivers_the_first_picture_at_once_even_if_the_lane_is_paused() -> None:
    world = build_retrying_world()
    world.pause_lane()
    cancel_jobs(world)
    world.run_until_empty("deliver")
    assert_first_is_delivered(world)


def test_cancel_mark_in_a_paused_lane_delivers_the_first_picture() -> None:
    world = build_retrying_world()
    world.pause_lane()
    world.steps.cancel().add_mark("")
    world.run_reconcile()
    world.run_until_empty("deliver")
    assert find_only_job(world).paid_attempt_no == 1
    assert find_only_job(world).status is S.STORED


@pytest.mark.parametrize("behavior", [CallBehavior(), build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)])
def test_cancel_during_the_second_call_buys_no_third_picture(behavior: CallBehavior) -> None:
    world = build_world(HARDLY, NEARLY, SCENE, subject=RETRY | {"retries": 3})

    def cancel_then_answer() -> None:
        cancel_jobs(world)

    during_call = CallBehavior(
        accepts_work=behavior.accepts_work, result=behavior.result, run_during_call=cancel_then_answer
    )
    world.provider.script += [CallBehavior(), during_call]
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no) == (S.STORED, 2 if behavior.accepts_work else 1)
    assert world.provider.charged_micro_usd == PRICE * (1 + behavior.accepts_work)
    assert_at_rest(world)


def test_new_prompt_before_the_second_call_buys_only_the_new_job() -> None:
    world = build_retrying_world()
    world.upload_sidecar(KEY, prompt="in the snow")
    world.run_until_empty()
    assert sorted(len(job.attempts) for job in world.list_jobs()) == [1, 1]
    assert {job.status for job in world.list_jobs()} == {S.STORED}
    assert_at_rest(world)


def test_picture_that_is_no_longer_requested_is_not_bought_again() -> None:
    world = build_world(NEARLY, SCENE)
    world.run_until_empty("intake", LANE)
    world.upload_sidecar(KEY, prompt="in the snow")
    world.run_until_empty("intake")
    world.run_until_empty("deliver")
    world.run_until_empty()
    assert sorted(len(job.attempts) for job in world.list_jobs()) == [1, 1]
    assert_at_rest(world)


def test_prompt_that_changes_during_the_verdict_prevents_the_second_call() -> None:
    world = build_world(NEARLY, SCENE)
    world.run_until_empty("intake", LANE)

    def change_prompt(_: ServiceCall) -> None:
        world.transport.faults_before.clear()
        world.upload_sidecar(KEY, prompt="in the snow")
        world.run_until_empty("intake")

    world.transport.faults_before.append(TargetedFault(change_prompt, "transact_write_items"))
    world.run_until_empty()
    assert sorted(len(job.attempts) for job in world.list_jobs()) == [1, 1]
    assert_at_rest(world)


def test_content_that_another_job_owns_now_is_not_bought_again() -> None:
    """The first job was dead for a while, and another photo's job has taken over what it would buy."""
    world = build_world(NEARLY, SCENE)
    world.downloads.override = ResultError(Code.RESULT_FOREIGN_HOST, "the link is not on the list")
    world.run_until_empty()
    assert find_only_job(world).status is S.DEAD
    world.downloads.override = None
    world.upload_photo(COPY, TRANSPARENT_PHOTO)
    world.upload_sidecar(COPY, **MARBLE, subject=RETRY)
    world.run_until_empty("intake")
    job = world.ledger.write_transition(transitions.retry_delivery(find_only_job(world), world.clock.now()))
    enqueue_delivery(world.deliver.deliver_queue, job, job.job_id)
    world.run_until_empty("deliver")
    assert (find_only_job(world).status, len(find_only_job(world).attempts)) == (S.STORED, 1)
    world.run_until_empty()
    assert_at_rest(world)


def test_deleted_photo_before_the_second_call_is_not_bought_again() -> None:
    world = build_retrying_world()
    world.delete_file(KEY)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)
    assert_at_rest(world)


@pytest.mark.parametrize("subject", [{"otherwise": "deliver"}, RETRY | {"min": 0.5}], ids=str)
def test_other_subject_before_the_second_call_ends_the_retry(subject: Any) -> None:
    world = build_retrying_world()
    world.upload_sidecar(KEY, **MARBLE, subject=subject)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no, world.provider.charged_micro_usd) == (S.STORED, 1, PRICE)
    assert_at_rest(world)


def test_other_subject_that_still_differs_keeps_the_retry() -> None:
    world = build_retrying_world()
    world.upload_sidecar(KEY, **MARBLE, subject=RETRY | {"min": 0.95})
    world.run_until_empty()
    assert find_only_job(world).paid_attempt_no == 2


@pytest.mark.parametrize("subject", [RETRY | {"min": 0.99}, {"min": 0.1}, RETRY | {"retries": 3}], ids=str)
def test_other_subject_after_the_delivery_buys_nothing(subject: Any) -> None:
    world = deliver(HARDLY, NEARLY)
    before = find_only_job(world)
    world.upload_sidecar(KEY, **MARBLE, subject=subject)
    world.run_until_empty()
    after = find_only_job(world)
    assert (after.status, after.attempts, after.paid_attempt_no) == (S.STORED, before.attempts, 2)
    assert after.stored_at == before.stored_at
    assert list_warning_codes(after).count(WarningCode.RETRIED) == 1
    assert_at_rest(world)


def test_retry_that_is_requested_after_a_delivery_buys_nothing() -> None:
    world = deliver(NEARLY, SCENE, subject={"min": 0.9})
    world.upload_sidecar(KEY, **MARBLE, subject=RETRY)
    world.run_until_empty()
    assert (len(find_only_job(world).attempts), find_only_job(world).status) == (1, S.STORED)
    assert_at_rest(world)


def test_paying_again_costs_and_allows_every_retry() -> None:
    world = build_world(NEARLY, SCENE)
    world.downloads.override = ResultError(Code.RESULT_GONE, "the picture is gone")
    world.run_until_empty()
    world.downloads.override, service = None, world.steps.redrive()
    (failure,) = service.list_failures(FailureFilter())
    plan = service.plan(failure, pay_again=True)
    assert list(plan.max_costs.values()) == [2 * PRICE]
    assert service.redrive(plan)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.paid_attempt_no, world.provider.charged_micro_usd) == (S.STORED, 2, 2 * PRICE)
    assert_at_rest(world)


# -- other jobs with the same content -------------------------------------------------------------------------------


def test_photo_with_the_same_content_gets_the_best_picture() -> None:
    world = build_world(NEARLY, HARDLY)
    world.upload_photo(COPY, TRANSPARENT_PHOTO)
    world.upload_sidecar(COPY, **MARBLE, subject=RETRY)
    world.run_until_empty()
    jobs = world.list_jobs()
    assert {(job.status, job.paid_attempt_no) for job in jobs} == {(S.STORED, 1)}
    assert sorted(len(job.attempts) for job in jobs) == [0, 2]
    assert_at_rest(world)


def test_photo_that_reuses_a_changed_picture_buys_nothing() -> None:
    world = deliver(NEARLY, SCENE, subject={"min": 0.9})
    world.upload_photo(COPY, TRANSPARENT_PHOTO)
    world.upload_sidecar(COPY, **MARBLE, subject=RETRY)
    world.run_until_empty()
    copied = find_only_job(world, COPY)
    assert (copied.status, copied.attempts, find_fidelity(copied).verdict) == (S.STORED, (), FidelityVerdict.CHANGED)
    assert_at_rest(world)


# -- crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["a picture", "refused", "lost"])
def test_crash_at_any_call_leads_to_the_same_end(answer: str) -> None:
    second: dict[str, Sequence[CallBehavior]] = {
        "a picture": [CallBehavior()],
        "refused": [BEHAVIORS["refused"]] * 3,
        "lost": [build_charged_hang_up()] * 3,
    }

    def make() -> World:
        world = build_world(NEARLY, SCENE)
        world.provider.behavior_sources.append(lambda: choose(world))
        return world

    def choose(world: World) -> CallBehavior | None:
        """Every call after the first verdict is answered this way."""
        (job,) = world.list_jobs()
        return second[answer][0] if job.judged_attempts else None

    for call, world in replay_with_crashes(make, lambda world: world.run_until_empty(max_deliveries=3000)):
        for _ in range(4):
            world.run_for(1800)
            world.run_reconcile()
            world.run_until_empty(max_deliveries=3000)
        job = find_only_job(world)
        assert job.status is S.STORED, call
        lost_charges = [attempt.charge_no for attempt in job.attempts if attempt.outcome is AttemptOutcome.LOST]
        is_answered = answer == "a picture" and 1 not in lost_charges
        assert find_fidelity(job).score == (1 if is_answered else 0.634), call
        assert len(job.attempts) == 2 + (0 in lost_charges), call
        assert_at_rest(world)


def test_crash_before_the_message_of_a_retry_delays_it_by_minutes() -> None:
    world = build_world(NEARLY, SCENE)
    world.run_until_empty("intake", LANE)
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    world.deliver_next("deliver")
    assert (find_only_job(world).status, len(world.queues["intake"].messages)) == (S.ACCEPTED, 0)
    pass_time(world, 900)
    assert find_only_job(world).paid_attempt_no == 2
    assert_at_rest(world)
