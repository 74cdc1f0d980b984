"""The command `make simulate FAULTS=none`: the simulated world without faults, with many photos.

It fits the world to the bench's runs of a hundred photos, foretells the others, and plays large folders on AWS's
assumed times. A hundred thousand photos take half an hour of a processor; rows that are not played again are kept.
"""

import argparse
import sys
import time

from bench.aws_cost.__main__ import one_provider
from bench.aws_cost.found import kept as counted
from bench.aws_cost.page import memory_of
from bench.beyond import page
from bench.beyond.aws import pace_of, play
from bench.beyond.found import NAME, Beyond, foresee, runs_of_the_bench, with_row
from bench.keep import keep, kept

PHOTOS = (100, 1_000, 10_000)
LIMIT, SECONDS = 10, 15.0
WIDER = ((50, 500), (100, 1_000), (300, 3_000), (1_000, 5_000))
"""More slots, and photos for them."""


def main() -> int:
    """Play, keep and write the page; exit code 1 where a run that was held out is off by more than it may be."""
    parser = argparse.ArgumentParser(prog="python -m bench.beyond", description=__doc__)
    parser.add_argument("--photos", type=int, nargs="*", default=PHOTOS, help="large folders, by their photos")
    asked, began = parser.parse_args(), time.monotonic()
    before = kept(NAME, Beyond)
    runs = runs_of_the_bench()
    found = Beyond(foresee(runs) if runs else None, before.found.scaled if before else ())
    pace = pace_of(counted().rows[page.TAGGED], memory_of(one_provider()))
    wider = WIDER if tuple(asked.photos) == PHOTOS else ()
    for photos, limit in (*((n, LIMIT) for n in asked.photos), *((n, c) for c, n in wider)):
        row = play(photos, limit, SECONDS, pace)
        found = Beyond(found.foresight, with_row(found.scaled, row))
        print(f"N={photos:,} C={limit} S={SECONDS:g}: {row.ideal / row.ended:.1%} of the ideal", flush=True)
        keep(NAME, found, (time.monotonic() - began) / 60)
    page.write()
    off = [one for one in found.foresight.held_out if abs(one.off) > page.MOST_OFF] if found.foresight else []
    for one in off:
        print(f"{one.scenario.name}: off by {one.off:+.1%}", file=sys.stderr)
    return int(bool(off))


if __name__ == "__main__":
    sys.exit(main())
