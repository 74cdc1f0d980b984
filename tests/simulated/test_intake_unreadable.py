"""Files that S3 does not return: archived ones are reported at once, denied ones if that persists; none is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.s3 import TAG_COUNT_TRUST_SECONDS
from backdrop.model.job import JobStatus
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import FaultAction, ServiceCall, TargetedFault, build_client_error
from tests.simulated.days import DAY, codes, pass_time, set_right
from tests.simulated.simulation import KEY, LOST, assert_at_rest, the_job
from tests.simulated.wishes import BEACH, REMOVE, again, ask, bought, defaults, folder_codes, said, wishes

SIDECAR = f"{KEY}.json"


def locked(key: str, error: ClientError) -> FaultAction:
    """S3 refuses to return one file's bytes."""

    def strike(call: ServiceCall) -> None:
        if call.operation == "get_object" and call.request["Key"] == key:
            raise error

    return strike


def archived(key: str = KEY) -> FaultAction:
    """The file is in an archive class, as S3 reports it."""
    return locked(key, build_client_error("InvalidObjectState", "GetObject", 403))


def forbidden(key: str = KEY, code: str = "AccessDenied", status: int = 403) -> FaultAction:
    """The stack is denied access to the file."""
    return locked(key, build_client_error(code, "GetObject", status))


def world_with(fault: FaultAction, *deeds: Callable[[World], Any]) -> World:
    """Returns a world in which a fault is in force before anything is uploaded."""
    world = World()
    world.transport.faults_before.append(fault)
    for deed in deeds:
        deed(world)
    return world


def drop(world: World) -> None:
    """Uploads a photo whose background is to be removed."""
    said(world, KEY, operation="remove")


def mend(world: World) -> None:
    """S3 returns everything again."""
    world.transport.faults_before.clear()


# -- archived ----------------------------------------------------------------------------------------------------


def test_archived_photo_is_reported_and_runs_after_being_restored() -> None:
    world = world_with(archived(), drop)
    world.run_until_empty()
    assert (codes(world, KEY), world.list_jobs()) == (["file_archived"], [])
    assert_at_rest(world)
    mend(world)
    again(world, KEY)
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_archived_photo_runs_when_it_is_uploaded_again() -> None:
    world = world_with(archived(), drop)
    world.run_until_empty()
    mend(world)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_archived_sidecar_is_reported_and_nothing_is_bought() -> None:
    world = World()
    defaults(world, "", REMOVE)
    world.transport.faults_before.append(archived(SIDECAR))
    world.upload_sidecar(KEY, **BEACH)
    said(world, KEY)
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == (["file_archived"], 0)
    mend(world)
    again(world, KEY)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_archived_folder_defaults_count_as_broken() -> None:
    world = world_with(archived("_backdrop.json"), lambda world: defaults(world, "", REMOVE))
    said(world, KEY)
    world.run_until_empty()
    assert (folder_codes(world, ""), codes(world, KEY), bought(world)) == (["file_archived"], [], 0)


def test_archived_reference_is_reported_as_unusable() -> None:
    world = world_with(archived("looks/a.jpg"), lambda world: world.upload_photo("looks/a.jpg", build_photo("a look")))
    world.queues["intake"].messages.clear()
    world.upload_sidecar(KEY, **BEACH, style_reference_images=["looks/a.jpg"])
    said(world, KEY)
    world.run_until_empty()
    assert codes(world, KEY) == ["reference_unusable"]


def test_photo_archived_before_its_call_is_refused_for_good() -> None:
    world = World()
    drop(world)
    world.run_until_empty("intake")
    world.transport.faults_before.append(archived())
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.REFUSED, ["file_archived"], 0)
    mend(world)
    again(world, KEY)
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_photo_archived_after_a_lost_answer_is_held() -> None:
    """The call cannot be repeated, and whether the first one was charged is unknown."""
    world = World()
    drop(world)
    world.run_until_empty("intake")
    world.provider.script.append(
        CallBehavior(result=LOST, run_during_call=lambda: world.transport.faults_before.append(archived()))
    )
    pass_time(world, 3600)
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.HELD, ["charge_unknown"], 1)


