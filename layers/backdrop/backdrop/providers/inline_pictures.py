"""Pictures that a provider sends inside its JSON instead of a link: as base64 or as a data URI."""

import base64
import binascii

from backdrop.providers.http import is_picture


def decode_inline_picture(value: object) -> bytes | None:
    """Decodes an inline picture. None for a link or anything else.

    The limit on responses, http.MAX_JSON_BYTES, also limits the length of the text.
    """
    if not isinstance(value, str) or value.startswith(("http://", "https://")):
        return None
    head, comma, encoded = value.partition(",")
    if value.startswith("data:"):
        if not comma or not head.endswith(";base64"):
            return None
    else:
        encoded = value
    try:
        picture = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return picture if is_picture(picture) else None
