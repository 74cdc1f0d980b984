"""Writes the folder of a gallery: its HTML, and a thumbnail of each file that it shows."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backdrop_cli.gallery.album import Album, GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_html import GENERATOR, GalleryScope, render_gallery
from backdrop_cli.gallery.thumbnails import FileReader, delete_thumbnails, find_thumbnail_links, make_thumbnails

INDEX_FILE_NAME = "index.html"
_HEAD_CHARACTERS = 20_000


@dataclass(frozen=True)
class GalleryResult:
    """A gallery on disk; `missing_files` are the photos and pictures without a thumbnail.

    The photo of an error report may have no thumbnail; it is not listed.
    """

    index_path: Path
    new_thumbnail_count: int
    kept_thumbnail_count: int
    missing_files: Mapping[GalleryFile, MissingReason]


def write_gallery(
    folder: Path,
    album: Album,
    read_file: FileReader,
    created_at: datetime,
    *,
    max_workers: int = 0,
    report_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> GalleryResult:
    """Writes the gallery into a folder, which is created if necessary; keeps the thumbnails of an earlier run.

    `report_progress` gets the number of finished thumbnails and the total. An existing page is replaced atomically
    after all thumbnails are written. Thumbnails that only the old page showed are deleted after that. Raises OSError if
    the disk is full or the folder is not writable.
    """
    files = album.files
    thumbnails: list[tuple[GalleryFile, str | MissingReason, bool]] = []
    for thumb in make_thumbnails(folder, files, read_file, max_workers):
        thumbnails.append((thumb.file, thumb.link, thumb.is_new))
        report_progress(len(thumbnails), len(files))
    links = {file: link for file, link, _ in thumbnails}
    index = folder / INDEX_FILE_NAME
    previous_links = find_thumbnail_links(_read_index(index))
    temporary_path = index.with_suffix(f".{os.getpid()}.part")
    temporary_path.write_text(render_gallery(album, links, created_at), "utf-8")
    temporary_path.replace(index)
    delete_thumbnails(folder, previous_links - set(links.values()))
    # Two threads may have made the same thumbnail: count it once.
    new_count = len({link for _, link, is_new in thumbnails if is_new})
    expected_files = {file for shot in album.comparisons for file in (shot.photo, shot.picture)}
    missing = {file: link for file, link in links.items() if file in expected_files and isinstance(link, MissingReason)}
    shown_count = sum(not isinstance(link, MissingReason) for link in links.values())
    return GalleryResult(index, new_count, shown_count - new_count, missing)


def describe_other_page(folder: Path, album: Album) -> str:
    """Describes a page in the folder that the album's page would not include, to complete `it has …`; "" if none."""
    index = folder / INDEX_FILE_NAME
    if not index.exists():
        return ""
    head = _read_index(index)[:_HEAD_CHARACTERS]
    if f'content="{GENERATOR}"' not in head:
        return "an index.html that this command did not write"
    existing_scope, new_scope = GalleryScope.parse(head), GalleryScope.from_album(album)
    if existing_scope is None:
        return "a page of an earlier release, which does not list its photos"
    if new_scope.includes(existing_scope):
        return ""
    if new_scope.stack != existing_scope.stack:
        return "the page of another stack"
    return f"the page of {existing_scope.prefix}" if existing_scope.prefix else "the page of all photos"


def _read_index(index: Path) -> str:
    return index.read_bytes().decode(errors="replace") if index.exists() else ""
