"""Files that S3 does not hand out: the archived are reported at once, the forbidden when it stays so; none is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.s3 import TAG_COUNT_TRUST_SECONDS
from backdrop.model.job import JobStatus
from proof.world.pictures import photo
from proof.world.reactions import Reaction
from proof.world.stack import INPUT, World
from proof.world.wire import Call, Fault, Strike, refusal
from tests.simulated.days import DAY, codes, pass_time, set_right
from tests.simulated.simulation import KEY, LOST, assert_at_rest, the_job
from tests.simulated.wishes import BEACH, REMOVE, again, ask, bought, defaults, folder_codes, said, wishes

SIDECAR = f"{KEY}.json"


def locked(key: str, error: ClientError) -> Fault:
    """S3 keeps one file's bytes to itself."""

    def strike(call: Call) -> None:
        if call.operation == "get_object" and call.sent["Key"] == key:
            raise error

    return strike


def archived(key: str = KEY) -> Fault:
    """The file lies in an archive class, as S3 says it."""
    return locked(key, refusal("InvalidObjectState", "GetObject", 403))


def forbidden(key: str = KEY, code: str = "AccessDenied", status: int = 403) -> Fault:
    """Nobody gave us the right to read the file."""
    return locked(key, refusal(code, "GetObject", status))


def world_with(fault: Fault, *deeds: Callable[[World], Any]) -> World:
    """A world in which a fault is in force before anything is put."""
    world = World()
    world.wire.before.append(fault)
    for deed in deeds:
        deed(world)
    return world


def drop(world: World) -> None:
    """A photo that is to be cut out."""
    said(world, KEY, operation="remove")


def mend(world: World) -> None:
    """S3 hands everything out again."""
    world.wire.before.clear()


# -- archived ----------------------------------------------------------------------------------------------------


def test_a_photo_in_an_archive_class_is_reported_at_once_and_runs_when_it_was_restored() -> None:
    world = world_with(archived(), drop)
    world.run()
    assert (codes(world, KEY), world.jobs()) == (["file_archived"], [])
    assert_at_rest(world)
    mend(world)
    again(world, KEY)
    world.run()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_an_archived_photo_runs_when_it_is_uploaded_again() -> None:
    world = world_with(archived(), drop)
    world.run()
    mend(world)
    world.drop(KEY, photo("another"), operation="remove")
    world.run()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_an_archived_sidecar_is_reported_and_nothing_is_bought_without_it() -> None:
    world = World()
    defaults(world, "", REMOVE)
    world.wire.before.append(archived(SIDECAR))
    world.sidecar(KEY, **BEACH)
    said(world, KEY)
    world.run()
    assert (codes(world, KEY), bought(world)) == (["file_archived"], 0)
    mend(world)
    again(world, KEY)
    world.run()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_archived_folder_defaults_are_broken_ones() -> None:
    world = world_with(archived("_backdrop.json"), lambda world: defaults(world, "", REMOVE))
    said(world, KEY)
    world.run()
    assert (folder_codes(world, ""), codes(world, KEY), bought(world)) == (["file_archived"], [], 0)


def test_an_archived_reference_is_one_that_cannot_be_used() -> None:
    world = world_with(archived("looks/a.jpg"), lambda world: world.drop("looks/a.jpg", photo("a look")))
    world.lines["intake"].messages.clear()
    world.sidecar(KEY, **BEACH, style_reference_images=["looks/a.jpg"])
    said(world, KEY)
    world.run()
    assert codes(world, KEY) == ["reference_unusable"]


def test_a_photo_that_is_archived_before_its_call_is_refused_and_not_sent_round_for_ever() -> None:
    world = World()
    drop(world)
    world.run("intake")
    world.wire.before.append(archived())
    world.run()
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.REFUSED, ["file_archived"], 0)
    mend(world)
    again(world, KEY)
    world.run()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_a_photo_that_is_archived_while_its_answer_is_lost_is_left_to_a_person() -> None:
    """The call cannot be sent once more, and nobody knows what the first one cost."""
    world = World()
    drop(world)
    world.run("intake")
    world.provider.script.append(Reaction(answer=LOST, meanwhile=lambda: world.wire.before.append(archived())))
    pass_time(world, 3600)
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.HELD, ["charge_unknown"], 1)


def test_a_finished_photo_that_a_lifecycle_archives_stays_finished() -> None:
    world = World()
    drop(world)
    world.run()
    world.wire.before.append(archived())
    world.s3.tag(INPUT, KEY, {"operation": "remove", "scanned": "yes"})
    world.run()
    assert (the_job(world).status, codes(world, KEY), wishes(world, KEY)) == (JobStatus.STORED, [], {"": "remove"})


