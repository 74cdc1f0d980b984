"""The formats that are converted before anything is paid for."""

from typing import Literal

type ConvertibleFormat = Literal["gif", "bmp", "tiff", "heic", "avif"]
