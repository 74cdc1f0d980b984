"""Variants: one photo, many pictures, one job each; what is edited runs alone, what is taken away stays and says so."""

from typing import Any

import pytest

from backdrop.instructions.schema import MAX_VARIANTS
from backdrop.model.job import Job, JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.days import codes
from tests.simulated.simulation import KEY, assert_at_rest, deliver
from tests.simulated.wishes import (
    BEACH,
    FOREST,
    REMOVE,
    REMOVED,
    REPLACED,
    bought,
    defaults,
    origins,
    sidecar_bytes,
    wishes,
)

THREE: dict[str, Any] = {"beach": BEACH, "forest": FOREST, "cut-out": REMOVE}


def varied(variants: dict[str, Any], **fields: Any) -> World:
    """A world with a photo whose sidecar asks for these pictures, all delivered."""
    world = World()
    world.upload_photo(KEY, build_photo())
    edited(world, variants, **fields)
    return world


def edited(world: World, variants: dict[str, Any] | None, **fields: Any) -> None:
    """The sidecar says something else now, and all has come of it."""
    world.upload_sidecar(KEY, **fields, **({"variants": variants} if variants is not None else {}))
    world.run_until_empty()


def warnings(world: World) -> dict[str | None, list[str]]:
    """What the receipt warns of, by variant."""
    receipt = world.read_receipt(KEY)
    assert receipt
    return {one["variant"]: one["warnings"] for one in receipt["jobs"]}


def test_each_variant_is_a_job_and_a_picture_of_its_own() -> None:
    world = varied(THREE)
    assert wishes(world, KEY) == {"beach": "on a beach", "forest": "in a forest", "cut-out": "remove"}
    assert sorted(world.read_pictures(KEY)) == [f"{KEY}/red-{name}.png" for name in ("beach", "cut-out", "forest")]
    assert world.provider.charged_micro_usd == 2 * REPLACED + REMOVED
    assert_at_rest(world)


def test_a_variant_inherits_what_stands_beside_it_and_in_defaults() -> None:
    world = World()
    defaults(world, "shoes/", {"rendering_speed": "TURBO", "seed": 9})
    world.upload_photo(KEY, build_photo())
    edited(world, {"a": {}, "b": {"seed": 2}, "c": REMOVE}, **BEACH, seed=1)
    fields = {job.variant: job.instructions for job in world.list_jobs()}
    beach = {"operation": "replace", "prompt": "on a beach", "rendering_speed": "TURBO"}
    assert fields == {"a": {**beach, "seed": 1}, "b": {**beach, "seed": 2}, "c": REMOVE}
    assert origins(world, KEY, "b")["rendering_speed"] == "shoes/_backdrop.json"


def test_variants_of_a_folder_hold_for_each_of_its_photos() -> None:
    world = World()
    defaults(world, "shoes/", {"variants": {"beach": BEACH, "cut-out": REMOVE}})
    world.upload_photo(KEY, build_photo())
    world.upload_photo("shoes/blue.jpg", build_photo("blue"), num_images="2")
    world.run_until_empty()
    assert wishes(world, KEY) == wishes(world, "shoes/blue.jpg") == {"beach": "on a beach", "cut-out": "remove"}
    assert len(world.read_pictures("shoes/blue.jpg")) == 3


def test_a_nearer_place_that_names_variants_names_them_all() -> None:
    world = World()
    defaults(world, "shoes/", {"variants": {"beach": BEACH, "cut-out": REMOVE}})
    world.upload_photo(KEY, build_photo())
    edited(world, {"forest": FOREST})
    assert wishes(world, KEY) == {"forest": "in a forest"}


def test_no_variants_at_all_is_a_way_to_inherit_none() -> None:
    world = World()
    defaults(world, "shoes/", {"variants": {"beach": BEACH}})
    world.upload_photo(KEY, build_photo())
    edited(world, {}, **FOREST)
    assert wishes(world, KEY) == {"": "in a forest"}


def test_editing_one_variant_runs_that_one_alone() -> None:
    world = varied(THREE)
    before = world.read_pictures()
    edited(world, {**THREE, "beach": {"prompt": "on a white beach"}})
    changed = {key for key, data in world.read_pictures().items() if before.get(key) != data}
    assert (bought(world), changed) == (4, {f"{KEY}/red-beach.png"})
    assert_at_rest(world)


