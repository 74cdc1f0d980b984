"""Variants: one photo, several pictures, one job for each. An edited variant runs alone. A removed one keeps its
pictures.
"""

from typing import Any

import pytest

from backdrop.instructions.schema import MAX_VARIANTS
from backdrop.model.job import Job, JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, deliver
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    REMOVED,
    REPLACED,
    count_paid_calls,
    read_current_instructions,
    read_provenance,
    upload_defaults,
    upload_sidecar_bytes,
)

THREE: dict[str, Any] = {"beach": BEACH, "forest": FOREST, "cut-out": REMOVE}


def world_with_variants(variants: dict[str, Any], **fields: Any) -> World:
    """Returns a world with a photo whose sidecar names these variants, all delivered."""
    world = World()
    world.upload_photo(KEY, build_photo())
    edit_sidecar(world, variants, **fields)
    return world


def edit_sidecar(world: World, variants: dict[str, Any] | None, **fields: Any) -> None:
    """Replaces the sidecar, and processes everything."""
    world.upload_sidecar(KEY, **fields, **({"variants": variants} if variants is not None else {}))
    world.run_until_empty()


def list_warnings(world: World) -> dict[str | None, list[str]]:
    """Returns the receipt's warnings by variant."""
    receipt = world.read_receipt(KEY)
    assert receipt
    return {one["variant"]: one["warnings"] for one in receipt["jobs"]}


def test_each_variant_has_its_own_job_and_picture() -> None:
    world = world_with_variants(THREE)
    assert read_current_instructions(world, KEY) == {
        "beach": "on a beach",
        "forest": "in a forest",
        "cut-out": "remove",
    }
    assert sorted(world.read_pictures(KEY)) == [f"{KEY}/red-{name}.png" for name in ("beach", "cut-out", "forest")]
    assert world.provider.charged_micro_usd == 2 * REPLACED + REMOVED
    assert_at_rest(world)


def test_variant_inherits_from_its_source_and_from_defaults() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"rendering_speed": "TURBO", "seed": 9})
    world.upload_photo(KEY, build_photo())
    edit_sidecar(world, {"a": {}, "b": {"seed": 2}, "c": REMOVE}, **BEACH, seed=1)
    fields = {job.variant: job.instructions for job in world.list_jobs()}
    beach = {"operation": "replace", "prompt": "on a beach", "rendering_speed": "TURBO"}
    assert fields == {"a": {**beach, "seed": 1}, "b": {**beach, "seed": 2}, "c": REMOVE}
    assert read_provenance(world, KEY, "b")["rendering_speed"] == "shoes/_backdrop.json"


def test_variants_in_folder_defaults_apply_to_each_photo() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"variants": {"beach": BEACH, "cut-out": REMOVE}})
    world.upload_photo(KEY, build_photo())
    world.upload_photo("shoes/blue.jpg", build_photo("blue"), num_images="2")
    world.run_until_empty()
    assert (
        read_current_instructions(world, KEY)
        == read_current_instructions(world, "shoes/blue.jpg")
        == {"beach": "on a beach", "cut-out": "remove"}
    )
    assert len(world.read_pictures("shoes/blue.jpg")) == 3


def test_nearer_source_with_variants_names_them_all() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"variants": {"beach": BEACH, "cut-out": REMOVE}})
    world.upload_photo(KEY, build_photo())
    edit_sidecar(world, {"forest": FOREST})
    assert read_current_instructions(world, KEY) == {"forest": "in a forest"}


def test_empty_variants_object_inherits_no_variants() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"variants": {"beach": BEACH}})
    world.upload_photo(KEY, build_photo())
    edit_sidecar(world, {}, **FOREST)
    assert read_current_instructions(world, KEY) == {"": "in a forest"}


def test_edited_variant_runs_alone() -> None:
    world = world_with_variants(THREE)
    before = world.read_pictures()
    edit_sidecar(world, {**THREE, "beach": {"prompt": "on a white beach"}})
    changed = {key for key, data in world.read_pictures().items() if before.get(key) != data}
    assert (count_paid_calls(world), changed) == (4, {f"{KEY}/red-beach.png"})
    assert_at_rest(world)


