"""A person who begins campaigns."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person

PROMPT = ("--prompt", "on a beach")


def with_three_photos(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Person:
    """In whose bucket lie three photos of which nobody has said a word."""
    monkeypatch.chdir(folder)
    person = Person(World(), monkeypatch)
    for key in ("shoes/red.jpg", "shoes/blue.jpg", "hats/red.jpg"):
        person.world.upload_photo(key, build_photo(key))
    return person


def started(person: Person) -> list[dict[str, Any]]:
    """What the campaigns were begun with."""
    return [json.loads(one["input"]) for one in person.states.executions.values()]
