"""The photos and pictures that the served pages show: small ones, and files in full size on request.

The browser can request only files that a page has registered.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from backdrop.imaging.prepare import find_size_in_first_bytes
from backdrop.model.frame import Size
from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import FULL_SIZE_FOLDER, FileReader
from backdrop_cli.gallery.thumbnails import build_thumbnail_link, encode_for_browsers, encode_small_file, hash_file

MAX_KEPT_THUMBNAILS = 256


@dataclass(frozen=True)
class Thumbnail:
    """A small WebP, and the size of the file from which it was made."""

    data: bytes
    full_size: Size | None
    byte_count: int


class PageFiles:
    """The files of the served pages. Its methods are called by several threads at a time."""

    def __init__(self, read: FileReader) -> None:
        self._read_file = read
        self._files: dict[str, GalleryFile] = {}
        self._thumbnails: OrderedDict[str, Thumbnail] = OrderedDict()
        self._lock = Lock()

    def register(self, file: GalleryFile) -> str:
        """Allows a thumbnail to be requested, and returns its link relative to the page."""
        link = build_thumbnail_link(file)
        self._files[link] = file
        return link

    def register_full_size(self, file: GalleryFile) -> str:
        """Allows a file to be requested in full size, and returns its link relative to the page."""
        link = f"{FULL_SIZE_FOLDER}/{hash_file(file)}"
        self._files[link] = file
        return link

    def make_thumbnail(self, file: GalleryFile) -> Thumbnail | MissingReason:
        """Returns a file's thumbnail, which is made once, or why there is none."""
        link = build_thumbnail_link(file)
        with self._lock:
            kept = self._thumbnails.get(link)
        if kept:
            return kept
        data = self._read(file)
        if isinstance(data, MissingReason):
            return data
        small = encode_small_file(file, data)
        if isinstance(small, MissingReason):
            return small
        thumbnail = Thumbnail(small, find_size_in_first_bytes(data), len(data))
        with self._lock:
            self._thumbnails[link] = thumbnail
            if len(self._thumbnails) > MAX_KEPT_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return thumbnail

    def read_link(self, link: str) -> tuple[bytes | MissingReason, str]:
        """Returns what a registered link leads to, with its media type, or why there is nothing to show."""
        file = self._files.get(link)
        if file is None:
            return MissingReason.GONE, ""
        if link.startswith(FULL_SIZE_FOLDER):
            return self._read_full_size(file)
        thumbnail = self.make_thumbnail(file)
        return (thumbnail.data, "image/webp") if isinstance(thumbnail, Thumbnail) else (thumbnail, "")

    def _read_full_size(self, file: GalleryFile) -> tuple[bytes | MissingReason, str]:
        data = self._read(file)
        shown = data if isinstance(data, MissingReason) else encode_for_browsers(data)
        return (shown, "") if isinstance(shown, MissingReason) else (shown[0], f"image/{shown[1]}")

    def _read(self, file: GalleryFile) -> bytes | MissingReason:
        """Returns only the bytes that the file must have, if their hash is known."""
        data = self._read_file(file)
        if file.sha256 and not isinstance(data, MissingReason) and hashlib.sha256(data).hexdigest() != file.sha256:
            return MissingReason.GONE
        return data
