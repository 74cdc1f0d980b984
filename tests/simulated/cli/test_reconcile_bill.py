"""`backdrop reconcile-bill`: what the usage records prove, and what prevents more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.bill_records import MAX_RUN_DISTANCE, Correction, Finding, FindingKind, KeyUse
from backdrop.model.job import Settlement, SettlementResult
from backdrop.model.sentence import Sentence
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop.reconcile import bill_reconciliation
from backdrop.reconcile.bill_reconciliation import MAX_KEPT_FINDINGS
from backdrop.reconcile.bill_report import describe_finding
from backdrop_cli.formatting import format_utc
from backdrop_cli.operate.checks import CheckState
from backdrop_cli.operate.checks.bill_check import check_bill
from backdrop_cli.stack import Stack
from simulation.bill.bill_kinds import WorldKind
from simulation.bill.bill_world import OTHER_KEY, OWN_KEY, BillWorld
from simulation.world.simulated_provider import build_charged_hang_up
from simulation.world.simulated_stack import INPUT_BUCKET, World
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


def _count_nothing(_usage: object) -> dict[str, int]:
    return {}


def test_day_that_was_never_read_cannot_be_compared_at_once(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = build_person(new_bill, monkeypatch)
    day = new_bill.start.date() - timedelta(days=40)
    out = person.run("reconcile-bill", "--day", day.isoformat()).out
    assert f"24 hours of {day} cannot be compared" in out
    new_bill.world.clock.time += timedelta(minutes=31)
    out = person.run("reconcile-bill", "--day", day.isoformat()).out
    assert "cannot be compared" not in out


@pytest.fixture
def bill() -> BillWorld:
    """A world whose stack has a key of its own, after two days of calls and comparisons."""
    world = BillWorld(OWN_SEED)
    assert world.run().settled > 0
    return world


@pytest.fixture
def new_bill() -> BillWorld:
    """The same world before its first call."""
    return BillWorld(OWN_SEED)


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
    assert shown["groups"]
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
    assert "There is no admin key: there is no secret. docs/bill.md shows how to set it up." in result.err


def test_wrong_day_is_refused(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    person = build_person(new_bill, monkeypatch)
    for text in ("yesterday", "", "2026-W48", "20261126"):
        result = person.run("reconcile-bill", "--day", text)
        assert (result.code, result.err) == (2, f"error: --day takes a day such as 2026-11-26, not {text!r}\n")
    tomorrow = (new_bill.world.clock.now() + timedelta(days=1)).date().isoformat()
    assert person.run("reconcile-bill", "--day", tomorrow).code == 2


def test_day_without_unknown_charges_is_named(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    day = (new_bill.start - timedelta(days=3)).date().isoformat()
    result = build_person(new_bill, monkeypatch).run("reconcile-bill", "--day", day)
    assert f"No hour of {day} that is final has an unknown charge." in result.out


def test_malformed_records_are_explained(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_url: str) -> HttpResponse:
        return HttpResponse(200, {"Date": format_datetime(new_bill.world.clock.now())}, b'{"buckets": [', 0.1)

    monkeypatch.setattr(new_bill, "answer", answer)
    person = build_person(new_bill, monkeypatch)
    with_parameters(person)
    result = person.run("reconcile-bill")
    assert result.code == 1
    assert "cut off. Nothing was settled. The next hourly run reads the records again." in result.err
    [check] = [check for check in check_bill(person.stack) if check.state is CheckState.WRONG]
    assert check.words == "cannot be used now, so nothing is settled"
    assert "version of Backdrop" in check.fix
    assert "set it up" not in check.fix


def test_records_without_usage_are_explained(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_reconciliation, "_count_by_key", _count_nothing)
    person = build_person(new_bill, monkeypatch)
    out = person.run("reconcile-bill").out
    assert "An hour is read when it is over" in out
    assert "IdeogramKeyIds needs the ID of this stack's key" in out
    out = with_parameters(person).run("reconcile-bill").out
    assert "An hour is read when it is over" in out
    assert "IdeogramKeyIds" not in out


def build_group_row(**changes: Any) -> dict[str, Any]:
    row = {
        "hours": "2026-11-26 10:00–11:00 UTC",
        "first_hour": "2026-11-26T10:00:00+00:00",
        "last_hour": "2026-11-26T10:00:00+00:00",
        "endpoint": "/v2/remove-background",
        "unit_price": "$0.01",
        "billed": 5,
        "certain": 2,
        "unknown": 3,
        "settled_as_charged": 0,
        "settled_as_not_charged": 0,
    }
    return row | changes


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ((1, 2, 0), "1 was charged; 2 were not charged"),
        ((0, 0, 1), "1 of them, or of calls that failed, was charged, but it is not known which"),
        ((0, 0, 2), "2 of them, or of calls that failed, were charged, but it is not known which"),
        ((0, 0, None), "not settled"),
    ],
)
def test_groups_are_told_apart_by_their_endpoint(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch, group: tuple[int, int, int | None], text: str
) -> None:
    charged, not_charged, undecided = group
    row = build_group_row(settled_as_charged=charged, settled_as_not_charged=not_charged, charged_of_unknown=undecided)
    out = run_with_report(new_bill, monkeypatch, groups=[row])
    assert (
        "  - 2026-11-26 10:00–11:00 UTC, /v2/remove-background, $0.01 an image: 5 images billed. The ledger has 2 as "
        f"charged, and 3 as unknown: {text}.\n"
    ) in out


def test_withheld_pictures_may_be_those_that_were_charged(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """More images may be charged than those of the unknown charges."""
    row = build_group_row(charged_of_unknown=13, unknown=8, endpoint="/v1/remove-background")
    out = run_with_report(new_bill, monkeypatch, groups=[row])
    text = "8 as unknown: 13 of them, or of pictures that were withheld, were charged, but it is not known which."
    assert text in out


def test_calls_that_a_shared_key_leaves_unknown_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    bill = BillWorld(next(seed for seed in range(100) if BillWorld(seed).kind is WorldKind.SHARED))
    bill.run()
    person = build_person(bill, monkeypatch)
    bootstrap = bill.world.steps.bootstrap
    bootstrap.settings = replace(bootstrap.settings, ideogram_key_ids=f"{OWN_KEY}:shared, {OTHER_KEY}:other")
    out = person.run("reconcile-bill").out
    assert "as unknown: not settled." in out
    assert "Because a key is shared, calls are only settled as not charged." in out


def settled_call(result: SettlementResult, **changes: Any) -> dict[str, Any]:
    call = {"bucket": INPUT_BUCKET, "key": "a.jpg", "job_id": "j", "n": 1, "result": result.value, "usd": 0.004}
    counts = {"hours": "2026-11-26 10:00–11:00 UTC", "charged_count": 1, "unknown_count": 2}
    return call | counts | changes


def run_with_report(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    """Returns what the command prints about a run with this report."""
    person = build_person(new_bill, monkeypatch)
    report = person.stack.run_bill_comparison({"requested": True, "accept_missing": False, "day": None}) | changes
    person.stack = replace(person.stack, run_bill_comparison=lambda _event: report)
    return person.run("reconcile-bill").out


@pytest.mark.parametrize(
    ("result", "line", "next_step"),
    [
        (SettlementResult.CHARGED, "✓ a.jpg: call 1 ($0.004) was charged.", "A job whose call was charged is held"),
        (
            SettlementResult.NOT_CHARGED,
            "✓ a.jpg: call 1 ($0.004) was not charged.",
            "A job whose call was not charged is sent once more within minutes",
        ),
        (
            SettlementResult.UNDECIDED,
            "? a.jpg: call 1 ($0.004) stays unknown, because 1 of 2 images like it were charged.",
            "A job whose call stays unknown is held",
        ),
    ],
)
def test_settled_calls_are_listed_with_what_becomes_of_their_jobs(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch, result: SettlementResult, line: str, next_step: str
) -> None:
    out = run_with_report(new_bill, monkeypatch, settled=[settled_call(result)])
    assert line in out
    assert next_step in out


def build_finding(kind: FindingKind, hour: int, **changes: Any) -> dict[str, Any]:
    start = datetime(2026, 11, 26, hour, tzinfo=UTC)
    finding = Finding(kind=kind, first_hour=start, last_hour=start, endpoint="/v1/remove-background", **changes)
    return {
        "kind": kind.value,
        "first_hour": start.isoformat(),
        "last_hour": start.isoformat(),
        "endpoint": finding.endpoint,
        "text": str(describe_finding(finding)),
    }


def test_finding_is_printed_once_for_all_its_hours_with_its_endpoint(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [build_finding(FindingKind.MISSING_CHARGE, hour, count=1) for hour in (3, 5)]
    unseen = [build_finding(FindingKind.UNSEEN_ENDPOINT, hour) for hour in (7, 9)]
    stopped = [build_finding(FindingKind.STOPPED, hour) for hour in (11, 12, 12, 14)]
    out = run_with_report(new_bill, monkeypatch, findings=[*missing, *unseen, *stopped])
    findings = [line for line in out.splitlines() if line.startswith("  !")]
    assert [line.partition(": ")[0] for line in findings] == [
        "  ! 2026-11-26 03:00–04:00 UTC, /v1/remove-background",
        "  ! 2026-11-26 05:00–06:00 UTC, /v1/remove-background",
        "  ! 2026-11-26 07:00–08:00 UTC and 2026-11-26 09:00–10:00 UTC, /v1/remove-background",
        "  ! 2026-11-26 11:00–12:00 UTC and 2 more times, the last 2026-11-26 14:00–15:00 UTC",
    ]
    assert "there may be more" not in out
    out = run_with_report(new_bill, monkeypatch, findings=stopped * MAX_KEPT_FINDINGS)
    assert f"Only {MAX_KEPT_FINDINGS} findings are kept; there may be more." in out


def test_jobs_of_a_finding_can_be_looked_up(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their IDs are those of the ledger, which `show` does not take."""
    failures = [build_finding(FindingKind.BILLED_FAILURE, hour, count=1, details=("job1",)) for hour in (3, 5)]
    out = run_with_report(new_bill, monkeypatch, findings=failures)
    assert out.count("The CSV of `backdrop statement 2026-11` has the photo and Ideogram's ID of each job") == 1
    assert "backdrop statement" not in run_with_report(new_bill, monkeypatch, findings=[])


