"""Creates the pictures of a product feed: `python product_feed.py STACK FEED.csv FOLDER`.

The feed has the columns `sku`, `photo`, and `prompt`. Stop it at any time, and run it again: each picture is paid once.
"""

import csv
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backdrop_client import Backdrop, BatchProgress

SKU = re.compile(r"\w[\w.+ -]*")


def read_feed(feed: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yields each photo with its instructions. The SKU is in the receipt, too.

    Raises ValueError before the first photo if a SKU cannot be the name of a file in the folder.
    """
    with feed.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if not SKU.fullmatch(row["sku"]):
            raise ValueError(f"{row['sku']!r} is not a SKU: a picture's file is named after it.")
    for row in rows:
        yield feed.parent / row["photo"], {"prompt": row["prompt"], "metadata": {"sku": row["sku"]}}


def print_progress(progress: BatchProgress) -> None:
    print(f"{progress.stored} stored, {progress.failed} failed, ${progress.usd:.2f}", file=sys.stderr)


def create_pictures(client: Backdrop, feed: Path, folder: Path, **instructions: Any) -> int:
    """Saves each picture as `<sku>.png`, and returns how many photos failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for item in client.map(read_feed(feed), in_flight=20, on_progress=print_progress, **instructions):
        if item.result is None:
            failed += 1
            print(f"{item.photo}: {item.error}")
            continue
        sku = item.result.receipt["jobs"][0]["instructions"]["metadata"]["sku"]
        item.result.pictures[0].save(folder / f"{sku}.png")
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python product_feed.py STACK FEED.csv FOLDER")
    sys.exit(create_pictures(Backdrop(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])) > 0)
