"""Files that S3 does not return: archived ones are reported at once, denied ones if that persists. None is lost."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.s3 import TAG_COUNT_TRUST_SECONDS
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.operate.redrive import FailureFilter
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import FaultAction, ServiceCall, TargetedFault, build_client_error
from tests.simulated.simulated_days import DAY, list_report_codes, pass_time, run_reconcile
from tests.simulated.stage_worlds import KEY, LOST, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    REMOVE,
    count_paid_calls,
    list_folder_codes,
    read_current_instructions,
    send_request,
    send_rerun,
    upload_defaults,
    upload_unique_photo,
)

SIDECAR = f"{KEY}.json"


def fail_reads(key: str, error: ClientError) -> FaultAction:
    """S3 refuses to return one file's bytes."""

    def fail(call: ServiceCall) -> None:
        if call.operation == "get_object" and call.request["Key"] == key:
            raise error

    return fail


def archive(key: str = KEY) -> FaultAction:
    """The file is in an archive class, as S3 reports it."""
    return fail_reads(key, build_client_error("InvalidObjectState", "GetObject", 403))


def deny_access(key: str = KEY, code: str = "AccessDenied", status: int = 403) -> FaultAction:
    """The stack is denied access to the file."""
    return fail_reads(key, build_client_error(code, "GetObject", status))


def world_with_fault(fault: FaultAction, *actions: Callable[[World], Any]) -> World:
    """Returns a world in which a fault is in force before anything is uploaded."""
    world = World()
    world.transport.faults_before.append(fault)
    for action in actions:
        action(world)
    return world


def upload_photo(world: World) -> None:
    """Uploads a photo that requests a background removal."""
    upload_unique_photo(world, KEY, operation="remove")


def remove_fault(world: World) -> None:
    """S3 returns everything again."""
    world.transport.faults_before.clear()


# -- archived ----------------------------------------------------------------------------------------------------


def test_archived_photo_is_reported_and_runs_after_being_restored() -> None:
    world = world_with_fault(archive(), upload_photo)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), world.list_jobs()) == (["file_archived"], [])
    assert_at_rest(world)
    remove_fault(world)
    send_rerun(world, KEY)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_archived_photo_runs_when_it_is_uploaded_again() -> None:
    world = world_with_fault(archive(), upload_photo)
    world.run_until_empty()
    remove_fault(world)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_archived_sidecar_is_reported_and_nothing_is_bought() -> None:
    world = World()
    upload_defaults(world, "", REMOVE)
    world.transport.faults_before.append(archive(SIDECAR))
    world.upload_sidecar(KEY, **BEACH)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["file_archived"], 0)
    remove_fault(world)
    send_rerun(world, KEY)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])


def test_archived_folder_defaults_count_as_broken() -> None:
    world = world_with_fault(archive("_backdrop.json"), lambda world: upload_defaults(world, "", REMOVE))
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert (list_folder_codes(world, ""), list_report_codes(world, KEY), count_paid_calls(world)) == (
        ["file_archived"],
        [],
        0,
    )


def test_archived_reference_is_reported_as_unusable() -> None:
    world = world_with_fault(
        archive("looks/a.jpg"), lambda world: world.upload_photo("looks/a.jpg", build_photo("a look"))
    )
    world.queues["intake"].messages.clear()
    world.upload_sidecar(KEY, **BEACH, style_reference_images=["looks/a.jpg"])
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert list_report_codes(world, KEY) == ["reference_unusable"]


def test_photo_archived_before_its_call_is_refused_permanently() -> None:
    world = World()
    upload_photo(world)
    world.run_until_empty("intake")
    world.transport.faults_before.append(archive())
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), count_paid_calls(world)) == (
        JobStatus.REFUSED,
        ["file_archived"],
        0,
    )
    remove_fault(world)
    send_rerun(world, KEY)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_photo_archived_after_a_lost_answer_is_held() -> None:
    """The call cannot be repeated, and it is unknown whether the first one was charged."""
    world = World()
    upload_photo(world)
    world.run_until_empty("intake")
    world.provider.script.append(
        CallBehavior(result=LOST, run_during_call=lambda: world.transport.faults_before.append(archive()))
    )
    pass_time(world, 3600)
    assert (find_only_job(world).status, list_report_codes(world, KEY), count_paid_calls(world)) == (
        JobStatus.HELD,
        ["charge_unknown"],
        1,
    )


