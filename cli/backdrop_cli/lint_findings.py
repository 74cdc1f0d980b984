"""What `lint` found: errors, warnings, and totals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from backdrop.intake.preview import PriceRegister
from backdrop.model.errors import BackdropError
from backdrop.model.job import Problem
from backdrop.model.pricing import CREDIT_PROVIDER
from backdrop.model.sentence import Sentence
from backdrop_cli.mandate_forecast import MandateForecast

REFERENCE_ELSEWHERE = "reference_elsewhere"
REPEATED_FOLDER = "repeated_folder"
UNREADABLE = "unreadable"
SIDECAR_WITHOUT_PHOTO = "sidecar_without_photo"
MISNAMED_DEFAULTS = "misnamed_defaults"
MISNAMED_SIDECAR = "misnamed_sidecar"
UNREAD_SIDECAR = "unread_sidecar"


class Finding(NamedTuple):
    """A finding about one file; `code` is that of an error report, or one of the codes above."""

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
        """Converts an error of intake; `message` replaces its message, for example to leave out the path.

        Leaves out a hint from the error catalog, which is for photos that are already uploaded.
        """
        variant = error.variant if isinstance(error, Problem) else ""
        hint = str(error.hint) if error.advice else ""
        return cls(path, error.code.value, str(error.message if message is None else message), hint, variant, is_error)


@dataclass
class LintResult:
    """The totals of `lint`. Without a stack, the price of a provider's credits is unknown.

    `partly_ready` photos have jobs, and variants with errors. `kept_sidecars` photos keep their own sidecar although
    the command line has instructions. `own_pictures`: files that Backdrop made, which are left out.
    """

    mandates: MandateForecast
    findings: set[Finding] = field(default_factory=set[Finding])
    photos: int = 0
    ready: int = 0
    partly_ready: int = 0
    without_instructions: int = 0
    prices: PriceRegister = field(default_factory=lambda: PriceRegister([CREDIT_PROVIDER]))
    sidecars: int = 0
    defaults: int = 0
    ignored: int = 0
    own_pictures: int = 0
    kept_sidecars: int = 0

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