def test_a_variant_that_comes_later_runs_alone() -> None:
    world = varied({"beach": BEACH})
    edited(world, THREE)
    assert (bought(world), len(world.read_pictures(KEY))) == (3, 3)


def test_a_variant_taken_away_leaves_its_pictures_and_says_so() -> None:
    world = varied(THREE)
    before = world.read_pictures()
    edited(world, {"beach": BEACH, "cut-out": REMOVE})
    assert (world.read_pictures(), bought(world)) == (before, 3)
    told = warnings(world)
    assert (told["beach"], told["cut-out"]) == ([], [])
    assert [warning.startswith("not_current") and "forest" in warning for warning in told["forest"]] == [True]
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["current"] for one in receipt["jobs"]] == [True, True, False]
    assert receipt["jobs"][2]["results"]
    assert_at_rest(world)


def test_of_pictures_under_other_names_each_says_that_nobody_asks_for_it_any_more() -> None:
    """The one picture was a PNG, then another a WebP: both stay, and the photo comes to ask for variants."""
    world = World()
    world.upload_photo(KEY, build_photo())
    for wish in ({"prompt": "on a beach"}, {"prompt": "in a forest", "output": {"format": "webp"}}):
        world.upload_sidecar(KEY, **wish)
        world.run_until_empty()
    edited(world, {"beach": BEACH})
    assert len(world.read_pictures(KEY)) == 3
    assert [len(job.warnings) for job in world.list_jobs() if not job.variant] == [1, 1]
    assert_at_rest(world)


@pytest.mark.parametrize("broken", ["the sidecar", "the folder's defaults"])
def test_it_says_so_too_where_nothing_could_be_read_meanwhile(broken: str) -> None:
    world = varied(THREE)
    if broken == "the sidecar":
        sidecar_bytes(world, KEY, b"{not json")
    else:
        defaults(world, "shoes/", b"{not json")
        edited(world, {"beach": BEACH})
        defaults(world, "shoes/", {})
    world.run_until_empty()
    edited(world, {"beach": BEACH})
    told = warnings(world)
    assert told["beach"] == []
    assert [len(told[name]) for name in ("forest", "cut-out")] == [1, 1]
    edited(world, {"beach": BEACH}, metadata={"order": 7})
    assert (warnings(world), bought(world)) == (told, 3)
    assert_at_rest(world)


@pytest.mark.parametrize("before_it_is_stored", [True, False])
def test_a_variant_taken_away_while_it_is_handed_over_says_so_too(*, before_it_is_stored: bool) -> None:
    """Intake read its job while that was paid, and its pictures came to lie there before or after intake wrote."""
    world = varied({"beach": BEACH})
    world.upload_sidecar(KEY, variants={"beach": BEACH, "forest": FOREST})
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    world.upload_sidecar(KEY, variants={"beach": BEACH})
    forest = next(job for job in world.list_jobs() if job.variant == "forest")
    step, other = ("deliver", "intake") if before_it_is_stored else ("intake", "deliver")
    overtaken = TargetedFault(lambda _: _overtake(world, step, forest), "transact_write_items")
    world.transport.faults_before.append(overtaken)
    world.run_until_empty(other)
    world.run_until_empty()
    assert (overtaken.hit_count, f"{KEY}/red-forest.png" in world.read_pictures()) == (1, True)
    assert [len(one) for one in warnings(world).values()] == [0, 1]
    assert_at_rest(world)


def _overtake(world: World, step: str, job: Job) -> None:
    """Another worker does all of its work in the midst of this one's call."""
    if step == "deliver":
        deliver(world, job, job.job_id)
    else:
        world.run_until_empty(step)


def test_a_variant_brought_back_is_delivered_again_for_nothing() -> None:
    world = varied(THREE)
    before = world.read_pictures()
    edited(world, {"beach": BEACH})
    edited(world, THREE)
    assert (world.read_pictures(), bought(world), set(map(tuple, warnings(world).values()))) == (before, 3, {()})
    assert_at_rest(world)


