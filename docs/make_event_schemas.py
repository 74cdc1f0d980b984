"""Writes schemas/events/ from the words of the code: `make docs` (a test checks that it is up to date)."""

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
    """An object that has all of these fields always; later releases may add some."""
    told: Schema = {"description": described} if described else {}
    return {**told, "type": "object", "properties": fields, "required": [*fields]}


def list_of(item: Schema, described: str = "") -> Schema:
    """A list of such items."""
    return {**({"description": described} if described else {}), "type": "array", "items": item}


def words(kind: type[JobStatus | MoneyStatus | AttemptOutcome | Code | CampaignStatus], described: str = "") -> Schema:
    """One of the words of a closed list."""
    return {**({"description": described} if described else {}), "enum": [one.value for one in kind]}


EVENT_ID: Schema = {
    "type": "string",
    "format": "uuid",
    "description": "The same when an event is told again: what was done for it once need not be done twice.",
}
CODE = words(Code, "What it means and what to do: docs/troubleshooting.md.")
SOURCE_OF = object_of(
    "The photo, as Backdrop saw it last.",
    bucket=TEXT,
    key=TEXT,
    version_id=MAYBE_TEXT,
    sha256={"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
    width=MAYBE_COUNT,
    height=MAYBE_COUNT,
    changes=list_of(TEXT, "What was changed of it before it was sent."),
)
RESULT = object_of(
    "One picture in the output bucket.",
    key=TEXT,
    version_id=MAYBE_TEXT,
    n={"type": "integer", "minimum": 1, "description": "Which of the pictures that were asked for."},
    output={**MAYBE_TEXT, "description": "The name of its form; null for the one without a name."},
    width=COUNT,
    height=COUNT,
    format={"enum": [*FORMATS]},
    bytes=COUNT,
    has_alpha={"type": "boolean"},
    seed={"type": ["integer", "null"]},
)
COST = object_of(
    "What is certain, over all attempts, and what may have been charged besides.",
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
    """One job as receipts have it."""
    return object_of(
        "The job, as in the photo's receipt.",
        job_id=ID,
        variant={**MAYBE_TEXT, "description": "Null where the photo has no variants."},
        current={"type": "boolean", "description": "False: the photo names other jobs by now."},
        status={"enum": [one.value for one in statuses]},
        operation={"enum": ["replace", "remove"]},
        provider=PROVIDER,
        instructions={
            "type": "object",
            "description": "The resolved fields under their long names, metadata among them.",
        },
        provenance={
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Where each field came from.",
        },
        results=list_of(RESULT),
        cost=COST,
        attempts=list_of(ATTEMPT),
        reused_from={**MAYBE_TEXT, "description": "The job whose paid file it was given, for nothing."},
        queued_at=TIME,
        submitted_at=MAYBE_TIME,
        paid_at=MAYBE_TIME,
        stored_at=MAYBE_TIME,
        throttled_seconds={"type": "number", "minimum": 0},
        warnings=list_of(TEXT),
    )


def error(status: Schema, job_id: Schema) -> Schema:
    """One entry of an error report."""
    return object_of(
        job_id=job_id,
        variant=MAYBE_TEXT,
        status=status,
        code=CODE,
        message=TEXT,
        hint={"type": "string", "description": "What to do."},
        retryable={"type": "boolean", "description": "It goes by itself as soon as what is wrong is mended."},
        money=words(MoneyStatus),
        first_seen=TIME,
        last_seen=TIME,
    )


def lane(**more: Schema) -> Schema:
    """What events tell of a provider."""
    return object_of(event_id=EVENT_ID, provider=PROVIDER, since=TIME, **more)


PAUSES = list_of(error({"const": "paused"}, {"type": "null"}), "Why, as in the provider's report.")
FAILURES = list_of(error({"enum": sorted(FAILED_STATUSES)}, ID), "What went wrong, as in the photo's error report.")
WAITS = {
    "task_token": "Answered once, when all jobs of the request have ended.",
    "execution": "The ARN of who waits: jobs that only stopped executions want are not bought.",
    "campaign": "The campaign whose report tells of it.",
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
            "description": "As it is, not encoded.",
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
        "How many items were listed and asked for, and how many ended in which way.",
        **dict.fromkeys(("listed", "asked", "not_asked", *ITEM_STATUSES), COUNT),
    ),
    jobs=COUNT,
    pictures=COUNT,
    cost={**SPENT, "description": "Of all jobs of its items, whenever they were bought."},
    bought={**SPENT, "description": "Of the calls made since it asked."},
    failures=list_of(
        object_of(
            code={"type": "string", "description": "A code, or the end that came instead of pictures."},
            items=COUNT,
            key={"type": "string", "description": "The first of them."},
            message=TEXT,
            hint=TEXT,
        )
    ),
    report=object_of("Where its report lies.", bucket=TEXT, json=TEXT, csv=TEXT),
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
    REQUEST_DETAIL_TYPE: "Somebody asks for a photo without dropping it.",
    "Image Completed": "A job ended `stored`: its pictures are there.",
    "Image Failed": "A job ended `refused`, `dead` or `held`.",
    "Provider Paused": "Nothing more is bought at a provider; its photos wait.",
    "Provider Resumed": "It goes on.",
    "Budget Reached": "A provider paused because the day's budget does not cover its next job.",
    EVENT_TYPE: "A campaign is over, stopped or refused: its report is there.",
}


def schema_of_event(kind: str) -> Schema:
    """The schema of a whole event, as a rule's target is given it."""
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
    """What an event's files are called under schemas/events/ and events/."""
    return kind.lower().replace(" ", "_")


def files() -> dict[Path, str]:
    """Every schema with where it lies."""
    told = {kind: json.dumps(schema_of_event(kind), indent=2) + "\n" for kind in DETAILS}
    return {FOLDER / f"{file_name(kind)}.schema.json": text for kind, text in told.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
