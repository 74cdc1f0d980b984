"""The keys in the output bucket for fixed inputs, both as computed and as written by a stack."""

import base64
import json
import re
from typing import Any

from backdrop.campaigns.campaign import campaign_report_key as campaign_report_key
from backdrop.campaigns.campaign import campaign_work_key
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.object_keys import (
    classify_key,
    input_key,
    list_defaults_keys,
    list_reference_names,
    list_sidecar_keys,
    paid_key,
    photo_name_of,
    picture_key,
    prepared_photo_name,
    provider_report_key,
    receipt_key,
    report_key,
    response_key,
    result_key,
    spooled_answer_key,
)
from simulation.world.call_behavior import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET, READABLE_BUCKET
from tests.golden.golden import Golden

INPUT = "photos"
SOURCES = [
    (INPUT, "red.jpg"),
    (INPUT, "shoes/red.front.JPG"),
    (INPUT, "shoes/red"),
    (INPUT, "/red.jpg"),
    (INPUT, "shoes//red.jpg"),
    (INPUT, "sub folder/ünïcode +(1) & 100%.jpg"),
    (INPUT, "two\nlines 👟.jpg"),
    (INPUT, "@shelf/red.jpg"),
    (INPUT, "_providers/ideogram"),
    (INPUT, f"shoes/{'x' * 890}.jpg"),
    (INPUT, f"{'ü' * 448}.jpg"),
    ("shelf", "shoes/red.jpg"),
    ("b" * 63, f"{'k' * 896}.jpg"),
]
FORMS: list[dict[str, Any]] = [
    {"variant": "", "n": 1, "extension": "png"},
    {"variant": "", "n": 2, "extension": "jpg"},
    {"variant": "", "n": 3, "extension": "webp", "output": "thumb"},
    {"variant": "beach", "n": 1, "extension": "webp"},
    {"variant": "beach", "n": 2, "extension": "webp", "output": "thumb"},
    {"variant": "v" * 40, "n": 20, "extension": "webp", "output": "o" * 40},
]
OTHERS = ["", "shoes/", ".DS_Store", "Thumbs.db", "notes.txt", "red.jpg.part", "a/_backdrop.json", "_backdrop/x.jpg"]
RUN_OF_ONE_LETTER = re.compile(r"([^ ])\1{19,}")
JOB, SHA = "0" * 64, "ab" * 32
RUN = "winter-20261116-120000"
# Literal bytes (a PNG of 16 × 16 pixels), so that no release of an image library changes an ID.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAGUlEQVR4nGM8IafBQApgIkn1qIZRDUNKAwBtoQEuoo8jFgAAAABJRU5ErkJggg=="
)


def test_keys_of_photos_never_change(golden: Golden) -> None:
    names: dict[str, object] = {}
    for bucket, key in SOURCES:
        name = photo_name_of(bucket, key, INPUT)
        names[f"{bucket}: {key}"] = {
            "is": classify_key(key).value,
            "sidecars": list_sidecar_keys(key),
            "defaults": list_defaults_keys(key),
            "receipt": receipt_key(name),
            "error report": report_key(name),
            "pictures": [picture_key(name, **form) for form in FORMS],
        }
    names |= {f"{INPUT}: {key}": {"is": classify_key(key).value} for key in OTHERS}
    golden.check("keys_of_photos", json.loads(RUN_OF_ONE_LETTER.sub(_shorten, json.dumps(names, ensure_ascii=False))))


def _shorten(run: re.Match[str]) -> str:
    """Shortens runs of one letter, for example to `x{890}`."""
    return f"{run[1]}{{{len(run[0])}}}"


def test_keys_of_jobs_providers_and_campaigns_never_change(golden: Golden) -> None:
    golden.check(
        "keys_of_jobs",
        {
            "paid file": paid_key(JOB, 1, 2, "png"),
            "response that is kept": response_key(JOB, 1),
            "answer that waits": spooled_answer_key(JOB, 2),
            "prepared photo": input_key(prepared_photo_name(SHA)),
            "prepared references": [input_key(name) for name in list_reference_names([SHA, "cd" * 32])],
            "result without a link": result_key("segmind-1"),
            "broken folder defaults": report_key("shoes/_backdrop.json"),
            "paused providers": {name: provider_report_key(name) for name in sorted(SUPPORTED_PROVIDERS)},
            "campaign's report": [campaign_report_key("winter", suffix) for suffix in ("json", "csv")],
            "campaign's work": [campaign_work_key(RUN, name) for name in ("items.jsonl", "plan.json", "told-0.json")],
        },
    )


def test_stack_writes_objects_only_under_the_agreed_keys(golden: Golden) -> None:
    world = World()
    outputs = [{"format": "webp"}, {"name": "thumb", "width": 8, "format": "jpg"}]
    variants = {"beach": {"prompt": "a beach", "num_images": 2}, "table": {"prompt": "a table"}}
    world.upload_sidecar("shoes/ünïcode +(1) & 100%.jpg", variants=variants, output=outputs)
    world.upload_photo("shoes/ünïcode +(1) & 100%.jpg", PHOTO)
    world.upload_photo("shoes/red.jpg", PHOTO, operation="remove")
    world.upload_photo("shoes/copy.jpg", PHOTO, operation="remove")
    world.upload_photo("bare.jpg", PHOTO)
    world.upload_photo("list.jpg", b"I am a list", operation="remove")
    world.s3.upload(INPUT_BUCKET, "hats/_backdrop.json", b'{"promt": 1}')
    world.upload_photo("hats/top.jpg", PHOTO)
    world.s3.upload(READABLE_BUCKET, "red.jpg", PHOTO)
    body = {"bucket": READABLE_BUCKET, "key": "red.jpg", "instructions": {"operation": "remove", "revision": "2"}}
    world.sqs.send_externally(world.queues["intake"], json.dumps(body))
    world.provider.script += [CallBehavior(), CallBehavior(unrecognized_count=1)]
    world.run_until_empty()
    world.pause_lane()
    world.run_until_empty()
    puts = [call.request for call in world.transport.calls if call.service == "s3" and "Key" in call.request]
    keys = {request["Key"] for request in puts if request["Bucket"] == OUTPUT_BUCKET and "Body" in request}
    jobs = {f"{job.key}{f' {job.variant}' if job.variant else ''}": job.job_id for job in world.list_jobs()}
    golden.check("keys_that_are_written", {"jobs": jobs, "keys": sorted(keys)})
