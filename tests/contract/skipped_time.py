"""Time in which a wait takes none: adapters that wait for a result or as long as a provider asks do not slow a test."""

import time
from types import ModuleType

import pytest


class SkippedTime:
    """Stands in for the module `time`. A sleep advances this clock, which otherwise runs as the real one does."""

    def __init__(self) -> None:
        self._skipped_seconds = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped_seconds

    def sleep(self, seconds: float) -> None:
        self._skipped_seconds += seconds


def skip_waits(patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Gives these modules one such clock."""
    skipped_time = SkippedTime()
    for module in modules:
        patch.setattr(module, "time", skipped_time)
