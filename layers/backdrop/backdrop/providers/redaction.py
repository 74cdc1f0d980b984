"""Removes our secrets from what a provider returns, before anything is made of it."""

import base64
import re
from functools import cache
from typing import Final
from urllib.parse import quote

# A shorter text is no provider's key, and would be found inside pictures.
MIN_KEY_LENGTH: Final = 8
# A link into our own bucket: the path under which providers read and write. JSON may escape its slashes. The provider's
# own links stay complete, because they are needed to fetch the picture.
WORK_LINK: Final = re.compile(rb"_backdrop\\*/work\\*/[^\s\"'<>]*")
# A text with a parameter of a signature, also without the beginning of the link; and texts that are too long for words.
# The possessive quantifiers and the lookbehind keep the time in proportion to the text.
SIGNED_TEXT: Final = re.compile(
    rb"(?<![^\s\"'<>])(?:(?!X-Amz-[A-Za-z-]{1,40}+=)[^\s\"'<>])*+X-Amz-[^\s\"'<>]*+", re.IGNORECASE
)
OPAQUE_TEXT: Final = re.compile(rb"[A-Za-z0-9+/=%_&?.:~-]{48,}")
MAX_QUOTE_CHARACTERS: Final = 300
SIGNATURE_PARAMETERS: Final = re.compile(
    rb"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\\\s\"'<>]*", re.IGNORECASE
)


def redact_key(body: bytes, key: str) -> bytes:
    """Removes our API key, in base64 too, wherever in a longer text it is encoded."""
    for form in _list_forms(key):
        body = body.replace(form, b"(key)")
    return body


def redact_response(body: bytes, key: str) -> bytes:
    """Prepares a response to be kept for an operator: removes our API key and the signatures of our links."""
    return WORK_LINK.sub(_remove_signature, redact_key(body, key))


def quote_provider(text: str, length: int = MAX_QUOTE_CHARACTERS) -> str:
    """Prepares a provider's own words for a message: shortened, printable, and without our links, even parts of them.

    A text without spaces that is so long is a link, a token, or a picture, and explains nothing.
    """
    redacted = WORK_LINK.sub(b"(link)", text[: length * 100].encode(errors="replace"))
    redacted = OPAQUE_TEXT.sub(b"(link or token)", SIGNED_TEXT.sub(b"(link)", redacted))
    return to_printable(redacted.decode(errors="replace"))[:length]


def to_printable(text: str) -> str:
    """Replaces characters that JSON, SQS, or a terminal cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


@cache
def _list_forms(key: str) -> tuple[bytes, ...]:
    if len(key) < MIN_KEY_LENGTH:
        return ()
    data = key.encode()
    forms = [data, quote(key, safe="").encode(), data.replace(b"/", b"\\/"), data.hex().encode()]
    for offset in range(3):
        # The characters of the key alone: those at its ends depend on what is before and after it.
        encoded = base64.b64encode(bytes(offset) + data)[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        forms += [encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))]
    return tuple(dict.fromkeys(form for form in forms if len(form) >= MIN_KEY_LENGTH))


def _remove_signature(link: re.Match[bytes]) -> bytes:
    return SIGNATURE_PARAMETERS.sub(rb"\1(blank)", link[0])
