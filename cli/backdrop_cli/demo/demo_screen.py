"""The display of a running demo: a live table on a terminal, one line per change elsewhere."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from backdrop.model.pricing import format_usd
from backdrop_cli.demo.order_progress import OrderProgress
from backdrop_cli.demo.order_tracker import OrderTracker
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.formatting import escape_unprintable, format_count

STATUS_STYLES = {
    DisplayStatus.DROPPED: "dim",
    DisplayStatus.QUEUED: "cyan",
    DisplayStatus.WAITING: "yellow",
    DisplayStatus.RENDERING: "magenta",
    DisplayStatus.DELIVERING: "blue",
    DisplayStatus.IN_REVIEW: "yellow",
    DisplayStatus.STORED: "green",
    DisplayStatus.PARTLY: "yellow",
    DisplayStatus.REJECTED: "yellow",
    DisplayStatus.REPLACED: "yellow",
    DisplayStatus.REFUSED: "yellow",
    DisplayStatus.FAILED: "bold red",
}
STATUS_MARKS = {
    DisplayStatus.STORED: "✓",
    DisplayStatus.PARTLY: "!",
    DisplayStatus.REJECTED: "✗",
    DisplayStatus.REPLACED: "✗",
    DisplayStatus.REFUSED: "✗",
    DisplayStatus.FAILED: "✗",
    DisplayStatus.WAITING: "!",
}


@contextmanager
def show_steps(console: Console) -> Generator[Callable[[str], None]]:
    """Yields a function that reports a step: in a spinner on a terminal, elsewhere as a line."""
    if not console.is_terminal:
        yield lambda step: console.print(step, soft_wrap=True, markup=False, highlight=False)
        return
    with console.status("looking for a local cloud") as status:
        yield lambda step: status.update(Text(step))


class DemoScreen:
    """One demo on one console; `update` must be called after every poll."""

    def __init__(self, console: Console, tracker: OrderTracker, prefix: str) -> None:
        self._console = console
        self._tracker = tracker
        self._prefix = prefix
        self._started_at = time.monotonic()
        self._printed: dict[str, OrderProgress] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._render, transient=True, refresh_per_second=8)

    @contextmanager
    def live_view(self) -> Generator[None]:
        """Keeps the live table on the screen for the duration of the block."""
        if not self._console.is_terminal:
            yield
            return
        with self._live:
            yield

    def update(self) -> None:
        """Prints the files that changed; a terminal's live table updates itself."""
        if self._console.is_terminal:
            return
        for key, progress in self._tracker.progress.items():
            printed = self._printed.get(key)
            if printed is None or (printed.status, printed.note) != (progress.status, progress.note):
                self._printed[key] = progress
                self._print_line(key, progress)

    def _print_line(self, key: str, progress: OrderProgress) -> None:
        reason = f": {progress.note}" if progress.note else ""
        words = (
            f"{time.monotonic() - self._started_at:6.1f} s  {key.removeprefix(self._prefix)} {progress.status}{reason}"
        )
        self._console.print(escape_unprintable(words), markup=False, highlight=False, soft_wrap=True)

    def _render(self) -> Group:
        names = [escape_unprintable(key.removeprefix(self._prefix)) for key in self._tracker.progress]
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(min_width=1)
        table.add_column(min_width=min(36, max(map(len, names), default=1)), no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        for name, progress in zip(names, self._tracker.progress.values(), strict=True):
            mark = STATUS_MARKS.get(progress.status)
            style = STATUS_STYLES[progress.status]
            table.add_row(
                Text(mark, style=style) if mark else self._spinner,
                Text(name),
                Text(
                    escape_unprintable(
                        f"{progress.status}: {progress.note}" if progress.note else str(progress.status)
                    ),
                    style=style,
                ),
                Text(format_usd(progress.cost_micro_usd) if progress.cost_micro_usd else "", style="dim"),
            )
        return Group(Padding(table, (1, 0, 1, 2)), Padding(self._render_summary(), (0, 0, 0, 2)))

    def _render_summary(self) -> Text:
        progress_list = self._tracker.progress.values()
        done_count = sum(progress.is_final for progress in progress_list)
        images = format_count(sum(progress.image_count for progress in progress_list), "image")
        files = format_count(sum(len(progress.pictures) for progress in progress_list), "file")
        cost = format_usd(sum(progress.cost_micro_usd for progress in progress_list))
        seconds = time.monotonic() - self._started_at
        return Text.assemble(
            (f"{done_count} of {len(progress_list)} done", "bold"),
            (f"  ·  {images} in {files}  ·  {cost} so far  ·  {seconds:.0f} s", "dim"),
        )
