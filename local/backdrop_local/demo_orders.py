"""The demo's photos and instructions: photos that ship with the tools, or the user's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from backdrop.model.object_keys import list_sidecar_keys
from backdrop_local import photos
from backdrop_local.errors import LocalCloudError

MAX_OWN_PHOTOS = 20
# The folder of the one photo that goes through all APIs.
ALL_PROVIDERS_FOLDER = "every-api/"
REPLACERS, REMOVERS = ("ideogram", "segmind", "1min", "runware"), ("ideogram", "runware")
DEFAULT_INSTRUCTIONS = {"prompt": "on a pale marble table in soft daylight"}
PHOTO_SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp"]
)


@dataclass(frozen=True)
class DemoOrder:
    """One file to drop under `name`, with a sidecar (its bytes and its own name) or tags, and the expected result."""

    name: str
    data: bytes
    sidecar: bytes | None = None
    sidecar_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    credit: str = ""
    expects_refusal: bool = False


@dataclass(frozen=True)
class OwnPhotos:
    """The user's photos: what is dropped, which photos get the default prompt, and how many are left out."""

    orders: tuple[DemoOrder, ...]
    without_instructions: tuple[str, ...]
    omitted_count: int


def build_demo_orders() -> tuple[DemoOrder, ...]:
    """Returns eight photos for ten pictures, one photo through all six APIs, and one file that is not a photo.

    Raises:
        LocalCloudError: a package that ships a photo is not installed.
    """
    try:
        return (
            _order_with_sidecar("coffee.jpg", prompt="on a pale kitchen counter in morning light", num_images=2),
            _order_with_sidecar(
                "flower.jpg", prompt="deep in a mossy forest, soft morning light", num_images=2, seed=4
            ),
            _order_with_tags("astronaut.jpg", prompt="in orbit among stars and a violet nebula", seed="11"),
            _order_with_sidecar("photographer.jpg", prompt="on a quiet beach at sunset", style="golden hour"),
            _order_with_sidecar(
                "grace-hopper.jpg", prompt="a city street at night, neon out of focus", style="AAFF5733"
            ),
            _order_with_tags("cut-outs/coffee.jpg", operation="remove"),
            _order_with_sidecar("cut-outs/flower.jpg", operation="remove"),
            _order_with_tags("cut-outs/astronaut.jpg", operation="remove"),
            *(
                _order_for_provider(provider, prompt="on a wooden café table by a rainy window")
                for provider in REPLACERS
            ),
            *(_order_for_provider(provider, "-cut-out", operation="remove") for provider in REMOVERS),
            _order_without_photo(),
        )
    except photos.MissingPhotoError as missing:
        raise LocalCloudError(str(missing)) from missing


def read_own_orders(folder: Path) -> OwnPhotos:
    """Returns the photos in a folder and its subfolders, sorted by name, with their own sidecars if they have one.

    Raises:
        LocalCloudError: the folder does not exist or has no photo in it.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise LocalCloudError(f"PHOTOS={folder} {problem}. Name a folder that contains photos.")
    paths = sorted(path for path in folder.rglob("*") if _is_photo(path, folder))
    if not paths:
        raise LocalCloudError(f"no photo found in {folder}. The demo takes {', '.join(sorted(PHOTO_SUFFIXES))}.")
    chosen = [_read_order(path, folder) for path in paths[:MAX_OWN_PHOTOS]]
    orders = tuple(order for order, _ in chosen)
    without_instructions = tuple(order.name for order, has_wish in chosen if not has_wish)
    return OwnPhotos(orders, without_instructions, len(paths) - len(orders))


def _read_order(path: Path, folder: Path) -> tuple[DemoOrder, bool]:
    name = path.relative_to(folder).as_posix()
    sidecar = next((one for one in list_sidecar_keys(name) if (folder / one).is_file()), None)
    if sidecar is None:
        return DemoOrder(name, path.read_bytes(), json.dumps(DEFAULT_INSTRUCTIONS).encode(), f"{name}.json"), False
    return DemoOrder(name, path.read_bytes(), (folder / sidecar).read_bytes(), sidecar), True


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_backdrop")) for part in path.relative_to(folder).parts)
    return path.suffix.lower() in PHOTO_SUFFIXES and not hidden and _is_valid_key(path.name) and path.is_file()


def _is_valid_key(name: str) -> bool:
    """Returns whether a file's name can be an S3 key, which is UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _order_with_sidecar(name: str, **instructions: Any) -> DemoOrder:
    subject = PurePosixPath(name).stem
    return DemoOrder(
        name,
        photos.load_photo(subject),
        json.dumps(instructions).encode(),
        f"{name}.json",
        credit=_format_credit(subject),
    )


def _order_for_provider(provider: str, suffix: str = "", **instructions: Any) -> DemoOrder:
    name = f"{ALL_PROVIDERS_FOLDER}{provider}{suffix}.jpg"
    sidecar = json.dumps({**instructions, "provider": provider}).encode()
    return DemoOrder(name, photos.load_photo("coffee"), sidecar, f"{name}.json", credit=_format_credit("coffee"))


def _order_with_tags(name: str, **tags: str) -> DemoOrder:
    subject = PurePosixPath(name).stem
    return DemoOrder(name, photos.load_photo(subject), tags=tags, credit=_format_credit(subject))


def _format_credit(subject: str) -> str:
    photo = next(one for one in photos.PHOTOS if one.name == subject)
    return f"{photo.subject}: {photo.credit} ({photo.license_name})"


def _order_without_photo() -> DemoOrder:
    text = b"I am a shopping list: apples, bread, two light bulbs.\n"
    return DemoOrder("not-really-a-photo.jpg", text, tags={"operation": "remove"}, expects_refusal=True)
