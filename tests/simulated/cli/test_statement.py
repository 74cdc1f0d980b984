"""`backdrop statement`: a month's charges as CSV and as a page, which agree with the ledger and with `spend`."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from backdrop_cli.statement.month import parse_month
from backdrop_cli.statement.statement import read_statement
from simulation.scenarios.simulation_plan import FIRST_MANDATE_SEED, draw_plan
from simulation.scenarios.simulation_run import Simulation
from simulation.world.call_behavior import build_charged_hang_up
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person, build_cli_stack
from tests.simulated.content_waits import send_task_request

# With faults. In 3, 5, 7, and 12, charges stay unknown.
SEEDS = (0, 3, 5, 7, 12, *range(FIRST_MANDATE_SEED, FIRST_MANDATE_SEED + 2))


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(World(on_lost_answer="hold"), monkeypatch)


def read_rows(path: str = "statement-2026-11.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_statement_writes_certain_and_unknown_charges(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("shoes/a.jpg", "shoes/deep/b.jpg", "c.jpg")
    person.world.run_for(600)
    result = person.run("statement", "2026-11", "--json")
    data = result.data
    assert (result.code, data["provisional"], data["open_charges"]) == (0, True, 1)
    assert data["total"] == person.run("spend", "--json").data["total"]
    assert data["by"]["folder"] == person.run("spend", "--by", "folder", "--json").data["rows"]
    assert data["by"]["provider"] == person.run("spend", "--by", "provider", "--json").data["rows"]
    rows = read_rows()
    assert sorted(row["BilledCost"] for row in rows) == ["0", "0.01", "0.01"]
    (unknown,) = [row for row in rows if row["x_UnknownChargeState"]]
    assert (unknown["x_UnknownChargeState"], unknown["x_UnknownCost"]) == ("open", "0.01")
    assert {row["ResourceName"] for row in rows} == {"shoes/a.jpg", "shoes/deep/b.jpg", "c.jpg"}
    page = Path("statement-2026-11.html").read_text("utf-8")
    assert "1 charge is unknown: its call may have been charged or not." in page
    assert "between $0.02 and $0.03" in page


def test_month_without_calls_has_an_empty_statement(person: Person) -> None:
    result = person.run("statement", "1999-01")
    assert result.code == 0
    assert "The ledger has no paid call of this month." in result.out
    assert read_rows("statement-1999-01.csv") == []


def test_only_the_named_file_is_written_and_replaced(person: Person, tmp_path: Path) -> None:
    person.upload("a.jpg")
    person.world.run_until_empty()
    Path("mine.csv").write_text("old")
    data = person.run("statement", "2026-11", "--csv", "mine.csv", "--json").data
    assert (data["csv"], data["page"]) == (str(tmp_path / "mine.csv"), None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
    assert len(read_rows("mine.csv")) == 1
    result = person.run("statement", "2026-11", "--page", "mine.html")
    assert result.out.startswith("Statement of 2026-11 (UTC), stack shop: provisional\n")
    assert "$0.01 charged for 1 paid call." in result.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "mine.html"]


def test_file_that_cannot_be_written_is_reported_and_kept(person: Person, tmp_path: Path) -> None:
    Path("file").touch()
    result = person.run("statement", "2026-11", "--csv", "file/x.csv")
    assert (result.code, result.out) == (1, "")
    assert "file/x.csv cannot be written" in result.err
    assert person.run("statement", "2026-11", "--csv", "x", "--page", "./x").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("folder", [".", "", "..", "/"])
def test_folder_in_place_of_a_file_is_a_usage_error(person: Person, folder: str) -> None:
    result = person.run("statement", "2026-11", "--csv", folder)
    shown = folder or "."
    assert (result.code, result.err) == (2, f"error: --csv takes a file, but {shown} is a folder; name a file in it\n")


def test_month_that_is_none_or_has_not_begun_is_a_usage_error(person: Person, tmp_path: Path) -> None:
    result = person.run("statement", "11/2026")
    assert (result.code, result.err) == (2, "error: MONTH is a year and a month, such as 2026-11, not '11/2026'\n")
    result = person.run("statement", "2026-12")
    assert (result.code, result.err) == (2, "error: 2026-12 has not begun; the current month is 2026-11 (UTC)\n")
    assert list(tmp_path.iterdir()) == []


def test_month_without_charges_is_an_empty_final_statement(person: Person) -> None:
    person.upload("a.jpg")
    person.world.run_until_empty()
    data = person.run("statement", "2026-10", "--json").data
    assert (data["provisional"], data["total"]["paid_calls"], data["by"]["folder"]) == (False, 0, [])
    assert read_rows("statement-2026-10.csv") == []
    assert Path("statement-2026-10.html").read_text("utf-8").count("<p>None.</p>") == 2


def test_campaigns_request_names_the_campaign_of_its_charges(person: Person) -> None:
    person.world.upload_photo("shoes/red.jpg", build_photo("red"))
    person.upload("hats/blue.jpg")
    send_task_request(person.world, "shoes/red.jpg", run="summer", operation="remove")
    person.world.run_until_empty()
    groups = person.run("statement", "2026-11", "--json").data["by"]["campaign"]
    assert groups == [
        {"campaign": "(no campaign)", "paid_calls": 1, "usd": 0.01, "unknown_usd": 0.0},
        {"campaign": "summer", "paid_calls": 1, "usd": 0.01, "unknown_usd": 0.0},
    ]


def test_statement_of_a_month_whose_jobs_the_ledger_has_deleted_is_not_called_final(person: Person) -> None:
    """`LedgerRetentionDays` may delete the first days of a month before its statement is made."""
    person.upload("a.jpg", "b.jpg")
    person.world.run_until_empty()
    person.world.clock.time += timedelta(days=15)
    assert "stack shop: final\n" in person.run("statement", "2026-11").out
    [deleted, _] = [key for key in person.world.table.items if key[1].startswith("job#")]
    del person.world.table.items[deleted]
    out = person.run("statement", "2026-11").out
    assert "stack shop: incomplete\n" in out
    assert "the ledger has deleted calls of this month, which cost $0.01. The tables do not contain them." in out
    data = person.run("statement", "2026-11", "--json").data
    assert (data["total"]["usd"], data["deleted"]) == (0.01, {"usd": 0.01, "unknown_usd": 0.0})
    assert data["bill"] == {"least_usd": 0.02, "most_usd": 0.02}


@pytest.mark.parametrize("seed", SEEDS)
def test_statements_equal_the_days_of_the_budget_after_faults(seed: int) -> None:
    simulation = Simulation(draw_plan(seed, None, ""))
    simulation.run()
    world = simulation.world
    # So that each month is over.
    world.clock.time += timedelta(days=40)
    days = sorted(sort_key for sort_key, kind in world.table.items if kind == "budget")
    stack = build_cli_stack(world)
    for name in {day.removeprefix("budget#")[:7] for day in days}:
        budgets = [world.read_budget(day.removeprefix("budget#")) for day in days if f"#{name}-" in day]
        with read_statement(stack, parse_month(name)) as statement:
            assert statement.total.confirmed == sum(budget.get("confirmed", 0) for budget in budgets)
            assert statement.total.unknown == sum(budget.get("unknown", 0) for budget in budgets)
            assert statement.in_flight.reserved == sum(budget.get("reserved", 0) for budget in budgets)
            assert not statement.is_incomplete
            charges = [*statement.store.list_charges()]
            assert sum(charge.charged for charge in charges) == statement.total.confirmed
            assert sum(charge.unknown for charge in charges) == statement.total.unknown
