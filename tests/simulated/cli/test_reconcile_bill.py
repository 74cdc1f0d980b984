"""`backdrop reconcile-bill`: what the usage records prove, and what prevents more."""

from dataclasses import replace
from datetime import datetime

import pytest

from backdrop.model.bill import KeyUse
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from simulation.bill.bill_world import OTHER_KEY, OWN_KEY, BillWorld, WorldKind
from tests.simulated.command_user import Person

OWN_SEED = next(seed for seed in range(100) if BillWorld(seed).kind is WorldKind.OWN)


def build_person(bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> Person:
    bootstrap = bill.world.steps.bootstrap
    bootstrap.__dict__["ideogram_usage"] = bill.service.usage
    bootstrap.settings = replace(bootstrap.settings, ideogram_key_ids=f"{OWN_KEY}, {OTHER_KEY}:other")
    return Person(bill.world, monkeypatch)


def _list_no_keys(_now: datetime) -> dict[str, KeyUse]:
    return {}


def _answer_not_found(_url: str) -> HttpResponse:
    return HttpResponse(404, {}, b'{"error":"not found"}', 0.1)


@pytest.fixture
def bill() -> BillWorld:
    """A world whose stack has a key of its own, after two days of calls and comparisons."""
    world = BillWorld(OWN_SEED)
    assert world.run().settled > 0
    return world


def test_result_is_explained(bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    person = build_person(bill, monkeypatch)
    data = person.run("reconcile-bill", "--json").data
    assert (data["is_off"], data["failure"], data["stack"]) == (False, None, "shop")
    assert {key["id"]: key["use"] for key in data["keys"]}[OWN_KEY] == KeyUse.OWN.value
    result = person.run("reconcile-bill")
    assert result.code == 0
    assert OWN_KEY in result.out
    day = bill.start.date().isoformat()
    shown = person.run("reconcile-bill", "--day", day, "--json").data
    assert all(group["first_hour"][:10] <= day <= group["last_hour"][:10] for group in shown["groups"])


def test_keys_that_are_not_listed_are_named_and_settle_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bill = BillWorld(OWN_SEED)
    person = build_person(bill, monkeypatch)
    monkeypatch.setattr(bill, "_list_keys", _list_no_keys)
    assert bill.run().settled == 0
    bill.world.steps.bootstrap.settings = replace(bill.world.steps.bootstrap.settings, ideogram_key_ids="")
    data = person.run("reconcile-bill", "--json").data
    assert {OWN_KEY: None}.items() <= {key["id"]: key["use"] for key in data["keys"]}.items()
    assert data["settled"] == []
    assert "Set IdeogramKeyIds" in person.run("reconcile-bill").out


def test_key_that_is_not_an_admin_key_is_explained(bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill, "answer", _answer_not_found)
    result = build_person(bill, monkeypatch).run("reconcile-bill")
    assert result.code == 1
    assert "not an admin key" in result.err


def test_stack_without_an_admin_key_is_explained(bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    person = build_person(bill, monkeypatch)
    object.__setattr__(bill.service.usage, "load_admin_key", lambda: ApiKey(missing_reason="there is no secret"))
    result = person.run("reconcile-bill")
    assert result.code == 1
    assert "without an admin key: there is no secret" in result.err


def test_wrong_day_is_refused(bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_person(bill, monkeypatch).run("reconcile-bill", "--day", "yesterday").code == 2
