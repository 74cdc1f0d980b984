"""Writes a gallery: a folder with its HTML, thumbnails, and full-size files, or one file with everything in it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from backdrop_cli.gallery.album import Album, GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import (
    FileReader,
    SavedFile,
    delete_saved_paths,
    encode_data_url,
    find_saved_paths,
    measure_full_sizes,
    save_files,
)
from backdrop_cli.gallery.gallery_html import GENERATOR, GalleryScope, render_gallery
from backdrop_cli.replaced_files import replace_file

INDEX_FILE_NAME = "index.html"
_HEAD_CHARACTERS = 20_000

type ProgressCallback = Callable[[int, int], None]


def _report_nothing(_done: int, _total: int) -> None: ...


@dataclass(frozen=True)
class GalleryResult:
    """A gallery on disk; `missing_files` are the photos and pictures without a thumbnail.

    The photo of an error report may have no thumbnail; it is not listed. `page_bytes` is the size of the HTML, and
    `full_size_bytes` that of all full-size files of the page.
    """

    index_path: Path
    page_bytes: int
    new_thumbnail_count: int
    kept_thumbnail_count: int
    missing_files: Mapping[GalleryFile, MissingReason]
    full_size_count: int = 0
    full_size_bytes: int = 0


def write_gallery(
    folder: Path,
    album: Album,
    read_file: FileReader,
    created_at: datetime,
    *,
    full_size: bool = True,
    max_workers: int = 0,
    report_progress: ProgressCallback = _report_nothing,
) -> GalleryResult:
    """Writes the gallery into a folder, which is created if necessary; keeps the files of an earlier run.

    Without `full_size`, the page has thumbnails only. `report_progress` gets the number of finished files and the
    total. An existing page is replaced atomically after all files are written. Files that only the old page showed are
    deleted after that. Raises OSError if the disk is full or the folder is not writable.
    """
    full_size_of = frozenset(album.compared_files if full_size else ())
    saved = _save_all(folder, album, read_file, max_workers, report_progress, full_size_of=full_size_of)
    index = folder / INDEX_FILE_NAME
    previous_paths = find_saved_paths(_read_page(index))
    full_size_links = {one.file: one.full_size_link for one in saved if one.full_size_link}
    page = render_gallery(album, _list_thumbnails(saved), created_at, full_size_links=full_size_links)
    with replace_file(index) as file:
        file.write(page.encode())
    delete_saved_paths(folder, previous_paths - find_saved_paths(page))
    links = {*full_size_links.values()}
    return _build_result(index, page, album, saved, len(links), measure_full_sizes(folder, links))


@dataclass(frozen=True)
class SingleFilePage:
    """A gallery as one HTML file, with its thumbnails in it and without full-size files; not written yet."""

    html: str
    album: Album
    saved: Sequence[SavedFile]

    @property
    def byte_count(self) -> int:
        return len(self.html.encode())

    def write(self, path: Path) -> GalleryResult:
        """Writes the file atomically. Raises OSError if that fails."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as file:
            file.write(self.html.encode())
        return _build_result(path, self.html, self.album, self.saved)


def render_single_file(
    album: Album,
    read_file: FileReader,
    created_at: datetime,
    *,
    max_workers: int = 0,
    report_progress: ProgressCallback = _report_nothing,
) -> SingleFilePage:
    """Renders the gallery as one HTML file; `report_progress` gets the number of finished thumbnails and the total."""
    with TemporaryDirectory() as name:
        saved = _save_all(Path(name), album, read_file, max_workers, report_progress)
        links = {one.thumbnail for one in saved if not isinstance(one.thumbnail, MissingReason)}
        embedded = {link: encode_data_url(Path(name, link).read_bytes()) for link in sorted(links)}
    return SingleFilePage(render_gallery(album, _list_thumbnails(saved), created_at, embedded=embedded), album, saved)


def _save_all(
    folder: Path,
    album: Album,
    read_file: FileReader,
    max_workers: int,
    report_progress: ProgressCallback,
    *,
    full_size_of: Collection[GalleryFile] = (),
) -> list[SavedFile]:
    files = album.files
    saved: list[SavedFile] = []
    for one in save_files(folder, files, read_file, max_workers, full_size_of=full_size_of):
        saved.append(one)
        report_progress(len(saved), len(files))
    return saved


def _list_thumbnails(saved: Sequence[SavedFile]) -> dict[GalleryFile, str | MissingReason]:
    return {one.file: one.thumbnail for one in saved}


def _build_result(
    path: Path,
    page: str,
    album: Album,
    saved: Sequence[SavedFile],
    full_size_count: int = 0,
    full_size_bytes: int = 0,
) -> GalleryResult:
    # Two threads may have made the same thumbnail: count it once.
    new_count = len({one.thumbnail for one in saved if one.is_new})
    compared_files = {*album.compared_files}
    missing = {
        one.file: one.thumbnail
        for one in saved
        if one.file in compared_files and isinstance(one.thumbnail, MissingReason)
    }
    shown_count = sum(not isinstance(one.thumbnail, MissingReason) for one in saved)
    return GalleryResult(
        path, len(page.encode()), new_count, shown_count - new_count, missing, full_size_count, full_size_bytes
    )


def list_gallery_paths(folder: Path) -> set[str]:
    """Returns the files that a gallery in this folder consists of, and its folders (with `/`); nothing without one."""
    page = _read_page(folder / INDEX_FILE_NAME)
    if not _is_gallery(page):
        return set()
    return {INDEX_FILE_NAME} | {path if "." in path else f"{path}/" for path in find_saved_paths(page)}


def _is_gallery(page: str) -> bool:
    return f'content="{GENERATOR}"' in page[:_HEAD_CHARACTERS]


def describe_other_page(path: Path, album: Album) -> str:
    """Describes an existing page that the album's page would not include, to complete `it has …`; else ""."""
    if not path.exists():
        return ""
    head = _read_page(path)[:_HEAD_CHARACTERS]
    if not _is_gallery(head):
        return "content that this command did not write"
    existing_scope, new_scope = GalleryScope.parse(head), GalleryScope.from_album(album)
    if existing_scope is None:
        return "a page of an earlier release, which does not list its photos"
    if new_scope.includes(existing_scope):
        return ""
    if new_scope.stack != existing_scope.stack:
        return "the page of another stack"
    return f"the page of {existing_scope.prefix}" if existing_scope.prefix else "the page of all photos"


def _read_page(path: Path) -> str:
    return path.read_bytes().decode(errors="replace") if path.exists() else ""
