"""Tables fit the terminal: where they cannot, the cells of each row are below one another, without breaking words."""

import sys

import pytest

from backdrop_cli.screen import Screen

COLUMNS = {"Photo": "left", "Message": "words", "USD": "right"}
ROWS = [["shoes/red.jpg", "The file is unrecognizable text.", "$0.06"], ["b.jpg", "", ""]]


@pytest.mark.parametrize("width", [24, 30, 38, 44, 60, 100])
def test_words_of_a_table_are_not_broken(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Screen().print_table(COLUMNS, ROWS)
    printed = capsys.readouterr().out.replace("\x1b[1m", "").replace("\x1b[0m", "")
    words = [word for row in [[*COLUMNS], *ROWS] for cell in row for word in cell.split()]
    assert {*words} <= {*printed.split()}
    assert all(len(line) <= width for line in printed.splitlines())
    assert printed.count("Photo") == (1 if width > 42 else 2)
