"""Watches a campaign until it is over, or until nothing of it can move: how far it is, and what it has cost."""

import time
from typing import Any

from rich.console import Group
from rich.text import Text

from backdrop_cli.campaign.machine import SUCCEEDED, Execution
from backdrop_cli.campaign.progress import Progress, document, progress_of, tell
from backdrop_cli.drop.follow import PAUSED_PATIENCE_SECONDS, paused
from backdrop_cli.drop.upload import LINE_EVERY_SECONDS
from backdrop_cli.errors import DONE, REFUSED, StoppedError
from backdrop_cli.screen import Screen, bar
from backdrop_cli.stack import Stack

LOOK_SECONDS = 3.0
PAUSES = 10
"""Reading all items of a long campaign takes minutes: so many times as long goes by before it is done again."""


def watched(stack: Stack, screen: Screen, begun: Execution, told: dict[str, Any]) -> int:
    """Until it is over; then what it came to, and the exit code."""
    shown = Shown(screen)
    try:
        with screen.live(shown.picture):
            stopped = _until_the_end(stack, begun, shown)
    except KeyboardInterrupt:
        name = begun.name
        raise StoppedError(f"stopped watching; the campaign goes on. `backdrop campaign stop {name}` ends it") from None
    now = progress_of(stack, stack.machine.look(begun.arn))
    screen.data(told | document(stack, now) | {"stopped": stopped or None})
    screen.say(f"{begun.name}: {now.execution.fate}; {now.far}.", "bold")
    tell(stack, screen, now)
    if stopped:
        screen.say(f"Not waited for any longer: {stopped} The campaign goes on by itself.", "yellow")
    return DONE if now.execution.status == SUCCEEDED else REFUSED


def _until_the_end(stack: Stack, begun: Execution, shown: "Shown") -> str:
    """Why it is given up; "" where it is over."""
    clock, before = stack.clock, None
    moved_at = again = clock.now()
    while (one := stack.machine.look(begun.arn)).runs:
        if (looked := clock.now()) >= again:
            now = progress_of(stack, one)
            again = clock.now() + PAUSES * (clock.now() - looked)
            shown.update(now)
            if before != (now.sums.asked, now.ended):
                before, moved_at = (now.sums.asked, now.ended), looked
            still = (looked - moved_at).total_seconds()
            if still > PAUSED_PATIENCE_SECONDS and (why := paused(stack, now.lanes)):
                return why
        stack.wait(LOOK_SECONDS)
    return ""


class Shown:
    """A campaign on the screen: a bar on a terminal, a line from time to time elsewhere."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._line, self._told = "", 0.0
        self._done, self._all = 0, 0

    def update(self, now: Progress) -> None:
        """The campaign was looked at once more."""
        self._done, self._all = now.ended, now.listed or 0
        line = f"  {now.far}; {now.cost}"
        due = time.monotonic() - self._told > LINE_EVERY_SECONDS
        if not self._screen.is_live and line != self._line and due:
            self._told = time.monotonic()
            self._screen.say(line)
        self._line = line

    def picture(self) -> Group:
        return bar(self._done, self._all, Text(self._line))
