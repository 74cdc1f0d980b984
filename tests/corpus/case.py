"""One file of the corpus and what should become of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backdrop.model.capabilities import PHOTO_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from tests.corpus.scene import Pixels

LIMITS = PHOTO_LIMITS["ideogram"]


@dataclass(frozen=True)
class Case:
    """`pixels` is what should be seen; None: what OpenCV decodes, through `seen`.

    `code` set: it is refused. `passes`: its bytes are sent as they are. `changes` are the words of the receipt, all of
    them but those that say how it was encoded anew.
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
    said: str = ""
