"""What the bench found, as it is kept beside its page, so that the page can be written anew without another run."""

from dataclasses import dataclass
from pathlib import Path

from backdrop.model.codec import from_json, to_json
from bench.aws_cost.bill import Line
from bench.aws_cost.play import Counted

FILE = Path(__file__).parents[2] / "docs" / "results" / "aws_cost.json"


@dataclass(frozen=True)
class Row:
    """One case with what was counted, and the provider's price (dollars); `tagged`: without a sidecar."""

    name: str
    provider: str
    operation: str
    tagged: bool
    counted: Counted
    price: float

    @property
    def uploads(self) -> int:
        """The files that the photo's owner writes."""
        return 1 if self.tagged else 2


@dataclass(frozen=True)
class Found:
    """All that was counted, and where; the first row is the one that the page explains."""

    machine: str
    rows: tuple[Row, ...]
    reconcile: tuple[Line, ...]


def keep(found: Found) -> None:
    """Write it down."""
    FILE.write_text(f"{to_json(found)}\n")


def kept() -> Found:
    """What the last run found."""
    return from_json(Found, FILE.read_text())
