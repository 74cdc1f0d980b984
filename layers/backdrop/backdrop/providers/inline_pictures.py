"""Pictures that a provider sends inside its JSON, as base64 or as a data URI, instead of a link."""

import base64
import binascii

from backdrop.providers.http import is_picture


def decode_inline_picture(value: object) -> bytes | None:
    """The picture that a text is; None where it is a link, anything else, or nothing.

    The text is as long as the response that carried it may be: see http.MAX_JSON_BYTES.
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
