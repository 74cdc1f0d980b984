"""Writes a page's folder: the HTML, and a thumb of every picture that it shows."""

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
    """A page on disk: `new_thumbnail_count` thumbs are new, `kept_thumbnail_count` were there before.

    `missing_files` are the pictures without a thumb.

    The photo of an error report may have none.
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
    """Writes the page into a folder, which is created if necessary; thumbs of an earlier run are kept.

    `report_progress` gets how many thumbs are done. The page that is there is replaced at once when all thumbs are, and
    only then are thumbs deleted that it alone showed. Raises OSError where the disk is full or the folder cannot be
    written.
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
    # Two threads may have made the same thumb at a time: it counts once.
    new_count = len({link for _, link, is_new in thumbnails if is_new})
    expected_files = {file for shot in album.comparisons for file in (shot.photo, shot.picture)}
    missing = {file: link for file, link in links.items() if file in expected_files and isinstance(link, MissingReason)}
    shown_count = sum(not isinstance(link, MissingReason) for link in links.values())
    return GalleryResult(index, new_count, shown_count - new_count, missing)


def describe_other_page(folder: Path, album: Album) -> str:
    """What page the folder holds that the album's page would not include, to complete `it holds …`; "" for none."""
    index = folder / INDEX_FILE_NAME
    if not index.exists():
        return ""
    head = _read_index(index)[:_HEAD_CHARACTERS]
    if f'content="{GENERATOR}"' not in head:
        return "an index.html that this command did not write"
    existing_scope, new_scope = GalleryScope.parse(head), GalleryScope.from_album(album)
    if existing_scope is None:
        return "a page of an earlier release, which does not say which photos it shows"
    if new_scope.includes(existing_scope):
        return ""
    if new_scope.stack != existing_scope.stack:
        return "the page of another stack"
    return f"the page of {existing_scope.prefix}" if existing_scope.prefix else "the page of all photos"


def _read_index(index: Path) -> str:
    return index.read_bytes().decode(errors="replace") if index.exists() else ""
