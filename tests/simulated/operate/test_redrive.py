"""Redrive: free if a link or file is available, and never paid for twice without `pay_again`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG, PaidFile
from backdrop.model.errors import ResultError
from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.model.object_keys import paid_key
from backdrop.model.provider_result import RetryClass
from backdrop.model.schedule import DELIVERY_CHECK_DELAY
from backdrop.operate.redrive import FailedItem, FailureFilter, RedrivePlan
from backdrop.pipeline.enqueue import enqueue_delivery
from simulation.world.sample_images import build_photo, build_picture
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.simulated_days import DAY, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

S = JobStatus
REJECTS = build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)
REFUSES = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)
LOST = build_charged_hang_up()
EVERYTHING = FailureFilter()
A_DAY = timedelta(days=1)
PNG = "image/png"


def world_after_calls(*reactions: CallBehavior, **setup: str) -> World:
    """Returns a world with a photo. The provider responds to its calls in these ways, and with success from now on."""
    world = world_with_photo(**setup)
    world.provider.script.extend(reactions)
    world.run_until_empty()
    return world


def world_with_undelivered_picture(code: Code) -> World:
    """Returns a world with a paid picture that could not be delivered in time."""
    world = world_with_photo()
    world.downloads.override = ResultError(code, "should be different")
    world.run_until_empty()
    world.downloads.override = None
    return world


def world_after_crashes(*, expires: timedelta, kept: bool = False) -> World:
    """Returns a world in which a paid picture with an expiring link crashed its workers. `kept`: its file was kept."""
    world = world_with_photo()
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    world.queues["deliver"].messages.clear()
    job = find_only_job(world)
    (link,) = job.links
    if kept:
        world.s3.put_object(
            Bucket=OUTPUT_BUCKET,
            Key=paid_key(job.job_id, 1, 1, "png"),
            Body=build_picture(link.url or ""),
            ContentType=PNG,
        )
    now = world.clock.now()
    old = replace(job, links=(replace(link, expires_at=now + expires),))
    dead = transitions.fail(old, ResultError(Code.CRASHED, "died"), now)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, world.ledger.write_transition(dead), job.job_id)
    world.run_until_empty()
    return world


def world_with_missing_reused_file() -> World:
    """Returns a world with a photo that should have reused another photo's file, but the file was deleted."""
    world = World()
    world.upload_photo("first.jpg", build_photo(), operation="remove")
    world.run_until_empty()
    for key in [key for key in world.output_bucket.list_keys() if "/paid/" in key]:
        world.s3.delete_object(Bucket=OUTPUT_BUCKET, Key=key)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    return world


@dataclass(frozen=True)
class RedriveCase:
    """A failure, the effect of a redrive, and its cost: `free`, `buys`, or `asks` for `pay_again`."""

    make: Callable[[], World]
    status: JobStatus
    money: MoneyStatus
    plain: str
    again: str = "buys"


CASES = {
    "refused": RedriveCase(lambda: world_after_calls(REFUSES), S.REFUSED, MoneyStatus.NOT_SPENT, "buys"),
    "rejected": RedriveCase(lambda: world_after_calls(REJECTS), S.DEAD, MoneyStatus.NOT_SPENT, "buys"),
    "withheld": RedriveCase(lambda: world_after_calls(CallBehavior(unsafe_count=1)), S.DEAD, MoneyStatus.SPENT, "asks"),
    "link expired": RedriveCase(
        lambda: world_with_undelivered_picture(Code.LINK_EXPIRED), S.DEAD, MoneyStatus.SPENT, "free"
    ),
    "result gone": RedriveCase(
        lambda: world_with_undelivered_picture(Code.RESULT_GONE), S.DEAD, MoneyStatus.SPENT, "free"
    ),
    "foreign host": RedriveCase(
        lambda: world_with_undelivered_picture(Code.RESULT_FOREIGN_HOST), S.DEAD, MoneyStatus.SPENT, "free", "free"
    ),
    "no image": RedriveCase(
        lambda: world_with_undelivered_picture(Code.RESULT_NOT_AN_IMAGE), S.DEAD, MoneyStatus.SPENT, "free"
    ),
    "output not made": RedriveCase(
        lambda: world_with_undelivered_picture(Code.OUTPUT_NOT_MADE), S.DEAD, MoneyStatus.SPENT, "free", "free"
    ),
    "crashed": RedriveCase(lambda: world_after_crashes(expires=A_DAY), S.DEAD, MoneyStatus.SPENT, "free", "free"),
    "crashed, link over": RedriveCase(lambda: world_after_crashes(expires=-A_DAY), S.DEAD, MoneyStatus.SPENT, "asks"),
    "crashed, kept": RedriveCase(
        lambda: world_after_crashes(expires=-A_DAY, kept=True), S.DEAD, MoneyStatus.SPENT, "free", "free"
    ),
    "held": RedriveCase(lambda: world_after_calls(LOST, on_lost_answer="hold"), S.HELD, MoneyStatus.UNKNOWN, "asks"),
    "lost twice": RedriveCase(lambda: world_after_calls(LOST, LOST), S.HELD, MoneyStatus.UNKNOWN, "asks"),
    "lost, then refused": RedriveCase(lambda: world_after_calls(LOST, REFUSES), S.REFUSED, MoneyStatus.UNKNOWN, "asks"),
    "lost, then rejected": RedriveCase(lambda: world_after_calls(LOST, REJECTS), S.DEAD, MoneyStatus.UNKNOWN, "asks"),
    "another's file gone": RedriveCase(world_with_missing_reused_file, S.DEAD, MoneyStatus.NOT_SPENT, "asks"),
}
EACH = pytest.mark.parametrize("name", CASES)


