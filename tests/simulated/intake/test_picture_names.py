"""Pictures with names of their own: where they are, who may have a name, and when a name is free again."""

from collections.abc import Callable
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.pipeline.enqueue import enqueue_delivery
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.stage_worlds import assert_at_rest, find_only_job, replay_with_crashes
from tests.simulated.uploads_and_requests import count_paid_calls, send_request, upload_sidecar_bytes

RED, BLUE = "shoes/red.jpg", "shoes/blue.jpg"
TEMPLATE = "{sku}.{ext}"
PICTURE = "shoes/4711.png"


def write_sidecar(world: World, key: str, sku: str = "4711", name: str = TEMPLATE, **fields: Any) -> None:
    instructions = {"operation": "remove", "metadata": {"sku": sku}, "output": {"name_template": name}}
    world.upload_sidecar(key, **(instructions | fields))


def upload(world: World, key: str, sku: str = "4711", name: str = TEMPLATE, **fields: Any) -> None:
    """Uploads a sidecar that names the picture, and a photo with bytes of its own."""
    write_sidecar(world, key, sku, name, **fields)
    world.upload_photo(key, build_photo(key))


def upload_with_one_event(world: World, key: str) -> None:
    """Uploads a sidecar and a photo, and drops the sidecar's event, so that nothing else handles the photo."""
    upload(world, key)
    del world.queues["intake"].messages[-2]


def run(world: World) -> World:
    world.run_until_empty()
    return world


def world_with_red(**fields: Any) -> World:
    world = World()
    upload(world, RED, **fields)
    return run(world)


def list_codes(world: World, key: str) -> list[str]:
    report = world.read_report(key)
    return [one["code"] for one in report["errors"]] if report else []


def list_pictures(world: World) -> list[str]:
    return sorted(world.read_pictures())


def read_job_id(world: World, key: str) -> str:
    """Returns the job that wrote the picture."""
    found = world.output_bucket.find_current(key)
    assert found
    return found.metadata["backdrop-job"]


# -- where the pictures are --------------------------------------------------------------------------------------------


def test_picture_has_its_name_below_the_photos_folder() -> None:
    world = world_with_red()
    assert list_pictures(world) == [PICTURE]
    assert [result.key for result in find_only_job(world).results] == [PICTURE]
    assert find_only_job(world).instructions["output"] == {"name_template": "4711.png"}


def test_every_placeholder_of_a_name_has_its_value() -> None:
    template = "{folder}/{sku} {stem}_{variant}_{output}_{width}_{n}.{ext}"
    outputs = [{"name": "web", "format": "webp", "width": 32, "name_template": template}, {}]
    world = World()
    upload(world, RED, operation="replace", variants={"a": {"prompt": "x", "num_images": 2}}, output=outputs)
    run(world)
    assert list_pictures(world) == [
        "shoes/red.jpg/red-a.png",
        "shoes/red.jpg/red-a_2.png",
        "shoes/shoes/4711 red_a_web_32_1.webp",
        "shoes/shoes/4711 red_a_web_32_2.webp",
    ]


def test_photo_at_the_root_has_its_picture_at_the_root() -> None:
    world = World()
    upload(world, "red.jpg")
    assert list_pictures(run(world)) == ["4711.png"]


def test_changed_template_delivers_again_for_free_and_the_old_file_stays() -> None:
    world = world_with_red()
    write_sidecar(world, RED, name="new/{sku}.{ext}")
    run(world)
    assert list_pictures(world) == [PICTURE, "shoes/new/4711.png"]
    assert (count_paid_calls(world), find_only_job(world).status) == (1, JobStatus.STORED)
    assert [warning.picture_key for warning in find_only_job(world).warnings] == [PICTURE]


def test_changed_value_delivers_again_for_free() -> None:
    world = world_with_red()
    write_sidecar(world, RED, "4712")
    assert (list_pictures(run(world)), count_paid_calls(world)) == ([PICTURE, "shoes/4712.png"], 1)


def test_without_a_template_no_claim_is_read_or_written() -> None:
    world = World()
    world.upload_photo(RED, build_photo(), operation="remove")
    run(world)
    assert not [key for key in world.table.items if key[0].startswith("name#")]


# -- which photo has a name --------------------------------------------------------------------------------------------


def test_second_photo_with_the_name_is_refused_before_the_purchase() -> None:
    world = world_with_red()
    upload(world, BLUE)
    run(world)
    assert (list_codes(world, BLUE), count_paid_calls(world)) == (["name_taken"], 1)
    report = world.read_report(BLUE)
    assert report
    assert report["errors"][0]["message"] == f"The key {PICTURE} belongs to the photo {RED}."
    assert read_job_id(world, PICTURE) == find_only_job(world, RED).job_id


