"""The file formats that no provider takes, looked at for their end and opened, so that `prepare` can convert them."""

from backdrop.imaging.foreign import bmp, boxes, gif, tiff
from backdrop.imaging.foreign.names import ForeignFormat


def read_size(data: bytes, foreign: ForeignFormat) -> tuple[int, int] | None:
    """The width and height that the file claims, of the largest picture in it; None where only the decoder can tell.

    Raises a `ContainerError` when the claim cannot be read.
    """
    match foreign:
        case "gif":
            return gif.read_size(data)
        case "bmp":
            return bmp.read_size(data)
        case "tiff":
            return tiff.read_size(data)
        case _:
            return boxes.read_size(data)


def check_whole(data: bytes, foreign: ForeignFormat) -> int:
    """Walks the file as far as its picture reaches; how many pictures it holds, or 1 where only the decoder can tell.

    Raises a `ContainerError` when the file is cut short, or built to exhaust its reader.
    """
    match foreign:
        case "gif":
            return gif.check_whole(data)
        case "bmp":
            return bmp.check_whole(data)
        case "tiff":
            return tiff.check_whole(data)
        case _:
            return boxes.check_whole(data)
