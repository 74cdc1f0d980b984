"""Watches what goes on by itself: looks again and again, and shows how far it is."""

import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Group
from rich.text import Text

from backdrop_cli.screen import Screen, bar

LINE_EVERY_SECONDS = 10.0


def watch(
    look: Callable[[], bool],
    is_over: Callable[[], bool],
    give_up: Callable[[float], str],
    pause: Callable[[], object],
    now: Callable[[], datetime],
) -> str:
    """Look until it is over, or until `give_up` has a reason; that reason, "" where it is over.

    `look` says whether anything moved since the last look, `give_up` is told for how many seconds nothing has.
    """
    moved_at = now()
    while True:
        if look():
            moved_at = now()
        if is_over():
            return ""
        if why := give_up((now() - moved_at).total_seconds()):
            return why
        pause()


class Shown:
    """How far it is: a bar on a terminal, a line from time to time elsewhere."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._line, self._told = "", 0.0
        self._done, self._all = 0, 0
        self._words = ""

    def update(self, done: int, of: int, *words: str) -> None:
        """Show it as it is now; a terminal has each of the words in a line of its own."""
        self._done, self._all = done, of
        self._words = "\n".join(f"  {one}" for one in words)
        line = f"  {'; '.join(words)}"
        due = time.monotonic() - self._told > LINE_EVERY_SECONDS
        if not self._screen.is_live and line != self._line and due:
            self._line, self._told = line, time.monotonic()
            self._screen.say(line)

    def picture(self) -> Group:
        return bar(self._done, self._all, Text(self._words))
