"""What the demo drops: photos that ship with the tools, or the user's own, each with what is asked for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from backdrop.model.object_keys import list_sidecar_keys
from backdrop_local import photos
from backdrop_local.errors import LocalCloudError

MOST_OWN_PHOTOS = 20
# Where one photo lies that goes through all five APIs.
FIVE = "five-apis/"
REPLACING = ("ideogram", "segmind", "1min", "runware")
DEFAULT_WISH = {"prompt": "on a pale marble table in soft daylight"}
PHOTO_SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp"]
)


@dataclass(frozen=True)
class Order:
    """One file to drop under `name`, with a sidecar (its bytes and its own name) or tags, and how it should end."""

    name: str
    data: bytes
    sidecar: bytes | None = None
    sidecar_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    credit: str = ""
    must_be_refused: bool = False


@dataclass(frozen=True)
class OwnPhotos:
    """The user's photos: what is dropped, which of them got the default prompt, how many were left out."""

    orders: tuple[Order, ...]
    without_wish: tuple[str, ...]
    left_out: int


def demo_orders() -> tuple[Order, ...]:
    """Eight photos for ten pictures, by sidecar and by tags; one photo through all five APIs; and one that is none.

    Raises:
        LocalCloudError: a package that ships a photo is not installed.
    """
    try:
        return (
            _with_sidecar("coffee.jpg", prompt="on a pale kitchen counter in morning light", num_images=2),
            _with_sidecar("flower.jpg", prompt="deep in a mossy forest, soft morning light", num_images=2, seed=4),
            _with_tags("astronaut.jpg", prompt="in orbit among stars and a violet nebula", seed="11"),
            _with_sidecar("temple.jpg", prompt="above a quiet beach at sunset", style="golden hour"),
            _with_sidecar("grace-hopper.jpg", prompt="a city street at night, neon out of focus", style="AAFF5733"),
            _with_tags("cut-outs/coffee.jpg", operation="remove"),
            _with_sidecar("cut-outs/flower.jpg", operation="remove"),
            _with_tags("cut-outs/astronaut.jpg", operation="remove"),
            *(_through(provider, prompt="on a wooden café table by a rainy window") for provider in REPLACING),
            _through("ideogram", "-cut-out", operation="remove"),
            _not_a_photo(),
        )
    except photos.PhotoMissingError as missing:
        raise LocalCloudError(str(missing)) from missing


def own_orders(folder: Path) -> OwnPhotos:
    """The photos in a folder and below, in the order of their names, with their own sidecars where they have one.

    Raises:
        LocalCloudError: there is no such folder, or no photo in it.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise LocalCloudError(f"PHOTOS={folder} {what}; name a folder that holds photos")
    found = sorted(path for path in folder.rglob("*") if _is_photo(path, folder))
    if not found:
        raise LocalCloudError(f"there is no photo in {folder}; the demo takes {', '.join(sorted(PHOTO_SUFFIXES))}")
    chosen = [_own(path, folder) for path in found[:MOST_OWN_PHOTOS]]
    orders = tuple(order for order, _ in chosen)
    without = tuple(order.name for order, has_wish in chosen if not has_wish)
    return OwnPhotos(orders, without, len(found) - len(orders))


def _own(path: Path, folder: Path) -> tuple[Order, bool]:
    name = path.relative_to(folder).as_posix()
    sidecar = next((one for one in list_sidecar_keys(name) if (folder / one).is_file()), None)
    if sidecar is None:
        return Order(name, path.read_bytes(), json.dumps(DEFAULT_WISH).encode(), f"{name}.json"), False
    return Order(name, path.read_bytes(), (folder / sidecar).read_bytes(), sidecar), True


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_backdrop")) for part in path.relative_to(folder).parts)
    return path.suffix.lower() in PHOTO_SUFFIXES and not hidden and _is_text(path.name) and path.is_file()


def _is_text(name: str) -> bool:
    """Whether a file's name can be a key in S3, which is UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _with_sidecar(name: str, **wish: Any) -> Order:
    subject = PurePosixPath(name).stem
    return Order(name, photos.load(subject), json.dumps(wish).encode(), f"{name}.json", credit=_credit(subject))


def _through(provider: str, what: str = "", **wish: Any) -> Order:
    """The one photo, at one provider."""
    name = f"{FIVE}{provider}{what}.jpg"
    sidecar = json.dumps({**wish, "provider": provider}).encode()
    return Order(name, photos.load("coffee"), sidecar, f"{name}.json", credit=_credit("coffee"))


def _with_tags(name: str, **tags: str) -> Order:
    subject = PurePosixPath(name).stem
    return Order(name, photos.load(subject), tags=tags, credit=_credit(subject))


def _credit(subject: str) -> str:
    photo = next(one for one in photos.PHOTOS if one.name == subject)
    return f"{photo.subject}: {photo.credit} ({photo.licence})"


def _not_a_photo() -> Order:
    text = b"I am a shopping list: apples, bread, two light bulbs.\n"
    return Order("not-really-a-photo.jpg", text, tags={"operation": "remove"}, must_be_refused=True)
