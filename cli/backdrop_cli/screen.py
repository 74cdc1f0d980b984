"""What a verb shows: words and tables for people, JSON for scripts; and the question before something is changed."""

import json
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import escape_unprintable

# Wider than any line: in a pipe nothing is folded, so that what a script greps for stays whole.
UNLIMITED_WIDTH = 10_000


class Screen:
    """Writes to standard output; with `as_json` nothing but one JSON document.

    `place`: the options that say which stack is meant; they stand in each command that words advise, too.
    """

    def __init__(self, *, as_json: bool = False, stack_options: str = "") -> None:
        self.as_json = as_json
        self._command_prefix = f"`backdrop {stack_options} " if stack_options else "`backdrop "
        width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
        self._console = Console(highlight=False, width=width, quiet=as_json)

    def print(self, text: str = "", style: str = "") -> None:
        """A sentence, folded between words; a terminal that can shows it in a style such as `red` or `bold`."""
        self._console.print(Text(self._format_text(text), style))

    def print_unwrapped(self, text: str, style: str = "") -> None:
        """A line that somebody may copy: a terminal breaks it, we do not."""
        self._console.print(Text(escape_unprintable(text), style), soft_wrap=True)

    def print_bullet(self, bullet: str, text: str, style: str = "") -> None:
        """One point of a list, whose further lines stand below its first word."""
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text(f"  {bullet}", style), Text(self._format_text(text), style))
        self._print_trimmed(grid)

    def _format_text(self, text: str) -> str:
        return escape_unprintable(text).replace("`backdrop ", self._command_prefix)

    def print_table(self, columns: Mapping[str, str], rows: Iterable[Iterable[str]]) -> None:
        """Rows under their heads; a head's value is `left`, `right` or `words` (what may be folded)."""
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, show_header=any(head.strip() for head in columns))
        for head, kind in columns.items():
            justify = "right" if kind == "right" else "left"
            grid.add_column(head.strip(), justify=justify, no_wrap=kind != "words", overflow="fold")
        for row in rows:
            grid.add_row(*(Text(self._format_text(cell)) for cell in row))
        self._print_trimmed(grid)

    def print_sample(self, items: Sequence[str], limit: int, total: int = 0, *, more_hint: str = "") -> None:
        """Prints the first items as a list, and how many of `total` (or of the items) are not shown."""
        for item in items[:limit]:
            self.print_bullet("  -", item)
        hidden_count = (total or len(items)) - min(len(items), limit)
        if hidden_count > 0:
            self.print(f"    … and {hidden_count:,} more{more_hint and f': {more_hint}'}")

    def _print_trimmed(self, grid: Table) -> None:
        """A table without the blanks at the ends of its lines."""
        with self._console.capture() as captured:
            self._console.print(grid)
        for line in captured.get().splitlines():
            self._console.out(line.rstrip(), highlight=False)

    def print_json(self, document: Mapping[str, Any]) -> None:
        """The same for scripts."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    @contextmanager
    def print_json_if_refused(self, document: Mapping[str, Any]) -> Generator[None]:
        """Prints the document when the block raises CommandError, so that a script learns what was proposed."""
        try:
            yield
        except CommandError:
            self.print_json(document)
            raise

    @contextmanager
    def spinner(self, message: str) -> Generator[Callable[[str], None]]:
        """Says on a terminal that this may take a while; yields what changes the words."""
        with Console(stderr=True, quiet=self.as_json or not sys.stderr.isatty()).status(message) as status:
            yield lambda changed: status.update(Text(escape_unprintable(changed)))

    @property
    def is_interactive(self) -> bool:
        """Whether somebody watches, on a terminal that can be written over."""
        return self._console.is_terminal and not self.as_json

    def clear(self) -> None:
        """A terminal begins anew at its top; elsewhere what was said stays."""
        if self.is_interactive:
            self._console.clear()

    @contextmanager
    def live_view(self, render: Callable[[], RenderableType]) -> Generator[None]:
        """Keeps a picture up to date on a terminal, for the length of the block; elsewhere it shows nothing."""
        if not self.is_interactive:
            yield
            return
        with Live(console=self._console, get_renderable=render, transient=True, refresh_per_second=4):
            yield

    @property
    def prompt_obstacle(self) -> str:
        """Why the person cannot be asked; "" where they can."""
        if self.as_json:
            return "--json asks nothing"
        return "" if sys.stdin.isatty() else "there is no terminal to ask at"

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return when the person agrees.

        Raises CommandError where they do not, or cannot be asked.
        """
        if yes:
            return
        if obstacle := self.prompt_obstacle:
            raise CommandError(f"nothing was changed; {obstacle}, so say --yes to agree")
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("nothing was changed")


def build_progress_bar(completed: float, total: float, label: Text) -> Group:
    """How far something is, for `Screen.live`."""
    return Group(Text(), Padding(ProgressBar(total=max(total, 1), completed=completed, width=40), (0, 0, 0, 2)), label)
