"""Small pictures for a page: made side by side, named by what they show, and made once."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from re import fullmatch
from threading import Semaphore, get_ident

from PIL import Image, ImageOps

from backdrop.imaging.colors import to_srgb
from backdrop_cli.page.shots import File
from backdrop_cli.side_by_side import side_by_side

FOLDER = "thumbs"
LONGEST_SIDE = 960
"""Pixels: sharp on a card of any screen, and large enough for the page's own large view."""
MOST_PIXELS = 200_000_000
QUALITY = 80
_NAME = r"[0-9a-f]{32}\.webp"
# What Pillow raises for bytes that it does not understand.
_NO_PICTURE = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, AttributeError)
# Files are fetched many at a time; whole pictures lie in memory no more at a time than processors work on them.
_IN_MEMORY = Semaphore(os.cpu_count() or 1)

type Read = Callable[[File], bytes | None]


@dataclass(frozen=True)
class Thumb:
    """One file's thumb: its name in the page's folder, "" where there is none; `fresh` where it was made just now."""

    file: File
    link: str
    fresh: bool = False


def thumbs(folder: Path, files: Iterable[File], read: Read, at_once: int) -> Generator[Thumb]:
    """The thumbs of the files, in their order; those that lie in the folder already are kept.

    Raises OSError where the disk does not take them.
    """
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    return side_by_side(lambda file: _thumb(folder, file, read), files, at_once)


def forget(folder: Path, links: Mapping[File, str]) -> None:
    """Take thumbs away that an earlier page showed and this one does not."""
    shown = set(links.values())
    for path in (folder / FOLDER).iterdir():
        if fullmatch(_NAME, path.name) and f"{FOLDER}/{path.name}" not in shown:
            path.unlink()


def link_of(file: File) -> str:
    """Where a file's thumb lies beside the page: its name follows from what it shows."""
    return f"{FOLDER}/{hashlib.sha256(f'{LONGEST_SIDE} {QUALITY} {file.made_of}'.encode()).hexdigest()[:32]}.webp"


def _thumb(folder: Path, file: File, read: Read) -> Thumb:
    link = link_of(file)
    if (folder / link).is_file():
        return Thumb(file, link)
    data = read(file)
    small = shrunk(data) if data else None
    if small is None:
        return Thumb(file, "")
    # The same photo may lie under two keys, and be made by two threads at a time.
    written = (folder / link).with_suffix(f".{os.getpid()}-{get_ident()}.part")
    written.write_bytes(small)
    written.replace(folder / link)
    return Thumb(file, link, fresh=True)


def shrunk(data: bytes) -> bytes | None:
    """A picture as a small WebP, upright and in sRGB; None where the bytes cannot be shown."""
    with _IN_MEMORY:
        try:
            return _shrunk(data)
        except _NO_PICTURE:
            return None


def _shrunk(data: bytes) -> bytes | None:
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(BytesIO(data)) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            return None
        opened.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        ImageOps.exif_transpose(opened, in_place=True)
        small = to_srgb(opened)
        small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
