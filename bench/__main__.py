"""The command of the bench: `make bench`, or some parts of it with `ONLY="drain beside"`.

Exit code 1, with words, where something is not reported.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS
from bench.budget import LateError, within
from bench.keep import keep
from bench.parts import Part, chosen
from bench.refusals import RefusedError
from docs import make_bench
from fault_bench.faulted_run import NotDrainedError


def main() -> int:
    """Build what is measured, measure, keep what was found, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="names of parts")
    asked = parser.parse_args()
    try:
        parts = chosen(asked.only)
        sam.build(TOOLS / "logs" / "sam-build.log")
    except (ValueError, LocalCloudError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    refused = run(parts)
    make_bench.write()
    for words in refused:
        print(f"not reported: {words}", file=sys.stderr)
    return int(bool(refused))


def run(parts: Sequence[Part]) -> list[str]:
    """Measure them one after the other; why something is not reported."""
    refused = list[str]()
    for part in parts:
        print(f"== {part.name}, at most {part.minutes:g} minutes", flush=True)
        began = time.monotonic()
        try:
            with within(part.name, part.minutes):
                found = part.measure()
        except (RefusedError, LateError, NotDrainedError, LocalCloudError) as error:
            refused.append(str(error))
            print(f"not reported: {error}", flush=True)
            continue
        refused += part.refused(found)
        if part.kind is not None:
            keep(part.name, found, (time.monotonic() - began) / 60)
    return refused


if __name__ == "__main__":
    sys.exit(main())
