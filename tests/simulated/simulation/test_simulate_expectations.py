"""The instructions that the seeds expect match what the product does, and the bucket's history is complete."""

from dataclasses import asdict
from itertools import chain, product
from random import Random

import pytest

from backdrop.instructions.sources import parse_file, parse_request
from backdrop.intake.job_planner import BucketImages, JobPlanner, RoutingContext, assume_free_names
from backdrop.model.job import Source
from backdrop.model.photo_facts import PhotoFacts
from simulation.invariants.resolutions import BLOCKED, Resolution, read_resolution
from simulation.scenarios.actions import UserActions
from simulation.scenarios.bucket_history import BucketHistory
from simulation.scenarios.expected_instructions import InstructionLayers, resolve_expected
from simulation.scenarios.feature_draft import FEATURE_SAMPLES
from simulation.scenarios.product_draft import SAMPLE_GROUPS
from simulation.scenarios.sample_instructions import (
    COMPLEX_SAMPLES,
    DEFAULTS_SAMPLES,
    EDITED_SAMPLES,
    FEATURE_DEFAULTS_SAMPLES,
    NAME_FOR_FOLDER,
    SAMPLES,
    TAG_SAMPLES,
    build_photo_file,
    build_sidecar,
)
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.world_clock import WORLD_START
from tests.simulated.stage_worlds import KEY

PHOTO = PhotoFacts(etag="e", version_id="v1", uploaded_at=WORLD_START, size=1, sha256="a" * 64, width=16, height=16)
SIDECARS = ("", *EDITED_SAMPLES, *COMPLEX_SAMPLES)
INHERITED = (
    ("", ""),
    *((name, "") for name in DEFAULTS_SAMPLES),
    ("", "typo"),
    ("turbo", "seasons"),
    ("marble-web", "cut"),
)


def resolve_by_product(layers: InstructionLayers) -> Resolution:
    """Returns what the product resolves these instructions to."""
    world = World()
    for folder, name in zip(("shoes/", ""), layers.defaults, strict=True):
        if name:
            world.s3.upload(INPUT_BUCKET, f"{folder}_backdrop.json", build_sidecar(name))
    if layers.sidecar:
        world.s3.upload(INPUT_BUCKET, f"{KEY}.json", build_sidecar(layers.sidecar))
    world.s3.upload(INPUT_BUCKET, KEY, build_photo_file("a"), TAG_SAMPLES[layers.tags])
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    return read_resolution(asdict(source), {job.job_id: asdict(job) for job in world.list_jobs(KEY)})


@pytest.mark.parametrize("tags", ["", "cut", "marble"])
@pytest.mark.parametrize("defaults", INHERITED, ids=" ".join)
def test_expected_resolution_matches_the_product(tags: str, defaults: tuple[str, ...]) -> None:
    for sidecar in SIDECARS:
        layers = InstructionLayers("", sidecar, tags, defaults)
        assert (layers, resolve_by_product(layers)) == (layers, resolve_expected(layers))


def plan_by_product(layers: InstructionLayers) -> Resolution:
    """Returns what the product plans for a request with a sidecar and folder defaults."""
    files = [("red.jpg.json", layers.sidecar), *(("_backdrop.json", name) for name in layers.defaults)]
    sources = [parse_request(SAMPLES[layers.request].fields)]
    sources += [parse_file(name, build_sidecar(sample)) for name, sample in files if sample]
    planner = JobPlanner(
        photo_source=Source(source_id="s", bucket=INPUT_BUCKET, key=KEY),
        photo=PHOTO,
        known_jobs=(),
        routing=RoutingContext("ideogram", ("ideogram", "runware", "segmind")),
        images=BucketImages(
            hash_references=lambda _: [],
            find_brand_image_errors=lambda _: [],
            draw_canvas=None,
            has_own_mask=None,
        ),
        mandate=None,
        claim_names=assume_free_names,
        now=WORLD_START,
    )
    plan = planner.plan(sources)
    codes = frozenset((problem.variant, problem.code.value) for problem in plan.problems)
    # `check_mask` checks the photo's mask.
    return Resolution({job.variant: job.instructions for job in plan.jobs if not job.is_mask}, codes)


VALID_SAMPLES = [name for name, sample in SAMPLES.items() if not sample.error_codes]
DEFAULTS_OF_FEATURES = (*FEATURE_DEFAULTS_SAMPLES, NAME_FOR_FOLDER)
SAMPLES_OF_FEATURES = sorted({*chain(*FEATURE_SAMPLES, *SAMPLE_GROUPS), *DEFAULTS_OF_FEATURES})
SAMPLES_OF_ALL_SEEDS = [name for name in VALID_SAMPLES if name not in SAMPLES_OF_FEATURES]


@pytest.mark.parametrize("request_name", SAMPLES_OF_ALL_SEEDS)
def test_expected_resolution_of_requests_matches_the_product(request_name: str) -> None:
    sidecars = ["", *SAMPLES_OF_ALL_SEEDS]
    for sidecar, inherited in product(sidecars, ("", *DEFAULTS_SAMPLES, "marble-listed")):
        layers = InstructionLayers(request_name, sidecar, "", (inherited,))
        assert (layers, plan_by_product(layers)) == (layers, resolve_expected(layers))


@pytest.mark.parametrize("request_name", SAMPLES_OF_FEATURES)
def test_expected_resolution_of_features_matches_the_product(request_name: str) -> None:
    sidecars = ("", "sea", "seasons", "seasons-web", "sea-noted", "names", "frames", "product")
    for sidecar, inherited in product(sidecars, ("", "marble-web", *DEFAULTS_OF_FEATURES)):
        layers = InstructionLayers(request_name, sidecar, "", (inherited,)).for_photo(KEY)
        assert (layers, plan_by_product(layers)) == (layers, resolve_expected(layers))


def test_request_takes_precedence_except_over_broken_defaults() -> None:
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


def test_history_has_the_bucket_at_each_time() -> None:
    world = World()
    history, users = BucketHistory(world), UserActions(world, Random(1))
    started_at = world.clock.time
    for name in ("cut", "typo"):
        world.clock.sleep(10)
        users.remove_broken_defaults()
        world.s3.upload(INPUT_BUCKET, "_backdrop.json", build_sidecar(name))
    world.s3.upload(INPUT_BUCKET, KEY, build_photo_file("a"))
    since = world.clock.time
    world.clock.sleep(10)
    world.s3.set_tags(INPUT_BUCKET, KEY, TAG_SAMPLES["marble"])
    world.s3.delete(INPUT_BUCKET, "_backdrop.json")
    assert {layers.defaults for layers in history.iterate_layers(KEY, started_at)} == {
        ("", ""),
        ("", "cut"),
        ("", "typo"),
    }
    assert {(layers.tags, layers.defaults) for layers in history.iterate_layers(KEY, since)} == {
        *product(("", "marble"), (("", "typo"), ("", "")))
    }
    assert history.read_current_layers(KEY) == InstructionLayers("", "", "marble", ("", ""))
    assert {layers.tags for layers in history.iterate_own_layers(KEY)} == {"marble"}


def test_samples_have_different_bytes() -> None:
    assert len({build_sidecar(name) for name in SAMPLES}) == len(SAMPLES)
