"""A command's output: text and tables for people, JSON for scripts, and the question before something changes."""

import codecs
import json
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from backdrop_cli.errors import CommandError, InterruptedCommandError, UsageError
from backdrop_cli.formatting import escape_unprintable

# Wider than any line: output to a pipe is not wrapped, so that `grep` finds whole lines.
UNLIMITED_WIDTH = 10_000
COLUMN_PADDING = 3
"""A blank on both sides of each column, and one between two columns."""


class Screen:
    """Writes to standard output; with `as_json`, only one JSON document.

    Texts mark a command as `backdrop …`, in backticks. `stack_options` (such as `--stack shop`) are inserted there, so
    that the command can be copied as it is.
    """

    def __init__(self, *, as_json: bool = False, stack_options: str = "") -> None:
        self.as_json = as_json
        self._command_prefix = f"`backdrop {stack_options} " if stack_options else "`backdrop "
        width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
        self._console = Console(highlight=False, width=width, quiet=as_json)

    def print(self, text: str = "", style: str = "") -> None:
        """Prints a line, wrapped between words; `style` is one of Rich, such as `red` or `bold`."""
        self._console.print(Text(self._format_text(text), style))

    def print_unwrapped(self, text: str, style: str = "") -> None:
        """Prints a line to copy, such as a path or a command: it is neither wrapped nor changed."""
        self._console.print(Text(escape_unprintable(text), style), soft_wrap=True)

    def print_bullet(self, bullet: str, text: str, style: str = "") -> None:
        """Prints a list item; its continuation lines are aligned with the beginning of its text."""
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text(f"  {bullet}", style), Text(self._format_text(text), style))
        self._print_trimmed(grid)

    def _format_text(self, text: str) -> str:
        return self._complete_commands(escape_unprintable(text))

    def _complete_commands(self, text: str) -> str:
        return text.replace("`backdrop ", self._command_prefix)

    @contextmanager
    def complete_commands_in_errors(self) -> Generator[None]:
        """Inserts the stack's options into the commands that the message of an error advises."""
        try:
            yield
        except (CommandError, UsageError, InterruptedCommandError) as error:
            error.message = self._complete_commands(error.message)
            raise

    def print_table(self, columns: Mapping[str, str], rows: Iterable[Iterable[str]]) -> None:
        """Prints a table. A column is aligned `left` or `right`; `words` is left-aligned and may wrap.

        If the terminal is too narrow for that, prints the cells of a row below one another.
        """
        texts = [[self._format_text(cell) for cell in row] for row in rows]
        if _measure_table(columns, texts) > self._console.width:
            self._print_stacked(columns, texts)
            return
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, show_header=any(head.strip() for head in columns))
        for head, alignment in columns.items():
            justify = "right" if alignment == "right" else "left"
            grid.add_column(head.strip(), justify=justify, no_wrap=alignment != "words", overflow="fold")
        for row in texts:
            grid.add_row(*map(Text, row))
        self._print_trimmed(grid)

    def _print_stacked(self, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            grid = Table.grid(padding=(0, 1))
            for head, text in zip(columns, row, strict=True):
                if text.strip():
                    grid.add_row(Text(f"  {head.strip()}", "bold", no_wrap=True), Text(text, overflow="fold"))
            self._print_trimmed(grid)
            self._console.print()

    def print_sample(self, items: Sequence[str], limit: int, total: int = 0, *, more_hint: str = "") -> None:
        """Prints the first items as a list, and how many of `total` (or of the items) are not shown."""
        for item in items[:limit]:
            self.print_bullet("  -", item)
        hidden_count = (total or len(items)) - min(len(items), limit)
        if hidden_count > 0:
            self.print(f"    … and {hidden_count:,} more{more_hint and f': {more_hint}'}")

    def _print_trimmed(self, grid: Table) -> None:
        """Prints a table without trailing spaces."""
        with self._console.capture() as captured:
            self._console.print(grid)
        for line in captured.get().splitlines():
            self._console.out(line.rstrip(), highlight=False)

    def print_json(self, document: Mapping[str, Any]) -> None:
        """Prints the document if the output is for scripts."""
        if self.as_json:
            # Another encoding lacks characters of keys, and the stream would write `?` for them. A terminal would obey
            # some of them: U+009B begins a command, and U+202E turns the text around.
            is_utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
            text = json.dumps(document, indent=2, ensure_ascii=not is_utf8 or sys.stdout.isatty())
            sys.stdout.write(text.replace("\x7f", r"\u007f") + "\n")

    @contextmanager
    def print_json_if_refused(self, document: Mapping[str, Any]) -> Generator[None]:
        """Prints the document when the block raises CommandError, so that a script receives what was proposed."""
        try:
            yield
        except CommandError:
            self.print_json(document)
            raise

    @contextmanager
    def spinner(self, message: str) -> Generator[Callable[[str], None]]:
        """Shows on a terminal that this can take a while; yields a function that changes the message."""
        with Console(stderr=True, quiet=self.as_json or not sys.stderr.isatty()).status(message) as status:
            yield lambda changed: status.update(Text(escape_unprintable(changed)))

    @property
    def is_interactive(self) -> bool:
        """True if standard output is a terminal and the output is for people."""
        return self._console.is_terminal and not self.as_json

    def clear(self) -> None:
        """Clears the screen of a terminal."""
        if self.is_interactive:
            self._console.clear()

    @contextmanager
    def live_view(self, render: Callable[[], RenderableType]) -> Generator[None]:
        """Keeps the rendered view up to date on a terminal during the block; shows nothing elsewhere."""
        if not self.is_interactive:
            yield
            return
        with Live(console=self._console, get_renderable=render, transient=True, refresh_per_second=4):
            yield

    @property
    def prompt_obstacle(self) -> str:
        """Why no question can be asked; "" if one can."""
        if self.as_json:
            return "--json never asks"
        return "" if sys.stdin.isatty() else "there is no terminal to ask on"

    def confirm(self, question: str, *, yes: bool, option: str = "--yes") -> None:
        """Returns if the user agrees. Raises CommandError if they decline or cannot be asked.

        `option` is the one that agrees in advance.
        """
        if yes:
            return
        if obstacle := self.prompt_obstacle:
            raise CommandError(f"nothing was changed; {obstacle}, so add {option} to agree")
        if ask(f"{question} [y/N]") not in ("y", "yes"):
            raise CommandError("nothing was changed")


def _measure_table(columns: Mapping[str, str], rows: Iterable[Sequence[str]]) -> int:
    """Returns how wide a table is at least, without breaking words, or cells that must not wrap."""
    cells = zip(*([head.strip() for head in columns], *rows), strict=True)
    widths = (
        max(cell_len(part) for text in texts for part in (text.split() or [""] if alignment == "words" else [text]))
        for texts, alignment in zip(cells, columns.values(), strict=True)
    )
    return sum(width + COLUMN_PADDING for width in widths) - 1


def ask(question: str) -> str:
    """Returns the answer that the user types, in lower case; "" if the input ends (Ctrl-D)."""
    try:
        return input(f"{question} ").strip().lower()
    except EOFError:
        sys.stdout.write("\n")
        return ""


def build_progress_bar(completed: float, total: float, label: Text) -> Group:
    """Returns a progress bar for `Screen.live_view`."""
    return Group(Text(), Padding(ProgressBar(total=max(total, 1), completed=completed, width=40), (0, 0, 0, 2)), label)
