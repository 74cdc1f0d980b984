"""Masks that are bought: one cut-out of the photo, with which its new pictures are compared, and which is no
picture."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PIL import Image, ImageDraw

from backdrop.model.codes import Code
from backdrop.model.fidelity import CannotSayReason, Fidelity, FidelityVerdict
from backdrop.model.job import MASK_VARIANT, Job, JobStatus, MoneyStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.operate.redrive import FailureFilter, RedrivePlan
from simulation.world.simulated_provider import CallBehavior, ProviderKind, build_refusal
from simulation.world.simulated_stack import World
from tests.simulated.content_waits import read_task_response, send_task_request
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    CUT_OUT,
    CUT_OUT_LANE,
    ON_GRASS,
    PHOTO,
    SCENE,
    SCENE_LANE,
    SIZE,
    TRANSPARENT_PHOTO,
    build_world,
    draw_on,
    draw_product,
    encode,
    find_fidelity,
    find_job,
)
from tests.simulated.picture_decisions import APPROVED, REJECTED, decide
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, assert_budgets, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

WITH_MASK: dict[str, Any] = ON_GRASS | {"subject": {"mask": "buy"}}


def list_masks(world: World) -> list[Job]:
    return [job for job in world.list_jobs(KEY) if job.is_mask]


def test_bought_mask_gives_the_verdict_and_is_no_picture() -> None:
    world = build_world(**WITH_MASK)
    world.run_until_empty()
    mask = find_job(world, MASK_VARIANT)
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME
    assert (mask.status, mask.results, mask.charged) == (JobStatus.STORED, (), 10_000)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert {job["variant"]: len(job["results"]) for job in receipt["jobs"]} == {None: 1, "@mask": 0}
    assert_at_rest(world)


def test_receipt_says_that_a_picture_is_paid_while_it_waits_for_its_mask() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(60)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert {job["variant"]: (job["status"], job["cost"]["usd"]) for job in receipt["jobs"]} == {
        None: ("paid", 0.075),
        "@mask": ("accepted", 0),
    }


def test_receipt_is_written_once_while_a_picture_waits_for_its_mask() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(60)
    before = len(world.transport.calls)
    world.run_for(600)
    assert not [call for call in world.transport.calls[before:] if call.operation in ("put_object", "get_object")]


def draw_with_alpha(draw_alpha: Callable[[ImageDraw.ImageDraw], Any]) -> bytes:
    """Returns the photo with an alpha channel that is opaque except where it is drawn on."""
    photo, alpha = draw_on((200, 210, 220)), Image.new("L", SIZE, 255)
    draw_alpha(ImageDraw.Draw(alpha))
    photo.putalpha(alpha)
    return encode(photo)


PHOTOS_WITH_USELESS_ALPHA = {
    "one pixel": draw_with_alpha(lambda draw: draw.point((0, 0), fill=0)),
    "rounded corner": draw_with_alpha(lambda draw: draw.polygon([(0, 0), (12, 0), (0, 12)], fill=0)),
    "empty margin": draw_with_alpha(lambda draw: draw.rectangle((0, 0, SIZE[0] - 1, SIZE[1] - 1), outline=0, width=12)),
}
with_useless_alpha = pytest.mark.parametrize(
    "photo", PHOTOS_WITH_USELESS_ALPHA.values(), ids=PHOTOS_WITH_USELESS_ALPHA.keys()
)


@with_useless_alpha
def test_transparency_that_does_not_show_the_product_is_no_mask(photo: bytes) -> None:
    with_mask = build_world(photo, variants={"scene": WITH_MASK})
    with_cut_out = build_world(photo, variants={"scene": ON_GRASS, "cut-out": {"operation": "remove"}})
    for world, mask_count in ((with_mask, 1), (with_cut_out, 0)):
        world.run_until_empty()
        assert len(list_masks(world)) == mask_count
        assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME


@with_useless_alpha
def test_photo_whose_transparency_is_no_mask_is_reported_before_the_purchase(photo: bytes) -> None:
    world = build_world(photo, **ON_GRASS, subject={"min": 0.9})
    world.run_until_empty("intake")
    assert list_warning_codes(find_job(world)) == [WarningCode.MASK_UNAVAILABLE]
    world.run_until_empty()
    assert find_fidelity(find_job(world)) == Fidelity.from_reason(CannotSayReason.NO_MASK)


def test_mask_has_the_id_of_a_plain_cut_out() -> None:
    world = build_world(**WITH_MASK)
    world.run_until_empty()
    other = build_world(operation="remove")
    other.run_until_empty()
    assert find_job(world, MASK_VARIANT).job_id == find_job(other).job_id


def test_no_mask_is_bought_for_transparent_photos_and_next_to_a_cut_out() -> None:
    transparent = build_world(TRANSPARENT_PHOTO, **WITH_MASK)
    with_cut_out = build_world(variants={"scene": WITH_MASK, "cut-out": {"operation": "remove"}})
    for world in (transparent, with_cut_out):
        world.run_until_empty()
        assert list_masks(world) == []
    assert find_fidelity(find_job(transparent)).verdict is FidelityVerdict.SAME
    assert find_fidelity(find_job(with_cut_out, "scene")).verdict is FidelityVerdict.SAME


def test_mask_is_bought_for_a_photo_that_only_has_an_alpha_channel() -> None:
    photo = draw_on((200, 210, 220)).convert("RGBA")
    world = build_world(encode(photo), **WITH_MASK)
    world.run_until_empty()
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME


def test_one_mask_serves_all_variants() -> None:
    world = build_world(variants={"grass": WITH_MASK, "sand": WITH_MASK | {"prompt": "on sand"}})
    world.run_until_empty()
    assert len(list_masks(world)) == 1
    assert [find_fidelity(find_job(world, name)).verdict.value for name in ("grass", "sand")] == ["same", "same"]


def test_cut_out_that_was_bought_serves_as_the_mask_without_a_charge() -> None:
    world = build_world(operation="remove")
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK)
    world.run_until_empty()
    mask = find_job(world, MASK_VARIANT)
    assert len(mask.attempts) == 1
    assert mask.results == ()
    assert WarningCode.OLD_PICTURE in list_warning_codes(mask)
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME
    receipt = world.read_receipt(KEY)
    assert receipt
    (entry,) = [job for job in receipt["jobs"] if job["variant"] == MASK_VARIANT]
    assert entry["warnings"] == []  # The scene has replaced the earlier picture.
    assert_at_rest(world)


def test_mask_becomes_a_delivered_cut_out_without_a_charge() -> None:
    world = build_world(**WITH_MASK)
    world.run_until_empty()
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    (cut_out,) = [job for job in world.list_jobs(KEY) if job.operation == "remove"]
    assert (cut_out.variant, len(cut_out.results), len(cut_out.attempts)) == ("", 1, 1)
    assert_at_rest(world)


def build_world_with_runware(fields: dict[str, Any]) -> World:
    others = {SCENE_LANE: ProviderKind.LOOKUP_BY_PROVIDER_ID, "runware": ProviderKind.LOOKUP_BY_OUR_ID}
    world = World(other_providers=others)
    world.downloads.override_by_provider |= {SCENE_LANE: SCENE, CUT_OUT_LANE: CUT_OUT, "runware": CUT_OUT}
    world.upload_photo(KEY, PHOTO)
    world.upload_sidecar(KEY, **fields)
    return world


def test_cheapest_enabled_provider_makes_the_mask_and_its_receipt_names_it() -> None:
    world = build_world_with_runware(WITH_MASK)
    world.run_until_empty()
    mask, maker = find_job(world, MASK_VARIANT), {"provider": "runware", "model": "birefnet-matting"}
    assert (mask.provider, mask.charged, find_job(world).mask_quoted) == ("runware", 600, 600)
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME
    receipt = world.read_receipt(KEY)
    assert receipt
    (entry,) = [job for job in receipt["jobs"] if job["variant"] == MASK_VARIANT]
    assert entry["instructions"] == {"operation": "remove", **maker}
    assert (entry["cost"]["usd"], receipt["total_usd"]) == (0.0006, 0.0756)
    assert_budgets(world)
    world.upload_sidecar(KEY, operation="remove", **maker)
    world.run_until_empty()
    (cut_out,) = [job for job in world.list_jobs(KEY) if job.operation == "remove"]
    assert (cut_out.variant, len(cut_out.results), len(cut_out.attempts)) == ("", 1, 1)
    assert_at_rest(world)


@pytest.mark.parametrize(
    "cut_out", [{}, {"provider": "runware"}, {"provider": "runware", "model": "ideogram"}], ids=str
)
def test_cut_out_of_any_maker_serves_as_the_mask(cut_out: dict[str, str]) -> None:
    world = build_world_with_runware({"operation": "remove", **cut_out})
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK)
    world.run_until_empty()
    (scene,) = [job for job in world.list_jobs(KEY) if job.operation == "replace"]
    (mask,) = [job for job in world.list_jobs(KEY) if job.operation == "remove"]
    assert (find_fidelity(scene).verdict, len(mask.attempts)) == (FidelityVerdict.SAME, 1)
    assert_at_rest(world)


def test_cut_out_of_another_variant_serves_too() -> None:
    world = build_world(variants={"cut-out": {"operation": "remove"}})
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK)
    world.run_until_empty()
    assert list_masks(world) == []
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME


@pytest.mark.parametrize("seconds", [0, 1200])
@pytest.mark.parametrize("pixels", ["provider", "own"])
@pytest.mark.parametrize("approval", ["none", "required"])
def test_verdict_of_a_picture_bought_before_costs_only_the_mask(seconds: int, pixels: str, approval: str) -> None:
    fields: dict[str, Any] = ON_GRASS | {"approval": approval}
    world = build_world(**fields)
    world.run_until_empty()
    world.run_for(seconds)
    world.upload_sidecar(KEY, **fields, subject={"mask": "buy", "pixels": pixels})
    world.run_until_empty()
    picture, mask = find_job(world), find_job(world, MASK_VARIANT)
    (fidelity,) = picture.fidelity_by_image.values()
    assert fidelity
    assert fidelity.verdict is FidelityVerdict.SAME
    assert list_warning_codes(picture) == []
    assert (len(picture.attempts), mask.status, mask.charged) == (1, JobStatus.STORED, 10_000)


@pytest.mark.parametrize("decision", [APPROVED, REJECTED])
def test_no_mask_is_bought_for_a_picture_that_people_have_decided_about(decision: str) -> None:
    fields: dict[str, Any] = ON_GRASS | {"approval": "required"}
    world = build_world(**fields)
    world.run_until_empty()
    decide(world, decision, find_job(world))
    world.upload_sidecar(KEY, **fields, subject={"mask": "buy"})
    world.run_until_empty()
    assert list_masks(world) == []
    job = find_job(world)
    assert (job.status, job.mask_quoted) == (JobStatus.STORED if decision == APPROVED else JobStatus.REJECTED, 0)
    assert_at_rest(world)


def test_no_mask_is_bought_for_a_picture_that_is_delivered_and_not_compared_again() -> None:
    world = build_world(**WITH_MASK)
    world.simulated_providers[CUT_OUT_LANE].script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK, max_cost_usd=1)
    world.run_until_empty()
    assert [job.charged for job in list_masks(world)] == [0]
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_photo_that_is_uploaded_again_buys_no_mask_for_a_delivered_picture() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(1300)
    assert (find_job(world).status, find_job(world, MASK_VARIANT).status) == (JobStatus.STORED, JobStatus.CANCELLED)
    world.resume_lane(provider=CUT_OUT_LANE)
    world.upload_photo(KEY, PHOTO)
    world.run_until_empty()
    assert (find_job(world).status, find_job(world, MASK_VARIANT).status) == (JobStatus.STORED, JobStatus.CANCELLED)
    assert_at_rest(world)


def test_bought_mask_stays_current_after_its_picture_was_delivered() -> None:
    world = build_world(**WITH_MASK)
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK, max_cost_usd=1)
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert {one["variant"]: one["current"] for one in receipt["jobs"]} == {None: True, MASK_VARIANT: True}


def test_approved_picture_buys_the_mask_if_the_photos_own_product_is_put_into_it() -> None:
    fields: dict[str, Any] = ON_GRASS | {"approval": "required"}
    world = build_world(**fields)
    world.run_until_empty()
    decide(world, APPROVED, find_job(world))
    world.upload_sidecar(KEY, **fields, subject={"mask": "buy", "pixels": "own"})
    world.run_until_empty()
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED
    assert find_job(world).status is JobStatus.REVIEW


def test_cut_out_that_is_requested_later_gives_a_picture_bought_before_its_own_pixels() -> None:
    world = build_world(variants={"scene": ON_GRASS})
    world.run_until_empty()
    world.run_for(1200)
    scene = ON_GRASS | {"subject": {"pixels": "own"}}
    world.upload_sidecar(KEY, variants={"scene": scene, "cut-out": {"operation": "remove"}})
    world.run_until_empty()
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME
    assert list_warning_codes(find_job(world, "scene")) == []


BAD_CUT_OUT = encode(Image.merge("RGBA", [draw_product().getchannel(band) for band in "BRGA"]).rotate(180))


@pytest.mark.parametrize("revision", ["2", "3", "4", "5"])
@pytest.mark.parametrize("is_mask", [False, True])
def test_current_cut_out_is_preferred_to_another_one_that_is_wrong(revision: str, *, is_mask: bool) -> None:
    variants: dict[str, Any] = {"scene": WITH_MASK} if is_mask else {"cut-out": {"operation": "remove"}}
    world = build_world(variants={"scene": ON_GRASS} | variants)
    world.downloads.override_by_provider[CUT_OUT_LANE] = BAD_CUT_OUT
    world.run_until_empty()
    assert find_fidelity(find_job(world, "scene")).reason is CannotSayReason.MASK_OF_ANOTHER_PHOTO
    world.downloads.override_by_provider[CUT_OUT_LANE] = CUT_OUT
    scene, cut_out = ON_GRASS | {"subject": {"min": 0.8}}, {"operation": "remove", "revision": revision}
    world.upload_sidecar(KEY, variants={"scene": scene, "cut-out": cut_out})
    world.run_until_empty()
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME
    # It is bought, but no longer current. Nor is the wrong one.
    world.upload_sidecar(KEY, variants={"scene": ON_GRASS | {"subject": {"min": 0.7}}})
    world.run_until_empty()
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME


def test_bought_cut_out_serves_if_the_current_one_does_not_arrive() -> None:
    world = build_world(variants={"scene": ON_GRASS, "cut-out": {"operation": "remove"}})
    world.run_until_empty()
    world.pause_lane(provider=CUT_OUT_LANE)
    scene, cut_out = ON_GRASS | {"subject": {"min": 0.8}}, {"operation": "remove", "revision": "2"}
    world.upload_sidecar(KEY, variants={"scene": scene, "cut-out": cut_out})
    world.run_for(600)
    assert find_job(world, "scene").status is JobStatus.PAID
    world.run_for(600)
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME


def test_failed_mask_leaves_a_delivered_picture_with_a_warning() -> None:
    world = build_world(**WITH_MASK)
    world.downloads.override_by_provider[CUT_OUT_LANE] = b"no picture"
    world.run_until_empty()
    scene, mask = find_job(world), find_job(world, MASK_VARIANT)
    assert (scene.status, mask.status, mask.money) == (JobStatus.STORED, JobStatus.DEAD, MoneyStatus.SPENT)
    assert find_fidelity(scene) == Fidelity.from_reason(CannotSayReason.MASK_UNAVAILABLE)
    assert WarningCode.MASK_UNAVAILABLE in list_warning_codes(scene)


def test_mask_ends_with_the_last_picture_that_needs_it() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.pause_lane(provider=SCENE_LANE)
    world.run_for(60)
    world.upload_sidecar(KEY, **ON_GRASS)
    world.run_for(60)
    assert find_job(world, MASK_VARIANT).status is JobStatus.SUPERSEDED
    assert find_job(world).status is JobStatus.ACCEPTED


def test_mask_is_not_bought_after_its_picture_was_refused() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.simulated_providers[SCENE_LANE].script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    world.run_for(300)
    assert find_job(world).status is JobStatus.REFUSED
    assert find_job(world, MASK_VARIANT).status is JobStatus.CANCELLED


def refuse_picture(world: World, refusal: CallBehavior) -> None:
    """Has the picture refused before its mask is bought."""
    world.simulated_providers[SCENE_LANE].script.append(refusal)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(300)
    assert find_job(world, MASK_VARIANT).status is JobStatus.CANCELLED
    world.resume_lane(provider=CUT_OUT_LANE)


def redrive_picture(world: World, *, pay_again: bool) -> RedrivePlan:
    service = world.steps.redrive()
    (failure,) = service.list_failures(FailureFilter())
    plan = service.plan(failure, pay_again=pay_again)
    assert service.redrive(plan)
    world.run_until_empty()
    return plan


@pytest.mark.parametrize("is_charged", [False, True])
def test_mask_is_bought_with_the_redriven_picture_that_needs_it(*, is_charged: bool) -> None:
    world = build_world(**WITH_MASK)
    refusal = build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)
    if is_charged:
        result = ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "refused", charged=75_000)
        refusal = CallBehavior(result=result)
    refuse_picture(world, refusal)
    assert sorted(redrive_picture(world, pay_again=is_charged).max_costs.values()) == [10_000, 75_000]
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME
    assert_at_rest(world)


def test_redriven_picture_shares_the_mask_that_another_photo_has_bought_since() -> None:
    world = build_world(**WITH_MASK)
    refuse_picture(world, build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.upload_photo("other.jpg", PHOTO)
    world.upload_sidecar("other.jpg", operation="remove")
    world.run_until_empty()
    redrive_picture(world, pay_again=False)
    mask = find_job(world, MASK_VARIANT)
    assert (mask.status, mask.charged) == (JobStatus.STORED, 0)
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME
    assert_at_rest(world)


def test_no_mask_is_bought_for_a_picture_whose_name_another_photo_has() -> None:
    named: dict[str, Any] = {"output": {"name_template": "4711.png"}}
    world = build_world(**ON_GRASS, **named)
    world.run_until_empty()
    world.upload_photo("shoes/blue.jpg", PHOTO)
    world.upload_sidecar("shoes/blue.jpg", **WITH_MASK, **named)
    world.run_until_empty()
    assert list_report_codes(world, "shoes/blue.jpg") == ["name_taken"]
    assert world.list_jobs("shoes/blue.jpg") == []


CHEAP_CUT_OUT: dict[str, Any] = {"operation": "remove", "max_cost_usd": 0.001}
NAMED_ALIKE: dict[str, Any] = {"output": {"name_template": "4711.png"}}


@pytest.mark.parametrize(
    "variants",
    [
        {"scene": WITH_MASK, "cut-out": CHEAP_CUT_OUT},
        {"scene": WITH_MASK, "cut-out": {"operation": "remove"} | NAMED_ALIKE, "grass": ON_GRASS | NAMED_ALIKE},
    ],
    ids=["price", "name"],
)
def test_mask_is_bought_if_the_cut_out_next_to_it_is_refused(variants: dict[str, Any]) -> None:
    world = build_world(variants=variants)
    world.run_until_empty()
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME
    assert "cut-out" not in {job.variant for job in world.list_jobs(KEY)}
    assert_at_rest(world)


def test_mask_is_bought_if_another_photo_has_the_name_of_the_cut_out() -> None:
    world = build_world(**ON_GRASS, **NAMED_ALIKE)
    world.run_until_empty()
    world.upload_photo("shoes/blue.jpg", PHOTO)
    variants = {"scene": WITH_MASK, "cut-out": {"operation": "remove"} | NAMED_ALIKE}
    world.upload_sidecar("shoes/blue.jpg", variants=variants)
    world.run_until_empty()
    assert list_report_codes(world, "shoes/blue.jpg") == ["name_taken"]
    assert {job.variant for job in world.list_jobs("shoes/blue.jpg")} == {"scene", MASK_VARIANT}
    assert_at_rest(world)


@pytest.mark.parametrize(("limit", "is_bought"), [(0.075, False), (0.09, True)])
def test_price_limit_includes_the_mask(limit: float, *, is_bought: bool) -> None:
    world = build_world(**WITH_MASK, max_cost_usd=limit)
    world.run_until_empty()
    assert bool(world.list_jobs(KEY)) is is_bought


@pytest.mark.parametrize(
    ("limit", "is_bought"), [({"max_cost_usd": 0.0849}, False), ({"max_cost_usd": 0.085}, True), ({}, True)]
)
def test_price_limit_of_a_picture_bought_before_includes_the_mask(limit: dict[str, float], *, is_bought: bool) -> None:
    world = build_world(**ON_GRASS)
    world.run_until_empty()
    world.upload_sidecar(KEY, **WITH_MASK, **limit)
    world.run_until_empty()
    assert bool(list_masks(world)) is is_bought
    job = find_job(world)
    assert (job.status, job.charged, job.mask_quoted) == (JobStatus.STORED, 75_000, 10_000 if is_bought else 0)
    assert list_warning_codes(job) == ([] if is_bought else [WarningCode.MASK_UNAVAILABLE])
    assert list_report_codes(world, KEY) == []
    assert_at_rest(world)


def test_mask_is_bought_if_another_picture_pays_it() -> None:
    world = build_world(variants={"grass": ON_GRASS})
    world.run_until_empty()
    sand = WITH_MASK | {"prompt": "on sand"}
    world.upload_sidecar(KEY, variants={"grass": WITH_MASK | {"max_cost_usd": 0.075}, "sand": sand})
    world.run_until_empty()
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED
    assert [find_fidelity(find_job(world, name)).verdict.value for name in ("grass", "sand")] == ["same", "same"]


@pytest.mark.parametrize("is_pause_known", [False, True])
def test_job_goes_only_to_a_provider_whose_price_and_mask_fit_the_limit(*, is_pause_known: bool) -> None:
    """The other one, which is paused, is cheap enough. So the job waits for it."""
    others = ("segmind", "runware")
    world = World(other_providers=dict.fromkeys(others, ProviderKind.LOOKUP_BY_PROVIDER_ID))
    if is_pause_known:
        world.pause_lane(provider="runware")
    world.simulated_providers["runware"].script += [
        build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED) for _ in range(3)
    ]
    world.upload_photo(KEY, PHOTO)
    world.upload_sidecar(KEY, **WITH_MASK | {"provider": ["runware", "segmind"]}, max_cost_usd=0.075)
    world.run_for(60)
    assert list_report_codes(world, KEY) == []
    assert (find_job(world).provider, find_job(world).charged) == ("runware", 0)


def test_crash_at_any_call_leaves_one_charge_for_the_mask_and_one_verdict() -> None:
    for call, world in replay_with_crashes(
        partial(build_world, **WITH_MASK), lambda world: world.run_until_empty(max_deliveries=3000)
    ):
        for _ in range(3):
            world.run_for(1800)
            world.run_reconcile()
            world.run_until_empty(max_deliveries=3000)
        mask = find_job(world, MASK_VARIANT)
        assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME, call
        assert mask.status is JobStatus.STORED, call
        assert_budgets(world)


def test_photos_with_the_same_bytes_share_one_mask() -> None:
    world = build_world(**WITH_MASK)
    world.upload_photo("other.jpg", PHOTO)
    world.upload_sidecar("other.jpg", **WITH_MASK)
    world.run_until_empty()
    masks = [job for job in world.list_jobs() if job.is_mask]
    assert sorted(job.charged for job in masks) == [0, 10_000]
    assert all(job.status is JobStatus.STORED for job in masks)
    assert_at_rest(world)


def test_own_pixels_use_the_bought_mask() -> None:
    world = build_world(**ON_GRASS, subject={"mask": "buy", "pixels": "own"})
    world.run_until_empty()
    assert list_warning_codes(find_job(world)) == []
    assert (find_fidelity(find_job(world)).score or 0) > 0.99


def test_failed_mask_does_not_fail_the_task_that_requested_the_picture() -> None:
    world = build_world(**WITH_MASK)
    world.downloads.override_by_provider[CUT_OUT_LANE] = b"no picture"
    send_task_request(world, **WITH_MASK)
    world.run_until_empty()
    output = read_task_response(world).output
    assert {job["variant"]: job["status"] for job in output["jobs"]} == {None: "stored", "@mask": "dead"}


def assert_response_if_cut_out_becomes_mask(world: World, status: JobStatus, error: str) -> None:
    """A task's cut-out becomes the mask of a newer task, whose picture is delivered anyway."""
    for lane in (CUT_OUT_LANE, SCENE_LANE):
        world.pause_lane(provider=lane)
    send_task_request(world, operation="remove")
    world.run_for(60)
    requested = find_job(world)
    send_task_request(world, token="newer", operation="replace", **WITH_MASK)
    world.run_for(60)
    assert find_job(world, MASK_VARIANT).job_id == requested.job_id
    for lane in (CUT_OUT_LANE, SCENE_LANE):
        world.resume_lane(provider=lane)
    world.run_until_empty()
    assert find_job(world, MASK_VARIANT).status is status
    assert (read_task_response(world).error, read_task_response(world, "newer").error) == (error, "")


