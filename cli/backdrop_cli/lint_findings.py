"""What `lint` found: a mistake in a file, or something that is probably not meant, and the sums of the whole look."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from backdrop.model.errors import BackdropError
from backdrop.model.job import Problem
from backdrop.model.sentence import Sentence

REFERENCE_ELSEWHERE = "reference_elsewhere"
UNREADABLE = "unreadable"
SIDECAR_WITHOUT_PHOTO = "sidecar_without_photo"
MISNAMED_DEFAULTS = "misnamed_defaults"
MISNAMED_SIDECAR = "misnamed_sidecar"
SAME_VARIANTS = "same_variants"
UNREAD_SIDECAR = "unread_sidecar"


class Finding(NamedTuple):
    """One thing to tell of one file; `code` is an error report's code, or a word of lint's own."""

    path: str
    code: str
    message: str
    hint: str = ""
    variant: str = ""
    is_error: bool = True

    @classmethod
    def from_error(
        cls, path: str, error: BackdropError | Problem, *, message: Sentence | None = None, is_error: bool = True
    ) -> "Finding":
        """An error of intake's own; `message` is its words where the path says the rest.

        What a report's hint says to do of any such error is for what is uploaded already.
        """
        variant = error.variant if isinstance(error, Problem) else ""
        hint = str(error.hint) if error.advice else ""
        return cls(path, error.code.value, str(error.message if message is None else message), hint, variant, is_error)


@dataclass
class LintResult:
    """The sums of a look.

    `max_price_micro_usd` is what all that is ready costs at most, micro-dollars, without `unpriced_images` images.
    """

    findings: set[Finding] = field(default_factory=set[Finding])
    photos: int = 0
    ready: int = 0
    without_instructions: int = 0
    jobs: int = 0
    images: int = 0
    max_price_micro_usd: int = 0
    unpriced_images: int = 0
    sidecars: int = 0
    defaults: int = 0
    ignored: int = 0

    def add(self, found: Iterable[Finding]) -> None:
        self.findings.update(found)

    @property
    def files(self) -> int:
        return self.photos + self.sidecars + self.defaults + self.ignored

    @property
    def errors(self) -> list[Finding]:
        return sorted(one for one in self.findings if one.is_error)

    @property
    def warnings(self) -> list[Finding]:
        return sorted(one for one in self.findings if not one.is_error)
