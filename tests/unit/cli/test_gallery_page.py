"""The before/after page shows every picture and every failure, names each picture's provider, and escapes all text."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any, override

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop_cli.formatting import format_duration
from backdrop_cli.gallery.album import GENERIC_HINT, Album, GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_folder import describe_other_page, write_gallery
from backdrop_cli.gallery.gallery_html import build_page_data
from tests.unit.demo_scenes import NOON, PREFIX, build_receipt, build_report, build_result, build_source

NO_MASK_REASON = "The photo is opaque and has no cut-out, so nothing shows where the product is."
NASTY = '"></script><script>alert(1)</script><!--&amp;\u2028${x}$title'


def build_image(color: str = "red", size: tuple[int, int] = (8, 6), kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


@dataclass
class FakeBucket:
    """Returns a picture for each file except the `lost` ones, and counts how often each is read."""

    lost: tuple[str, ...] = ()
    reads: list[GalleryFile] = field(default_factory=list[GalleryFile])

    def read(self, file: GalleryFile) -> bytes | MissingReason:
        self.reads.append(file)
        return MissingReason.GONE if file.key in self.lost else build_image()


class PageReader(HTMLParser):
    """Collects the URLs that a browser would load, all tags, and the page's data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.data: dict[str, Any] = {}
        self._in_data = False
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset") and value]
        self._in_data = dict(attrs).get("id") == "album"

    @override
    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data = json.loads(data)
            self._in_data = False


def build_album(**changes: Any) -> Album:
    two = build_receipt(
        "cup.jpg", build_result("out/cup.png"), build_result("out/cup_2.png", 2), usd=0.12, prompt="on the moon"
    )
    cut = build_receipt("cut/cup.jpg", build_result("out/cut.png", has_alpha=True, seed=None), usd=0.01)
    known: dict[str, Any] = {"receipts": [two, cut], "reports": [build_report("bad.jpg")], "prefix": PREFIX}
    return Album(**(known | changes))


def list_entries(shown: Album) -> list[dict[str, Any]]:
    return build_page_data(shown, {}, NOON)["entries"]


def write_and_read(folder: Path, shown: Album, bucket: FakeBucket | None = None) -> PageReader:
    written = write_gallery(folder, shown, (bucket or FakeBucket()).read, NOON)
    return PageReader(written.index_path.read_text("utf-8"))


def test_every_picture_is_shown_next_to_its_photo(tmp_path: Path) -> None:
    shown = write_and_read(tmp_path, build_album()).data["entries"]
    assert [(one["kind"], one["name"]) for one in shown] == [
        ("problem", "bad.jpg"),
        ("image", "cup.jpg"),
        ("image", "cup.jpg"),
        ("image", "cut/cup.jpg"),
    ]
    links = [link for one in shown for link in (one["before"], *(file["after"] for file in one.get("files", ())))]
    assert len(set(links)) == 6
    assert {path.name for path in (tmp_path / "thumbs").iterdir()} == {Path(link).name for link in links}
    assert {(tmp_path / link).read_bytes()[8:12] for link in links} == {b"WEBP"}


def test_page_loads_no_script_or_style_from_elsewhere(tmp_path: Path) -> None:
    page = write_and_read(tmp_path, build_album())
    assert page.loads == ["#pictures"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "index.html", "thumbs"]
    text = (tmp_path / "index.html").read_text("utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|url\(|@import|fetch\(", text)


def test_page_shows_prompt_style_cost_provider_and_seconds() -> None:
    styled = build_receipt("a.jpg", build_result("a.png"), prompt="at sea", style_preset="GOLDEN_HOUR")
    (one,) = list_entries(build_album(receipts=[styled], reports=[]))
    assert (one["prompt"], one["tags"], one["cost"]) == ("at sea", ["golden hour"], "$0.06")
    assert (one["provider"], one["time"]) == ("ideogram", "4.0 s")
    assert one["instructions"] == [("a.jpg.json", [("operation", "new background"), ("style", "golden hour")])]
    facts = dict(one["facts"])
    assert facts["Cost"] == "$0.06, list price"
    assert facts["Photo"] == f"{PREFIX}a.jpg"
    assert [(file["key"], file["about"], file["label"]) for file in one["files"]] == [
        ("a.png", "PNG, 640 × 480, 1.2 MB", "PNG")
    ]


