"""`backdrop rerun` says beforehand of how many photos it takes back what a direct request said."""

import pytest

from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.wishes import BEACH, FOREST, REMOVE, ask, defaults, said, wishes

RED, BLUE, BARE = "shoes/red.jpg", "shoes/blue.jpg", "shoes/bare.jpg"
LINE = "sidecar, tags, or folder defaults replace the request's instructions"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """In whose stack a photo has a sidecar and another tags, a third nothing; requests said last what is wanted."""
    person = Person(World(), monkeypatch)
    person.world.upload_sidecar(RED, **REMOVE)
    said(person.world, RED)
    said(person.world, BLUE, operation="remove")
    said(person.world, BARE)
    person.world.run_until_empty()
    for key in (RED, BLUE, BARE):
        ask(person.world, key, **BEACH)
    person.world.run_until_empty()
    return person


def test_the_preview_says_of_how_many_photos_a_request_is_taken_back(person: Person) -> None:
    shown = " ".join(person.types("rerun", "shoes/", answer="n").out.split())
    assert f"2 photos with a request {LINE}" in shown
    assert person.types("rerun", "shoes/", "--json", "--yes").data["requests_taken_back"] == 2
    person.world.run_until_empty()
    assert [wishes(person.world, key) for key in (RED, BLUE, BARE)] == [
        {"": "remove"},
        {"": "remove"},
        {"": "on a beach"},
    ]


def test_one_photo_is_one(person: Person) -> None:
    assert "1 photo with a request" in " ".join(person.types("rerun", RED, answer="n").out.split())


def test_new_defaults_take_a_request_back_too(person: Person) -> None:
    defaults(person.world, "shoes/", FOREST)
    person.world.run_until_empty()
    assert person.types("rerun", BARE, "--json", "--yes").data["requests_taken_back"] == 1


def test_where_nothing_else_is_said_nothing_is_taken_back(person: Person) -> None:
    shown = person.types("rerun", BARE).out
    assert "directly" not in shown
    ask(person.world, RED, **REMOVE)
    person.world.run_until_empty()
    found = person.types("rerun", RED, "--json", "--yes").data
    assert found["requests_taken_back"] == 0
