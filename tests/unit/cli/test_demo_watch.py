"""The demo waits as long as something changes, gives up when nothing does, and reports either outcome correctly."""

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
from tests.unit.demo_scenes import PREFIX, build_order, build_report, build_stored_progress
from tests.unit.ledger_items import NOW, build_dead_job, build_job, build_problem, build_source, build_stored_job

REFUSED = OrderProgress(DisplayStatus.REFUSED, report=build_report("bad.jpg"))


STAGES: list[tuple[Source, list[Job], DisplayStatus]] = [
    (build_source(photo=None, jobs={}), [], DisplayStatus.DROPPED),
    (build_source(jobs={}, problems=(build_problem(),)), [], DisplayStatus.REFUSED),
    (build_source(jobs={}, problems=(build_problem(retryable=True),)), [], DisplayStatus.WAITING),
    (build_source(), [build_job()], DisplayStatus.QUEUED),
    (build_source(), [build_job(problem=build_problem(retryable=True))], DisplayStatus.WAITING),
    (build_source(), [build_job(status=JobStatus.SUBMITTING)], DisplayStatus.RENDERING),
    (build_source(), [build_job(status=JobStatus.UNKNOWN)], DisplayStatus.RENDERING),
    (build_source(), [build_job(status=JobStatus.PAID)], DisplayStatus.DELIVERING),
    (build_source(), [build_stored_job()], DisplayStatus.STORED),
    (build_source(), [build_stored_job(), build_job(job_id="job-2")], DisplayStatus.STORED),
    (
        build_source(jobs={"": "job-1", "b": "job-2"}),
        [build_stored_job(), build_job(job_id="job-2")],
        DisplayStatus.QUEUED,
    ),
    (
        build_source(jobs={"": "job-1", "b": "job-2"}),
        [build_stored_job(), build_dead_job(job_id="job-2")],
        DisplayStatus.PARTLY,
    ),
    (build_source(), [build_job(status=JobStatus.HELD)], DisplayStatus.FAILED),
    (build_source(settling_since=NOW), [build_stored_job()], DisplayStatus.DROPPED),
    (build_source(blocked_by_defaults="_backdrop.json", jobs={}), [], DisplayStatus.REFUSED),
    (build_source(problems=(build_problem(variant="b"),)), [build_stored_job()], DisplayStatus.PARTLY),
    (build_source(problems=(build_problem(),)), [build_stored_job()], DisplayStatus.REFUSED),
    (build_source(problems=(build_problem(variant="b", retryable=True),)), [build_stored_job()], DisplayStatus.WAITING),
    (
        build_source(problems=(build_problem(Code.UNKNOWN_FIELD, origin=Origin.REQUEST),)),
        [build_stored_job()],
        DisplayStatus.STORED,
    ),
]


@pytest.mark.parametrize(("source", "jobs", "stage"), STAGES)
def test_photo_shows_the_progress_of_its_slowest_job(source: Source, jobs: list[Job], stage: DisplayStatus) -> None:
    assert summarize_photo_status(source, jobs)[0] is stage


def silent_console() -> None:
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


def watch_progress(*progresses: OrderProgress, timeout_seconds: float = 100) -> OrderTracker:
    """Watches one file that has these states, one after another, and then keeps the last one."""
    ahead = list(progresses)
    watch = OrderTracker(lambda _key: ahead.pop(0) if len(ahead) > 1 else ahead[0], timeout_seconds)
    watch.add(build_order("a.jpg"))
    return watch


def recording_console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100), text


def test_watch_ends_when_all_photos_are_done() -> None:
    watch = watch_progress(
        OrderProgress(DisplayStatus.QUEUED), OrderProgress(DisplayStatus.RENDERING), build_stored_progress("a.jpg")
    )
    watch.wait_until_done(silent_console, Passing(1))
    assert (watch.list_unfinished_keys(), watch.find_failures()) == ([], [])


def test_watch_gives_up_only_after_its_timeout_without_changes() -> None:
    changing_progress = [OrderProgress(DisplayStatus.QUEUED, note=str(number)) for number in range(50)]
    slow = watch_progress(*changing_progress, build_stored_progress("a.jpg"), timeout_seconds=10)
    slow.wait_until_done(silent_console, Passing(4))
    assert slow.list_unfinished_keys() == []
    stuck = watch_progress(OrderProgress(DisplayStatus.QUEUED), timeout_seconds=10)
    stuck.wait_until_done(silent_console, Passing(4))
    assert stuck.list_unfinished_keys() == stuck.find_failures() == [f"{PREFIX}a.jpg"]


