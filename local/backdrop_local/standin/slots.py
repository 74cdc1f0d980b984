"""A provider's count of calls, or of their images, in progress per account. Pure code without HTTP."""

from collections import deque
from dataclasses import dataclass, field

HISTORY_LIMIT = 10_000
NO_FREE_SLOTS = "too few slots are free"

type Account = tuple[str, str]
"""The provider's name and the account's name."""


@dataclass
class AccountSlots:
    """One account's slots: how many are held, the peak, and every refusal.

    `limit` None: unlimited. `refused_in_a_row` is reset when a slot is taken.
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
    """Counts the calls in flight of each account, and refuses calls above its limit.

    At a provider that counts images, a call takes a slot for each of its images.
    """

    def __init__(self) -> None:
        self._by_account: dict[Account, AccountSlots] = {}

    def take(self, account: Account, *, limit: int | None, at: float, count: int = 1) -> bool:
        """Takes `count` more slots, or records a refusal and returns False. `at` is in Unix seconds."""
        slots = self._by_account.setdefault(account, AccountSlots(limit))
        slots.limit = limit
        if limit is not None and slots.held + count > limit:
            slots.refused += 1
            slots.refused_in_a_row += 1
            slots.refusals.append(at)
            return False
        slots.held += count
        slots.refused_in_a_row = 0
        slots.taken += 1
        slots.peak = max(slots.peak, slots.held)
        slots.history.append((at, slots.held))
        return True

    def release(self, account: Account, *, at: float, count: int = 1) -> None:
        """Releases `count` slots. Raises ValueError if the account holds fewer."""
        slots = self._by_account.get(account)
        if slots is None or slots.held < count:
            raise ValueError(f"{account} holds too few slots to release {count}")
        slots.held -= count
        slots.history.append((at, slots.held))

    def find_account(self, account: Account) -> AccountSlots:
        """Returns the account's slots. Empty if it has never made a call."""
        return self._by_account.get(account, AccountSlots(0))

    def build_report(self) -> list[dict[str, object]]:
        """Returns one row per account in the format of GET /_ctl/inflight."""
        return [_build_row(account, lane) for account, lane in self._by_account.items()]


def _build_row(account: Account, slots: AccountSlots) -> dict[str, object]:
    provider, name = account
    return {
        "provider": provider,
        "account": name,
        "limit": slots.limit,
        "now": slots.held,
        "peak": slots.peak,
        "taken": slots.taken,
        "refused": slots.refused,
        "refused_at": list(slots.refusals),
        "history": [{"at": at, "in_flight": held} for at, held in slots.history],
    }
