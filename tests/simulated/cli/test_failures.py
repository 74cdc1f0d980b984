"""`backdrop failures`: codes with cost and advice, then the photos. Complete in a pipe, readable in 80 columns."""

import shlex

import pytest

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import MASK_FAILURE_ADVICE
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.command_user import Person


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person whose stack has one failed photo for each kind of cost."""
    person = Person(World(on_lost_answer="hold"), monkeypatch)
    person.upload_failing(Code.UNSAFE_REQUEST, "shoes/red.jpg", "shoes/blue.jpg")
    person.world.provider.script += [build_charged_hang_up(), CallBehavior(unsafe_count=1)]
    person.upload("hats/lost.jpg")
    person.world.run_until_empty()
    person.upload("hats/withheld.jpg")
    person.world.run_until_empty()
    return person


def read_row(shown: str, code: str) -> list[str]:
    """Returns the cells of a code's row."""
    line = next(line for line in shown.splitlines() if line.strip().startswith(f"{code} "))
    return [cell.strip() for cell in line.split("   ") if cell.strip()]


def test_each_code_has_its_count_cost_and_advice(person: Person) -> None:
    shown = person.run("failures").out
    assert shown.startswith("4 failures in stack shop\n")
    assert read_row(shown, "unsafe_request") == [
        "unsafe_request",
        "2",
        "$0.00",
        str(ERROR_CATALOG[Code.UNSAFE_REQUEST].hint),
    ]
    assert read_row(shown, "charge_unknown")[1:3] == ["1", "$0.00 and possibly $0.01 more"]
    assert read_row(shown, "unsafe_result")[1:3] == ["1", "$0.01"]


def test_each_problem_has_its_own_advice_instead_of_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    person, generic_hint = Person(World(), monkeypatch), str(ERROR_CATALOG[Code.CONFLICTING_FIELDS].hint)
    person.world.upload_sidecar("pure.jpg", operation="remove", output={"for": "amazon-main", "shadow": "contact"})
    person.world.upload_photo("pure.jpg", build_photo("pure"))
    person.world.run_until_empty()
    (hint,) = [one["hint"] for one in person.run("failures", "--json").data["failures"]]
    assert [one["hint"] for one in person.run("failures", "--json").data["codes"]] == [hint]
    person.world.upload_sidecar("red.jpg", prompt="at sea", output={"shadow": "contact"})
    person.world.upload_photo("red.jpg", build_photo("red"))
    person.world.run_until_empty()
    data, shown = person.run("failures", "--json").data, " ".join(person.run("failures").out.split())
    assert [(one["code"], one["hint"]) for one in data["codes"]] == [("conflicting_fields", None)]
    assert len({one["hint"] for one in data["failures"]} - {generic_hint}) == 2
    assert "2 failures in stack shop" in shown
    assert generic_hint not in shown


def test_photos_are_listed_below_their_code_with_the_reason(person: Person) -> None:
    shown = person.run("failures").out
    below = shown[shown.index("\nunsafe_request\n") :]
    assert below.startswith("\nunsafe_request\n  refused: unsafe_request\n    shoes/red.jpg\n    shoes/blue.jpg\n")


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        (("--code", "charge_unknown"), ["hats/lost.jpg"]),
        (("--code", "charge_unknown", "--code", "unsafe-result"), ["hats/lost.jpg", "hats/withheld.jpg"]),
        (("shoes/",), ["shoes/red.jpg", "shoes/blue.jpg"]),
        (("--provider", "ideogram", "hats/l"), ["hats/lost.jpg"]),
        (("--provider", "runware"), []),
    ],
)
def test_filters_show_only_the_selected_photos(person: Person, filters: tuple[str, ...], keys: list[str]) -> None:
    assert [one["key"] for one in person.run("failures", *filters, "--json").data["failures"]] == keys


def test_stack_without_failures_is_not_an_error(person: Person) -> None:
    result = person.run("failures", "coats/")
    assert (result.code, result.out) == (0, "No failures under coats/ in stack shop.\n")


