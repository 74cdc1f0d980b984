"""Signed pictures for the tests of Content Credentials."""

from io import BytesIO
from typing import Any

from PIL import Image

from backdrop.deliver.manifest import PictureFacts
from backdrop.imaging.formats import png
from backdrop.model.output_spec import OutputSpec
from backdrop_credentials.signing import PictureSigner
from tests.imaging.photos import chunk, with_chunk
from tests.signing_pki import build_signer
from tests.simulated.stage_worlds import build_job

FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


def build_file(file_format: str = "png", side: int = 24) -> bytes:
    """Returns a picture whose pixels differ from one another."""
    picture = Image.frombytes("RGB", (side, side), bytes(n * 37 % 251 for n in range(3 * side * side)))
    file = BytesIO()
    picture.save(file, FORMATS[file_format])
    return file.getvalue()


def add_store(data: bytes, store: bytes) -> bytes:
    """Returns a PNG with a chunk for Content Credentials after its header."""
    return with_chunk(data, png.CREDENTIALS_CHUNK, store)


def read_chunk(data: bytes, name: bytes) -> bytes:
    return bytes(next(one.payload for one in png.iter_chunks(data) if one.name == name))


def replace_chunk(data: bytes, name: bytes, payload: bytes) -> bytes:
    """Returns a PNG with another payload in its first chunk of this name, with a correct checksum."""
    replaced = next(one for one in png.iter_chunks(data) if one.name == name)
    return data[: replaced.offset] + chunk(name, payload) + data[replaced.end :]


def build_facts(file_format: str = "png", paid_file: bytes | None = None, **changes: Any) -> PictureFacts:
    """Returns the facts about a new background from Ideogram. `output`: the fields of the output."""
    instructions = {"operation": "replace", "prompt": changes.pop("prompt", "on a marble table")}
    facts: dict[str, Any] = {
        "job": build_job(operation="replace", instructions=instructions),
        "n": 1,
        "output": OutputSpec(**{"format": file_format} | changes.pop("output", {})),
        "paid_file": build_file() if paid_file is None else paid_file,
        "maker": "ideogram",
        "has_own_subject": False,
    }
    return PictureFacts(**facts | changes)


def sign(
    file_format: str = "png", signer: PictureSigner | None = None, data: bytes | None = None, **facts: Any
) -> bytes:
    """Returns a signed picture."""
    signature = (signer or build_signer()).measure(build_facts(file_format, **facts))
    return signature.sign(data or build_file(file_format))
