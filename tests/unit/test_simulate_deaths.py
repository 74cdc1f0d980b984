"""How workers' deaths of one photo are counted: by the marks under which they died, whatever the clock shows then."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from simulation.scenarios.crash_counter import CrashCounter

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOB, KEY = "beae06d7", "hats/1.jpg"


class Dying:
    """Workers that die of a photo, each with one message."""

    def __init__(self, body: str = f'{{"job_id": "{JOB}"}}') -> None:
        self.invocation = SimpleNamespace(messages=[SimpleNamespace(id="m1", body=body)], started_at=START)
        calls = [SimpleNamespace(worker_name="w", request={"Key": f"{KEY}.json"})]
        event_loop = SimpleNamespace(current_worker=SimpleNamespace(name="w"))
        bucket = SimpleNamespace(find_current={KEY: SimpleNamespace(etag="new")}.get)
        world = SimpleNamespace(event_loop=event_loop, transport=SimpleNamespace(calls=calls), input_bucket=bucket)
        self.deaths = CrashCounter(cast("Any", SimpleNamespace(world=world, find_invocation=self._invocation)))

    def _invocation(self, _: str) -> SimpleNamespace:
        return self.invocation

    def one(self, began: datetime, *, receives: int = 2) -> None:
        self.invocation.started_at, self.invocation.first_delivery_ids = began, {"m1"} if receives == 1 else set[str]()
        self.deaths.count_crash()

    def marked(self, until: datetime | None) -> None:
        self.deaths.on_item_written(
            {"processing_until": until.isoformat() if until else None, "key": KEY, "job_id": JOB}
        )


def test_a_slow_worker_that_began_under_a_mark_dies_under_it() -> None:
    """Its own write took longer than the mark was good for, and the product counts marks (seed 621)."""
    dying = Dying()
    dying.marked(START + 5 * MINUTE)
    dying.one(START)
    dying.one(START + 4 * MINUTE)
    assert dying.deaths.consecutive_crashes == {JOB: 1}


def test_each_mark_is_a_death() -> None:
    dying = Dying()
    for n in range(6):
        dying.marked(START + (6 * n + 5) * MINUTE)
        dying.one(START + 6 * n * MINUTE)
    assert dying.deaths.consecutive_crashes == {JOB: 6}


def test_a_mark_that_nobody_renews_hides_no_death() -> None:
    dying = Dying()
    dying.marked(START + 5 * MINUTE)
    for n in range(6):
        dying.one(START + 6 * n * MINUTE)
    assert dying.deaths.consecutive_crashes == {JOB: 6}


def test_a_worker_that_leaves_no_mark_hides_no_death() -> None:
    dying = Dying()
    for n in range(6):
        dying.one(START + n * MINUTE)
    assert dying.deaths.consecutive_crashes == {JOB: 6}


def test_the_first_delivery_of_a_message_leaves_no_mark_and_is_not_counted() -> None:
    dying = Dying()
    dying.one(START, receives=1)
    assert not dying.deaths.consecutive_crashes


def test_one_that_goes_in_good_order_ends_the_row() -> None:
    dying = Dying()
    dying.marked(START + 5 * MINUTE)
    dying.one(START)
    dying.marked(None)
    assert not dying.deaths.consecutive_crashes


def test_the_deaths_of_a_photo_without_a_job_are_its_own() -> None:
    """Another photo, looked at in good order meanwhile, does not end its row."""
    dying = Dying(f'{{"key": "{KEY}"}}')
    source: Any = {"processing_until": None, "key": "hats/2.jpg"}
    dying.deaths.on_item_written(source | {"processing_until": (START + 5 * MINUTE).isoformat(), "key": KEY})
    dying.one(START)
    dying.deaths.on_item_written(source)
    assert dying.deaths.consecutive_crashes == {KEY: 1}


@pytest.mark.parametrize(("known", "left"), [("old", {}), ("new", {KEY: 1})])
def test_other_bytes_than_the_ledger_knew_begin_their_own_row(known: str, left: dict[str, int]) -> None:
    """The ledger knew what lay there before, and could not know whose deaths it counted (seed 45)."""
    dying = Dying(f'{{"key": "{KEY}"}}')
    source: Any = {"processing_until": (START + 5 * MINUTE).isoformat(), "key": KEY, "photo": {"etag": known}}
    dying.deaths.on_item_written(source)
    dying.one(START)
    dying.deaths.on_item_written(source | {"photo": None}, source)
    assert dying.deaths.consecutive_crashes == left
