"""`backdrop rerun` shows in advance for how many photos it reverts a direct request."""

import pytest

from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    read_current_instructions,
    send_request,
    upload_defaults,
    upload_unique_photo,
)

RED, BLUE, BARE = "shoes/red.jpg", "shoes/blue.jpg", "shoes/bare.jpg"
LINE = "sidecar, tags, or folder defaults replace the request's instructions"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person with a photo with a sidecar, one with tags, and one with neither. All were requested directly last."""
    person = Person(World(), monkeypatch)
    person.world.upload_sidecar(RED, **REMOVE)
    upload_unique_photo(person.world, RED)
    upload_unique_photo(person.world, BLUE, operation="remove")
    upload_unique_photo(person.world, BARE)
    person.world.run_until_empty()
    for key in (RED, BLUE, BARE):
        send_request(person.world, key, **BEACH)
    person.world.run_until_empty()
    return person


def test_preview_counts_the_photos_whose_request_is_reverted(person: Person) -> None:
    shown = " ".join(person.run("rerun", "shoes/", answer="n").out.split())
    assert f"2 photos with a request {LINE}" in shown
    assert person.run("rerun", "shoes/", "--json", "--yes").data["requests_taken_back"] == 2
    person.world.run_until_empty()
    assert [read_current_instructions(person.world, key) for key in (RED, BLUE, BARE)] == [
        {"": "remove"},
        {"": "remove"},
        {"": "on a beach"},
    ]


def test_single_photo_is_counted_in_the_singular(person: Person) -> None:
    assert "1 photo with a request" in " ".join(person.run("rerun", RED, answer="n").out.split())


def test_new_folder_defaults_also_revert_a_request(person: Person) -> None:
    upload_defaults(person.world, "shoes/", FOREST)
    person.world.run_until_empty()
    assert person.run("rerun", BARE, "--json", "--yes").data["requests_taken_back"] == 1


def test_without_other_instructions_nothing_is_reverted(person: Person) -> None:
    shown = person.run("rerun", BARE).out
    assert "with a request" not in shown
    send_request(person.world, RED, **REMOVE)
    person.world.run_until_empty()
    found = person.run("rerun", RED, "--json", "--yes").data
    assert found["requests_taken_back"] == 0
