"""The demo's photos, read from installed packages that ship freely licensed photos."""

import io
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from PIL import Image

__all__ = ["PHOTOS", "DemoPhoto", "MissingPhotoError", "load_photo"]


class MissingPhotoError(LookupError):
    """A demo photo is missing because the package that ships it is not installed."""


@dataclass(frozen=True)
class DemoPhoto:
    """A photo, its package and path, and its attribution."""

    name: str
    package: str
    path: str
    subject: str
    credit: str
    license_name: str
    source: str


PHOTOS: tuple[DemoPhoto, ...] = (
    DemoPhoto(
        name="coffee",
        package="scikit-image",
        path="skimage/data/coffee.png",
        subject="a cup of espresso on its saucer",
        credit="Rachel Michetti, courtesy of Pikolo Espresso Bar",
        license_name="CC0",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.coffee",
    ),
    DemoPhoto(
        name="flower",
        package="scikit-learn",
        path="sklearn/datasets/images/flower.jpg",
        subject="a dahlia in bloom",
        credit="vultilion on Flickr",
        license_name="CC BY 2.0, https://creativecommons.org/licenses/by/2.0/",
        source="https://www.flickr.com/photos/vultilion/6056698931/",
    ),
    DemoPhoto(
        name="astronaut",
        package="scikit-image",
        path="skimage/data/astronaut.png",
        subject="the astronaut Eileen Collins with her helmet",
        credit="NASA",
        license_name="public domain",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.astronaut",
    ),
    DemoPhoto(
        name="grace-hopper",
        package="matplotlib",
        path="matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        subject="Rear Admiral Grace Hopper",
        credit="James S. Davis, United States Navy",
        license_name="public domain",
        source="https://commons.wikimedia.org/wiki/File:Grace_Hopper.jpg",
    ),
    DemoPhoto(
        name="photographer",
        package="scikit-image",
        path="skimage/data/camera.png",
        subject="a photographer behind his camera",
        credit="Lav Varshney",
        license_name="CC0",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.camera",
    ),
)


def load_photo(name: str) -> bytes:
    """Returns a demo photo as JPEG, unchanged if the package ships a JPEG.

    Raises KeyError for an unknown name, and MissingPhotoError if its package is not installed.
    """
    photo = {one.name: one for one in PHOTOS}[name]
    path = _find_file(photo)
    return path.read_bytes() if path.suffix == ".jpg" else _encode_jpeg(path)


def _find_file(photo: DemoPhoto) -> Path:
    """Finds the file without importing its package, which would take a second or more."""
    try:
        path = Path(str(distribution(photo.package).locate_file(photo.path)))
    except PackageNotFoundError as error:
        raise MissingPhotoError(f"{photo.name}: install {photo.package} (run `make setup`)") from error
    if not path.is_file():
        raise MissingPhotoError(f"{photo.name}: this release of {photo.package} has no {photo.path}")
    return path


def _encode_jpeg(path: Path) -> bytes:
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()
