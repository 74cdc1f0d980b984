"""What a person cancels is not bought, whichever stage it is in. What is requested afterward is bought as usual."""

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.content_waits import read_task_response, send_task_request
from tests.simulated.simulated_days import pass_time
from tests.simulated.stage_worlds import KEY, NOW, PRICE, assert_at_rest, find_only_job, world_with_photo
from tests.simulated.uploads_and_requests import (
    REMOVE,
    count_paid_calls,
    send_request,
    send_rerun,
    upload_defaults,
    upload_unique_photo,
)

S = JobStatus


def cancel_and_wait(world: World, prefix: str = "") -> None:
    """A person cancels, and time passes, so that the next request is a later one."""
    world.clock.sleep(1)
    world.steps.cancel().add_mark(prefix)
    world.clock.sleep(1)


def read_status(world: World, key: str = KEY) -> tuple[JobStatus, int]:
    """Returns the job's status, and how many pictures the provider charged in total."""
    return find_only_job(world, key).status, count_paid_calls(world)


def assert_repetition_buys_nothing(world: World, event: str) -> None:
    before = [(job.status, job.requested_at) for job in world.list_jobs()], count_paid_calls(world)
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_until_empty()
    assert ([(job.status, job.requested_at) for job in world.list_jobs()], count_paid_calls(world)) == before
    assert_at_rest(world)


def test_photo_whose_event_arrives_late_is_not_bought() -> None:
    world = world_with_photo()
    cancel_and_wait(world)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    assert_at_rest(world)


def test_photo_found_only_by_the_sweep_is_not_bought() -> None:
    world = world_with_photo()
    world.queues["intake"].messages.clear()
    cancel_and_wait(world)
    pass_time(world, 3600)
    assert read_status(world) == (S.CANCELLED, 0)


def test_photos_dropped_later_or_elsewhere_are_bought() -> None:
    world = World()
    upload_unique_photo(world, "hats/old.jpg", operation="remove")
    upload_unique_photo(world, "shoes/old.jpg", operation="remove")
    cancel_and_wait(world, "hats/")
    upload_unique_photo(world, "hats/new.jpg", operation="remove")
    world.run_until_empty()
    ends = {job.key: job.status for job in world.list_jobs()}
    assert ends == {"hats/old.jpg": S.CANCELLED, "hats/new.jpg": S.STORED, "shoes/old.jpg": S.STORED}


@pytest.mark.parametrize("way", ["photo", "sidecar", "tags", "request", "rerun"])
def test_any_new_instruction_after_a_cancel_buys_the_photo(way: str) -> None:
    world = world_with_photo()
    cancel_and_wait(world)
    world.run_until_empty()
    match way:
        case "photo":
            world.upload_photo(KEY, build_photo(), operation="remove")
        case "sidecar":
            world.upload_sidecar(KEY, operation="remove")
        case "tags":
            world.s3.set_tags("photos", KEY, {"operation": "remove", "metadata": "2"})
        case "request":
            send_request(world, KEY, **REMOVE)
        case _:
            send_rerun(world, KEY)
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)
    assert_at_rest(world)


@pytest.mark.parametrize("left", [{}, {"team": "spring"}], ids=["none", "foreign tags"])
def test_removing_tags_after_a_cancel_reopens_no_job(left: dict[str, str]) -> None:
    world = world_with_photo()
    cancel_and_wait(world)
    world.run_until_empty()
    world.s3.set_tags("photos", KEY, left)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    assert_at_rest(world)


def test_scanner_tag_on_an_unseen_photo_is_not_a_request() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.upload_sidecar(KEY, operation="remove")
    world.queues["intake"].messages.clear()
    cancel_and_wait(world)
    world.s3.set_tags("photos", KEY, {"GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"})
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)


@pytest.mark.parametrize("hidden_by", ["nothing", "a sidecar", "settle time"])
def test_scanner_tag_next_to_our_own_reopens_no_canceled_job(hidden_by: str) -> None:
    """Scanners tag each photo minutes after its upload, and retention tools tag all photos at once."""
    world = World(settle_seconds=20 if hidden_by == "settle time" else 0)
    own_tags = {"max_cost_usd": "0.50"} if hidden_by == "settle time" else dict(REMOVE)
    upload_defaults(world, "shoes/", REMOVE)
    upload_unique_photo(world, KEY, **own_tags)
    if hidden_by == "a sidecar":
        world.upload_sidecar(KEY, operation="remove")
    world.pause_lane()
    world.run_for(60)
    cancel_and_wait(world)
    source = world.read_source(KEY)
    for n in range(3):
        world.s3.set_tags("photos", KEY, own_tags | {"GuardDutyMalwareScanStatus": f"NO_THREATS_FOUND {n}"})
        world.run_for(5)
    assert world.read_source(KEY) == source
    world.resume_lane()
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    assert_at_rest(world)


