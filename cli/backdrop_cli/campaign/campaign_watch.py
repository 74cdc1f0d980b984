"""Waits until a campaign is over or can make no progress; shows its progress and cost."""

from collections.abc import Collection
from typing import Any

from backdrop_cli.campaign.campaign_progress import (
    build_progress_document,
    print_campaign_progress,
    read_campaign_progress,
)
from backdrop_cli.campaign.state_machine import STATUS_SUCCEEDED, Execution
from backdrop_cli.continuation import explain_end
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.upload_tracker import PAUSED_IDLE_TIMEOUT_SECONDS, find_pause_reason
from backdrop_cli.watch_loop import ProgressDisplay, poll_until

POLL_SECONDS = 3.0
READ_INTERVAL_FACTOR = 10
"""The pause between two readings, as a multiple of a reading: reading a large campaign takes minutes."""


def watch_campaign(stack: Stack, screen: Screen, execution: Execution, quote_document: dict[str, Any]) -> int:
    """Waits until the campaign is over, prints the result, and returns the exit code: 0 if all was delivered.

    `--json` prints the execution's name even if an error or Ctrl-C ends it.
    """
    display, document, name = ProgressDisplay(screen), quote_document, execution.name
    continuation = (
        f"the campaign continues in the stack. To see its progress, run `backdrop campaign status {name}`; to stop it, "
        f"run `backdrop campaign stop {name}`"
    )
    try:
        with explain_end(lambda: continuation):
            with screen.live_view(display.render):
                stop_reason = _CampaignWatcher(stack, execution.arn, display).wait_until_over()
            campaign_progress = read_campaign_progress(stack, stack.state_machine.describe_execution(execution.arn))
            document = quote_document | build_progress_document(stack, campaign_progress)
            document |= {"stopped": stop_reason or None}
    finally:
        screen.print_json(document)
    screen.print(
        f"{execution.name}: {campaign_progress.execution.display_status}; {campaign_progress.summary}.", "bold"
    )
    print_campaign_progress(stack, screen, campaign_progress)
    if stop_reason:
        screen.print(f"Stopped waiting: {stop_reason} The campaign continues in the stack.", "yellow")
    has_succeeded = campaign_progress.execution.status == STATUS_SUCCEEDED
    return EXIT_OK if has_succeeded and campaign_progress.is_delivered else EXIT_FAILURE


class _CampaignWatcher:
    def __init__(self, stack: Stack, arn: str, display: ProgressDisplay) -> None:
        self._stack, self._arn, self._display = stack, arn, display
        self._execution = stack.state_machine.describe_execution(arn)
        self._last_counts: tuple[int, int] | None = None
        self._active_providers: Collection[str] = ()
        self._next_read_at = stack.clock.now()

    def wait_until_over(self) -> str:
        """Returns why it stopped waiting; "" if the campaign is over."""
        return poll_until(
            self._read_progress, self._is_over, self._find_stop_reason, self._wait_for_next_read, self._stack.clock.now
        )

    def _read_progress(self) -> bool:
        """Reads all items; returns whether one was requested or ended since the last reading."""
        if self._is_over():
            return False
        read_started_at, clock = self._stack.clock.now(), self._stack.clock
        campaign_progress = read_campaign_progress(self._stack, self._execution)
        self._next_read_at = clock.now() + READ_INTERVAL_FACTOR * (clock.now() - read_started_at)
        self._display.update(
            campaign_progress.ended_items,
            campaign_progress.total_items or 0,
            f"{campaign_progress.summary}; {campaign_progress.cost_summary}",
        )
        previous_counts, self._last_counts, self._active_providers = (
            self._last_counts,
            (campaign_progress.totals.requested, campaign_progress.ended_items),
            campaign_progress.active_providers,
        )
        return self._last_counts != previous_counts

    def _is_over(self) -> bool:
        return not self._execution.is_running

    def _find_stop_reason(self, idle_seconds: float) -> str:
        return (
            find_pause_reason(self._stack, self._active_providers) if idle_seconds > PAUSED_IDLE_TIMEOUT_SECONDS else ""
        )

    def _wait_for_next_read(self) -> None:
        """Waits until the campaign is over, or its items are to be read again."""
        while True:
            self._stack.sleep(POLL_SECONDS)
            self._execution = self._stack.state_machine.describe_execution(self._arn)
            if self._is_over() or self._stack.clock.now() >= self._next_read_at:
                return
