"""How `backdrop campaign` interprets its arguments: lists and names, missing photos, and input errors."""

import re
from pathlib import Path

import pytest

from backdrop_cli.campaign.campaign_target import derive_campaign_name
from simulation.world.sample_images import build_photo
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.cli_campaigns import PROMPT, list_started_inputs, person_with_three_photos
from tests.simulated.command_user import Person


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    return person_with_three_photos(monkeypatch, tmp_path)


# -- names of campaigns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("", "all"),
        ("shoes/", "shoes"),
        ("a/b.csv", "a-b"),
        ("ÄÖ.csv", "AO"),
        ("größe.csv", "grosse"),
        ("Frühling 2026.JSONL", "Fruhling-2026"),
    ],
)
def test_campaign_is_named_after_its_file_or_prefix(where: str, name: str) -> None:
    assert derive_campaign_name(where) == name


def test_similar_campaign_names_stay_distinct() -> None:
    names = [
        derive_campaign_name(where)
        for where in ("", "春.csv", "夏.csv", "春a.csv", "夏a.csv", "!.csv", "x" * 99, "x" * 100)
    ]
    assert len({*names}) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,60}", name) for name in names)


def test_two_lists_with_the_same_name_never_replace_each_other(person: Person, tmp_path: Path) -> None:
    lists = {"mine": "key\nshoes/red.jpg\n", "yours": "key\nhats/red.jpg\n"}
    for folder, text in lists.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "list.csv").write_text(text)
        assert person.run("campaign", "run", f"{folder}/list.csv", *PROMPT).code == 0
        person.states.end_running()
        person.world.run_for(1)
    stored = [
        person.stack.photos.read(INPUT_BUCKET, given["manifest"], max_bytes=1000)
        for given in list_started_inputs(person)
    ]
    assert [one and one.data for one in stored] == [text.encode() for text in lists.values()]


def test_list_that_changes_during_confirmation_is_not_bought(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    keys = [f"shoes/{n}.jpg" for n in range(20)]
    for key in keys:
        person.world.upload_photo(key, build_photo(key))
    file.write_text("\n".join(["key", *keys]))

    def change_list() -> None:
        file.write_text("key\nhats/red.jpg\n")

    result = person.run(
        "campaign", "run", "list.csv", *PROMPT, "--provider", "ideogram", answer="y", meanwhile=change_list
    )
    assert (result.code, "changed after the quote" in result.err) == (1, True)
    assert list_started_inputs(person) == []


def test_campaign_is_refused_while_its_name_is_in_use(person: Person) -> None:
    assert person.run("campaign", "run", "shoes/", *PROMPT).code == 0
    result = person.run("campaign", "run", "hats/", "--name", "shoes", *PROMPT)
    assert (result.code, len(list_started_inputs(person))) == (1, 1)
    assert "a campaign named shoes has been running since" in result.err
    assert "wait until it ends, stop it with `backdrop campaign stop shoes`, or" in " ".join(result.err.split("\n"))
    person.states.end_running()
    again = person.run("campaign", "run", "hats/", "--name", "shoes", *PROMPT)
    assert again.code == 1
    assert "another campaign named shoes started in the same second" in again.err
    assert "AWS" not in again.err


# -- input without purchases --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("nosuch/", "no key in the input bucket begins with 'nosuch/'"),
        ("missing.txt", "a list of keys must end with .csv or .jsonl"),
        ("here", "here is a folder on this machine; to upload its photos, run `backdrop drop here`"),
        ("my photos/", "to upload its photos, run `backdrop drop 'my photos'`"),
        ("list.xlsx", "list.xlsx is not a .csv or .jsonl list of keys"),
        ("empty.csv", "empty.csv has no row"),
        ("/", "no key in the input bucket begins with '/'; keys do not begin with a slash"),
    ],
)
@pytest.mark.parametrize("verb", ["quote", "run"])
def test_missing_input_starts_nothing_and_gets_a_suggestion(
    person: Person, tmp_path: Path, verb: str, typed: str, why: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "my photos").mkdir()
    (tmp_path / "list.xlsx").write_bytes(b"PK")
    (tmp_path / "empty.csv").write_text("key,prompt\n")
    result = person.run("campaign", verb, typed, *PROMPT)
    assert (result.code, result.out) == (3, "")
    assert why in result.err
    assert list_started_inputs(person) == []


def test_campaign_without_purchases_is_explained_and_not_started(person: Person, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("key,promt\nshoes/red.jpg,at sea\n,x\ngone.jpg,\n")
    result = person.run("campaign", "run", "list.csv")
    assert (result.code, result.err) == (1, "error: nothing was started: nothing in this campaign would be bought\n")
    assert "! 1 photo would be refused: unknown_field\n    - row 2, shoes/red.jpg: " in result.out
    assert "Did you mean 'prompt'" in result.out
    assert "! 1 key without a photo: photo_not_found\n    - row 4, gone.jpg: " in result.out
    assert "! 1 row skipped\n    - row 3: it has no key" in result.out
    assert list_started_inputs(person) == []
    reported = person.run("campaign", "quote", "list.csv", "--json")
    assert reported.code == 1
    [unknown] = [one for one in reported.data["first_not_bought"] if one["code"] == "unknown_field"]
    assert (unknown["row"], unknown["key"]) == (2, "shoes/red.jpg")


def test_campaign_of_already_bought_photos_starts_and_succeeds(person: Person) -> None:
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    result = person.run("campaign", "run", "shoes/red.jpg")
    assert (result.code, len(list_started_inputs(person))) == (0, 1)
    assert "At most $0.00" in result.out


def test_repeated_row_is_quoted_once(person: Person, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("key,prompt\nshoes/red.jpg,at sea\nshoes/red.jpg,at sea\n")
    result = person.run("campaign", "quote", "list.csv")
    assert "1 photo, 1 job; 1 repeated row" in result.out
    assert "At most $0.06" in result.out


# -- errors in the user's own terms -------------------------------------------------------------------------------


def test_every_error_is_reported_at_once_by_option_name(person: Person) -> None:
    result = person.run("campaign", "run", "shoes/", "--name", "no blanks", "--max-total", "much", "--tolerate", "101")
    assert result.code == 2
    assert all(option in result.err for option in ("--name", "--max-total", "--tolerate"))
    assert not re.search("pattern|decimal|max_total_usd|tolerated_failure_percent", result.err)


def test_error_in_a_list_names_the_users_local_file(person: Person, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("photo\nshoes/red.jpg\n")
    result = person.run("campaign", "quote", "list.csv")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: list.csv: the first line has no column 'key'")
    assert "_backdrop" not in result.err
    assert "in a moment" not in result.err