def test_list_of_providers_is_text_and_deeper_values_json() -> None:
    receipt = build_receipt(
        "a.jpg",
        build_result("a.png"),
        provider=["ideogram", "segmind"],
        output=[{"name": "thumb"}],
        seed=4,
        max_cost_usd=0.0,
    )
    (one,) = list_entries(build_album(receipts=[receipt], reports=[]))
    ((_, rows),) = one["instructions"]
    assert dict(rows)["provider"] == "ideogram, segmind"
    assert dict(rows)["output"] == '[{"name": "thumb"}]'
    assert dict(rows)["requested seed"] == "4"
    assert dict(rows)["maximum cost"] == "$0.00"


def test_no_untrusted_text_becomes_markup(tmp_path: Path) -> None:
    plain = write_and_read(tmp_path / "plain", build_album())
    receipt = build_receipt(
        f"{NASTY}.jpg", build_result(f"{NASTY}.png"), prompt=NASTY, style_codes=[NASTY], metadata={NASTY: NASTY}
    )
    receipt["jobs"][0] |= {"warnings": [NASTY], "provider": NASTY, "variant": NASTY}
    bad = build_report(NASTY, message=NASTY, hint=NASTY, code=NASTY, money=NASTY, status=NASTY)
    page = write_and_read(
        tmp_path / "nasty", build_album(receipts=[receipt], reports=[bad], credits=[NASTY], stack=NASTY, prefix="")
    )
    assert page.tags == plain.tags
    assert json.dumps(page.data, ensure_ascii=False).count("alert(1)") >= 15
    assert page.data["entries"][1]["prompt"] == NASTY


def test_text_that_is_not_valid_unicode_is_still_shown(tmp_path: Path) -> None:
    hostile_receipt = build_receipt("a\u202e\x00.jpg", build_result("b.png"), prompt="half a \ud800 letter")
    assert len(write_and_read(tmp_path, build_album(receipts=[hostile_receipt])).data["entries"]) == 2


def test_stand_in_is_named_only_where_it_made_pictures() -> None:
    assert "stand-in" in json.dumps(build_page_data(build_album(standins={"ideogram"}), {}, NOON))
    assert "stand-in" not in json.dumps(build_page_data(build_album(standins={"runware"}), {}, NOON))
    assert "stand-in" not in json.dumps(build_page_data(build_album(), {}, NOON))


def test_photo_sent_to_every_provider_is_shown_as_one_group() -> None:
    one = build_receipt("five/ideogram.jpg", build_result("out/a.png"), prompt="by a window")
    other = build_receipt("five/runware.jpg", build_result("out/b.png"), prompt="by a window")
    other["jobs"][0]["provider"] = "runware"
    several = build_album(
        receipts=[build_receipt("cup.jpg", build_result("out/cup.png")), one, other], reports=[], standins={"runware"}
    )
    assert not any(entry["together"] for entry in list_entries(several))
    shown = build_page_data(replace(several, side_by_side_prefix="five/"), {}, NOON)
    written = {entry["name"]: (entry["together"], entry["maker"]) for entry in shown["entries"]}
    assert written == {
        "cup.jpg": (False, "ideogram"),
        "five/ideogram.jpg": (True, "ideogram"),
        "five/runware.jpg": (True, "the stand-in for runware"),
    }
    assert "made by ideogram, the stand-in for runware" in shown["sums"]
    assert "A stand-in on this machine made the pictures of runware," in shown["notices"][0]


def test_duration_counts_from_the_upload_if_it_is_known() -> None:
    uploads = {f"{PREFIX}cup.jpg": NOON - timedelta(seconds=2)}
    assert [image.duration_seconds for image in build_album(uploaded_at=uploads).comparisons] == [6.0, 6.0, 4.0]


def test_jobs_that_are_not_current_are_not_shown() -> None:
    old = build_receipt("cup.jpg", build_result("old.png"))
    old["jobs"][0]["current"] = False
    assert build_album(receipts=[old]).comparisons == []


