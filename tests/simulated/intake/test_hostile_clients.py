"""What the clients of a mandate cannot do with the instructions that they write in its folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from backdrop.instructions.schema import InstructionsModel
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.imaging.photos import encode_image, scene
from tests.simulated.intake.test_references import upload_silently
from tests.simulated.render.test_mandates import FIRST, FOLDER, OUTSIDE, create_mandate
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import read_provenance, send_request, upload_defaults

SECRET = "brand/_backdrop/secret.png"
OWN = f"{FOLDER}_backdrop/own.png"
BEACH = {"prompt": "on a beach"}
NAMED: dict[str, dict[str, Any]] = {
    "logo": {**BEACH, "logo": {"image": SECRET}},
    "background": {"operation": "remove", "output": {"background": {"image": SECRET}}},
    "logo-of-an-output": {**BEACH, "output": [{"name": "a"}, {"name": "b", "logo": {"image": SECRET}}]},
    "reference": {**BEACH, "style_reference_images": [OWN, SECRET]},
    "variant": {"variants": {"a": {**BEACH, "logo": {"image": SECRET}}}},
}
ALL_NAMED = pytest.mark.parametrize("instructions", NAMED.values(), ids=NAMED)


def build_world(defaults: dict[str, dict[str, Any]], instructions: dict[str, Any], key: str = FIRST) -> World:
    """Returns a world with a mandate, images, a photo with a sidecar, and `defaults` by folder."""
    world = World()
    create_mandate(world, limit=1_000_000)
    image = encode_image(scene(), "PNG")
    upload_silently(world, **{SECRET: image, OWN: image})
    for folder, fields in defaults.items():
        upload_defaults(world, folder, fields)
    if instructions:
        world.upload_sidecar(key, **instructions)
    world.upload_photo(key, build_photo())
    world.run_until_empty()
    return world


def was_read(world: World, key: str) -> bool:
    return any(call.request.get("Key") == key for call in world.transport.calls)


@ALL_NAMED
def test_clients_image_outside_the_folder_is_refused_unread(instructions: dict[str, Any]) -> None:
    world = build_world({}, instructions)
    assert list_report_codes(world, FIRST) == [Code.MANDATE_FORBIDS]
    assert (world.list_jobs(), world.provider.charged_micro_usd, was_read(world, SECRET)) == ([], 0, False)
    report = world.read_report(FIRST)
    assert report
    (error,) = report["errors"]
    assert f"names {SECRET}, outside {FOLDER}, the folder of the mandate anna." in error["message"]
    assert error["hint"].startswith(f"Name an image below {FOLDER} instead;")


def test_folder_defaults_below_the_prefix_are_the_clients() -> None:
    world = build_world({FOLDER: NAMED["logo"]}, {})
    assert list_report_codes(world, FIRST) == [Code.MANDATE_FORBIDS]
    assert not was_read(world, SECRET)


def test_tags_are_the_clients() -> None:
    world = build_world({}, {})
    world.upload_photo(OUTSIDE, build_photo("other"), **BEACH, style_reference_images=OWN)
    world.upload_photo(f"{FOLDER}2.jpg", build_photo("other"), **BEACH, style_reference_images=SECRET)
    world.run_until_empty()
    assert list_report_codes(world, f"{FOLDER}2.jpg") == [Code.MANDATE_FORBIDS]
    assert (find_only_job(world, OUTSIDE).status, was_read(world, SECRET)) == (JobStatus.STORED, False)


@ALL_NAMED
def test_owner_may_name_any_image_in_defaults_above_the_folder(instructions: dict[str, Any]) -> None:
    world = build_world({"agents/": instructions}, {"revision": "2"})
    assert find_only_job(world, FIRST).status is JobStatus.STORED
    assert_at_rest(world)


def test_client_may_repeat_what_the_owner_names() -> None:
    """The reference comes from the client's sidecar, and the operation from the nearer of the owner's defaults."""
    own = {**BEACH, "style_reference_images": SECRET, "output": {"logo": {"image": SECRET}}}
    owners = {"agents/": {"operation": "remove"}, "": NAMED["reference"]}
    world = build_world(owners, own)
    assert find_only_job(world, FIRST).status is JobStatus.STORED


@ALL_NAMED
def test_request_may_name_any_image(instructions: dict[str, Any]) -> None:
    world = build_world({}, {})
    send_request(world, FIRST, **instructions)
    world.run_until_empty()
    assert find_only_job(world, FIRST).status is JobStatus.STORED


def test_client_may_name_images_in_its_folder_and_no_image() -> None:
    logo = {"logo": {"image": SECRET}, "output": {"background": {"image": SECRET}}}
    own = {"operation": "remove", "logo": {"image": "none"}, "output": {"background": {"image": OWN}}}
    world = build_world({"agents/": {"operation": "remove", **logo}}, own)
    assert find_only_job(world, FIRST).status is JobStatus.STORED
    assert not was_read(world, SECRET)


@ALL_NAMED
def test_without_a_mandate_photos_may_name_any_image(instructions: dict[str, Any]) -> None:
    world = build_world({}, instructions, OUTSIDE)
    assert find_only_job(world, OUTSIDE).status is JobStatus.STORED


def test_key_that_only_begins_like_the_folder_is_outside() -> None:
    world = build_world({}, {**BEACH, "logo": {"image": "agents/annabel/_backdrop/logo.png"}})
    assert list_report_codes(world, FIRST) == [Code.MANDATE_FORBIDS]


def test_approval_that_the_owner_requires_cannot_be_lifted() -> None:
    world = build_world({"agents/": {"approval": "required"}}, {**BEACH, "approval": "none"})
    assert find_only_job(world, FIRST).status is JobStatus.REVIEW
    assert read_provenance(world, FIRST)["approval"] == "agents/_backdrop.json"
    assert world.read_pictures() == {}


def test_client_may_require_approval_and_lift_its_own() -> None:
    world = build_world({FOLDER: {"approval": "required"}}, {**BEACH, "approval": "none"})
    assert find_only_job(world, FIRST).status is JobStatus.STORED
    world.upload_sidecar(f"{FOLDER}2.jpg", **BEACH, approval="required")
    world.upload_photo(f"{FOLDER}2.jpg", build_photo("other"))
    world.run_until_empty()
    assert find_only_job(world, f"{FOLDER}2.jpg").status is JobStatus.REVIEW


def list_key_fields(schema: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yields the paths of the fields that take keys: only those have texts of up to 1,024 characters."""
    if schema.get("maxLength") == 1024:
        yield path
    inner: list[Any] = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    if "$ref" in schema:
        inner.append(definitions[schema["$ref"].rpartition("/")[2]])
    for one in inner:
        yield from list_key_fields(one, definitions, path)
    for name, one in schema.get("properties", {}).items():
        yield from list_key_fields(one, definitions, f"{path}.{name}")


def test_every_field_that_takes_a_key_is_checked() -> None:
    """`NAMED` has each of these fields. Variants have the same ones."""
    schema = InstructionsModel.model_json_schema()
    fields = {".logo.image", ".output.logo.image", ".output.background.image", ".style_reference_images"}
    assert set(list_key_fields(schema, schema["$defs"])) == fields
