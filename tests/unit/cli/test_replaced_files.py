"""A file keeps its content until its new content is complete."""

from pathlib import Path

import pytest

from backdrop_cli.replaced_files import replace_file


def test_complete_file_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("earlier")
    with replace_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "earlier"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replace_file(path) as file:
        file.write(b"half of the")
        raise RuntimeError


def test_failed_write_keeps_the_earlier_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("earlier")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
