"""The IDs that Backdrop and the providers use for a purchase. If an ID changed, its picture would be bought again."""

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
ALL_FIELDS: dict[str, Any] = {
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
INSTRUCTIONS: dict[str, list[InstructionSource]] = {
    "remove": [parse_file("red.jpg.json", b'{"operation": "remove"}')],
    "a prompt alone": [parse_file("red.jpg.json", b'{"prompt": "  on a marble table "}')],
    "every field": [parse_file("red.jpg.json", json.dumps(ALL_FIELDS).encode())],
    "another revision": [parse_file("red.jpg.json", json.dumps({**ALL_FIELDS, "revision": "2"}).encode())],
    "a style in words": [parse_request({"prompt": "at sea", "style": "golden hour"})],
    "a style's reference images": [parse_request({"prompt": "at sea", "style_reference_images": ["styles/a.png"]})],
    "a frame": [parse_request({"prompt": "at sea", "frame": "1200x628"})],
    "a frame with a placed subject": [parse_request({"prompt": "at sea", "frame": "4:5", "position": "bottom"})],
    "a cut-out in a frame": [parse_request({"operation": "remove", "frame": "4:5"})],
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


def test_ids_of_sources_and_events_never_change(golden: Golden) -> None:
    golden.check(
        "ids_of_places",
        {
            "sources": {name: derive_source_id(*location) for name, location in SOURCES.items()},
            "events": {
                "a stored job": derive_event_id("job-1", "stored", "2026-11-16T12:00:09.500000+00:00"),
                "a paused provider": derive_event_id("ideogram", "Provider Paused/key", "2026-11-16T12:00:00+00:00"),
            },
        },
    )


def test_ids_of_jobs_contents_and_calls_never_change(golden: Golden) -> None:
    ids: dict[str, object] = {}
    for name, sources in INSTRUCTIONS.items():
        for variant in list_variants(sources):
            instructions = resolve(sources, variant)
            fields, revision = instructions.purchase_fields, instructions.revision
            jobs = {
                location: derive_job_id(
                    bucket=bucket, key=key, variant=variant, image_sha256=PHOTO, purchase_spec=fields, revision=revision
                )
                for location, (bucket, key) in SOURCES.items()
            }
            ids[f"{name}: {variant}" if variant else name] = {
                "asked": fields,
                "revision": revision,
                "jobs": jobs,
                "content": derive_content_id(image_sha256=PHOTO, purchase_spec=fields, revision=revision),
                "calls": [derive_idempotency_key(jobs["plain"], charge_no) for charge_no in (0, 1)],
            }
    golden.check("ids_of_jobs", ids)
