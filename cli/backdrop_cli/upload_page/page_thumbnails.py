"""The page's pictures in small: under the names that the gallery gives them, each made when a browser asks for it."""

from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.thumbnails import FileReader, build_thumbnail_link, encode_thumbnail


class PageThumbnails:
    """What one served page shows: only what it has been told of can be asked for."""

    def __init__(self, read: FileReader) -> None:
        self._read = read
        self._files: dict[str, GalleryFile] = {}

    def register(self, file: GalleryFile) -> str:
        """Where the page finds it, from its own address."""
        link = build_thumbnail_link(file)
        self._files[link] = file
        return link

    def make_thumbnail(self, link: str) -> bytes | None:
        """A small WebP; None where there is no such file any more, or nothing that can be shown."""
        file = self._files.get(link)
        data = self._read(file) if file else MissingReason.GONE
        thumbnail = data if isinstance(data, MissingReason) else encode_thumbnail(data)
        return None if isinstance(thumbnail, MissingReason) else thumbnail
