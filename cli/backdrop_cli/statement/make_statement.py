"""The `statement` command: reads the ledger, and writes a month's statement as CSV and as a page."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from backdrop.model.pricing import format_usd, to_usd
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.spend import SpendTotal
from backdrop_cli.replaced_files import replace_file
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.statement.focus_csv import FOCUS_VERSION, write_csv
from backdrop_cli.statement.month import Month, check_has_begun
from backdrop_cli.statement.statement import EMPTY_LABELS, GROUPINGS, Statement, read_statement
from backdrop_cli.statement.statement_page import list_notices, render_statement, select_largest

MAX_SHOWN_GROUPS = 10


@dataclass(frozen=True)
class StatementFiles:
    """Where the CSV and the page go; None for a file that is not written."""

    csv: Path | None
    page: Path | None

    @classmethod
    def choose(cls, month: Month, csv: Path | None, page: Path | None) -> "StatementFiles":
        """Returns the files that the user named; without any, both, named after the month, in the current folder.

        Raises UsageError if both are the same file, or if one is a folder.
        """
        for option, path in (("--csv", csv), ("--page", page)):
            if path and path.is_dir():
                raise UsageError(f"{option} takes a file, but {path} is a folder; name a file in it")
        if csv and page and csv.resolve() == page.resolve():
            raise UsageError(f"--csv and --page name the same file, {csv}; choose another one for one of them")
        if csv or page:
            return cls(csv, page)
        return cls(Path(f"statement-{month.name}.csv"), Path(f"statement-{month.name}.html"))


def make_statement(stack: Stack, screen: Screen, month: Month, files: StatementFiles) -> None:
    """Writes the files, and prints the totals. Existing files are replaced once the new ones are complete."""
    check_has_begun(month, stack.clock.now())
    with screen.spinner("reading the ledger"), read_statement(stack, month) as statement:
        if files.csv:
            with _replace_text_file(files.csv) as file:
                write_csv(statement, file)
        if files.page:
            with _replace_text_file(files.page) as file:
                file.write(render_statement(statement))
    screen.print_json(_build_document(statement, files))
    _print_statement(screen, statement, files)


@contextmanager
def _replace_text_file(path: Path) -> Generator[TextIO]:
    try:
        # A row of CSV has its own line end.
        with replace_file(path) as file, TextIOWrapper(file, "utf-8", newline="") as text_file:
            yield text_file
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written ({error.strerror or error}); an existing file is kept. Choose another one with "
            "--csv or --page"
        ) from error


def _print_statement(screen: Screen, statement: Statement, files: StatementFiles) -> None:
    screen.print(f"Statement of {statement.month.name} (UTC), stack {statement.stack_name}: {statement.state}", "bold")
    for name in GROUPINGS:
        totals = statement.groups[name]
        if set(totals) - {EMPTY_LABELS.get(name)}:
            heads = {name.capitalize(): "left", "Paid calls": "right", "Charged": "right", "Possibly more": "right"}
            screen.print()
            screen.print_table(heads, map(_format_row, select_largest(totals, MAX_SHOWN_GROUPS).items()))
    screen.print()
    total = statement.total
    more = f", and possibly {format_usd(statement.possibly_more)} more" if total.unknown else ""
    screen.print(f"{format_usd(total.confirmed)} charged for {format_count(total.calls, 'paid call')}{more}.")
    for notice in list_notices(statement):
        screen.print(notice)
    for label, path in ((f"CSV (FOCUS {FOCUS_VERSION})", files.csv), ("Page", files.page)):
        if path:
            screen.print(f"{label}:")
            screen.print_unwrapped(f"  {path.resolve()}")


def _format_row(item: tuple[str, SpendTotal]) -> tuple[str, ...]:
    key, total = item
    unknown = format_usd(total.unknown) if total.unknown else ""
    return key, f"{total.calls:,}", format_usd(total.confirmed), unknown


def _build_document(statement: Statement, files: StatementFiles) -> dict[str, Any]:
    return {
        "stack": statement.stack_name,
        "month": statement.month.name,
        "provisional": statement.is_provisional,
        "in_flight": {"calls": statement.in_flight.count, "most_usd": to_usd(statement.in_flight.reserved)},
        "deleted": {
            "usd": to_usd(statement.deleted.charged),
            "unknown_usd": to_usd(statement.deleted.unknown),
        },
        "open_charges": statement.open_count,
        "settled_charges": statement.settled_count,
        "bill": {"least_usd": to_usd(statement.min_bill), "most_usd": to_usd(statement.max_bill)},
        "total": statement.total.build_document(),
        "by": {
            name: [{name: key, **total.build_document()} for key, total in statement.groups[name].items()]
            for name in GROUPINGS
        },
        "csv": str(files.csv.resolve()) if files.csv else None,
        "page": str(files.page.resolve()) if files.page else None,
    }