def test_picture_in_several_formats_is_one_entry() -> None:
    small = build_result("a@thumb.webp", output="thumb", width=100, height=75, format="webp", bytes=900)
    (one,) = list_entries(build_album(receipts=[build_receipt("a.jpg", small, build_result("a.png"))], reports=[]))
    assert [(file["key"], file["label"]) for file in one["files"]] == [("a@thumb.webp", "thumb"), ("a.png", "PNG")]
    assert one["files"][0]["about"] == "WEBP, 100 × 75, 900 bytes"
    assert one["picks"] == [[f"{PREFIX}a.jpg", "a@thumb.webp"], [f"{PREFIX}a.jpg", "a.png"]]
    assert one["files"][1]["ratio"] == pytest.approx(640 / 480, abs=0.001)


def test_title_counts_pictures_and_the_summary_bought_images() -> None:
    receipt = build_receipt("a.jpg", build_result("a.png"), build_result("a@thumb.png", output="thumb"), usd=0.01)
    (bought,) = receipt["jobs"]
    receipt["jobs"] += [
        bought | {"variant": "square", "reused_from": "job", "attempts": [], "results": [build_result("a_square.png")]},
        bought
        | {"variant": "old", "current": False, "results": [build_result("old.png"), build_result("old_2.png", 2)]},
    ]
    shown = build_page_data(build_album(receipts=[receipt], reports=[]), {}, NOON)
    assert shown["title"] == "3 pictures from 1 photo"
    assert shown["sums"][:3] == [PREFIX, "3 images bought", "$0.01 in total"]


def test_images_that_were_bought_and_not_delivered_count() -> None:
    receipt = build_receipt("a.jpg", build_result("1.png", 1), build_result("3.png", 3), prompt="at sea", num_images=3)
    (job,) = receipt["jobs"]
    answered, rejected = {"n": 1, "outcome": "answered"}, {"n": 2, "outcome": "rejected"}
    job["attempts"] = [answered, rejected, answered]
    receipt["jobs"].append(job | {"variant": "@mask", "results": [], "attempts": [answered], "instructions": {}})
    shown = build_page_data(build_album(receipts=[receipt], reports=[]), {}, NOON)
    assert shown["sums"][1] == "6 images and 1 mask bought"
    assert [entry["image"] for entry in shown["entries"]] == ["image 1 of 3", "image 3 of 3"]
    assert shown["entries"][0]["cost"] == "$0.06 for 6"


def test_file_is_labeled_by_its_variant_number_and_output() -> None:
    small, large = (build_result(f"{n}.png", n, output="thumb", width=9, height=9) for n in (1, 2))
    receipt = build_receipt("a.jpg", small, large, prompt="at sea")
    receipt["jobs"][0]["variant"] = "beach"
    first, second = list_entries(build_album(receipts=[receipt], reports=[]))
    labels = [one["files"][0]["label"] for one in (first, second)]
    assert labels == ["beach, image 1 of 2, thumb", "beach, image 2 of 2, thumb"]
    assert {one["photo"] for one in (first, second)} == {f"{PREFIX}a.jpg"}


@pytest.mark.parametrize(
    ("texts", "alt"),
    [
        ({}, ""),
        ({"alt": None, "title": None}, ""),
        ({"alt": None, "title": "Boots"}, "Boots"),
        ({"alt": "A boot", "title": "Boots"}, "A boot"),
    ],
)
def test_alt_text_is_the_pictures_alt_or_title(texts: dict[str, Any], alt: str) -> None:
    receipt = build_receipt("a.jpg", build_result("a.png") | texts)
    (one,) = list_entries(build_album(receipts=[receipt], reports=[]))
    assert one["files"][0]["alt"] == alt


def test_certificate_is_listed_check_by_check() -> None:
    certificate = {
        "marketplace": "amazon-main",
        "rules_dated": "2026-10-01",
        "verdict": "failed",
        "checks": [
            {"rule": "subject_share", "required": "at least 0.85", "measured": 0.61, "verdict": "failed"},
            {"rule": "whole_product", "required": "no cut", "measured": None, "verdict": "cannot_say"},
        ],
    }
    receipt = build_receipt("a.jpg", build_result("a.png", certificate=certificate), build_result("b.png", 2))
    first, second = list_entries(build_album(receipts=[receipt], reports=[]))
    assert second["files"][0]["certificate"] is None
    assert first["files"][0]["certificate"] == {
        "marketplace": "amazon-main",
        "verdict": "failed",
        "mark": "✗",
        "words": "failed",
        "checks": [
            ("subject share", "failed: 0.61 (must be at least 0.85)"),
            ("whole product", "cannot say: not measured (must be no cut)"),
        ],
    }


