"""TIFF and the camera raw formats built on it, told apart by the tags of the first directory."""

from typing import Literal

type ByteOrder = Literal["little", "big"]

_NEW_SUBFILE_TYPE = 254
_MAKE = 271
_SUB_DIRECTORIES = 330
_DNG_VERSION = 50706
_MAX_SNIFFED_TAGS = 200
_RAW_BY_MAKE = {
    b"NIKON": "a Nikon raw photo (NEF)",
    b"SONY": "a Sony raw photo (ARW)",
    b"PENTAX": "a Pentax raw photo (PEF)",
    b"SAMSUNG": "a Samsung raw photo (SRW)",
}


def read_byte_order(data: bytes) -> ByteOrder | None:
    """How a TIFF's numbers are written; None when the bytes are no TIFF."""
    orders: dict[bytes, ByteOrder] = {b"II*\0": "little", b"MM\0*": "big"}
    return orders.get(data[:4])


def describe_tiff(data: bytes) -> tuple[str, bool] | None:
    """What the TIFF is, to complete `The file is …`, and whether that is raw; None when the bytes are no TIFF.

    Never raises, however broken the file is.
    """
    order = read_byte_order(data)
    if order is None:
        return None
    if data[8:10] == b"CR":
        return "a Canon raw photo (CR2)", True
    tags = _read_first_directory(data, order)
    if _DNG_VERSION in tags:
        return "a raw photo (DNG)", True
    # Scanners and editors name a maker too; only raw files begin with a thumbnail.
    if _SUB_DIRECTORIES in tags and tags.get(_NEW_SUBFILE_TYPE, 0) & 1:
        maker = data[tags.get(_MAKE, 0) :][:7].upper()
        names = [name for make, name in _RAW_BY_MAKE.items() if maker.startswith(make)]
        return names[0] if names else "a camera's raw photo", True
    return "a TIFF picture", False


def _read_first_directory(data: bytes, order: ByteOrder) -> dict[int, int]:
    """Tag to its four value bytes as a number: the value itself or where it lies."""
    start = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[start : start + 2], order)
    entries = [data[at : at + 12] for at in range(start + 2, start + 2 + 12 * min(count, _MAX_SNIFFED_TAGS), 12)]
    return {
        int.from_bytes(entry[:2], order): int.from_bytes(entry[8:12], order) for entry in entries if len(entry) == 12
    }
