"""The published fields of receipts and error reports, for the tests of what is built and of what is sampled."""

import json
from typing import Any

from backdrop.core.identity import canonical_json

SOURCE_FIELDS = {"bucket", "key", "version_id", "sha256", "width", "height", "changes"}
JOB_FIELDS = {
    "job_id",
    "variant",
    "current",
    "status",
    "operation",
    "provider",
    "instructions",
    "provenance",
    "results",
    "cost",
    "attempts",
    "reused_from",
    "queued_at",
    "submitted_at",
    "paid_at",
    "stored_at",
    "throttled_seconds",
    "warnings",
}
RESULT_FIELDS = {
    "key",
    "version_id",
    "n",
    "output",
    "width",
    "height",
    "format",
    "bytes",
    "has_alpha",
    "seed",
}
ATTEMPT_FIELDS = {"n", "provider", "provider_id", "submitted_at", "outcome", "money"}
ERROR_FIELDS = {
    "job_id",
    "variant",
    "status",
    "code",
    "message",
    "hint",
    "retryable",
    "money",
    "first_seen",
    "last_seen",
}


def as_json(view: dict[str, Any]) -> dict[str, Any]:
    """A view as it lies in the bucket; fails for what JSON cannot hold."""
    return json.loads(canonical_json(view))
