"""Manifests: each row a key and what is asked for it, whatever people's tools wrote, one line at a time."""

import json
from collections.abc import Iterator

import pytest

from backdrop.core.campaign import instructions_of
from backdrop.core.errors import RefusedError
from backdrop.core.manifest import LONGEST_LINE, BadRow, Row, rows_of


def read(text: str, name: str = "list.csv") -> list[Row | BadRow]:
    return list(rows_of(name, text.splitlines(keepends=True)))


def test_a_csv_row_is_a_key_and_the_fields_that_its_cells_give() -> None:
    assert read("key,prompt,num_images\na.jpg,on a beach,2\nb.jpg,,\n") == [
        Row(2, "a.jpg", {"prompt": "on a beach", "num_images": 2}),
        Row(3, "b.jpg", {}),
    ]


def test_cells_stand_for_objects_lists_and_numbers_and_else_are_texts() -> None:
    text = 'key,output,provider,seed,revision,variants\na.jpg,webp,runware ideogram,7,7,"{""x"": {}}"\n'
    [row] = read(text)
    assert isinstance(row, Row)
    assert row.instructions == {
        "output": {"format": "webp"},
        "provider": ["runware", "ideogram"],
        "seed": 7,
        "revision": "7",
        "variants": {"x": {}},
    }


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read_byte_order_mark_and_all(between: str) -> None:
    lines = ["\ufeff" + between.join(["key", "prompt"]), between.join(["a b.jpg", "x"]), ""]
    assert read("\r\n".join(lines)) == [Row(2, "a b.jpg", {"prompt": "x"})]


def test_a_quoted_cell_may_hold_line_breaks() -> None:
    assert read('key,prompt\na.jpg,"on a\nbeach"\nb.jpg,x\n') == [
        Row(2, "a.jpg", {"prompt": "on a\nbeach"}),
        Row(4, "b.jpg", {"prompt": "x"}),
    ]


def test_a_row_without_a_key_or_with_too_many_cells_is_told_by_its_number() -> None:
    found = read("key,prompt\n,on a beach\na.jpg,x,y\nb.jpg\n")
    assert found == [BadRow(2, "it has no key"), BadRow(3, "it has 3 cells under 2 heads"), Row(4, "b.jpg", {})]


@pytest.mark.parametrize("text", ["", "photo,prompt\na.jpg,x\n", "a.jpg\nb.jpg\n"])
def test_a_csv_without_a_column_called_key_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="'key'"):
        read(text)


def test_json_lines_give_values_as_they_are_and_bad_lines_are_told() -> None:
    lines = [
        '{"key": "a.jpg", "num_images": 2}',
        "",
        "{oops",
        "[1]",
        '{"prompt": "x"}',
        '{"key": 7}',
        json.dumps({"key": "b.jpg", "prompt": "x" * LONGEST_LINE}),
    ]
    first, *rest = read("\n".join(lines), "list.jsonl")
    assert first == Row(1, "a.jpg", {"num_images": 2})
    assert [one.number for one in rest] == [3, 4, 5, 6, 7]
    assert all(isinstance(one, BadRow) for one in rest)


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_a_million_rows_are_read_one_at_a_time(name: str) -> None:
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        yield "key\n" if name.endswith("csv") else '{"key": "0.jpg"}\n'
        for n in range(1_000_000):
            taken = n + 1
            yield f"{n}.jpg\n" if name.endswith("csv") else f'{{"key": "{n}.jpg"}}\n'

    rows = rows_of(name, lines())
    for _ in range(10):
        next(rows)
    assert taken <= 10


def test_a_rows_word_comes_before_the_campaigns_and_a_group_goes_whole() -> None:
    given = {"prompt": "on a beach", "style": "golden hour", "num_images": 2}
    assert instructions_of(given, {}) == given
    row = instructions_of(given, {"operation": "remove"})
    assert (row["operation"], "prompt" in row, row["num_images"]) == ("remove", False, 2)
    other = instructions_of(given, {"style_type": "REALISTIC"})
    assert (other["prompt"], "style_preset" in other, other["style_type"]) == ("on a beach", False, "REALISTIC")


def test_a_row_with_mistakes_stands_alone_so_that_intake_tells_of_these() -> None:
    assert instructions_of({"prompt": "x"}, {"num_images": "many"}) == {"num_images": "many"}
