"""The lane holds as many calls in flight as it may, never more, and a provider that allows less loses nothing."""

from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

STORM = 30
REMOVE = {"operation": "remove"}


def account(shop: Shop) -> dict[str, Any]:
    """The slots of the account that the stack's key belongs to."""
    found = max(shop.standin.see("inflight")["accounts"], key=lambda row: row["taken"], default=None)
    return found or {"now": 0, "refused": 0, "history": []}


def peak(shop: Shop, before: int) -> int:
    """The most calls in flight at a time since the account's history had this length."""
    return max((moment["in_flight"] for moment in account(shop)["history"][before:]), default=0)


@pytest.mark.parametrize("most", [2, 5, 10])
def test_as_many_calls_run_at_a_time_as_the_lane_allows_and_never_more(folder: Folder, most: int) -> None:
    shop, names = folder.shop, list[str]()
    before = len(account(shop)["history"])
    shop.standin.control("settings", {"latency_by_speed": {"REMOVE": 2}, "in_flight_limit": 20})

    def reached() -> bool:
        """Keeps more photos waiting than can go at a time, however long the first workers take to start."""
        if shop.waiting("IdeogramQueueUrl") < 2 * most:
            names.append(f"{len(names)}.jpg")
            folder.drop(names[-1], tags=REMOVE)
        return peak(shop, before) >= most

    with shop.in_flight_limit(most):
        eventually(reached, f"{most} calls in flight")
        shop.standin.control("settings", {"latency_by_speed": {"REMOVE": 0.3}})
        for name in names:
            folder.stored(name)
    shop.standin.control("settings", {"latency_by_speed": {}, "in_flight_limit": 10})
    assert peak(shop, before) == most


def test_a_storm_of_429_delays_photos_and_loses_none(folder: Folder) -> None:
    names = [f"{n}.jpg" for n in range(STORM)]
    shop = folder.shop
    refused, letters = account(shop)["refused"], len(shop.dead_letters.letters())
    shop.standin.control("settings", {"latency_by_speed": {"REMOVE": 0.4}, "in_flight_limit": 5})
    for name in names:
        folder.drop(name, tags=REMOVE)
    jobs = [folder.stored(name) for name in names]
    shop.standin.control("settings", {"latency_by_speed": {}, "in_flight_limit": 10})
    assert account(shop)["refused"] > refused
    assert [len(job["attempts"]) for job in jobs] == [1] * STORM
    assert any(job["throttled_seconds"] > 0 for job in jobs)
    assert [job["cost"] for job in jobs] == [{"usd": 0.01, "basis": "price_list", "unknown_usd": 0}] * STORM
    assert len(shop.dead_letters.letters()) == letters


def test_a_429_that_says_when_is_believed(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": "2"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    assert job["throttled_seconds"] >= 2
    assert len(job["attempts"]) == 1