def test_added_variant_runs_alone() -> None:
    world = world_with_variants({"beach": BEACH})
    edit_sidecar(world, THREE)
    assert (count_paid_calls(world), len(world.read_pictures(KEY))) == (3, 3)


def test_removed_variant_keeps_its_pictures_with_a_warning() -> None:
    world = world_with_variants(THREE)
    before = world.read_pictures()
    edit_sidecar(world, {"beach": BEACH, "cut-out": REMOVE})
    assert (world.read_pictures(), count_paid_calls(world)) == (before, 3)
    warnings_by_variant = list_warnings(world)
    assert (warnings_by_variant["beach"], warnings_by_variant["cut-out"]) == ([], [])
    assert [warning.startswith("not_current") and "forest" in warning for warning in warnings_by_variant["forest"]] == [
        True
    ]
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["current"] for one in receipt["jobs"]] == [True, True, False]
    assert receipt["jobs"][2]["results"]
    assert_at_rest(world)


def test_picture_under_an_old_name_has_a_warning() -> None:
    """One picture was a PNG and a later one a WebP. Both stay when the photo gets variants."""
    world = World()
    world.upload_photo(KEY, build_photo())
    for instructions in ({"prompt": "on a beach"}, {"prompt": "in a forest", "output": {"format": "webp"}}):
        world.upload_sidecar(KEY, **instructions)
        world.run_until_empty()
    edit_sidecar(world, {"beach": BEACH})
    assert len(world.read_pictures(KEY)) == 3
    assert [len(job.warnings) for job in world.list_jobs() if not job.variant] == [1, 1]
    assert_at_rest(world)


@pytest.mark.parametrize("broken", ["the sidecar", "the folder's defaults"])
def test_removed_variant_has_a_warning_despite_unreadable_instructions(broken: str) -> None:
    world = world_with_variants(THREE)
    if broken == "the sidecar":
        upload_sidecar_bytes(world, KEY, b"{not json")
    else:
        upload_defaults(world, "shoes/", b"{not json")
        edit_sidecar(world, {"beach": BEACH})
        upload_defaults(world, "shoes/", {})
    world.run_until_empty()
    edit_sidecar(world, {"beach": BEACH})
    warnings_by_variant = list_warnings(world)
    assert warnings_by_variant["beach"] == []
    assert [len(warnings_by_variant[name]) for name in ("forest", "cut-out")] == [1, 1]
    edit_sidecar(world, {"beach": BEACH}, metadata={"order": 7})
    assert (list_warnings(world), count_paid_calls(world)) == (warnings_by_variant, 3)
    assert_at_rest(world)


@pytest.mark.parametrize("before_it_is_stored", [True, False])
def test_variant_removed_during_delivery_also_has_a_warning(*, before_it_is_stored: bool) -> None:
    """Intake read the job while it was paid, and its pictures were written before or after intake's write."""
    world = world_with_variants({"beach": BEACH})
    world.upload_sidecar(KEY, variants={"beach": BEACH, "forest": FOREST})
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    world.upload_sidecar(KEY, variants={"beach": BEACH})
    forest_job = next(job for job in world.list_jobs() if job.variant == "forest")
    step, other = ("deliver", "intake") if before_it_is_stored else ("intake", "deliver")
    overtaken = TargetedFault(lambda _: _run_meanwhile(world, step, forest_job), "transact_write_items")
    world.transport.faults_before.append(overtaken)
    world.run_until_empty(other)
    world.run_until_empty()
    assert (overtaken.hit_count, f"{KEY}/red-forest.png" in world.read_pictures()) == (1, True)
    assert [len(one) for one in list_warnings(world).values()] == [0, 1]
    assert_at_rest(world)


def _run_meanwhile(world: World, step: str, job: Job) -> None:
    """Another worker runs completely during one call of this worker."""
    if step == "deliver":
        deliver(world, job, job.job_id)
    else:
        world.run_until_empty(step)


