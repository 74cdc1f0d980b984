"""Manifests: each row has a key and instructions, whichever tool wrote it, and is read on its own."""

import json
from collections.abc import Iterator

import pytest

from backdrop.campaigns import manifest
from backdrop.campaigns.campaign import merge_row_instructions
from backdrop.campaigns.manifest import MAX_LINE_BYTES, BadRow, ManifestRow, parse_rows, split_lines
from backdrop.instructions.output_schema import OutputModel
from backdrop.instructions.schema import InstructionsModel, list_number_and_boolean_fields
from backdrop.instructions.sources import parse_request
from backdrop.model.errors import RefusedError


def read_rows(text: str, name: str = "list.csv") -> list[ManifestRow | BadRow]:
    return list(parse_rows(name, [text.encode()]))


def test_csv_row_is_a_key_and_the_fields_of_its_cells() -> None:
    assert read_rows("key,prompt,num_images\na.jpg,on a beach,2\nb.jpg,,\n") == [
        ManifestRow(2, "a.jpg", {"prompt": "on a beach", "num_images": 2}),
        ManifestRow(3, "b.jpg", {}),
    ]


def test_cells_are_objects_lists_numbers_or_else_text() -> None:
    text = 'key,output,provider,seed,revision,variants\na.jpg,webp,runware ideogram,7,7,"{""x"": {}}"\n'
    [row] = read_rows(text)
    assert isinstance(row, ManifestRow)
    assert row.instructions == {
        "output": {"format": "webp"},
        "provider": ["runware", "ideogram"],
        "seed": 7,
        "revision": "7",
        "variants": {"x": {}},
    }


@pytest.mark.parametrize(
    ("header", "cells", "output"),
    [
        ("for", "ebay", {"for": "ebay"}),
        ("for", "amazon-main ebay", {"for": ["amazon-main", "ebay"]}),
        ("for", '"[""amazon-main"", ""ebay""]"', {"for": ["amazon-main", "ebay"]}),
        ("output,for", "webp,ebay", {"format": "webp", "for": "ebay"}),
        ("output,for", '"{""width"": 1000}",ebay etsy', {"width": 1000, "for": ["ebay", "etsy"]}),
    ],
)
def test_column_for_names_the_marketplaces_of_the_output(header: str, cells: str, output: object) -> None:
    [row] = read_rows(f"key,operation,{header}\na.jpg,remove,{cells}\n")
    assert isinstance(row, ManifestRow)
    assert row.instructions == {"operation": "remove", "output": output}
    assert parse_request(row.instructions).errors == ()


def test_column_for_next_to_a_list_of_outputs_is_reported() -> None:
    [row] = read_rows('key,operation,output,for\na.jpg,remove,"[{""format"": ""webp""}]",ebay\n')
    assert isinstance(row, ManifestRow)
    (error,) = parse_request(row.instructions).errors
    assert "'for' is not a field" in str(error)


def test_metadata_columns_are_text_below_metadata() -> None:
    text = 'key,metadata,metadata.sku,metadata.size name,metadata.empty\na.jpg,"{""sku"": 1, ""x"": 2}",0042,[1],\n'
    assert read_rows(text) == [ManifestRow(2, "a.jpg", {"metadata": {"sku": "0042", "x": 2, "size name": "[1]"}})]


def test_metadata_columns_also_work_in_json_lines() -> None:
    assert read_rows('{"key": "a.jpg", "metadata.sku": 42}', "list.jsonl") == [
        ManifestRow(1, "a.jpg", {"metadata": {"sku": 42}})
    ]


def test_metadata_that_is_no_object_is_reported_by_its_field() -> None:
    assert read_rows("key,metadata,metadata.sku\na.jpg,x,1\n") == [
        ManifestRow(2, "a.jpg", {"metadata": "x", "metadata.sku": "1"})
    ]


def test_row_adds_its_metadata_to_that_of_the_campaign() -> None:
    campaign = {"prompt": "{product}, {season}", "metadata": {"season": "winter", "product": "?"}}
    merged = merge_row_instructions(campaign, {"metadata": {"product": "shoe"}})
    assert merged == {**campaign, "operation": "replace", "metadata": {"season": "winter", "product": "shoe"}}


