"""The command of the bench: `make bench`, or some parts of it with `ONLY="drain comparison"`.

Exits with code 1 and a message if a figure is not reported.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS
from bench.parts import BenchPart, choose_parts
from bench.reliability import UnreliableMeasurementError
from bench.saved_results import save_result
from bench.time_limit import TimeLimitError, time_limit
from docs import make_bench
from fault_bench.faulted_run import NotDrainedError


def main() -> int:
    """Builds the stack, measures, saves the results, and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="names of parts")
    options = parser.parse_args()
    try:
        parts = choose_parts(options.only)
        sam.build(TOOLS / "logs" / "sam-build.log")
    except (ValueError, LocalCloudError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    refusals = run_parts(parts)
    make_bench.write_pages()
    for words in refusals:
        print(f"not reported: {words}", file=sys.stderr)
    return int(bool(refusals))


def run_parts(parts: Sequence[BenchPart]) -> list[str]:
    """Measures the parts one after another. Returns why some figures are not reported."""
    refusals = list[str]()
    for part in parts:
        print(f"== {part.name}, at most {part.minutes:g} minutes", flush=True)
        began = time.monotonic()
        try:
            with time_limit(part.name, part.minutes):
                result = part.measure()
        except (UnreliableMeasurementError, TimeLimitError, NotDrainedError, LocalCloudError) as error:
            refusals.append(str(error))
            print(f"not reported: {error}", flush=True)
            continue
        refusals += part.list_refusals(result)
        if part.result_type is not None:
            save_result(part.name, result, (time.monotonic() - began) / 60)
    return refusals


if __name__ == "__main__":
    sys.exit(main())
