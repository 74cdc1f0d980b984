"""Marketplaces: one purchase makes one file for each, and the receipt says how each file meets the rules."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw

from backdrop.deliver import pictures
from backdrop.model.certificate import RuleCheck, Verdict
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.job import JobStatus, StoredPicture
from backdrop.model.job_warning import WarningCode
from backdrop.model.marketplaces import list_marketplaces
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job
from tests.unit.ledger_items import list_warning_codes

SIZE = (900, 700)
SUBJECT = (200, 100, 700, 600)
REMOVE: dict[str, Any] = {"operation": "remove"}


def encode_png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def draw_cut_out(box: tuple[int, int, int, int] = SUBJECT) -> bytes:
    """Returns a cut-out of an ellipse in this box, with soft edges."""
    matte = Image.new("L", (SIZE[0] * 2, SIZE[1] * 2))
    ImageDraw.Draw(matte).ellipse([side * 2 for side in box], fill=255)
    picture = Image.new("RGB", SIZE, (180, 40, 40))
    picture.putalpha(matte.resize(SIZE, Image.Resampling.BOX))
    return encode_png(picture)


def deliver(answer: bytes, output: object, **fields: Any) -> World:
    """Returns a world in which a photo's provider answered with this picture, after everything is delivered."""
    world = World()
    world.upload_photo(KEY, encode_png(Image.new("RGB", SIZE, (180, 40, 40))))
    world.upload_sidecar(KEY, output=output, **(fields or REMOVE))
    world.downloads.override = answer
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)
    return world


def find_check(picture: StoredPicture, rule: str) -> RuleCheck:
    assert picture.certificate
    return next(check for check in picture.certificate.checks if check.rule == rule)


def test_one_purchase_makes_one_certified_file_per_marketplace() -> None:
    world = deliver(draw_cut_out(), {"for": list_marketplaces()})
    job = find_only_job(world)
    assert job.charged == PRICE
    verdicts = {one.output: one.certificate and one.certificate.verdict for one in job.results}
    assert verdicts == dict.fromkeys(list_marketplaces(), Verdict.PASSED)
    assert [one.key for one in job.results][:2] == [f"{KEY}/red@amazon-main.jpg", f"{KEY}/red@ebay.jpg"]
    # The photo is smaller than the four marketplaces that do not enlarge it allow.
    assert list_warning_codes(job) == [*[WarningCode.ENLARGED] * 2, WarningCode.SAME_OUTPUTS]
    receipt = world.read_receipt(KEY)
    assert receipt
    shown = receipt["jobs"][0]["results"][0]["certificate"]
    assert (shown["marketplace"], shown["verdict"]) == ("amazon-main", "passed")
    assert shown["checks"][0] == {
        "rule": "longest_side",
        "required": "1,000 to 10,000 pixels",
        "measured": 2000,
        "verdict": "passed",
    }


def test_product_that_the_photo_cuts_off_fails_its_certificate_but_is_delivered() -> None:
    world = deliver(draw_cut_out((-100, 100, 500, 600)), {"for": "amazon-main"})
    job = find_only_job(world)
    (picture,) = job.results
    assert find_check(picture, "whole_product") == RuleCheck(
        rule="whole_product", required="yes", measured="no", verdict=Verdict.FAILED
    )
    assert picture.key in world.read_pictures()
    assert WarningCode.CERTIFICATE_FAILED in list_warning_codes(job)
    (warning,) = [one for one in job.warnings if one.code is WarningCode.CERTIFICATE_FAILED]
    assert "whole_product is no (must be yes)" in str(warning.text)


def test_haze_of_the_cut_out_is_measured_on_the_white_background() -> None:
    with Image.open(BytesIO(draw_cut_out())) as cut_out:
        hazy = cut_out.copy()
    hazy.putalpha(cut_out.getchannel("A").point(lambda value: max(value, 12)))
    world = deliver(encode_png(hazy), {"for": "amazon-main", "trim": False})
    (picture,) = find_only_job(world).results
    check = find_check(picture, "background")
    assert check.verdict is Verdict.FAILED
    assert str(check.measured).startswith("#f")


def test_white_product_on_white_is_measured_by_its_matte() -> None:
    with Image.open(BytesIO(draw_cut_out())) as cut_out:
        white = Image.new("RGB", SIZE, "white")
        white.putalpha(cut_out.getchannel("A"))
    world = deliver(encode_png(white), {"for": "amazon-main"})
    (picture,) = find_only_job(world).results
    assert picture.certificate
    assert picture.certificate.verdict is Verdict.PASSED
    assert find_check(picture, "subject_share").measured == pytest.approx(0.88, abs=0.001)


