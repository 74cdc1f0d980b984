"""Folder defaults: inherited from the photo's folder and its parents. Broken ones hold their photos, and edits buy
nothing.
"""

from typing import Any

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    REMOVED,
    REPLACED,
    count_paid_calls,
    list_folder_codes,
    read_current_instructions,
    read_provenance,
    upload_defaults,
    upload_unique_photo,
)

DEEP = "shop/spring/shoes/red.jpg"
BROKEN: dict[str, Any] = {"promt": "on a beach"}


def settled_world(*folder_defaults: tuple[str, dict[str, Any]], key: str = KEY, **tags: str) -> World:
    """Returns a world with these defaults, by folder, and one photo whose settle time is over."""
    world = World()
    for folder, content in folder_defaults:
        upload_defaults(world, folder, content)
    world.upload_photo(key, build_photo(), **tags)
    world.run_until_empty()
    return world


# -- inheritance --------------------------------------------------------------------------------------------------


def test_photo_runs_on_folder_defaults_after_its_settle_time() -> None:
    world = World(settle_seconds=20)
    upload_defaults(world, "shoes/", REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_for(19)
    assert world.list_jobs() == []
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert read_provenance(world, KEY) == {"operation": "shoes/_backdrop.json"}
    assert_at_rest(world)


def test_defaults_at_the_root_apply_to_all_photos() -> None:
    world = settled_world(("", REMOVE), key=DEEP)
    assert read_provenance(world, DEEP) == {"operation": "_backdrop.json"}


def test_each_level_sets_fields_that_nearer_levels_do_not() -> None:
    world = settled_world(
        ("", {**BEACH, "num_images": 3, "seed": 1}),
        ("shop/", {"style": "aura", "seed": 2}),
        ("shop/spring/shoes/", {"seed": 3}),
        key=DEEP,
        seed="4",
    )
    (job,) = world.list_jobs(DEEP)
    assert job.instructions == {
        "operation": "replace",
        "prompt": "on a beach",
        "num_images": 3,
        "style_preset": "AURA",
        "seed": 4,
    }
    assert read_provenance(world, DEEP) == {
        "operation": "_backdrop.json",
        "prompt": "_backdrop.json",
        "num_images": "_backdrop.json",
        "style_preset": "shop/_backdrop.json",
        "seed": "tags",
    }


def test_nearer_operation_inherits_no_prompt_from_a_parent() -> None:
    world = settled_world(("", {**BEACH, "style": "aura"}), ("shop/", REMOVE), key=DEEP)
    assert read_current_instructions(world, DEEP) == {"": "remove"}


def test_defaults_of_other_folders_do_not_apply() -> None:
    world = settled_world(
        ("shop/winter/", REMOVE), ("shop/spring/shoes/old/", REMOVE), ("shop/spring/shoe", REMOVE), key=DEEP
    )
    assert list_report_codes(world, DEEP) == ["no_instructions"]


def test_sidecar_overrides_tags_and_tags_override_defaults() -> None:
    world = World()
    upload_defaults(world, "shoes/", {**BEACH, "num_images": 2, "seed": 1, "rendering_speed": "TURBO"})
    world.upload_sidecar(KEY, prompt="in a forest", seed=3)
    world.upload_photo(KEY, build_photo(), seed="2", num_images="1")
    world.run_until_empty()
    assert read_provenance(world, KEY) == {
        "operation": f"{KEY}.json",
        "prompt": f"{KEY}.json",
        "seed": f"{KEY}.json",
        "num_images": "tags",
        "rendering_speed": "shoes/_backdrop.json",
    }
    assert world.provider.charged_micro_usd == REPLACED // 2


def test_incomplete_sidecar_runs_at_once_on_folder_defaults() -> None:
    world = World(settle_seconds=20)
    upload_defaults(world, "shoes/", BEACH)
    world.upload_sidecar(KEY, seed=1)
    world.upload_photo(KEY, build_photo())
    world.run_for(1)
    assert read_current_instructions(world, KEY) == {"": "on a beach"}


def test_defaults_without_an_operation_leave_the_photo_without_instructions() -> None:
    world = settled_world(("", {"seed": 1}))
    assert list_report_codes(world, KEY) == ["no_instructions"]
    report = world.read_report(KEY)
    assert report
    assert "seed" in report["errors"][0]["message"]


# -- defaults that are added, changed, or deleted -----------------------------------------------------------------


def test_photos_without_instructions_run_when_defaults_arrive() -> None:
    world = World()
    keys = ["shoes/1.jpg", "shoes/old/2.jpg", "hats/3.jpg"]
    for key in keys:
        upload_unique_photo(world, key)
    world.run_until_empty()
    assert [list_report_codes(world, key) for key in keys] == [["no_instructions"]] * 3
    upload_defaults(world, "shoes/", REMOVE)
    world.run_until_empty()
    assert [list_report_codes(world, key) for key in keys] == [[], [], ["no_instructions"]]
    assert [len(world.read_pictures(key)) for key in keys] == [1, 1, 0]
    assert_at_rest(world)


def test_edited_default_buys_nothing_for_resolved_photos() -> None:
    world = settled_world(("shoes/", REMOVE))
    before = world.read_pictures()
    upload_defaults(world, "shoes/", BEACH)
    world.run_until_empty()
    upload_unique_photo(world, "shoes/new.jpg")
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), read_current_instructions(world, "shoes/new.jpg")) == (
        {"": "remove"},
        {"": "on a beach"},
    )
    assert world.provider.charged_micro_usd == REMOVED + REPLACED
    assert before.items() <= world.read_pictures().items()


