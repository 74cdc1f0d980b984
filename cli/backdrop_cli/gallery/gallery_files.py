"""The files of a gallery's folder: a thumbnail of each photo and picture, and the file itself for the full-size view.

Each file is downloaded once. Names contain a hash of what they show, so a file that is there is never out of date.
"""

import shutil
from base64 import b64encode
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from re import findall
from urllib.parse import quote, unquote

from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.thumbnails import (
    SUFFIXES,
    THUMBNAIL_FOLDER,
    build_thumbnail_link,
    encode_for_browsers,
    encode_small_file,
    hash_file,
)
from backdrop_cli.parallel import parallel_map
from backdrop_cli.replaced_files import PARTIAL_SUFFIX, replace_file
from backdrop_client.file_names import make_file_name

FULL_SIZE_FOLDER = "files"
_ALL_SUFFIXES = frozenset(chain.from_iterable(SUFFIXES.values()))

type FileReader = Callable[[GalleryFile], bytes | MissingReason]


@dataclass(frozen=True)
class SavedFile:
    """One photo or picture in the page's folder.

    `thumbnail` is its path relative to the page, or why it has none; `is_new`: just made. `full_size_link` is the URL
    of the file itself relative to the page, "" if the folder does not have it.
    """

    file: GalleryFile
    thumbnail: str | MissingReason
    full_size_link: str = ""
    is_new: bool = False


def save_files(
    folder: Path,
    files: Iterable[GalleryFile],
    read_file: FileReader,
    max_workers: int,
    *,
    full_size_of: Collection[GalleryFile] = (),
) -> Generator[SavedFile]:
    """Yields the files in order, each with what the folder has of it; downloads only what is missing.

    Makes a thumbnail of each file, and saves those of `full_size_of` in full size, too. Raises OSError if a file cannot
    be written.
    """
    (folder / THUMBNAIL_FOLDER).mkdir(parents=True, exist_ok=True)
    return parallel_map(
        lambda file: _save_file(folder, file, read_file, full_size=file in full_size_of), files, max_workers
    )


def list_missing_full_sizes(folder: Path, files: Iterable[GalleryFile]) -> list[GalleryFile]:
    """Returns the files that the folder does not have in full size; of several with the same bytes, the first."""
    missing: dict[str, GalleryFile] = {}
    for file in files:
        if not _find_full_size_link(folder, file):
            missing.setdefault(hash_file(file), file)
    return list(missing.values())


def measure_full_sizes(folder: Path, links: Iterable[str]) -> int:
    """Returns the total bytes of the full-size files of a page."""
    return sum((folder / unquote(link)).stat().st_size for link in {*links})


def find_saved_paths(page: str) -> set[str]:
    """Returns the paths of the thumbnails, and of the folders of full-size files, that a page shows."""
    return set(findall(rf"{THUMBNAIL_FOLDER}/[0-9a-f]{{32}}\.webp|{FULL_SIZE_FOLDER}/[0-9a-f]{{32}}", page))


def delete_saved_paths(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        if (folder / path).is_dir():
            shutil.rmtree(folder / path)
        else:
            (folder / path).unlink(missing_ok=True)


def encode_data_url(thumbnail: bytes) -> str:
    return f"data:image/webp;base64,{b64encode(thumbnail).decode()}"


def _save_file(folder: Path, file: GalleryFile, read_file: FileReader, *, full_size: bool) -> SavedFile:
    link = build_thumbnail_link(file)
    has_thumbnail = (folder / link).is_file()
    full_size_link = _find_full_size_link(folder, file) if full_size else ""
    if has_thumbnail and (full_size_link or not full_size):
        return SavedFile(file, link, full_size_link)
    data = read_file(file)
    if isinstance(data, MissingReason):
        return SavedFile(file, link if has_thumbnail else data, full_size_link)
    thumbnail = None if has_thumbnail else encode_small_file(file, data)
    if isinstance(thumbnail, bytes):
        with replace_file(folder / link) as written:
            written.write(thumbnail)
    if full_size and not full_size_link:
        full_size_link = _write_full_size(folder, file, data)
    return SavedFile(
        file,
        thumbnail if isinstance(thumbnail, MissingReason) else link,
        full_size_link,
        is_new=isinstance(thumbnail, bytes),
    )


def _find_full_size_link(folder: Path, file: GalleryFile) -> str:
    """Returns "" if the folder does not have the file. Its name depends on its content, so the folder is listed."""
    path = folder / FULL_SIZE_FOLDER / hash_file(file)
    names = sorted(one.name for one in path.iterdir() if one.suffix.lower() in _ALL_SUFFIXES) if path.is_dir() else []
    return _build_full_size_link(file, names[0]) if names else ""


def _build_full_size_link(file: GalleryFile, name: str) -> str:
    return f"{FULL_SIZE_FOLDER}/{hash_file(file)}/{quote(name)}"


def _write_full_size(folder: Path, file: GalleryFile, data: bytes) -> str:
    """Writes a picture as it was delivered, and a photo in a format that browsers show; "" if there is none.

    The file's suffix is that of its format: a photo may have any name, and browsers and desktops run a file by its
    suffix. A file that an earlier release wrote under another suffix is deleted.
    """
    shown = encode_for_browsers(data)
    if isinstance(shown, MissingReason):
        return ""
    data, file_format = shown
    name, suffixes = file.key.rpartition("/")[2], SUFFIXES[file_format]
    name = make_file_name(name if name.lower().endswith(suffixes) else f"{name}{suffixes[0]}")
    path = folder / FULL_SIZE_FOLDER / hash_file(file) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as written:
        written.write(data)
    for other in path.parent.iterdir():
        if other.suffix.lower() not in {*_ALL_SUFFIXES, PARTIAL_SUFFIX}:
            other.unlink()
    return _build_full_size_link(file, name)
