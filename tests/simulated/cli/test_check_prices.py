"""`backdrop check-prices`, and what the price check shows in `status`, `quote`, `doctor`, `spend`, and `statement`."""

import csv
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backdrop.model.price_check import LEASE, PRICED_PRODUCTS, QuoteAnswer, QuoteOutcome
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import SimulatedCrash
from tests.simulated.command_user import Person
from tests.simulated.doctor_stack import PARAMETERS, build_checked_stack
from tests.simulated.scripted_quotes import LOST, NO_KEY, SALE, TEXT, THROTTLED, ScriptedQuotes

V2 = {"IdeogramEndpoint": "v2"}
DIFFERENCE = QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=12_000)
DIFFERENCE_TEXT = "Ideogram quotes $0.012 an image for remove"


def build_person(monkeypatch: pytest.MonkeyPatch, *script: QuoteAnswer) -> tuple[Person, ScriptedQuotes]:
    """Returns an operator of a stack with Ideogram v2, whose first quotes are those of the script."""
    person, quotes = Person(World(), monkeypatch), ScriptedQuotes([*script])
    person.world.steps.bootstrap.__dict__["ideogram_quotes"] = quotes
    person.stack = replace(person.stack, parameters=V2)
    return person, quotes


def test_prices_that_agree_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    person, quotes = build_person(monkeypatch)
    result = person.run("check-prices")
    assert (result.code, quotes.sent) == (0, [*PRICED_PRODUCTS])
    assert "replace QUALITY $0.09 $0.09" in " ".join(result.out.split())
    data = person.run("check-prices", "--json").data
    assert (data["stack"], data["differences"], data["problems"], data["stop"]) == ("shop", [], [], None)
    assert [price["quoted_usd"] for price in data["prices"]] == [0.01, 0.03, 0.06, 0.09]


def test_difference_is_shown_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    person, _ = build_person(monkeypatch, DIFFERENCE)
    result = person.run("check-prices")
    assert result.code == 0
    assert DIFFERENCE_TEXT in " ".join(result.out.split())
    assert DIFFERENCE_TEXT in " ".join(person.run("status").out.split())
    shown = person.run("status", "--json").data["price_check"]["differences"]
    assert [(one["operation"], one["quoted_usd"], one["listed_usd"]) for one in shown] == [("remove", 0.012, 0.01)]


def test_quote_of_a_stack_names_the_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    person, _ = build_person(monkeypatch, DIFFERENCE)
    (tmp_path / "red.jpg").write_bytes(build_photo("red"))
    person.run("check-prices")
    options = ("quote", str(tmp_path), "--remove", "--quick", "--stack", "shop")
    assert DIFFERENCE_TEXT in " ".join(person.run(*options).out.split())
    assert len(person.run(*options, "--json").data["price_differences"]) == 1
    assert person.run("quote", str(tmp_path), "--remove", "--quick", "--json").data["price_differences"] is None
    person.stack = replace(person.stack, parameters={"IdeogramEndpoint": "v1"})
    assert person.run(*options, "--json").data["price_differences"] is None


def test_stop_is_explained_until_a_person_resumes_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    person, quotes = build_person(monkeypatch, SALE)
    for words in (("check-prices",), ("check-prices",), ("status",)):
        result = person.run(*words)
        text = " ".join((result.out + result.err).split())
        assert "generation g1" in text
        assert "It is unknown whether $0.01 was charged" in text
        assert "`backdrop check-prices --resume`" in text
    assert len(quotes.sent) == 1
    resumed = person.run("check-prices", "--resume")
    assert (resumed.code, len(quotes.sent)) == (0, 1 + len(PRICED_PRODUCTS))
    assert person.run("status", "--json").data["price_check"]["unknown_usd"] == 0.01


@pytest.mark.parametrize("answer", [LOST, THROTTLED])
def test_problem_is_explained_and_is_no_difference(monkeypatch: pytest.MonkeyPatch, answer: QuoteAnswer) -> None:
    person, _ = build_person(monkeypatch, answer)
    result = person.run("check-prices")
    assert (result.code, "could not be checked" in result.err) == (1, True)
    data = person.run("status", "--json").data["price_check"]
    assert (data["differences"], data["stop"], len(data["problems"])) == ([], None, 1)


