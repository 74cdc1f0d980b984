"""Drains a folder whose photos ask for different numbers of images, and compares the time with a greedy packer's.

`python -m simulation.places_drain --out docs/results/places.json` runs Backdrop in the simulated world, with a
provider that counts images. The greedy packer gets the same jobs, each with the duration that its call had in the same
run, and starts at once the first waiting job that fits. It needs no queue, no worker, and no ledger, and lets large
jobs wait as long as smaller ones fit.
"""

import argparse
import heapq
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from backdrop.model.job import JobStatus
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World

PLACES = 10
DEFAULT_PHOTOS = 200
MIN_CALL_SECONDS, MAX_CALL_SECONDS = 8.0, 14.0
MAX_HOURS = 3
MIXES: dict[str, Sequence[int]] = {
    "mostly one image": (1, 1, 1, 2, 4),
    "one, two, or four": (1, 2, 4),
    "one to four": (1, 2, 3, 4),
}


class Call(NamedTuple):
    places: int
    seconds: float


def drain(seed: int, sizes: Sequence[int], photos: int) -> dict[str, Any]:
    """Drains one folder and returns the figures. Raises RuntimeError if not every photo was delivered in time."""
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
    seconds = (max(work.done_at for work in works) - min(work.started_at for work in works)).total_seconds()
    calls = [Call(work.places, (work.done_at - work.started_at).total_seconds()) for work in works]
    greedy_seconds = pack_greedily(calls, PLACES)
    return {
        "seed": seed,
        "photos": photos,
        "places": PLACES,
        "seconds": round(seconds),
        "greedy_seconds": round(greedy_seconds),
        "share_of_greedy": round(greedy_seconds / seconds, 3),
        "refused_calls": world.provider.account.refused_count,
        "returned_messages": len(world.returned_messages),
    }


def pack_greedily(calls: Sequence[Call], places: int) -> float:
    """Returns how long the calls take if the first one that fits starts whenever places are free."""
    waiting, running, now = [*calls], list[tuple[float, int]](), 0.0
    free = places
    while waiting or running:
        fitting = next((n for n, call in enumerate(waiting) if call.places <= free), None)
        if fitting is not None:
            call = waiting.pop(fitting)
            free -= call.places
            heapq.heappush(running, (now + call.seconds, call.places))
        else:
            now, freed = heapq.heappop(running)
            free += freed
    return now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--photos", type=int, default=DEFAULT_PHOTOS)
    options = parser.parse_args()
    rows = {
        name: [drain(seed, sizes, options.photos) for seed in range(options.seeds)] for name, sizes in MIXES.items()
    }
    text = json.dumps(rows, indent=2)
    print(text)
    if options.out:
        options.out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
