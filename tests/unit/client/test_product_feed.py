"""The example with a product feed names files after SKUs only if they stay in its folder."""

from pathlib import Path
from runpy import run_path

import pytest

from backdrop_local.home import ROOT

EXAMPLE = ROOT / "examples/python-client/product_feed.py"


def write_feed(folder: Path, *skus: str) -> Path:
    feed = folder / "feed.csv"
    feed.write_text("\n".join(["sku,photo,prompt", *(f"{sku},cup.jpg,on marble" for sku in skus)]))
    return feed


@pytest.mark.parametrize("sku", ["../evil", "a/b", "/etc/x", "", "..", ".hidden"])
def test_sku_that_is_no_file_name_is_refused_before_the_first_photo(sku: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a SKU"):
        next(run_path(str(EXAMPLE))["read_feed"](write_feed(tmp_path, "SKU-1", sku)))


def test_sku_that_is_a_file_name_is_part_of_the_instructions(tmp_path: Path) -> None:
    rows = run_path(str(EXAMPLE))["read_feed"](write_feed(tmp_path, "SKU-1.b"))
    assert list(rows) == [(tmp_path / "cup.jpg", {"prompt": "on marble", "metadata": {"sku": "SKU-1.b"}})]


def test_feed_that_a_spreadsheet_saved_as_utf_8_is_read(tmp_path: Path) -> None:
    """Excel puts a byte order mark before the first column's name."""
    feed = write_feed(tmp_path, "Café")
    feed.write_bytes(b"\xef\xbb\xbf" + feed.read_text().encode())
    ((_, instructions),) = run_path(str(EXAMPLE))["read_feed"](feed)
    assert instructions["metadata"] == {"sku": "Café"}
