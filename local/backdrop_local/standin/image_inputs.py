"""Images in a JSON body: as base64, as a data URI, or as a link that the stand-in fetches from this machine."""

import base64
import binascii
import re
from urllib.parse import urlsplit

import requests
from anyio import to_thread

from backdrop_local.providers import is_loopback
from backdrop_local.standin.multipart_form import InvalidInputError, check_decodes

FETCH_TIMEOUT_SECONDS = 10.0
CHUNK_BYTES = 65_536
DATA_URI = re.compile(r"data:(image/[a-z]+);base64,(.*)", re.DOTALL)


def is_link(text: str) -> bool:
    """Returns whether the text is an HTTP or HTTPS address."""
    return text.startswith(("http://", "https://"))


async def fetch(url: str, *, max_bytes: int) -> bytes:
    """Downloads a file from this machine. Raises InvalidInputError, including for any other machine."""
    host = urlsplit(url).hostname or ""
    if not is_loopback(url) and not host.endswith(".localhost"):
        raise InvalidInputError("the stand-in fetches from this machine only")
    return await to_thread.run_sync(_download, url, max_bytes)


def decode_base64(text: str) -> bytes:
    """Decodes base64. Raises InvalidInputError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError("the image is not base64") from None


def decode_data_uri(text: str) -> bytes | None:
    """Decodes a data URI. Returns None if the text is not a data URI. Raises InvalidInputError."""
    found = DATA_URI.fullmatch(text)
    return decode_base64(found[2]) if found else None


async def check_image(content: bytes, *, max_bytes: int) -> bytes:
    """Returns the image. Raises InvalidInputError if it is too large or cannot be decoded."""
    if len(content) > max_bytes:
        raise InvalidInputError(f"the image is larger than {max_bytes} bytes")
    await check_decodes(content)
    return content


def _download(url: str, max_bytes: int) -> bytes:
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.get(url, timeout=FETCH_TIMEOUT_SECONDS, allow_redirects=False, stream=True)
            content = b""
            for chunk in response.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > max_bytes:
                    break
    except (requests.RequestException, OSError) as failed:
        raise InvalidInputError(f"the image cannot be fetched: {type(failed).__name__}") from None
    if response.status_code != requests.codes.ok:
        raise InvalidInputError(f"the image cannot be fetched: {response.status_code}")
    return content
