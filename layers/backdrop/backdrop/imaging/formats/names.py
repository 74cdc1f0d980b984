"""The formats that are converted before anything is paid for."""

from typing import Literal

type ForeignFormat = Literal["gif", "bmp", "tiff", "heic", "avif"]
