"""The cost of a cold start: each handler's import compared with that of its libraries, and the size of its package.

Measures the imports of the built code in new interpreters, in turn: the mean CPU time of many rounds. The floor is
boto3, requests, pydantic's BaseModel, and Powertools' Logger and Metrics.
"""

import os
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from backdrop_local.home import ROOT
from bench.reliability import check_spread
from docs.tables import format_table

BUILD = ROOT / ".aws-sam" / "build"
LAYERS = ("DependenciesLayer", "BackdropLayer")
FLOOR_IMPORTS = (
    "import boto3, requests; from pydantic import BaseModel; from aws_lambda_powertools import Logger, Metrics"
)
HANDLERS = ("Intake", "Render", "Deliver", "Reconcile", "Campaign")
ROUNDS = 20
MAX_SPREAD = 0.15


@dataclass(frozen=True)
class ColdStarts:
    """CPU milliseconds of the floor and of each handler's import, and the compressed size of each package in bytes."""

    floor_ms: float
    handlers_ms: Mapping[str, float]
    packed_bytes: Mapping[str, int]

    def ratio(self, name: str) -> float:
        """Returns a handler's import time divided by the floor."""
        return self.handlers_ms[name] / self.floor_ms


def measure() -> ColdStarts:
    """Measures all imports. The even and the odd rounds must agree.

    Raises:
        UnreliableMeasurementError: the machine was too noisy.
    """
    rounds = [_measure_round() for _ in range(ROUNDS)]
    halves = [_compute_means(rounds[::2]), _compute_means(rounds[1::2])]
    for name in HANDLERS:
        check_spread(f"import of {name}", [half[name] / half["floor"] for half in halves], MAX_SPREAD)
    means = {name: 1000 * seconds for name, seconds in _compute_means(rounds).items()}
    packed = {name: measure_packed_bytes(BUILD / name) for name in (*(f"{one}Function" for one in HANDLERS), *LAYERS)}
    return ColdStarts(means.pop("floor"), means, packed)


def format_section(found: ColdStarts) -> str:
    rows = [
        (name, f"{milliseconds:.0f}", f"{found.ratio(name):.2f}", f"{found.packed_bytes[f'{name}Function'] / 1000:.1f}")
        for name, milliseconds in found.handlers_ms.items()
    ]
    layers = ", ".join(f"{name} {found.packed_bytes[name] / 1_000_000:.1f} MB" for name in LAYERS)
    return "\n\n".join(
        [
            "The CPU time of a handler's import in a new interpreter, compared with that of its libraries (boto3,"
            f" requests, pydantic, and Powertools: {found.floor_ms:.0f} ms). Everything is compiled, as `make build`"
            f" ships it; Lambda would compile the rest at each cold start. Packages are compressed. Layers: {layers}."
            f" The two halves of the rounds agree within {MAX_SPREAD:.0%}.",
            format_table(("", "import ms", "× its libraries", "package KB"), rows),
        ]
    )


def measure_packed_bytes(folder: Path) -> int:
    """Returns the size of a package's files, each compressed as in an archive."""
    files = [Path(place) / name for place, _, names in os.walk(folder) for name in names]
    return sum(len(zlib.compress(file.read_bytes())) for file in files)


def measure_cpu_seconds(code: str, paths: list[str]) -> float:
    """Returns the CPU seconds that a new interpreter needs for `code`, with only `paths` to import from."""
    clock = "time.process_time()"
    script = f"import sys, time; sys.path[:0] = {paths!r}; t = {clock}; {code}; print({clock} - t)"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    return float(run.stdout)


def _measure_round() -> dict[str, float]:
    """Returns the CPU seconds of the floor and of each handler's import."""
    layers = [str(BUILD / layer / "python") for layer in LAYERS]
    handlers = {name: [str(BUILD / f"{name}Function"), *layers] for name in HANDLERS}
    return {
        "floor": measure_cpu_seconds(FLOOR_IMPORTS, layers),
        **{name: measure_cpu_seconds("import app", paths) for name, paths in handlers.items()},
    }


def _compute_means(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the means, which differ less between two halves of many rounds than medians or minimums."""
    return {name: fmean(one[name] for one in rounds) for name in ("floor", *HANDLERS)}
