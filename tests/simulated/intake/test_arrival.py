"""Photos, sidecars, and tags arrive in any order, repeated, late, or never: one photo, one job, one charge."""

from itertools import permutations
from typing import Any

import pytest
from PIL import Image

from backdrop.intake import photo_reader
from backdrop.model.codes import Code
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import build_refusal
from simulation.world.simulated_s3 import ObjectVersion, build_notification
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault
from tests.imaging.photos import encode_image
from tests.simulated.stage_worlds import KEY, NOW, PRICE, assert_at_rest, find_only_job, world_with_photo

DROPS = ("photo", "sidecar", "tags")
# The product's limit is 128 MB.
MAX_BYTES = 100_000


def upload_part(world: World, what: str) -> None:
    """Performs one of the actions that people take with a photo."""
    if what == "photo":
        world.upload_photo(KEY, build_photo())
    elif what == "sidecar":
        world.upload_sidecar(KEY, operation="remove")
    elif world.input_bucket.find_current(KEY):
        world.s3.set_tags(INPUT_BUCKET, KEY, {"team": "shoes"})


def list_events(world: World) -> list[str]:
    """Returns the bodies of the messages that wait for intake."""
    return [message.body for message in world.queues["intake"].messages]


def repeat_instructions(world: World, how: str) -> IntakeEvent:
    """Uploads the same instructions again a minute later, while the job waits."""
    world.clock.sleep(60)
    if how == "upload":
        world.upload_photo(KEY, build_photo(), operation="remove")
    asks = IncomingRequest("m-2", {"operation": "remove"}) if how == "request" else None
    return IntakeEvent(INPUT_BUCKET, KEY, request=asks, is_rerun=how == "rerun")


@pytest.mark.parametrize("how", ["request", "rerun", "upload"])
def test_waiting_job_is_not_reported_as_accepted_again(how: str) -> None:
    world = world_with_photo()
    accepted = [world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY)).accepted]
    before = find_only_job(world)
    world.steps.intake.start_batch()
    accepted.append(world.intake.handle(repeat_instructions(world, how)).accepted)
    after = find_only_job(world)
    assert [len(jobs) for jobs in accepted] == [1, 0]
    assert before.requested_at
    assert after.requested_at
    assert (after.status, after.requested_at > before.requested_at) == (JobStatus.ACCEPTED, True)


@pytest.mark.parametrize("order", list(permutations(DROPS)), ids=" ".join)
@pytest.mark.parametrize("between", [False, True], ids=["all at once", "one by one"])
def test_photo_and_instructions_in_any_order_create_one_job(order: tuple[str, ...], between: bool) -> None:
    world = World()
    for what in order:
        upload_part(world, what)
        if between:
            world.run_for(1)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert world.read_report(KEY) is None
    assert_at_rest(world)


@pytest.mark.parametrize("seed", range(12))
def test_duplicated_and_shuffled_events_create_one_job(seed: int) -> None:
    world = World(seed, shuffled=True)
    for line in world.queues.values():
        line.duplicate_share = 0.5
    for what in DROPS:
        upload_part(world, what)
    for body in list_events(world) * 2:
        world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_repeated_event_writes_nothing() -> None:
    world = world_with_photo()
    (body,) = list_events(world)
    world.run_until_empty()
    before = dict(world.table.items), dict(world.output_bucket.objects)
    world.sqs.send_externally(world.queues["intake"], body)
    world.transport.faults_before.append(
        written := TargetedFault(lambda _: None, matches=lambda call: "put" in call.operation, times=99)
    )
    world.run_until_empty()
    assert (dict(world.table.items), dict(world.output_bucket.objects)) == before
    assert written.hit_count == 0


def test_edited_sidecar_replaces_an_unpaid_job_and_is_bought() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty("intake")
    world.upload_sidecar(KEY, prompt="on a marble table")
    world.run_until_empty("intake")
    world.run_until_empty()
    assert [(job.operation, job.status) for job in world.list_jobs()] == [
        ("remove", JobStatus.SUPERSEDED),
        ("replace", JobStatus.STORED),
    ]
    assert world.provider.charged_micro_usd == 60_000
    assert_at_rest(world)


def test_superseded_job_that_is_named_again_continues() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    for fields in ({"operation": "remove"}, {"prompt": "on a marble table"}, {"operation": "remove"}):
        world.upload_sidecar(KEY, **fields)
        world.run_until_empty("intake")
    world.run_until_empty()
    assert {job.operation: job.status for job in world.list_jobs()} == {
        "remove": JobStatus.STORED,
        "replace": JobStatus.SUPERSEDED,
    }
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


