"""Albums for the tests of the pages: a small one with entries of every kind, and large ones."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from backdrop_cli.gallery.album import Album, GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import FileReader
from backdrop_cli.gallery.gallery_folder import render_single_file, write_gallery
from tests.unit.demo_scenes import NOON, PREFIX, build_receipt, build_report, build_result

WILD = '"><img src=x onerror="document.title=1">, сумка & 鞄 „ü“.jpg'
STYLES = ("GOLDEN_HOUR", "WATERCOLOR", "")
PROMPTS = ("on a marble table", "in a mossy forest", "above a quiet beach at sunset")


@cache
def paint(hue: int, size: tuple[int, int], *, cut_out: bool) -> bytes:
    """Paints a ball in front of a wall, or on a transparent background."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0) if cut_out else f"hsl({hue}, 30%, 72%)")
    center_y, radius = min(size) // 2, min(size) // 3
    center_x = size[0] // 2
    ball = (center_x - radius, center_y - radius, center_x + radius, center_y + radius)
    ImageDraw.Draw(picture).ellipse(ball, fill=f"hsl({hue + 180}, 55%, 45%)")
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def read(file: GalleryFile) -> bytes | MissingReason:
    """Returns a picture for every key, except for that of a deleted photo and of a file that is not a photo."""
    if "gone" in file.key:
        return MissingReason.GONE
    if "list" in file.key:
        return b"I am a list"
    wide = len(file.key) % 3
    size = ((640, 480), (480, 640), (600, 600))[wide]
    return paint(sum(file.key.encode()) % 360, size, cut_out="cut" in file.key)


def read_large(file: GalleryFile) -> bytes | MissingReason:
    """Returns a picture with more pixels than a thumbnail has."""
    return paint(sum(file.key.encode()) % 360, (1600, 2100), cut_out="cut" in file.key)


def small() -> Album:
    """Builds an album with a dozen pictures of every kind, problems, a paused provider, and a job in progress."""
    images = [_build_receipt(n) for n in range(9)]
    wild = build_receipt(
        WILD, build_result("w/wild.png"), build_result("w/wild_2.png", 2), usd=0.12, prompt='<b>bold</b> "quoted"'
    )
    wild["jobs"][0] |= {"warnings": ["The photo is smaller than the requested picture."], "variant": "beach"}
    cut = build_receipt("shoes/cut.jpg", build_result("cut.png", has_alpha=True, width=480, height=640), usd=0.01)
    gone = build_receipt("shoes/gone.jpg", build_result("kept.png"), prompt="on snow")
    waiting = build_receipt("late.jpg", prompt="soon")
    waiting["jobs"][0] |= {"status": "accepted", "stored_at": None}
    paused = build_report("x", status="paused", code="budget_reached", message="Today's budget is used up.")["errors"]
    return Album(
        receipts=[*images, wild, cut, gone, waiting],
        reports=[
            {"source": None, "provider": "ideogram", "errors": paused},
            build_report("list.jpg"),
            build_report("bags/tote.jpg", status="held", code="charge_unknown", money="unknown", variant="snow"),
        ],
        stack="shop",
        prefix=PREFIX,
        standins={"ideogram"},
        credits=["A ball: public domain, CC0"],
    )


def _build_receipt(n: int) -> dict[str, Any]:
    style = STYLES[n % len(STYLES)]
    instructions = {"prompt": PROMPTS[n % len(PROMPTS)]} | ({"style_preset": style} if style else {})
    document = build_receipt(f"shoes/{n:02}.jpg", build_result(f"{n:02}.png"), usd=0.03 + n / 100, **instructions)
    document["jobs"][0]["stored_at"] = (NOON + timedelta(seconds=4 + n)).isoformat()
    return document


def side_by_side() -> Album:
    """Builds an album with a photo in two variants, one of them in three outputs with certificates, signed files,
    and a plain picture.
    """
    prompts = {"beach": "on warm sand, low evening sun", "studio": "in front of a plain light gray studio wall"}
    photo = build_receipt("boots.jpg", build_result("b/beach.png", width=1600, height=2100), prompt=prompts["beach"])
    beach = photo["jobs"][0] | {"variant": "beach"}
    studio = beach | {
        "variant": "studio",
        "job_id": "other",
        "instructions": {"operation": "replace", "prompt": prompts["studio"]},
        "results": [
            build_result("b/studio.png", width=1600, height=2100, alt="A brown boot"),
            build_result("b/amazon.jpg", output="amazon-main", format="jpeg", alt="A brown boot on white")
            | {"certificate": build_certificate("failed"), "is_signed": True},
            build_result("b/thumb.webp", output="thumb", format="webp", width=160, height=120, alt="A boot"),
        ],
    }
    cut = build_receipt("cut.jpg", build_result("cut.png", has_alpha=True, width=480, height=640), usd=0.01)
    cut["jobs"][0]["results"][0] |= {"certificate": build_certificate("passed"), "is_signed": True}
    plain = build_receipt("plain.jpg", build_result("plain.png"), prompt="on a marble table")
    return Album(receipts=[photo | {"jobs": [beach, studio]}, cut, plain], stack="shop", prefix=PREFIX)


