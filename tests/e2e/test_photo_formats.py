"""Photos as phones, agencies, and scanners produce them lead to the right pictures, in a deployed stack."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from tests.corpus.files import heic, saved
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

CUP = Path(__file__).parents[2] / "examples" / "photos" / "marketplace" / "cup.jpg"


def cup(size: tuple[int, int] = (600, 400)) -> Image.Image:
    """Returns a landscape photo of a cup on a saucer."""
    return Image.open(CUP).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def encode(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def phone_photo(picture: Image.Image) -> bytes:
    """Returns a JPEG that is rotated by its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(picture.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95, subsampling=0)


def encode_animation() -> bytes:
    return encode(cup().quantize(), "GIF", save_all=True, append_images=[Image.new("RGB", (600, 400))])


@pytest.fixture
def composed_folder(folder: Folder) -> Folder:
    """The test's folder. The stand-in composes pictures from the photos, at a smaller size."""
    folder.stack.standin.control("settings", {"pictures": "composed", "cut_out_pixels": 60_000})
    return folder


def read_changes(folder: Folder, name: str) -> list[str]:
    """Returns the changes that the receipt lists for the photo."""
    receipt = folder.receipt(name)
    assert receipt
    return receipt["source"]["changes"]


def difference(first: Image.Image, second: Image.Image) -> float:
    """Returns the mean difference (0 to 255) of two pictures, at a size at which noise has averaged out."""
    small = [picture.convert("RGB").resize((24, 16), Image.Resampling.BOX) for picture in (first, second)]
    return float(np.mean(np.asarray(ImageChops.difference(*small))))


def test_every_format_is_converted_upright_and_looks_the_same(composed_folder: Folder) -> None:
    photos = {
        "phone.jpg": (phone_photo(cup()), ["orientation:6", "reencoded:jpeg:kept_quality"]),
        "heic.heic": (heic(cup()), ["converted:heic"]),
        "avif.avif": (saved(cup(), "avif"), ["converted:avif"]),
        "cmyk.jpg": (encode(cup().convert("CMYK"), quality=95), ["colors:cmyk"]),
        "tiff.tiff": (encode(cup(), "TIFF"), ["converted:tiff"]),
        "bmp.bmp": (encode(cup(), "BMP"), ["converted:bmp"]),
        "gif.gif": (encode_animation(), ["converted:gif"]),
    }
    for name, (data, _) in photos.items():
        composed_folder.put(f"{name}.json", '{"operation": "remove"}')
        composed_folder.put(name, data)
    for name, (_, changes) in photos.items():
        job = composed_folder.wait_until_stored(name)
        assert {*changes} <= {*read_changes(composed_folder, name)}, name
        assert any(warning.startswith("first_picture") for warning in job["warnings"]) is (name == "gif.gif")
        picture = composed_folder.picture(name, f"{name.partition('.')[0]}.png")
        assert (picture.size, picture.mode) == ((600, 400), "RGBA"), name
        # Only where the cut-out is opaque.
        shown = picture.getchannel("A").point([0] * 250 + [255] * 6)
        compared = [
            Image.composite(one.convert("RGB"), Image.new("RGB", picture.size), shown) for one in (picture, cup())
        ]
        assert difference(*compared) < (3 if name == "phone.jpg" else 12), name
