"""A mixed folder: photos, sidecars, defaults, other files, and duplicates in any order lead to the right jobs."""

import json
from random import Random

import pytest

from backdrop.model.object_keys import ObjectKind, classify_key
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import assert_at_rest
from tests.simulated.uploads_and_requests import count_paid_calls, list_intake_messages, read_current_instructions

FOLDERS = ("", "hats/", "shoes/", "shoes/old/")
DEFAULTS = {"shoes/": "in a forest", "shoes/old/": "in a cellar"}
JUNK = ("notes.txt", "list.csv", ".DS_Store", "Thumbs.db", "upload.part", "_backdrop-old.json", "_backdrop/x.jpg", "")
WAYS = ("sidecar", "shared", "tags", "bare", "both", "broken", "no photo")


def describe_photo(number: int) -> tuple[str, str]:
    """Returns the key of one photo, and how its instructions are given."""
    return f"{FOLDERS[number % len(FOLDERS)]}{number:03}.jpg", WAYS[number // len(FOLDERS) % len(WAYS)]


def build_files(number: int) -> list[tuple[str, bytes, dict[str, str]]]:
    """Returns a photo with all its instructions: keys, bytes, and tags."""
    key, way = describe_photo(number)
    sidecar = json.dumps({"prompt": f"at place {number}"}).encode()
    sidecars = {
        "sidecar": [(f"{key}.json", sidecar)],
        "shared": [(f"{key.removesuffix('.jpg')}.json", sidecar)],
        "both": [(f"{key}.json", sidecar), (f"{key.removesuffix('.jpg')}.json", b'{"prompt": "never"}')],
        "broken": [(f"{key}.json", b'{"promt": "x"}')],
    }.get(way, [])
    tags = {"prompt": f"at place {number}"} if way in ("tags", "no photo") else {"team": "shoes"}
    data = b"no photo" if way == "no photo" else build_photo(key)
    return [(key, data, tags), *((name, content, {}) for name, content in sidecars)]


def expect_result(number: int) -> tuple[dict[str, str], list[str]]:
    """Returns the expected result for a photo: its instructions by variant, and the codes of its report."""
    key, way = describe_photo(number)
    if way in ("broken", "no photo"):
        return {}, ["unknown_field" if way == "broken" else "not_a_photo"]
    if way != "bare":
        return {"": f"at place {number}"}, []
    inherited = next((DEFAULTS[one] for one in sorted(DEFAULTS, reverse=True) if key.startswith(one)), None)
    return ({"": inherited}, []) if inherited else ({}, ["no_instructions"])


def fill_world(random: Random, photos: int, events: int) -> World:
    """Returns a world with everything uploaded in random order, and this many waiting events, some of them repeated."""
    world = World(random.randrange(1_000), shuffled=True)
    uploads = [file for number in range(photos) for file in build_files(number)]
    uploads += [
        (f"{folder}_backdrop.json", json.dumps({"prompt": text}).encode(), {}) for folder, text in DEFAULTS.items()
    ]
    uploads += [(f"{folder}{name}", b"junk", {}) for folder in FOLDERS for name in JUNK if folder + name]
    random.shuffle(uploads)
    for key, data, tags in uploads:
        world.s3.upload(INPUT_BUCKET, key, data, tags)
    bodies = list_intake_messages(world)
    bodies += random.choices(bodies, k=events - len(bodies))
    random.shuffle(bodies)
    world.queues["intake"].messages.clear()
    for body in bodies:
        world.sqs.send_externally(world.queues["intake"], body)
    assert len(list_intake_messages(world)) == events
    return world


@pytest.mark.parametrize(("seed", "photos", "events"), [(1, 180, 1_000), (2, 56, 150), (3, 56, 200)])
def test_shuffled_events_lead_to_the_right_jobs_with_one_call_each(seed: int, photos: int, events: int) -> None:
    world = fill_world(Random(seed), photos, events)
    world.run_until_empty(max_deliveries=20_000)
    found = {
        describe_photo(number)[0]: (
            read_current_instructions(world, describe_photo(number)[0]),
            list_report_codes(world, describe_photo(number)[0]),
        )
        for number in range(photos)
    }
    right = {describe_photo(number)[0]: expect_result(number) for number in range(photos)}
    assert {key: value for key, value in found.items() if value != right[key]} == {}
    jobs = world.list_jobs()
    assert sorted(job.key for job in jobs) == sorted(key for key, (expected, _) in right.items() if expected)
    assert sorted(world.provider.received_job_ids) == sorted(job.job_id for job in jobs)
    assert count_paid_calls(world) == len(jobs)
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


def test_files_that_are_not_photos_leave_no_trace() -> None:
    world = fill_world(Random(4), 28, 120)
    world.run_until_empty(max_deliveries=20_000)
    photo_states = [
        key for key in world.output_bucket.list_keys() if key.startswith(("_backdrop/receipts/", "_backdrop/errors/"))
    ]
    names = {key.split("/", 2)[2].removesuffix(".json") for key in photo_states}
    assert {classify_key(name) for name in names} == {ObjectKind.PHOTO}
