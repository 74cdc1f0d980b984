"""`backdrop mandate`: operators create mandates, see what is left of them, change them, and end them."""

import json
import re
from dataclasses import fields

import pytest

from backdrop.aws.ledger import Ledger
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop_client.client_config import ClientConfig
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.command_user import REMOVAL, Person
from tests.simulated.simulated_days import DAY, list_report_codes

CREATE = ("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "0.02")
FIRST, SECOND, THIRD = (f"agents/anna/{n}.jpg" for n in (1, 2, 3))


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(), monkeypatch)


def buy(person: Person, *keys: str) -> None:
    person.upload(*keys)
    person.world.run_until_empty()


def test_created_mandate_is_shown_with_what_is_left(person: Person) -> None:
    created = person.run(
        *CREATE, "--per-day", "0.015", "--per-picture", "0.01", "--operations", "remove", "--until", "2026-12-31"
    )
    assert created.code == 0
    buy(person, FIRST, SECOND)
    shown = person.run("mandate", "show", "anna").out
    rows = dict(re.findall(r"^ (\w+(?: \w+)?)  +(\S+)", shown, re.MULTILINE))
    assert (rows["spent"], rows["left"], rows["per day"], rows["until"]) == ("$0.01", "$0.01", "$0.015", "2026-12-31")
    assert list_report_codes(person.world, SECOND) == [Code.MANDATE_SPENT]
    data = person.run("mandate", "show", "anna", "--json").data
    assert (data["spent_usd"], data["left_usd"], data["left_today_usd"], data["operations"]) == (
        0.01,
        0.01,
        0.005,
        ["remove"],
    )


def test_list_shows_each_mandate(person: Person) -> None:
    assert "has no mandates" in person.run("mandate").out
    person.run(*CREATE)
    person.run("mandate", "create", "ben", "--prefix", "agents/ben/", "--usd", "1")
    assert re.findall(r"^ (\w+) +agents/", person.run("mandate").out, re.MULTILINE) == ["anna", "ben"]
    assert [one["name"] for one in person.run("mandate", "--json").data["mandates"]] == ["anna", "ben"]


def test_waiting_photos_continue_when_the_mandate_is_raised(person: Person) -> None:
    person.run(*CREATE, "--when-spent", "wait")
    buy(person, FIRST, SECOND, THIRD)
    waiting = next(job.key for job in person.world.list_jobs() if job.waits_for_mandate)
    assert Code.MANDATE_WAITS in person.run("show", waiting).out
    assert person.run("mandate", "raise", "anna", "--usd", "0.03").code == 0
    person.world.run_until_empty()
    assert person.world.provider.charged_micro_usd == 3 * REMOVAL


def test_photo_that_waits_for_its_mandate_is_not_counted_in_its_lane(person: Person) -> None:
    person.run(*CREATE, "--when-spent", "wait")
    buy(person, FIRST, SECOND, THIRD)
    person.run("pause", "ideogram")
    data = person.run("status", "--json").data
    assert data["waiting"] == {"mandate_waits": 1}
    assert [(lane["waiting"], lane["oldest_since"]) for lane in data["providers"]] == [(0, None)]


def test_suspended_mandate_buys_nothing_until_it_is_resumed(person: Person) -> None:
    person.run(*CREATE)
    person.run("mandate", "suspend", "anna")
    buy(person, FIRST)
    assert list_report_codes(person.world, FIRST) == [Code.MANDATE_SUSPENDED]
    person.run("mandate", "resume", "anna")
    person.run("rerun", FIRST, "--yes")
    person.world.run_until_empty()
    assert person.world.provider.charged_micro_usd == REMOVAL


