"""Writes schemas/events/ from the code: `make docs` (a test checks that they are current)."""

import json
from pathlib import Path
from typing import Any

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.aws.events import OPTIONAL_REQUEST_FIELDS, REQUEST_DETAIL_TYPE
from backdrop.campaigns.report import EVENT_TYPE, ITEM_STATUSES, CampaignStatus
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.job import FAILED_STATUSES, AttemptOutcome, JobStatus, MoneyStatus
from backdrop.model.object_keys import MAX_S3_KEY_BYTES
from docs.make_schemas import DIALECT, schema_of

type Schema = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "schemas" / "events"
ENVELOPE = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
BASES = ("reported", "price_list", "configured")
FORMATS = ("jpg", "png", "webp")
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
MAYBE_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
USD: Schema = {"type": "number", "minimum": 0, "description": "Dollars."}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
PROVIDER: Schema = {"enum": sorted(SUPPORTED_PROVIDERS)}


def object_of(described: str = "", /, **fields: Schema) -> Schema:
    """Returns the schema of an object that always has all of these fields; later releases may add some."""
    description: Schema = {"description": described} if described else {}
    return {**description, "type": "object", "properties": fields, "required": [*fields]}


def list_of(item: Schema, described: str = "") -> Schema:
    return {**({"description": described} if described else {}), "type": "array", "items": item}


def words(kind: type[JobStatus | MoneyStatus | AttemptOutcome | Code | CampaignStatus], described: str = "") -> Schema:
    return {**({"description": described} if described else {}), "enum": [one.value for one in kind]}


