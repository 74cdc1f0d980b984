"""Requests per minute of each key, as a token bucket. Pure code without HTTP."""

from dataclasses import dataclass

MINUTE_SECONDS = 60.0


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """One bucket per provider and key, which holds the requests of one minute and refills evenly."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> bool:
        """Takes one request from the bucket. Returns False if it is empty. `at` is in Unix seconds."""
        current = self._refill(bucket, per_minute, at)
        if current.tokens < 1:
            return False
        current.tokens -= 1
        return True

    def find_next_time(self, bucket: tuple[str, str], *, per_minute: int, at: float) -> float:
        """Returns when the next request is allowed, in Unix seconds."""
        missing = max(0.0, 1 - self._refill(bucket, per_minute, at).tokens)
        return at + missing * MINUTE_SECONDS / per_minute

    def _refill(self, bucket: tuple[str, str], per_minute: int, at: float) -> _Bucket:
        current = self._buckets.setdefault(bucket, _Bucket(float(per_minute), at))
        gained = max(0.0, at - current.at) * per_minute / MINUTE_SECONDS
        current.tokens = min(float(per_minute), current.tokens + gained)
        current.at = at
        return current