def test_ended_mandate_blocks_its_folder_until_it_is_released(person: Person) -> None:
    person.run(*CREATE)
    assert "has not ended" in person.run("mandate", "release", "anna", "--yes").err
    assert person.run("mandate", "end", "anna", "--yes").code == 0
    assert "has ended" in person.run("mandate", "raise", "anna", "--usd", "9").err
    assert "overlaps" in person.run("mandate", "create", "ben", "--prefix", "agents/", "--usd", "1").err
    assert person.run("mandate", "release", "anna", "--yes").code == 0
    assert person.run("mandate", "create", "ben", "--prefix", "agents/", "--usd", "1").code == 0
    assert [one["name"] for one in person.run("mandate", "--json").data["mandates"]] == ["ben"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("mandate", "show", "gone"), 3, "no mandate gone"),
        (("mandate", "create", "Anna!", "--prefix", "a/", "--usd", "1"), 2, "is not a name"),
        (("mandate", "create", "anna", "--prefix", "a", "--usd", "1"), 1, "is not a folder"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "0"), 1, "buys nothing"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--per-day", "0"), 1, "limit of a day is $0"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--per-picture", "0"), 1, "of a picture is $0"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--until", "2020-01-01"), 1, "is over"),
        *(
            (("mandate", "create", "anna", "--prefix", prefix, "--usd", "1"), 1, "is not a folder")
            for prefix in ("", "/", "/a/", "a//b/", "../", "a/./", "_backdrop/", "a/_backdrop/b/", "_backdrop-2/")
        ),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "nan"), 2, "--usd takes"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "five"), 2, "--usd takes"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "-1"), 2, "--usd takes"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--operations", "paint"), 2, "--operations"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--when-spent", "cry"), 2, "--when-spent"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--until", "someday"), 2, "--until takes"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "1", "--until", "2026-02-30"), 2, "--until takes"),
        (("mandate", "create", "anna", "--prefix", "a/", "--usd", "99999999999"), 2, "at most 1,000,000,000 dollars"),
        (("mandate", "raise", "anna"), 2, "what to change"),
    ],
)
def test_wrong_command_line_changes_nothing(person: Person, arguments: tuple[str, ...], code: int, text: str) -> None:
    result = person.run(*arguments)
    assert (result.code, person.world.mandates.list_all()) == (code, [])
    assert text in result.err


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (("--usd", "0"), "buys nothing"),
        (("--per-day", "0"), "buys nothing"),
        (("--until", "2020-01-01"), "is over"),
    ],
)
def test_raise_refuses_terms_that_allow_nothing(person: Person, terms: tuple[str, str], text: str) -> None:
    person.run(*CREATE)
    result = person.run("mandate", "raise", "anna", *terms)
    assert (result.code, text in result.err, person.world.mandates.find("anna").mandate.limit) == (1, True, 20_000)


def test_limits_that_never_apply_are_marked(person: Person) -> None:
    shown = person.run(*CREATE, "--per-day", "0.03", "--per-picture", "0.05").out
    assert shown.count("never applies") == 2
    assert "never applies" not in person.run("mandate", "raise", "anna", "--usd", "0.03", "--per-picture", "0.03").out


def test_stopped_mandate_shows_that_nothing_can_be_spent(person: Person) -> None:
    person.run(*CREATE, "--until", person.world.clock.now().date().isoformat())
    person.run("mandate", "suspend", "anna")
    assert "nothing can be spent now: The mandate anna is suspended." in person.run("mandate", "show", "anna").out
    assert "is suspended" in person.run("mandate").out
    data = person.run("mandate", "show", "anna", "--json").data
    assert (data["left_usd"], data["left_today_usd"], "suspended" in data["stopped"]) == (0, 0, True)
    person.world.run_for(DAY)
    assert "ended with" in person.run("mandate", "show", "anna", "--json").data["stopped"]


