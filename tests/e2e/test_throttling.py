"""A lane makes as many concurrent calls as its limit allows, and throttled photos are not lost."""

from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

PHOTO_COUNT = 30
REMOVE = {"operation": "remove"}
HOLD_MS = 600_000


def read_account(stack: DeployedStack) -> dict[str, Any]:
    """Returns the stand-in's record of the account that the stack's key belongs to."""
    rows = [row for row in stack.standin.see("inflight")["accounts"] if row["provider"] == "ideogram"]
    return max(rows, key=lambda row: row["taken"], default=None) or {"now": 0, "refused": 0, "history": []}


def max_in_flight(stack: DeployedStack, before: int) -> int:
    """Returns the maximum number of concurrent calls since the account's history had this length."""
    return max((moment["in_flight"] for moment in read_account(stack)["history"][before:]), default=0)


def last_accepted_call(stack: DeployedStack, after: int = 0) -> int:
    """Returns the number of the last call that the provider accepted; with `after`, the number of calls since."""
    return max((call["n"] for call in stack.standin.see("accepted")["accepted"]), default=0) - after


def hold_calls(stack: DeployedStack, *, limit: int) -> None:
    """Makes the provider accept at most `limit` concurrent calls and answer none of them."""
    stack.standin.control("settings", {"in_flight_limit": limit})
    stack.standin.add_fault("accept_then_wait", {"ms": HOLD_MS}, route="remove-background")


def release_calls(stack: DeployedStack, *, latency: float) -> None:
    """Answers the held calls. Later calls take `latency` seconds."""
    stack.standin.control("faults", method="DELETE")
    stack.standin.control("settings", {"latency_by_speed": {"REMOVE": latency}})
    stack.standin.control("release")


@pytest.mark.parametrize("limit", [2, 5, 10])
def test_lane_uses_all_of_its_concurrency_and_never_more(folder: Folder, limit: int) -> None:
    stack, names = folder.stack, [f"{n}.jpg" for n in range(3 * limit)]
    history, before = len(read_account(stack)["history"]), last_accepted_call(stack)
    hold_calls(stack, limit=2 * limit)
    with stack.limit_lane(limit):
        for name in names:
            folder.drop(name, tags=REMOVE)
        eventually(
            lambda: last_accepted_call(stack, before) >= limit,
            f"{limit} calls in flight",
            lambda: last_accepted_call(stack, before),
        )
        lane = stack.queue("IdeogramQueueUrl")
        eventually(lambda: len(lane.messages()) == len(names), "all photos are in the lane", lane.messages)
        assert sum(message.receives for message in lane.messages()) == limit
        release_calls(stack, latency=0.3)
        for name in names:
            folder.wait_until_stored(name)
    assert max_in_flight(stack, history) == limit


def test_many_429_responses_delay_photos_but_lose_none(folder: Folder) -> None:
    names = [f"{n}.jpg" for n in range(PHOTO_COUNT)]
    stack = folder.stack
    refused, before = read_account(stack)["refused"], last_accepted_call(stack)
    hold_calls(stack, limit=5)
    for name in names:
        folder.drop(name, tags=REMOVE)
    eventually(
        lambda: last_accepted_call(stack, before) == 5 and read_account(stack)["refused"] > refused, "a call too many"
    )
    release_calls(stack, latency=0.4)
    jobs = [folder.wait_until_stored(name) for name in names]
    assert [len(job["attempts"]) for job in jobs] == [1] * PHOTO_COUNT
    assert any(job["throttled_seconds"] > 0 for job in jobs)
    assert [job["cost"] for job in jobs] == [{"usd": 0.01, "basis": "price_list", "unknown_usd": 0}] * PHOTO_COUNT
    assert folder.dead_letters(*names) == []


def test_retry_after_of_a_429_is_respected(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": "2"}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    assert job["throttled_seconds"] >= 2
    assert len(job["attempts"]) == 1


def test_images_in_progress_never_exceed_the_limit(folder: Folder) -> None:
    """Calls for one, two, and four images share ten places. After the first one, all lease theirs."""
    stack, limit = folder.stack, 10
    names = [f"{n}.jpg" for n in range(12)]
    stack.standin.control("settings", {"in_flight_limit": limit, "latency_by_speed": {"DEFAULT": 1.0}})
    stack.standin.add_fault("accept_then_wait", {"ms": HOLD_MS}, times=1, route="replace-background")
    folder.drop("first.jpg", {"prompt": "at sea", "num_images": 4})
    eventually(lambda: read_account(stack)["now"] == 4, "four places taken", lambda: read_account(stack)["now"])
    history, refused = len(read_account(stack)["history"]), read_account(stack)["refused"]
    for n, name in enumerate(names):
        folder.drop(name, {"prompt": "at sea", "num_images": (1, 2, 4)[n % 3]})
    stack.standin.control("release")
    for name in ("first.jpg", *names):
        folder.wait_until_stored(name)
    assert 4 < max_in_flight(stack, history) <= limit
    assert read_account(stack)["refused"] == refused


def test_more_images_than_places_are_refused(folder: Folder) -> None:
    with folder.stack.override_environment("intake", IDEOGRAM_MAX_IN_FLIGHT="3"):
        folder.drop("red.jpg", {"prompt": "at sea", "num_images": 4})
        error = folder.wait_for_error("red.jpg", "more_images_than_places", "refused")
    assert error["money"] == "not_spent"
    assert folder.pictures("red.jpg") == []
