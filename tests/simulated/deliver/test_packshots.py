"""Packshots: backgrounds, shadows, and logos are drawn from the paid cut-out, and images are checked before that."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus, MoneyStatus
from backdrop.pipeline.brand_image_reader import MAX_BRAND_IMAGE_BYTES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.imaging.output_pictures import RED, SUBJECT, build_cut_out, encode_picture
from tests.simulated.command_user import Person
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.unit.ledger_items import list_warning_codes

LOGO_KEY, TABLE_KEY = "_backdrop/brand/logo.png", "_backdrop/backgrounds/table.png"
BLUE, GREEN = (0, 0, 255), (0, 200, 0)
LOGO, TABLE = encode_picture(Image.new("RGB", (40, 10), BLUE)), encode_picture(Image.new("RGB", (30, 30), GREEN))
PNG, WEB = f"{KEY}/red.png", f"{KEY}/red@web.jpg"
CUT_OUT = encode_picture(build_cut_out())
PHOTO = encode_picture(build_cut_out().convert("RGB"))


def build_world(**instructions: Any) -> World:
    """Returns a world with a photo of 100 × 80 pixels, its instructions, a logo, and a background."""
    world = World()
    world.downloads.override = CUT_OUT
    world.s3.upload(INPUT_BUCKET, LOGO_KEY, LOGO)
    world.s3.upload(INPUT_BUCKET, TABLE_KEY, TABLE)
    world.upload_photo(KEY, PHOTO)
    request(world, **instructions)
    return world


def request(world: World, **instructions: Any) -> None:
    world.upload_sidecar(KEY, **({"operation": "remove"} | instructions))


def deliver(world: World) -> Job:
    """Returns the job after everything is delivered."""
    world.run_until_empty()
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert_at_rest(world)
    return job


def open_picture(world: World, key: str = PNG) -> Image.Image:
    return Image.open(BytesIO(world.read_pictures()[key]))


def refuse(world: World) -> dict[str, Any]:
    """Returns the only error of a photo for which nothing was bought."""
    world.run_until_empty()
    assert world.provider.received_job_ids == []
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    return error


# -- what is drawn -----------------------------------------------------------------------------------------------


def test_packshot_has_background_shadow_and_logo() -> None:
    world = build_world(
        shadow="contact", logo={"image": LOGO_KEY, "width": "20%", "margin": 0}, output={"background": "white"}
    )
    deliver(world)
    picture = open_picture(world)
    assert picture.mode == "RGB"
    assert picture.getpixel((40, 25)) == RED
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((99, 79)) == BLUE
    under_subject = picture.getpixel((40, SUBJECT[3]))
    assert isinstance(under_subject, tuple)
    assert max(under_subject) < 220


def test_picture_background_is_drawn_under_the_subject() -> None:
    world = build_world(output={"background": {"image": TABLE_KEY}})
    deliver(world)
    assert [open_picture(world).getpixel(place) for place in ((0, 0), (40, 25))] == [GREEN, RED]


def test_output_field_takes_precedence_over_the_field_for_all() -> None:
    outputs: list[dict[str, Any]] = [{"logo": "none"}, {"name": "web", "format": "jpg", "background": "white"}]
    world = build_world(logo={"image": LOGO_KEY, "width": "50%", "margin": 0}, title="Cup", output=outputs)
    outputs[0]["title"] = "Cut-out"
    request(world, logo={"image": LOGO_KEY, "width": "50%", "margin": 0}, title="Cup", output=outputs)
    deliver(world)
    assert open_picture(world).getpixel((99, 79)) == (0, 0, 0, 0)
    assert max(abs(a - b) for a, b in zip(open_picture(world, WEB).getpixel((95, 78)), BLUE, strict=True)) < 8  # pyrefly: ignore[bad-argument-type]  # RGB
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["title"] for one in receipt["jobs"][0]["results"]] == ["Cut-out", "Cup"]


def test_texts_are_in_the_file_the_receipt_and_the_event() -> None:
    texts = {"alt": "A red box & its lid", "title": "Box", "copyright": "© 2026 Example"}
    world = build_world(**texts)
    deliver(world)
    data = world.read_pictures()[PNG]
    assert all(text.encode() in data for text in ("A red box &amp; its lid", "Box", "© 2026 Example"))
    receipt = world.read_receipt(KEY)
    assert receipt
    (event,) = (one for one in world.bus.events if one.detail_type == "Image Completed")
    for job in (receipt["jobs"][0], event.detail["job"]):
        assert {name: job["results"][0][name] for name in texts} == texts


@pytest.mark.parametrize(
    "changed", [{"shadow": "drop"}, {"logo": LOGO_KEY}, {"alt": "A box"}, {"title": "Box"}, {"copyright": "Example"}]
)
def test_changed_composition_is_delivered_again_for_free(changed: dict[str, Any]) -> None:
    world = build_world()
    first = deliver(world)
    before = world.read_pictures()[PNG]
    request(world, **changed)
    job = deliver(world)
    assert (job.job_id, len(world.provider.received_job_ids)) == (first.job_id, 1)
    assert world.read_pictures()[PNG] != before


def test_inherited_shadow_is_not_an_error_for_a_new_background() -> None:
    world = World()
    world.s3.upload(INPUT_BUCKET, "_backdrop.json", b'{"operation": "remove", "shadow": "contact"}')
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, prompt="on a marble table")
    job = deliver(world)
    assert "shadow" not in job.instructions


# -- errors before the purchase ----------------------------------------------------------------------------------

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
LARGE = encode_picture(Image.new("1", (6_000, 5_000)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(None, "is not in the bucket", id="missing"),
        pytest.param(SVG, "is an SVG drawing", id="svg"),
        pytest.param(LOGO[:-20], "end", id="truncated"),
        pytest.param(encode_picture(Image.new("RGBA", (90, 60))), "shows nothing", id="invisible"),
        pytest.param(LARGE, "6,000 × 5,000 pixels", id="too-many-pixels"),
        pytest.param(bytes(MAX_BRAND_IMAGE_BYTES + 1), "20,000,001 bytes", id="too-many-bytes"),
    ],
)
def test_unusable_image_is_found_before_the_purchase(data: bytes | None, reason: str) -> None:
    uses: dict[Code, tuple[str, dict[str, Any]]] = {
        Code.LOGO_UNUSABLE: (LOGO_KEY, {"logo": LOGO_KEY}),
        Code.BACKGROUND_UNUSABLE: (TABLE_KEY, {"output": {"background": {"image": TABLE_KEY}}}),
    }
    for code, (key, instructions) in uses.items():
        world = build_world(**instructions)
        world.s3.delete(INPUT_BUCKET, key)
        if data is not None:
            world.s3.upload(INPUT_BUCKET, key, data)
        error = refuse(world)
        assert (error["code"], error["money"]) == (code, "not_spent")
        assert key in error["message"]
        assert reason in error["message"]


def test_archived_logo_is_found_before_the_purchase() -> None:
    world = build_world(logo=LOGO_KEY)

    def archive(call: ServiceCall) -> None:
        raise build_client_error("InvalidObjectState", call.operation, 403)

    world.transport.faults_before.append(
        TargetedFault(archive, "get_object", times=99, matches=lambda call: call.request["Key"] == LOGO_KEY)
    )
    assert "GLACIER" in refuse(world)["message"]


@pytest.mark.parametrize(
    "output",
    [{"shadow": "drop"}, {"background": {"gradient": ["#fff", "#ddd"]}}, {"background": {"image": TABLE_KEY}}],
)
def test_cut_out_feature_needs_a_removed_background(output: dict[str, Any]) -> None:
    world = build_world(operation="replace", prompt="on a marble table", output=output)
    assert refuse(world)["code"] == Code.CONFLICTING_FIELDS


def test_each_image_is_read_once_per_batch() -> None:
    world = build_world(logo=LOGO_KEY, output=[{}, {"name": "web", "width": 50}])
    for name in ("a", "b"):
        world.upload_photo(f"{name}.png", PHOTO)
        world.upload_sidecar(f"{name}.png", operation="remove", logo=LOGO_KEY)
    world.run_until_empty("intake")
    reads = [
        call for call in world.transport.calls if call.operation == "get_object" and call.request["Key"] == LOGO_KEY
    ]
    assert 1 <= len(reads) <= 3


# -- an image that is gone when the pictures are made ------------------------------------------------------------


def paid_world(**instructions: Any) -> World:
    world = build_world(**instructions)
    world.run_until_empty("intake", "ideogram")
    assert find_only_job(world).status is JobStatus.PAID
    return world


def test_deleted_logo_affects_only_its_own_output() -> None:
    world = paid_world(output=[{"logo": LOGO_KEY}, {"name": "web", "format": "jpg", "background": "white"}])
    world.s3.delete(INPUT_BUCKET, LOGO_KEY)
    job = deliver(world)
    assert [result.key for result in job.results] == [WEB]
    assert list_warning_codes(job) == [Code.OUTPUT_NOT_MADE]


def test_job_without_its_logo_ends_dead_and_is_delivered_after_a_correction() -> None:
    world = paid_world(logo=LOGO_KEY)
    world.s3.upload(INPUT_BUCKET, LOGO_KEY, SVG)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.money) == (JobStatus.DEAD, MoneyStatus.SPENT)
    assert job.problem
    assert (job.problem.code, LOGO_KEY in str(job.problem.message)) == (Code.OUTPUT_NOT_MADE, True)
    request(world)
    deliver(world)
    assert len(world.provider.received_job_ids) == 1


def test_denied_logo_does_not_block_the_delivery() -> None:
    world = paid_world(output=[{"logo": LOGO_KEY}, {"name": "web", "format": "jpg", "background": "white"}])

    def deny(call: ServiceCall) -> None:
        raise build_client_error("AccessDenied", call.operation, 403)

    world.transport.faults_before.append(
        TargetedFault(deny, "get_object", times=99, matches=lambda call: call.request["Key"] == LOGO_KEY)
    )
    job = deliver(world)
    assert [result.key for result in job.results] == [WEB]


# -- the brand kit -----------------------------------------------------------------------------------------------

BRAND_KIT = Path(__file__).parents[3] / "examples" / "brand-kit"


def test_brand_kit_gives_a_folder_one_look() -> None:
    world = World()
    for path in sorted(path for path in BRAND_KIT.rglob("*") if path.suffix in (".json", ".png")):
        world.s3.upload(INPUT_BUCKET, str(path.relative_to(BRAND_KIT)), path.read_bytes())
    world.upload_photo("shop/red.jpg", build_photo())
    world.run_until_empty()
    assert {job.variant: job.status for job in world.list_jobs()} == {
        "packshot": JobStatus.STORED,
        "table": JobStatus.STORED,
    }
    pictures = world.read_pictures()
    assert sorted(pictures) == sorted(
        f"shop/red.jpg/red-{variant}@{output}"
        for variant in ("packshot", "table")
        for output in ("shop.jpg", "web.webp")
    )
    assert all("© 2026 Example Ltd.".encode() in data for data in pictures.values())


def test_brand_kit_matches_its_schema_and_passes_lint(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads((BRAND_KIT / "shop" / "_backdrop.json").read_text())
    schema = json.loads((BRAND_KIT / "shop" / document["$schema"]).resolve().read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    result = Person(World(), monkeypatch).run("lint", str(BRAND_KIT), "--to", "/", "--json")
    assert result.data["errors"] == []
