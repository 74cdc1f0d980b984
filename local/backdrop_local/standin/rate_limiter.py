"""Requests per minute of each key, as a token bucket: a pure rule that simulation/ can share."""

from dataclasses import dataclass

MINUTE_SECONDS = 60.0


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """One bucket per provider and key; it holds a minute's worth and refills evenly."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> bool:
        """Take one request out of the bucket, or return False if there is none left; `at` in Unix seconds."""
        current = self._refill(bucket, per_minute, at)
        if current.tokens < 1:
            return False
        current.tokens -= 1
        return True

    def find_next_time(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> float:
        """The Unix second from which on a request will be let through again."""
        missing = max(0.0, 1 - self._refill(bucket, per_minute, at).tokens)
        return at + missing * MINUTE_SECONDS / per_minute

    def _refill(self, bucket: tuple[str, str], per_minute: int, at: float) -> _Bucket:
        current = self._buckets.setdefault(bucket, _Bucket(float(per_minute), at))
        gained = max(0.0, at - current.at) * per_minute / MINUTE_SECONDS
        current.tokens = min(float(per_minute), current.tokens + gained)
        current.at = at
        return current
