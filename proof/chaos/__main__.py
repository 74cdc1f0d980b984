"""The command of the bench: `python -m proof.chaos --photos 200 --seed 1`; exit code 1 where a promise was broken."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS
from proof.chaos import many, page
from proof.chaos.bench import Result, Size

MOST_PHOTOS = 1000
LEAST_PHOTOS = 30


def main() -> int:
    """Run the seeds, show the tables, write the page."""
    options, console = _options(), many.console()
    size = Size(options.photos, options.seconds, options.limit, options.timeout, mixed=options.mixed)
    try:
        if not options.built:
            console.print("building the functions and their layers")
            sam.build(TOOLS / "logs" / "sam-build.log")
    except LocalCloudError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    seeds = range(options.seed, options.seed + options.seeds)
    results = many.played(seeds, size, beside=not (options.alone or options.mixed), at_once=options.at_once)
    unfinished = [seed for seed in seeds if seed not in {result.plan.seed for result in results}]
    if results:
        _show(console, results, size, unfinished, options.out)
    return _judge(console, results, unfinished)


def _show(console: Console, results: list[Result], size: Size, unfinished: list[int], out: Path) -> None:
    for shown in page.tables(results):
        console.print(shown)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page.document(results, size, unfinished))
    console.print(f"written to {out}", markup=False)


def _judge(console: Console, results: list[Result], unfinished: list[int]) -> int:
    """The breaches were told seed by seed."""
    wrong = bool(unfinished) or any(result.breaches for result in results)
    if not wrong:
        console.print("every promise was kept", style="green")
    return int(wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.chaos", description=__doc__)
    parser.add_argument("--photos", type=_photos, default=200, help=f"{LEAST_PHOTOS} to {MOST_PHOTOS}")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long the provider takes for a call")
    parser.add_argument("--limit", type=int, default=10, help="calls that the account allows at a time")
    parser.add_argument("--timeout", type=int, default=6, help="seconds until a caller gives up")
    parser.add_argument("--at-once", type=int, default=1, help="how many seeds at a time")
    parser.add_argument("--built", action="store_true", help="deploy what was built before")
    parser.add_argument("--alone", action="store_true", help="without the naive pipeline")
    parser.add_argument("--mixed", action="store_true", help="photos for all four lanes; without the naive pipeline")
    parser.add_argument("--out", type=Path, default=TOOLS / "chaos.md", help="the page to write")
    return parser.parse_args()


def _photos(text: str) -> int:
    number = int(text)
    if not LEAST_PHOTOS <= number <= MOST_PHOTOS:
        raise argparse.ArgumentTypeError(f"{number} is not between {LEAST_PHOTOS} and {MOST_PHOTOS}")
    return number


if __name__ == "__main__":
    sys.exit(main())
