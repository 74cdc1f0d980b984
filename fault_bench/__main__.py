"""Runs the bench: `python -m fault_bench --photos 200 --seed 1`. The exit code is 1 if a promise was broken."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS
from fault_bench import bench_page, bench_seeds
from fault_bench.bench_run import BenchResult, BenchSettings

MAX_PHOTOS = 1000
MIN_PHOTOS = 30


def main() -> int:
    """Runs the seeds, prints the tables, and writes the page."""
    options, console = _parse_options(), bench_seeds.build_console()
    settings = BenchSettings(
        options.photos, options.seconds, options.limit, options.timeout, use_all_lanes=options.mixed
    )
    try:
        if not options.built:
            console.print("building the functions and their layers")
            sam.build(TOOLS / "logs" / "sam-build.log")
    except LocalCloudError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    seeds = range(options.seed, options.seed + options.seeds)
    results = bench_seeds.run_bench_seeds(
        seeds, settings, include_naive=not (options.alone or options.mixed), parallel_runs=options.at_once
    )
    unfinished = [seed for seed in seeds if seed not in {result.plan.seed for result in results}]
    if results:
        _write_results(console, results, settings, unfinished, options.out)
    return _print_verdict(console, results, unfinished)


def _write_results(
    console: Console, results: list[BenchResult], settings: BenchSettings, unfinished: list[int], out: Path
) -> None:
    for table in bench_page.build_tables(results):
        console.print(table)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(bench_page.format_page(results, settings, unfinished))
    console.print(f"written to {out}", markup=False)


def _print_verdict(console: Console, results: list[BenchResult], unfinished: list[int]) -> int:
    has_failed = bool(unfinished) or any(result.violations for result in results)
    if not has_failed:
        console.print("every promise was kept", style="green")
    return int(has_failed)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fault_bench", description=__doc__)
    parser.add_argument(
        "--photos", type=_parse_photo_count, default=200, help=f"how many photos, {MIN_PHOTOS} to {MAX_PHOTOS}"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed to run")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to run")
    parser.add_argument("--seconds", type=float, default=4.0, help="how many seconds a call takes at the provider")
    parser.add_argument("--limit", type=int, default=10, help="how many calls the account allows at the same time")
    parser.add_argument("--timeout", type=int, default=6, help="how many seconds a caller waits for an answer")
    parser.add_argument("--at-once", type=int, default=1, help="how many seeds to run in parallel")
    parser.add_argument("--built", action="store_true", help="deploy the last build instead of building again")
    parser.add_argument("--alone", action="store_true", help="run only Backdrop, without the naive pipeline")
    parser.add_argument("--mixed", action="store_true", help="send photos to all four lanes; runs only Backdrop")
    parser.add_argument(
        "--out", type=Path, default=TOOLS / "chaos.md", help="write the page with the results to this file"
    )
    return parser.parse_args()


def _parse_photo_count(text: str) -> int:
    number = int(text)
    if not MIN_PHOTOS <= number <= MAX_PHOTOS:
        raise argparse.ArgumentTypeError(f"{number} photos are out of range; choose {MIN_PHOTOS} to {MAX_PHOTOS}")
    return number


if __name__ == "__main__":
    sys.exit(main())