EVENT_ID: Schema = {
    "type": "string",
    "format": "uuid",
    "description": "Stays the same if the event is published again, so that you can ignore duplicates.",
}
CODE = words(Code, "What it means and what to do: docs/troubleshooting.md.")
SOURCE_OF = object_of(
    "The photo, as Backdrop last read it.",
    bucket=TEXT,
    key=TEXT,
    version_id=MAYBE_TEXT,
    sha256={"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
    width=MAYBE_COUNT,
    height=MAYBE_COUNT,
    changes=list_of(TEXT, "The changes that were made to it before it was sent."),
)
RESULT = object_of(
    "One picture in the output bucket.",
    key=TEXT,
    version_id=MAYBE_TEXT,
    n={"type": "integer", "minimum": 1, "description": "The number of this picture among those requested."},
    output={**MAYBE_TEXT, "description": "The name of its output; null for the one without a name."},
    width=COUNT,
    height=COUNT,
    format={"enum": [*FORMATS]},
    bytes=COUNT,
    has_alpha={"type": "boolean"},
    seed={"type": ["integer", "null"]},
)
COST = object_of(
    "The confirmed cost of all attempts, and what may have been charged in addition.",
    usd=USD,
    basis={"enum": [*BASES]},
    unknown_usd=USD,
)
ATTEMPT = object_of(
    n={"type": "integer", "minimum": 1},
    provider=PROVIDER,
    provider_id=MAYBE_TEXT,
    submitted_at=TIME,
    outcome=words(AttemptOutcome),
    money=words(MoneyStatus),
)


def job(*statuses: JobStatus) -> Schema:
    return object_of(
        "The job, as in the photo's receipt.",
        job_id=ID,
        variant={**MAYBE_TEXT, "description": "Null if the photo has no variants."},
        current={"type": "boolean", "description": "False if the photo's instructions now lead to other jobs."},
        status={"enum": [one.value for one in statuses]},
        operation={"enum": ["replace", "remove"]},
        provider=PROVIDER,
        instructions={
            "type": "object",
            "description": "The resolved fields under their long names, including metadata.",
        },
        provenance={
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Where each field came from.",
        },
        results=list_of(RESULT),
        cost=COST,
        attempts=list_of(ATTEMPT),
        reused_from={**MAYBE_TEXT, "description": "The job whose paid file it received, without a charge."},
        queued_at=TIME,
        submitted_at=MAYBE_TIME,
        paid_at=MAYBE_TIME,
        stored_at=MAYBE_TIME,
        throttled_seconds={"type": "number", "minimum": 0},
        warnings=list_of(TEXT),
    )


def error(status: Schema, job_id: Schema) -> Schema:
    return object_of(
        job_id=job_id,
        variant=MAYBE_TEXT,
        status=status,
        code=CODE,
        message=TEXT,
        hint={"type": "string", "description": "What to do."},
        retryable={
            "type": "boolean",
            "description": "The photo continues automatically as soon as the cause is corrected.",
        },
        money=words(MoneyStatus),
        first_seen=TIME,
        last_seen=TIME,
    )


def lane(**more: Schema) -> Schema:
    """Returns the schema of an event about a provider."""
    return object_of(event_id=EVENT_ID, provider=PROVIDER, since=TIME, **more)


PAUSES = list_of(error({"const": "paused"}, {"type": "null"}), "Why the provider is paused, as in its report.")
FAILURES = list_of(error({"enum": sorted(FAILED_STATUSES)}, ID), "What went wrong, as in the photo's error report.")
WAITS = {
    "task_token": "Answered once, when all jobs of the request have ended.",
    "execution": "The ARN of the waiting execution. A job is not bought if all of its executions have stopped.",
    "campaign": "The campaign whose report contains it.",
}
SIDECAR = schema_of("sidecar")
REQUEST: Schema = {
    "type": "object",
    "properties": {
        "bucket": {"type": "string", "description": "The input bucket, or one of ReadableBuckets."},
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_S3_KEY_BYTES,
            "description": "The plain key, not URL-encoded.",
        },
        "instructions": {"$ref": SIDECAR["$id"]},
        **{
            name: {"type": "string", "pattern": f"^{OPTIONAL_REQUEST_FIELDS[name]}$", "description": WAITS[name]}
            for name in WAITS
        },
    },
    "required": ["bucket", "key", "instructions"],
    "additionalProperties": False,
}
SPENT = object_of(usd=USD, unknown_usd=USD)
CAMPAIGN = object_of(
    event_id=EVENT_ID,
    name=TEXT,
    execution={"type": "string", "description": "The ARN of the state machine's execution."},
    status=words(CampaignStatus),
    error={"anyOf": [{"type": "null"}, object_of(code=TEXT, message=TEXT)]},
    items=object_of(
        "How many items were listed and requested, and how many ended in each state.",
        **dict.fromkeys(("listed", "asked", "not_asked", *ITEM_STATUSES), COUNT),
    ),
    jobs=COUNT,
    pictures=COUNT,
    cost={**SPENT, "description": "The cost of all jobs of its items, regardless of when they were bought."},
    bought={**SPENT, "description": "The cost of the calls since the campaign began."},
    failures=list_of(
        object_of(
            code={"type": "string", "description": "A code, or the state in which the item ended without pictures."},
            items=COUNT,
            key={"type": "string", "description": "The key of the first of these items."},
            message=TEXT,
            hint=TEXT,
        )
    ),
    report=object_of("The location of its report.", bucket=TEXT, json=TEXT, csv=TEXT),
)
DETAILS: dict[str, Schema] = {
    REQUEST_DETAIL_TYPE: REQUEST,
    "Image Completed": object_of(event_id=EVENT_ID, source=SOURCE_OF, job=job(JobStatus.STORED)),
    "Image Failed": object_of(event_id=EVENT_ID, source=SOURCE_OF, job=job(*sorted(FAILED_STATUSES)), errors=FAILURES),
    "Provider Paused": lane(errors=PAUSES),
    "Provider Resumed": lane(),
    "Budget Reached": lane(errors=PAUSES),
    EVENT_TYPE: CAMPAIGN,
}
MEANINGS = {
    REQUEST_DETAIL_TYPE: "Requests pictures of a photo that is already in a bucket.",
    "Image Completed": "A job ended `stored`: its pictures are in the output bucket.",
    "Image Failed": "A job ended `refused`, `dead`, or `held`.",
    "Provider Paused": "Nothing more is bought at a provider; its photos wait.",
    "Provider Resumed": "The provider's photos continue.",
    "Budget Reached": "A provider paused because the day's budget does not cover its next job.",
    EVENT_TYPE: "A campaign is finished, stopped, or refused: its report is in the output bucket.",
}


def schema_of_event(kind: str) -> Schema:
    """Returns the schema of a whole event, as a rule's target receives it."""
    properties: Schema = {name: {"type": "string"} for name in ENVELOPE}
    properties |= {
        "detail-type": {"const": kind},
        "source": {"type": "string", "not": {"const": EVENT_SOURCE}}
        if kind == REQUEST_DETAIL_TYPE
        else {"const": EVENT_SOURCE},
        "time": TIME,
        "resources": {"type": "array"},
        "detail": DETAILS[kind],
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:backdrop:events:{file_name(kind)}",
        "title": kind,
        "description": MEANINGS[kind],
        "type": "object",
        "properties": properties,
        "required": [*ENVELOPE],
        **({"$defs": {"sidecar": SIDECAR}} if kind == REQUEST_DETAIL_TYPE else {}),
    }


def file_name(kind: str) -> str:
    """Returns the name of an event's files under schemas/events/ and events/, without the suffix."""
    return kind.lower().replace(" ", "_")


def files() -> dict[Path, str]:
    """Returns every schema by its path."""
    schemas = {kind: json.dumps(schema_of_event(kind), indent=2) + "\n" for kind in DETAILS}
    return {FOLDER / f"{file_name(kind)}.schema.json": text for kind, text in schemas.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
