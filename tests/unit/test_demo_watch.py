"""The demo waits while something changes, gives up when nothing does, and reports both correctly."""

import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import override

import pytest
from rich.console import Console

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus, Origin, Source
from backdrop.ports import Clock
from backdrop_cli.demo import demo_report
from backdrop_cli.demo.demo_screen import DemoScreen
from backdrop_cli.demo.order_progress import OrderProgress
from backdrop_cli.demo.order_tracker import OrderTracker
from backdrop_cli.demo.standin_bill import BillComparison, compare_bill
from backdrop_cli.display_status import DisplayStatus, summarize_photo_status
from tests.unit.core_items import NOW, a_dead_job, a_job, a_problem, a_source, a_stored_job
from tests.unit.demo_scenes import PREFIX, dropped, report, stored

REFUSED = OrderProgress(DisplayStatus.REFUSED, report=report("bad.jpg"))


STAGES: list[tuple[Source, list[Job], DisplayStatus]] = [
    (a_source(photo=None, jobs={}), [], DisplayStatus.DROPPED),
    (a_source(jobs={}, problems=(a_problem(),)), [], DisplayStatus.REFUSED),
    (a_source(jobs={}, problems=(a_problem(retryable=True),)), [], DisplayStatus.WAITING),
    (a_source(), [a_job()], DisplayStatus.QUEUED),
    (a_source(), [a_job(problem=a_problem(retryable=True))], DisplayStatus.WAITING),
    (a_source(), [a_job(status=JobStatus.SUBMITTING)], DisplayStatus.RENDERING),
    (a_source(), [a_job(status=JobStatus.UNKNOWN)], DisplayStatus.RENDERING),
    (a_source(), [a_job(status=JobStatus.PAID)], DisplayStatus.DELIVERING),
    (a_source(), [a_stored_job()], DisplayStatus.STORED),
    (a_source(), [a_stored_job(), a_job(job_id="job-2")], DisplayStatus.STORED),
    (a_source(jobs={"": "job-1", "b": "job-2"}), [a_stored_job(), a_job(job_id="job-2")], DisplayStatus.QUEUED),
    (a_source(jobs={"": "job-1", "b": "job-2"}), [a_stored_job(), a_dead_job(job_id="job-2")], DisplayStatus.FAILED),
    (a_source(), [a_job(status=JobStatus.HELD)], DisplayStatus.FAILED),
    (a_source(settling_since=NOW), [a_stored_job()], DisplayStatus.DROPPED),
    (a_source(blocked_by_defaults="_backdrop.json", jobs={}), [], DisplayStatus.REFUSED),
    (a_source(problems=(a_problem(variant="b"),)), [a_stored_job()], DisplayStatus.REFUSED),
    (a_source(problems=(a_problem(variant="b", retryable=True),)), [a_stored_job()], DisplayStatus.WAITING),
    (
        a_source(problems=(a_problem(Code.UNKNOWN_FIELD, origin=Origin.REQUEST),)),
        [a_stored_job()],
        DisplayStatus.STORED,
    ),
]


@pytest.mark.parametrize(("source", "jobs", "stage"), STAGES)
def test_photo_is_as_far_as_its_slowest_current_job(source: Source, jobs: list[Job], stage: DisplayStatus) -> None:
    assert summarize_photo_status(source, jobs)[0] is stage


def nothing() -> None:
    return None


@dataclass
class Passing(Clock):
    """A clock that advances by this many seconds each time it is read."""

    seconds: float
    time: datetime = NOW

    @override
    def now(self) -> datetime:
        self.time += timedelta(seconds=self.seconds)
        return self.time

    @override
    def sleep(self, seconds: float) -> None: ...

    @override
    def jitter(self, seconds: float) -> float:
        return 0


def watching(*sights: OrderProgress, patience: float = 100) -> OrderTracker:
    """Watches one file that has these states, one after another, and then stays in the last one."""
    ahead = list(sights)
    watch = OrderTracker(lambda _key: ahead.pop(0) if len(ahead) > 1 else ahead[0], patience)
    watch.add(dropped("a.jpg"))
    return watch


def written() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100), text


def test_watch_ends_when_all_photos_are_back() -> None:
    watch = watching(OrderProgress(DisplayStatus.QUEUED), OrderProgress(DisplayStatus.RENDERING), stored("a.jpg"))
    watch.wait_until_done(nothing, Passing(1))
    assert (watch.list_unfinished_keys(), watch.find_failures()) == ([], [])


def test_watch_gives_up_only_after_its_patience_without_change() -> None:
    moving = [OrderProgress(DisplayStatus.QUEUED, note=str(number)) for number in range(50)]
    slow = watching(*moving, stored("a.jpg"), patience=10)
    slow.wait_until_done(nothing, Passing(4))
    assert slow.list_unfinished_keys() == []
    stuck = watching(OrderProgress(DisplayStatus.QUEUED), patience=10)
    stuck.wait_until_done(nothing, Passing(4))
    assert stuck.list_unfinished_keys() == stuck.find_failures() == [f"{PREFIX}a.jpg"]


