"""The ids by which Backdrop and the providers know a purchase: one that changed would be bought a second time."""

import json
from typing import Any

from backdrop.instructions.merge import resolve, variants_of
from backdrop.instructions.sources import Place, read_file, read_request, read_tags
from backdrop.model.ids import call_uuid, content_key, event_id, job_id, sha256_hex, source_id
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
PLACES: dict[str, list[Place]] = {
    "remove": [read_file("red.jpg.json", b'{"operation": "remove"}')],
    "a prompt alone": [read_file("red.jpg.json", b'{"prompt": "  on a marble table "}')],
    "every field": [read_file("red.jpg.json", json.dumps(EVERYTHING).encode())],
    "another revision": [read_file("red.jpg.json", json.dumps({**EVERYTHING, "revision": "2"}).encode())],
    "a style in words": [read_request({"prompt": "at sea", "style": "golden hour"})],
    "a style's reference images": [read_request({"prompt": "at sea", "style_reference_images": ["styles/a.png"]})],
    "tags": [read_tags({"backdrop:operation": "replace", "backdrop:prompt": "at sea", "backdrop:seed": "7"})],
    "a sidecar over folder defaults": [
        read_file("shoes/red.jpg.json", b'{"prompt": "at sea"}'),
        read_file("shoes/_backdrop.json", b'{"rendering_speed": "turbo", "provider": "runware"}'),
    ],
    "variants": [
        read_file(
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
            "sources": {name: source_id(*where) for name, where in SOURCES.items()},
            "events": {
                "a stored job": event_id("job-1", "stored", "2026-11-16T12:00:09.500000+00:00"),
                "a paused provider": event_id("ideogram", "Provider Paused/key", "2026-11-16T12:00:00+00:00"),
            },
        },
    )


def test_no_release_changes_the_id_of_a_job_of_its_content_or_of_a_call(golden: Golden) -> None:
    found: dict[str, object] = {}
    for wish, places in PLACES.items():
        for variant in variants_of(places):
            wanted = resolve(places, variant)
            asked, revision = wanted.asked, wanted.revision
            jobs = {
                name: job_id(
                    bucket=bucket, key=key, variant=variant, image_sha256=PHOTO, asked=asked, revision=revision
                )
                for name, (bucket, key) in SOURCES.items()
            }
            found[f"{wish}: {variant}" if variant else wish] = {
                "asked": asked,
                "revision": revision,
                "jobs": jobs,
                "content": content_key(image_sha256=PHOTO, asked=asked, revision=revision),
                "calls": [call_uuid(jobs["plain"], generation) for generation in (0, 1)],
            }
    golden.holds("ids_of_jobs", found)
