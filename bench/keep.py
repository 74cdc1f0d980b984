"""What was found, as it is kept beside its page, so that the page can be written anew without another run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.codec import to_json, validate
from simulation.run_environment import describe_environment

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Kept[T]:
    """What one part found, on which machine, and how many minutes that took."""

    machine: str
    minutes: float
    found: T


def keep(name: str, found: object, minutes: float, folder: Path = FOLDER) -> None:
    """Write it down."""
    said = {
        "machine": describe_environment(),
        "minutes": round(minutes, 1),
        "found": json.loads(to_json(found), parse_float=_short),
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(said, indent=1) + "\n")


def _short(number: str) -> float:
    """No more digits than anybody reads."""
    return round(float(number), 6)


def kept[T](name: str, kind: type[T], folder: Path = FOLDER) -> Kept[T] | None:
    """What the last run found; None where there was none."""
    file = folder / f"{name}.json"
    if not file.is_file():
        return None
    said: dict[str, Any] = json.loads(file.read_text())
    return Kept(said["machine"], said["minutes"], validate(kind, said["found"]))
