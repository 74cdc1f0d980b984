"""Many seeds on some processes."""

import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from proof.simulate.plan import draw
from proof.simulate.play import Run, play

SEEDS_AT_ONCE = 10


def runs(seeds: Sequence[int], faults: Sequence[str] | None, kind: str, processes: int) -> Iterator[Run]:
    """The runs of some seeds, in their order."""
    one = partial(played, faults=faults, kind=kind)
    if processes == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, seeds, chunksize=SEEDS_AT_ONCE)


def played(seed: int, faults: Sequence[str] | None = None, kind: str = "") -> Run:
    """One seed; what the code itself could not bear stands in its run."""
    plan = draw(seed, faults, kind)
    try:
        return play(plan)
    except Exception:  # noqa: BLE001 - one seed's end is not that of the others
        return Run(plan, error=traceback.format_exc())
