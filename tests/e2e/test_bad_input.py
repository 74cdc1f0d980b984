"""What cannot be worked with is refused with a word that helps, costs nothing, and harms no other photo."""

import io
import json
from dataclasses import dataclass

import pytest
from PIL import Image

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

TOO_MANY_BYTES = 128_000_001


def pixels_without_end() -> bytes:
    """A small file of 101 megapixels, where the stack opens 100."""
    encoded = io.BytesIO()
    Image.new("1", (10_100, 10_000)).save(encoded, "PNG")
    return encoded.getvalue()


@dataclass(frozen=True)
class Bad:
    """One bad photo: what is wrong with its bytes, its sidecar or its tags, and what the report must say."""

    code: str
    says: str
    data: bytes | None = None
    sidecar: str = ""
    tags: dict[str, str] | None = None


CASES = {
    "a-text-called-jpg": Bad("not_a_photo", "Replace the file", data=b"Dear diary, this is no photo."),
    "a-file-without-bytes": Bad("empty_file", "Upload it again", data=b""),
    "a-photo-cut-short": Bad("truncated_photo", "Upload it again", data=b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"),
    "too-many-bytes": Bad(
        "too_large_bytes", "with a lower quality or size", data=b"\xff\xd8\xff" + bytes(TOO_MANY_BYTES)
    ),
    "too-many-pixels": Bad("too_many_pixels", "MaxImageMegapixels", data=pixels_without_end()),
    "no-json": Bad("sidecar_not_json", "line 1, column 12", sidecar='{"prompt": on a beach}'),
    "an-unknown-field": Bad("unknown_field", "Did you mean 'prompt'?", sidecar='{"promt": "a beach"}'),
    "an-empty-prompt": Bad("missing_prompt", "prompt is empty", sidecar='{"prompt": "  "}'),
    "too-long-a-prompt": Bad("invalid_value", "2,000 characters", sidecar=json.dumps({"prompt": "x" * 2001})),
    "an-unknown-style": Bad("invalid_value", "62 presets", tags={"prompt": "a beach", "style": "golden hours ago"}),
    "two-styles": Bad(
        "conflicting_fields",
        "Keep one of them",
        sidecar='{"prompt": "a beach", "style_preset": "GOLDEN_HOUR", "style_codes": ["AAFF5733"]}',
    ),
    "too-dear": Bad("max_cost_exceeded", "Raise max_cost_usd", sidecar='{"prompt": "a beach", "max_cost_usd": 0.05}'),
    "what-no-provider-has": Bad(
        "not_expressible",
        "But ideogram and 1min can do it.",
        sidecar='{"prompt": "a beach", "provider": "runware", "seed": 5}',
    ),
    "an-unknown-provider": Bad(
        "invalid_value", "Did you mean 'runware'?", sidecar='{"prompt": "a beach", "provider": ["runwear", "segmind"]}'
    ),
    "a-provider-named-twice": Bad(
        "invalid_value", "twice", sidecar='{"prompt": "a beach", "provider": ["segmind", "segmind"]}'
    ),
}


def drop(folder: Folder, name: str, bad: Bad) -> None:
    """The bad photo, with a sidecar where nothing else says what is wanted."""
    if bad.tags is None:
        folder.put(f"{name}.json", bad.sidecar or json.dumps(folder.wish))
    folder.put(name, folder.photo(name) if bad.data is None else bad.data, bad.tags)


def mend(folder: Folder, name: str) -> None:
    """What the hint asks for."""
    folder.put(f"{name}.json", json.dumps({**folder.wish, "style": "golden hour"}))
    folder.put(name, folder.photo(name))


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_refused_for_nothing_and_runs_when_it_is_mended(folder: Folder, case: str) -> None:
    bad = CASES[case]
    drop(folder, "red.jpg", bad)
    entry = folder.wrong("red.jpg", bad.code)
    assert (entry["status"], entry["retryable"], entry["money"]) == ("refused", False, "not_spent")
    assert bad.says in f"{entry['message']} {entry['hint']}"
    folder.settle()
    assert folder.receipt("red.jpg") is None
    assert [*folder.charges(), *folder.charges("a beach")] == []
    assert folder.dead_letters("red.jpg") == []
    mend(folder, "red.jpg")
    folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]


def test_every_mistake_of_a_sidecar_is_named_at_once(folder: Folder) -> None:
    folder.drop("red.jpg", {"promt": "a beach", "seed": -1, "operation": "replase"})
    report = eventually(lambda: folder.report("red.jpg"), "a report")
    assert sorted(entry["code"] for entry in report["errors"]) == ["invalid_value", "invalid_value", "unknown_field"]
    assert report["source"]["key"] == folder.key("red.jpg")


def test_bad_photos_harm_no_other_photo(folder: Folder) -> None:
    neighbours = ("before.jpg", "between.jpg", "after.jpg")
    folder.drop("before.jpg", tags={"operation": "remove"})
    for case, bad in CASES.items():
        drop(folder, f"{case}.jpg", bad)
        if case == "too-many-pixels":
            folder.drop("between.jpg", tags={"operation": "remove"})
    folder.drop("after.jpg", tags={"operation": "remove"})
    for name in neighbours:
        folder.stored(name)
    for case, bad in CASES.items():
        folder.wrong(f"{case}.jpg", bad.code)
    assert folder.charges() == []
