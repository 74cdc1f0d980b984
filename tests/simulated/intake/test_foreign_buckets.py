"""Photos in a bucket that the stack may only read: requested directly, bought once, and kept apart from the stack's own
photos.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES, MAX_S3_KEY_BYTES, photo_name_of, picture_key
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET, READABLE_BUCKET
from tests.simulated.command_user import Person

KEY = "shoes/red.jpg"
NAME = f"@{READABLE_BUCKET}/{KEY}"
REMOVE = {"operation": "remove"}


def upload_to(world: World, key: str = KEY, *, bucket: str = READABLE_BUCKET, **tags: str) -> None:
    """Uploads a photo to a bucket."""
    world.s3.upload(bucket, key, build_photo(f"{bucket} {key}"), tags)


def request_photo(world: World, key: str = KEY, **instructions: object) -> None:
    """Requests a photo in the readable bucket."""
    body = {"bucket": READABLE_BUCKET, "key": key, "instructions": instructions}
    world.sqs.send_externally(world.queues["intake"], json.dumps(body))
    world.run_until_empty()


def find_job(world: World) -> dict[str, Any]:
    receipt = world.read_receipt(NAME)
    assert receipt
    (job,) = receipt["jobs"]
    return job


def test_only_a_request_starts_a_job_for_a_foreign_bucket() -> None:
    world = World()
    upload_to(world, **REMOVE)
    world.run_for(100_000)
    assert world.list_jobs() == []
    request_photo(world, **REMOVE)
    assert list(world.read_pictures()) == [f"{NAME}/red.png"]
    receipt = world.read_receipt(NAME)
    assert receipt
    assert (receipt["source"]["bucket"], receipt["source"]["key"]) == (READABLE_BUCKET, KEY)
    assert (world.read_receipt(KEY), world.read_report(NAME)) == (None, None)


def test_same_key_in_two_buckets_is_two_photos() -> None:
    world = World()
    world.upload_photo(KEY, build_photo("own"), **REMOVE)
    upload_to(world)
    request_photo(world, **REMOVE)
    assert {*world.read_pictures()} == {f"{KEY}/red.png", f"{NAME}/red.png"}
    assert len(world.list_jobs()) == 2


def test_instructions_come_only_from_the_photos_own_bucket() -> None:
    world = World()
    upload_to(world, num_images="1")
    world.s3.upload(READABLE_BUCKET, f"{KEY}.json", b'{"prompt": "on a beach", "seed": 2}', {})
    world.s3.upload(READABLE_BUCKET, "_backdrop.json", b'{"rendering_speed": "TURBO"}', {})
    world.s3.upload(INPUT_BUCKET, "_backdrop.json", b'{"negative_prompt": "people"}', {})
    world.s3.upload(INPUT_BUCKET, f"{KEY}.json", b'{"seed": 3}', {})
    request_photo(world)
    assert find_job(world)["provenance"] == {
        "operation": f"{KEY}.json",
        "prompt": f"{KEY}.json",
        "seed": f"{KEY}.json",
        "num_images": "tags",
        "rendering_speed": "_backdrop.json",
    }


def test_photo_replaced_while_waiting_is_read_from_its_bucket() -> None:
    world = World()
    upload_to(world)
    world.pause_lane()
    request_photo(world, **REMOVE)
    world.s3.upload(READABLE_BUCKET, KEY, build_photo("other bytes"), REMOVE)
    world.resume_lane()
    world.run_until_empty()
    receipt = world.read_receipt(NAME)
    assert receipt
    assert [job["status"] for job in receipt["jobs"]] == [JobStatus.STORED, JobStatus.SUPERSEDED]
    assert len(world.provider.received_job_ids) == 1


@pytest.mark.parametrize(
    ("bucket", "reason"), [("theirs", "'theirs' is neither"), (OUTPUT_BUCKET, f"'{OUTPUT_BUCKET}' is neither")]
)
def test_unreadable_bucket_is_a_dead_letter_with_its_reason(bucket: str, reason: str) -> None:
    world = World()
    body = {"bucket": bucket, "key": KEY, "instructions": REMOVE}
    world.sqs.send_externally(world.queues["intake"], json.dumps(body))
    world.run_until_empty()
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == Code.DAMAGED_MESSAGE
    assert reason in letter.attributes["reason"]


def test_missing_photo_is_reported_under_the_buckets_name() -> None:
    world = World()
    request_photo(world, **REMOVE)
    report = world.read_report(NAME)
    assert report
    assert [one["code"] for one in report["errors"]] == [Code.PHOTO_NOT_FOUND]


def test_longest_names_fit_into_the_result_keys() -> None:
    name = photo_name_of("b" * 63, "k" * MAX_PHOTO_KEY_BYTES, INPUT_BUCKET)
    key = picture_key(name, variant="v" * 40, n=20, extension="png", output="o" * 40)
    assert key.startswith(f"@{'b' * 63}/")
    assert len(key.encode()) <= MAX_S3_KEY_BYTES


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    """A person whose stack has a picture of its own photo, and one of a photo in the readable bucket."""
    monkeypatch.chdir(tmp_path)
    person = Person(World(), monkeypatch)
    person.upload("own.jpg")
    upload_to(person.world)
    request_photo(person.world, **REMOVE)
    return person


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        f"s3://{READABLE_BUCKET}/{KEY}",
        f"{NAME}.json",
        f"{NAME}/red.png",
        f"s3://{OUTPUT_BUCKET}/{NAME}/red.png",
        f"s3://{OUTPUT_BUCKET}/{NAME}",
    ],
)
def test_show_accepts_every_name_of_a_photo_in_a_readable_bucket(person: Person, name: str) -> None:
    result = person.run("show", name)
    assert result.code == 0, result.err
    assert f"{NAME}, stack shop" in result.out


def test_gallery_and_download_include_photos_of_readable_buckets(person: Person) -> None:
    result = person.run("gallery", f"@{READABLE_BUCKET}/", "--output", "page", "--json")
    assert (result.data["pictures"], result.data["without_thumb"]) == (1, [])
    assert person.run("gallery", "--output", "all", "--json").data["pictures"] == 2
    assert person.run("download", f"@{READABLE_BUCKET}/", "done").code == 0
    assert [*Path("done").rglob("*.*")] == [Path("done/shoes/red.png")]