def test_opaque_picture_leaves_open_whether_the_product_is_whole() -> None:
    answer = encode_png(Image.effect_noise(SIZE, 60).convert("RGB"))
    world = deliver(answer, {"for": "google-merchant"}, prompt="on a marble table")
    (picture,) = find_only_job(world).results
    assert find_check(picture, "whole_product").verdict is Verdict.CANNOT_SAY
    assert find_check(picture, "ai_label").measured == "compositeWithTrainedAlgorithmicMedia"
    assert picture.certificate
    assert picture.certificate.verdict is Verdict.CANNOT_SAY


def test_pictures_of_several_marketplaces_have_one_template_for_their_names_and_texts() -> None:
    output = {"for": ["ebay", "etsy"], "name_template": "{sku}-{output}-{width}.{ext}", "alt": "{sku} on white"}
    world = deliver(draw_cut_out(), output, **REMOVE, metadata={"sku": "4711"}, title="{stem}")
    job = find_only_job(world)
    assert [one.key for one in job.results] == ["shoes/4711-ebay-1600.jpg", "shoes/4711-etsy-2000.jpg"]
    assert {one.certificate.marketplace for one in job.results if one.certificate} == {"ebay", "etsy"}
    receipt = world.read_receipt(KEY)
    assert receipt
    results = receipt["jobs"][0]["results"]
    assert [(one["alt"], one["title"]) for one in results] == [("4711 on white", "red")] * 2
    (event,) = (one for one in world.bus.events if one.detail_type == "Image Completed")
    assert [one["alt"] for one in event.detail["job"]["results"]] == ["4711 on white"] * 2
    assert all(b"4711 on white" in world.read_pictures()[one.key] for one in job.results)


def test_other_output_of_the_photo_has_no_certificate() -> None:
    world = deliver(draw_cut_out(), [{}, {"for": "ebay"}])
    plain, certified = find_only_job(world).results
    assert plain.certificate is None
    assert certified.certificate


def test_fixed_outputs_are_measured_again_without_a_charge() -> None:
    world = deliver(draw_cut_out(), {"for": "amazon-main", "trim": False})
    job = find_only_job(world)
    assert WarningCode.CERTIFICATE_FAILED in list_warning_codes(job)
    world.upload_sidecar(KEY, output={"for": "amazon-main"}, **REMOVE)
    world.run_until_empty()
    again = find_only_job(world)
    assert (again.job_id, again.charged) == (job.job_id, job.charged)
    assert WarningCode.CERTIFICATE_FAILED not in list_warning_codes(again)
    assert again.results[0].certificate
    assert again.results[0].certificate.verdict is Verdict.PASSED


def test_file_that_cannot_be_measured_is_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PhotoError(Code.DAMAGED_PHOTO, "The file is damaged.")

    monkeypatch.setattr(pictures, "certify_file", fail)
    world = deliver(draw_cut_out(), [{}, {"for": "ebay"}])
    job = find_only_job(world)
    assert [one.output for one in job.results] == [None]
    assert Code.OUTPUT_NOT_MADE in list_warning_codes(job)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "on a table", "output": {"for": "amazon-main"}}, "operation replace makes a new background"),
        ({**REMOVE, "output": {"for": "amazon-main", "format": "webp"}}, "this makes it webp"),
        ({**REMOVE, "output": {"for": "amazn-main"}}, "Did you mean 'amazon-main'?"),
        (
            {**REMOVE, "output": {"for": ["ebay", "etsy"], "name_template": "{stem}.{ext}"}},
            "Several pictures of the photo would have the key shoes/red.jpg",
        ),
        ({**REMOVE, "output": {"for": "ebay", "alt": "{sku}"}}, "output.alt contains {sku}"),
        ({**REMOVE, "output": {"for": "ebay"}, "logo": "_backdrop/l.png"}, "ebay does not accept a picture with an"),
    ],
)
def test_rule_that_cannot_be_met_is_an_error_before_the_purchase(fields: dict[str, Any], words: str) -> None:
    world = World()
    world.upload_photo(KEY, encode_png(Image.new("RGB", SIZE, (180, 40, 40))))
    world.upload_sidecar(KEY, **fields)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert words in report["errors"][0]["message"]
    assert report["errors"][0]["money"] == "not_spent"
