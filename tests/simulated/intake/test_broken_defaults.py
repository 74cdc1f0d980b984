"""The report of broken folder defaults counts the waiting photos, and says that they will run automatically."""

import pytest

from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import assert_at_rest
from tests.simulated.uploads_and_requests import (
    BEACH,
    REMOVE,
    count_paid_calls,
    upload_defaults,
    upload_sidecar_bytes,
    upload_unique_photo,
)

ONE = "1 photo waits in this folder and below, and will be processed automatically when the file is corrected."


def world_with_held_photos(*keys: str) -> World:
    """Returns a world with broken defaults at the root, and with photos that have no other instructions."""
    world = World()
    upload_defaults(world, "", {"promt": "a beach", "seed": -1})
    for key in keys:
        upload_unique_photo(world, key)
    world.run_until_empty()
    return world


def list_notes(world: World) -> list[str]:
    """Returns what each error of the report says about the waiting photos."""
    report = world.read_report("_backdrop.json")
    return [error["hint"].rpartition("automatically. ")[2] for error in report["errors"]] if report else []


def test_each_error_in_the_report_counts_the_waiting_photos() -> None:
    world = world_with_held_photos("a.jpg", "shoes/b.jpg", "shoes/red/c.jpg")
    assert list_notes(world) == [ONE.replace("1 photo waits", "3 photos wait")] * 2
    assert [list_report_codes(world, key) for key in ("a.jpg", "shoes/b.jpg")] == [[], []]
    assert_at_rest(world)


def test_photos_that_arrive_later_are_also_counted() -> None:
    world = world_with_held_photos("a.jpg")
    assert list_notes(world) == [ONE] * 2
    first = world.read_report("_backdrop.json")
    world.clock.sleep(600)
    for n in range(4):
        upload_unique_photo(world, f"late/{n}.jpg")
    world.run_until_empty()
    assert list_notes(world)[0].startswith("5 photos wait")
    later = world.read_report("_backdrop.json")
    assert first
    assert later
    assert first["errors"][0]["first_seen"] == later["errors"][0]["first_seen"]


def test_report_without_waiting_photos_mentions_none() -> None:
    assert [words for words in list_notes(world_with_held_photos()) if "wait" in words] == []


def test_report_says_more_than_if_photos_exceed_the_counted_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop.intake.folder_defaults.MAX_COUNTED_PHOTOS", 2)
    assert list_notes(world_with_held_photos("a.jpg", "b.jpg", "c.jpg"))[0].startswith("More than 2 photos wait")


def test_corrected_defaults_run_their_photos_and_remove_the_report() -> None:
    world = world_with_held_photos("a.jpg", "shoes/b.jpg")
    upload_defaults(world, "", BEACH)
    world.run_until_empty()
    assert (list_notes(world), count_paid_calls(world)) == ([], 2)


def read_errors(world: World) -> list[tuple[str, str]]:
    """Returns the errors of the report, each with the time when it was first reported."""
    report = world.read_report("_backdrop.json")
    return [(error["message"], error["first_seen"]) for error in report["errors"]] if report else []


def test_changed_error_is_reported_immediately_and_keeps_its_age() -> None:
    """An error is identified by its code and its place in the file. `seed` is still wrong; `promt` is gone."""
    world = world_with_held_photos("a.jpg")
    (since,) = {since for message, since in read_errors(world) if "-1" in message}
    world.clock.sleep(10)
    upload_defaults(world, "", {"prompt": "a beach", "seed": -2})
    world.deliver_next("intake")
    world.run_for(20)
    ((new, still_since),) = read_errors(world)
    assert ("-2" in new, still_since) == (True, since)


def test_error_at_another_place_is_a_new_one() -> None:
    world = world_with_held_photos("a.jpg")
    known = {since for _, since in read_errors(world)}
    world.clock.sleep(10)
    upload_defaults(world, "", {"prompt": "a beach", "num_images": -1})
    world.run_until_empty()
    ((_, since),) = read_errors(world)
    assert since not in known


def test_broken_sidecar_named_like_defaults_buys_nothing() -> None:
    world = World()
    upload_defaults(world, "shoes/", REMOVE)
    upload_sidecar_bytes(world, "shoes/red_backdrop", b'{"promt": "a beach"}')
    upload_unique_photo(world, "shoes/red_backdrop.jpg")
    world.run_until_empty()
    assert (world.list_jobs(), list_report_codes(world, "shoes/red_backdrop.jpg")) == ([], ["unknown_field"])
    assert_at_rest(world)