def find_only_failure(world: World) -> FailedItem:
    (failure,) = world.steps.redrive().list_failures(EVERYTHING)
    return failure


def plan_redrive(world: World, *, pay_again: bool = False) -> RedrivePlan:
    return world.steps.redrive().plan(find_only_failure(world), pay_again=pay_again)


def redrive(world: World, *, pay_again: bool = False) -> bool:
    """Redrives the job, and returns whether it continues."""
    return world.steps.redrive().redrive(plan_redrive(world, pay_again=pay_again))


@EACH
def test_failure_reports_its_status_and_its_money(name: str) -> None:
    case = CASES[name]
    failure = find_only_failure(case.make())
    assert failure.job
    assert (failure.job.status, failure.job.money, failure.problem.money) == (case.status, case.money, case.money)
    assert (failure.status, failure.source.key) == (case.status.value, KEY)


@EACH
def test_plan_states_the_cost_of_a_redrive(name: str) -> None:
    case = CASES[name]
    plan = plan_redrive(case.make())
    price = PRICE if case.plain == "buys" else 0
    assert (sum(plan.max_costs.values()), plan.needs_pay_again) == (price, case.plain == "asks")


@pytest.mark.parametrize(
    "code",
    [
        code
        for code, entry in ERROR_CATALOG.items()
        if entry.disposition is Disposition.DEAD and entry.paid_file not in (None, PaidFile.NOT_RECEIVED)
    ],
)
def test_code_of_a_paid_file_decides_what_redrive_buys(code: Code) -> None:
    world, paid_file = world_with_undelivered_picture(code), ERROR_CATALOG[code].paid_file
    assert not plan_redrive(world).needs_pay_again
    is_bought_again = paid_file in (PaidFile.GONE, PaidFile.UNUSABLE, PaidFile.UNUSABLE_BUT_KEPT)
    assert list(plan_redrive(world, pay_again=True).max_costs.values()) == [PRICE] * is_bought_again


@EACH
def test_possibly_paid_job_is_not_bought_again_without_pay_again(name: str) -> None:
    case = CASES[name]
    world = case.make()
    calls = len(world.provider.received_job_ids)
    assert redrive(world) is (case.plain != "asks")
    world.run_until_empty()
    assert len(world.provider.received_job_ids) - calls == (case.plain == "buys")
    if case.plain != "asks":
        assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])
    assert_at_rest(world)


def test_possibly_paid_job_of_a_deleted_photo_needs_pay_again() -> None:
    """The photo no longer names the job. A redrive would change that, but would not send anything by itself."""
    world = world_with_photo()
    world.provider.script.append(CallBehavior(kills_worker=True))
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    world.delete_file(KEY)
    world.run_until_empty("intake")
    pass_time(world, 3600)
    failed = find_only_job(world)
    assert failed.end_after_call
    assert plan_redrive(world).needs_pay_again
    assert not redrive(world)
    assert find_only_job(world) == failed


@EACH
def test_pay_again_buys_and_keeps_the_old_charge_in_the_receipt(name: str) -> None:
    case = CASES[name]
    world = case.make()
    before = find_only_job(world)
    plan = plan_redrive(world, pay_again=True)
    price = PRICE if case.again == "buys" else 0
    assert (sum(plan.max_costs.values()), plan.needs_pay_again) == (price, False)
    assert world.steps.redrive().redrive(plan)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, list_report_codes(world, KEY), len(world.read_pictures(KEY))) == (S.STORED, [], 1)
    assert (job.charged, job.unknown) == (before.charged + price, before.unknown)
    assert [one for one in job.attempts if one in before.attempts] == list(before.attempts)
    assert_at_rest(world)


def test_pay_again_uses_a_new_id_at_the_provider() -> None:
    world = world_after_calls(CallBehavior(unsafe_count=1), kind="own_id")
    assert redrive(world, pay_again=True)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, world.provider.charged_micro_usd) == (S.STORED, 2 * PRICE)
    assert len({attempt.provider_id for attempt in job.attempts}) == 2


