"""A file of the corpus and the expected result."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backdrop.model.capabilities import PHOTO_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from tests.corpus.scene import Pixels

LIMITS = PHOTO_LIMITS


@dataclass(frozen=True)
class Case:
    """A file and what is expected when it is prepared.

    `pixels` is the expected picture; None stands for what OpenCV decodes, converted by `seen`. `code` is set if the
    file is refused. `passes`: its bytes are sent as they are. `changes` are the changes in the receipt, except those
    about encoding and scaling: of these, `encoded` and `scaled` are the beginnings.
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