def test_finished_photo_that_is_archived_stays_finished() -> None:
    world = World()
    drop(world)
    world.run_until_empty()
    world.transport.faults_before.append(archived())
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "scanned": "yes"})
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY), wishes(world, KEY)) == (JobStatus.STORED, [], {"": "remove"})


def test_archived_file_that_is_deleted_meanwhile_is_missing() -> None:
    world = world_with(archived(), drop)

    def missing(call: ServiceCall) -> None:
        if call.operation == "head_object" and call.request["Key"] == KEY:
            raise build_client_error("404", "HeadObject", 404)

    world.transport.faults_before.append(missing)
    world.run_until_empty()
    assert (codes(world, KEY), world.list_jobs()) == ([], [])


# -- denied ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("KMS.DisabledException", 400), ("InvalidRequest", 400)]
)
def test_photo_with_denied_access_is_reported_and_resumes_later(code: str, status: int) -> None:
    world = world_with(forbidden(code=code, status=status), drop)
    world.run_for(300)
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    assert (error["code"], error["status"], error["retryable"]) == ("file_unreadable", "accepted", True)
    assert (KEY in error["message"], code in error["message"]) == (True, True)
    mend(world)
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.STORED, [], 1)
    assert_at_rest(world)


@pytest.mark.parametrize("key", [SIDECAR, "_backdrop.json"])
def test_photo_waits_also_for_its_instruction_files(key: str) -> None:
    world = world_with(forbidden(key), lambda world: world.upload_sidecar(KEY, **BEACH))
    defaults(world, "", {"seed": 3})
    said(world, KEY)
    world.run_for(300)
    report = world.read_report(KEY)
    assert report
    assert (codes(world, KEY), key in report["errors"][0]["message"]) == (["file_unreadable"], True)
    mend(world)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_denied_access_is_reported_at_the_fifth_delivery() -> None:
    world = world_with(forbidden(), drop)
    seen: list[list[str]] = []
    for _ in range(5):
        (message,) = world.queues["intake"].messages
        world.clock.advance_to(message.visible_at)
        world.deliver_next("intake")
        world.run_until_empty("deliver")
        seen.append(codes(world, KEY))
    assert seen == [[], [], [], [], ["file_unreadable"]]


def test_outage_of_s3_is_not_reported_per_photo() -> None:
    world = world_with(forbidden(code="ServiceUnavailable", status=503), drop)
    world.run_for(600)
    assert codes(world, KEY) == []


def test_photo_that_stays_unreadable_counts_no_crash() -> None:
    world = world_with(forbidden(), drop)
    world.run_for(1200)
    source = world.read_source(KEY)
    assert source
    assert (source.crash_count, source.processing_until, codes(world, KEY)) == (0, None, ["file_unreadable"])


def test_finished_photo_keeps_its_job_despite_denied_access() -> None:
    """The defaults changed meanwhile, which is no reason to buy."""
    world = World()
    defaults(world, "", REMOVE)
    said(world, KEY)
    event = next(one.body for one in world.queues["intake"].messages if "red.jpg" in one.body)
    world.run_until_empty()
    defaults(world, "", BEACH)
    world.run_until_empty()
    world.transport.faults_before.append(forbidden())
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_for(300)
    assert codes(world, KEY) == ["file_unreadable"]
    mend(world)
    world.run_until_empty()
    assert (wishes(world, KEY), bought(world), codes(world, KEY)) == ({"": "remove"}, 1, [])
    assert_at_rest(world)


def test_request_for_an_unreadable_photo_also_waits() -> None:
    world = world_with(forbidden(), lambda world: said(world, KEY))
    ask(world, KEY, **BEACH)
    world.run_for(300)
    assert codes(world, KEY) == ["file_unreadable"]
    mend(world)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_sweep_skips_waiting_photos_and_revives_abandoned_ones() -> None:
    world = world_with(forbidden(), drop)
    pass_time(world, 3600)
    assert len(world.queues["intake"].messages) == 1
    world.queues["intake"].messages.clear()
    mend(world)
    set_right(world)
    assert world.queues["intake"].messages == []
    pass_time(world, DAY / 4)
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_tags_that_become_unreadable_are_reported_within_minutes() -> None:
    """S3 does not count tags that may not be read."""
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
    assert codes(world, KEY) == ["file_unreadable"]