@EACH
def test_reconcile_completes_a_redrive_that_crashed(name: str) -> None:
    """The write either succeeded or not. If the message was never sent, reconcile sends it once the job is due."""
    for nth in count(1):
        world = CASES[name].make()
        plan = plan_redrive(world, pay_again=CASES[name].plain == "asks")
        world.transport.faults_after.append(fault := TargetedFault(crash_worker, nth=nth))
        with suppress(SimulatedCrash):
            world.steps.redrive().redrive(plan)
        world.transport.clear_faults()
        went = not find_only_job(world).has_ended
        pass_time(world, DELIVERY_CHECK_DELAY.total_seconds() + 3600, every=900)
        assert find_only_job(world).has_ended, (nth, find_only_job(world).status)
        assert (find_only_job(world).status is S.STORED) is went, nth
        assert_at_rest(world)
        if not fault.hit_count:
            return


def test_restored_paid_file_is_delivered_without_a_charge() -> None:
    world = world_with_missing_reused_file()
    first = find_only_job(world, "first.jpg")
    key, data = paid_key(first.job_id, 1, 1, "png"), build_picture(first.links[0].url or "")
    world.s3.put_object(Bucket=OUTPUT_BUCKET, Key=key, Body=data, ContentType=PNG)
    assert (plan_redrive(world).max_costs, redrive(world, pay_again=True)) == ({}, True)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)


# -- photos without a job, and races with other workers ----------------------------------------------------------


def test_photo_without_a_job_goes_through_intake_again() -> None:
    world = World()
    world.upload_sidecar(KEY, operation="erase")
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    world.s3.upload("photos", f"{KEY}.json", b'{"operation": "remove"}')
    world.queues["intake"].messages.clear()
    assert plan_redrive(world).max_costs == {}
    assert redrive(world)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])


@pytest.mark.parametrize("pay_again", [False, True])
def test_concurrent_redrives_of_one_failure_buy_once(pay_again: bool) -> None:
    world = world_after_calls(CallBehavior(unsafe_count=1) if pay_again else REJECTS)
    plan = plan_redrive(world, pay_again=pay_again)
    calls = len(world.provider.received_job_ids)
    assert [world.steps.redrive().redrive(plan) for _ in range(2)] == [True, False]
    world.run_until_empty()
    assert len(world.provider.received_job_ids) == calls + 1


def test_redriven_job_gets_the_file_of_the_contents_owner() -> None:
    """In the meantime, the same photo was uploaded under another key and bought there."""
    world = world_after_calls(REJECTS)
    world.upload_photo("other.jpg", build_photo(), operation="remove")
    world.run_until_empty()
    assert redrive(world)
    world.run_until_empty()
    job, owner = find_only_job(world, KEY), find_only_job(world, "other.jpg")
    assert (job.status, job.reused_from, world.provider.charged_micro_usd) == (S.STORED, owner.job_id, PRICE)
    assert_at_rest(world)


@pytest.mark.parametrize("pay_again", [False, True])
def test_redriven_job_that_is_being_superseded_is_not_bought(pay_again: bool) -> None:
    """The worker that processes the photo read the job after it had ended, so it does not change the job."""
    world = world_after_calls(CallBehavior(unsafe_count=1) if pay_again else REJECTS)
    plan = plan_redrive(world, pay_again=pay_again)
    calls = len(world.provider.received_job_ids)
    world.upload_sidecar(KEY, prompt="a beach")
    went: list[bool] = []
    world.transport.faults_before.append(
        TargetedFault(lambda _: went.append(world.steps.redrive().redrive(plan)), "transact_write_items")
    )
    world.run_until_empty()
    old, new = sorted(world.list_jobs(), key=lambda job: job.queued_at)
    assert (went, new.status, new.instructions["prompt"]) == ([True], S.STORED, "a beach")
    assert (old.has_ended, len(world.provider.received_job_ids)) == (True, calls + 1)
    assert_at_rest(world)


def test_redrive_of_a_superseded_job_does_nothing() -> None:
    world = world_after_calls(REJECTS)
    plan = plan_redrive(world)
    world.upload_sidecar(KEY, prompt="a beach")
    world.run_until_empty()
    assert not world.steps.redrive().redrive(plan)


def test_two_jobs_with_the_same_file_that_pay_again_buy_once() -> None:
    """The job that paid originally blocks neither of them, and the second waits for the first."""
    world = world_with_missing_reused_file()
    world.upload_photo("third.jpg", build_photo(), operation="remove")
    world.run_until_empty()
    plans = [world.steps.redrive().plan(one, pay_again=True) for one in world.steps.redrive().list_failures(EVERYTHING)]
    assert [world.steps.redrive().redrive(plan) for plan in plans] == [True, True]
    pass_time(world, 3600, every=60)
    assert [find_only_job(world, key).status for key in (KEY, "third.jpg")] == [S.STORED, S.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    assert_at_rest(world)


def test_redriven_job_waits_in_a_paused_lane() -> None:
    world = world_after_calls(REJECTS)
    world.pause_lane()
    assert redrive(world)
    pass_time(world, DAY, every=3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.ACCEPTED, 1)
    world.resume_lane()
    world.run_until_empty()
    assert find_only_job(world).status is S.STORED