def test_check_that_another_worker_runs_is_not_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> QuoteAnswer:
        raise SimulatedCrash

    person, quotes = build_person(monkeypatch)
    quotes.script.append(crash)
    with pytest.raises(SimulatedCrash):
        person.world.steps.bootstrap.price_check().run()
    assert "another check is running" in person.run("check-prices").err
    person.world.run_for(LEASE.total_seconds())
    assert person.run("check-prices").code == 0


def test_stack_with_v1_asks_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    person, quotes = build_person(monkeypatch)
    person.stack = replace(person.stack, parameters={"IdeogramEndpoint": "v1"})
    result = person.run("check-prices")
    assert (result.code, quotes.sent) == (1, [])
    assert "IdeogramEndpoint is v2" in result.err
    reads = len(person.world.transport.calls)
    person.run("status")
    keys = [str(call.request) for call in person.world.transport.calls[reads:]]
    assert not any("price-check" in key for key in keys), "the feature costs nothing while it is off"
    assert person.run("status", "--json").data["price_check"] is None


# -- doctor ------------------------------------------------------------------------------------------------------------


def run_doctor(monkeypatch: pytest.MonkeyPatch, *script: QuoteAnswer, key: QuoteAnswer | None = None) -> list[str]:
    """Returns the states that `doctor` reports for Ideogram's prices after one check."""
    clinic = build_checked_stack(monkeypatch)
    person, quotes = clinic.person, ScriptedQuotes([*script], key or "key")
    person.world.steps.bootstrap.__dict__["ideogram_quotes"] = quotes
    person.stack = replace(person.stack, parameters=PARAMETERS | V2)
    person.world.steps.bootstrap.price_check().run()
    checks = person.run("doctor", "--json").data["checks"]
    return [one["state"] for one in checks if one["name"] == "Ideogram's prices"]


def test_doctor_reports_differences_problems_and_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch) == ["good"]
    assert run_doctor(monkeypatch, DIFFERENCE) == ["wrong"]
    assert run_doctor(monkeypatch, SALE) == ["wrong"]
    assert run_doctor(monkeypatch, THROTTLED) == ["wrong"]
    assert run_doctor(monkeypatch, key=NO_KEY) == ["wrong"]


def test_doctor_reports_a_check_that_never_ran_or_no_longer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = build_checked_stack(monkeypatch)
    person = clinic.person
    person.stack = replace(person.stack, parameters=PARAMETERS | V2)

    def read_state() -> str:
        checks = person.run("doctor", "--json").data["checks"]
        [state] = [one["state"] for one in checks if one["name"] == "Ideogram's prices"]
        return str(state)

    assert read_state() == "unknown"
    person.world.steps.bootstrap.__dict__["ideogram_quotes"] = ScriptedQuotes()
    person.world.steps.bootstrap.price_check().run()
    assert read_state() == "good"
    person.world.run_for(timedelta(days=3).total_seconds())
    assert read_state() == "wrong"


def test_doctor_has_no_check_of_prices_with_v1(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = build_checked_stack(monkeypatch).person.run("doctor", "--json").data["checks"]
    assert not any(one["name"] == "Ideogram's prices" for one in checks)


# -- the charge --------------------------------------------------------------------------------------------------------


def test_charge_is_in_spend_as_every_unknown_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    person, _ = build_person(monkeypatch, SALE)
    person.run("check-prices")
    total = {"paid_calls": 1, "usd": 0.0, "unknown_usd": 0.01}
    for by in ("day", "folder", "provider", "mandate"):
        data = person.run("spend", "--by", by, "--json").data
        assert (data["total"], len(data["rows"])) == (total, 1)
    assert person.run("spend", "shoes/").code == 3, "it belongs to no folder"


def test_charge_is_in_the_statement_as_every_unknown_charge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    person, _ = build_person(monkeypatch, SALE)
    person.run("check-prices")
    month, path, page = f"{person.world.clock.now():%Y-%m}", tmp_path / "s.csv", tmp_path / "s.html"
    result = person.run("statement", month, "--csv", str(path), "--page", str(page))
    assert result.code == 0
    (row,) = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    assert (row["ResourceId"], row["ResourceType"], row["x_JobId"]) == ("price-check", "Price check", "price-check")
    assert (row["BilledCost"], row["x_UnknownCost"], row["x_UnknownChargeState"]) == ("0", "0.01", "open")
    assert (row["x_ProviderRequestId"], row["SkuId"]) == ("g1", "ideogram/remove")
    assert "price-check" in page.read_text(encoding="utf-8")