@pytest.mark.parametrize("code", [Code.REQUEST_REJECTED, Code.UNSAFE_REQUEST])
def test_scanner_tag_changes_nothing_of_a_failed_photo(code: Code) -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.PERM, code))
    world.run_until_empty()
    before = world.read_source(KEY), world.list_jobs(), len(world.provider.received_job_ids)
    world.s3.set_tags("photos", KEY, REMOVE | {"scanned": "yes"})
    world.run_until_empty()
    assert (world.read_source(KEY), world.list_jobs(), len(world.provider.received_job_ids)) == before


def test_late_event_of_earlier_tags_counts_as_earlier() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty("intake")
    world.s3.set_tags("photos", KEY, dict(REMOVE))
    (late,) = [one.body for one in world.queues["intake"].messages if "ObjectTagging" in one.body]
    world.queues["intake"].messages.clear()
    cancel_and_wait(world)
    world.sqs.send_externally(world.queues["intake"], late)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "waits"])
def test_tags_found_before_their_own_event_reopen_the_job(ended: bool) -> None:
    """The photo's own events arrive before a million others. Intake finds the tags, but not when they were set."""
    world = World()
    upload_unique_photo(world, KEY)
    cancel_and_wait(world)
    world.s3.set_tags("photos", KEY, dict(REMOVE))
    (tagging,) = [one.body for one in world.queues["intake"].messages if "ObjectTagging" in one.body]
    world.queues["intake"].messages.pop()
    world.run_until_empty("intake", *(["ideogram"] if ended else []))
    assert read_status(world) == (S.CANCELLED if ended else S.ACCEPTED, 0)
    world.sqs.send_externally(world.queues["intake"], tagging)
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)
    assert_at_rest(world)


@pytest.mark.parametrize(("way", "result"), [("sidecar", (S.STORED, 1)), ("tags", (S.CANCELLED, 0))])
def test_same_instructions_after_a_cancel_are_bought_once(way: str, result: tuple[JobStatus, int]) -> None:
    """Tags that are set again are no request: any tool that sets tags of its own sets all others again."""
    world = World()
    upload_unique_photo(world, KEY)

    def upload_again() -> None:
        world.upload_sidecar(KEY, operation="remove") if way == "sidecar" else world.s3.set_tags(
            "photos", KEY, dict(REMOVE)
        )

    upload_again()
    cancel_and_wait(world)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    for _ in range(2):
        upload_again()
        world.run_until_empty()
        assert read_status(world) == result
    assert_at_rest(world)


def test_redelivered_request_reopens_only_its_own_jobs() -> None:
    """The request was refused, and the canceled job follows the photo's own instructions."""
    world = world_with_photo()
    cancel_and_wait(world)
    world.run_until_empty()
    refused = send_request(world, KEY, operation="remove", prompt="both")
    (message,) = world.queues["intake"].messages
    world.run_until_empty()
    world.queues["intake"].messages.append(message)
    world.run_until_empty()
    assert refused == message.body
    assert world.read_report(KEY)
    assert read_status(world) == (S.CANCELLED, 0)


def test_late_event_of_earlier_instructions_reopens_no_job() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.s3.set_tags("photos", KEY, dict(REMOVE))
    upload, tagging = (one.body for one in world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    cancel_and_wait(world)
    for late in (upload, tagging):
        world.sqs.send_externally(world.queues["intake"], late)
        world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    assert find_only_job(world).requested_at == NOW


def test_job_requested_again_before_its_end_is_bought() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    cancel_and_wait(world)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty("intake")
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)


def test_earlier_request_is_answered_and_later_one_is_bought() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_task_request(world, KEY, "early", **REMOVE)
    cancel_and_wait(world)
    world.run_until_empty()
    assert (read_task_response(world, "early").error, count_paid_calls(world)) == ("cancelled", 0)
    send_task_request(world, KEY, "late", **REMOVE)
    world.run_until_empty()
    assert (read_task_response(world, "late").error, count_paid_calls(world)) == ("", 1)


