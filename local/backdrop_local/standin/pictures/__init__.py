"""The stand-in's pictures: real cut-outs on painted scenes, marked as the stand-in's work."""

from backdrop_local.standin.pictures.compose import Picture, compose, remove, scene
from backdrop_local.standin.pictures.cutout import CutOut, cut_out
from backdrop_local.standin.pictures.mark import LONGEST_IDENT, SOFTWARE, read_id, reencoded
from backdrop_local.standin.pictures.sizes import NotAPictureError, result_size

__all__ = [
    "LONGEST_IDENT",
    "SOFTWARE",
    "CutOut",
    "NotAPictureError",
    "Picture",
    "compose",
    "cut_out",
    "read_id",
    "reencoded",
    "remove",
    "result_size",
    "scene",
]
