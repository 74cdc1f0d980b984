"""Thumbnails for the upload page, with the gallery's names, each made when the browser requests it."""

from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import FileReader
from backdrop_cli.gallery.thumbnails import build_thumbnail_link, encode_thumbnail


class PageThumbnails:
    """The thumbnails of one served page; only registered files can be requested."""

    def __init__(self, read: FileReader) -> None:
        self._read = read
        self._files: dict[str, GalleryFile] = {}

    def register(self, file: GalleryFile) -> str:
        """Allows a file to be requested, and returns its link relative to the page."""
        link = build_thumbnail_link(file)
        self._files[link] = file
        return link

    def make_thumbnail(self, link: str) -> bytes | None:
        """Returns a small WebP, None if the file is gone or cannot be shown."""
        file = self._files.get(link)
        data = self._read(file) if file else MissingReason.GONE
        thumbnail = data if isinstance(data, MissingReason) else encode_thumbnail(data)
        return None if isinstance(thumbnail, MissingReason) else thumbnail
