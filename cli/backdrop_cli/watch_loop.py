"""Polls work that runs elsewhere, and shows its progress."""

import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Group
from rich.text import Text

from backdrop_cli.screen import Screen, build_progress_bar

PROGRESS_LINE_INTERVAL_SECONDS = 10.0


def poll_until(
    poll: Callable[[], bool],
    is_done: Callable[[], bool],
    find_stop_reason: Callable[[float], str],
    wait: Callable[[], object],
    now: Callable[[], datetime],
) -> str:
    """Polls until `is_done`, or until `find_stop_reason` returns a reason. Returns that reason, or "" if done.

    `poll` returns whether anything changed. `find_stop_reason` gets the number of seconds without a change.
    """
    changed_at = now()
    while True:
        if poll():
            changed_at = now()
        if is_done():
            return ""
        if reason := find_stop_reason((now() - changed_at).total_seconds()):
            return reason
        wait()


class ProgressDisplay:
    """Progress as a bar on a terminal, elsewhere as a line every few seconds."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last_line, self._last_printed_at = "", 0.0
        self._completed, self._total = 0, 0
        self._label = ""

    def update(self, completed: int, total: int, *lines: str) -> None:
        """Sets the progress to show; a terminal shows each of `lines` on its own line."""
        self._completed, self._total = completed, total
        self._label = "\n".join(f"  {text}" for text in lines)
        line = f"  {'; '.join(lines)}"
        is_due = time.monotonic() - self._last_printed_at > PROGRESS_LINE_INTERVAL_SECONDS
        if not self._screen.is_interactive and line != self._last_line and is_due:
            self._last_line, self._last_printed_at = line, time.monotonic()
            self._screen.print(line)

    def render(self) -> Group:
        return build_progress_bar(self._completed, self._total, Text(self._label))
