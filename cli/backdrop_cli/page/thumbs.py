"""Small pictures for a page: made side by side, named by what they show, and made once.

Each is decoded by the code that decodes photos for the providers, with its checks; files that the pipeline does not
open have no thumb. Only a JPEG, PNG or WebP is opened here, since Pillow can decode a JPEG at a fraction of its size.
"""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from re import findall
from threading import Lock, Semaphore, get_ident

from PIL import Image, ImageOps

from backdrop.imaging.color import to_srgb
from backdrop.imaging.containers.header import ContainerError
from backdrop.imaging.formats.convertible import claimed_size, open_foreign
from backdrop.imaging.prepare import upright_photo
from backdrop.imaging.sniff import sniff
from backdrop.model.errors import PhotoError
from backdrop_cli.page.shots import File, Missing
from backdrop_cli.side_by_side import side_by_side

FOLDER = "thumbs"
LONGEST_SIDE = 960
"""Pixels: sharp on a card of any screen, and large enough for the page's own large view."""
MAX_MEGAPIXELS = 200
QUALITY = 80
_FAMILIAR = ("JPEG", "PNG", "WEBP")
# What Pillow raises for bytes that it does not understand, and the product for photos that it refuses.
_NO_PICTURE = (
    PhotoError, ContainerError, OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError,
    AttributeError,
)  # fmt: skip
# Files are fetched many at a time, and as many are decoded as there are processors; of the large ones that are decoded
# whole, one at a time: a HEIC of 48 megapixels takes 330 MB, an AVIF 420.
_IN_MEMORY = Semaphore(os.cpu_count() or 1)
_LARGE = Lock()
_LARGE_PIXELS = 25_000_000

type Read = Callable[[File], bytes | Missing]


@dataclass(frozen=True)
class Thumb:
    """One file's thumb: its name in the page's folder, or why it has none; `fresh` where it was made just now."""

    file: File
    link: str | Missing
    fresh: bool = False


def thumbs(folder: Path, files: Iterable[File], read: Read, at_once: int) -> Generator[Thumb]:
    """The thumbs of the files, in their order; those that lie in the folder already are kept.

    Raises OSError where the disk does not take them.
    """
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    return side_by_side(lambda file: _thumb(folder, file, read), files, at_once)


def linked(page: str) -> set[str]:
    """The thumbs that a page links to."""
    return set(findall(rf"{FOLDER}/[0-9a-f]{{32}}\.webp", page))


def forget(folder: Path, links: Iterable[str]) -> None:
    """Deletes thumbs."""
    for link in links:
        (folder / link).unlink(missing_ok=True)


def link_of(file: File) -> str:
    """Where a file's thumb lies beside the page: its name follows from what it shows."""
    return f"{FOLDER}/{hashlib.sha256(f'{LONGEST_SIDE} {QUALITY} {file.made_of}'.encode()).hexdigest()[:32]}.webp"


def _thumb(folder: Path, file: File, read: Read) -> Thumb:
    link = link_of(file)
    if (folder / link).is_file():
        return Thumb(file, link)
    data = read(file)
    small = data if isinstance(data, Missing) else shrunk(data)
    if isinstance(small, Missing):
        return Thumb(file, small)
    # The same photo may lie under two keys, and be made by two threads at a time.
    written = (folder / link).with_suffix(f".{os.getpid()}-{get_ident()}.part")
    written.write_bytes(small)
    written.replace(folder / link)
    return Thumb(file, link, fresh=True)


def shrunk(data: bytes) -> bytes | Missing:
    """A picture as a small WebP, upright and in sRGB; `Missing.UNREADABLE` where the bytes cannot be shown."""
    with _IN_MEMORY:
        try:
            small = _small(data)
        except _NO_PICTURE:
            return Missing.UNREADABLE
    file = BytesIO()
    small.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def _small(data: bytes) -> Image.Image:
    foreign = sniff(data).foreign
    if foreign:
        size = claimed_size(data, foreign) or open_foreign(data, foreign).size
        with _LARGE if _is_large(*size) else nullcontext():
            return _thumbnail(upright_photo(data, MAX_MEGAPIXELS))
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(BytesIO(data), formats=_FAMILIAR) as opened:
        if opened.width * opened.height > MAX_MEGAPIXELS * 1_000_000:
            raise ValueError("too many pixels")
        opened.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        with _LARGE if _is_large(*opened.size) else nullcontext():
            ImageOps.exif_transpose(opened, in_place=True)
            return _thumbnail(to_srgb(opened))


def _is_large(width: int, height: int) -> bool:
    return width * height > _LARGE_PIXELS


def _thumbnail(picture: Image.Image) -> Image.Image:
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return picture