def test_operators_who_change_mandates_all_the_time_are_named(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.run(*CREATE)

    def lose(*_: object, **__: object) -> None:
        raise ConflictError

    monkeypatch.setattr(Ledger, "put_mandate_terms", lose)
    result = person.run("mandate", "suspend", "anna")
    assert (result.code, "run the command again" in result.err) == (1, True)


def test_end_asks_first(person: Person) -> None:
    person.run(*CREATE)
    assert person.run("mandate", "end", "anna").code != 0
    assert person.world.mandates.find("anna").mandate.state.value == "active"


def test_spend_is_grouped_by_mandate(person: Person) -> None:
    person.run(*CREATE)
    buy(person, FIRST, "outside.jpg")
    rows = person.run("spend", "--by", "mandate", "--json").data["rows"]
    assert [(row["mandate"], row["usd"]) for row in rows] == [("(no mandate)", 0.01), ("anna", 0.01)]


def test_policy_on_a_terminal_is_json_to_copy(person: Person) -> None:
    folder = f"agents/{'x' * 80}/"
    created = person.run("mandate", "create", "anna", "--usd", "1", "--prefix", folder, "--policy", terminal=True)
    shown = person.run("mandate", "show", "anna", "--policy", terminal=True)
    assert json.loads(created.out) == json.loads(shown.out)
    assert max(map(len, shown.out.splitlines())) > 80


def test_policy_names_only_the_folder_and_the_mandate(person: Person) -> None:
    policy = json.loads(person.run(*CREATE, "--policy").out)
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {
        "s3:PutObject",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:DeleteObject",
        "s3:ListBucket",
        "dynamodb:GetItem",
    }
    conditions = {statement["Sid"]: statement.get("Condition") for statement in policy["Statement"]}
    assert conditions["ReadTheMandate"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mandate#anna"]},
    }
    (reading,) = (one for one in policy["Statement"] if one["Sid"] == "ReadResults")
    assert reading["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert all("agents/anna/" in one for s in policy["Statement"] if s["Sid"] == "ReadResults" for one in s["Resource"])


def test_configuration_has_only_what_a_client_uses(person: Person) -> None:
    person.run(*CREATE)
    config = json.loads(person.run("mandate", "show", "anna", "--config").out)
    assert config.keys() == {field.name for field in fields(ClientConfig)}
    assert (config["mandate"], config["input_bucket"], config["providers"].keys()) == (
        "anna",
        INPUT_BUCKET,
        {*person.stack.providers},
    )
    assert "queue" not in json.dumps(config).lower()
    assert person.run("mandate", "show", "anna", "--config", "--policy").code == 2


def test_policy_includes_the_reports_about_paused_providers(person: Person) -> None:
    assert read_policy_keys(person, "ben/", "ReadPauses") == ["_backdrop/errors/_providers/*"]


def read_policy_keys(person: Person, prefix: str, sid: str) -> list[str]:
    """Returns the keys that a statement of the policy for a folder names."""
    policy = json.loads(person.run("mandate", "create", "ben", "--prefix", prefix, "--usd", "1", "--policy").out)
    (resources,) = [statement["Resource"] for statement in policy["Statement"] if statement["Sid"] == sid]
    return [one.partition("/")[2] for one in resources]


@pytest.mark.parametrize("prefix", ["@old-photos/", "_providers/"])
def test_policy_names_the_results_of_a_folder_that_have_longer_names(person: Person, prefix: str) -> None:
    """`_backdrop/errors/_providers/` has the reports about paused providers."""
    folder = f"@{INPUT_BUCKET}/{prefix}*"
    assert read_policy_keys(person, prefix, "ReadResults") == [
        folder,
        f"_backdrop/receipts/{folder}",
        f"_backdrop/errors/{folder}",
    ]


def test_policy_of_a_folder_with_special_characters_covers_only_that_folder(person: Person) -> None:
    created = person.run("mandate", "create", "anna", "--usd", "1", "--prefix", "a*b?/${aws:username}/", "--policy")
    escaped = "a${*}b${?}/${$}{aws:username}/*"
    statements = {statement["Sid"]: statement for statement in json.loads(created.out)["Statement"]}
    assert statements["UploadInTheFolder"]["Resource"] == [f"arn:aws:s3:::{INPUT_BUCKET}/{escaped}"]
    assert all(one.endswith(escaped) for one in statements["ReadResults"]["Resource"])
    assert all(one.endswith(escaped) for one in statements["ListResults"]["Condition"]["StringLike"]["s3:prefix"])
