"""Keys: whatever a file is named, the photo is found, bought once, and delivered under that name."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.aws.events import parse_intake_message
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES, ObjectKind, classify_key
from backdrop.pipeline.enqueue import return_to_intake
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind as Askable
from simulation.world.simulated_s3 import ObjectVersion, build_notification
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.stage_worlds import PRICE, assert_at_rest, build_job
from tests.unit.ledger_items import quick

keys = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("/ +%&=?#.-_\\\"'<>äé漢😀\u0000\u001f\uffff"), min_size=1
).filter(lambda key: len(key.encode()) <= MAX_PHOTO_KEY_BYTES)


@quick
@given(key=keys)
@example(key="sub folder/ünïcode +(1) & 100%.jpg")
@example(key="a%2Fb+c%20d.jpg")
@example(key="x" * 896 + ".jpg")
@example(key="ü" * 448 + ".jpg")
@example(key="noncharacter \uffff.jpg")
@example(key="control \u0001.jpg")
@example(key="/leading//double/.jpg/photo.jpg")
def test_photo_under_any_key_is_delivered_under_that_key(key: str) -> None:
    world = World()
    world.upload_photo(key, build_photo(), operation="remove")
    world.run_until_empty()
    if classify_key(key) is not ObjectKind.PHOTO:
        assert not world.table.items
        assert not world.output_bucket.objects
        return
    (job,) = world.list_jobs(key)
    assert (job.status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert all(name.startswith(f"{key}/") for name in world.read_pictures())
    assert_at_rest(world)


@quick
@given(key=keys)
@example(key="noncharacter \uffff.jpg")
def test_photo_under_any_key_can_wait_for_instructions(key: str) -> None:
    world = World()
    world.upload_photo(key, build_photo())
    world.run_until_empty()
    report = (
        world.read_report(key) if classify_key(key) is ObjectKind.PHOTO else {"errors": [{"code": "no_instructions"}]}
    )
    assert report
    assert [one["code"] for one in report["errors"]] == ["no_instructions"]
    assert not world.dead_letter_queue.messages


@quick
@given(key=keys)
@example(key="noncharacter \uffff.jpg")
def test_message_about_any_key_is_accepted_by_sqs(key: str) -> None:
    world = World()
    return_to_intake(world.render.intake_queue, build_job(bucket=INPUT_BUCKET, key=key))
    (message,) = world.queues["intake"].messages
    assert parse_intake_message(message.body, input_bucket=INPUT_BUCKET, is_repeated=False)[0].key == key


def test_key_too_long_for_results_is_reported() -> None:
    key = "x" * 897 + ".jpg"
    world = World()
    world.upload_photo(key, build_photo(), operation="remove")
    world.run_until_empty()
    report = world.read_report(key)
    assert report
    assert [one["code"] for one in report["errors"]] == ["key_too_long"]


def build_record(**changes: object) -> str:
    """Returns an S3 notification with these parts replaced."""
    now = World().clock.now()
    body = json.loads(build_notification("photos", "a.jpg", "ObjectCreated:Put", ObjectVersion("v1", b"", now), now))
    body["Records"][0] |= changes
    return json.dumps(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"bucket": "photos"}',
        '{"bucket": "others", "key": "a.jpg"}',
        '{"bucket": "photos", "key": "\\ud800.jpg"}',
        '{"Records": [{}]}',
        '{"Records": ["x"]}',
        build_record(s3={"bucket": {"name": "photos"}, "object": {"key": 5}}),
        build_record(s3={"bucket": {"name": 5}, "object": {"key": "a.jpg"}}),
        build_record(s3={"bucket": {"name": "photos"}, "object": {"key": "%ff.jpg"}}),
        build_record(s3={"bucket": {"name": "photos"}, "object": {"key": "\ud800.jpg"}}),
    ],
)
def test_malformed_message_becomes_a_dead_letter_without_a_crash_loop(body: str) -> None:
    world = World()
    world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert (letter.attributes["code"], letter.attributes["money"]) == ("damaged_message", "not_spent")
    assert letter.attributes["reason"]
    assert not world.table.items


@pytest.mark.parametrize("name", ["ideogram", "deliver"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "{}",
        '{"v": 1, "source_id": "s", "job_id": "j"}',
        '{"kind": "job", "source_id": "s", "job_id": "j", "\\u0000": 1}',
        '{"kind": "job"}',
        '{"kind": "lane", "provider": 7}',
        '{"kind": "lane", "v": 2, "provider": "ideogram"}',
        '{"kind": "deliver", "provider": "ideogram"}',
    ],
)
def test_malformed_message_between_stages_also_becomes_a_dead_letter(name: str, body: str) -> None:
    world = World()
    world.sqs.send_externally(world.queues[name], body)
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "damaged_message"


OTHER_LANES = {
    "segmind": Askable.LOOKUP_BY_PROVIDER_ID,
    "1min": Askable.LOOKUP_BY_PROVIDER_ID,
    "runware": Askable.LOOKUP_BY_OUR_ID,
}


@pytest.mark.parametrize("name", ["intake", "deliver", "ideogram", *OTHER_LANES])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"kind": "paint", "key": "a.jpg"}', "'paint'"),
        ('{"kind": "reconcile"}', "'reconcile'"),
        ('{"source_id": "s", "job_id": "j"}', "no kind|an S3 notification nor a request"),
    ],
)
def test_dead_letter_of_an_unknown_message_states_the_reason(name: str, body: str, named: str) -> None:
    world = World(other_providers=OTHER_LANES)
    world.sqs.send_externally(world.queues[name], body)
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    message = json.loads(letter.body)
    assert (message["queue"], message["body"]) == (world.queues[name].name, body)
    assert (letter.attributes["code"], letter.attributes["money"]) == ("damaged_message", "not_spent")
    assert re.search(named, letter.attributes["reason"])
    assert not world.table.items
