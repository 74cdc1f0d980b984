"""Shows a demo while it runs: a live table at a terminal, one line per change elsewhere."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from backdrop.model.pricing import usd_text
from backdrop_cli.demo.sight import Sight
from backdrop_cli.demo.watch import Watch
from backdrop_cli.screen import several
from backdrop_cli.stages import Stage
from backdrop_cli.words import plain

STYLES = {
    Stage.DROPPED: "dim",
    Stage.QUEUED: "cyan",
    Stage.WAITING: "yellow",
    Stage.RENDERING: "magenta",
    Stage.DELIVERING: "blue",
    Stage.STORED: "green",
    Stage.REFUSED: "yellow",
    Stage.FAILED: "bold red",
}
MARKS = {Stage.STORED: "✓", Stage.REFUSED: "✗", Stage.FAILED: "✗", Stage.WAITING: "!"}


@contextmanager
def saying(console: Console) -> Generator[Callable[[str], None]]:
    """Yields what tells of a step that takes a while: a spinner at a terminal, else a line."""
    if not console.is_terminal:
        yield lambda words: console.print(words, soft_wrap=True, markup=False, highlight=False)
        return
    with console.status("looking for a local cloud") as status:
        yield lambda words: status.update(Text(words))


class Screen:
    """One demo on one console; `show` is called after every look."""

    def __init__(self, console: Console, watch: Watch, prefix: str) -> None:
        self._console = console
        self._watch = watch
        self._prefix = prefix
        self._began = time.monotonic()
        self._told: dict[str, Sight] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._picture, transient=True, refresh_per_second=8)

    @contextmanager
    def open(self) -> Generator[None]:
        """Keeps the live table on the screen for the length of the block."""
        if not self._console.is_terminal:
            yield
            return
        with self._live:
            yield

    def show(self) -> None:
        """Brings what stands on the screen up to date."""
        if self._console.is_terminal:
            return
        for key, sight in self._watch.seen.items():
            told = self._told.get(key)
            if told is None or (told.stage, told.note) != (sight.stage, sight.note):
                self._told[key] = sight
                self._line(key, sight)

    def _line(self, key: str, sight: Sight) -> None:
        reason = f": {sight.note}" if sight.note else ""
        words = f"{time.monotonic() - self._began:6.1f} s  {key.removeprefix(self._prefix)} {sight.stage}{reason}"
        self._console.print(plain(words), markup=False, highlight=False, soft_wrap=True)

    def _picture(self) -> Group:
        names = [plain(key.removeprefix(self._prefix)) for key in self._watch.seen]
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(min_width=1)
        table.add_column(min_width=min(36, max(map(len, names), default=1)), no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        for name, sight in zip(names, self._watch.seen.values(), strict=True):
            mark = MARKS.get(sight.stage)
            style = STYLES[sight.stage]
            table.add_row(
                Text(mark, style=style) if mark else self._spinner,
                Text(name),
                Text(plain(f"{sight.stage}: {sight.note}" if sight.note else str(sight.stage)), style=style),
                Text(usd_text(sight.micro_usd) if sight.micro_usd else "", style="dim"),
            )
        return Group(Padding(table, (1, 0, 1, 2)), Padding(self._sums(), (0, 0, 0, 2)))

    def _sums(self) -> Text:
        sights = self._watch.seen.values()
        back = sum(sight.ended for sight in sights)
        images = several(sum(sight.images for sight in sights), "image")
        files = several(sum(len(sight.pictures) for sight in sights), "file")
        cost = usd_text(sum(sight.micro_usd for sight in sights))
        seconds = time.monotonic() - self._began
        return Text.assemble(
            (f"{back} of {len(sights)} back", "bold"),
            (f"  ·  {images} in {files}  ·  {cost} so far  ·  {seconds:.0f} s", "dim"),
        )
