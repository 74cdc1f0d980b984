"""Batches run a bounded number of photos at a time."""

from collections.abc import Iterator
from threading import Barrier, Event
from threading import enumerate as list_threads
from time import sleep
from typing import Any

import pytest

from backdrop.model.pricing import to_micro_usd
from backdrop_client import FailedError, batches
from backdrop_client.batches import BatchItem, BatchTotals, run_bounded

IN_FLIGHT = 4


def test_at_most_in_flight_items_are_taken_and_not_yielded() -> None:
    taken: list[int] = []

    def count() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    results = run_bounded(lambda item, _: item, count(), IN_FLIGHT)
    for yielded, _ in enumerate(results, start=1):
        assert len(taken) < yielded + IN_FLIGHT
    assert len(taken) == 20


def test_items_run_at_the_same_time() -> None:
    barrier = Barrier(IN_FLIGHT, timeout=10)
    assert len(list(run_bounded(lambda _, __: barrier.wait(), range(IN_FLIGHT), IN_FLIGHT))) == IN_FLIGHT


def test_slow_item_does_not_hold_up_the_others() -> None:
    release = Event()

    def run(item: int, _: Event) -> int:
        if item == 0:
            release.wait(10)
        return item

    results = run_bounded(run, range(6), 2)
    assert [next(results) for _ in range(5)] == [1, 2, 3, 4, 5]
    release.set()
    assert list(results) == [0]


def test_ended_item_is_yielded_before_a_slow_source_has_more() -> None:
    taken: list[int] = []

    def take_slowly() -> Iterator[int]:
        for number in range(6):
            while any(thread.name == "backdrop-batch" for thread in list_threads()):
                sleep(0.001)
            taken.append(number)
            yield number

    results = run_bounded(lambda item, _: item, take_slowly(), IN_FLIGHT)
    assert (next(results), taken) in ((0, [0]), (0, [0, 1]))
    assert len(list(results)) == 5


def test_closed_batch_stops_what_is_in_flight() -> None:
    all_started, stopped = Barrier(IN_FLIGHT, timeout=10), list[int]()

    def run(item: int, stop: Event) -> None:
        all_started.wait()
        if item and stop.wait(10):
            stopped.append(item)

    results = run_bounded(run, range(10), IN_FLIGHT)
    next(results)
    results.close()
    assert sorted(stopped) == [1, 2, 3]


@pytest.mark.parametrize("in_flight", [0, -1, "3", 1.5, None])
def test_batch_without_a_number_of_photos_is_refused(in_flight: Any) -> None:
    with pytest.raises(ValueError, match="use an integer of at least 1"):
        next(run_bounded(lambda item, _: item, [1], in_flight))


def test_total_of_a_batch_takes_no_longer_the_more_photos_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[str] = []

    def convert(amount: str) -> int:
        converted.append(amount)
        return to_micro_usd(amount)

    monkeypatch.setattr(batches, "to_micro_usd", convert)
    totals = BatchTotals()
    for number in [*range(100), 7]:
        progress = totals.add(BatchItem(b"", str(number), error=FailedError("dead", "", "", 0.06, 0.01)))
    assert (progress.failed, progress.usd, progress.unknown_usd) == (101, 6, 1)
    assert len(converted) == 2 * 101
