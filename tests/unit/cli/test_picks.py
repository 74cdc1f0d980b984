"""The picks file can be read as the page writes it, and as a spreadsheet program saves it."""

from pathlib import Path

import pytest

from backdrop_cli.errors import UsageError
from backdrop_cli.picks import Pick, read_picks


def write_picks(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "picks.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_file_written_by_the_page_is_read(tmp_path: Path) -> None:
    text = '\ufeffkey,output\r\nshoes/red.jpg,shoes/red.jpg/red.png\r\n"a, ""b"".jpg","ü/\n.png"\r\n'
    first, second = read_picks(write_picks(tmp_path, text))
    assert first == Pick("shoes/red.jpg", "shoes/red.jpg/red.png")
    assert second == Pick('a, "b".jpg', "ü/\n.png")


def test_other_columns_empty_lines_and_repeats_are_ignored(tmp_path: Path) -> None:
    text = "note,output,key\n,o.png,k.jpg\n\nagain,o.png,k.jpg\n,,\n"
    assert read_picks(write_picks(tmp_path, text)) == [Pick("k.jpg", "o.png")]


def test_photo_without_a_picture_name_selects_all_its_pictures(tmp_path: Path) -> None:
    assert read_picks(write_picks(tmp_path, "key\nred.jpg\n")) == [Pick("red.jpg", "")]


def test_apostrophe_before_a_formula_is_not_part_of_the_key(tmp_path: Path) -> None:
    text = "key,output\r\n'=1+1.jpg,'@a/b.png\r\n''til.jpg,\r\n'til.jpg,\r\n"
    found = read_picks(write_picks(tmp_path, text))
    assert found == [Pick("=1+1.jpg", "@a/b.png"), Pick("'til.jpg", "")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column `key`"),
        ("photo;output\na;b\n", "no column `key`; its first line must be key,output"),
        ("key,output\n,o.png\n", "line 2 has no key"),
        ('key,output\n"a,b', "is not valid CSV"),
    ],
)
def test_invalid_picks_file_is_reported_with_advice(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_picks(write_picks(tmp_path, text))


def test_missing_or_non_utf_8_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_picks(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_picks(write_picks(tmp_path, "key\nschön.jpg\n", "latin-1"))
