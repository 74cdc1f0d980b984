"""The demo waits for what moves, gives up on what does not, and tells the truth about both."""

import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import override

import pytest
from rich.console import Console

from backdrop.model.codes import Code
from backdrop.model.job import Job, Origin, Source, Status
from backdrop.ports import Clock
from backdrop_cli.demo import outcome
from backdrop_cli.demo.bill import Books, books
from backdrop_cli.demo.screen import Screen
from backdrop_cli.demo.sight import Sight
from backdrop_cli.demo.watch import Watch
from backdrop_cli.stages import Stage, stage_of
from tests.unit.core_items import NOW, a_dead_job, a_job, a_problem, a_source, a_stored_job
from tests.unit.demo_scenes import PREFIX, dropped, report, stored

REFUSED = Sight(Stage.REFUSED, report=report("bad.jpg"))


STAGES: list[tuple[Source, list[Job], Stage]] = [
    (a_source(photo=None, jobs={}), [], Stage.DROPPED),
    (a_source(jobs={}, problems=(a_problem(),)), [], Stage.REFUSED),
    (a_source(jobs={}, problems=(a_problem(retryable=True),)), [], Stage.WAITING),
    (a_source(), [a_job()], Stage.QUEUED),
    (a_source(), [a_job(problem=a_problem(retryable=True))], Stage.WAITING),
    (a_source(), [a_job(status=Status.SUBMITTING)], Stage.RENDERING),
    (a_source(), [a_job(status=Status.UNKNOWN)], Stage.RENDERING),
    (a_source(), [a_job(status=Status.PAID)], Stage.DELIVERING),
    (a_source(), [a_stored_job()], Stage.STORED),
    (a_source(), [a_stored_job(), a_job(job_id="job-2")], Stage.STORED),
    (a_source(jobs={"": "job-1", "b": "job-2"}), [a_stored_job(), a_job(job_id="job-2")], Stage.QUEUED),
    (a_source(jobs={"": "job-1", "b": "job-2"}), [a_stored_job(), a_dead_job(job_id="job-2")], Stage.FAILED),
    (a_source(), [a_job(status=Status.HELD)], Stage.FAILED),
    (a_source(waiting_since=NOW), [a_stored_job()], Stage.DROPPED),
    (a_source(held_by="_backdrop.json", jobs={}), [], Stage.REFUSED),
    (a_source(problems=(a_problem(variant="b"),)), [a_stored_job()], Stage.REFUSED),
    (a_source(problems=(a_problem(variant="b", retryable=True),)), [a_stored_job()], Stage.WAITING),
    (a_source(problems=(a_problem(Code.UNKNOWN_FIELD, origin=Origin.REQUEST),)), [a_stored_job()], Stage.STORED),
]


@pytest.mark.parametrize(("source", "jobs", "stage"), STAGES)
def test_a_photo_is_as_far_as_the_slowest_of_its_current_jobs(source: Source, jobs: list[Job], stage: Stage) -> None:
    assert stage_of(source, jobs)[0] is stage


def nothing() -> None:
    return None


@dataclass
class Passing(Clock):
    """A clock that is so many seconds later each time it is read."""

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


def watching(*sights: Sight, patience: float = 100) -> Watch:
    """One file that looks as given, one sight after another, and then as in the last one."""
    ahead = list(sights)
    watch = Watch(lambda _key: ahead.pop(0) if len(ahead) > 1 else ahead[0], patience)
    watch.add(dropped("a.jpg"))
    return watch


def written() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100), text


def test_the_watch_ends_when_all_are_back() -> None:
    watch = watching(Sight(Stage.QUEUED), Sight(Stage.RENDERING), stored("a.jpg"))
    watch.until_all_are_back(nothing, Passing(1))
    assert (watch.missing(), watch.failures()) == ([], [])


def test_the_watch_gives_up_only_when_nothing_has_moved_for_its_patience() -> None:
    moving = [Sight(Stage.QUEUED, note=str(number)) for number in range(50)]
    slow = watching(*moving, stored("a.jpg"), patience=10)
    slow.until_all_are_back(nothing, Passing(4))
    assert slow.missing() == []
    stuck = watching(Sight(Stage.QUEUED), patience=10)
    stuck.until_all_are_back(nothing, Passing(4))
    assert stuck.missing() == stuck.failures() == [f"{PREFIX}a.jpg"]


