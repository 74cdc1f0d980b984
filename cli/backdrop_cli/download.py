"""The `download` command: selects pictures, downloads them, and reports the result."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backdrop.model.object_keys import folder_of
from backdrop_cli import picks
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, NothingFoundError
from backdrop_cli.local_folder import expand_home
from backdrop_cli.local_names import find_common_folder, folder_of_photo
from backdrop_cli.picture_downloads import DownloadPlace, DownloadResult, download_pictures, print_download
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def run_download(stack: Stack, screen: Screen, prefix: str, picks_file: Path | None, folder: Path) -> int:
    """Downloads the pictures of a prefix or a picks file. Returns the exit code: 1 if any is missing or blocked.

    Raises NothingFoundError if there is none.
    """
    with screen.spinner("reading the receipts"):
        keys = list(
            dict.fromkeys(_list_picked_keys(stack, picks_file) if picks_file else _list_keys_below(stack, prefix))
        )
    if not keys:
        screen.print_json({"stack": stack.name, **DownloadResult(folder).build_document()})
        pictures_text = f"in {picks_file}" if picks_file else f"for {prefix}" if prefix else "in the output bucket"
        raise NothingFoundError(
            f"no pictures {pictures_text}, stack {stack.name}; to see what is in progress, run `backdrop status`"
        )
    base = find_common_folder(map(folder_of_photo, keys)) if picks_file else folder_of(prefix)
    result = download_pictures(stack, screen, keys, DownloadPlace(expand_home(folder), base))
    screen.print_json({"stack": stack.name, **result.build_document()})
    print_download(screen, result)
    return EXIT_FAILURE if result.missing or result.blocked else EXIT_OK


def _list_keys_below(stack: Stack, prefix: str) -> Iterator[str]:
    """Yields the keys of the current pictures of all photos whose keys begin with the prefix."""
    for receipt in stack.bucket_reader.read_receipts(prefix, stack.max_threads):
        yield from _list_current_pictures(receipt)


def _list_picked_keys(stack: Stack, file: Path) -> Iterator[str]:
    """Yields the keys of the pictures in a picks file; a row without a picture selects all of its photo."""
    for pick in picks.read_picks(file):
        if pick.picture_key:
            yield pick.picture_key
        elif receipt := stack.bucket_reader.read_receipt(pick.photo_key):
            yield from _list_current_pictures(receipt)


def _list_current_pictures(receipt: Mapping[str, Any]) -> list[str]:
    return [result["key"] for job in receipt["jobs"] if job["current"] for result in job["results"]]