def test_photo_keeps_its_name_while_its_job_waits() -> None:
    world = World()
    world.pause_lane()
    upload(world, RED)
    world.run_until_empty("intake")
    upload(world, BLUE)
    run(world)
    assert (list_codes(world, BLUE), count_paid_calls(world)) == (["name_taken"], 0)


def test_deleted_photo_keeps_its_name_until_its_call_has_ended() -> None:
    world = World()
    upload(world, RED)
    world.run_until_empty("intake", "ideogram")
    world.delete_file(RED)
    upload(world, BLUE)
    world.run_until_empty("intake")
    assert find_only_job(world, RED).status is JobStatus.PAID
    run(world)
    assert list_codes(world, BLUE) == ["name_taken"]
    assert read_job_id(world, PICTURE) == find_only_job(world, RED).job_id


def test_other_folders_have_names_of_their_own() -> None:
    world = world_with_red()
    upload(world, "bags/red.jpg")
    assert list_pictures(run(world)) == ["bags/4711.png", PICTURE]


def test_refused_photo_runs_with_another_name() -> None:
    world = world_with_red()
    upload(world, BLUE)
    run(world)
    write_sidecar(world, BLUE, "4712")
    run(world)
    assert (list_pictures(world), list_codes(world, BLUE)) == ([PICTURE, "shoes/4712.png"], [])


def test_one_variant_with_a_taken_name_does_not_stop_the_others() -> None:
    world = world_with_red()
    variants = {"a": {"prompt": "x"}, "b": {"prompt": "y", "metadata": {"sku": "4712"}}}
    upload(world, BLUE, operation="replace", variants=variants)
    run(world)
    assert [(job.variant, job.status) for job in world.list_jobs(BLUE)] == [("b", JobStatus.STORED)]
    assert list_codes(world, BLUE) == ["name_taken"]


def test_request_for_a_taken_name_is_refused_and_the_photo_stays() -> None:
    world = world_with_red()
    upload(world, BLUE, "4712")
    run(world)
    send_request(world, BLUE, prompt="x", metadata={"sku": "4711"}, output={"name_template": TEMPLATE})
    run(world)
    assert (list_codes(world, BLUE), count_paid_calls(world)) == (["name_taken"], 2)
    assert find_only_job(world, BLUE).status is JobStatus.STORED


MANY_OUTPUTS = [{"name": f"a{n}", "name_template": "{output}_{n}.{ext}"} for n in range(4)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"output": [{"name_template": TEMPLATE}, {"name": "b", "name_template": TEMPLATE}]}, "name_taken"),
        ({"output": {"name_template": "{color}.{ext}"}}, "unknown_placeholder"),
        ({"output": {"name_template": "{width}.{ext}"}}, "unknown_placeholder"),
        ({"operation": "replace", "prompt": "x", "num_images": 2}, "invalid_value"),
        ({"metadata": {"sku": "a/b"}}, "invalid_value"),
        ({"metadata": {"sku": ""}}, "invalid_value"),
        ({"operation": "replace", "prompt": "x", "num_images": 8, "output": MANY_OUTPUTS}, "invalid_value"),
    ],
)
def test_impossible_name_buys_nothing(fields: dict[str, Any], code: str) -> None:
    world = World()
    upload(world, RED, **fields)
    run(world)
    assert (list_codes(world, RED), count_paid_calls(world)) == ([code], 0)


def test_variants_with_the_same_name_buy_nothing() -> None:
    world = World()
    other = {"output": {"name_template": "{variant}.{ext}"}}
    upload(world, RED, variants={"a": {}, "b": {"operation": "replace", "prompt": "x"}, "c": other})
    run(world)
    assert [job.variant for job in world.list_jobs()] == ["c"]
    report = world.read_report(RED)
    assert report
    assert [(one["variant"], one["code"], one["message"]) for one in report["errors"]] == [
        (variant, "name_taken", f"Several pictures of the photo would have the key {PICTURE}.") for variant in "ab"
    ]


@pytest.mark.parametrize("name", ["two.jpg/two.png", "two.jpg/two-{sku}.png", "two.jpg/two_{n}.png"])
def test_name_in_the_folder_of_another_photos_pictures_buys_nothing(name: str) -> None:
    world = World()
    upload(world, "shoes/one.jpg", sku="side", name=name, operation="replace", prompt="x", num_images=2)
    run(world)
    assert (list_codes(world, "shoes/one.jpg"), count_paid_calls(world)) == (["invalid_value"], 0)


@pytest.mark.parametrize("name", ["two.jpg/front.png", "two/two_front.png", "one.jpg/one.png"])
def test_name_that_no_other_photos_picture_has_by_default_is_accepted(name: str) -> None:
    world = World()
    upload(world, "shoes/one.jpg", name=name)
    upload(world, "shoes/two.jpg", name="{stem}.{ext}")
    run(world)
    assert list_pictures(world) == sorted([f"shoes/{name}", "shoes/two.png"])