def test_stop_says_how_it_ends(new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    out = run_with_report(new_bill, monkeypatch, stopped_hour="2026-11-26T10:00:00+00:00")
    assert "Nothing is settled from 2026-11-26 10:00 UTC on, until you have found out why a charge is missing" in out


def test_calls_that_the_week_does_not_contain_are_left_for_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the days around a day are not this day's."""
    bill = BillWorld(next(seed for seed in range(100) if BillWorld(seed).kind is WorldKind.LONG))
    bill.run()
    person = build_person(bill, monkeypatch)
    assert person.run("reconcile-bill", "--json").data["open_calls"] == 2
    out = person.run("reconcile-bill").out
    assert "2 calls with an unknown charge cannot be settled yet" in out
    assert "older than a week" in out
    day = (bill.start + timedelta(days=5)).date().isoformat()
    assert person.run("reconcile-bill", "--day", day, "--json").data["open_calls"] > 0
    assert "cannot be settled yet" not in person.run("reconcile-bill", "--day", day).out


def test_photo_of_another_bucket_is_named_as_show_finds_it(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run_with_report(new_bill, monkeypatch, settled=[settled_call(SettlementResult.CHARGED, bucket="archive")])
    assert "✓ @archive/a.jpg: call 1 ($0.004) was charged." in out


@pytest.mark.parametrize("was_resent", [True, False])
def test_corrections_of_the_last_week_are_listed(
    new_bill: BillWorld, monkeypatch: pytest.MonkeyPatch, was_resent: bool
) -> None:
    now, hour = new_bill.world.clock.now(), datetime(2026, 3, 1, 10, tzinfo=UTC)
    correction = Correction(
        source_id="s",
        job_id="j",
        n=2,
        found_at=now - timedelta(days=6),
        first_hour=hour,
        last_hour=hour + timedelta(hours=1),
        amount=4_000,
        was="not_charged",
        was_resent=was_resent,
        bucket=INPUT_BUCKET,
        key="folder/a.jpg",
    )
    older = replace(correction, key="folder/older.jpg", found_at=now - timedelta(days=8))
    put_state(new_bill.world, corrections=(older, correction))
    person = build_person(new_bill, monkeypatch)
    [listed] = person.run("reconcile-bill", "--json").data["corrections"]
    assert (listed["key"], listed["usd"], listed["was_resent"]) == ("folder/a.jpg", 0.004, was_resent)
    out = person.run("reconcile-bill").out
    assert (
        "folder/a.jpg: call 2 ($0.004) had been settled as not charged by the records of 2026-03-01 10:00–12:00 UTC."
    ) in out
    assert ("ask for a refund" in out) is was_resent
    assert ("was not sent again" in out) is not was_resent
    assert "older.jpg" not in out


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
        source_id="s",
        job_id="j",
        n=1,
        found_at=now,
        first_hour=now,
        last_hour=now,
        amount=10_000,
        was="not_charged",
        was_resent=True,
    )
    put_state(person.world, corrections=(correction,))
    [problem] = list_problems(person)
    assert "corrected after 1 call had been settled" in problem
    put_state(person.world, corrections=(replace(correction, found_at=now - timedelta(days=7)),))
    assert list_problems(person) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "are read, but not compared with the ledger: there is an admin key, but IdeogramKeyIds is not set"),
        ({"read_at": None}, "are not compared with the ledger (optional): IdeogramKeyIds is not set"),
        (
            {"failure": Sentence("The key is not an admin key.")},
            "cannot be used, and are not compared with the ledger: IdeogramKeyIds is not set",
        ),
    ],
)
def test_missing_key_ids_are_reported_by_doctor(
    changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = with_parameters(Person(World(), monkeypatch), IdeogramKeyIds="")
    put_state(person.world, **changes)
    assert [(check.state, check.words) for check in check_bill(person.stack)] == [(CheckState.UNKNOWN, words)]


def test_stack_without_ideogram_lacks_no_usage_records(monkeypatch: pytest.MonkeyPatch) -> None:
    person = with_parameters(Person(World(), monkeypatch), IdeogramKeyIds="")
    monkeypatch.setattr(Stack, "providers", ["segmind"])
    assert [*check_bill(person.stack)] == []


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
    shown = " ".join(person.run("show", "lost.jpg").out.split())
    assert "The job waits for Ideogram's usage records" in shown
    assert "they settle nothing now" not in shown


def test_job_that_waits_for_a_bill_that_settles_nothing_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(on_lost_answer="ask_the_bill"), monkeypatch)
    put_state(person.world)
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("lost.jpg")
    person.world.run_until_empty()
    put_state(person.world, settles_until=None)
    [job] = person.world.list_jobs("lost.jpg")
    assert job.bill_wait_until
    shown = " ".join(person.run("show", "lost.jpg").out.split())
    assert "they settle nothing now; `backdrop doctor` says why." in shown
    assert f"the job is held at {format_utc(job.bill_wait_until)}." in shown
    assert "You do not need to do anything" not in shown


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
