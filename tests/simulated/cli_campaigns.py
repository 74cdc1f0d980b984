"""Helpers for the tests of `backdrop campaign`."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person

PROMPT = ("--prompt", "on a beach")


def person_with_three_photos(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Person:
    """Returns a person whose bucket contains three photos without instructions."""
    monkeypatch.chdir(folder)
    person = Person(World(), monkeypatch)
    for key in ("shoes/red.jpg", "shoes/blue.jpg", "hats/red.jpg"):
        person.world.upload_photo(key, build_photo(key))
    return person


def list_started_inputs(person: Person) -> list[dict[str, Any]]:
    """Returns the inputs with which campaigns were started."""
    return [json.loads(one["input"]) for one in person.states.executions.values()]
