"""CSV that people open in a spreadsheet: no cell is a formula, and each text can be restored."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.csv_cells import escape_formula, format_csv_row, unescape_formula

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\r\n"]
visible = st.text(st.characters(exclude_characters=CONTROLS, exclude_categories=["Cs"]))
texts = visible | st.builds("".join, st.tuples(st.sampled_from([*FORMULAS, "'", "''", "'="]), visible))


@given(texts)
def test_no_cell_is_a_formula_and_each_text_can_be_restored(text: str) -> None:
    [[cell]] = csv.reader(io.StringIO(format_csv_row([text]), newline=""))
    assert not cell.startswith(FORMULAS)
    assert (cell[1:] if cell.startswith("'") else cell) == unescape_formula(cell) == text


@given(texts)
def test_text_that_a_person_wrote_is_changed_only_if_it_is_escaped(text: str) -> None:
    assert unescape_formula(text) == text or escape_formula(unescape_formula(text)) == text


@pytest.mark.parametrize("control", CONTROLS)
def test_control_character_is_shown_and_not_sent_to_a_terminal(control: str) -> None:
    assert format_csv_row([f"shoes/{control}]0;a.jpg"]) == f"shoes/\\u{ord(control):04x}]0;a.jpg\r\n"


def test_numbers_stay_numbers() -> None:
    assert format_csv_row(["a.jpg", -2, 0.06, ""]) == "a.jpg,-2,0.06,\r\n"
