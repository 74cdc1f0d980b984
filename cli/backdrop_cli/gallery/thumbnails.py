"""Thumbnails for a gallery: made in parallel, named by their content, and made once.

Each file is decoded by the code that decodes photos for the providers, with its checks; files that the pipeline does
not open have no thumbnail. Only JPEG, PNG, and WebP are opened here, since Pillow can decode a JPEG at a reduced size.
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
"""Sharp on a card of any screen, and large enough for the page's large view."""
MAX_MEGAPIXELS = 200
WEBP_QUALITY = 80
_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP")
# Pillow's errors for bytes that it cannot decode, and ours for photos that are refused.
_DECODE_ERRORS = (
    PhotoError, ImageFormatError, OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError,
    AttributeError,
)  # fmt: skip
# Many files are downloaded at a time, and one per processor is decoded. Large files are decoded one at a time: a HEIC
# of 48 megapixels takes 330 MB of memory, an AVIF 420 MB.
_DECODE_LIMIT = Semaphore(os.cpu_count() or 1)
_LARGE_IMAGE_LOCK = Lock()
_LARGE_IMAGE_PIXELS = 25_000_000

type FileReader = Callable[[GalleryFile], bytes | MissingReason]


@dataclass(frozen=True)
class Thumbnail:
    """One file's thumbnail: its name in the page's folder, or why it has none; `is_new`: just made."""

    file: GalleryFile
    link: str | MissingReason
    is_new: bool = False


def make_thumbnails(
    folder: Path, files: Iterable[GalleryFile], read_file: FileReader, max_workers: int
) -> Generator[Thumbnail]:
    """Yields the files' thumbnails in order; existing ones are kept. Raises OSError if one cannot be written."""
    (folder / THUMBNAIL_FOLDER).mkdir(parents=True, exist_ok=True)
    return parallel_map(lambda file: _make_thumbnail(folder, file, read_file), files, max_workers)


def find_thumbnail_links(page: str) -> set[str]:
    return set(findall(rf"{THUMBNAIL_FOLDER}/[0-9a-f]{{32}}\.webp", page))


def delete_thumbnails(folder: Path, links: Iterable[str]) -> None:
    for link in links:
        (folder / link).unlink(missing_ok=True)


def build_thumbnail_link(file: GalleryFile) -> str:
    """Returns the thumbnail's path relative to the page; its name is a hash of what it shows."""
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
    # The same photo can have two keys, so two threads can make the same thumbnail.
    temporary_path = (folder / link).with_suffix(f".{os.getpid()}-{get_ident()}.part")
    temporary_path.write_bytes(thumbnail)
    temporary_path.replace(folder / link)
    return Thumbnail(file, link, is_new=True)


def encode_thumbnail(data: bytes) -> bytes | MissingReason:
    """Returns a small WebP, upright and in sRGB; MissingReason.UNREADABLE if the bytes cannot be decoded."""
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