def test_finished_photo_that_is_archived_stays_finished() -> None:
    world = World()
    upload_photo(world)
    world.run_until_empty()
    world.transport.faults_before.append(archive())
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "scanned": "yes"})
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), read_current_instructions(world, KEY)) == (
        JobStatus.STORED,
        [],
        {"": "remove"},
    )


def test_archived_file_that_is_deleted_meanwhile_is_missing() -> None:
    world = world_with_fault(archive(), upload_photo)

    def report_missing(call: ServiceCall) -> None:
        if call.operation == "head_object" and call.request["Key"] == KEY:
            raise build_client_error("404", "HeadObject", 404)

    world.transport.faults_before.append(report_missing)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), world.list_jobs()) == ([], [])


# -- denied ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("KMS.DisabledException", 400), ("InvalidRequest", 400)]
)
def test_photo_with_denied_access_is_reported_and_resumes_later(code: str, status: int) -> None:
    world = world_with_fault(deny_access(code=code, status=status), upload_photo)
    world.run_for(300)
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    assert (error["code"], error["status"], error["retryable"]) == ("file_unreadable", "accepted", True)
    assert (KEY in error["message"], code in error["message"]) == (True, True)
    remove_fault(world)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), count_paid_calls(world)) == (
        JobStatus.STORED,
        [],
        1,
    )
    assert_at_rest(world)


@pytest.mark.parametrize("key", [SIDECAR, "_backdrop.json"])
def test_photo_also_waits_for_its_instruction_files(key: str) -> None:
    world = world_with_fault(deny_access(key), lambda world: world.upload_sidecar(KEY, **BEACH))
    upload_defaults(world, "", {"seed": 3})
    upload_unique_photo(world, KEY)
    world.run_for(300)
    report = world.read_report(KEY)
    assert report
    assert (list_report_codes(world, KEY), key in report["errors"][0]["message"]) == (["file_unreadable"], True)
    remove_fault(world)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])


def test_denied_access_is_reported_at_the_fifth_delivery() -> None:
    world = world_with_fault(deny_access(), upload_photo)
    seen: list[list[str]] = []
    for _ in range(5):
        (message,) = world.queues["intake"].messages
        world.clock.advance_to(message.visible_at)
        world.deliver_next("intake")
        world.run_until_empty("deliver")
        seen.append(list_report_codes(world, KEY))
    assert seen == [[], [], [], [], ["file_unreadable"]]


def test_file_with_denied_access_is_read_every_five_minutes() -> None:
    world = world_with_fault(deny_access(), upload_photo)
    pass_time(world, DAY / 4)
    reads = [call for call in world.transport.calls if call.operation == "get_object" and call.request["Key"] == KEY]
    gaps = [(second.started_at - first.started_at).total_seconds() for first, second in pairwise(reads)]
    assert max(gaps) < 330
    assert len(reads) < 90


def test_denied_worker_reports_nothing_after_another_worker_has_read_the_photo() -> None:
    """Both have the same message, and the second one deletes it, so the report would stay."""
    world = world_with_fault(deny_access(), upload_photo)
    for _ in range(4):
        (message,) = world.queues["intake"].messages
        world.clock.advance_to(message.visible_at)
        world.deliver_next("intake")
    remove_fault(world)
    (message,) = world.queues["intake"].messages
    world.sqs.send_externally(world.queues["intake"], message.body)
    world.queues["intake"].messages[-1].receive_count = 4

    def deny_after_another_worker(call: ServiceCall) -> None:
        if call.operation == "get_object" and call.request["Key"] == KEY:
            remove_fault(world)
            world.deliver_next("intake")
            raise build_client_error("AccessDenied", "GetObject", 403)

    world.clock.advance_to(message.visible_at)
    world.transport.faults_before.append(deny_after_another_worker)
    world.deliver_next("intake")
    world.run_until_empty("deliver")
    assert list_report_codes(world, KEY) == []
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_outage_of_s3_is_not_reported_per_photo() -> None:
    world = world_with_fault(deny_access(code="ServiceUnavailable", status=503), upload_photo)
    world.run_for(600)
    assert list_report_codes(world, KEY) == []


