"""The command `python -m bench.places_drain`: how fast folders of jobs for different numbers of images are drained.

Backdrop runs in the simulated world, with a provider that counts images. A greedy packer gets the same jobs, each with
the duration that its call had in the same run, and starts at once the first waiting job that fits. It needs no queue,
no worker, and no ledger, and lets large jobs wait as long as smaller ones fit. A second packer is as quick, but also
keeps Backdrop's promise that no job overtakes one that has waited for a minute.
"""

import argparse
import heapq
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import mean
from typing import NamedTuple

from backdrop.model.job import JobStatus
from backdrop.model.place_leases import SENIORITY
from simulation.run_environment import describe_environment
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World

PAGE = Path("docs/results/places_drain.md")
PLACES = 10
MIN_CALL_SECONDS, MAX_CALL_SECONDS = 8.0, 14.0
MAX_HOURS = 3
MIXES: dict[str, Sequence[int]] = {
    "mostly one, some two or four": (1, 1, 1, 2, 4),
    "one, two, or four": (1, 2, 4),
    "one to four": (1, 2, 3, 4),
    "one to eight": (1, 2, 3, 4, 5, 6, 7, 8),
}


class Call(NamedTuple):
    places: int
    seconds: float


class Drain(NamedTuple):
    """How long one folder took, and how long the packers take for the same calls, in seconds."""

    seconds: float
    greedy_seconds: float
    fair_seconds: float


def drain(seed: int, sizes: Sequence[int], photos: int) -> Drain:
    """Drains one folder. Raises RuntimeError if not every photo was delivered in time."""
    random = Random(f"places {seed}")
    world = World(seed, counts_images=True, in_flight=PLACES, account_limit=PLACES, budget=10**9)
    world.provider.behavior_sources.append(
        lambda: CallBehavior(work_seconds=random.uniform(MIN_CALL_SECONDS, MAX_CALL_SECONDS))
    )
    world.start()
    for n in range(photos):
        world.upload_sidecar(f"{n:04}.jpg", prompt="at sea", num_images=random.choice(sizes))
        world.upload_photo(f"{n:04}.jpg", build_photo(f"{n}"))
    end = world.clock.time + timedelta(hours=MAX_HOURS)
    world.event_loop.run_until(end, lambda: len(world.provider.account.work_by_id) == photos)
    world.event_loop.run_until(world.clock.time + timedelta(minutes=5))
    jobs = {job.job_id: job for job in world.list_jobs()}
    if [job.status for job in jobs.values()] != [JobStatus.STORED] * photos:
        raise RuntimeError("not every photo was delivered")
    works = sorted(
        world.provider.account.work_by_id.values(), key=lambda work: jobs[work.billed_job.order.client_hint].key
    )
    calls = [Call(work.places, (work.done_at - work.started_at).total_seconds()) for work in works]
    return Drain(
        seconds=(max(work.done_at for work in works) - min(work.started_at for work in works)).total_seconds(),
        greedy_seconds=pack(calls, keeps_turns=False),
        fair_seconds=pack(calls, keeps_turns=True),
    )


def pack(calls: Sequence[Call], *, keeps_turns: bool) -> float:
    """Returns how many seconds the calls take if the first one that fits starts whenever places are free.

    `keeps_turns`: once the calls have waited for a minute, only the first one may start.
    """
    waiting, running, now = [*calls], list[tuple[float, int]](), 0.0
    free = PLACES
    while waiting or running:
        candidates = waiting[:1] if keeps_turns and now >= SENIORITY.total_seconds() else waiting
        fitting = next((call for call in candidates if call.places <= free), None)
        if fitting is not None:
            waiting.remove(fitting)
            free -= fitting.places
            heapq.heappush(running, (now + fitting.seconds, fitting.places))
        else:
            now, freed = heapq.heappop(running)
            free += freed
    return now


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.places_drain", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    rows = list[str]()
    for name, sizes in MIXES.items():
        drains = [drain(seed, sizes, options.photos) for seed in range(options.seeds)]
        shares = [one.greedy_seconds / one.seconds for one in drains]
        rows.append(
            f"| {name} | {mean(one.seconds for one in drains):.0f} | {mean(one.greedy_seconds for one in drains):.0f} "
            f"| {mean(one.fair_seconds for one in drains):.0f} | {mean(shares):.1%} | {min(shares):.1%} "
            f"| {mean(one.fair_seconds / one.seconds for one in drains):.1%} |"
        )
        print(rows[-1], flush=True)
    options.out.write_text(_build_page(rows, options.photos, options.seeds))


def _build_page(rows: Sequence[str], photos: int, seeds: int) -> str:
    table = "\n".join(rows)
    return f"""# Folders whose photos request different numbers of images

`python -m bench.places_drain --photos {photos} --seeds {seeds}` writes this page. Run on {describe_environment()}.

In the simulated world, the product's code drains {photos:,} photos in each of {seeds} seeds. The number of images that
a photo requests is drawn from the mix. At most {PLACES} images are in progress at the provider, and a call takes
{MIN_CALL_SECONDS:g} to {MAX_CALL_SECONDS:g} s. A greedy packer gets the same calls, starts the first one that fits as
soon as places are free, and needs no time for anything else. A fair packer also keeps one of Backdrop's promises: once
a job has waited for a minute, no other job overtakes it ([places](../decisions/0047-places.md)).

| images of a photo | seconds | greedy packer | fair packer | share of greedy | lowest share | share of fair |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{table}

With large jobs, the promise costs time: places stay empty until there are enough of them for the job whose turn it is.
The greedy packer leaves such jobs to the end.
"""


if __name__ == "__main__":
    main()
