"""`backdrop budget`: what is left of today's budget, and a cap that a person sets until midnight UTC."""

from collections.abc import Callable
from itertools import count

import pytest

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.schedule import BudgetDay
from simulation.world.call_behavior import build_charged_hang_up
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import REMOVAL, Person
from tests.simulated.deliver.test_retry import NEARLY, PRICE, build_world


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person whose stack may buy three removals a day."""
    return Person(World(budget=3 * REMOVAL, on_lost_answer="hold"), monkeypatch)


def list_statuses(person: Person) -> list[JobStatus]:
    return [job.status for job in person.world.list_jobs()]


def exhaust_budget(person: Person) -> None:
    """Uploads four photos. Today's budget covers three of them."""
    person.upload("1.jpg", "2.jpg", "3.jpg", "4.jpg")
    person.world.run_for(300)
    assert sorted(list_statuses(person)) == [JobStatus.ACCEPTED, JobStatus.STORED, JobStatus.STORED, JobStatus.STORED]


def test_budget_shows_cap_spent_reserved_and_left(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("1.jpg", "2.jpg")
    person.world.run_for(300)
    shown = person.run("budget").out
    rows = {line.split()[0]: line.split()[1] for line in shown.splitlines()[1:]}
    assert rows == {"cap": "$0.03", "spent": "$0.02", "reserved": "$0.00", "left": "$0.01", "needed": "$0.00"}
    assert "$0.01 of it possibly not charged" in shown
    assert "the stack's DailyBudgetUSD" in shown


def test_json_contains_the_same_sums(person: Person) -> None:
    person.upload("1.jpg")
    person.world.run_until_empty()
    assert person.run("budget", "--json").data == {
        "stack": "shop",
        "day": "2026-11-20",
        "set_by_person": False,
        "cap_usd": 0.03,
        "settled_usd": 0.01,
        "unknown_usd": 0.0,
        "reserved_usd": 0.0,
        "left_usd": 0.02,
        "until": "2026-11-21T00:00:00+00:00",
        "paused": [],
        "waiting_jobs": 0,
        "waiting_usd": 0.0,
        "more_wait": False,
    }


def test_budget_shows_the_amount_that_waiting_jobs_need(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    exhaust_budget(person)
    person.upload("5.jpg", "6.jpg")
    person.world.run_for(300)
    assert "needed     $0.03   at most, for 3 jobs in the queue" in person.run("budget").out
    found = person.run("budget", "--json").data
    assert (found["waiting_jobs"], found["waiting_usd"], found["more_wait"]) == (3, 0.03, False)
    monkeypatch.setattr("backdrop_cli.operate.budget.MAX_COUNTED_JOBS", 2)
    assert "needed     $0.02   at most, for the first 2 jobs in the queue; there are more" in person.run("budget").out


def test_sums_add_up_while_calls_begin(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = count(1000, 1000)
    set_budget_day(person, monkeypatch, lambda day: BudgetDay(day, reserved=next(reserved)))
    found = person.run("budget", "--json").data
    assert found["reserved_usd"] + found["left_usd"] == pytest.approx(found["cap_usd"])
    shown = person.run("budget").out
    assert "reserved   $0.002   for calls in flight\n left       $0.028 " in shown


@pytest.mark.parametrize("command", ["budget", "status"])
def test_command_reads_the_budget_once(person: Person, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    reads = count()
    set_budget_day(person, monkeypatch, lambda day: BudgetDay(day, reserved=next(reads)))
    assert person.run(command).code == 0
    assert next(reads) == 1


def test_lowered_budget_says_what_calls_in_flight_may_still_cost(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_budget_day(person, monkeypatch, lambda day: BudgetDay(day, reserved=20_000, confirmed=10_000, cap=15_000))
    assert "Calls in flight may still cost up to $0.02." in person.run("budget", "0.015", "--today").out
    set_budget_day(person, monkeypatch, lambda day: BudgetDay(day, reserved=20_000, confirmed=10_000, cap=30_000))
    assert "in flight" not in person.run("budget", "0.03", "--today").out


def set_budget_day(person: Person, monkeypatch: pytest.MonkeyPatch, read_day: Callable[[str], BudgetDay]) -> None:
    """Replaces what the ledger contains about the day's budget."""
    monkeypatch.setattr(person.stack.redrive_service.ledger_queries, "read_budget_day", read_day)


def test_needed_budget_counts_the_retries_that_may_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = {"otherwise": "retry", "retries": 2}
    person = Person(build_world(NEARLY, subject=subject, budget=PRICE), monkeypatch)
    person.world.upload_photo("b.jpg", build_photo())
    person.world.upload_sidecar("b.jpg", prompt="on sand", subject=subject)
    person.world.run_until_empty()
    assert sorted(len(job.judged_attempts) for job in person.world.list_jobs()) == [0, 1]
    assert "needed     $0.30   at most, for 2 jobs in the queue" in person.run("budget").out


def test_raised_budget_resumes_the_lanes_at_once(person: Person) -> None:
    exhaust_budget(person)
    shown = person.run("budget").out
    assert (
        "ideogram is paused by the budget: a job needs $0.01. To cover what is needed, run `backdrop budget 1" in shown
    )
    result = person.run("budget", "300", "--today")
    assert result.code == 0
    assert "Today's budget is $300.00 until midnight UTC, in 14 h 55 min; then $0.03 again." in result.out
    assert "ideogram is resumed." in result.out
    person.world.run_until_empty()
    assert list_statuses(person) == [JobStatus.STORED] * 4


def test_budget_below_the_next_job_lifts_no_pause(person: Person) -> None:
    exhaust_budget(person)
    result = person.run("budget", "0.035", "--today", "--json").data
    assert (result["paused"], result["lifted"]) == (["ideogram"], [])
    assert "ideogram stays paused: a job needs $0.01." in person.run("budget", "0.039", "--today").out
    assert person.run("budget", "0.04", "--today", "--json").data["lifted"] == ["ideogram"]


def test_raised_budget_lifts_only_the_budget_pause(person: Person) -> None:
    exhaust_budget(person)
    person.run("pause", "ideogram")
    output = person.run("budget", "300", "--today").out
    assert "ideogram stays paused for another reason: An operator paused the provider." in output
    assert [one.reason for one in person.world.ledger.read_health("ideogram").pauses] == [PauseReason.OPERATOR]


def test_budget_of_zero_buys_nothing_and_shows_when_it_ends(person: Person) -> None:
    result = person.run("budget", "0", "--today")
    assert result.code == 0
    assert "Today's budget is $0.00 until midnight UTC, in 15 h 0 min; then $0.03 again." in result.out
    assert "Nothing more is bought today" in result.out
    person.upload("1.jpg")
    person.world.run_for(300)
    assert (list_statuses(person), person.world.provider.received_job_ids) == ([JobStatus.ACCEPTED], [])
    (pause,) = person.world.ledger.read_health("ideogram").pauses
    assert pause.code is Code.BUDGET_REACHED


def test_todays_cap_does_not_apply_tomorrow(person: Person) -> None:
    person.run("budget", "300", "--today")
    assert person.run("budget", "--json").data["set_by_person"]
    person.world.clock.time = person.world.clock.time.replace(day=21)
    tomorrow = person.run("budget", "--json").data
    assert (tomorrow["set_by_person"], tomorrow["cap_usd"], tomorrow["day"]) == (False, 0.03, "2026-11-21")


def test_permanent_budget_is_the_stacks_parameter(person: Person) -> None:
    result = person.run("budget", "300")
    assert (result.code, result.out) == (2, "")
    assert "`backdrop budget 300 --today`" in result.err
    assert "DailyBudgetUSD" in result.err
    assert person.requested_locations == []


@pytest.mark.parametrize("words", ["much", "3OO", "", "NaN", "inf", "1e12", "1,000"])
def test_invalid_amount_is_refused_before_any_request_to_aws(person: Person, words: str) -> None:
    result = person.run("budget", words, "--today")
    assert (result.code, result.out, person.requested_locations) == (2, "", [])
    assert "is not an amount of at most 1,000,000,000 dollars" in result.err


@pytest.mark.parametrize("words", [("-5", "--today"), ("--today", "--", "-5"), ("-5",), ("-0.5", "--today")])
def test_negative_budget_is_refused_with_an_explanation(person: Person, words: tuple[str, ...]) -> None:
    result = person.run("budget", *words)
    assert (result.code, result.out, person.requested_locations) == (2, "", [])
    assert "is negative; to buy nothing more today, use `backdrop budget 0 --today`" in result.err


@pytest.mark.parametrize("words", [("--tody",), ("300", "--tody"), ("-x",)])
def test_unknown_option_of_budget_is_refused(person: Person, words: tuple[str, ...]) -> None:
    result = person.run("budget", *words)
    assert (result.code, result.out, person.requested_locations) == (2, "", [])
    assert words[-1] in result.err


def test_message_for_a_cap_of_zero_says_nothing_is_bought(person: Person) -> None:
    output = person.run("budget", "0", "--today").out
    assert "Nothing more is bought today." in output
    assert "already spent" not in output


def test_amount_below_one_micro_dollar_is_refused(person: Person) -> None:
    result = person.run("budget", "0.0000001", "--today")
    assert (result.code, "with at most six decimals" in result.err) == (2, True)


@pytest.mark.parametrize("share_count", [0, 4])
def test_status_spend_and_budget_show_the_same_totals(share_count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of stacks that divide the budget into shares."""
    person = Person(World(budget=100 * REMOVAL, budget_shares=share_count, on_lost_answer="hold"), monkeypatch)
    person.world.provider.script.append(build_charged_hang_up())
    person.upload(*(f"{n}.jpg" for n in range(8)))
    person.world.run_for(300)
    assert len({job.attempts[0].budget_share for job in person.world.list_jobs()}) == max(share_count, 1)
    spend = person.run("spend", "--json").data["total"]
    budget, status = person.run("budget", "--json").data, person.run("status", "--json").data["today"]
    assert (spend["usd"], spend["unknown_usd"]) == (0.07, 0.01)
    assert (budget["settled_usd"], budget["unknown_usd"], budget["left_usd"]) == (0.08, 0.01, 0.92)
    assert status == {name: value for name, value in budget.items() if name in status}