def test_photo_that_stays_unreadable_counts_as_no_crash() -> None:
    world = world_with_fault(deny_access(), upload_photo)
    world.run_for(1200)
    source = world.read_source(KEY)
    assert source
    assert (source.crash_count, source.processing_until, list_report_codes(world, KEY)) == (
        0,
        None,
        ["file_unreadable"],
    )


def test_finished_photo_keeps_its_job_despite_denied_access() -> None:
    """The defaults changed in the meantime, which must not cause a purchase."""
    world = World()
    upload_defaults(world, "", REMOVE)
    upload_unique_photo(world, KEY)
    event = next(one.body for one in world.queues["intake"].messages if "red.jpg" in one.body)
    world.run_until_empty()
    upload_defaults(world, "", BEACH)
    world.run_until_empty()
    world.transport.faults_before.append(deny_access())
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_for(300)
    assert list_report_codes(world, KEY) == ["file_unreadable"]
    remove_fault(world)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world), list_report_codes(world, KEY)) == (
        {"": "remove"},
        1,
        [],
    )
    assert_at_rest(world)


def test_redrive_of_an_unreadable_photo_that_has_not_changed_buys_nothing() -> None:
    """Its picture is delivered, and the redrive costs nothing, although the defaults changed in the meantime."""
    world = World()
    upload_unique_photo(world, KEY)
    world.upload_sidecar(KEY, **BEACH)
    event = next(one.body for one in world.queues["intake"].messages if "red.jpg" in one.body)
    world.run_until_empty()
    upload_defaults(world, "", {"rendering_speed": "TURBO"})
    world.run_until_empty()
    world.transport.faults_before.append(deny_access())
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_for(300)
    service = world.steps.redrive()
    (failure,) = service.list_failures(FailureFilter())
    plan = service.plan(failure, pay_again=False)
    assert (plan.failed_item.problem.code, plan.max_costs) == (Code.FILE_UNREADABLE, {})
    assert service.redrive(plan)
    remove_fault(world)
    world.run_until_empty()
    assert (count_paid_calls(world), list_report_codes(world, KEY)) == (1, [])
    assert_at_rest(world)


def test_request_for_an_unreadable_photo_also_waits() -> None:
    world = world_with_fault(deny_access(), lambda world: upload_unique_photo(world, KEY))
    send_request(world, KEY, **BEACH)
    world.run_for(300)
    assert list_report_codes(world, KEY) == ["file_unreadable"]
    remove_fault(world)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])


def test_sweep_skips_waiting_photos_and_resumes_abandoned_ones() -> None:
    world = world_with_fault(deny_access(), upload_photo)
    pass_time(world, 3600)
    assert len(world.queues["intake"].messages) == 1
    world.queues["intake"].messages.clear()
    remove_fault(world)
    run_reconcile(world)
    assert world.queues["intake"].messages == []
    pass_time(world, DAY / 4)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_tags_that_become_unreadable_are_reported_within_minutes() -> None:
    """S3 does not report the number of tags to a caller that may not read them."""
    world = World()
    world.upload_photo("shoes/other.jpg", build_photo("other"), operation="remove")
    world.run_until_empty()
    world.clock.sleep(TAG_COUNT_TRUST_SECONDS + 1)
    refused = build_client_error("AccessDenied", "GetObjectTagging", 403)

    def deny(_: ServiceCall) -> None:
        raise refused

    world.transport.faults_before.append(denied := TargetedFault(deny, "get_object_tagging", times=1000))
    world.upload_photo(KEY, build_photo())
    pass_time(world, DAY / 4)
    assert denied.hit_count > 1
    assert list_report_codes(world, KEY) == ["file_unreadable"]
