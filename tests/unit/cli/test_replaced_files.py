"""A file keeps its content until its new content is complete."""

import os
import stat
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


def test_new_file_has_the_permissions_of_the_replaced_one_or_of_the_umask(tmp_path: Path) -> None:
    private, new = tmp_path / "private.csv", tmp_path / "new.csv"
    private.touch(0o600)
    before = os.umask(0o027)
    try:
        for path in (private, new):
            with replace_file(path) as file:
                file.write(b"text")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (private, new)] == [0o600, 0o640]