def test_file_with_content_credentials_has_a_badge() -> None:
    receipt = build_receipt("a.jpg", build_result("a.png", is_signed=True), build_result("b.png", 2))
    entries = list_entries(build_album(receipts=[receipt], reports=[]))
    assert [entry["files"][0]["signed"] for entry in entries] == [True, False]


@pytest.mark.parametrize(
    ("verdict", "score", "reason", "shown"),
    [
        ("changed", 0.62, None, ("changed", "✗", "product changed 0.62", "", True)),
        (
            "cannot_say",
            None,
            "mask_empty",
            ("cannot_say", "?", "not compared", "The mask of the product is empty.", True),
        ),
        ("cannot_say", None, "no_mask", ("cannot_say", "?", "not compared", NO_MASK_REASON, False)),
    ],
    ids=["changed", "not compared", "no mask"],
)
def test_verdict_on_the_product_has_its_score_or_reason(
    verdict: str, score: float | None, reason: str | None, shown: tuple[object, ...]
) -> None:
    fidelity = {"verdict": verdict, "score": score, "reason": reason, "version": 1, "map_key": None}
    receipt = build_receipt("a.jpg", build_result("a.png", fidelity=fidelity))
    (one,) = list_entries(build_album(receipts=[receipt], reports=[]))
    assert tuple(one["fidelity"][name] for name in ("verdict", "mark", "words", "reason", "has_mask")) == shown


def test_cut_out_has_no_verdict() -> None:
    (one,) = list_entries(build_album(receipts=[build_receipt("a.jpg", build_result("a.png"))], reports=[]))
    assert one["fidelity"] is None


def test_every_failure_has_its_hint_cost_and_message() -> None:
    reports = [
        build_report(f"{code}.jpg", code=code.value, hint="Do this.", money=money)
        for code, money in zip(Code, ["not_spent", "spent", "unknown"] * len(Code), strict=False)
    ]
    reports.append(build_report("silent.jpg", code="from_tomorrow", hint=""))
    receipt = [one for one in list_entries(build_album(receipts=[], reports=reports)) if one["kind"] == "problem"]
    assert len(receipt) == len(Code) + 1
    assert all(one["hint"] and one["message"] and one["money"].endswith(".") for one in receipt)
    assert {one["hint"] for one in receipt} == {"Do this.", GENERIC_HINT}


def test_paused_provider_is_shown_once_above_the_pictures() -> None:
    errors = build_report("x", status="paused", code="budget_reached")["errors"]
    shown = build_page_data(build_album(reports=[{"source": None, "provider": "ideogram", "errors": errors}]), {}, NOON)
    (receipt,) = shown["stopped"]
    assert (receipt["name"], receipt["status"], receipt["hint"]) == ("ideogram", "paused", "Replace the file.")
    assert "problem" not in {one["kind"] for one in shown["entries"]}


def test_broken_folder_defaults_have_an_entry_without_a_photo() -> None:
    (problem,) = build_album(
        receipts=[], reports=[build_report("shoes/_backdrop.json", code="folder_defaults_broken")]
    ).problems
    assert (problem.photo, problem.name) == (None, "shoes/_backdrop.json")


def test_photos_in_progress_are_counted_and_not_shown() -> None:
    waiting = build_receipt("w.jpg")
    waiting["jobs"][0] |= {"status": "accepted", "stored_at": None}
    waiting["jobs"][0]["instructions"] |= {"num_images": 2}
    shown = build_album(receipts=[waiting, build_receipt("there.jpg", build_result("there.png"))])
    assert (shown.pending_image_count, [image.name for image in shown.comparisons]) == (2, ["there.jpg"])
    assert build_page_data(shown, {}, NOON)["waiting"].startswith("2 images are in progress")