@pytest.mark.parametrize(
    ("name", "example"),
    [(name, one) for name, field in InstructionsModel.model_fields.items() for one in field.examples or ()],
)
def test_cell_with_a_fields_example_has_its_json_value(name: str, example: object) -> None:
    cell = example if isinstance(example, str) else json.dumps(example)
    [row] = read_rows(f'key;{name}\na.jpg;"{cell.replace('"', '""')}"\n')
    assert isinstance(row, ManifestRow)
    assert row.instructions == {name: example}


def test_numbers_and_booleans_are_derived_from_the_model() -> None:
    assert list_number_and_boolean_fields(OutputModel) == {"width", "height", "quality", "max_bytes", "margin", "trim"}


@pytest.mark.parametrize(("cell", "value"), [("true", True), ("TRUE", True), ("FALSE", False), ("yes", "yes")])
def test_boolean_cell_is_read_as_spreadsheets_write_it(
    cell: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_list_unquoted_columns", lambda: {"loop"})
    assert read_rows(f"key,loop\na.jpg,{cell}\n") == [ManifestRow(2, "a.jpg", {"loop": value})]


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_spreadsheet_output_is_read_including_its_byte_order_mark(between: str) -> None:
    lines = ["\ufeff" + between.join(["key", "prompt"]), between.join(["a b.jpg", "x"]), ""]
    assert read_rows("\r\n".join(lines)) == [ManifestRow(2, "a b.jpg", {"prompt": "x"})]


@pytest.mark.parametrize("stray", ['"on a beach', '"on a beach" or so', '"'])
def test_stray_quote_affects_and_reports_only_its_own_row(stray: str) -> None:
    bad, *rest = read_rows(f'key,prompt\na.jpg,{stray}\nb.jpg,x\nc.jpg,"y"\nd.jpg,5" wide\n')
    assert isinstance(bad, BadRow)
    assert (bad.number, bad.reason.partition(" (")[0]) == (2, "it is not a complete row")
    assert rest == [
        ManifestRow(3, "b.jpg", {"prompt": "x"}),
        ManifestRow(4, "c.jpg", {"prompt": "y"}),
        ManifestRow(5, "d.jpg", {"prompt": '5" wide'}),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_cell_with_line_breaks_is_one_row_and_later_rows_keep_their_line_numbers(end: str, between: str) -> None:
    cell = end.join(["first", "", 'say ""hi""', f"a{between}b"])
    lines = [
        f"key{between}prompt",
        f'"a.jpg"{between}"{cell}"',
        "",
        f"b.jpg{between}x{between}y",
        f"c.jpg{between}z",
        "",
    ]
    assert read_rows(end.join(lines)) == [
        ManifestRow(2, "a.jpg", {"prompt": cell.replace('""', '"')}),
        BadRow(7, "it has 3 cells, but the header has 2"),
        ManifestRow(8, "c.jpg", {"prompt": "z"}),
    ]


@pytest.mark.parametrize(
    ("length", "closing"), [(1, ""), (1, 'z.jpg,",x,y'), (1, 'z.jpg," x'), (1000, ""), (1000, 'z.jpg,"')]
)
def test_quote_that_never_closes_its_row_loses_no_other_row(length: int, closing: str) -> None:
    rows = [f"{n}.jpg,{'x' * length}" for n in range(400)]
    first, *others = read_rows("\n".join(["key,prompt", 'a.jpg,"open', *rows, closing]))
    assert isinstance(first, BadRow)
    assert first.number == 2
    assert [(one.number, one.key) for one in others if isinstance(one, ManifestRow)][:400] == [
        (n + 3, f"{n}.jpg") for n in range(400)
    ]


def test_key_that_a_report_escaped_is_the_photos_key() -> None:
    [one, other, third] = read_rows("key\n'=1+1.jpg\n''-1.jpg\n'til dawn.jpg\n")
    assert [getattr(row, "key", "") for row in (one, other, third)] == ["=1+1.jpg", "'-1.jpg", "'til dawn.jpg"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_do_not_depend_on_the_chunks_of_the_file(end: str, size: int) -> None:
    data = f"key{end}{end}\u00e4.jpg{end}b.jpg".encode()
    lines = list(split_lines(data[n : n + size] for n in range(0, len(data), size)))
    assert lines == data.splitlines(keepends=True)


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_endless_line_is_reported_without_being_buffered(name: str) -> None:
    held = 0

    class Piece(bytes):
        """Records the length of the bytes that it is appended to."""

        def __radd__(self, before: bytes) -> bytes:
            nonlocal held
            held = max(held, len(before))
            return before + bytes(self)

    pieces = [b"key\n", *(Piece(b"x" * 1_000_000) for _ in range(5)), b"\n", b'{"key": "a.jpg"}\n']
    found = list(parse_rows(name, pieces))
    assert found[-2] == BadRow(2, "it has more than 200,000 bytes")
    assert isinstance(found[-1], ManifestRow)
    assert held <= MAX_LINE_BYTES + 1


def test_line_length_is_measured_in_bytes() -> None:
    row = json.dumps({"key": "a.jpg", "prompt": "\u00e4" * (MAX_LINE_BYTES // 2)}, ensure_ascii=False)
    assert read_rows(row, "list.jsonl") == [BadRow(1, "it has more than 200,000 bytes")]


@pytest.mark.parametrize(
    "text",
    ['{"key": "\\ud800.jpg"}', '{"key": "a.jpg", "prompt": "\\ud800"}', '{"key": "a.jpg", "seed": NaN}'],
)
def test_row_that_json_cannot_represent_is_a_bad_row(text: str) -> None:
    [bad_row] = read_rows(text, "list.jsonl")
    assert isinstance(bad_row, BadRow)
    assert "an unpaired surrogate, NaN" in bad_row.reason


def test_row_without_key_or_with_extra_cells_is_reported_by_number() -> None:
    found = read_rows("key,prompt\n,on a beach\na.jpg,x,y\nb.jpg\n")
    assert found == [
        BadRow(2, "it has no key"),
        BadRow(3, "it has 3 cells, but the header has 2"),
        ManifestRow(4, "b.jpg", {}),
    ]


@pytest.mark.parametrize("text", ["", "photo,prompt\na.jpg,x\n", "a.jpg\nb.jpg\n"])
def test_csv_without_a_key_column_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="'key'"):
        read_rows(text)


def test_json_lines_keep_their_values_and_report_bad_lines() -> None:
    lines = [
        '{"key": "a.jpg", "num_images": 2}',
        "",
        "{oops",
        "[1]",
        '{"prompt": "x"}',
        '{"key": 7}',
        json.dumps({"key": "b.jpg", "prompt": "x" * MAX_LINE_BYTES}),
    ]
    first, *rest = read_rows("\n".join(lines), "list.jsonl")
    assert first == ManifestRow(1, "a.jpg", {"num_images": 2})
    assert [one.number for one in rest] == [3, 4, 5, 6, 7]
    assert all(isinstance(one, BadRow) for one in rest)


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_million_rows_are_read_one_at_a_time(name: str) -> None:
    taken = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken
        yield b"key\n" if name.endswith("csv") else b'{"key": "0.jpg"}\n'
        for n in range(1_000_000):
            taken = n + 1
            yield (f"{n}.jpg\n" if name.endswith("csv") else f'{{"key": "{n}.jpg"}}\n').encode()

    rows = parse_rows(name, lines())
    for _ in range(10):
        next(rows)
    assert taken <= 11


def test_fields_of_a_row_override_those_of_the_campaign() -> None:
    given = {"prompt": "on a beach", "style": "golden hour", "num_images": 2}
    assert merge_row_instructions(given, {}) == given
    row = merge_row_instructions(given, {"operation": "remove"})
    assert (row["operation"], "prompt" in row, row["num_images"]) == ("remove", False, 2)
    other = merge_row_instructions(given, {"style_type": "REALISTIC"})
    assert (other["prompt"], "style_preset" in other, other["style_type"]) == ("on a beach", False, "REALISTIC")


def test_fields_of_a_row_with_errors_are_not_merged() -> None:
    assert merge_row_instructions({"prompt": "x"}, {"num_images": "many"}) == {"num_images": "many"}
