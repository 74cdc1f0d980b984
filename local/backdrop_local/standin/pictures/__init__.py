"""The stand-in's pictures: real cut-outs on drawn backgrounds, with a watermark of the stand-in."""

from backdrop_local.standin.pictures.compose import DrawnPicture, draw_background, remove_background, replace_background
from backdrop_local.standin.pictures.cutout import CutOut, cut_out
from backdrop_local.standin.pictures.picture_sizes import NotAPictureError, compute_result_size
from backdrop_local.standin.pictures.watermark import MAX_IDENT_BYTES, SOFTWARE, read_id, reencode

__all__ = [
    "MAX_IDENT_BYTES",
    "SOFTWARE",
    "CutOut",
    "NotAPictureError",
    "DrawnPicture",
    "replace_background",
    "cut_out",
    "read_id",
    "reencode",
    "remove_background",
    "compute_result_size",
    "draw_background",
]
