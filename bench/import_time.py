"""How long each handler takes to import, against the libraries that it stands on alone.

Both are measured in fresh interpreters on the built artefact, by CPU time, alternating, the smallest of many:
`python -m backdrop_local.build && python bench/import_time.py`. The floor is boto3, requests, pydantic's BaseModel,
and Powertools' Logger and Metrics.
"""

import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parent.parent / ".aws-sam" / "build"
LAYERS = [str(BUILD / layer / "python") for layer in ("DependenciesLayer", "BackdropLayer")]
FLOOR = "import boto3, requests; from pydantic import BaseModel; from aws_lambda_powertools import Logger, Metrics"
HANDLERS = ("Intake", "Render", "Deliver", "Reconcile")
ROUNDS = 15
LIMIT = 1.15


def cpu_seconds(code: str, paths: list[str]) -> float:
    """CPU seconds that a fresh interpreter needs for `code` with nothing but `paths` to import from."""
    clock = "time.process_time()"
    script = f"import sys, time; sys.path[:0] = {paths!r}; t = {clock}; {code}; print({clock} - t)"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    return float(run.stdout)


def measure() -> dict[str, float]:
    """The smallest CPU time of the floor and of each handler, in seconds."""
    codes = {"floor": (FLOOR, LAYERS)}
    codes |= {name: ("import app", [str(BUILD / f"{name}Function"), *LAYERS]) for name in HANDLERS}
    best = dict.fromkeys(codes, float("inf"))
    for _ in range(ROUNDS):
        for name, (code, paths) in codes.items():
            best[name] = min(best[name], cpu_seconds(code, paths))
    return best


def main() -> int:
    """Print the table; 1 where a handler is over the limit."""
    best = measure()
    print(f"{'':10}{'CPU ms':>8}{'ratio':>8}")
    for name, seconds in best.items():
        print(f"{name:10}{seconds * 1000:8.0f}{seconds / best['floor']:8.2f}")
    return int(max(best[name] for name in HANDLERS) > LIMIT * best["floor"])


if __name__ == "__main__":
    sys.exit(main())
