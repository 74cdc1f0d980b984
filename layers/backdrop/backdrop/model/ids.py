"""IDs of sources, jobs, and paid content. They must never change.

A release that changed one of them would buy every picture a second time, so each ID also hashes the name of its format.
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
    """Returns canonical JSON: sorted keys, no spaces, unescaped Unicode, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hash_parts(*parts: Any) -> str:
    return hashlib.sha256(to_canonical_json(parts).encode()).hexdigest()


def sha256_hex(data: bytes) -> str:
    """Returns 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def derive_source_id(bucket: str, key: str) -> str:
    """Returns the ID of a source, which does not depend on its bytes, as 64 hex digits."""
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
    """Returns the ID of one purchase (photo bytes, source, variant, and purchase fields) as 64 hex digits."""
    return _hash_parts(JOB_FORMAT, bucket, key, variant, image_sha256, dict(purchase_spec), revision)


def derive_content_id(
    *, image_sha256: str, purchase_spec: Mapping[str, Any], revision: str | None, mandate: str | None = None
) -> str:
    """Returns the ID that two jobs share if one paid file can serve both, as 64 hex digits. `mandate`: who pays."""
    payer = () if mandate is None else (mandate,)
    return _hash_parts(CONTENT_FORMAT, image_sha256, dict(purchase_spec), revision, *payer)


def derive_idempotency_key(job: str, charge_no: int) -> str:
    """Returns our ID for a charge at a provider: a UUID in the form of version 4."""
    return str(uuid.UUID(_hash_parts(CALL_FORMAT, job, charge_no)[:32], version=4))


def derive_event_id(job: str, status: str, ended_at: str) -> str:
    """Returns the ID of the event that announces one end of one job; a repeated event has the same ID."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"{job}/{status}/{ended_at}"))


def derive_message_group(key: str) -> str:
    """Returns a photo's message group for SQS fair queues: 32 hex digits of the hash of its top-level folder."""
    top, slash, _ = key.partition("/")
    return hashlib.sha256((top if slash else "").encode()).hexdigest()[:32]
