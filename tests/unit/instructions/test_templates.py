"""Templates: parsing, literal braces, and filling once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.templates import Placeholder, fill_template, has_braces, list_placeholders, parse_template
from tests.unit.ledger_items import quick

VALUES = {"product": "Red shoe", "season": "winter", "sku": "{season}", "article number": "0042", "empty": ""}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{product} on a marble table, {season} light", "Red shoe on a marble table, winter light"),
        ("{ product }", "Red shoe"),
        ("{article number}", "0042"),
        ("{empty}x", "x"),
        ("{{product}}", "{product}"),
        ("{{{product}}}", "{Red shoe}"),
        ("a }} b {{ c", "a } b { c"),
        ("{sku}", "{season}"),
        ("no braces", "no braces"),
    ],
)
def test_each_placeholder_is_filled_exactly_once(template: str, filled: str) -> None:
    assert fill_template(template, VALUES) == filled


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a {product", "the '{' at character 3 has no '}'; write a literal brace as '{{'"),
        ("a} b", "the '}' at character 2 has no '{'; write a literal brace as '}}'"),
        ("{a{b}", "the '{' at character 1 has no '}'"),
        ("{{a}", "the '}' at character 4 has no '{'"),
        ("{}", "without a name between them"),
        ("{ }", "without a name between them"),
    ],
)
def test_brace_without_a_meaning_is_an_error(template: str, message: str) -> None:
    with pytest.raises(ValueError, match="brace") as caught:
        parse_template(template)
    assert message in str(caught.value)


def test_placeholders_are_listed_once_in_order() -> None:
    assert list_placeholders("{b}, {a}, {{c}}, {b}") == ["b", "a"]
    assert parse_template("{b}, {{c") == [Placeholder("b"), ", ", "{", "c"]


@quick
@given(st.text())
def test_doubled_braces_are_any_text_literally(text: str) -> None:
    assert fill_template(text.replace("{", "{{").replace("}", "}}"), {}) == text


@quick
@given(st.text())
def test_any_value_is_inserted_unchanged(value: str) -> None:
    assert fill_template("a {x} b", {"x": value}) == f"a {value} b"


@quick
@given(st.text().filter(lambda text: not has_braces(text)))
def test_text_without_braces_is_its_own_result(text: str) -> None:
    assert fill_template(text, {}) == text