def test_an_archived_file_that_is_deleted_meanwhile_is_no_file() -> None:
    world = world_with(archived(), drop)

    def missing(call: Call) -> None:
        if call.operation == "head_object" and call.sent["Key"] == KEY:
            raise refusal("404", "HeadObject", 404)

    world.wire.before.append(missing)
    world.run()
    assert (codes(world, KEY), world.jobs()) == ([], [])


# -- forbidden ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("KMS.DisabledException", 400), ("InvalidRequest", 400)]
)
def test_a_photo_that_nobody_may_read_is_reported_as_waiting_and_goes_by_itself(code: str, status: int) -> None:
    world = world_with(forbidden(code=code, status=status), drop)
    world.run_for(300)
    report = world.report(KEY)
    assert report
    (error,) = report["errors"]
    assert (error["code"], error["status"], error["retryable"]) == ("file_unreadable", "accepted", True)
    assert (KEY in error["message"], code in error["message"]) == (True, True)
    mend(world)
    world.run()
    assert (the_job(world).status, codes(world, KEY), bought(world)) == (JobStatus.STORED, [], 1)
    assert_at_rest(world)


@pytest.mark.parametrize("key", [SIDECAR, "_backdrop.json"])
def test_a_photo_waits_also_for_a_file_that_speaks_for_it(key: str) -> None:
    world = world_with(forbidden(key), lambda world: world.sidecar(KEY, **BEACH))
    defaults(world, "", {"seed": 3})
    said(world, KEY)
    world.run_for(300)
    report = world.report(KEY)
    assert report
    assert (codes(world, KEY), key in report["errors"][0]["message"]) == (["file_unreadable"], True)
    mend(world)
    world.run()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_four_deliveries_tell_nobody_and_the_fifth_does() -> None:
    world = world_with(forbidden(), drop)
    seen: list[list[str]] = []
    for _ in range(5):
        (message,) = world.lines["intake"].messages
        world.clock.wait_until(message.visible_at)
        world.turn("intake")
        world.run("deliver")
        seen.append(codes(world, KEY))
    assert seen == [[], [], [], [], ["file_unreadable"]]


def test_an_outage_of_all_of_s3_is_no_photos_own_trouble() -> None:
    world = world_with(forbidden(code="ServiceUnavailable", status=503), drop)
    world.run_for(600)
    assert codes(world, KEY) == []


def test_a_photo_that_cannot_be_read_for_long_counts_no_crash() -> None:
    world = world_with(forbidden(), drop)
    world.run_for(1200)
    source = world.source(KEY)
    assert source
    assert (source.crash_count, source.processing_until, codes(world, KEY)) == (0, None, ["file_unreadable"])


def test_a_finished_photo_whose_repeated_event_met_a_locked_door_keeps_what_it_has() -> None:
    """The defaults changed meanwhile, which is no reason to buy."""
    world = World()
    defaults(world, "", REMOVE)
    said(world, KEY)
    event = next(one.body for one in world.lines["intake"].messages if "red.jpg" in one.body)
    world.run()
    defaults(world, "", BEACH)
    world.run()
    world.wire.before.append(forbidden())
    world.sqs.post(world.lines["intake"], event)
    world.run_for(300)
    assert codes(world, KEY) == ["file_unreadable"]
    mend(world)
    world.run()
    assert (wishes(world, KEY), bought(world), codes(world, KEY)) == ({"": "remove"}, 1, [])
    assert_at_rest(world)


def test_a_request_for_a_photo_that_cannot_be_read_waits_too() -> None:
    world = world_with(forbidden(), lambda world: said(world, KEY))
    ask(world, KEY, **BEACH)
    world.run_for(300)
    assert codes(world, KEY) == ["file_unreadable"]
    mend(world)
    world.run()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


def test_the_sweep_leaves_a_photo_alone_whose_message_waits_and_brings_one_that_was_given_up() -> None:
    world = world_with(forbidden(), drop)
    pass_time(world, 3600)
    assert len(world.lines["intake"].messages) == 1
    world.lines["intake"].messages.clear()
    mend(world)
    set_right(world)
    assert world.lines["intake"].messages == []
    pass_time(world, DAY / 4)
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_tags_that_nobody_may_read_any_more_are_told_of_within_minutes() -> None:
    """S3 counts none where they may not be read."""
    world = World()
    world.drop("shoes/other.jpg", photo("other"), operation="remove")
    world.run()
    world.clock.sleep(TAG_COUNT_TRUST_SECONDS + 1)
    refused = refusal("AccessDenied", "GetObjectTagging", 403)

    def deny(_: Call) -> None:
        raise refused

    world.wire.before.append(denied := Strike(deny, "get_object_tagging", times=1000))
    world.drop(KEY, photo())
    pass_time(world, DAY / 4)
    assert denied.hits > 1
    assert codes(world, KEY) == ["file_unreadable"]
