"""The command of the bench: `python -m proof.chaos --photos 200 --seed 1`; exit code 1 where a promise was broken."""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS
from proof.chaos import bench, page
from proof.chaos.bench import Result, Size
from proof.chaos.play import NotDrainedError

MOST_PHOTOS = 1000
LEAST_PHOTOS = 30


def main() -> int:
    """Run the seeds, show the tables, write the page."""
    options, console = _options(), Console(soft_wrap=True, highlight=False)
    size = Size(options.photos, options.seconds, options.limit, options.timeout)
    results: list[Result] = []
    for seed in range(options.seed, options.seed + options.seeds):
        started = time.monotonic()
        try:
            build = not options.built and not results
            results.append(bench.run(seed, size, console.print, build=build, beside=not options.alone))
        except (LocalCloudError, NotDrainedError) as error:
            console.print(f"error: seed {seed}: {error}", style="red", markup=False)
            break
        broken = len(results[-1].breaches)
        console.print(f"seed {seed}: {broken} broken promises, {time.monotonic() - started:.0f} s")
    if results:
        _show(console, results, size, options.out)
    return _judge(console, results) or int(len(results) < options.seeds)


def _show(console: Console, results: list[Result], size: Size, out: Path) -> None:
    for shown in page.tables(results):
        console.print(shown)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page.document(results, size))
    console.print(f"written to {out}", markup=False)


def _judge(console: Console, results: list[Result]) -> int:
    broken = [(result.plan.seed, breach) for result in results for breach in result.breaches]
    for seed, breach in broken:
        console.print(f"seed {seed}: {breach}", style="red", markup=False)
    if results and not broken:
        console.print("every promise was kept", style="green")
    return int(bool(broken))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.chaos", description=__doc__)
    parser.add_argument("--photos", type=_photos, default=200, help=f"{LEAST_PHOTOS} to {MOST_PHOTOS}")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long the provider takes for a call")
    parser.add_argument("--limit", type=int, default=10, help="calls that the account allows at a time")
    parser.add_argument("--timeout", type=int, default=6, help="seconds until a caller gives up")
    parser.add_argument("--built", action="store_true", help="deploy what was built before")
    parser.add_argument("--alone", action="store_true", help="without the naive pipeline")
    parser.add_argument("--out", type=Path, default=TOOLS / "chaos.md", help="the page to write")
    return parser.parse_args()


def _photos(text: str) -> int:
    number = int(text)
    if not LEAST_PHOTOS <= number <= MOST_PHOTOS:
        raise argparse.ArgumentTypeError(f"{number} is not between {LEAST_PHOTOS} and {MOST_PHOTOS}")
    return number


if __name__ == "__main__":
    sys.exit(main())
