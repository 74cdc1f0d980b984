"""What the seeds take people's words to mean is what the product makes of them; and what a worker may have read."""

from dataclasses import asdict
from itertools import product
from random import Random

import pytest

from backdrop.instructions.sources import parse_file, parse_request
from backdrop.intake.job_planner import RoutingContext, plan_jobs
from backdrop.model.job import Source
from backdrop.model.photo_facts import PhotoFacts
from proof.checker.instructed import HELD, Said, has
from proof.simulate.meaning import Words, said_by
from proof.simulate.past import Past
from proof.simulate.people import People
from proof.simulate.wishes import DEFAULTS, EDITS, RICH, TAGS, WISHES, photo_bytes, sidecar_bytes
from proof.world.clock import START
from proof.world.stack import INPUT, World
from tests.simulated.simulation import KEY

PHOTO = PhotoFacts(etag="e", version_id="v1", uploaded_at=START, size=1, sha256="a" * 64, width=16, height=16)
SIDECARS = ("", *EDITS, *RICH)
INHERITED = (("", ""), *((name, "") for name in DEFAULTS), ("", "typo"), ("turbo", "seasons"), ("marble-web", "cut"))


def resolved(words: Words) -> Said:
    """What the product makes of a photo of which all this is said."""
    world = World()
    for folder, name in zip(("shoes/", ""), words.defaults, strict=True):
        if name:
            world.s3.drop(INPUT, f"{folder}_backdrop.json", sidecar_bytes(name))
    if words.sidecar:
        world.s3.drop(INPUT, f"{KEY}.json", sidecar_bytes(words.sidecar))
    world.s3.drop(INPUT, KEY, photo_bytes("a"), TAGS[words.tags])
    world.run()
    source = world.source(KEY)
    assert source
    return has(asdict(source), {job.job_id: asdict(job) for job in world.jobs(KEY)})


@pytest.mark.parametrize("tags", ["", "cut", "marble"])
@pytest.mark.parametrize("defaults", INHERITED, ids=" ".join)
def test_words_mean_here_what_they_mean_to_the_product(tags: str, defaults: tuple[str, ...]) -> None:
    for sidecar in SIDECARS:
        words = Words("", sidecar, tags, defaults)
        assert (words, resolved(words)) == (words, said_by(words))


def planned(words: Words) -> Said:
    """What the product plans for a photo with a request over a sidecar and a folder's defaults."""
    named = [("red.jpg.json", words.sidecar), *(("_backdrop.json", name) for name in words.defaults)]
    places = [parse_request(WISHES[words.request].fields)]
    places += [parse_file(name, sidecar_bytes(wish)) for name, wish in named if wish]
    shop = RoutingContext("ideogram", ("ideogram", "runware", "segmind"))
    found = plan_jobs(Source(source_id="s", bucket=INPUT, key=KEY), PHOTO, (), places, shop, lambda _: [], START)
    codes = frozenset((one.variant, one.code.value) for one in found.problems)
    return Said({job.variant: job.instructions for job in found.jobs}, codes)


@pytest.mark.parametrize("request_name", [name for name, wish in WISHES.items() if not wish.mistakes])
def test_request_over_a_sidecar_means_what_the_product_plans(request_name: str) -> None:
    sidecars = ["", *(name for name, wish in WISHES.items() if not wish.mistakes)]
    for sidecar, inherited in product(sidecars, ("", *DEFAULTS, "marble-listed")):
        words = Words(request_name, sidecar, "", (inherited,))
        assert (words, planned(words)) == (words, said_by(words))


def test_a_request_is_the_nearest_word_and_broken_defaults_hold_it_too() -> None:
    assert said_by(Words("sea", "cut", "marble", ("turbo",))).jobs[""]["num_images"] == 2
    assert said_by(Words("sea", "cut", "marble", ("turbo",))).jobs[""]["rendering_speed"] == "TURBO"
    assert said_by(Words("sea", defaults=("typo",))) == HELD


def test_the_past_knows_what_lay_there_at_each_time() -> None:
    world = World()
    past, people = Past(world), People(world, Random(1))
    began = world.clock.time
    for name in ("cut", "typo"):
        world.clock.sleep(10)
        people.mend()
        world.s3.drop(INPUT, "_backdrop.json", sidecar_bytes(name))
    world.s3.drop(INPUT, KEY, photo_bytes("a"))
    since = world.clock.time
    world.clock.sleep(10)
    world.s3.tag(INPUT, KEY, TAGS["marble"])
    world.s3.remove(INPUT, "_backdrop.json")
    assert {words.defaults for words in past.words(KEY, began)} == {("", ""), ("", "cut"), ("", "typo")}
    assert {(words.tags, words.defaults) for words in past.words(KEY, since)} == {
        *product(("", "marble"), (("", "typo"), ("", "")))
    }
    assert past.now(KEY) == Words("", "", "marble", ("", ""))
    assert {words.tags for words in past.own_words(KEY)} == {"marble"}


def test_every_wish_can_be_told_by_its_bytes() -> None:
    assert len({sidecar_bytes(name) for name in WISHES}) == len(WISHES)
