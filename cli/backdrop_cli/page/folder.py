"""Writes a page's folder: the HTML, and a thumb of every picture that it shows."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backdrop_cli.page.document import GENERATOR, Shows, document
from backdrop_cli.page.shots import Album, File, Missing
from backdrop_cli.page.thumbs import Read, forget, linked, thumbs

INDEX = "index.html"
_HEAD = 20_000


@dataclass(frozen=True)
class Written:
    """A page on disk: `made` thumbs are new, `kept` were there before; `missing` are the pictures without a thumb.

    The photo of an error report may have none.
    """

    index: Path
    made: int
    kept: int
    missing: Mapping[File, Missing]


def write(
    folder: Path,
    album: Album,
    read: Read,
    made_at: datetime,
    *,
    at_once: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Written:
    """Writes the page into a folder, which is created if necessary; thumbs of an earlier run are kept.

    `tell` gets how many thumbs are done. The page that is there is replaced at once when all thumbs are, and only then
    are thumbs deleted that it alone showed. Raises OSError where the disk is full or the folder cannot be written.
    """
    files = album.files
    found: list[tuple[File, str | Missing, bool]] = []
    for thumb in thumbs(folder, files, read, at_once):
        found.append((thumb.file, thumb.link, thumb.fresh))
        tell(len(found), len(files))
    links = {file: link for file, link, _ in found}
    index = folder / INDEX
    before = linked(_text(index))
    written = index.with_suffix(f".{os.getpid()}.part")
    written.write_text(document(album, links, made_at), "utf-8")
    written.replace(index)
    forget(folder, before - set(links.values()))
    # Two threads may have made the same thumb at a time: it counts once.
    made = len({link for _, link, fresh in found if fresh})
    wanted = {file for shot in album.shots for file in (shot.photo, shot.picture)}
    missing = {file: link for file, link in links.items() if file in wanted and isinstance(link, Missing)}
    shown = sum(not isinstance(link, Missing) for link in links.values())
    return Written(index, made, shown - made, missing)


def holds_another_page(folder: Path, album: Album) -> str:
    """What page the folder holds that the album's page would not include, to complete `it holds …`; "" for none."""
    index = folder / INDEX
    if not index.exists():
        return ""
    head = _text(index)[:_HEAD]
    if f'content="{GENERATOR}"' not in head:
        return "an index.html that this command did not write"
    found, ours = Shows.read(head), Shows.of(album)
    if found is None:
        return "a page of an earlier release, which does not say which photos it shows"
    if ours.includes(found):
        return ""
    if ours.stack != found.stack:
        return "the page of another stack"
    return f"the page of {found.prefix}" if found.prefix else "the page of all photos"


def _text(index: Path) -> str:
    return index.read_bytes().decode(errors="replace") if index.exists() else ""
