"""The command `make simulate FAULTS=none`: the simulated world without faults, with many photos.

It fits the world to the bench's runs of a hundred photos, foretells the others, and plays large folders on AWS's
assumed times. A hundred thousand photos take half an hour of a processor; rows that are not played again are kept.
"""

import argparse
import re
import sys
import time

from bench.aws_cost.idle import one_provider
from bench.aws_cost.page import memory_of
from bench.beyond import page
from bench.beyond.aws import pace_of, play
from bench.beyond.found import CALIBRATION, NAME, Beyond, foresee, runs_of_the_bench, with_row
from bench.keep import keep, kept

LIMIT, SECONDS = 10, 15.0
ROWS = ("100", "1000", "10000", "500,50", "1000,100", "3000,300", "5000,1000", "5000,2,150")
"""Photos, slots and seconds: a folder that grows, slots that grow, and a lane that takes longer than four days."""
ROW = re.compile(r"(\d+)(?:,(\d+)(?:,(\d+(?:\.\d+)?))?)?")


def main() -> int:
    """Play, keep and write the page; exit code 1 where a run that was held out is off by more than it may be."""
    parser = argparse.ArgumentParser(prog="python -m bench.beyond", description=__doc__)
    parser.add_argument(
        "--rows",
        nargs="*",
        type=_row,
        default=[*map(_row, ROWS)],
        help=f"photos, or photos,slots,seconds (with {LIMIT} slots of {SECONDS:g} s where nothing is said)",
    )
    asked, began = parser.parse_args(), time.monotonic()
    before, runs = kept(NAME, Beyond), runs_of_the_bench()
    scaled = before.found.scaled if before else ()
    found = Beyond(foresee(runs) if any(one.scenario in CALIBRATION for one in runs) else None, scaled)
    keep(NAME, found, 0)
    pace = pace_of(page.tagged(), memory_of(one_provider()))
    for photos, limit, seconds in asked.rows:
        row = play(photos, limit, seconds, pace)
        found = Beyond(found.foresight, with_row(found.scaled, row))
        print(f"N={photos:,} C={limit} S={seconds:g}: {row.ideal / row.ended:.1%} of the ideal", flush=True)
        keep(NAME, found, (time.monotonic() - began) / 60)
    page.write()
    off = [one for one in found.foresight.held_out if abs(one.off) > page.MOST_OFF] if found.foresight else []
    for one in off:
        print(f"{one.scenario.name}: off by {one.off:+.1%}", file=sys.stderr)
    return int(bool(off))


def _row(text: str) -> tuple[int, int, float]:
    """Photos, slots and seconds.

    Raises:
        ArgumentTypeError: it is something else, or the slots are never full.
    """
    found = ROW.fullmatch(text)
    photos, limit, seconds = found.groups() if found else ("0", None, None)
    row = int(photos), int(limit or LIMIT), float(seconds or SECONDS)
    if not row[0] >= row[1] >= 1 or not row[2]:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PHOTOS or PHOTOS,SLOTS,SECONDS, with at least one slot and as many photos as slots"
        )
    return row


if __name__ == "__main__":
    sys.exit(main())
