"""Unusable photos and instructions are refused with a helpful message, cost nothing, and affect no other photo."""

import io
import json
from dataclasses import dataclass

import pytest
from PIL import Image

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

TOO_MANY_BYTES = 128_000_001


def encode_too_many_pixels() -> bytes:
    """Returns a small file with 101 megapixels. The stack opens at most 100 megapixels."""
    encoded = io.BytesIO()
    Image.new("1", (10_100, 10_000)).save(encoded, "PNG")
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
    "too-many-bytes": BadPhoto(
        "too_large_bytes", "at a lower quality or a smaller size", data=b"\xff\xd8\xff" + bytes(TOO_MANY_BYTES)
    ),
    "too-many-pixels": BadPhoto("too_many_pixels", "MaxImageMegapixels", data=encode_too_many_pixels()),
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


def fix(folder: Folder, name: str) -> None:
    """Follows the advice of the hint."""
    folder.put(f"{name}.json", json.dumps({**folder.instructions, "style": "golden hour"}))
    folder.put(name, folder.photo(name))


@pytest.mark.parametrize("case", CASES)
def test_bad_photo_is_refused_without_a_charge_and_runs_once_fixed(folder: Folder, case: str) -> None:
    bad = CASES[case]
    drop(folder, "red.jpg", bad)
    entry = folder.wait_for_error("red.jpg", bad.code)
    assert (entry["status"], entry["retryable"], entry["money"]) == ("refused", False, "not_spent")
    assert bad.expected_text in f"{entry['message']} {entry['hint']}"
    folder.wait_until_queues_empty()
    assert folder.receipt("red.jpg") is None
    assert [*folder.charges(), *folder.charges("a beach")] == []
    assert folder.dead_letters("red.jpg") == []
    fix(folder, "red.jpg")
    folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]


def test_all_errors_of_a_sidecar_are_reported_together(folder: Folder) -> None:
    folder.drop("red.jpg", {"promt": "a beach", "seed": -1, "operation": "replase"})
    report = eventually(lambda: folder.report("red.jpg"), "a report")
    assert sorted(entry["code"] for entry in report["errors"]) == ["invalid_value", "invalid_value", "unknown_field"]
    assert report["source"]["key"] == folder.key("red.jpg")


def test_bad_photos_do_not_affect_other_photos(folder: Folder) -> None:
    neighbors = ("before.jpg", "between.jpg", "after.jpg")
    folder.drop("before.jpg", tags={"operation": "remove"})
    for case, bad in CASES.items():
        drop(folder, f"{case}.jpg", bad)
        if case == "too-many-pixels":
            folder.drop("between.jpg", tags={"operation": "remove"})
    folder.drop("after.jpg", tags={"operation": "remove"})
    for name in neighbors:
        folder.wait_until_stored(name)
    for case, bad in CASES.items():
        folder.wait_for_error(f"{case}.jpg", bad.code)
    assert folder.charges() == []