def test_task_that_requested_a_cut_out_fails_with_it_also_if_it_has_become_the_mask() -> None:
    world = build_world(operation="remove")
    world.downloads.override_by_provider[CUT_OUT_LANE] = b"no picture"
    assert_response_if_cut_out_becomes_mask(world, JobStatus.DEAD, "result_not_an_image")


def test_task_that_requested_a_cut_out_learns_that_it_was_not_delivered_because_it_has_become_the_mask() -> None:
    assert_response_if_cut_out_becomes_mask(build_world(operation="remove"), JobStatus.STORED, "superseded")


def test_mask_has_no_event() -> None:
    world = build_world(**WITH_MASK)
    world.run_until_empty()
    (event,) = (one for one in world.bus.events if one.detail_type == "Image Completed")
    assert event.detail["job"]["variant"] is None


def test_photo_with_twenty_variants_a_mask_and_the_most_names_is_written() -> None:
    outputs = [{"name_template": "{variant}.png"}, {"name": "web", "name_template": "{variant}_web.png"}]
    variants = {f"v{n}": WITH_MASK | {"prompt": f"{n}", "output": outputs[: 1 + (n < 10)]} for n in range(20)}
    world = build_world(variants=variants)
    world.pause_lane(provider=SCENE_LANE)
    world.run_for(60)
    changed = {name: {**one, "prompt": f"new {name}"} for name, one in variants.items()}
    world.upload_sidecar(KEY, variants=changed)
    world.run_for(60)
    assert sum(job.status is JobStatus.ACCEPTED for job in world.list_jobs(KEY)) == 20
    assert find_job(world, MASK_VARIANT).status is JobStatus.STORED


