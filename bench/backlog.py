"""Measures whether an image costs more if many are stored already: requests, and the code's own CPU time.

Runs the product's own stages, adapters, and commands on the simulated world. The CPU time excludes the simulated
services, so it is the code's alone. To fill the ledger, copies the items and objects of one processed image under
other names.
"""

import gc
import hashlib
import io
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, cast

from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.gallery.make_gallery import GalleryOptions, make_gallery
from backdrop_cli.operate.status import show_status
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from bench.plot import draw_lines
from docs.tables import format_table
from simulation.world.cli_stack import build_simulated_stack
from simulation.world.sample_images import build_photo
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, Transport
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET

BACKLOGS = (10, 100, 1_000, 10_000)
SERVICES = ("s3", "dynamodb", "sqs", "events", "lambda")
FIRST_KEY = "shoes/first.jpg"
PAGE_ITEMS = 1_000
"""About as many items as fit in a page of 1 MB."""
NEW_IMAGES = 20
"""The number of new images to process."""
MAX_REPEATS, MAX_IMAGES_SHOWN = 20, 10_000
"""The maximum number of times that a command runs, and of images that it shows in total."""
STAGE_QUEUES = {"intake": "intake", "render": "ideogram", "deliver": "deliver"}
"""Stages, and the queues that feed them."""


@dataclass(frozen=True)
class ImageCost:
    """Requests to AWS and milliseconds of CPU time per image."""

    requests: float
    cpu_ms: float


@dataclass(frozen=True)
class Backlog:
    """The cost of a new image in each stage, and of each image in two commands, with this many images stored."""

    images: int
    stages: Mapping[str, ImageCost]
    status: ImageCost
    gallery: ImageCost


@dataclass(eq=False)
class CostMeter:
    """Counts requests, and the CPU time outside the simulated services, across all threads."""

    transport: Transport
    requests: int = 0
    operations: Counter[str] = field(default_factory=Counter[str])
    _inside: float = 0.0
    _own: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.transport.faults_before.append(self._enter_service)
        self.transport.permanent_faults.append(self._leave_service)

    def _enter_service(self, call: ServiceCall) -> None:
        if call.service in SERVICES:
            with self._lock:
                self.requests += 1
                self.operations[call.operation] += 1
        self._own.entered = time.thread_time()

    def _leave_service(self, _call: ServiceCall) -> None:
        inside = time.thread_time() - self._own.entered
        with self._lock:
            self._inside += inside

    def measure(self, work: Callable[[], object], images: int) -> ImageCost:
        """Runs some work, and returns its cost per image."""
        requests, inside, began = self.requests, self._inside, time.process_time()
        work()
        seconds = time.process_time() - began - (self._inside - inside)
        return ImageCost((self.requests - requests) / images, 1000 * seconds / images)


def measure(backlogs: tuple[int, ...] = BACKLOGS) -> tuple[Backlog, ...]:
    """Measures one world per size. New images go to each in turn, so that a slow moment of the machine affects all."""
    worlds = [build_filled_world(images) for images in backlogs]
    # Collecting garbage among the stored items is not the code's own work.
    gc.collect()
    gc.freeze()
    worlds_under_test = [MeteredWorld(world, CostMeter(world.transport)) for world in worlds]
    for n in range(NEW_IMAGES):
        for place in worlds_under_test:
            place.add_image(n)
    return tuple(place.summarize(images) for place, images in zip(worlds_under_test, backlogs, strict=True))


