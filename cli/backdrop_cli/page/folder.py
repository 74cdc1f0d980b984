"""Writes a page's folder: the HTML, its style and script, and every picture it shows."""

import re
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Protocol

from backdrop_cli.page.document import document
from backdrop_cli.page.shots import Album

ASSETS = ("page.css", "page.js")


class Files(Protocol):
    """Where the page's pictures come from."""

    def photo(self, key: str) -> bytes:
        """A source's bytes, by its key."""
        ...

    def picture(self, key: str) -> bytes:
        """A result's bytes, by its key in the output bucket."""
        ...


def write(folder: Path, album: Album, source: Files) -> Path:
    """Writes the page into a folder, which is made where it is missing; returns the page's path."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    links: dict[str, str] = {}
    for shot in album.shots:
        for key, load in ((shot.source_key, source.photo), (shot.picture_key, source.picture)):
            if key not in links:
                links[key] = f"pictures/{file_name(len(links) + 1, key)}"
                (folder / links[key]).write_bytes(load(key))
    templates = files("backdrop_cli.page").joinpath("templates")
    for name in ASSETS:
        (folder / name).write_bytes(templates.joinpath(name).read_bytes())
    index = folder / "index.html"
    index.write_text(document(album, links), "utf-8")
    return index


def file_name(number: int, key: str) -> str:
    """A plain name for a key's copy: numbered, so that two keys never share one."""
    path = PurePosixPath(key)
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower())[:60].strip("-")
    suffix = re.sub(r"[^a-z0-9.]", "", path.suffix.lower())[:6]
    return f"{number:03}-{stem or 'photo'}{suffix}"
