"""Where the decoders of converted formats meet foreign bytes, each only its own; their failures leave as ours."""

from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.containers.header import ContainerError, DamagedError, RareKindError
from backdrop.imaging.decode import decoding

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from backdrop.imaging.foreign.names import ForeignFormat

_PHOTOMETRIC = 262
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I;16L", "I;16B"})


def open_foreign(data: bytes, foreign: "ForeignFormat") -> "ImageFile":
    """Opens a file that `check_whole` has passed, without decoding it.

    Raises `DamagedError`, for a TIFF (whose parts are all there) `RareKindError`.
    """
    with decoding(_unopened(foreign)):
        picture = _open(data, foreign)
    if picture.mode not in _MODES:
        raise RareKindError(f"is of a rare kind (mode {picture.mode})")
    return picture


def decode_foreign(data: bytes, foreign: "ForeignFormat", size: tuple[int, int]) -> "Image":
    """Decodes every pixel of the first picture, which has that width and height; raises `DamagedError` otherwise."""
    picture = open_foreign(data, foreign)
    with decoding():
        picture.load()
    if picture.size != size:
        raise DamagedError("holds a picture of another size than it says")
    return _inverted(picture) if foreign == "tiff" and _counts_ink(picture) else picture


def _counts_ink(picture: "ImageFile") -> bool:
    """Whether 0 is white; Pillow turns that round for all pixels but wide ones."""
    tags: dict[int, int] = getattr(picture, "tag_v2", {})
    return picture.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0


def _inverted(picture: "Image") -> "Image":
    return picture.point(lambda value: value * -1 + 65_535)


def _unopened(foreign: "ForeignFormat") -> ContainerError:
    return RareKindError("is of a rare kind") if foreign == "tiff" else DamagedError("cannot be opened")


def _open(data: bytes, foreign: "ForeignFormat") -> "ImageFile":
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    match foreign:
        case "gif":
            from PIL.GifImagePlugin import GifImageFile as Opened
        case "bmp":
            from PIL.BmpImagePlugin import BmpImageFile as Opened
        case "tiff":
            from PIL.TiffImagePlugin import TiffImageFile as Opened
        case "avif":
            from PIL.AvifImagePlugin import AvifImageFile as Opened
        case "heic":
            from pi_heif.as_plugin import HeifImageFile as Opened
    return Opened(BytesIO(data))
