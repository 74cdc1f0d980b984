"""CSV files that people open: a cell that a spreadsheet would run as a formula begins with an apostrophe."""

import csv
import io
from collections.abc import Iterable

ESCAPED_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""A spreadsheet takes a cell that begins with one of these for a formula, some also after a tab or a line break.

The apostrophe is escaped too, so that each text can be restored.
"""

_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\r\n"}
"""How control characters are shown, which a terminal would obey. A cell may contain tabs and line breaks."""


def format_csv_row(cells: Iterable[object]) -> str:
    """Returns a line of CSV (RFC 4180) with its line end. Numbers stay as they are, also negative ones.

    Control characters are escaped as the commands print them: `\\u001b`. Reading does not
    undo that.
    """
    buffer = io.StringIO()
    csv.writer(buffer).writerow(
        escape_formula(cell.translate(_ESCAPES)) if isinstance(cell, str) else cell for cell in cells
    )
    return buffer.getvalue()


def escape_formula(text: str) -> str:
    """Puts an apostrophe before a text that would be a formula, or that begins with an apostrophe.

    To get the text back, remove the first character of a cell that begins with an apostrophe.
    """
    return f"'{text}" if text.startswith(ESCAPED_STARTS) else text


def unescape_formula(cell: str) -> str:
    """Returns the text of a cell.

    A cell that begins with an apostrophe and any other text was not escaped, but written by a person.
    """
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(ESCAPED_STARTS) else cell
