"""`backdrop campaign`: quoted and agreed to before it begins, watched, listed and stopped; and drops that are one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backdrop_cli.stack import Stack
from proof.world.pictures import photo
from proof.world.sight import INPUT
from proof.world.stack import World
from tests.unit.cli_person import Person
from tests.unit.waiters import wait_for

PROMPT = ("--prompt", "on a beach")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    """In whose bucket lie three photos of which nobody has said a word."""
    monkeypatch.chdir(tmp_path)
    person = Person(World(), monkeypatch)
    for key in ("shoes/red.jpg", "shoes/blue.jpg", "hats/red.jpg"):
        person.world.drop(key, photo(key))
    return person


def started(person: Person) -> list[dict[str, Any]]:
    return [json.loads(one["input"]) for one in person.states.executions.values()]


def test_a_quote_says_what_it_goes_through_and_what_that_costs_at_most(person: Person) -> None:
    person.world.sidecar("shoes/red.jpg", operation="remove")
    said = person.types("campaign", "quote", "shoes/", *PROMPT)
    assert (said.code, said.err) == (0, "")
    assert "Campaign shoes, stack shop: the keys that begin with 'shoes/'" in said.out
    assert "2 photos, 2 jobs; 1 other file passed over" in said.out
    assert "At most $0.12" in said.out
    assert started(person) == []
    data = person.types("campaign", "quote", "shoes/", "--json").data
    assert (data["most_usd"], data["not_bought"]) == (0.01, {"no_instructions": 1})


def test_it_begins_with_what_was_said_and_goes_on_by_itself(person: Person) -> None:
    said = person.types("campaign", "run", "shoes/", *PROMPT, "--max-total", "2.50", "--tolerate", "10")
    assert (said.code, said.err) == (0, "")
    [given] = started(person)
    assert given == {
        "name": "shoes",
        "prefix": "shoes/",
        "instructions": {"prompt": "on a beach"},
        "max_total_usd": 2.5,
        "tolerated_failure_percent": 10,
    }
    assert "backdrop campaign stop shoes" in said.out


def test_it_asks_above_a_dollar_and_a_no_begins_nothing(person: Person) -> None:
    for n in range(20):
        person.world.drop(f"shoes/{n}.jpg", photo(f"{n}"))
    said = person.types("campaign", "run", "shoes/", *PROMPT, answer="n")
    assert said.code == 1
    assert "Ask for 22 photos for at most $1.32? [y/N]" in said.out
    assert person.types("campaign", "run", "shoes/", *PROMPT).code == 1
    assert started(person) == []
    assert person.types("campaign", "run", "shoes/", *PROMPT, "--yes").code == 0
    assert len(started(person)) == 1


def test_more_than_the_limit_is_not_begun(person: Person) -> None:
    said = person.types("campaign", "run", "shoes/", *PROMPT, "--max-total", "0.11", "--yes")
    assert (said.code, said.err) == (1, "error: nothing was begun; --max-total allows $0.11\n")
    assert started(person) == []


def test_a_manifest_of_this_machine_is_quoted_and_put_into_the_bucket(person: Person, tmp_path: Path) -> None:
    (tmp_path / "Spring sale.csv").write_text("key,prompt\nshoes/red.jpg,at sea\n,x\ngone.jpg,x\n")
    said = person.types("campaign", "run", "Spring sale.csv")
    assert (said.code, said.err) == (0, "")
    assert "1 key without a photo: photo_not_found" in said.out
    assert "1 row left out; row 3: it has no key" in said.out
    [given] = started(person)
    assert (given["name"], given["manifest"]) == ("Spring-sale", "_backdrop/manifests/Spring-sale.csv")
    stored = person.stack.photos.read(INPUT, given["manifest"], limit=1000)
    assert stored
    assert stored.data == (tmp_path / "Spring sale.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("s3://elsewhere/shoes/",), "goes through the stack's input bucket"),
        (("shoes/", "--name", "no blanks"), "name:"),
        (("shoes/", "--max-total", "much"), "max_total_usd:"),
        (("shoes/", "--tolerate", "101"), "tolerated_failure_percent:"),
        (("shoes/", "--prompt", ""), "prompt"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(person: Person, words: tuple[str, ...], why: str) -> None:
    said = person.types("campaign", "run", *words)
    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert started(person) == []


def test_a_manifest_that_is_not_there_is_named(person: Person) -> None:
    said = person.types("campaign", "run", "list.csv")
    assert said.code == 1
    assert "list.csv" in said.err
    assert started(person) == []


def test_a_campaign_is_found_by_its_name_with_its_counts_and_its_money(person: Person) -> None:
    assert person.types("campaign", "status").out == "There was no campaign yet, stack shop.\n"
    person.types("campaign", "run", "shoes/", *PROMPT)
    [arn] = person.states.executions
    run = arn.rpartition(":")[2]
    wait_for(person.world, "shoes/red.jpg", run=run, prompt="on a beach")
    wait_for(person.world, "shoes/gone.jpg", token="other", run=run, prompt="on a beach")
    person.world.run()
    data = person.types("campaign", "status", "shoes", "--json").data
    assert (data["status"], data["asked"], data["stored"], data["bought_usd"]) == ("running", 2, 1, 0.06)
    assert data["failures"] == {"photo_not_found": 1}
    person.states.ends("FAILED", error="too_many_failures", cause="50.0 % of the items failed")
    said = person.types("campaign", "status", "shoes")
    assert "too_many_failures: 50.0 %" in said.out
    assert "_backdrop/campaigns/shoes/report.json" in said.out
    assert "shoes" in person.types("campaign", "status").out


def test_only_what_runs_is_stopped_and_only_when_somebody_agrees(person: Person) -> None:
    person.types("campaign", "run", "shoes/", *PROMPT)
    [one] = person.states.executions.values()
    assert person.types("campaign", "stop", "shoes", answer="n").code == 1
    assert one["status"] == "RUNNING"
    assert person.types("campaign", "stop", "shoes", answer="y").code == 0
    assert one["status"] == "ABORTED"
    said = person.types("campaign", "stop", "shoes", "--yes")
    assert (said.code, "no campaign called shoes runs" in said.err) == (1, True)


def test_whoever_waits_sees_it_end_and_the_exit_code_says_how(person: Person) -> None:
    person.stack = _ending(person, "SUCCEEDED")
    said = person.types("campaign", "run", "shoes/", *PROMPT, "--wait")
    assert (said.code, said.err) == (0, "")
    assert "shoes: succeeded." in said.out
    person.stack = _ending(person, "FAILED")
    assert person.types("campaign", "run", "shoes/", *PROMPT, "--wait").code == 1


def _ending(person: Person, status: str) -> Stack:
    def wait(seconds: float) -> None:
        person.states.ends(status)

    return replace(person.stack, wait=wait)


def test_a_drop_of_a_manifest_or_of_a_prefix_in_the_bucket_is_a_campaign(person: Person, tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('{"key": "shoes/red.jpg"}\n')
    assert person.types("drop", "list.jsonl", *PROMPT).code == 0
    assert person.types("drop", f"s3://{INPUT}/hats/", *PROMPT).code == 0
    assert [(one["name"], one.get("prefix")) for one in started(person)] == [("list", None), ("hats", "hats/")]
    said = person.types("drop", "list.jsonl", "shoes/")
    assert (said.code, "goes alone" in said.err) == (2, True)
