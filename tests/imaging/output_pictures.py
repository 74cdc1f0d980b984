"""Paid pictures for the tests of outputs, and their outputs as pixels."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backdrop.imaging.color import srgb_profile_bytes
from backdrop.imaging.output import EmbedMetadata, OutputFile, PaidPicture
from backdrop.imaging.verify import verify_result
from backdrop.instructions.output_schema import OutputModel
from backdrop.model.output_spec import OutputSpec, parse_output

RED = (220, 30, 40)
SUBJECT = (20, 10, 60, 40)
"""The left, top, right, and bottom of the subject in a cut-out of 100 × 80 pixels."""

Pixels = NDArray[np.int64]


def build_cut_out(color: tuple[int, int, int] = RED) -> Image.Image:
    """A box of one color on transparent black, which is what providers send."""
    picture = Image.new("RGBA", (100, 80), (0, 0, 0, 0))
    picture.paste((*color, 255), SUBJECT)
    return picture


def on_background(background: tuple[int, int, int]) -> Image.Image:
    """The same box on an opaque background of one color."""
    picture = Image.new("RGB", (100, 80), background)
    picture.paste(RED, SUBJECT)
    return picture


def encode_picture(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encodes a picture."""
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def add_no_metadata(data: bytes) -> bytes:
    return data


def build_output(
    picture: Image.Image | bytes, *, embed_metadata: EmbedMetadata = add_no_metadata, **fields: Any
) -> OutputFile:
    """Builds an output of a paid picture. `fields` are validated like a sidecar's `output` object."""
    data = picture if isinstance(picture, bytes) else encode_picture(picture)
    paid = PaidPicture(data, verify_result(data, expect_alpha=False, max_megapixels=10))
    return paid.build_output(build_spec(fields), embed_metadata)


def build_spec(fields: Mapping[str, Any]) -> OutputSpec:
    """Validates the fields like a sidecar's `output` object."""
    spec = OutputModel.model_validate(fields, strict=True).model_dump(by_alias=True, exclude_none=True)
    return parse_output(spec)


def open_output(output: OutputFile) -> Image.Image:
    """Decodes an output's file, and checks the size and alpha that the output states."""
    picture = Image.open(BytesIO(output.data))
    picture.load()
    assert picture.size == (output.width, output.height)
    assert picture.has_transparency_data == output.has_alpha
    return picture


def read_pixels(picture: Image.Image, mode: str = "RGBA") -> Pixels:
    """Returns an array of rows, columns, and channels."""
    return np.asarray(picture.convert(mode)).astype(np.int64)


def find_visible_box(seen: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Returns the left, top, right, and bottom of the visible part."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def swapped_profile() -> bytes:
    """Returns a profile in which red means blue and blue means red: sRGB with two tags exchanged."""
    data = srgb_profile_bytes()
    for old, new in ((b"rXYZ", b"????"), (b"bXYZ", b"rXYZ"), (b"????", b"bXYZ")):
        assert data.count(old) == 1
        data = data.replace(old, new)
    return data.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
