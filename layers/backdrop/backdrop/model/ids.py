"""Names that may never change: the ids of sources, jobs and paid content.

A release that changed one of them would buy every picture a second time, so each id hashes its own format's name.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

JOB_FORMAT = "backdrop-job-1"
CONTENT_FORMAT = "backdrop-content-1"
SOURCE_FORMAT = "backdrop-source-1"
CALL_FORMAT = "backdrop-call-1"
EVENT_NAMESPACE = uuid.UUID("8f3f9a3e-6c0b-5d55-9a1e-2f6a6f0f7b11")


def to_canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: keys sorted, no blanks, Unicode as it is, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hash_parts(*parts: Any) -> str:
    return hashlib.sha256(to_canonical_json(parts).encode()).hexdigest()


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def derive_source_id(bucket: str, key: str) -> str:
    """The id of the place where a photo lies, whatever bytes lie there, 64 hex digits."""
    return _hash_parts(SOURCE_FORMAT, bucket, key)


def derive_job_id(
    *,
    bucket: str,
    key: str,
    variant: str,
    image_sha256: str,
    purchase_spec: Mapping[str, Any],
    revision: str | None,
) -> str:
    """The id of one purchase: these bytes, at this place, asked this, 64 hex digits."""
    return _hash_parts(JOB_FORMAT, bucket, key, variant, image_sha256, dict(purchase_spec), revision)


def derive_content_id(*, image_sha256: str, purchase_spec: Mapping[str, Any], revision: str | None) -> str:
    """What two jobs share when one paid file can serve both, 64 hex digits."""
    return _hash_parts(CONTENT_FORMAT, image_sha256, dict(purchase_spec), revision)


def derive_idempotency_key(job: str, charge_no: int) -> str:
    """The id of our own under which a charge is known to a provider: a UUID that looks random (version 4)."""
    return str(uuid.UUID(_hash_parts(CALL_FORMAT, job, charge_no)[:32], version=4))


def derive_event_id(job: str, status: str, ended_at: str) -> str:
    """The id of the event that announces one end of one job; the same again when it is repeated."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"{job}/{status}/{ended_at}"))


def derive_message_group(key: str) -> str:
    """The message group of a photo: 32 hex digits of its top folder's hash, for SQS fair queues."""
    top, slash, _ = key.partition("/")
    return hashlib.sha256((top if slash else "").encode()).hexdigest()[:32]
