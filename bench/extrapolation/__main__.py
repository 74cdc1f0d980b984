"""The command `make simulate FAULTS=none`: the simulated world without faults, with many photos.

Fits the world to the bench's runs of a hundred photos, predicts the others, and simulates large folders with AWS's
assumed times, and one with faults. A million photos take hours. Keeps the results that are not simulated again.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

from bench.aws_cost.idle_stack import load_one_provider_stack
from bench.aws_cost.page import read_memory
from bench.extrapolation import page
from bench.extrapolation.aws_timing import compute_request_times, run_scaled
from bench.extrapolation.faulty_folder import run_with_faults
from bench.extrapolation.prediction import CALIBRATION, NAME, Extrapolation, load_bench_runs, predict_runs, replace_row
from bench.saved_results import load_result, save_result
from simulation.process_pool import prepare_worker

LIMIT, SECONDS = 10, 15.0
ROWS = "100 1000 10000 5000,50 10000,100 30000,300 100000,1000 5000,50,15,mandate 10000,100,15,mandate 5000,2,150"
"""Photos, slots, and seconds: growing folders, growing numbers of slots, some of them for one mandate, and a lane that
takes more than four days."""
ROW = re.compile(r"(\d+)(?:,(\d+)(?:,(\d+(?:\.\d+)?)(,mandate)?)?)?")


def main() -> int:
    """Simulates, saves, and writes the page.

    Returns 1 if the prediction of a held-out run is too inaccurate, or if a simulated photo broke an invariant.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.extrapolation", description=__doc__)
    parser.add_argument(
        "--rows",
        nargs="*",
        type=_parse_row,
        default=[*map(_parse_row, ROWS.split())],
        metavar="PHOTOS[,SLOTS[,SECONDS[,mandate]]]",
        help=f"with {LIMIT} slots of {SECONDS:g} s by default",
    )
    parser.add_argument("--faulty", type=int, default=0, help="photos of the folder with faults (default: none)")
    options, began = parser.parse_args(), time.monotonic()
    saved, runs = load_result(NAME, Extrapolation), load_bench_runs()
    previous = saved.result if saved else Extrapolation(None, ())
    prediction = predict_runs(runs) if any(one.scenario in CALIBRATION for one in runs) else None
    result = replace(previous, prediction=prediction)
    save_result(NAME, result, 0)
    pace = compute_request_times(page.find_tagged_row(), read_memory(load_one_provider_stack()))
    for photos, limit, seconds, has_mandate in options.rows:
        row = _run_in_new_process(run_scaled, photos, limit, seconds, pace, has_mandate=has_mandate)
        result = replace(result, scaled=replace_row(result.scaled, row))
        print(
            f"N={photos:,} C={limit} S={seconds:g}{' with a mandate' if has_mandate else ''}:"
            f" {row.ideal_seconds / row.ended_seconds:.1%} of the ideal",
            flush=True,
        )
        save_result(NAME, result, (time.monotonic() - began) / 60)
    if options.faulty:
        result = replace(result, faulty=_run_in_new_process(run_with_faults, options.faulty))
        save_result(NAME, result, (time.monotonic() - began) / 60)
    page.write_page()
    violations = page.list_violations(result)
    for violation in violations:
        print(violation, file=sys.stderr)
    inaccurate = (
        [one for one in result.prediction.held_out if abs(one.error) > page.MAX_ERROR] if result.prediction else []
    )
    for one in inaccurate:
        print(f"{one.scenario.name}: off by {one.error:+.1%}", file=sys.stderr)
    return int(bool(inaccurate or violations))


def _run_in_new_process[**P, R](work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Returns the result of work whose memory is measured."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=prepare_worker) as pool:
        return pool.submit(work, *arguments, **options).result()


def _parse_row(text: str) -> tuple[int, int, float, bool]:
    """Returns photos, slots, seconds, and whether there is a mandate.

    Raises:
        ArgumentTypeError: the text has another form, or the slots are never full.
    """
    found = ROW.fullmatch(text)
    photos, limit, seconds, mandate = found.groups() if found else ("0", None, None, None)
    row = int(photos), int(limit or LIMIT), float(seconds or SECONDS), bool(mandate)
    if not row[0] >= row[1] >= 1 or not row[2]:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PHOTOS[,SLOTS[,SECONDS[,mandate]]], with at least one slot and as many photos as slots"
        )
    return row


if __name__ == "__main__":
    sys.exit(main())
