"""What the bench found, as it is kept beside its page, so that the page can be written anew without another run."""

from dataclasses import dataclass
from pathlib import Path

from backdrop.model.codec import from_json, to_json
from bench.aws_cost.bill import BillLine
from bench.aws_cost.image_usage import ImageUsage

FILE = Path(__file__).parents[2] / "docs" / "results" / "aws_cost.json"


@dataclass(frozen=True)
class CostRow:
    """One case with what was counted, and the provider's price (dollars); `tagged`: without a sidecar."""

    name: str
    provider: str
    operation: str
    has_tags: bool
    usage: ImageUsage
    price: float

    @property
    def uploads(self) -> int:
        """The files that the photo's owner writes."""
        return 1 if self.has_tags else 2


@dataclass(frozen=True)
class CostResult:
    """All that was counted, and where; the first row is the one that the page explains."""

    machine: str
    rows: tuple[CostRow, ...]
    reconcile: tuple[BillLine, ...]


def save_costs(result: CostResult) -> None:
    """Write it down."""
    FILE.write_text(f"{to_json(result)}\n")


def load_costs() -> CostResult:
    """What the last run found."""
    return from_json(CostResult, FILE.read_text())
