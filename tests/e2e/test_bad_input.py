"""Unusable photos and instructions are refused with a helpful message, cost nothing, and affect no other photo."""

import io
import json
from dataclasses import dataclass

from PIL import Image

from tests.corpus.files import heic
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs
from tests.e2e.log_rules import find_function_lines
from tests.imaging.photos import raw_png


def encode(kind: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    encoded = io.BytesIO()
    Image.new(mode, size).save(encoded, kind)
    return encoded.getvalue()


@dataclass(frozen=True)
class BadPhoto:
    """A photo with bad bytes, a bad sidecar, or bad tags, and the code and text that the report must contain."""

    code: str
    expected_text: str
    data: bytes | None = None
    sidecar: str = ""
    tags: dict[str, str] | None = None


CASES = {
    "a-text-called-jpg": BadPhoto("not_a_photo", "Replace the file", data=b"Dear diary, this is not a photo."),
    "a-file-without-bytes": BadPhoto("empty_file", "Upload it again", data=b""),
    "a-photo-cut-short": BadPhoto("truncated_photo", "Upload it again", data=b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"),
    "too-many-pixels": BadPhoto("too_many_pixels", "MaxImageMegapixels", data=encode("PNG", (10_100, 10_000), "1")),
    "a-bomb": BadPhoto("too_many_pixels", "MaxImageMegapixels", data=raw_png(100_000, 100_000, bytes(10_000))),
    "a-jpeg-cut-off": BadPhoto("truncated_photo", "Upload it again", data=encode("JPEG", (600, 400))[:-500]),
    "a-heic-cut-off": BadPhoto("truncated_photo", "Upload it again", data=heic(Image.new("RGB", (600, 400)))[:-20]),
    "too-small": BadPhoto("too_small", "at least", data=encode("PNG", (8, 8))),
    "a-strip": BadPhoto("extreme_ratio", "times as long", data=encode("PNG", (2_000, 20))),
    "no-json": BadPhoto("sidecar_not_json", "line 1, column 12", sidecar='{"prompt": on a beach}'),
    "an-unknown-field": BadPhoto("unknown_field", "Did you mean 'prompt'?", sidecar='{"promt": "a beach"}'),
    "an-empty-prompt": BadPhoto("missing_prompt", "prompt is empty", sidecar='{"prompt": "  "}'),
    "too-long-a-prompt": BadPhoto("invalid_value", "10,000 characters", sidecar=json.dumps({"prompt": "x" * 10_001})),
    "an-unknown-style": BadPhoto(
        "invalid_value", "62 presets", tags={"prompt": "a beach", "style": "golden hours ago"}
    ),
    "two-styles": BadPhoto(
        "conflicting_fields",
        "Keep one of them",
        sidecar='{"prompt": "a beach", "style_preset": "GOLDEN_HOUR", "style_codes": ["AAFF5733"]}',
    ),
    "too-dear": BadPhoto(
        "max_cost_exceeded", "Raise max_cost_usd", sidecar='{"prompt": "a beach", "max_cost_usd": 0.05}'
    ),
    "what-no-provider-has": BadPhoto(
        "not_expressible",
        "But ideogram and 1min can do it.",
        sidecar='{"prompt": "a beach", "provider": "runware", "seed": 5}',
    ),
    "an-unknown-provider": BadPhoto(
        "invalid_value", "Did you mean 'runware'?", sidecar='{"prompt": "a beach", "provider": ["runwear", "segmind"]}'
    ),
    "a-provider-named-twice": BadPhoto(
        "invalid_value", "twice", sidecar='{"prompt": "a beach", "provider": ["segmind", "segmind"]}'
    ),
}


def drop(folder: Folder, name: str, bad: BadPhoto) -> None:
    """Uploads the bad photo, with a sidecar unless its tags are the instructions."""
    if bad.tags is None:
        folder.put(f"{name}.json", bad.sidecar or json.dumps(folder.instructions))
    folder.put(name, folder.photo(name) if bad.data is None else bad.data, bad.tags)


def test_bad_photos_are_reported_and_affect_no_other_photo(folder: Folder) -> None:
    neighbors = ("before.jpg", "between.jpg", "after.jpg")
    folder.drop("before.jpg", tags={"operation": "remove"})
    for case, bad in CASES.items():
        drop(folder, f"{case}.jpg", bad)
        if case == "too-many-pixels":
            folder.drop("between.jpg", tags={"operation": "remove"})
    folder.drop("all-wrong.jpg", {"promt": "a beach", "seed": -1, "operation": "replase"})
    folder.drop("after.jpg", tags={"operation": "remove"})
    for name in neighbors:
        folder.wait_until_stored(name)
    for case, bad in CASES.items():
        entry = folder.wait_for_error(f"{case}.jpg", bad.code)
        assert (entry["status"], entry["retryable"], entry["money"]) == ("refused", False, "not_spent"), case
        assert bad.expected_text in f"{entry['message']} {entry['hint']}", case
    report = eventually(lambda: folder.report("all-wrong.jpg"), "a report")
    assert sorted(entry["code"] for entry in report["errors"]) == ["invalid_value", "invalid_value", "unknown_field"]
    folder.wait_until_queues_empty()
    assert [case for case in CASES if folder.receipt(f"{case}.jpg")] == []
    assert [*folder.charges(), *folder.charges("a beach")] == []
    assert [
        letter for letter in folder.stack.queue("DeadLetterQueueUrl").messages() if folder.name in letter.body
    ] == []
    check_log(folder)
    check_corrections(folder)


def check_log(folder: Folder) -> None:
    """Checks that intake logs the key of a photo without a job."""
    fields = {"key": folder.key("an-unknown-style.jpg"), "message": "photo refused", "code": "invalid_value"}

    def poll() -> bool:
        return bool(find_function_lines(folder.stack.read_log("intake", folder.started_at), **fields))

    poll_logs(folder, poll, "intake logs the photo")


def check_corrections(folder: Folder) -> None:
    """Follows the advice of two hints: replaces a photo, and a sidecar."""
    folder.put("a-text-called-jpg.jpg", folder.photo("red.jpg"))
    folder.put("no-json.jpg.json", json.dumps({**folder.instructions, "style": "golden hour"}))
    for name in ("a-text-called-jpg", "no-json"):
        folder.wait_until_stored(f"{name}.jpg")
        assert folder.pictures(f"{name}.jpg") == [f"{name}.png"]