@pytest.mark.parametrize(
    ("sight", "must_be_refused", "credit", "fails"),
    [
        (stored("a.jpg"), False, "somebody", False),
        (stored("a.jpg"), True, "", True),
        (REFUSED, True, "", False),
        (REFUSED, False, "somebody", True),
        (REFUSED, False, "", False),
        (Sight(Stage.FAILED), False, "", True),
        (Sight(Stage.WAITING), False, "", True),
    ],
)
def test_a_demo_fails_when_a_file_ends_otherwise_than_it_should(
    sight: Sight, must_be_refused: bool, credit: str, fails: bool
) -> None:
    watch = Watch(lambda _key: sight, 10)
    watch.add(dropped("a.jpg", must_be_refused=must_be_refused, credit=credit))
    watch.glance()
    assert bool(watch.failures()) is fails


def test_what_is_not_back_is_named_with_its_reason_and_the_logs() -> None:
    watch = watching(Sight(Stage.WAITING, note="The key is refused."))
    watch.glance()
    console, text = written()
    outcome.missing(watch, PREFIX, Path("/somewhere/logs"), console)
    assert "a.jpg waits: The key is refused." in text.getvalue()
    assert "/somewhere/logs" in text.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    watch = watching(Sight(Stage.QUEUED), Sight(Stage.QUEUED), stored("a.jpg"))
    console, text = written()
    screen = Screen(console, watch, PREFIX)
    with screen.open():
        watch.until_all_are_back(screen.show, Passing(1))
    assert [line.split(" s  ")[1] for line in text.getvalue().splitlines()] == ["a.jpg in the queue", "a.jpg delivered"]


def test_the_table_says_what_was_asked_what_came_back_how_long_and_what_it_cost() -> None:
    watch = watching(stored("a.jpg"))
    watch.glance()
    console, text = written()
    console.print(outcome.table(watch, PREFIX))
    row = next(line for line in text.getvalue().splitlines() if "a.jpg" in line)
    assert row.split() == ["a.jpg", "remove", "(tags)", "a.jpg.png", "5.0", "$0.06"]
    assert "1 image in 1 file" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_an_error_report_is_shown_whole(terminal: bool) -> None:
    watch = watching(REFUSED)
    watch.glance()
    text = io.StringIO()
    outcome.reports(watch, PREFIX, Console(file=text, width=100, force_terminal=terminal, color_system=None))
    shown = ("not_a_photo", "The file is text.", "Replace the file.", "refused, nothing was spent")
    assert [words for words in shown if words not in text.getvalue()] == []


def test_prompts_that_look_like_markup_are_shown_as_they_are() -> None:
    watch = watching(Sight(Stage.REFUSED, report=report("a.jpg", message="[red]x[/nothing]")))
    watch.glance()
    console, text = written()
    outcome.reports(watch, PREFIX, console)
    assert "[red]x[/nothing]" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_name_with_a_line_break_stays_on_one_line(terminal: bool) -> None:
    watch = Watch(lambda _key: stored("two\nlines\x1b[2J.jpg"), 10)
    watch.add(dropped("two\nlines\x1b[2J.jpg"))
    watch.glance()
    text = io.StringIO()
    console = Console(file=text, width=160, force_terminal=terminal, color_system=None)
    if terminal:
        console.print(outcome.table(watch, PREFIX))
    else:
        outcome.lines(watch, PREFIX, console)
    assert r"two\nlines\u001b[2J.jpg" in text.getvalue()


def test_bill_and_receipts_agree_only_to_the_cent() -> None:
    watch = watching(stored("a.jpg", usd=0.12))
    watch.glance()
    assert books(watch, 120_000, {"ideogram"}) == Books(bill=120_000, certain=120_000, unknown=0)
    assert books(watch, 120_000, {"ideogram"}).agree
    assert not books(watch, 180_000, {"ideogram"}).agree
    assert not books(watch, 110_000, {"ideogram"}).agree
    assert books(watch, 0, {"runware"}).agree
    assert Books(bill=180_000, certain=120_000, unknown=60_000).agree


def test_the_table_shows_what_people_should_know_of_a_picture_once() -> None:
    sight = stored("a.jpg")
    assert sight.receipt
    jobs = [{**job, "warnings": ["smaller_result: 8×6 from 80×60"] * 2} for job in sight.receipt["jobs"]]
    watch = watching(replace(sight, receipt={**sight.receipt, "jobs": jobs}))
    watch.glance()
    console, text = written()
    console.print(outcome.table(watch, PREFIX))
    assert text.getvalue().count("! smaller_result: 8×6") == 1