@pytest.mark.parametrize("subject", [{"pixels": "own"}, {"pixels": "own", "mask": "buy"}])
def test_own_pixels_without_a_mask_are_reported_once(subject: dict[str, str]) -> None:
    world = build_world(**ON_GRASS, subject=subject)
    world.downloads.override_by_provider[CUT_OUT_LANE] = b"no picture"
    world.run_until_empty()
    assert list_warning_codes(find_job(world)) == [WarningCode.MASK_UNAVAILABLE]


@pytest.mark.parametrize("photo", [TRANSPARENT_PHOTO, PHOTO], ids=["transparent", "with a mask"])
def test_mask_of_a_photo_that_is_replaced_during_a_retry_is_not_reported(photo: bytes) -> None:
    world = build_world(photo, CHANGED_SCENE, **ON_GRASS, subject={"mask": "buy", "otherwise": "retry"})
    world.run_until_empty("intake", CUT_OUT_LANE, SCENE_LANE)
    world.run_until_empty("deliver")
    (retried,) = [job for job in world.list_jobs(KEY) if job.judged_attempts]

    def replace_photo() -> None:
        world.upload_photo(KEY, encode(draw_on((10, 20, 30))))
        world.run_until_empty("intake")

    world.simulated_providers[SCENE_LANE].script.append(CallBehavior(run_during_call=replace_photo))
    world.run_until_empty()
    (job,) = [job for job in world.list_jobs(KEY) if job.job_id == retried.job_id]
    (last,) = job.judged_attempts[-1].fidelities
    assert last == Fidelity.from_reason(CannotSayReason.PHOTO_GONE)
    assert list_warning_codes(job) == [WarningCode.RETRIED, WarningCode.NOT_CURRENT]
    assert_at_rest(world)