def test_json_contains_every_field_of_a_failure(person: Person) -> None:
    data = person.run("failures", "--json").data
    assert {one["code"]: (one["photos"], one["usd"], one["unknown_usd"]) for one in data["codes"]} == {
        "unsafe_request": (2, 0, 0),
        "charge_unknown": (1, 0, 0.01),
        "unsafe_result": (1, 0.01, 0),
    }
    lost = next(one for one in data["failures"] if one["key"] == "hats/lost.jpg")
    (job,) = person.world.list_jobs("hats/lost.jpg")
    assert (lost["bucket"], lost["job_id"], lost["status"], lost["money"]) == ("photos", job.job_id, "held", "unknown")


def test_photo_with_several_errors_counts_once(person: Person) -> None:
    person.world.upload_sidecar("bad.jpg", promt="at sea", widht=3)
    person.world.upload_photo("bad.jpg", build_photo("bad"))
    person.world.run_until_empty()
    result = person.run("failures", "bad", "--json").data
    assert [(one["code"], one["photos"]) for one in result["codes"]] == [("unknown_field", 1)]
    assert len(result["failures"]) == 2
    (row,) = (line for line in person.run("failures", "bad").out.splitlines() if "$0.00" in line)
    assert row.split()[:2] == ["unknown_field", "1"]


def test_photo_that_never_had_a_job_is_a_failure(person: Person) -> None:
    person.world.upload_photo("bare.jpg", b"some text", operation="remove")
    person.world.run_until_empty()
    (failure,) = person.run("failures", "bare", "--json").data["failures"]
    assert (failure["code"], failure["job_id"], failure["status"]) == ("not_a_photo", None, "refused")


def test_photo_with_several_problems_is_redriven_once(person: Person) -> None:
    person.world.upload_sidecar("coats/red.jpg", operation="remov", num_images=0)
    person.world.upload_photo("coats/red.jpg", build_photo())
    person.world.run_until_empty()
    shown = person.run("failures", "coats/", "--json").data["failures"]
    assert [one["code"] for one in shown] == ["invalid_value", "invalid_value"]
    assert person.run("redrive", "coats/", "--json").data["looked_at_anew"] == 1


def test_long_list_is_shortened_with_advice_to_see_all(person: Person) -> None:
    person.upload_failing(Code.UNSAFE_REQUEST, *(f"coats/{number:02}.jpg" for number in range(12)))
    shown = person.run("failures").out
    assert "… and 4 more: `backdrop failures --code unsafe_request --all` lists them" in shown
    assert "coats/11.jpg" not in shown
    every = person.run("failures", "--code", "unsafe_request", "--all").out
    assert "coats/11.jpg" in every
    assert "more:" not in every
    assert len(person.run("failures", "--json").data["failures"]) == 16


def test_advice_to_see_all_keeps_the_filter(person: Person) -> None:
    person.upload_failing(Code.UNSAFE_REQUEST, *(f"spring coats/{number:02}.jpg" for number in range(12)))
    shown = person.run("failures", "spring coats/", "--provider", "ideogram").out
    command = "failures 'spring coats/' --code unsafe_request --provider ideogram --all"
    assert f"… and 2 more: `backdrop {command}` lists them" in shown
    assert "12 failures under spring coats/" in person.run(*shlex.split(command)).out


def test_terminal_of_80_columns_shows_no_truncated_words(person: Person) -> None:
    shown = person.run("failures", terminal=True).out
    lines = shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert max(len(line) for line in lines) <= 80
    words = {word for line in lines for word in line.split()}
    assert set(str(ERROR_CATALOG[Code.CHARGE_UNKNOWN].hint).split()) <= words


def test_terminal_shows_a_key_unbroken_for_copying(person: Person) -> None:
    long = "a folder whose name is long/" * 5 + "red.jpg"
    person.upload_failing(Code.UNSAFE_REQUEST, long)
    assert f"    {long}\n" in person.run("failures", terminal=True).out