def compared() -> Album:
    """Builds an album with new pictures whose product is the same, changed, and not compared, two of them framed."""
    fidelities = {
        "same": build_fidelity("same", 0.97),
        "changed": build_fidelity("changed", 0.62),
        "framed": build_fidelity("changed", 0.41),
        "opaque": build_fidelity("cannot_say", None, "no_mask"),
        "gone": build_fidelity("changed", 0.3),
        "void": build_fidelity("cannot_say", None, "mask_empty"),
    }
    receipts = [_build_compared_receipt(name, fidelity) for name, fidelity in fidelities.items()]
    receipts[2]["jobs"][0]["results"][0] |= {"width": 480, "height": 640}
    receipts[2]["jobs"][0]["instructions"]["subject"] = {"min": 0.5}
    return Album(receipts=receipts, stack="shop", prefix=PREFIX)


def _build_compared_receipt(name: str, fidelity: dict[str, Any]) -> dict[str, Any]:
    result = build_result(f"{name}.png") | {"fidelity": fidelity}
    return build_receipt(f"{name}.jpg", result, prompt="on a marble table")


def build_fidelity(verdict: str, score: float | None, reason: str | None = None) -> dict[str, Any]:
    """Builds a verdict as it is in receipts."""
    map_key = None if reason else f"_backdrop/changes/{'gone' if score == 0.3 else score}/1_1.png"
    return {"verdict": verdict, "score": score, "reason": reason, "version": 1, "map_key": map_key}


def read_compared(file: GalleryFile) -> bytes | MissingReason:
    """Returns a map of changes that is bright at the right, and photos and pictures of the same shape."""
    if file.is_change_map:
        return MissingReason.GONE if "gone" in file.key else paint_change_map()
    return paint(200, (480, 640) if file.key == "framed.png" else (640, 480), cut_out=False)


def paint_change_map() -> bytes:
    changes = Image.new("L", (256, 192))
    ImageDraw.Draw(changes).ellipse((150, 50, 210, 140), fill=230)
    file = BytesIO()
    changes.save(file, "PNG")
    return file.getvalue()


def many_outputs() -> Album:
    """Builds an album with a photo in variants of six, one, and one file, and a photo in twelve outputs."""
    photo, twelve = (
        build_receipt(f"{name}.jpg", *(_build_output(name, n) for n in range(count)), usd=0.01)
        for name, count in (("boots", 6), ("cup", 12))
    )
    (job,) = photo["jobs"]
    job["results"][0] |= {"output": "amazon-main", "certificate": build_certificate("failed")}
    copies = [
        job | {"job_id": name, "variant": name, "reused_from": "job", "results": [build_result(f"boots/{name}.png")]}
        for name in ("square", "an-unusually-long-name-of-a-variant")
    ]
    return Album(receipts=[photo | {"jobs": [job | {"variant": "mk"}, *copies]}, twelve], stack="shop", prefix=PREFIX)


def _build_output(name: str, n: int) -> dict[str, Any]:
    """Builds an output whose later files are larger than its first ones."""
    side = 500 + 100 * n
    return build_result(f"{name}/{n}.png", output=f"output {n + 1}", width=side, height=side)


def build_certificate(verdict: str) -> dict[str, Any]:
    """Builds a certificate as it is in receipts."""
    checks = [
        {"rule": "background", "required": "pure white", "measured": "#f4f1ee", "verdict": verdict},
        {"rule": "whole product", "required": "no cut", "measured": None, "verdict": "cannot_say"},
    ]
    return {"marketplace": "amazon-main", "rules_dated": "2026-10-01", "verdict": verdict, "checks": checks}


def together() -> Album:
    """Builds an album with one photo from four APIs, three of them played by the stand-in, and two other photos."""
    receipts = [
        build_receipt(f"{name}.jpg", build_result(f"{name}.png"), prompt="by a window") for name in ("zebra", "cup")
    ]
    for provider in ("ideogram", "segmind", "1min", "runware"):
        document = build_receipt(f"five/{provider}.jpg", build_result(f"five/{provider}.png"), prompt="by a window")
        document["jobs"][0]["provider"] = provider
        receipts.append(document)
    standins = {"1min", "runware", "segmind"}
    return Album(receipts=receipts, stack="five", prefix=PREFIX, standins=standins, side_by_side_prefix="five/")


def large(number: int) -> Album:
    """Builds an album with this number of pictures, which share a few files."""
    receipts = [
        build_receipt(f"{n:05}.jpg", build_result("same.png"), prompt=PROMPTS[n % len(PROMPTS)]) for n in range(number)
    ]
    for n, document in enumerate(receipts):
        document["source"]["sha256"] = f"photo {n % 5}"
        document["jobs"][0]["results"][0] |= {"key": f"{n % 7}.png"}
    return Album(receipts=receipts, stack="big", prefix=PREFIX)


def write_single_file(path: Path, album: Callable[[], Album], read_file: FileReader = read_large) -> Path:
    """Writes the page of an album into one file, and returns its path."""
    return render_single_file(album(), read_file, NOON).write(path).index_path


def write_page(folder: Path, album: Callable[[], Album], read_file: FileReader = read) -> Path:
    """Writes the page of an album, and returns its path."""
    return write_gallery(folder, album(), read_file, NOON).index_path