def test_only_folder_defaults_from_after_the_cancel_buy_photos() -> None:
    world = World(settle_seconds=1)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    upload_defaults(world, "shoes/", REMOVE)
    cancel_and_wait(world)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)
    upload_unique_photo(world, "hats/1.jpg")
    world.run_until_empty()
    cancel_and_wait(world)
    upload_defaults(world, "hats/", REMOVE)
    world.run_until_empty()
    assert read_status(world, "hats/1.jpg") == (S.STORED, 1)


def test_later_folder_default_reopens_no_earlier_photo() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    cancel_and_wait(world)
    upload_defaults(world, "shoes/", REMOVE)
    world.run_until_empty()
    assert read_status(world) == (S.CANCELLED, 0)


def test_canceled_job_in_a_paused_lane_ends_automatically() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.pause_lane()
    cancel_and_wait(world)
    pass_time(world, 600)
    assert read_status(world) == (S.CANCELLED, 0)
    assert_at_rest(world)


def test_job_waiting_for_the_rate_limit_is_not_resent() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=5))

    def cancel_meanwhile(_: ServiceCall) -> None:
        world.steps.cancel().add_mark("")

    world.transport.faults_after.append(TargetedFault(cancel_meanwhile, "call"))
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (
        S.CANCELLED,
        1,
        0,
    )
    assert_at_rest(world)


def test_lost_answer_is_not_followed_by_a_second_call() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.provider.script.append(build_charged_hang_up())

    def cancel_meanwhile(_: ServiceCall) -> None:
        world.steps.cancel().add_mark("")

    world.transport.faults_after.append(TargetedFault(cancel_meanwhile, "call"))
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (
        S.HELD,
        1,
        PRICE,
    )
    assert_at_rest(world)


def test_failed_job_that_a_person_redrives_is_bought() -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty()
    cancel_and_wait(world)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)


@pytest.mark.parametrize("read_before_its_event", [False, True], ids=["in order", "tags read before their event"])
def test_tags_that_a_sidecar_hid_are_as_new_as_their_event(read_before_its_event: bool) -> None:
    """Without the time of the tags, the job would stay canceled until S3 repeats their event, which would then buy."""
    world = World()
    upload_unique_photo(world, KEY)
    world.upload_sidecar(KEY, operation="remove", metadata="sidecar")
    world.run_until_empty()
    cancel_and_wait(world)
    world.s3.set_tags("photos", KEY, {"operation": "remove"})
    (tagging,) = [one.body for one in world.queues["intake"].messages if "ObjectTagging" in one.body]
    if read_before_its_event:
        (event,) = world.queues["intake"].messages
        world.queues["intake"].messages.clear()
        world.upload_sidecar(KEY, operation="remove", metadata="sidecar")
        world.run_until_empty("intake")
        world.queues["intake"].messages.append(event)
    world.run_until_empty()
    world.s3.delete("photos", f"{KEY}.json")
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)
    assert_repetition_buys_nothing(world, tagging)


def test_incomplete_tags_of_a_waiting_photo_are_as_new_as_their_event() -> None:
    world = World(settle_seconds=20)
    upload_defaults(world, "shoes/", REMOVE)
    upload_unique_photo(world, KEY)
    world.run_for(5)
    cancel_and_wait(world)
    world.s3.set_tags("photos", KEY, {"max_cost_usd": "0.50"})
    (tagging,) = [one.body for one in world.queues["intake"].messages if "ObjectTagging" in one.body]
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)
    assert_repetition_buys_nothing(world, tagging)


@pytest.mark.parametrize("was_known", [True, False], ids=["known", "unknown"])
def test_tags_of_a_photo_that_was_gone_are_as_new_as_their_event(was_known: bool) -> None:
    """The photo is deleted before the event of its tags arrives, and restored later."""
    world = World()
    upload_unique_photo(world, KEY)
    if was_known:
        world.run_until_empty("intake")
    cancel_and_wait(world)
    world.s3.set_tags("photos", KEY, dict(REMOVE))
    (tagging,) = [one.body for one in world.queues["intake"].messages if "ObjectTagging" in one.body]
    world.s3.delete("photos", KEY)
    world.run_until_empty()
    world.s3.delete_newest_version("photos", KEY)
    world.run_until_empty()
    assert read_status(world) == (S.STORED, 1)
    assert_repetition_buys_nothing(world, tagging)
