"""Writes a page's folder: the HTML, and a thumb of every picture that it shows."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backdrop_cli.page.document import GENERATOR, document
from backdrop_cli.page.shots import Album, File
from backdrop_cli.page.thumbs import Read, forget, thumbs

INDEX = "index.html"
_HEAD_BYTES = 2000


@dataclass(frozen=True)
class Written:
    """A page on disk: `made` thumbs are new, `kept` were there before, of `missing` there is nothing to show.

    A file that is reported for being no picture is not missed.
    """

    index: Path
    made: int
    kept: int
    missing: tuple[File, ...]


def write(
    folder: Path,
    album: Album,
    read: Read,
    made_at: datetime,
    *,
    at_once: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Written:
    """Writes the page into a folder, which is made where it is missing; what an earlier run made is kept.

    `tell` hears how many thumbs are done. Raises OSError where the disk does not take it.
    """
    files = album.files
    found: list[tuple[File, str, bool]] = []
    for thumb in thumbs(folder, files, read, at_once):
        found.append((thumb.file, thumb.link, thumb.fresh))
        tell(len(found), len(files))
    links = {file: link for file, link, _ in found}
    index = folder / INDEX
    written = index.with_suffix(f".{os.getpid()}.part")
    written.write_text(document(album, links, made_at), "utf-8")
    written.replace(index)
    forget(folder, links)
    # Two threads may have made the same thumb at a time: it counts once.
    made = len({link for _, link, fresh in found if fresh})
    wanted = {file for shot in album.shots for file in (shot.photo, shot.picture)}
    missing = tuple(file for file in files if file in wanted and not links[file])
    return Written(index, made, sum(map(bool, links.values())) - made, missing)


def is_somebody_elses(folder: Path) -> bool:
    """Whether a page that is not ours lies where ours would be written."""
    index = folder / INDEX
    if not index.exists():
        return False
    with index.open("rb") as file:
        return f'content="{GENERATOR}"'.encode() not in file.read(_HEAD_BYTES)
