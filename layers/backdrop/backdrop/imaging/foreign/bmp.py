"""BMP: whether the rows that its header announces are all there, per Microsoft's BITMAPINFOHEADER."""

from backdrop.imaging.containers.header import CutShortError, DamagedError

_CORE_HEADER = 12
_FILE_HEADER = 14
_UNPACKED = frozenset({0, 3, 6})
"""BI_RGB, BI_BITFIELDS and BI_ALPHABITFIELDS; run-length rows show their end only when they are decoded."""
_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})


def read_size(data: bytes) -> tuple[int, int]:
    """Width and height; rows that are stored from the top have a negative height."""
    if len(data) < _FILE_HEADER + _CORE_HEADER:
        raise CutShortError(f"has only {len(data)} bytes")
    if _is_old(data):
        return _number(data, 18, 2), _number(data, 20, 2)
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return max(width, 0), abs(height)


def check_whole(data: bytes) -> int:
    """Always one picture; raises `CutShortError` where rows are missing, `DamagedError` for an impossible header."""
    width, height = read_size(data)
    depth, packing = (_number(data, 24, 2), 0) if _is_old(data) else (_number(data, 28, 2), _number(data, 30, 4))
    if depth not in _DEPTHS:
        raise DamagedError(f"claims {depth} bits for a pixel")
    wanted = _number(data, 10, 4) + (width * depth + 31) // 32 * 4 * height
    if packing in _UNPACKED and wanted > len(data):
        raise CutShortError(f"has {len(data):,} of the {wanted:,} bytes that its rows take")
    return 1


def _is_old(data: bytes) -> bool:
    """Whether it has the header of OS/2."""
    return _number(data, 14, 4) == _CORE_HEADER


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