@pytest.mark.parametrize("first", ["shoes/two", "shoes/one.jpg"])
def test_photo_without_a_suffix_keeps_its_default_names(first: str) -> None:
    world = World()
    keys = {"shoes/two": {}, "shoes/one.jpg": {"output": {"name_template": "two/two.png"}}}
    for key in (first, *(keys.keys() - {first})):
        world.upload_sidecar(key, operation="remove", **keys[key])
        world.upload_photo(key, build_photo(key))
        run(world)
    second = next(key for key in keys if key != first)
    assert (list_codes(world, first), list_codes(world, second)) == ([], ["name_taken"])
    assert count_paid_calls(world) == 1
    assert list_pictures(world) == ["shoes/two/two.png"]


def test_photo_with_twenty_variants_and_the_most_names_is_written() -> None:
    outputs = [{"name": "web", "format": "webp", "name_template": "{sku}_{variant}_{output}.{ext}"}]
    variants: dict[str, Any] = {f"v{n}": {"prompt": f"{n}"} for n in range(20)}
    variants |= {
        f"v{n}": {"prompt": f"{n}", "output": [*outputs, {"name_template": "{variant}.png"}]} for n in range(10)
    }
    world = World()
    upload(world, RED, operation="replace", output=outputs, variants=variants)
    run(world)
    changed = {name: {**one, "prompt": f"new {one['prompt']}"} for name, one in variants.items()}
    world.pause_lane()
    write_sidecar(world, RED, operation="replace", output=outputs, variants=changed)
    run(world)
    write_sidecar(world, RED, operation="replace", output=outputs, variants=variants)
    world.resume_lane()
    run(world)
    assert len(list_pictures(world)) == 30
    assert list_codes(world, RED) == []


# -- when a name is free -----------------------------------------------------------------------------------------------


def delete_photo(world: World) -> None:
    world.delete_file(RED)


def rename_picture(world: World) -> None:
    write_sidecar(world, RED, "4712")


def remove_template(world: World) -> None:
    world.upload_sidecar(RED, operation="remove")


def break_sidecar(world: World) -> None:
    upload_sidecar_bytes(world, RED, b'{"operation": "erase"}')


RELEASES = (delete_photo, rename_picture, remove_template, break_sidecar)


@pytest.mark.parametrize("release", RELEASES)
def test_name_is_free_when_its_photo_no_longer_needs_it(release: Callable[[World], None]) -> None:
    world = world_with_red()
    release(world)
    run(world)
    upload(world, BLUE)
    run(world)
    assert (list_codes(world, BLUE), read_job_id(world, PICTURE)) == ([], find_only_job(world, BLUE).job_id)
    assert_at_rest(world)


@pytest.mark.parametrize("release", RELEASES)
def test_former_photo_must_claim_the_name_again(release: Callable[[World], None]) -> None:
    world = world_with_red()
    release(world)
    run(world)
    upload(world, BLUE)
    run(world)
    upload(world, RED)
    run(world)
    assert list_codes(world, RED) == ["name_taken"]
    assert read_job_id(world, PICTURE) == find_only_job(world, BLUE).job_id
    assert count_paid_calls(world) == 2


@pytest.mark.parametrize("release", RELEASES)
def test_unclaimed_name_returns_to_its_former_photo(release: Callable[[World], None]) -> None:
    world = world_with_red()
    release(world)
    run(world)
    upload(world, RED)
    run(world)
    assert (list_codes(world, RED), count_paid_calls(world)) == ([], 1)
    assert read_job_id(world, PICTURE) == find_only_job(world, RED).job_id


# -- crashes and races -------------------------------------------------------------------------------------------------


def assert_one_photo_has_the_name(world: World) -> None:
    """Asserts that one photo bought the picture and delivered it, and that the other one is refused."""
    codes = {key: list_codes(world, key) for key in (RED, BLUE)}
    assert sorted(codes.values()) == [[], ["name_taken"]]
    (winner,) = [key for key, found in codes.items() if not found]
    (job,) = [job for job in world.list_jobs(winner) if job.status is JobStatus.STORED]
    assert read_job_id(world, PICTURE) == job.job_id
    assert_at_rest(world)


def test_crash_after_any_call_leaves_the_name_with_one_photo() -> None:
    def upload_both() -> World:
        world = World()
        upload(world, RED)
        upload(world, BLUE)
        return world

    for _, world in replay_with_crashes(upload_both, World.run_until_empty):
        assert_one_photo_has_the_name(world)
        assert len({job.key for job in world.list_jobs()}) == 1


