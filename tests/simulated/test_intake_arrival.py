"""Photos, sidecars and tags in any order, twice, late or never: one photo, one job, one charge."""

from itertools import permutations
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from proof.world.pictures import photo
from proof.world.provider import refuses
from proof.world.s3 import notification
from proof.world.s3_objects import Version
from proof.world.stack import INPUT, World
from proof.world.wire import Strike
from tests.simulated.simulation import KEY, NOW, PRICE, assert_at_rest, dropped, the_job

DROPS = ("photo", "sidecar", "tags")


def drop(world: World, what: str) -> None:
    """One of the things that people do with one photo."""
    if what == "photo":
        world.drop(KEY, photo())
    elif what == "sidecar":
        world.sidecar(KEY, operation="remove")
    elif world.input.current(KEY):
        world.s3.tag(INPUT, KEY, {"team": "shoes"})


def events_of(world: World) -> list[str]:
    """The bodies that wait for intake."""
    return [message.body for message in world.lines["intake"].messages]


def said_anew(world: World, how: str) -> IntakeEvent:
    """The same is said once more, a minute later, of a job that waits."""
    world.clock.sleep(60)
    if how == "upload":
        world.drop(KEY, photo(), operation="remove")
    asks = IncomingRequest("m-2", {"operation": "remove"}) if how == "request" else None
    return IntakeEvent(INPUT, KEY, request=asks, is_rerun=how == "rerun")


@pytest.mark.parametrize("how", ["request", "rerun", "upload"])
def test_a_job_that_waits_already_is_not_reported_as_accepted_again(how: str) -> None:
    world = dropped()
    accepted = [world.intake.handle(IntakeEvent(INPUT, KEY)).accepted]
    before = the_job(world)
    world.steps.intake.start_batch()
    accepted.append(world.intake.handle(said_anew(world, how)).accepted)
    after = the_job(world)
    assert [len(jobs) for jobs in accepted] == [1, 0]
    assert before.requested_at
    assert after.requested_at
    assert (after.status, after.requested_at > before.requested_at) == (JobStatus.ACCEPTED, True)


@pytest.mark.parametrize("order", list(permutations(DROPS)), ids=" ".join)
@pytest.mark.parametrize("between", [False, True], ids=["all at once", "one by one"])
def test_photo_and_instructions_in_any_order_make_one_job(order: tuple[str, ...], between: bool) -> None:
    world = World()
    for what in order:
        drop(world, what)
        if between:
            world.run_for(1)
    world.run()
    assert (the_job(world).status, world.provider.charged) == (JobStatus.STORED, PRICE)
    assert world.report(KEY) is None
    assert_at_rest(world)


@pytest.mark.parametrize("seed", range(12))
def test_duplicated_and_shuffled_events_make_one_job(seed: int) -> None:
    world = World(seed, shuffled=True)
    for line in world.lines.values():
        line.twice = 0.5
    for what in DROPS:
        drop(world, what)
    for body in events_of(world) * 2:
        world.sqs.post(world.lines["intake"], body)
    world.run()
    assert (the_job(world).status, len(world.provider.calls)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_a_repeated_event_makes_nothing_at_all() -> None:
    world = dropped()
    (body,) = events_of(world)
    world.run()
    before = dict(world.table.items), dict(world.output.objects)
    world.sqs.post(world.lines["intake"], body)
    world.wire.before.append(written := Strike(lambda _: None, matches=lambda call: "put" in call.operation, times=99))
    world.run()
    assert (dict(world.table.items), dict(world.output.objects)) == before
    assert written.hits == 0


def test_an_edited_sidecar_supersedes_an_unpaid_job_and_buys_the_new_one() -> None:
    world = World()
    world.drop(KEY, photo())
    world.sidecar(KEY, operation="remove")
    world.run("intake")
    world.sidecar(KEY, prompt="on a marble table")
    world.run("intake")
    world.run()
    assert [(job.operation, job.status) for job in world.jobs()] == [
        ("remove", JobStatus.SUPERSEDED),
        ("replace", JobStatus.STORED),
    ]
    assert world.provider.charged == 60_000
    assert_at_rest(world)


def test_a_superseded_job_that_is_named_again_runs_on() -> None:
    world = World()
    world.drop(KEY, photo())
    for fields in ({"operation": "remove"}, {"prompt": "on a marble table"}, {"operation": "remove"}):
        world.sidecar(KEY, **fields)
        world.run("intake")
    world.run()
    assert {job.operation: job.status for job in world.jobs()} == {
        "remove": JobStatus.STORED,
        "replace": JobStatus.SUPERSEDED,
    }
    assert world.provider.charged == PRICE
    assert_at_rest(world)


def test_a_stored_job_that_is_named_again_is_delivered_again_for_nothing() -> None:
    world = World()
    world.drop(KEY, photo())
    pictures: list[dict[str, bytes]] = []
    for fields in ({"operation": "remove"}, {"prompt": "on a marble table"}, {"operation": "remove"}):
        world.sidecar(KEY, **fields)
        world.run()
        pictures.append(world.pictures())
    assert world.provider.charged == PRICE + 60_000
    assert pictures[0] != pictures[1]
    assert pictures[2] == pictures[0]


def test_a_photo_deleted_while_its_job_waits_ends_it_cancelled() -> None:
    world = dropped()
    world.run("intake")
    world.remove(KEY)
    world.run("intake")
    world.run()
    assert (the_job(world).status, world.provider.calls) == (JobStatus.CANCELLED, [])
    assert_at_rest(world)


def test_a_photo_deleted_before_anybody_looked_makes_nothing() -> None:
    world = dropped()
    world.remove(KEY)
    world.run()
    assert not world.jobs()
    assert not world.output.objects


def test_a_cancelled_photo_that_comes_back_is_bought_once() -> None:
    world = dropped()
    world.run("intake")
    world.remove(KEY)
    world.run("intake")
    world.drop(KEY, photo(), operation="remove")
    world.run()
    assert (the_job(world).status, world.provider.charged) == (JobStatus.STORED, PRICE)


def test_the_same_bytes_uploaded_again_buy_nothing() -> None:
    world = dropped()
    world.run()
    picture = world.pictures()
    for _ in range(3):
        world.drop(KEY, photo(), operation="remove")
        world.run()
    assert (len(world.jobs()), world.provider.charged) == (1, PRICE)
    assert world.pictures() == picture
    assert_at_rest(world)


def test_other_bytes_under_the_same_key_are_a_new_job() -> None:
    world = dropped()
    world.run()
    world.drop(KEY, photo("another"), operation="remove")
    world.run()
    assert (len(world.jobs()), world.provider.charged) == (2, 2 * PRICE)
    receipt = world.receipt(KEY)
    assert receipt
    assert [one["current"] for one in receipt["jobs"]] == [True, False]
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"this is no photo", Code.NOT_A_PHOTO),
        (b"", Code.EMPTY_FILE),
        (photo()[:60], Code.TRUNCATED_PHOTO),
    ],
    ids=["text", "empty", "cut off"],
)
def test_a_refused_photo_is_reported_and_its_good_successor_runs(data: bytes, code: Code) -> None:
    world = World()
    world.drop(KEY, data, operation="remove")
    world.run()
    report = world.report(KEY)
    assert report
    assert [(one["code"], one["job_id"], one["money"]) for one in report["errors"]] == [(code, None, "not_spent")]
    assert not world.dead_letters.messages
    world.drop(KEY, photo(), operation="remove")
    world.run()
    assert world.report(KEY) is None
    assert the_job(world).status is JobStatus.STORED
    assert_at_rest(world)