def test_stored_job_named_again_is_delivered_without_a_charge() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    pictures: list[dict[str, bytes]] = []
    for fields in ({"operation": "remove"}, {"prompt": "on a marble table"}, {"operation": "remove"}):
        world.upload_sidecar(KEY, **fields)
        world.run_until_empty()
        pictures.append(world.read_pictures())
    assert world.provider.charged_micro_usd == PRICE + 60_000
    assert pictures[0] != pictures[1]
    assert pictures[2] == pictures[0]


def test_deleted_photo_cancels_its_waiting_job() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.delete_file(KEY)
    world.run_until_empty("intake")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.received_job_ids) == (JobStatus.CANCELLED, [])
    assert_at_rest(world)


def test_photo_deleted_before_its_event_creates_nothing() -> None:
    world = world_with_photo()
    world.delete_file(KEY)
    world.run_until_empty()
    assert not world.list_jobs()
    assert not world.output_bucket.objects


def test_canceled_photo_that_is_uploaded_again_is_bought_once() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.delete_file(KEY)
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)


def test_same_bytes_uploaded_again_buy_nothing() -> None:
    world = world_with_photo()
    world.run_until_empty()
    picture = world.read_pictures()
    for _ in range(3):
        world.upload_photo(KEY, build_photo(), operation="remove")
        world.run_until_empty()
    assert (len(world.list_jobs()), world.provider.charged_micro_usd) == (1, PRICE)
    assert world.read_pictures() == picture
    assert_at_rest(world)


def test_other_bytes_under_the_same_key_create_a_new_job() -> None:
    world = world_with_photo()
    world.run_until_empty()
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.run_until_empty()
    assert (len(world.list_jobs()), world.provider.charged_micro_usd) == (2, 2 * PRICE)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["current"] for one in receipt["jobs"]] == [True, False]
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"this is no photo", Code.NOT_A_PHOTO),
        (b"", Code.EMPTY_FILE),
        (build_photo()[:60], Code.TRUNCATED_PHOTO),
        (b"\xff\xd8\xff" + bytes(MAX_BYTES), Code.TOO_LARGE_BYTES),
        (encode_image(Image.new("1", (1_001, 1_000)), "PNG"), Code.TOO_MANY_PIXELS),
    ],
    ids=["text", "empty", "cut off", "too many bytes", "too many pixels"],
)
def test_refused_photo_is_reported_and_its_correct_replacement_runs(
    monkeypatch: pytest.MonkeyPatch, data: bytes, code: Code
) -> None:
    monkeypatch.setattr(photo_reader, "MAX_FILE_BYTES", MAX_BYTES)
    world = World()
    world.upload_photo(KEY, data, operation="remove")
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["job_id"], one["money"]) for one in report["errors"]] == [(code, None, "not_spent")]
    assert not world.dead_letter_queue.messages
    assert world.provider.charged_micro_usd == 0
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert world.read_report(KEY) is None
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


@pytest.mark.parametrize(
    "fields", [{"operation": "erase"}, {"prompt": ""}, {"prompt": "x" * 10_001}, {"colour": "red"}]
)
def test_bad_sidecar_is_reported_and_runs_when_corrected(fields: dict[str, Any]) -> None:
    world = World()
    world.upload_sidecar(KEY, **fields)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert world.read_report(KEY)
    assert not world.list_jobs()
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    assert world.read_report(KEY) is None
    assert find_only_job(world).status is JobStatus.STORED


def test_reported_photo_is_bought_when_its_instructions_arrive() -> None:
    world = World(settle_seconds=20)
    world.upload_photo(KEY, build_photo())
    world.run_for(19)
    assert world.read_report(KEY) is None
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [one["code"] for one in report["errors"]] == ["no_instructions"]
    assert world.provider.received_job_ids == []
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    assert world.read_report(KEY) is None
    assert find_only_job(world).status is JobStatus.STORED


def test_sidecar_deleted_later_changes_nothing() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    events = list_events(world)
    world.run_until_empty()
    before = world.list_jobs(), world.read_pictures(), world.read_receipt(KEY)
    world.delete_file(f"{KEY}.json")
    for body in events:
        world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    assert (world.list_jobs(), world.read_pictures(), world.read_receipt(KEY)) == before
    assert world.read_report(KEY) is None


def test_repeated_event_does_not_resend_job_without_its_sidecar() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    events = list_events(world)
    world.run_until_empty("intake", "deliver")
    world.delete_file(f"{KEY}.json")
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty()
    for body in events:
        world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.DEAD, 1)


def test_late_deletion_event_does_not_affect_the_new_photo() -> None:
    world = world_with_photo()
    late = build_notification(
        INPUT_BUCKET, KEY, "ObjectRemoved:DeleteMarkerCreated", ObjectVersion("v0", None, NOW), NOW
    )
    world.sqs.send_externally(world.queues["intake"], late)
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