@pytest.mark.parametrize("release", [delete_photo, rename_picture])
def test_crash_after_any_call_does_not_prevent_a_takeover(release: Callable[[World], None]) -> None:
    def release_and_upload() -> World:
        world = world_with_red()
        release(world)
        run(world)
        upload(world, BLUE)
        return world

    for _, world in replay_with_crashes(release_and_upload, World.run_until_empty):
        assert read_job_id(world, PICTURE) == find_only_job(world, BLUE).job_id
        assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 12))
def test_two_photos_at_the_same_moment_do_not_share_a_name(nth: int) -> None:
    """The second photo is handled completely between two calls of the first."""
    world = World()
    upload_with_one_event(world, RED)

    def upload_blue(_: object) -> None:
        upload_with_one_event(world, BLUE)
        world.deliver_next("intake")

    world.transport.faults_before.append(fault := TargetedFault(upload_blue, nth=nth))
    run(world)
    assert fault.hit_count == 1
    assert_one_photo_has_the_name(world)
    assert count_paid_calls(world) == 1


@pytest.mark.parametrize("release", [delete_photo, rename_picture])
@pytest.mark.parametrize("nth", range(1, 14))
def test_returning_photo_and_its_successor_do_not_share_a_name(release: Callable[[World], None], nth: int) -> None:
    world = world_with_red()
    release(world)
    run(world)
    upload_with_one_event(world, BLUE)

    def upload_red(_: object) -> None:
        upload_with_one_event(world, RED)
        world.deliver_next("intake")

    world.transport.faults_before.append(fault := TargetedFault(upload_red, nth=nth))
    run(world)
    assert fault.hit_count == 1
    assert_one_photo_has_the_name(world)


@pytest.mark.parametrize("nth", range(1, 8))
def test_late_delivery_does_not_replace_the_successors_picture(nth: int) -> None:
    """The template changes, and another photo gets the name, between any two calls of the delivery."""
    world = World()
    upload(world, RED)
    world.run_until_empty("intake", "ideogram")

    def give_name_to_blue(_: object) -> None:
        rename_picture(world)
        world.run_until_empty("intake")
        upload(world, BLUE)
        world.run_until_empty("intake", "ideogram")

    world.transport.faults_before.append(fault := TargetedFault(give_name_to_blue, nth=nth))
    run(world)
    assert fault.hit_count == 1
    assert read_job_id(world, PICTURE) == find_only_job(world, BLUE).job_id
    assert read_job_id(world, "shoes/4712.png") == find_only_job(world, RED).job_id
    assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 11))
def test_late_delivery_does_not_replace_the_picture_of_a_returning_photo(nth: int) -> None:
    """The name returns to a photo with its picture in place, between any two calls of another photo's delivery."""
    world = World()
    upload(world, BLUE)
    run(world)
    write_sidecar(world, BLUE, "4712")
    run(world)
    upload(world, RED)
    world.run_until_empty("intake", "ideogram")

    def return_name_to_blue(_: object) -> None:
        write_sidecar(world, RED, "4713")
        world.run_until_empty("intake")
        write_sidecar(world, BLUE)
        world.run_until_empty("intake")
        while world.queues["deliver"].messages and find_only_job(world, BLUE).status is not JobStatus.STORED:
            world.deliver_next("deliver")

    world.transport.faults_before.append(fault := TargetedFault(return_name_to_blue, nth=nth))
    run(world)
    assert fault.hit_count == 1
    assert list_codes(world, BLUE) == []
    assert read_job_id(world, PICTURE) == find_only_job(world, BLUE).job_id
    assert read_job_id(world, "shoes/4713.png") == find_only_job(world, RED).job_id
    assert_at_rest(world)


def test_repeated_delivery_of_a_deleted_photo_does_not_replace_the_successors_picture() -> None:
    world = world_with_red()
    delete_photo(world)
    run(world)
    upload(world, BLUE)
    run(world)
    job, source = find_only_job(world, RED), world.read_source(RED)
    transition = transitions.reinstate(job)
    assert source
    assert transition
    enqueue_delivery(world.deliver.content_waiters.deliver_queue, world.ledger.write_transition(transition), job.job_id)
    run(world)
    assert read_job_id(world, PICTURE) == find_only_job(world, BLUE).job_id
    red = find_only_job(world, RED)
    assert (red.status, red.results, [one.code for one in red.warnings]) == (JobStatus.STORED, (), [Code.NAME_TAKEN])


def test_photo_whose_jobs_have_expired_keeps_its_name() -> None:
    world = world_with_red()
    job = find_only_job(world, RED)
    del world.table.items[f"source#{job.source_id}", f"job#{job.job_id}"]
    upload(world, BLUE)
    run(world)
    assert list_codes(world, BLUE) == ["name_taken"]
