"""Palettes and style references in requests to Ideogram: one JSON part, and one file part per picture, in order."""

import json
from typing import Any

import pytest

from backdrop.instructions.sources import parse_file
from backdrop.model.capabilities import find_not_expressible
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.styles import STYLE_PRESETS
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import CALL_SECONDS, PHOTO, Part, build_provider_job, provide_key, recording
from tests.contract.standin_client import StandinClient, picture

SUMMER, AUTUMN, WINTER = picture("JPEG", color="gold"), picture("PNG", color="brown"), picture("WEBP", color="white")
PALETTES = ("EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE")


def answered(url: str, job: Job, references: tuple[bytes, ...] = ()) -> ProviderResult:
    """Returns the result of a call with these references."""
    call = Ideogram(url, CALL_SECONDS, provide_key).prepare(job, PHOTO, references)
    assert not isinstance(call, ProviderResult)
    answer = call.send(lambda provider_id: None)
    assert isinstance(answer, ProviderResult)
    return answer


def parts(job: Job, *references: bytes) -> list[Part]:
    """Returns all parts except the photo and the prompt."""
    with recording() as server:
        assert answered(server.url, job, references).retry_class is RetryClass.OK
        (request,) = server.requests
        return [part for part in request.parts if part.name not in ("image", "prompt")]


def referring(*references: bytes, **given: Any) -> Job:
    """Builds a job with these style references."""
    return build_provider_job(style_reference_images=[sha256_hex(one) for one in references], **given)


def job_of_sidecar(**fields: Any) -> Job:
    """Builds the job of a sidecar with these fields."""
    instruction_source = parse_file("a.json", json.dumps({"prompt": "a beach", **fields}).encode())
    assert instruction_source.errors == ()
    assert find_not_expressible("ideogram", instruction_source.fields) == []
    return build_provider_job(**instruction_source.fields)


def test_references_are_file_parts_in_the_given_order() -> None:
    found = parts(referring(SUMMER, AUTUMN, WINTER), SUMMER, AUTUMN, WINTER)
    assert [(part.name, part.data) for part in found] == [
        ("style_reference_images", SUMMER),
        ("style_reference_images", AUTUMN),
        ("style_reference_images", WINTER),
    ]
    assert [part.headers for part in found] == [
        (
            f'Content-Disposition: form-data; name="style_reference_images"; filename="reference_{n}.{extension}"',
            f"Content-Type: {media_type}",
        )
        for n, extension, media_type in ((1, "jpg", "image/jpeg"), (2, "png", "image/png"), (3, "webp", "image/webp"))
    ]


def test_hashes_of_references_are_never_sent() -> None:
    with recording() as server:
        answered(server.url, referring(SUMMER), (SUMMER,))
        (request,) = server.requests
        assert sha256_hex(SUMMER).encode() not in request.body


def test_palette_is_one_json_part() -> None:
    members = [{"color_hex": "#b470b3", "color_weight": 0.6}, {"color_hex": "#7a79e3", "color_weight": 0.4}]
    (part,) = parts(job_of_sidecar(color_palette={"members": members}))
    assert part.headers == ('Content-Disposition: form-data; name="color_palette"', "Content-Type: application/json")
    assert json.loads(part.data) == {"members": members}


def test_palette_name_is_sent_as_an_object() -> None:
    (part,) = parts(job_of_sidecar(color_palette="pastel"))
    assert json.loads(part.data) == {"name": "PASTEL"}


def test_removing_sends_neither_palette_nor_references() -> None:
    job = build_provider_job("remove", color_palette={"name": "EMBER"}, style_reference_images=["0"])
    assert parts(job) == []


@pytest.mark.parametrize(
    ("fields", "references"),
    [
        ({"style_reference_images": ["a", "b", "c", "d"]}, (SUMMER, AUTUMN, WINTER, PHOTO)),
        ({"style_reference_images": ["a"], "color_palette": "EMBER"}, (SUMMER,)),
        ({"color_palette": {"members": [{"color_hex": f"#0{n}f"} for n in range(8)]}}, ()),
        ({"color_palette": {"members": [{"color_hex": "#ABCDEF", "color_weight": 0.05}]}}, ()),
        ({"color_palette": {"members": [{"color_hex": "#abc", "color_weight": 1}]}, "style": "aura"}, ()),
        ({"style_codes": ["AAFF5733"], "color_palette": "MAGIC", "seed": 1, "num_images": 2}, ()),
        *(({"color_palette": name}, ()) for name in PALETTES),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_stand_in_accepts_every_style_of_a_sidecar(
    standin: StandinClient, fields: dict[str, Any], references: tuple[bytes, ...]
) -> None:
    answer = answered(f"{standin.url}/ideogram", job_of_sidecar(**fields), references)
    (entry,) = standin.see("requests")["requests"]
    assert (answer.retry_class, entry["status"]) == (RetryClass.OK, 200)


@pytest.mark.parametrize("first", range(0, len(STYLE_PRESETS), 21))
def test_stand_in_accepts_every_preset_in_plain_spelling(standin: StandinClient, first: int) -> None:
    for preset in STYLE_PRESETS[first : first + 21]:
        job = job_of_sidecar(style=preset.replace("_", " ").lower())
        assert answered(f"{standin.url}/ideogram", job).retry_class is RetryClass.OK, preset
