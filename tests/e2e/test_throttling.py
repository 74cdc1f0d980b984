"""A lane makes as many concurrent calls as its limit allows."""

from typing import Any

from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

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


def test_lane_uses_all_of_its_concurrency_and_never_more(folder: Folder) -> None:
    limit = 2
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