@dataclass(eq=False)
class MeteredWorld:
    """A world with many images, and the cost of each new one, by stage."""

    world: World
    meter: CostMeter
    costs: dict[str, list[ImageCost]] = field(default_factory=lambda: {name: [] for name in STAGE_QUEUES})

    def add_image(self, n: int) -> None:
        """Processes a new image stage by stage."""
        self.world.upload_photo(f"new/{n}.jpg", build_photo(f"new {n}"), operation="remove")
        for name, line in STAGE_QUEUES.items():
            self.costs[name].append(self.meter.measure(lambda line=line: self.world.run_until_empty(line), 1))

    def summarize(self, images: int) -> Backlog:
        """Returns the median cost of the new images, and the cost per image of the commands that show all of them."""
        stack = build_simulated_stack(self.world, CampaignStateMachine(cast("Any", self.world.step_functions), "none"))
        there = images + NEW_IMAGES
        return Backlog(
            images=images,
            stages={name: _median_cost(costs) for name, costs in self.costs.items()},
            status=self._measure_command(lambda: _run_status(stack, there), there),
            gallery=self._measure_command(lambda: _run_gallery(stack, there), there),
        )

    def _measure_command(self, run_command: Callable[[], None], images: int) -> ImageCost:
        """Repeats a command more often for few images: one run is too short to measure, and the first is slow."""
        return _median_cost(
            [
                self.meter.measure(run_command, images)
                for _ in range(max(1, min(MAX_REPEATS, MAX_IMAGES_SHOWN // images)))
            ]
        )


def _median_cost(costs: Sequence[ImageCost]) -> ImageCost:
    return ImageCost(median(one.requests for one in costs), median(one.cpu_ms for one in costs))


@contextmanager
def _capture_stdout() -> Generator[io.StringIO]:
    with redirect_stdout(io.StringIO()) as out:
        yield out


def _run_status(stack: Stack, images: int) -> None:
    with _capture_stdout() as out:
        show_status(stack, Screen(as_json=True), watch=False)
    counted = json.loads(out.getvalue())["jobs"]["stored"]
    if counted != images:
        raise RuntimeError(f"status counts {counted} of {images} images")


def _run_gallery(stack: Stack, images: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _capture_stdout() as out:
        make_gallery(stack, Screen(as_json=True), "", GalleryOptions(Path(folder) / "gallery"))
    shown = json.loads(out.getvalue())["pictures"]
    if shown != images:
        raise RuntimeError(f"the gallery shows {shown} of {images} images")


# -- a full ledger -----------------------------------------------------------------------------------------------


def build_filled_world(images: int) -> World:
    """Returns a world in which this many images are stored."""
    world = World(1, budget=10**9)
    world.table.page_size = PAGE_ITEMS
    world.upload_photo(FIRST_KEY, build_photo(FIRST_KEY), operation="remove")
    world.run_until_empty()
    (job,) = world.list_jobs(FIRST_KEY)
    names = (FIRST_KEY, Path(FIRST_KEY).stem, job.source_id, job.job_id, job.content_id)
    items = [text for text in map(json.dumps, world.table.items.values()) if any(name in text for name in names)]
    places = (world.s3.buckets[INPUT_BUCKET], world.s3.buckets[OUTPUT_BUCKET])
    objects = [(place, key, versions[-1]) for place in places for key, versions in place.objects.items()]
    for n in range(1, images):
        ids = (hashlib.sha256(f"{n} {name}".encode()).hexdigest() for name in names[2:])
        fresh = dict(zip(names, (f"shoes/{n:06}.jpg", f"{n:06}", *ids), strict=True))
        for text in items:
            item = json.loads(_rename(text, fresh))
            world.table.items[item["pk"]["S"], item["sk"]["S"]] = item
        for place, key, version in objects:
            place.objects[_rename(key, fresh)] = [replace(version, data=_rename_data(key, version, fresh))]
    return world


def _rename(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def _rename_data(key: str, version: ObjectVersion, names: Mapping[str, str]) -> bytes | None:
    """Renames a receipt's own photo. The pictures are the same."""
    data = version.data
    return _rename(data.decode(), names).encode() if data and key.endswith(".json") else data


# -- for the page ------------------------------------------------------------------------------------------------


def list_costs(backlog: Backlog) -> dict[str, ImageCost]:
    """Returns all costs of one size, by name."""
    return {**backlog.stages, "status": backlog.status, "gallery": backlog.gallery}


def compute_growth(found: Sequence[Backlog], name: str) -> tuple[float, float]:
    """Returns the growth of requests and CPU time per image from a hundred images to the maximum, as fractions."""
    few, many = (list_costs(one)[name] for one in (found[1], found[-1]))
    return many.requests / few.requests - 1, many.cpu_ms / few.cpu_ms - 1


def format_section(found: Sequence[Backlog]) -> str:
    names = tuple(list_costs(found[0]))
    rows = [
        (f"{one.images:,}", *(f"{cost.requests:.3g} / {cost.cpu_ms:.2f}" for cost in list_costs(one).values()))
        for one in found
    ]
    grown = [" / ".join(f"{share:+.0%}" for share in compute_growth(found, name)) for name in names]
    return "\n\n".join(
        [
            "The cost of one image with this many images stored: requests to AWS / milliseconds of the code's own CPU"
            f" time. In the stages, the cost of a new image, the median of {NEW_IMAGES}. In `status` and `gallery`,"
            " the cost per image shown: a command's fixed requests weigh more for few images. The product's code in"
            " the simulated world, without the time of its services.",
            "![requests per image](backlog.svg)",
            format_table(("images", *names), [*rows, ("growth, from the second to the last", *grown)]),
        ]
    )


def draw_plots(found: Sequence[Backlog]) -> dict[str, str]:
    """Returns the plot by file name."""
    series = {name: [list_costs(one)[name].requests for one in found] for name in list_costs(found[0])}
    return {
        "backlog.svg": draw_lines("requests per image, by stored images", series, [f"{one.images:,}" for one in found])
    }
