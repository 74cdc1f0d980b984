"""The lane holds as many calls in flight as it may, never more, and a provider that allows less loses nothing."""

from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

STORM = 30
REMOVE = {"operation": "remove"}
LONGER_THAN_ANY_CALL = 600_000


def account(shop: Shop) -> dict[str, Any]:
    """The slots of the account that the stack's key belongs to."""
    rows = [row for row in shop.standin.see("inflight")["accounts"] if row["provider"] == "ideogram"]
    found = max(rows, key=lambda row: row["taken"], default=None)
    return found or {"now": 0, "refused": 0, "history": []}


def peak(shop: Shop, before: int) -> int:
    """The most calls in flight at a time since the account's history had this length."""
    return max((moment["in_flight"] for moment in account(shop)["history"][before:]), default=0)


def accepted(shop: Shop, after: int = 0) -> int:
    """The number of the last call that the provider accepted; with `after`, how many came since that one."""
    return max((one["n"] for one in shop.standin.see("accepted")["accepted"]), default=0) - after


def hold(shop: Shop, *, limit: int) -> None:
    """From now on the provider takes so many calls at a time, and keeps each."""
    shop.standin.control("settings", {"in_flight_limit": limit})
    shop.standin.fault("accept_then_wait", {"ms": LONGER_THAN_ANY_CALL}, route="remove-background")


def let_go(shop: Shop, *, latency: float) -> None:
    """The calls that were kept are answered; later ones take so many seconds."""
    shop.standin.control("faults", method="DELETE")
    shop.standin.control("settings", {"latency_by_speed": {"REMOVE": latency}})
    shop.standin.control("release")


@pytest.mark.parametrize("most", [2, 5, 10])
def test_as_many_calls_run_at_a_time_as_the_lane_allows_and_never_more(folder: Folder, most: int) -> None:
    shop, names = folder.shop, [f"{n}.jpg" for n in range(3 * most)]
    history, before = len(account(shop)["history"]), accepted(shop)
    hold(shop, limit=2 * most)
    with shop.in_flight_limit(most):
        for name in names:
            folder.drop(name, tags=REMOVE)
        eventually(lambda: accepted(shop, before) >= most, f"{most} calls in flight", lambda: accepted(shop, before))
        lane = shop.queue("IdeogramQueueUrl")
        eventually(lambda: len(lane.messages()) == len(names), "all photos are in the lane", lane.messages)
        assert sum(message.receives for message in lane.messages()) == most
        let_go(shop, latency=0.3)
        for name in names:
            folder.stored(name)
    assert peak(shop, history) == most


def test_a_storm_of_429_delays_photos_and_loses_none(folder: Folder) -> None:
    names = [f"{n}.jpg" for n in range(STORM)]
    shop = folder.shop
    refused, before = account(shop)["refused"], accepted(shop)
    hold(shop, limit=5)
    for name in names:
        folder.drop(name, tags=REMOVE)
    eventually(lambda: accepted(shop, before) == 5 and account(shop)["refused"] > refused, "a call too many")
    let_go(shop, latency=0.4)
    jobs = [folder.stored(name) for name in names]
    assert [len(job["attempts"]) for job in jobs] == [1] * STORM
    assert any(job["throttled_seconds"] > 0 for job in jobs)
    assert [job["cost"] for job in jobs] == [{"usd": 0.01, "basis": "price_list", "unknown_usd": 0}] * STORM
    assert folder.dead_letters(*names) == []


def test_a_429_that_says_when_is_believed(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": "2"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    assert job["throttled_seconds"] >= 2
    assert len(job["attempts"]) == 1
