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
from backdrop.imaging.formats.convertible import open_convertible, read_claimed_size
from backdrop.imaging.formats.header import ImageFormatError
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.model.errors import PhotoError
from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.parallel import parallel_map

THUMBNAIL_FOLDER = "thumbs"
MAX_SIDE_PIXELS = 960
"""Pixels: sharp on a card of any screen, and large enough for the page's own large view."""
MAX_MEGAPIXELS = 200
WEBP_QUALITY = 80
_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP")
# What Pillow raises for bytes that it does not understand, and the product for photos that it refuses.
_DECODE_ERRORS = (
    PhotoError, ImageFormatError, OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError,
    AttributeError,
)  # fmt: skip
# Files are fetched many at a time, and as many are decoded as there are processors; of the large ones that are decoded
# whole, one at a time: a HEIC of 48 megapixels takes 330 MB, an AVIF 420.
_DECODE_LIMIT = Semaphore(os.cpu_count() or 1)
_LARGE_IMAGE_LOCK = Lock()
_LARGE_IMAGE_PIXELS = 25_000_000

type FileReader = Callable[[GalleryFile], bytes | MissingReason]


@dataclass(frozen=True)
class Thumbnail:
    """One file's thumb: its name in the page's folder, or why it has none; `is_new` where it was made just now."""

    file: GalleryFile
    link: str | MissingReason
    is_new: bool = False


def make_thumbnails(
    folder: Path, files: Iterable[GalleryFile], read_file: FileReader, max_workers: int
) -> Generator[Thumbnail]:
    """The thumbs of the files, in their order; those that lie in the folder already are kept.

    Raises OSError where the disk does not take them.
    """
    (folder / THUMBNAIL_FOLDER).mkdir(parents=True, exist_ok=True)
    return parallel_map(lambda file: _make_thumbnail(folder, file, read_file), files, max_workers)


def find_thumbnail_links(page: str) -> set[str]:
    """The thumbs that a page links to."""
    return set(findall(rf"{THUMBNAIL_FOLDER}/[0-9a-f]{{32}}\.webp", page))


def delete_thumbnails(folder: Path, links: Iterable[str]) -> None:
    """Deletes thumbs."""
    for link in links:
        (folder / link).unlink(missing_ok=True)


def build_thumbnail_link(file: GalleryFile) -> str:
    """Where a file's thumb lies beside the page: its name follows from what it shows."""
    digest = hashlib.sha256(f"{MAX_SIDE_PIXELS} {WEBP_QUALITY} {file.fingerprint}".encode()).hexdigest()
    return f"{THUMBNAIL_FOLDER}/{digest[:32]}.webp"


def _make_thumbnail(folder: Path, file: GalleryFile, read_file: FileReader) -> Thumbnail:
    link = build_thumbnail_link(file)
    if (folder / link).is_file():
        return Thumbnail(file, link)
    data = read_file(file)
    thumbnail = data if isinstance(data, MissingReason) else encode_thumbnail(data)
    if isinstance(thumbnail, MissingReason):
        return Thumbnail(file, thumbnail)
    # The same photo may lie under two keys, and be made by two threads at a time.
    temporary_path = (folder / link).with_suffix(f".{os.getpid()}-{get_ident()}.part")
    temporary_path.write_bytes(thumbnail)
    temporary_path.replace(folder / link)
    return Thumbnail(file, link, is_new=True)


def encode_thumbnail(data: bytes) -> bytes | MissingReason:
    """A picture as a small WebP, upright and in sRGB; `Missing.UNREADABLE` where the bytes cannot be shown."""
    with _DECODE_LIMIT:
        try:
            picture = _decode_thumbnail(data)
        except _DECODE_ERRORS:
            return MissingReason.UNREADABLE
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()


def _decode_thumbnail(data: bytes) -> Image.Image:
    convertible_format = sniff_file(data).convertible_format
    if convertible_format:
        size = read_claimed_size(data, convertible_format) or open_convertible(data, convertible_format).size
        with _LARGE_IMAGE_LOCK if _is_large(*size) else nullcontext():
            return _shrink(load_upright_photo(data, MAX_MEGAPIXELS))
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(BytesIO(data), formats=_PILLOW_FORMATS) as opened:
        if opened.width * opened.height > MAX_MEGAPIXELS * 1_000_000:
            raise ValueError("too many pixels")
        opened.draft("RGB", (2 * MAX_SIDE_PIXELS, 2 * MAX_SIDE_PIXELS))
        with _LARGE_IMAGE_LOCK if _is_large(*opened.size) else nullcontext():
            ImageOps.exif_transpose(opened, in_place=True)
            return _shrink(to_srgb(opened))


def _is_large(width: int, height: int) -> bool:
    return width * height > _LARGE_IMAGE_PIXELS


def _shrink(picture: Image.Image) -> Image.Image:
    picture.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS), Image.Resampling.LANCZOS)
    return picture