@pytest.mark.parametrize("fields", [{"operation": "erase"}, {"prompt": ""}, {"prompt": "x" * 2001}, {"colour": "red"}])
def test_a_bad_sidecar_is_reported_and_runs_when_it_is_mended(fields: dict[str, Any]) -> None:
    world = World()
    world.sidecar(KEY, **fields)
    world.drop(KEY, photo())
    world.run()
    assert world.report(KEY)
    assert not world.jobs()
    world.sidecar(KEY, operation="remove")
    world.run()
    assert world.report(KEY) is None
    assert the_job(world).status is JobStatus.STORED


def test_a_bare_photo_is_reported_after_it_settled_and_bought_when_instructions_come() -> None:
    world = World(settle_seconds=20)
    world.drop(KEY, photo())
    world.run_for(19)
    assert world.report(KEY) is None
    world.run()
    report = world.report(KEY)
    assert report
    assert [one["code"] for one in report["errors"]] == ["no_instructions"]
    assert world.provider.calls == []
    world.sidecar(KEY, operation="remove")
    world.run()
    assert world.report(KEY) is None
    assert the_job(world).status is JobStatus.STORED


def test_a_sidecar_that_is_deleted_later_changes_nothing() -> None:
    world = World()
    world.drop(KEY, photo())
    world.sidecar(KEY, operation="remove")
    events = events_of(world)
    world.run()
    before = world.jobs(), world.pictures(), world.receipt(KEY)
    world.remove(f"{KEY}.json")
    for body in events:
        world.sqs.post(world.lines["intake"], body)
    world.run()
    assert (world.jobs(), world.pictures(), world.receipt(KEY)) == before
    assert world.report(KEY) is None


def test_what_died_when_its_sidecar_was_gone_already_is_not_sent_again_by_a_repeated_event() -> None:
    world = World()
    world.drop(KEY, photo())
    world.sidecar(KEY, operation="remove")
    events = events_of(world)
    world.run("intake", "deliver")
    world.remove(f"{KEY}.json")
    world.run("intake", "deliver")
    world.provider.script.append(refuses(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run()
    for body in events:
        world.sqs.post(world.lines["intake"], body)
    world.run()
    assert (the_job(world).status, len(world.provider.calls)) == (JobStatus.DEAD, 1)


def test_a_deletion_notice_that_comes_late_does_not_harm_the_new_photo() -> None:
    world = dropped()
    late = notification(INPUT, KEY, "ObjectRemoved:DeleteMarkerCreated", Version("v0", None, NOW), NOW)
    world.sqs.post(world.lines["intake"], late)
    world.run()
    assert the_job(world).status is JobStatus.STORED