@pytest.mark.parametrize(
    ("sight", "must_be_refused", "credit", "fails"),
    [
        (stored("a.jpg"), False, "somebody", False),
        (stored("a.jpg"), True, "", True),
        (REFUSED, True, "", False),
        (REFUSED, False, "somebody", True),
        (REFUSED, False, "", False),
        (OrderProgress(DisplayStatus.FAILED), False, "", True),
        (OrderProgress(DisplayStatus.WAITING), False, "", True),
    ],
)
def test_demo_fails_if_a_file_ends_unexpectedly(
    sight: OrderProgress, must_be_refused: bool, credit: str, fails: bool
) -> None:
    watch = OrderTracker(lambda _key: sight, 10)
    watch.add(dropped("a.jpg", must_be_refused=must_be_refused, credit=credit))
    watch.poll()
    assert bool(watch.find_failures()) is fails


def test_missing_photo_is_named_with_its_reason_and_logs() -> None:
    watch = watching(OrderProgress(DisplayStatus.WAITING, note="The key is refused."))
    watch.poll()
    console, text = written()
    demo_report.print_missing(watch, PREFIX, Path("/somewhere/logs"), console)
    assert "a.jpg waits: The key is refused." in text.getvalue()
    assert "/somewhere/logs" in text.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    watch = watching(OrderProgress(DisplayStatus.QUEUED), OrderProgress(DisplayStatus.QUEUED), stored("a.jpg"))
    console, text = written()
    screen = DemoScreen(console, watch, PREFIX)
    with screen.live_view():
        watch.wait_until_done(screen.update, Passing(1))
    assert [line.split(" s  ")[1] for line in text.getvalue().splitlines()] == ["a.jpg in the queue", "a.jpg delivered"]


def test_table_shows_request_result_duration_and_cost() -> None:
    watch = watching(stored("a.jpg"))
    watch.poll()
    console, text = written()
    console.print(demo_report.build_results_table(watch, PREFIX))
    row = next(line for line in text.getvalue().splitlines() if "a.jpg" in line)
    assert row.split() == ["a.jpg", "remove", "(tags)", "a.jpg.png", "5.0", "$0.06"]
    assert "1 image in 1 file" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_error_report_is_shown_completely(terminal: bool) -> None:
    watch = watching(REFUSED)
    watch.poll()
    text = io.StringIO()
    demo_report.print_error_reports(
        watch, PREFIX, Console(file=text, width=100, force_terminal=terminal, color_system=None)
    )
    shown = ("not_a_photo", "The file is text.", "Replace the file.", "refused. Nothing was charged.")
    assert [words for words in shown if words not in text.getvalue()] == []


def test_prompts_that_look_like_markup_are_shown_literally() -> None:
    watch = watching(OrderProgress(DisplayStatus.REFUSED, report=report("a.jpg", message="[red]x[/nothing]")))
    watch.poll()
    console, text = written()
    demo_report.print_error_reports(watch, PREFIX, console)
    assert "[red]x[/nothing]" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_name_with_a_line_break_stays_on_one_line(terminal: bool) -> None:
    watch = OrderTracker(lambda _key: stored("two\nlines\x1b[2J.jpg"), 10)
    watch.add(dropped("two\nlines\x1b[2J.jpg"))
    watch.poll()
    text = io.StringIO()
    console = Console(file=text, width=160, force_terminal=terminal, color_system=None)
    if terminal:
        console.print(demo_report.build_results_table(watch, PREFIX))
    else:
        demo_report.print_results(watch, PREFIX, console)
    assert r"two\nlines\u001b[2J.jpg" in text.getvalue()


def test_bill_and_receipts_agree_only_to_the_cent() -> None:
    watch = watching(stored("a.jpg", usd=0.12))
    watch.poll()
    assert compare_bill(watch, 120_000, {"ideogram"}) == BillComparison(
        bill_micro_usd=120_000, confirmed_micro_usd=120_000, unknown_micro_usd=0
    )
    assert compare_bill(watch, 120_000, {"ideogram"}).is_consistent
    assert not compare_bill(watch, 180_000, {"ideogram"}).is_consistent
    assert not compare_bill(watch, 110_000, {"ideogram"}).is_consistent
    assert compare_bill(watch, 0, {"runware"}).is_consistent
    assert BillComparison(bill_micro_usd=180_000, confirmed_micro_usd=120_000, unknown_micro_usd=60_000).is_consistent


def test_table_shows_notes_about_a_picture_once() -> None:
    sight = stored("a.jpg")
    assert sight.receipt
    jobs = [{**job, "warnings": ["smaller_result: 8×6 from 80×60"] * 2} for job in sight.receipt["jobs"]]
    watch = watching(replace(sight, receipt={**sight.receipt, "jobs": jobs}))
    watch.poll()
    console, text = written()
    console.print(demo_report.build_results_table(watch, PREFIX))
    assert text.getvalue().count("! smaller_result: 8×6") == 1