def test_a_variant_taken_away_before_it_is_paid_is_not_bought() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, variants=THREE)
    world.run_until_empty("intake")
    edited(world, {"cut-out": REMOVE})
    assert (bought(world), wishes(world, KEY)) == (1, {"cut-out": "remove"})
    assert sorted(job.status for job in world.list_jobs()) == [
        JobStatus.STORED,
        JobStatus.SUPERSEDED,
        JobStatus.SUPERSEDED,
    ]


def test_from_one_picture_to_variants_and_back() -> None:
    world = varied({}, **BEACH)
    edited(world, {"beach": BEACH, "forest": FOREST})
    assert (wishes(world, KEY), bought(world)) == ({"beach": "on a beach", "forest": "in a forest"}, 2)
    edited(world, None, **BEACH)
    assert (wishes(world, KEY), bought(world)) == ({"": "on a beach"}, 2)
    assert_at_rest(world)


def test_variants_that_ask_the_same_are_paid_once() -> None:
    world = varied({"one": BEACH, "two": BEACH, "three": BEACH})
    assert (bought(world), world.provider.charged_micro_usd, len(world.read_pictures(KEY))) == (1, REPLACED, 3)
    assert len(set(world.read_pictures(KEY).values())) == 1
    assert_at_rest(world)


def test_a_variant_that_asks_what_another_has_already_costs_nothing() -> None:
    world = varied({"one": BEACH})
    edited(world, {"one": BEACH, "two": BEACH})
    assert (bought(world), len(world.read_pictures(KEY))) == (1, 2)
    assert_at_rest(world)


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_what_is_wrong_with_one_variant_leaves_the_others_running() -> None:
    world = varied({"beach": BEACH, "bare": {"seed": 1}, "dear": {**FOREST, "max_cost_usd": 0}})
    report = world.read_report(KEY)
    assert report
    found = [(one["variant"], one["code"], one["job_id"]) for one in report["errors"]]
    assert found == [("bare", "no_instructions", None), ("dear", "max_cost_exceeded", None)]
    assert (wishes(world, KEY), bought(world)) == ({"beach": "on a beach"}, 1)
    edited(world, {"beach": BEACH, "bare": FOREST})
    assert (codes(world, KEY), bought(world)) == ([], 2)
    assert_at_rest(world)


def test_a_variant_that_is_edited_into_an_error_was_not_taken_away() -> None:
    world = varied({"beach": BEACH, "forest": FOREST})
    edited(world, {"beach": BEACH, "forest": {**FOREST, "max_cost_usd": 0, "seed": 1}})
    assert (codes(world, KEY), len(world.read_pictures(KEY))) == (["max_cost_exceeded"], 2)
    assert warnings(world)["forest"] == []


def test_twenty_variants_are_as_many_as_may_be() -> None:
    world = varied({f"v{n}": {"prompt": f"beach {n}"} for n in range(MAX_VARIANTS)})
    assert (MAX_VARIANTS, bought(world), len(world.read_pictures(KEY))) == (20, 20, 20)


@pytest.mark.parametrize(
    "variants",
    [
        {f"v{n}": {"prompt": f"beach {n}"} for n in range(MAX_VARIANTS + 1)},
        {"../x": BEACH},
        {"": BEACH},
        {"Beach": BEACH},
        {"x" * 41: BEACH},
        {"a b": BEACH},
        {"beach\n": BEACH},
        {"beach": BEACH, "forest": {"promt": "x"}},
        {"beach": {"variants": {}}},
        {"beach": "on a beach"},
        [BEACH],
    ],
    ids=lambda variants: repr(variants)[:40],
)
def test_variants_that_cannot_be_read_are_reported_and_nothing_is_bought(variants: Any) -> None:
    world = varied(variants)
    assert codes(world, KEY)
    assert (world.list_jobs(), bought(world)) == ([], 0)


def test_a_variant_may_be_called_as_anything_else_is() -> None:
    names = ["result", "2", "-", "red", "none", "x" * 40]
    world = varied({name: {"prompt": f"a {name}"} for name in names})
    assert len(world.read_pictures(KEY)) == bought(world) == len(names)
