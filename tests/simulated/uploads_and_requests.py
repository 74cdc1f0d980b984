"""What people send in the simulated world in addition to sidecars and tags, and the results."""

import json
from typing import Any

from backdrop.model.object_keys import DEFAULTS_NAME
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World

REMOVE: dict[str, Any] = {"operation": "remove"}
BEACH: dict[str, Any] = {"prompt": "on a beach"}
FOREST: dict[str, Any] = {"prompt": "in a forest"}
REMOVED, REPLACED = 10_000, 60_000
"""What one picture of each operation costs at Ideogram, in micro-dollars."""


def upload_defaults(world: World, folder: str, content: dict[str, Any] | bytes) -> None:
    """Uploads the defaults of a folder (`shoes/`, "" for the whole bucket)."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    world.s3.upload(INPUT_BUCKET, f"{folder}{DEFAULTS_NAME}", data)


def upload_sidecar_bytes(world: World, key: str, data: bytes) -> None:
    """Uploads any bytes as the sidecar of a photo's key."""
    world.s3.upload(INPUT_BUCKET, f"{key}.json", data)


def upload_unique_photo(world: World, key: str, **tags: str) -> None:
    """Uploads a photo that differs from those of other keys, with or without tags."""
    world.upload_photo(key, build_photo(key), **tags)


def send_request(world: World, key: str, times: int = 1, **instructions: Any) -> str:
    """Sends a request, and returns its body, so that it can be sent again."""
    body = json.dumps({"bucket": INPUT_BUCKET, "key": key, "instructions": instructions})
    for _ in range(times):
        world.sqs.send_externally(world.queues["intake"], body)
    return body


def send_rerun(world: World, key: str) -> None:
    """Makes intake resolve a photo again, as a rerun does."""
    world.sqs.send_externally(world.queues["intake"], json.dumps({"kind": "rerun", "bucket": INPUT_BUCKET, "key": key}))


def redeliver_events(world: World, key: str, nth: int = 1) -> None:
    """Delivers the events of a file again, late."""
    bodies = [body for body in list_intake_messages(world) if f'"key": "{key}"' in body][:nth]
    assert bodies
    for body in bodies:
        world.sqs.send_externally(world.queues["intake"], body)


def list_intake_messages(world: World) -> list[str]:
    """Returns the bodies of the messages that wait for intake."""
    return [message.body for message in world.queues["intake"].messages]


def read_current_instructions(world: World, key: str) -> dict[str, str]:
    """Returns the instructions of each current job by variant: the prompt, or else the operation."""
    source = world.read_source(key)
    named = set(source.jobs.values()) if source else set[str]()
    return {
        job.variant: job.instructions.get("prompt", job.operation)
        for job in world.list_jobs(key)
        if job.job_id in named
    }


def read_provenance(world: World, key: str, variant: str | None = None) -> dict[str, str]:
    """Returns the provenance of the values of a photo's current job, from its receipt."""
    receipt = world.read_receipt(key)
    assert receipt
    return next(one["provenance"] for one in receipt["jobs"] if one["current"] and one["variant"] == variant)


def list_folder_codes(world: World, folder: str) -> list[str]:
    """Returns the codes in the report of a folder's defaults."""
    report = world.read_report(f"{folder}{DEFAULTS_NAME}")
    return [error["code"] for error in report["errors"]] if report else []


def count_paid_calls(world: World) -> int:
    return len(world.provider.received_job_ids)
