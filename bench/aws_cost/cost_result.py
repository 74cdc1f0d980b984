"""The result of the bench, saved next to its page, so that the page can be regenerated without another run."""

from dataclasses import dataclass
from pathlib import Path

from backdrop.model.codec import from_json, to_json
from bench.aws_cost.bill import BillLine
from bench.aws_cost.image_usage import ImageUsage

FILE = Path(__file__).parents[2] / "docs" / "results" / "aws_cost.json"


@dataclass(frozen=True)
class CostRow:
    """One case, its usage, and the provider's price in dollars. `has_tags`: with tags instead of a sidecar."""

    name: str
    provider: str
    operation: str
    has_tags: bool
    usage: ImageUsage
    price: float

    @property
    def uploads(self) -> int:
        """The number of files that the photo's owner uploads."""
        return 1 if self.has_tags else 2


@dataclass(frozen=True)
class CostResult:
    """All counts, and the machine. The page explains the first row in detail."""

    machine: str
    rows: tuple[CostRow, ...]
    reconcile: tuple[BillLine, ...]


def save_costs(result: CostResult) -> None:
    """Writes the result as JSON."""
    FILE.write_text(f"{to_json(result)}\n")


def load_costs() -> CostResult:
    """Returns the result of the last run."""
    return from_json(CostResult, FILE.read_text())
