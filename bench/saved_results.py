"""What was found, as it is kept beside its page, so that the page can be written anew without another run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.codec import to_json, validate
from simulation.run_environment import describe_environment

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class SavedResult[T]:
    """What one part found, on which machine, and how many minutes that took."""

    machine: str
    minutes: float
    result: T


def save_result(name: str, result: object, minutes: float, folder: Path = FOLDER) -> None:
    """Write it down."""
    document = {
        "machine": describe_environment(),
        "minutes": round(minutes, 1),
        "found": json.loads(to_json(result), parse_float=_round_number),
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def _round_number(number: str) -> float:
    """No more digits than anybody reads."""
    return round(float(number), 6)


def load_result[T](name: str, kind: type[T], folder: Path = FOLDER) -> SavedResult[T] | None:
    """What the last run found; None where there was none."""
    file = folder / f"{name}.json"
    if not file.is_file():
        return None
    document: dict[str, Any] = json.loads(file.read_text())
    return SavedResult(document["machine"], document["minutes"], validate(kind, document["found"]))
