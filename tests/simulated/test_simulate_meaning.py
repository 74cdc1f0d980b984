"""What the seeds take people's words to mean is what the product makes of them; and what a worker may have read."""

from dataclasses import asdict
from itertools import product
from random import Random

import pytest

from backdrop.instructions.sources import parse_file, parse_request
from backdrop.intake.job_planner import RoutingContext, plan_jobs
from backdrop.model.job import Source
from backdrop.model.photo_facts import PhotoFacts
from simulation.invariants.resolutions import BLOCKED, Resolution, read_resolution
from simulation.scenarios.actions import UserActions
from simulation.scenarios.bucket_history import BucketHistory
from simulation.scenarios.expected_instructions import InstructionLayers, resolve_expected
from simulation.scenarios.sample_instructions import (
    COMPLEX_SAMPLES,
    DEFAULTS_SAMPLES,
    EDITED_SAMPLES,
    SAMPLES,
    TAG_SAMPLES,
    build_photo_file,
    build_sidecar,
)
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.world_clock import WORLD_START
from tests.simulated.simulation import KEY

PHOTO = PhotoFacts(etag="e", version_id="v1", uploaded_at=WORLD_START, size=1, sha256="a" * 64, width=16, height=16)
SIDECARS = ("", *EDITED_SAMPLES, *COMPLEX_SAMPLES)
INHERITED = (
    ("", ""),
    *((name, "") for name in DEFAULTS_SAMPLES),
    ("", "typo"),
    ("turbo", "seasons"),
    ("marble-web", "cut"),
)


def resolved(words: InstructionLayers) -> Resolution:
    """What the product makes of a photo of which all this is said."""
    world = World()
    for folder, name in zip(("shoes/", ""), words.defaults, strict=True):
        if name:
            world.s3.upload(INPUT_BUCKET, f"{folder}_backdrop.json", build_sidecar(name))
    if words.sidecar:
        world.s3.upload(INPUT_BUCKET, f"{KEY}.json", build_sidecar(words.sidecar))
    world.s3.upload(INPUT_BUCKET, KEY, build_photo_file("a"), TAG_SAMPLES[words.tags])
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    return read_resolution(asdict(source), {job.job_id: asdict(job) for job in world.list_jobs(KEY)})


@pytest.mark.parametrize("tags", ["", "cut", "marble"])
@pytest.mark.parametrize("defaults", INHERITED, ids=" ".join)
def test_words_mean_here_what_they_mean_to_the_product(tags: str, defaults: tuple[str, ...]) -> None:
    for sidecar in SIDECARS:
        words = InstructionLayers("", sidecar, tags, defaults)
        assert (words, resolved(words)) == (words, resolve_expected(words))


def planned(words: InstructionLayers) -> Resolution:
    """What the product plans for a photo with a request over a sidecar and a folder's defaults."""
    named = [("red.jpg.json", words.sidecar), *(("_backdrop.json", name) for name in words.defaults)]
    places = [parse_request(SAMPLES[words.request].fields)]
    places += [parse_file(name, build_sidecar(wish)) for name, wish in named if wish]
    shop = RoutingContext("ideogram", ("ideogram", "runware", "segmind"))
    found = plan_jobs(
        Source(source_id="s", bucket=INPUT_BUCKET, key=KEY), PHOTO, (), places, shop, lambda _: [], WORLD_START
    )
    codes = frozenset((one.variant, one.code.value) for one in found.problems)
    return Resolution({job.variant: job.instructions for job in found.jobs}, codes)


@pytest.mark.parametrize("request_name", [name for name, wish in SAMPLES.items() if not wish.error_codes])
def test_request_over_a_sidecar_means_what_the_product_plans(request_name: str) -> None:
    sidecars = ["", *(name for name, wish in SAMPLES.items() if not wish.error_codes)]
    for sidecar, inherited in product(sidecars, ("", *DEFAULTS_SAMPLES, "marble-listed")):
        words = InstructionLayers(request_name, sidecar, "", (inherited,))
        assert (words, planned(words)) == (words, resolve_expected(words))


def test_a_request_is_the_nearest_word_and_broken_defaults_hold_it_too() -> None:
    assert (
        resolve_expected(InstructionLayers("sea", "cut", "marble", ("turbo",))).instructions_by_variant[""][
            "num_images"
        ]
        == 2
    )
    assert (
        resolve_expected(InstructionLayers("sea", "cut", "marble", ("turbo",))).instructions_by_variant[""][
            "rendering_speed"
        ]
        == "TURBO"
    )
    assert resolve_expected(InstructionLayers("sea", defaults=("typo",))) == BLOCKED


def test_the_past_knows_what_lay_there_at_each_time() -> None:
    world = World()
    past, people = BucketHistory(world), UserActions(world, Random(1))
    began = world.clock.time
    for name in ("cut", "typo"):
        world.clock.sleep(10)
        people.remove_broken_defaults()
        world.s3.upload(INPUT_BUCKET, "_backdrop.json", build_sidecar(name))
    world.s3.upload(INPUT_BUCKET, KEY, build_photo_file("a"))
    since = world.clock.time
    world.clock.sleep(10)
    world.s3.set_tags(INPUT_BUCKET, KEY, TAG_SAMPLES["marble"])
    world.s3.delete(INPUT_BUCKET, "_backdrop.json")
    assert {words.defaults for words in past.iterate_layers(KEY, began)} == {("", ""), ("", "cut"), ("", "typo")}
    assert {(words.tags, words.defaults) for words in past.iterate_layers(KEY, since)} == {
        *product(("", "marble"), (("", "typo"), ("", "")))
    }
    assert past.read_current_layers(KEY) == InstructionLayers("", "", "marble", ("", ""))
    assert {words.tags for words in past.iterate_own_layers(KEY)} == {"marble"}


def test_every_wish_can_be_told_by_its_bytes() -> None:
    assert len({build_sidecar(name) for name in SAMPLES}) == len(SAMPLES)
