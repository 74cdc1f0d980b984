"""Results saved as JSON next to their page, so that the page can be written again without another run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.codec import to_json, validate
from simulation.run_environment import describe_environment

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class SavedResult[T]:
    """The result of one part, the machine, and the duration in minutes."""

    machine: str
    minutes: float
    result: T


def save_result(name: str, result: object, minutes: float, folder: Path = FOLDER) -> None:
    """Writes the result as JSON."""
    document = {
        "machine": describe_environment(),
        "minutes": round(minutes, 1),
        "found": json.loads(to_json(result), parse_float=_round_number),
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def _round_number(number: str) -> float:
    """Rounds to six decimals."""
    return round(float(number), 6)


def load_result[T](name: str, kind: type[T], folder: Path = FOLDER) -> SavedResult[T] | None:
    """Returns the result of the last run, or None."""
    file = folder / f"{name}.json"
    if not file.is_file():
        return None
    document: dict[str, Any] = json.loads(file.read_text())
    return SavedResult(document["machine"], document["minutes"], validate(kind, document["found"]))
