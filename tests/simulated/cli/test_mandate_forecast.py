"""Commands that show a price below a mandate's prefix: who pays, what is left, and what would not be covered."""

from pathlib import Path
from typing import Any

import pytest

from backdrop.model.mandate import MandateState, WhenSpent
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import LintedFolder
from tests.simulated.render.test_mandates import create_mandate
from tests.simulated.stage_worlds import PRICE

TO = ("--to", "agents/anna/", "--stack", "shop")
REMOVE = ("--remove", *TO)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """A folder with three photos."""
    folder = LintedFolder(Person(World(), monkeypatch), tmp_path)
    for n in (1, 2, 3):
        folder.write(f"{n}.jpg", build_photo(str(n)))
    return folder


def run(folder: LintedFolder, command: str, *options: str) -> Any:
    return folder.person.run(command, str(folder.root), *options, "--json").data


def list_codes(document: Any) -> set[str]:
    """Returns the codes of the warnings of a quote or a plan, or of the warnings and errors of `lint`."""
    warnings = document["warnings"]
    return {one["code"] for one in (*warnings, *document["errors"])} if isinstance(warnings, list) else {*warnings}


@pytest.mark.parametrize("command", ["quote", "lint", "drop"])
def test_preview_says_which_mandate_pays_and_what_is_left(folder: LintedFolder, command: str) -> None:
    create_mandate(folder.person.world, per_day=4 * PRICE)
    document = run(folder, command, *REMOVE)
    (mandate,) = document["mandates"]
    assert mandate == {
        "name": "anna",
        "state": "active",
        "most_usd": 0.03,
        "left_usd": 0.1,
        "left_today_usd": 0.04,
    }
    assert list_codes(document) == set()


@pytest.mark.parametrize("command", ["quote", "lint", "drop"])
@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"limit": 2 * PRICE}, "mandate_spent"),
        ({"per_day": 2 * PRICE}, "mandate_spent"),
        ({"limit": 2 * PRICE, "when_spent": WhenSpent.WAIT}, "mandate_waits"),
        ({"state": MandateState.SUSPENDED}, "mandate_suspended"),
    ],
    ids=["total", "day", "waits", "suspended"],
)
def test_preview_warns_of_what_the_mandate_does_not_cover_now(
    folder: LintedFolder, command: str, terms: dict[str, Any], code: str
) -> None:
    create_mandate(folder.person.world, **terms)
    assert list_codes(run(folder, command, *REMOVE)) == {code}


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"per_picture": PRICE - 1}, "mandate_forbids"),
        ({"operations": ("replace",)}, "mandate_forbids"),
        ({"state": MandateState.ENDED}, "mandate_ended"),
    ],
    ids=["price", "operation", "ended"],
)
def test_preview_refuses_what_the_terms_exclude(folder: LintedFolder, terms: dict[str, Any], code: str) -> None:
    create_mandate(folder.person.world, **terms)
    quoted, linted, planned = (run(folder, command, *REMOVE) for command in ("quote", "lint", "drop"))
    assert quoted["not_bought"] == {code: 3}
    assert [one["code"] for one in linted["errors"]] == [code] * 3
    assert [one["code"] for one in planned["would_be_refused"]] == [code] * 3


def test_preview_counts_photos_with_the_same_bytes_once(folder: LintedFolder) -> None:
    create_mandate(folder.person.world, limit=3 * PRICE)
    folder.write("copy.jpg", build_photo("1"))
    quoted = run(folder, "quote", *REMOVE)
    assert (quoted["mandates"][0]["most_usd"], list_codes(quoted)) == (0.03, set())


def test_photos_outside_every_prefix_have_no_mandate(folder: LintedFolder) -> None:
    create_mandate(folder.person.world, prefix="agents/ben/")
    assert run(folder, "quote", *REMOVE)["mandates"] == []
    assert run(folder, "quote", "--remove", "--to", "agents/anna/")["mandates"] == []


def test_rerun_and_campaign_quote_know_the_terms(folder: LintedFolder) -> None:
    person = folder.person
    create_mandate(person.world, operations=("replace",))
    person.world.upload_photo("agents/anna/1.jpg", build_photo("1"), operation="remove")
    quoted = person.run("campaign", "quote", "agents/anna/", "--remove", "--json").data
    assert (quoted["jobs"], [*quoted["not_bought"]]) == (0, ["mandate_forbids"])
    rerun = person.stack.rerun_service.preview("agents/anna/1.jpg")
    assert rerun
    assert [one.code.value for one in rerun.problems] == ["mandate_forbids"]


def test_forecast_ends_where_the_claims_end(folder: LintedFolder) -> None:
    """The rule that refuses a claim also answers before the purchase."""
    world = folder.person.world
    create_mandate(world, limit=2 * PRICE + 1)
    quoted = run(folder, "quote", *REMOVE)
    dropped = run(folder, "drop", *REMOVE)
    world.run_until_empty()
    refused = [job for job in world.list_jobs() if job.problem]
    assert quoted["warnings"] == dropped["warnings"] == {"mandate_spent": len(refused)}
    assert {job.bucket for job in refused} == {INPUT_BUCKET}


@pytest.mark.parametrize(
    "command",
    [
        ("rerun", "agents/anna/"),
        ("review", "redo", "agents/anna/1.jpg", "--prompt", "on sand"),
        ("campaign", "quote", "agents/anna/", "--remove"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("left", [0, 100 * PRICE])
def test_price_of_uploaded_photos_names_the_mandate(folder: LintedFolder, command: tuple[str, ...], left: int) -> None:
    person = folder.person
    create_mandate(person.world, limit=1)
    person.world.upload_photo("agents/anna/1.jpg", build_photo("1"), operation="replace", prompt="on marble")
    person.world.run_until_empty()
    person.world.mandates.change_terms("anna", "ops", limit=1 + left)
    text = person.run(*command).out
    assert ("The mandate anna is active" in text, "mandate_spent" in text) == (True, not left)
    document = person.run(*command, "--json", *([] if command[0] == "campaign" else ["--yes"])).data
    assert [one["name"] for one in document["mandates"]] == ["anna"]
    assert document["warnings"].get("mandate_spent", 0) == (not left)
