"""The upload speed of `backdrop drop` compared with `aws s3 cp`: the same small photos to the bucket of the same stack.

Intake is disabled, so that no function uses the machine: the photos' events wait in its queue.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from backdrop_local import cloud
from backdrop_local.home import STACK, TOOLS
from bench.drain.harness import PARAMETERS
from bench.reliability import UnreliableMeasurementError, check_spread
from bench.sample_photos import build_photo
from bench.temporary_home import temporary_home
from docs.tables import format_table
from fault_bench.bench_run import find_fast_folder

PHOTOS, ROUNDS = 300, 8
AWS = TOOLS / "awscli" / "bin" / "aws"
BACKDROP = Path(sys.executable).with_name("backdrop")
MIN_RATIO = 0.8
MAX_SPREAD = 0.15


@dataclass(frozen=True)
class DropSpeed:
    """The seconds of each round, including the start of the program. `megabytes`: all photos together.

    `upload_seconds`: the part of `drop_seconds` in which it uploads.
    """

    photos: int
    megabytes: float
    aws_seconds: Sequence[float]
    drop_seconds: Sequence[float]
    quick_seconds: Sequence[float]
    upload_seconds: Sequence[float]

    @property
    def ratio(self) -> float:
        """The speed of `drop` relative to that of `aws s3 cp`."""
        return sum(self.aws_seconds) / sum(self.drop_seconds)


def measure() -> DropSpeed:
    """Times the commands in turn, after one round that is not counted. The even and the odd rounds must agree.

    Raises:
        UnreliableMeasurementError: the machine was too noisy, or the AWS CLI is missing.
    """
    if not AWS.is_file():
        raise UnreliableMeasurementError("drop: the AWS CLI is not installed; `make bench ONLY=drop` installs it")
    with temporary_home(find_fast_folder()) as home, tempfile.TemporaryDirectory() as named:
        running, folder = cloud.up(home, PARAMETERS, print, build=False), Path(named, "photos")
        functions, bucket = running.clients.functions, running.outputs()["InputBucketName"]
        for mapping in functions.list_event_source_mappings(FunctionName=f"{STACK}-intake")["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping.get("UUID", ""), Enabled=False)
        size = _write_photos(folder)
        environment = {**os.environ, **cloud.list_environment(running), "BACKDROP_HOME": str(home.path)}
        rounds: list[tuple[float, float, float, float]] = []
        for n in range(ROUNDS + 1):
            copy = [AWS, "s3", "cp", "--recursive", "--only-show-errors", folder, f"s3://{bucket}/copy-{n}/"]
            drop = [BACKDROP, "drop", folder, "--yes", "--json", "--to"]
            aws_seconds, _ = _run(copy, environment)
            drop_seconds, document = _run([*drop, f"drop-{n}"], environment)
            quick_seconds, _ = _run([*drop, f"quick-{n}", "--quick"], environment)
            rounds.append((aws_seconds, drop_seconds, quick_seconds, json.loads(document)["upload_seconds"]))
            print("aws s3 cp {:.2f} s, drop {:.2f} s, drop --quick {:.2f} s".format(*rounds[-1]), flush=True)
    found = DropSpeed(PHOTOS, size / 1e6, *zip(*rounds[1:], strict=True))
    halves = [sum(found.aws_seconds[half::2]) / sum(found.drop_seconds[half::2]) for half in (0, 1)]
    check_spread("drop's speed relative to aws s3 cp", halves, MAX_SPREAD)
    return found


def format_section(found: DropSpeed) -> str:
    commands = {
        "`aws s3 cp --recursive`": found.aws_seconds,
        "`backdrop drop`": found.drop_seconds,
        "`backdrop drop --quick`": found.quick_seconds,
    }
    rows = [
        (name, f"{fmean(seconds):.1f}", f"{sum(found.aws_seconds) / sum(seconds):.0%}")
        for name, seconds in commands.items()
    ]
    return "\n\n".join(
        [
            f"{found.photos} photos of {found.megabytes:.0f} MB together, with folder defaults, to the local cloud: the"
            f" mean of {len(found.aws_seconds)} rounds, including the start of the program. No function runs"
            " meanwhile.",
            format_table(("", "seconds", "speed relative to aws s3 cp"), rows),
            f"`drop` uploads for {fmean(found.upload_seconds):.1f} s. Before that, it opens each photo, asks the"
            " ledger which pictures are already bought, and states the price. The local cloud receives files faster"
            " than most connections, so elsewhere, uploading is a larger part.",
        ]
    )


def _write_photos(folder: Path) -> int:
    """Writes the photos, and folder defaults that request a cut-out of each. Returns the photos' size in bytes."""
    folder.mkdir()
    (folder / "_backdrop.json").write_text('{"operation": "remove"}')
    return sum((folder / f"{n:04}.jpg").write_bytes(build_photo(str(n))) for n in range(PHOTOS))


def _run(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[float, str]:
    """Returns the duration in seconds, and the standard output."""
    began = time.perf_counter()
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - began, run.stdout
