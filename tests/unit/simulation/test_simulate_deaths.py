"""How crashes on the same photo are counted: by the marks that were in force, not by time."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from simulation.scenarios.crash_counter import CrashCounter

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOB, KEY = "beae06d7", "hats/1.jpg"


class CrashingWorkers:
    """Workers that crash on a photo, each with one message."""

    def __init__(self, body: str = f'{{"job_id": "{JOB}"}}') -> None:
        self.invocation = SimpleNamespace(messages=[SimpleNamespace(id="m1", body=body)], started_at=START)
        calls = [SimpleNamespace(worker_name="w", request={"Key": f"{KEY}.json"})]
        self.worker, self.clock = SimpleNamespace(name="w"), SimpleNamespace(time=START)
        event_loop = SimpleNamespace(current_worker=self.worker)
        bucket = SimpleNamespace(find_current={KEY: SimpleNamespace(etag="new")}.get)
        transport = SimpleNamespace(calls=calls)
        world = SimpleNamespace(event_loop=event_loop, clock=self.clock, transport=transport, input_bucket=bucket)
        self.crash_counter = CrashCounter(cast("Any", SimpleNamespace(world=world, find_invocation=self._invocation)))

    def _invocation(self, _: str) -> SimpleNamespace:
        return self.invocation

    def crash(self, started_at: datetime, *, receives: int = 2) -> None:
        self.invocation.started_at, self.invocation.first_delivery_ids = (
            started_at,
            {"m1"} if receives == 1 else set[str](),
        )
        self.crash_counter.count_crash()

    def write_mark(self, until: datetime | None) -> None:
        self.crash_counter.on_item_written(
            {"processing_until": until.isoformat() if until else None, "key": KEY, "job_id": JOB}
        )


def test_slow_workers_under_one_mark_count_once() -> None:
    """The worker's own write took longer than the mark was in force, and the product counts marks (seed 621)."""
    workers = CrashingWorkers()
    workers.write_mark(START + 5 * MINUTE)
    workers.crash(START)
    workers.crash(START + 4 * MINUTE)
    assert workers.crash_counter.consecutive_crashes == {JOB: 1}


def test_each_mark_counts_as_one_crash() -> None:
    workers = CrashingWorkers()
    for n in range(6):
        workers.write_mark(START + (6 * n + 5) * MINUTE)
        workers.crash(START + 6 * n * MINUTE)
    assert workers.crash_counter.consecutive_crashes == {JOB: 6}


def test_crash_after_an_expired_mark_is_counted() -> None:
    workers = CrashingWorkers()
    workers.write_mark(START + 5 * MINUTE)
    for n in range(6):
        workers.crash(START + 6 * n * MINUTE)
    assert workers.crash_counter.consecutive_crashes == {JOB: 6}


def test_crash_after_a_worker_without_a_mark_is_counted() -> None:
    workers = CrashingWorkers()
    for n in range(6):
        workers.crash(START + n * MINUTE)
    assert workers.crash_counter.consecutive_crashes == {JOB: 6}


def test_crash_at_the_first_delivery_is_not_counted() -> None:
    workers = CrashingWorkers()
    workers.crash(START, receives=1)
    assert not workers.crash_counter.consecutive_crashes


def test_successful_delivery_ends_the_series_of_crashes() -> None:
    workers = CrashingWorkers()
    workers.write_mark(START + 5 * MINUTE)
    workers.crash(START)
    workers.write_mark(None)
    assert not workers.crash_counter.consecutive_crashes


@pytest.mark.parametrize(
    ("remover", "started_at", "count"), [("x", START, 0), ("w", START, 1), ("x", START + 2 * MINUTE, 1)]
)
def test_crash_is_not_counted_if_another_worker_has_removed_its_mark(
    remover: str, started_at: datetime, count: int
) -> None:
    workers = CrashingWorkers()
    workers.write_mark(START + 5 * MINUTE)
    workers.clock.time, workers.worker.name = START + MINUTE, remover
    workers.write_mark(None)
    workers.worker.name = "w"
    workers.crash(started_at)
    assert workers.crash_counter.consecutive_crashes[JOB] == count


def test_crashes_on_a_photo_without_a_job_are_counted_separately() -> None:
    """Another photo that is handled in the meantime does not end the series."""
    workers = CrashingWorkers(f'{{"key": "{KEY}"}}')
    source: Any = {"processing_until": None, "key": "hats/2.jpg"}
    workers.crash_counter.on_item_written(source | {"processing_until": (START + 5 * MINUTE).isoformat(), "key": KEY})
    workers.crash(START)
    workers.crash_counter.on_item_written(source)
    assert workers.crash_counter.consecutive_crashes == {KEY: 1}


@pytest.mark.parametrize(("known_etag", "remaining"), [("old", {}), ("new", {KEY: 1})])
def test_other_bytes_start_a_new_series_of_crashes(known_etag: str, remaining: dict[str, int]) -> None:
    """The ledger contained the earlier bytes, and nothing in it shows which bytes caused the crashes (seed 45)."""
    workers = CrashingWorkers(f'{{"key": "{KEY}"}}')
    source: Any = {"processing_until": (START + 5 * MINUTE).isoformat(), "key": KEY, "photo": {"etag": known_etag}}
    workers.crash_counter.on_item_written(source)
    workers.crash(START)
    workers.crash_counter.on_item_written(source | {"photo": None}, source)
    assert workers.crash_counter.consecutive_crashes == remaining
