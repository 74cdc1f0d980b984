"""Finds JPEGs whose compressed pixels are incomplete or damaged, which most decoders show in gray without an error.

TurboJPEG's strict mode reports what libjpeg only warns about. At an eighth of its size, a photo with 27 megapixels
takes 0.1 s, or 0.6 s if it is progressive (docs/decisions/0057-own-facts-about-files.md).
"""

from collections.abc import Iterator

from backdrop.imaging.formats.jpeg import build_incomplete_error, extract_pixels, iter_segments

_MIN_DECODED_SIDE = 64
"""Pixels; a picture is decoded at the smallest of its sizes, down to an eighth, whose sides are at least as long."""
_END_MARKER_BYTES = 2
_MIN_PADDING_BYTES = 8
_KEPT_PADDING_BYTES = (0, 2, 4, 6)
"""Padding ends pixels whose last bytes may have the same value. libjpeg accepts a few more bytes than there are."""


def check_jpeg_pixels(data: bytes) -> bool:
    """Raises `TruncatedError` or `DamagedError` if pixels are missing or damaged. The structure has been validated.

    Returns whether TurboJPEG can decode the picture; if not, only another decoder can show whether it is whole.
    """
    pixels = extract_pixels(data)
    if _decodes(pixels, strict=True) or any(_decodes(file, strict=True) for file in _list_without_padding(pixels)):
        return True
    if _decodes(pixels, strict=False):
        *_, end = iter_segments(data)
        raise build_incomplete_error(data, end)
    return False


def _list_without_padding(pixels: bytes) -> Iterator[bytes]:
    """Yields the picture with less of the equal bytes with which some cameras end their pixels.

    They are too many for libjpeg, but nothing is missing.
    """
    end_marker = pixels[-_END_MARKER_BYTES:]
    padded = pixels[:-_END_MARKER_BYTES]
    padding = padded[-1:]
    kept = padded.rstrip(padding)
    if len(padded) - len(kept) >= _MIN_PADDING_BYTES:
        for count in _KEPT_PADDING_BYTES:
            yield kept + padding * count + end_marker


def _decodes(pixels: bytes, *, strict: bool) -> bool:
    # Imported late: it imports numpy, in a fifth of a second.
    from simplejpeg import decode_jpeg

    try:
        # Gray is the one color space that every picture can be decoded to.
        decode_jpeg(pixels, colorspace="GRAY", min_width=_MIN_DECODED_SIDE, min_height=_MIN_DECODED_SIDE, strict=strict)
    except ValueError:
        return False
    return True
