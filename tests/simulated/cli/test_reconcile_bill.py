"""`backdrop reconcile-bill`: what the usage records prove, and what prevents more."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.bill import KeyUse
from backdrop.model.bill_records import MAX_RUN_DISTANCE, Correction
from backdrop.model.job import Settlement, SettlementResult
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop_cli.operate.checks import CheckState
from backdrop_cli.operate.checks.bill_check import check_bill
from simulation.bill.bill_world import OTHER_KEY, OWN_KEY, BillWorld, WorldKind
from simulation.world.simulated_provider import build_charged_hang_up
from simulation.world.simulated_stack import World
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


# -- what other commands show of it ------------------------------------------------------------------------------------


def with_parameters(person: Person, **parameters: str) -> Person:
    person.stack = replace(person.stack, parameters={"IdeogramKeyIds": OWN_KEY, **parameters})
    return person


def put_state(world: World, **changes: Any) -> None:
    """The state that the last run of the comparison has left."""
    now, ledger = world.clock.now(), world.ledger
    state = replace(ledger.read_bill_state(), read_at=now, settles_until=now + MAX_RUN_DISTANCE)
    ledger.put_bill_state(replace(state, **changes))


def list_problems(person: Person) -> list[str]:
    """Returns what `status` says about the usage records, which `doctor` says, too."""
    shown = [one["problem"] for one in person.run("status", "--json").data["usage_records"]]
    found = [check.words for check in check_bill(person.stack) if check.state is CheckState.WRONG]
    assert [one for one in found if "acts as" not in one] == shown
    return found


def test_missing_charge_is_reported_until_a_person_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    person = with_parameters(Person(World(), monkeypatch))
    put_state(person.world, stopped_hour=person.world.clock.now())
    [problem] = list_problems(person)
    assert "a certain charge is missing" in problem
    assert "a certain charge is missing" in person.run("status").out
    put_state(person.world, stopped_hour=None)
    assert list_problems(person) == []


def test_correction_is_reported_for_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    person = with_parameters(Person(World(), monkeypatch))
    now = person.world.clock.now()
    correction = Correction(
        source_id="s", job_id="j", n=1, found_at=now, hours=(now,), amount=10_000, was="not_charged", was_resent=True
    )
    put_state(person.world, corrections=(correction,))
    [problem] = list_problems(person)
    assert "corrected after 1 call had been settled" in problem
    put_state(person.world, corrections=(replace(correction, found_at=now - timedelta(days=7)),))
    assert list_problems(person) == []


def test_policy_that_needs_the_comparison_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    person = with_parameters(Person(World(), monkeypatch), OnLostAnswer="ask_the_bill")
    put_state(person.world, settles_until=None)
    assert any("acts as `hold`" in problem for problem in list_problems(person))
    put_state(person.world)
    assert list_problems(person) == []
    with_parameters(person, OnLostAnswer="ask_the_bill", IdeogramKeyIds="")
    assert any("acts as `hold`" in problem for problem in list_problems(person))


def test_job_that_waits_for_the_bill_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(on_lost_answer="ask_the_bill"), monkeypatch)
    put_state(person.world)
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("lost.jpg")
    person.world.run_until_empty()
    status = person.run("status", "--json").data
    assert status["waiting"] == {"charge_unknown": 1}
    assert [one["at_the_provider"] for one in status["providers"]] == [0]
    assert "if Ideogram's usage records show that it was not charged" in " ".join(person.run("status").out.split())
    assert [one["waits_for_bill"] for one in person.run("failures", "--json").data["lost_answers"]] == [True]
    assert "Its usage records decide" in person.run("failures").out
    assert "waits for Ideogram's usage records" in " ".join(person.run("show", "lost.jpg").out.split())


def test_history_of_a_photo_has_its_settlement(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(on_lost_answer="hold"), monkeypatch)
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("lost.jpg")
    person.world.run_until_empty()
    [job], now = person.world.list_jobs("lost.jpg"), person.world.clock.now()
    settlement = Settlement(
        result=SettlementResult.CHARGED,
        settled_at=now,
        amount=job.unknown,
        hours=(now,),
        billed=1,
        certain=0,
        records_read_at=now,
    )
    person.world.ledger.write_transition(transitions.settle(job, 1, settlement))
    assert "call 1: the usage records show that it was charged" in " ".join(person.run("show", "lost.jpg").out.split())
    [failure] = person.run("failures", "--json").data["failures"]
    assert (failure["usd"], failure["unknown_usd"], failure["money"]) == (job.unknown / 1_000_000, 0, "spent")
