"""The page's pictures in small: under the names that the gallery gives them, each made when a browser asks for it."""

from backdrop_cli.page.shots import File, Missing
from backdrop_cli.page.thumbs import Read, link_of, shrunk


class Small:
    """What one served page shows: only what it has been told of can be asked for."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._files: dict[str, File] = {}

    def link(self, file: File) -> str:
        """Where the page finds it, from its own address."""
        link = link_of(file)
        self._files[link] = file
        return link

    def picture(self, link: str) -> bytes | None:
        """A small WebP; None where there is no such file any more, or nothing that can be shown."""
        file = self._files.get(link)
        data = self._read(file) if file else Missing.GONE
        small = data if isinstance(data, Missing) else shrunk(data)
        return None if isinstance(small, Missing) else small