@pytest.mark.parametrize("bound", [{}, {"sidecar": {"seed": 1}}], ids=["bare", "with a sidecar"])
def test_same_bytes_again_under_edited_defaults_buy_nothing(bound: dict[str, Any]) -> None:
    world = World()
    upload_defaults(world, "shoes/", BEACH)
    if bound:
        world.upload_sidecar(KEY, **bound["sidecar"])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    upload_defaults(world, "shoes/", FOREST)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on a beach"}, 1)
    assert_at_rest(world)


def test_other_bytes_run_on_the_current_defaults() -> None:
    world = settled_world(("shoes/", BEACH))
    upload_defaults(world, "shoes/", FOREST)
    world.upload_photo(KEY, build_photo("another"))
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "in a forest"}, 2)


def test_tags_set_later_are_merged_with_the_defaults() -> None:
    world = settled_world(("shoes/", BEACH))
    world.s3.set_tags("photos", KEY, {"style": "golden hour"})
    world.run_until_empty()
    assert read_job_instructions(world)["style_preset"] == "GOLDEN_HOUR"
    assert_at_rest(world)


def read_job_instructions(world: World) -> dict[str, Any]:
    """Returns the instructions of the photo's current job."""
    source = world.read_source(KEY)
    assert source
    return next(job.instructions for job in world.list_jobs(KEY) if job.job_id in source.jobs.values())


def test_deleted_defaults_cancel_nothing() -> None:
    world = settled_world(("shoes/", REMOVE))
    world.delete_file("shoes/_backdrop.json")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), list_folder_codes(world, "shoes/")) == (
        JobStatus.STORED,
        [],
        [],
    )


# -- broken defaults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["", "shop/", "shop/spring/shoes/"])
@pytest.mark.parametrize("content", [b"{", b"[]", b'{"promt": "x"}', b'{"variants": {"A": {}}}', b"x" * 70_000])
def test_broken_defaults_hold_their_photos_with_one_report(folder: str, content: bytes) -> None:
    world = World()
    upload_defaults(world, folder, content)
    for n in range(3):
        upload_unique_photo(world, f"shop/spring/shoes/{n}.jpg", operation="remove")
    world.run_until_empty()
    assert len(list_folder_codes(world, folder)) == 1
    reports = [key for key in world.output_bucket.list_keys() if key.startswith("_backdrop/errors/")]
    assert reports == [f"_backdrop/errors/{folder}_backdrop.json.json"]
    assert (world.list_jobs(), count_paid_calls(world)) == ([], 0)


@pytest.mark.parametrize("corrected", [REMOVE, None], ids=["corrected", "deleted"])
@pytest.mark.parametrize("order", ["photos first", "defaults first"])
def test_held_photos_run_when_defaults_are_corrected_or_deleted(corrected: dict[str, Any] | None, order: str) -> None:
    world = World()
    keys = [f"shoes/{n}.jpg" for n in range(3)]
    if order == "defaults first":
        upload_defaults(world, "shoes/", BROKEN)
        world.run_until_empty()
    for key in keys:
        world.upload_sidecar(key, **REMOVE)
        upload_unique_photo(world, key)
    upload_defaults(world, "shoes/", BROKEN)
    world.run_until_empty("intake")
    assert [source.blocked_by_defaults for key in keys if (source := world.read_source(key))] == [
        "shoes/_backdrop.json"
    ] * 3
    if corrected:
        upload_defaults(world, "shoes/", corrected)
    else:
        world.delete_file("shoes/_backdrop.json")
    world.run_until_empty()
    assert [world.list_jobs(key)[0].status for key in keys] == [JobStatus.STORED] * 3
    assert (count_paid_calls(world), list_folder_codes(world, "shoes/")) == (3, [])
    assert_at_rest(world)


def test_two_broken_defaults_have_reports_but_their_photo_has_none() -> None:
    world = settled_world(("", {"seed": -1}), ("shoes/", BROKEN), operation="remove")
    assert (list_report_codes(world, KEY), world.list_jobs()) == ([], [])
    for folder in ("shoes/", ""):
        upload_defaults(world, folder, {})
        world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert (list_folder_codes(world, ""), list_folder_codes(world, "shoes/")) == ([], [])


def test_report_of_broken_defaults_shows_their_current_errors() -> None:
    world = settled_world(("shoes/", BROKEN))
    assert list_folder_codes(world, "shoes/") == ["unknown_field"]
    upload_defaults(world, "shoes/", {"prompt": " "})
    world.run_until_empty()
    assert list_folder_codes(world, "shoes/") == ["missing_prompt"]
    upload_defaults(world, "shoes/", {"operation": "paint", "seed": -1})
    world.run_until_empty()
    assert list_folder_codes(world, "shoes/") == ["invalid_value"] * 2


def test_broken_defaults_do_not_affect_resolved_photos() -> None:
    world = settled_world(("shoes/", REMOVE))
    upload_defaults(world, "shoes/", BROKEN)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), count_paid_calls(world)) == (
        JobStatus.STORED,
        [],
        1,
    )


def test_photo_with_errors_under_broken_defaults_has_its_report() -> None:
    world = World()
    upload_defaults(world, "shoes/", BROKEN)
    world.upload_photo(KEY, b"no photo", operation="remove")
    world.run_until_empty()
    assert (list_report_codes(world, KEY), list_folder_codes(world, "shoes/")) == (["not_a_photo"], ["unknown_field"])


def test_key_too_long_under_broken_defaults_is_reported() -> None:
    key = f"shoes/{'x' * 1014}.jpg"
    world = World()
    upload_defaults(world, "shoes/", BROKEN)
    world.upload_photo(key, build_photo(), operation="remove")
    world.run_until_empty()
    assert list_report_codes(world, key) == ["key_too_long"]
    assert all(len(item["due"]["S"].encode()) <= 1024 for item in world.table.items.values() if "due" in item)