def test_mask_that_ends_with_its_replaced_photo_is_not_reported() -> None:
    world = build_world(**WITH_MASK)
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_until_empty("intake", SCENE_LANE)
    world.upload_photo(KEY, encode(draw_on((10, 20, 30))))
    world.run_until_empty()
    (job,) = [job for job in world.list_jobs(KEY) if WarningCode.NOT_CURRENT in list_warning_codes(job)]
    assert list_warning_codes(job) == [WarningCode.NOT_CURRENT]


@pytest.mark.parametrize(
    ("photo", "fields", "has_warning"),
    [
        (PHOTO, ON_GRASS, False),
        (PHOTO, ON_GRASS | {"subject": {"min": 0.8}}, True),
        (PHOTO, WITH_MASK, False),
        (TRANSPARENT_PHOTO, ON_GRASS | {"subject": {"min": 0.8}}, False),
        (PHOTO, {"variants": {"a": ON_GRASS | {"subject": {"min": 0.8}}, "b": {"operation": "remove"}}}, False),
    ],
)
def test_job_whose_subject_needs_a_mask_says_so_before_it_is_bought(
    photo: bytes, fields: dict[str, Any], *, has_warning: bool
) -> None:
    world = build_world(photo, **fields)
    world.pause_lane(provider=SCENE_LANE)
    world.run_for(60)
    codes = [code for job in world.list_jobs(KEY) for code in list_warning_codes(job)]
    assert (WarningCode.MASK_UNAVAILABLE in codes) is has_warning


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ({"pixels": "own"}, "`subject` has no effect"),
        ({"min": 0.8, "otherwise": "review"}, "every picture waits for approval"),
    ],
    ids=["no effect", "review"],
)
def test_warning_says_what_a_missing_mask_means(subject: dict[str, Any], words: str) -> None:
    world = build_world(**ON_GRASS, subject=subject)
    world.pause_lane(provider=SCENE_LANE)
    world.run_for(60)
    assert [words in str(warning.text) for warning in find_job(world).warnings] == [True]


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0.31, None),
        (0.25, "only 2 of 3 retries can be bought within max_cost_usd"),
        (0.10, "no retry can be bought within max_cost_usd"),
    ],
)
def test_price_limit_without_room_for_all_retries_is_a_warning(limit: float, text: str | None) -> None:
    subject = {"mask": "buy", "otherwise": "retry", "retries": 3}
    world = build_world(**ON_GRASS, subject=subject, max_cost_usd=limit)
    world.pause_lane(provider=SCENE_LANE)
    world.run_for(60)
    assert [str(warning.text) for warning in find_job(world).warnings] == ([text] if text else [])


@pytest.mark.parametrize(("limit", "removes_mask"), [(0.08, True), (0.05, False)])
def test_price_limit_names_the_mask_if_that_exceeds_it(limit: float, *, removes_mask: bool) -> None:
    world = build_world(**ON_GRASS, subject={"mask": "buy"}, max_cost_usd=limit)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert ("remove `mask` from `subject`" in report["errors"][0]["hint"]) is removes_mask


@pytest.mark.parametrize(("limit", "calls"), [(0.16, 2), (0.155, 1)])
def test_price_limit_stops_retries_whose_mask_would_exceed_it(limit: float, calls: int) -> None:
    subject = {"mask": "buy", "otherwise": "retry", "retries": 2}
    world = build_world(scene=CHANGED_SCENE, **ON_GRASS, subject=subject, max_cost_usd=limit)
    world.run_until_empty()
    scene = find_job(world)
    assert (scene.status, len(scene.attempts)) == (JobStatus.STORED, calls)
    assert_budgets(world)
