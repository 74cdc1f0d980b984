"""Requests per minute of each key, as a token bucket: a pure rule that simulation/ can share."""

from dataclasses import dataclass

MINUTE = 60.0


@dataclass
class _Bucket:
    tokens: float
    at: float


class Rates:
    """One bucket per provider and key; it holds a minute's worth and refills evenly."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> bool:
        """Take one request out of the bucket, or return False if there is none left; `at` in Unix seconds."""
        held = self._refilled(bucket, per_minute, at)
        if held.tokens < 1:
            return False
        held.tokens -= 1
        return True

    def next_at(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> float:
        """The Unix second from which on a request will be let through again."""
        missing = max(0.0, 1 - self._refilled(bucket, per_minute, at).tokens)
        return at + missing * MINUTE / per_minute

    def _refilled(self, bucket: tuple[str, str], per_minute: int, at: float) -> _Bucket:
        held = self._buckets.setdefault(bucket, _Bucket(float(per_minute), at))
        gained = max(0.0, at - held.at) * per_minute / MINUTE
        held.tokens = min(float(per_minute), held.tokens + gained)
        held.at = at
        return held
