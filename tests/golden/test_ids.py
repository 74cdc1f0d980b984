"""The ids by which Backdrop and the providers know a purchase: one that changed would be bought a second time."""

import json
from typing import Any

from backdrop.instructions.merge import list_variants, resolve
from backdrop.instructions.sources import InstructionSource, parse_file, parse_request, parse_tags
from backdrop.model.ids import (
    derive_content_id,
    derive_event_id,
    derive_idempotency_key,
    derive_job_id,
    derive_source_id,
    sha256_hex,
)
from tests.golden.golden import Golden

PHOTO = sha256_hex(b"the bytes of a photo")
EVERYTHING: dict[str, Any] = {
    "prompt": "auf dem Marmortisch, Ünïcode ✨",
    "style_codes": ["AAFF5733", "0133FF57"],
    "magic_prompt": "OFF",
    "rendering_speed": "QUALITY",
    "num_images": 3,
    "seed": 42,
    "provider": ["segmind", "ideogram"],
    "output": [{"format": "webp"}, {"name": "thumb", "width": 300}],
    "max_cost_usd": 1.5,
    "metadata": {"sku": 7},
}
PLACES: dict[str, list[InstructionSource]] = {
    "remove": [parse_file("red.jpg.json", b'{"operation": "remove"}')],
    "a prompt alone": [parse_file("red.jpg.json", b'{"prompt": "  on a marble table "}')],
    "every field": [parse_file("red.jpg.json", json.dumps(EVERYTHING).encode())],
    "another revision": [parse_file("red.jpg.json", json.dumps({**EVERYTHING, "revision": "2"}).encode())],
    "a style in words": [parse_request({"prompt": "at sea", "style": "golden hour"})],
    "a style's reference images": [parse_request({"prompt": "at sea", "style_reference_images": ["styles/a.png"]})],
    "tags": [parse_tags({"backdrop:operation": "replace", "backdrop:prompt": "at sea", "backdrop:seed": "7"})],
    "a sidecar over folder defaults": [
        parse_file("shoes/red.jpg.json", b'{"prompt": "at sea"}'),
        parse_file("shoes/_backdrop.json", b'{"rendering_speed": "turbo", "provider": "runware"}'),
    ],
    "variants": [
        parse_file(
            "red.jpg.json",
            b'{"variants": {"beach": {"prompt": "a beach"}, "cut-out": {"operation": "remove"}}, "revision": ""}',
        )
    ],
}
SOURCES = {
    "plain": ("photos", "shoes/red.jpg"),
    "odd": ("photos", "sub folder/ünïcode +(1) & 100%\n👟.jpg"),
    "long": ("b" * 63, f"{'ü' * 448}.jpg"),
    "another bucket": ("shelf", "shoes/red.jpg"),
}


def test_no_release_changes_the_id_of_a_place_or_of_an_event(golden: Golden) -> None:
    golden.holds(
        "ids_of_places",
        {
            "sources": {name: derive_source_id(*where) for name, where in SOURCES.items()},
            "events": {
                "a stored job": derive_event_id("job-1", "stored", "2026-11-16T12:00:09.500000+00:00"),
                "a paused provider": derive_event_id("ideogram", "Provider Paused/key", "2026-11-16T12:00:00+00:00"),
            },
        },
    )


def test_no_release_changes_the_id_of_a_job_of_its_content_or_of_a_call(golden: Golden) -> None:
    found: dict[str, object] = {}
    for wish, places in PLACES.items():
        for variant in list_variants(places):
            wanted = resolve(places, variant)
            asked, revision = wanted.purchase_fields, wanted.revision
            jobs = {
                name: derive_job_id(
                    bucket=bucket, key=key, variant=variant, image_sha256=PHOTO, purchase_spec=asked, revision=revision
                )
                for name, (bucket, key) in SOURCES.items()
            }
            found[f"{wish}: {variant}" if variant else wish] = {
                "asked": asked,
                "revision": revision,
                "jobs": jobs,
                "content": derive_content_id(image_sha256=PHOTO, purchase_spec=asked, revision=revision),
                "calls": [derive_idempotency_key(jobs["plain"], generation) for generation in (0, 1)],
            }
    golden.holds("ids_of_jobs", found)