@pytest.mark.parametrize(
    ("progress", "must_be_refused", "credit", "fails"),
    [
        (build_stored_progress("a.jpg"), False, "somebody", False),
        (build_stored_progress("a.jpg"), True, "", True),
        (REFUSED, True, "", False),
        (REFUSED, False, "somebody", True),
        (REFUSED, False, "", False),
        (OrderProgress(DisplayStatus.FAILED), False, "", True),
        (OrderProgress(DisplayStatus.WAITING), False, "", True),
    ],
)
def test_demo_fails_if_a_file_ends_unexpectedly(
    progress: OrderProgress, must_be_refused: bool, credit: str, fails: bool
) -> None:
    watch = OrderTracker(lambda _key: progress, 10)
    watch.add(build_order("a.jpg", must_be_refused=must_be_refused, credit=credit))
    watch.poll()
    assert bool(watch.find_failures()) is fails


def test_missing_photo_is_named_with_its_reason_and_logs() -> None:
    watch = watch_progress(OrderProgress(DisplayStatus.WAITING, note="The key is refused."))
    watch.poll()
    console, text = recording_console()
    demo_report.print_missing(watch, PREFIX, Path("/somewhere/logs"), console)
    assert "a.jpg waiting: The key is refused." in text.getvalue()
    assert "/somewhere/logs" in text.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    watch = watch_progress(
        OrderProgress(DisplayStatus.QUEUED), OrderProgress(DisplayStatus.QUEUED), build_stored_progress("a.jpg")
    )
    console, text = recording_console()
    screen = DemoScreen(console, watch, PREFIX)
    with screen.live_view():
        watch.wait_until_done(screen.update, Passing(1))
    assert [line.split(" s  ")[1] for line in text.getvalue().splitlines()] == ["a.jpg in the queue", "a.jpg delivered"]


def test_table_shows_request_result_duration_and_cost() -> None:
    watch = watch_progress(build_stored_progress("a.jpg"))
    watch.poll()
    console, text = recording_console()
    console.print(demo_report.build_results_table(watch, PREFIX))
    row = next(line for line in text.getvalue().splitlines() if "a.jpg" in line)
    assert row.split() == ["a.jpg", "remove", "(tags)", "a.jpg.png", "5.0", "$0.06"]
    assert "1 image in 1 file" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_error_report_is_shown_completely(terminal: bool) -> None:
    watch = watch_progress(REFUSED)
    watch.poll()
    text = io.StringIO()
    demo_report.print_error_reports(
        watch, PREFIX, Console(file=text, width=100, force_terminal=terminal, color_system=None)
    )
    shown = ("not_a_photo", "The file is text.", "Replace the file.", "refused. Nothing was charged.")
    assert [words for words in shown if words not in text.getvalue()] == []


def test_prompts_that_look_like_markup_are_shown_literally() -> None:
    watch = watch_progress(
        OrderProgress(DisplayStatus.REFUSED, report=build_report("a.jpg", message="[red]x[/nothing]"))
    )
    watch.poll()
    console, text = recording_console()
    demo_report.print_error_reports(watch, PREFIX, console)
    assert "[red]x[/nothing]" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_name_with_a_line_break_stays_on_one_line(terminal: bool) -> None:
    watch = OrderTracker(lambda _key: build_stored_progress("two\nlines\x1b[2J.jpg"), 10)
    watch.add(build_order("two\nlines\x1b[2J.jpg"))
    watch.poll()
    text = io.StringIO()
    console = Console(file=text, width=160, force_terminal=terminal, color_system=None)
    if terminal:
        console.print(demo_report.build_results_table(watch, PREFIX))
    else:
        demo_report.print_results(watch, PREFIX, console)
    assert r"two\nlines\u001b[2J.jpg" in text.getvalue()


def test_bill_and_receipts_must_agree_to_the_cent() -> None:
    watch = watch_progress(build_stored_progress("a.jpg", usd=0.12))
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
    progress = build_stored_progress("a.jpg")
    assert progress.receipt
    jobs = [{**job, "warnings": ["smaller_result: 8×6 from 80×60"] * 2} for job in progress.receipt["jobs"]]
    watch = watch_progress(replace(progress, receipt={**progress.receipt, "jobs": jobs}))
    watch.poll()
    console, text = recording_console()
    console.print(demo_report.build_results_table(watch, PREFIX))
    assert text.getvalue().count("! smaller_result: 8×6") == 1