def test_photo_in_another_bucket_is_shown_with_its_bucket() -> None:
    far = build_receipt("a.jpg", build_result("a.png"))
    far["source"] = build_source("a.jpg", bucket="theirs")
    (image,) = build_album(receipts=[far], input_bucket="photos").comparisons
    assert (image.full_name, image.photo.bucket) == (f"@theirs/{PREFIX}a.jpg", "theirs")


def test_shortened_prefix_keeps_whole_names() -> None:
    assert {image.name for image in build_album(prefix=f"{PREFIX}cu").comparisons} == {"cup.jpg", "cut/cup.jpg"}


def test_each_file_is_read_once_and_never_again(tmp_path: Path) -> None:
    bucket = FakeBucket()
    first = write_gallery(tmp_path, build_album(), bucket.read, NOON)
    again = write_gallery(tmp_path, build_album(), bucket.read, NOON)
    assert len(bucket.reads) == len(set(bucket.reads)) == 6
    assert [(one.new_thumbnail_count, one.kept_thumbnail_count) for one in (first, again)] == [(6, 0), (0, 6)]


def test_thumb_made_by_two_threads_at_once_counts_once(tmp_path: Path) -> None:
    two_receipts = [build_receipt(name, build_result("cut.png"), usd=0.06) for name in ("a.jpg", "b.jpg")]
    for one in two_receipts:
        one["source"]["sha256"] = "the same"
    both, bucket = Barrier(2, timeout=60), FakeBucket()

    def read_together(file: GalleryFile) -> bytes | MissingReason:
        if file.key.endswith(".jpg"):
            both.wait()
        return bucket.read(file)

    written = write_gallery(
        tmp_path, build_album(receipts=two_receipts, reports=[]), read_together, NOON, max_workers=3
    )
    assert (written.new_thumbnail_count, written.kept_thumbnail_count) == (2, 1)


def test_new_version_of_a_picture_replaces_its_thumb(tmp_path: Path) -> None:
    bucket = FakeBucket()
    write_gallery(
        tmp_path, build_album(receipts=[build_receipt("a.jpg", build_result("a.png"))], reports=[]), bucket.read, NOON
    )
    newer = build_receipt("a.jpg", build_result("a.png", version_id="two"))
    (tmp_path / "thumbs" / "mine.webp").write_bytes(b"")
    written = write_gallery(tmp_path, build_album(receipts=[newer], reports=[]), bucket.read, NOON)
    assert (written.new_thumbnail_count, written.kept_thumbnail_count) == (1, 1)
    assert len([*(tmp_path / "thumbs").iterdir()]) == 3


def test_missing_photo_is_reported_and_its_picture_kept(tmp_path: Path) -> None:
    written = write_gallery(tmp_path, build_album(reports=[]), FakeBucket(lost=(f"{PREFIX}cup.jpg",)).read, NOON)
    assert {file.key: why for file, why in written.missing_files.items()} == {f"{PREFIX}cup.jpg": MissingReason.GONE}
    shown = PageReader(written.index_path.read_text("utf-8")).data["entries"]
    assert (shown[0]["before"], bool(shown[0]["files"][0]["after"])) == ("", True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (MissingReason.GONE, "This version of the photo is no longer in the bucket."),
        (MissingReason.ACCESS_DENIED, "S3 denies access to the photo."),
        (b"I am a list", "No preview of the photo is available."),
    ],
)
def test_page_explains_why_a_photo_is_not_shown(tmp_path: Path, answer: bytes | MissingReason, words: str) -> None:
    def answered(file: GalleryFile) -> bytes | MissingReason:
        return answer if file.key.endswith(".jpg") else build_image()

    written = write_gallery(tmp_path, build_album(), answered, NOON)
    for one in PageReader(written.index_path.read_text("utf-8")).data["entries"]:
        assert (one["before"], one["no_before"]) == ("", words)
        assert [file["no_after"] for file in one.get("files", ()) if file["no_after"]] == []


