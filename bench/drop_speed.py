"""The upload speed of `backdrop drop` compared with `aws s3 cp --recursive`: the same photos, on a running local cloud.

Both write to a separate bucket without notifications, so that no function runs meanwhile. `--aws` names the AWS
command line: `pip install awscli` in its own venv.
"""

import argparse
import io
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from PIL import Image

from backdrop_cli.drop import DropOptions, run_drop
from backdrop_cli.options import StackLocation
from backdrop_cli.screen import Screen
from backdrop_cli.stack import connect
from backdrop_client.s3_uploader import S3Uploader
from backdrop_local.cloud import find_running, format_exports
from backdrop_local.home import Home

BUCKET = f"how-fast-is-drop-{os.getpid()}"
SIDE = 700


def write_photos(folder: Path, number: int) -> int:
    """Writes noise as JPEG files of about 200 KB. Returns their total size in bytes."""
    noise = Image.frombytes("RGB", (SIDE, SIDE), Random(1).randbytes(SIDE * SIDE * 3))
    for n in range(number):
        noise.paste((n % 256, n // 256 % 256, 9), (0, 0, 40, 40))
        file = io.BytesIO()
        noise.save(file, "JPEG", quality=40)
        (folder / f"{n:04}.jpg").write_bytes(file.getvalue())
    return sum(path.stat().st_size for path in folder.iterdir())


def measure_seconds(work: Callable[[], object]) -> float:
    """Returns how many seconds some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Times both commands in turn, for several rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--aws", default="aws")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    cloud = find_running(Home.from_environment())
    s3 = cloud.clients.s3
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    stack = replace(connect(StackLocation()), input_bucket=BUCKET, uploader=S3Uploader(s3, BUCKET))
    env = {**os.environ, **dict(line.removeprefix("export ").split("=", 1) for line in format_exports(cloud))}
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        size = write_photos(folder, asked.photos)
        print(f"{asked.photos} photos, {size / 1e6:.0f} MB")
        for n in range(asked.rounds):
            copy = [asked.aws, "s3", "cp", "--recursive", "--only-show-errors", named, f"s3://{BUCKET}/aws{n}/"]
            theirs = measure_seconds(lambda copy=copy: subprocess.run(copy, env=env, check=True))
            quick = DropOptions([folder], target_folder=f"quick{n}", quick=True, yes=True)
            ours = measure_seconds(lambda quick=quick: run_drop(stack, Screen(), quick))
            opened = measure_seconds(
                lambda n=n: run_drop(stack, Screen(), DropOptions([folder], target_folder=f"drop{n}", yes=True))
            )
            print(f"aws s3 cp {theirs:.1f} s; drop --quick {ours:.1f} s; drop {opened:.1f} s")


if __name__ == "__main__":
    main()
