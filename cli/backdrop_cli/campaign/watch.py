"""Watches a campaign until it is over, or until nothing of it can move: how far it is, and what it has cost."""

from collections.abc import Collection
from typing import Any

from backdrop_cli.campaign.machine import SUCCEEDED, Execution
from backdrop_cli.campaign.progress import document, progress_of, tell
from backdrop_cli.drop.follow import PAUSED_PATIENCE_SECONDS, paused
from backdrop_cli.errors import DONE, REFUSED, StoppedError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.watch import Shown, watch

LOOK_SECONDS = 3.0
PAUSES = 10
"""Reading all items of a long campaign takes minutes: so many times as long goes by before it is done again."""


def watched(stack: Stack, screen: Screen, begun: Execution, told: dict[str, Any]) -> int:
    """Until it is over; then what it came to, and the exit code."""
    shown = Shown(screen)
    try:
        with screen.live(shown.picture):
            stopped = _Watched(stack, begun.arn, shown).until_the_end()
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


class _Watched:
    def __init__(self, stack: Stack, arn: str, shown: Shown) -> None:
        self._stack, self._arn, self._shown = stack, arn, shown
        self._execution = stack.machine.look(arn)
        self._seen: tuple[int, int] | None = None
        self._lanes: Collection[str] = ()
        self._again = stack.clock.now()

    def until_the_end(self) -> str:
        """Why it is given up; "" where it is over."""
        return watch(self._look, self._is_over, self._give_up, self._pause, self._stack.clock.now)

    def _look(self) -> bool:
        """At its items; whether any was asked for, or has ended, since the last look."""
        if self._is_over():
            return False
        began, clock = self._stack.clock.now(), self._stack.clock
        now = progress_of(self._stack, self._execution)
        self._again = clock.now() + PAUSES * (clock.now() - began)
        self._shown.update(now.ended, now.listed or 0, f"{now.far}; {now.cost}")
        before, self._seen, self._lanes = self._seen, (now.sums.asked, now.ended), now.lanes
        return self._seen != before

    def _is_over(self) -> bool:
        return not self._execution.runs

    def _give_up(self, still_seconds: float) -> str:
        return paused(self._stack, self._lanes) if still_seconds > PAUSED_PATIENCE_SECONDS else ""

    def _pause(self) -> None:
        """Until it is over, or its items may be read again."""
        while True:
            self._stack.wait(LOOK_SECONDS)
            self._execution = self._stack.machine.look(self._arn)
            if self._is_over() or self._stack.clock.now() >= self._again:
                return
