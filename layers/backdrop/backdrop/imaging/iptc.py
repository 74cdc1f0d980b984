"""The texts of a picture as IPTC-IIM, which older software reads from a JPEG instead of XMP.

Source: IPTC-NAA Information Interchange Model 4.2, and the Photoshop File Formats Specification (image resources).
"""

from backdrop.model.composition import PictureTexts

MAX_TITLE_BYTES, MAX_COPYRIGHT_BYTES = 64, 128
"""The limits of 2:05 (Object Name) and 2:116 (Copyright Notice). XMP carries the full text."""
_UTF_8 = b"\x1b%G"
_VERSION = b"\0\4"
_RESOURCE_TYPE, _IPTC_RESOURCE = b"8BIM", 0x0404


def build_iptc_resource(texts: PictureTexts) -> bytes:
    """Returns title and copyright as a Photoshop image resource, or b"" if there are none.

    IIM has no field for an alternative text.
    """
    named = ((5, texts.title, MAX_TITLE_BYTES), (116, texts.copyright, MAX_COPYRIGHT_BYTES))
    data_sets = [_build_data_set(2, number, _truncate(text, limit)) for number, text, limit in named if text]
    if not data_sets:
        return b""
    record = b"".join([_build_data_set(1, 90, _UTF_8), _build_data_set(2, 0, _VERSION), *data_sets])
    name = b"\0\0"
    padding = b"\0" * (len(record) % 2)
    return _RESOURCE_TYPE + _IPTC_RESOURCE.to_bytes(2) + name + len(record).to_bytes(4) + record + padding


def _build_data_set(record: int, number: int, data: bytes) -> bytes:
    return bytes((0x1C, record, number)) + len(data).to_bytes(2) + data


def _truncate(text: str, max_bytes: int) -> bytes:
    """Returns the text in UTF-8, without the characters that do not fit."""
    return text.encode()[:max_bytes].decode(errors="ignore").encode()
