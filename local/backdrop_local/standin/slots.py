"""In-flight accounting per account, as a provider does it: a pure rule that simulation/ shares."""

from collections import deque
from dataclasses import dataclass, field

HISTORY_LIMIT = 10_000

type Account = tuple[str, str]
"""Provider and account name."""


@dataclass
class Lane:
    """One account's slots: how many are held, the most ever held, and every refusal.

    `limit` None has no end; `refused_in_a_row` begins anew with each slot that is given.
    """

    limit: int | None
    held: int = 0
    peak: int = 0
    taken: int = 0
    refused: int = 0
    refused_in_a_row: int = 0
    refusals: deque[float] = field(default_factory=lambda: deque[float](maxlen=HISTORY_LIMIT))
    history: deque[tuple[float, int]] = field(default_factory=lambda: deque[tuple[float, int]](maxlen=HISTORY_LIMIT))


class Slots:
    """Counts the calls in flight of each account and refuses the one above its limit."""

    def __init__(self) -> None:
        self._lanes: dict[Account, Lane] = {}

    def take(self, account: Account, *, limit: int | None, at: float) -> bool:
        """Hold one more slot, or record a refusal and return False; `at` in Unix seconds."""
        lane = self._lanes.setdefault(account, Lane(limit))
        lane.limit = limit
        if limit is not None and lane.held >= limit:
            lane.refused += 1
            lane.refused_in_a_row += 1
            lane.refusals.append(at)
            return False
        lane.held += 1
        lane.refused_in_a_row = 0
        lane.taken += 1
        lane.peak = max(lane.peak, lane.held)
        lane.history.append((at, lane.held))
        return True

    def release(self, account: Account, *, at: float) -> None:
        """Give one slot back; raises ValueError if the account holds none."""
        lane = self._lanes.get(account)
        if lane is None or lane.held == 0:
            raise ValueError(f"{account} holds no slot to release")
        lane.held -= 1
        lane.history.append((at, lane.held))

    def lane(self, account: Account) -> Lane:
        """The account's lane; an empty one if it has never asked."""
        return self._lanes.get(account, Lane(0))

    def report(self) -> list[dict[str, object]]:
        """One row per account, in the form of GET /_ctl/inflight."""
        return [_row(account, lane) for account, lane in self._lanes.items()]


def _row(account: Account, lane: Lane) -> dict[str, object]:
    provider, name = account
    return {
        "provider": provider,
        "account": name,
        "limit": lane.limit,
        "now": lane.held,
        "peak": lane.peak,
        "taken": lane.taken,
        "refused": lane.refused,
        "refused_at": list(lane.refusals),
        "history": [{"at": at, "in_flight": held} for at, held in lane.history],
    }
