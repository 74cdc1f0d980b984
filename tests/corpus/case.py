"""A file of the corpus and the expected result."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backdrop.model.capabilities import PHOTO_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from tests.corpus.scene import Pixels

LIMITS = PHOTO_LIMITS


@dataclass(frozen=True)
class Case:
    """A file, and the expected result of its preparation.

    `pixels` is the expected picture. None means the picture that OpenCV decodes, converted by `seen`. `code` is set if
    the file is refused. `passes`: the file is sent byte for byte. `changes` are the changes in the receipt, except
    those about encoding and scaling. `encoded` and `scaled` are the beginnings of those.
    """

    name: str
    data: bytes = field(repr=False)
    changes: tuple[str, ...] = ()
    passes: bool = False
    code: Code | None = None
    pixels: Pixels | None = field(default=None, repr=False)
    seen: Callable[[Pixels], Pixels] | None = None
    limits: PhotoLimits = LIMITS
    encoded: str = ""
    scaled: str = ""