def test_piped_output_is_uncolored_with_one_line_per_row(person: Person) -> None:
    long = "a folder whose name is long/" * 5 + "red.jpg"
    person.upload_failing(Code.UNSAFE_REQUEST, long)
    shown = person.run("failures").out
    assert "\x1b" not in shown
    assert f"    {long}\n" in shown
    assert read_row(shown, "charge_unknown")[-1] == str(ERROR_CATALOG[Code.CHARGE_UNKNOWN].hint)


def test_control_characters_in_a_key_are_escaped(person: Person) -> None:
    person.upload_failing(Code.UNSAFE_REQUEST, "coats/\x1b[2Jred.jpg")
    shown = person.run("failures", "coats/").out
    assert r"    coats/\u001b[2Jred.jpg" + "\n" in shown


def test_line_break_in_a_key_does_not_break_the_row(person: Person) -> None:
    person.upload_failing(Code.UNSAFE_REQUEST, "coats/two\nlines.jpg")
    assert r"    coats/two\nlines.jpg" + "\n" in person.run("failures", "coats/").out


def test_photos_of_a_paused_provider_are_not_listed_as_failures(person: Person) -> None:
    person.run("pause", "ideogram")
    shown = person.run("failures").out
    assert "Photos wait for ideogram, which is paused (paused_by_person): An operator paused the provider." in shown
    (reason,) = person.run("failures", "--json").data["paused"]["ideogram"]
    assert reason["reason"] == "person"


def test_error_for_an_unknown_code_suggests_the_nearest(person: Person) -> None:
    result = person.run("failures", "--code", "charge_unknow")
    assert (result.code, result.out, person.requested_locations) == (2, "", [])
    assert result.err.startswith("error: there is no code 'charge_unknow'; did you mean charge_unknown?")


def test_dead_letters_without_a_photo_are_counted(person: Person) -> None:
    for line in ("intake", "ideogram", "deliver"):
        person.world.sqs.send_externally(person.world.queues[line], "no json")
    person.world.run_until_empty()
    for words in ((), ("--code", "damaged_message")):
        result = person.run("failures", *words)
        assert "3 dead letters (damaged_message) without a photo: the dead-letter queue has" in result.out
        assert person.run("failures", *words, "--json").data["other_dead_letters"] == {"damaged_message": 3}
    for words in (("--code", "charge_unknown"), ("hats/",), ("--provider", "ideogram")):
        assert person.run("failures", *words, "--json").data["other_dead_letters"] == {}


def test_dead_letters_of_several_batches_are_counted_once_each(person: Person) -> None:
    for number in range(35):
        person.world.sqs.send_externally(person.world.queues["intake"], f"no json {number}")
    person.world.run_until_empty()
    assert person.run("failures", "--json").data["other_dead_letters"] == {"damaged_message": 35}


def test_open_lost_answers_are_reported_with_what_happens_next(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    person.upload("shoes/red.jpg")
    person.world.run_until_empty("intake", "deliver")
    person.world.provider.script.append(build_charged_hang_up())
    person.world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    person.world.deliver_next("ideogram")
    assert "1 job lost the provider's answer; $0.01 was possibly charged." in person.run("failures").out
    for words, keys in {
        (): 1,
        ("--code", "charge_unknown"): 1,
        ("--code", "crashed"): 0,
        ("hats/",): 0,
    }.items():
        assert len(person.run("failures", *words, "--json").data["lost_answers"]) == keys
    person.world.run_until_empty()
    assert person.run("failures", "--json").data["lost_answers"] == []


def test_failed_mask_is_not_to_be_bought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    person.world.upload_photo("red.jpg", build_photo())
    person.world.upload_sidecar("red.jpg", prompt="on grass", subject={"mask": "buy"})
    person.world.provider.script += [CallBehavior(), CallBehavior(unsafe_count=1)]
    person.world.run_until_empty()
    (failure,) = person.run("failures", "--json").data["failures"]
    assert (failure["variant"], failure["hint"]) == ("@mask", str(MASK_FAILURE_ADVICE.text_for_operator))
