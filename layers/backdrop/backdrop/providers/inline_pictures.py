"""Pictures that a provider sends inside its JSON instead of a link: as base64 or as a data URI, in any field.

A link or a picture may come in the same field, and providers change between them without notice. So every text that
contains a picture is decoded where the JSON is parsed, and adapters find its bytes in the place of the text.
"""

import binascii
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, cast

from backdrop.model.job import Job, PictureLink
from backdrop.ports import WorkStorage
from backdrop.providers.http import is_picture

# A JSON text of at least 64 characters of base64, also URL-safe, percent-encoded, with JSON's escapes, or with spaces.
# Each choice is possessive and none can pass a quotation mark, so that the search takes linear time.
INLINE_TEXT: Final = re.compile(
    rb'"(?:[ ]|\\[nrt])*+(?:data:[^",]{0,200};[ ]{0,9}base64[ ]{0,9},)?(?=[^"]{64})'
    rb'((?:[a-z0-9+/=_% -]++|\\[/nrt]|\\u00[0-9a-f]{2})++)"',
    re.IGNORECASE,
)
ESCAPE: Final = re.compile(rb"\\([/nrt])|(?:\\u00|%)([0-9a-fA-F]{2})")
ESCAPED: Final = {b"/": b"/", b"n": b"", b"r": b"", b"t": b""}
URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def load_json(body: bytes) -> Any:
    """Parses JSON, with fractions as Decimals, so that amounts are exact, and with inline pictures as bytes.

    Raises what `json.loads` raises. A picture is decoded from the body directly: as a text, it would need several times
    its size, and render has little memory.
    """
    pictures: dict[str, bytes] = {}

    def cut_out(text: re.Match[bytes]) -> bytes:
        start, end = text.span(1)
        picture = _decode(memoryview(body)[start:end])
        if picture is None:
            return text[0]
        name = f"(inline picture {len(pictures) + 1})"
        pictures[name] = picture
        return b'"%s"' % name.encode()

    return _insert(json.loads(INLINE_TEXT.sub(cut_out, body), parse_float=Decimal), pictures)


def _decode(text: memoryview) -> bytes | None:
    try:
        picture = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        try:
            picture = binascii.a2b_base64(_normalize_base64(text), strict_mode=True)
        except binascii.Error:
            return None
    return picture if is_picture(picture) else None


def _normalize_base64(text: memoryview) -> bytes:
    """Returns text in the standard alphabet, with its padding, and without escapes and spaces."""
    plain = ESCAPE.sub(_unescape, text).translate(URL_SAFE, delete=b" \t\r\n").rstrip(b"=")
    return plain + b"=" * (-len(plain) % 4)


def _unescape(escape: re.Match[bytes]) -> bytes:
    return ESCAPED[escape[1]] if escape[1] else bytes.fromhex(escape[2].decode())


def _insert(value: Any, pictures: dict[str, bytes]) -> Any:
    if not pictures:
        return value
    if isinstance(value, dict):
        return {name: _insert(entry, pictures) for name, entry in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_insert(entry, pictures) for entry in cast("list[Any]", value)]
    return pictures.get(value, value) if isinstance(value, str) else value


def list_pictures(value: Any) -> list[bytes]:
    """Returns the pictures in parsed JSON, in their order."""
    return list(_iterate(value))


def _iterate(value: Any) -> Iterator[bytes]:
    stack = [value]  # not recursive, because JSON may be nested more deeply than calls
    while stack:
        entry = stack.pop()
        if isinstance(entry, bytes):
            yield entry
        elif isinstance(entry, dict):
            stack += reversed(cast("dict[str, Any]", entry).values())
        elif isinstance(entry, list):
            stack += reversed(cast("list[Any]", entry))


def describe_value(value: object) -> object:
    """Represents what JSON has no form for, as the `default` of `json.dumps`: a picture by its size."""
    return f"(a picture of {len(value):,} bytes)" if isinstance(value, bytes) else float(cast("Decimal", value))


def keep_picture(work: WorkStorage | None, job: Job, n: int, picture: bytes, seed: int | None = None) -> PictureLink:
    """Stores picture `n` of a call for deliver. Without a storage, an operator finds it in the kept response.

    Raises RetryLaterError if the storage does not accept it.
    """
    if work is None:
        return PictureLink(url=None, seed=seed, is_unrecognized=True)
    name = f"{job.provider}-{job.job_id}-{job.charge_no}-{job.attempt_no + 1}-{n}"
    work.save_result(name, picture)
    return PictureLink(url=None, seed=seed, result_name=name)