# -- what the folder already contains ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "ours", "held"),
    [
        ({"prefix": "shoes/"}, {"prefix": "shoes/"}, ""),
        ({"prefix": "shoes/"}, {"prefix": ""}, ""),
        ({"prefix": "shoes/"}, {"prefix": "shoes"}, ""),
        ({"prefix": ""}, {"prefix": "shoes/"}, "the page of all photos"),
        ({"prefix": 'sh"o\n<es/'}, {"prefix": "hats/"}, 'the page of sh"o\n<es/'),
        ({"output_bucket": "mine"}, {"output_bucket": "theirs"}, "the page of another stack"),
    ],
)
def test_page_is_replaced_only_by_one_that_covers_its_photos(
    tmp_path: Path, there: dict[str, str], ours: dict[str, str], held: str
) -> None:
    assert describe_other_page(tmp_path / "index.html", build_album(**ours)) == ""
    write_gallery(tmp_path, build_album(**there), FakeBucket().read, NOON)
    assert describe_other_page(tmp_path / "index.html", build_album(**ours)) == held


def test_page_without_a_description_of_itself_is_kept(tmp_path: Path) -> None:
    index = write_gallery(tmp_path, build_album(), FakeBucket().read, NOON).index_path
    lines = index.read_text("utf-8").splitlines(keepends=True)
    index.write_text("".join(line for line in lines if 'name="backdrop-page"' not in line), "utf-8")
    assert describe_other_page(tmp_path / "index.html", build_album()).startswith("a page of an earlier release")


def test_page_does_not_reveal_the_name_of_the_bucket(tmp_path: Path) -> None:
    written = write_gallery(tmp_path, build_album(output_bucket="output-of-123456789012"), FakeBucket().read, NOON)
    assert "123456789012" not in written.index_path.read_text("utf-8")


def test_thumbs_of_a_renamed_page_stay(tmp_path: Path) -> None:
    written = write_gallery(tmp_path, build_album(), FakeBucket().read, NOON)
    kept = {*(tmp_path / "thumbs").iterdir()}
    written.index_path.rename(tmp_path / "shoes.html")
    write_gallery(
        tmp_path,
        build_album(receipts=[build_receipt("hat.jpg", build_result("hat.png"))], reports=[]),
        FakeBucket().read,
        NOON,
    )
    assert kept < {*(tmp_path / "thumbs").iterdir()}


def test_interrupted_run_leaves_the_existing_page(tmp_path: Path) -> None:
    index = write_gallery(tmp_path, build_album(), FakeBucket().read, NOON).index_path
    before = index.read_text("utf-8"), {*(tmp_path / "thumbs").iterdir()}

    def stopped(file: GalleryFile) -> bytes | MissingReason:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gallery(
            tmp_path, build_album(receipts=[build_receipt("hat.jpg", build_result("hat.png"))]), stopped, NOON
        )
    assert (index.read_text("utf-8"), {*(tmp_path / "thumbs").iterdir()}) == before


def test_page_of_2000_pictures_has_a_few_megabytes(tmp_path: Path) -> None:
    many = [
        build_receipt(f"{n:05}.jpg", build_result(f"{n}.png"), prompt="on a marble table", usd=0.06)
        for n in range(2000)
    ]
    for n, one in enumerate(many):
        one["source"]["sha256"] = "the same"
        one["jobs"][0]["results"][0] |= {"key": f"{n % 3}.png"}
    written = write_gallery(tmp_path, build_album(receipts=many, reports=[]), FakeBucket().read, NOON)
    shown = PageReader(written.index_path.read_text("utf-8")).data
    assert (shown["title"], len(shown["entries"])) == ("2,000 pictures from 2,000 photos", 2000)
    assert "$120.00 in total" in shown["sums"]
    assert written.index_path.stat().st_size < 4_000_000
    assert written.new_thumbnail_count == 4


def test_page_without_pictures_states_that_there_are_none(tmp_path: Path) -> None:
    assert write_and_read(tmp_path, Album(receipts=[])).data["title"] == "No pictures yet"


def test_page_of_another_program_is_recognized(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>My shop</title>")
    assert describe_other_page(tmp_path / "index.html", build_album()) == "content that this command did not write"


def test_duration_is_shown_in_a_suitable_unit() -> None:
    spans = {None: "unknown", 0.04: "0.0 s", 59.9: "59.9 s", 61: "1 min 1 s", 3599: "59 min 59 s", 7300: "2 h 1 min"}
    assert {seconds: format_duration(seconds) for seconds in spans} == spans