def test_restored_variant_is_delivered_again_without_a_charge() -> None:
    world = world_with_variants(THREE)
    before = world.read_pictures()
    edit_sidecar(world, {"beach": BEACH})
    edit_sidecar(world, THREE)
    assert (world.read_pictures(), count_paid_calls(world), set(map(tuple, list_warnings(world).values()))) == (
        before,
        3,
        {()},
    )
    assert_at_rest(world)


def test_variant_removed_before_payment_is_not_bought() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, variants=THREE)
    world.run_until_empty("intake")
    edit_sidecar(world, {"cut-out": REMOVE})
    assert (count_paid_calls(world), read_current_instructions(world, KEY)) == (1, {"cut-out": "remove"})
    assert sorted(job.status for job in world.list_jobs()) == [
        JobStatus.STORED,
        JobStatus.SUPERSEDED,
        JobStatus.SUPERSEDED,
    ]


def test_photo_can_switch_between_one_picture_and_variants() -> None:
    world = world_with_variants({}, **BEACH)
    edit_sidecar(world, {"beach": BEACH, "forest": FOREST})
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == (
        {"beach": "on a beach", "forest": "in a forest"},
        2,
    )
    edit_sidecar(world, None, **BEACH)
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on a beach"}, 2)
    assert_at_rest(world)


def test_variants_with_the_same_instructions_are_paid_once() -> None:
    world = world_with_variants({"one": BEACH, "two": BEACH, "three": BEACH})
    assert (count_paid_calls(world), world.provider.charged_micro_usd, len(world.read_pictures(KEY))) == (
        1,
        REPLACED,
        3,
    )
    assert len(set(world.read_pictures(KEY).values())) == 1
    assert_at_rest(world)


def test_variant_equal_to_an_existing_one_costs_nothing() -> None:
    world = world_with_variants({"one": BEACH})
    edit_sidecar(world, {"one": BEACH, "two": BEACH})
    assert (count_paid_calls(world), len(world.read_pictures(KEY))) == (1, 2)
    assert_at_rest(world)


# -- errors -------------------------------------------------------------------------------------------------------


def test_error_in_one_variant_does_not_affect_others() -> None:
    world = world_with_variants({"beach": BEACH, "bare": {"seed": 1}, "dear": {**FOREST, "max_cost_usd": 0}})
    report = world.read_report(KEY)
    assert report
    found = [(one["variant"], one["code"], one["job_id"]) for one in report["errors"]]
    assert found == [("bare", "no_instructions", None), ("dear", "max_cost_exceeded", None)]
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"beach": "on a beach"}, 1)
    edit_sidecar(world, {"beach": BEACH, "bare": FOREST})
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == ([], 2)
    assert_at_rest(world)


def test_variant_with_a_new_error_is_not_removed() -> None:
    world = world_with_variants({"beach": BEACH, "forest": FOREST})
    edit_sidecar(world, {"beach": BEACH, "forest": {**FOREST, "max_cost_usd": 0, "seed": 1}})
    assert (list_report_codes(world, KEY), len(world.read_pictures(KEY))) == (["max_cost_exceeded"], 2)
    assert list_warnings(world)["forest"] == []


def test_photo_has_at_most_twenty_variants() -> None:
    world = world_with_variants({f"v{n}": {"prompt": f"beach {n}"} for n in range(MAX_VARIANTS)})
    assert (MAX_VARIANTS, count_paid_calls(world), len(world.read_pictures(KEY))) == (20, 20, 20)


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
def test_unreadable_variants_are_reported_and_nothing_is_bought(variants: Any) -> None:
    world = world_with_variants(variants)
    assert list_report_codes(world, KEY)
    assert (world.list_jobs(), count_paid_calls(world)) == ([], 0)


def test_variant_may_have_any_valid_name() -> None:
    names = ["result", "2", "-", "red", "none", "x" * 40]
    world = world_with_variants({name: {"prompt": f"a {name}"} for name in names})
    assert len(world.read_pictures(KEY)) == count_paid_calls(world) == len(names)
