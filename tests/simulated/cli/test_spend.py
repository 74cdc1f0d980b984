"""`backdrop spend`: what was spent by day, folder, provider, or mandate."""

import pytest

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(on_lost_answer="hold"), monkeypatch)


def test_spend_shows_certain_and_possible_cost(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("shoes/a.jpg", "shoes/deep/b.jpg", "c.jpg")
    person.world.run_for(600)
    data = person.run("spend", "--by", "folder", "--json").data
    assert data["total"] == {"paid_calls": 3, "usd": 0.02, "unknown_usd": 0.01}
    assert {row["folder"]: row["paid_calls"] for row in data["rows"]} == {"shoes/": 2, "(no folder)": 1}
    assert [row["provider"] for row in person.run("spend", "--by", "provider", "--json").data["rows"]] == ["ideogram"]
    output = person.run("spend").out
    assert "2026-11-20            3     $0.02           $0.01" in output


def test_spend_of_a_prefix_counts_only_its_photos(person: Person) -> None:
    person.upload("shoes/a.jpg", "shoes/deep/b.jpg", "c.jpg")
    person.world.run_until_empty()
    data = person.run("spend", "shoes/", "--json").data
    assert (data["prefix"], data["total"]["paid_calls"]) == ("shoes/", 2)
    assert person.run("spend", "shoes/").out.startswith("Spend in shoes/, stack shop\n")
    result = person.run("spend", "hats/")
    assert (result.code, result.err) == (3, "error: there is no job in hats/, stack shop\n")


def test_spend_without_cost_or_unknown_photo_is_reported(person: Person) -> None:
    person.upload_failing(Code.REQUEST_REJECTED, "a.jpg")
    assert person.run("spend").out == "Nothing has been spent in stack shop.\n"
    result = person.run("spend", "--by", "colour")
    assert (result.code, result.err) == (2, "error: --by takes day, folder, provider, mandate, not 'colour'\n")


def test_refusal_alone_costs_nothing(person: Person) -> None:
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    person.upload("a.jpg", "b.jpg")
    person.world.run_until_empty()
    assert person.run("spend", "--json").data["total"]["paid_calls"] == 1
