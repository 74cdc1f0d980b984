"""Writes schemas/events/ from the code: `make docs` (a test checks that they are current)."""

import json
from pathlib import Path
from typing import Any

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.aws.events import (
    DECISIONS_BY_DETAIL_TYPE,
    INCOMING_DETAIL_TYPES,
    OPTIONAL_REQUEST_FIELDS,
    REQUEST_DETAIL_TYPE,
)
from backdrop.campaigns.report import EVENT_TYPE, ITEM_STATUSES, CampaignStatus
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.certificate import Verdict
from backdrop.model.codes import Code
from backdrop.model.fidelity import CannotSayReason, FidelityVerdict
from backdrop.model.job import ANNOUNCED_STATUSES, AttemptOutcome, JobStatus, MoneyStatus, SettlementResult
from backdrop.model.marketplaces import list_marketplaces
from backdrop.model.object_keys import MAX_S3_KEY_BYTES
from backdrop.model.receipt import AWAITING_APPROVAL
from backdrop.model.review import DecisionChannel, ReviewDecision
from docs.make_schemas import DIALECT, build_schema

type Schema = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "schemas" / "events"
ENVELOPE = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
COST_BASES = ("reported", "price_list", "configured", "bill")
FORMATS = ("jpg", "png", "webp")
TIME: Schema = {"type": "string", "format": "date-time"}
NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
TEXT: Schema = {"type": "string"}
NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
NULLABLE_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
USD: Schema = {"type": "number", "minimum": 0, "description": "Dollars."}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
PROVIDER: Schema = {"enum": sorted(SUPPORTED_PROVIDERS)}


def build_object(description: str = "", /, **fields: Schema) -> Schema:
    """Returns the schema of an object that always has all of these fields; later releases may add some."""
    return {**_build_description(description), "type": "object", "properties": fields, "required": [*fields]}


def build_list(item: Schema, description: str = "") -> Schema:
    return {**_build_description(description), "type": "array", "items": item}


def build_enum(
    kind: type[JobStatus | MoneyStatus | AttemptOutcome | Code | CampaignStatus | Verdict | FidelityVerdict],
    description: str = "",
) -> Schema:
    return {**_build_description(description), "enum": [one.value for one in kind]}


def _build_description(description: str) -> Schema:
    return {"description": description} if description else {}


EVENT_ID: Schema = {
    "type": "string",
    "format": "uuid",
    "description": "Stays the same if the event is published again, so that you can ignore duplicates.",
}
CODE = build_enum(Code, "What it means and what to do: docs/troubleshooting.md.")
SOURCE = build_object(
    "The photo, as Backdrop last read it.",
    bucket=TEXT,
    key=TEXT,
    version_id=NULLABLE_TEXT,
    sha256={"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
    width=NULLABLE_COUNT,
    height=NULLABLE_COUNT,
    changes=build_list(TEXT, "The changes that were made to it before it was sent."),
)
MARKETPLACE = {"enum": list_marketplaces()}
CERTIFICATE = build_object(
    "What was measured in the file, and whether it meets the marketplace's rules.",
    marketplace=MARKETPLACE,
    rules_dated={"type": "string", "format": "date"},
    verdict=build_enum(Verdict, "Failed if any check failed, passed if all passed."),
    checks=build_list(
        build_object(
            rule=TEXT,
            required={**TEXT, "description": "The accepted values, in words."},
            measured={"type": ["number", "string", "null"], "description": "Null if it cannot be measured."},
            verdict=build_enum(Verdict),
        )
    ),
)
FIDELITY = build_object(
    "Whether the picture still shows the photo's product.",
    verdict=build_enum(FidelityVerdict),
    score={"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "Null without a verdict."},
    reason={
        "enum": [None, *(one.value for one in CannotSayReason)],
        "description": "Why there is no verdict; null if there is one.",
    },
    version={"type": "integer", "description": "The version of the method."},
    map_key={**NULLABLE_TEXT, "description": "The key of a map of the changes; null without a verdict."},
)
REVIEW = build_object(
    "One picture that needs, or needed, a person's approval. The fields about the decision are null without one.",
    n={"type": "integer", "minimum": 1, "description": "The number of this picture among those requested."},
    key={**TEXT, "description": "The file that people see, in the output bucket."},
    sha256={"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The hash of that file."},
    fidelity={"anyOf": [FIDELITY, {"type": "null"}], "description": "Null if the picture is a cut-out."},
    warnings=build_list(TEXT),
    waiting_since=TIME,
    decision={"enum": [None, *(one.value for one in ReviewDecision)]},
    by={**NULLABLE_TEXT, "description": "The person's AWS identity, or what the event says."},
    via={"enum": [None, *(one.value for one in DecisionChannel)]},
    event_source={**NULLABLE_TEXT, "description": "The source of the event that decided; null for other ways."},
    decided_at=NULLABLE_TIME,
)
RESULT = build_object(
    "One picture in the output bucket.",
    key=TEXT,
    version_id=NULLABLE_TEXT,
    n={"type": "integer", "minimum": 1, "description": "The number of this picture among those requested."},
    output={**NULLABLE_TEXT, "description": "The name of its output; null for the one without a name."},
    width=COUNT,
    height=COUNT,
    format={"enum": [*FORMATS]},
    bytes=COUNT,
    has_alpha={"type": "boolean"},
    seed={"type": ["integer", "null"]},
    alt={**NULLABLE_TEXT, "description": "What the picture shows, from the instructions; also in the file."},
    title={**NULLABLE_TEXT, "description": "From the instructions; also in the file."},
    copyright={**NULLABLE_TEXT, "description": "From the instructions; also in the file."},
    certificate={"anyOf": [CERTIFICATE, {"type": "null"}], "description": "Null if the output is for no marketplace."},
    fidelity={"anyOf": [FIDELITY, {"type": "null"}], "description": "Null if the picture is a cut-out."},
    is_signed={"type": "boolean", "description": "Whether the file has Content Credentials of this stack."},
)
COST = build_object(
    "The confirmed cost of all attempts, and what may have been charged in addition.",
    usd=USD,
    basis={"enum": [*COST_BASES]},
    unknown_usd=USD,
)
ATTEMPT = build_object(
    n={"type": "integer", "minimum": 1},
    provider=PROVIDER,
    model={
        **NULLABLE_TEXT,
        "description": "The model that removes the background; null for other operations and in older receipts.",
    },
    endpoint={
        **NULLABLE_TEXT,
        "description": "The path at Ideogram that the call went to; null for other providers and in older receipts.",
    },
    provider_id=NULLABLE_TEXT,
    submitted_at=TIME,
    outcome=build_enum(AttemptOutcome),
    money=build_enum(MoneyStatus),
    settlement={
        "type": ["string", "null"],
        "enum": [*(one.value for one in SettlementResult), None],
        "description": "What the provider's usage records say about a call whose answer was lost; null if nothing.",
    },
)


PIXELS: Schema = {"type": "integer", "description": "Pixels."}
FRAME: Schema = {
    **build_object(
        "The shape that was bought, and where the photo is on the canvas that was sent; null without a frame.",
        ratio={"type": "string", "pattern": "^[0-9]+:[0-9]+$"},
        canvas=build_object(width=PIXELS, height=PIXELS),
        photo=build_object(left=PIXELS, top=PIXELS, width=PIXELS, height=PIXELS),
    ),
    "type": ["object", "null"],
}


def build_job(*statuses: JobStatus) -> Schema:
    return build_object(
        "The job, as in the photo's receipt.",
        job_id=ID,
        variant={**NULLABLE_TEXT, "description": "Null if the photo has no variants."},
        current={"type": "boolean", "description": "False if the photo's instructions now lead to other jobs."},
        status={"enum": [one.value for one in statuses]},
        operation={"enum": ["replace", "remove"]},
        provider=PROVIDER,
        mandate={**NULLABLE_TEXT, "description": "The mandate that owns the photo's folder and pays."},
        instructions={
            "type": "object",
            "description": "The resolved fields under their long names, including metadata.",
        },
        provenance={
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Where each field came from.",
        },
        frame=FRAME,
        reviews=build_list(REVIEW, "The pictures that need, or needed, a person's approval."),
        results=build_list(RESULT),
        cost=COST,
        attempts=build_list(ATTEMPT),
        reused_from={**NULLABLE_TEXT, "description": "The job whose paid file it received, without a charge."},
        queued_at=TIME,
        submitted_at=NULLABLE_TIME,
        paid_at=NULLABLE_TIME,
        stored_at=NULLABLE_TIME,
        throttled_seconds={"type": "number", "minimum": 0},
        warnings=build_list(TEXT),
    )


def build_error(status: Schema, job_id: Schema) -> Schema:
    return build_object(
        job_id=job_id,
        variant=NULLABLE_TEXT,
        status=status,
        code=CODE,
        message=TEXT,
        hint={"type": "string", "description": "What to do."},
        retryable={
            "type": "boolean",
            "description": "The photo continues automatically as soon as the cause is corrected.",
        },
        money=build_enum(MoneyStatus),
        first_seen=TIME,
        last_seen=TIME,
    )


def build_lane_event(**fields: Schema) -> Schema:
    """Returns the schema of an event about a provider."""
    return build_object(event_id=EVENT_ID, provider=PROVIDER, since=TIME, **fields)


PAUSES = build_list(build_error({"const": "paused"}, {"type": "null"}), "Why the provider is paused, as in its report.")
FAILURES = build_list(
    build_error({"enum": sorted(ANNOUNCED_STATUSES)}, ID), "What went wrong, as in the photo's error report."
)
WAITER_FIELDS = {
    "task_token": "Answered once, when all jobs of the request have ended.",
    "execution": "The ARN of the waiting execution. A job is not bought if all of its executions have stopped.",
    "campaign": "The campaign whose report contains it.",
    "named_by": "What names the photo. A prefix names no picture that Backdrop made: nothing is bought for it.",
}
SIDECAR = build_schema("sidecar")
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
            name: {
                "type": "string",
                "pattern": f"^{OPTIONAL_REQUEST_FIELDS[name]}$",
                "description": WAITER_FIELDS[name],
            }
            for name in WAITER_FIELDS
        },
    },
    "required": ["bucket", "key", "instructions"],
    "additionalProperties": False,
}
DECISION: Schema = {
    "type": "object",
    "properties": {
        "job_id": {**ID, "description": "The picture's job, from `Image Awaiting Approval`."},
        "n": {"type": "integer", "minimum": 1, "description": "The number of the picture."},
        "by": {
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "description": "Who decides. It is recorded as given, with the source of the event.",
        },
        "sha256": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "The file that the person saw. Without it, the decision is about the one that waits.",
        },
    },
    "required": ["job_id", "n", "by"],
    "additionalProperties": False,
}
SPENT = build_object(usd=USD, unknown_usd=USD)
CAMPAIGN = build_object(
    event_id=EVENT_ID,
    name=TEXT,
    execution={"type": "string", "description": "The ARN of the state machine's execution."},
    status=build_enum(CampaignStatus),
    error={"anyOf": [{"type": "null"}, build_object(code=TEXT, message=TEXT)]},
    items=build_object(
        "How many items were listed and requested, and how many ended in each state.",
        **dict.fromkeys(("listed", "asked", "not_asked", *ITEM_STATUSES), COUNT),
    ),
    jobs=COUNT,
    pictures=COUNT,
    cost={**SPENT, "description": "The cost of all jobs of its items, regardless of when they were bought."},
    bought={**SPENT, "description": "The cost of the calls since the campaign began."},
    failures=build_list(
        build_object(
            code={"type": "string", "description": "A code, or the state in which the item ended without pictures."},
            items=COUNT,
            key={"type": "string", "description": "The key of the first of these items."},
            message=TEXT,
            hint=TEXT,
        )
    ),
    report=build_object("The location of its report.", bucket=TEXT, json=TEXT, csv=TEXT),
)
DETAILS: dict[str, Schema] = {
    REQUEST_DETAIL_TYPE: REQUEST,
    "Image Completed": build_object(event_id=EVENT_ID, source=SOURCE, job=build_job(JobStatus.STORED)),
    "Image Failed": build_object(
        event_id=EVENT_ID, source=SOURCE, job=build_job(*sorted(ANNOUNCED_STATUSES)), errors=FAILURES
    ),
    AWAITING_APPROVAL: build_object(event_id=EVENT_ID, source=SOURCE, job=build_job(JobStatus.REVIEW), picture=REVIEW),
    **dict.fromkeys(DECISIONS_BY_DETAIL_TYPE, DECISION),
    "Provider Paused": build_lane_event(errors=PAUSES),
    "Provider Resumed": build_lane_event(),
    "Budget Reached": build_lane_event(errors=PAUSES),
    EVENT_TYPE: CAMPAIGN,
}
EVENT_MEANINGS = {
    REQUEST_DETAIL_TYPE: "Requests pictures of a photo that is already in a bucket.",
    "Image Completed": "A job ended `stored`: its pictures are in the output bucket.",
    "Image Failed": "A job ended `refused`, `dead`, or `held`, or a person `rejected` its pictures.",
    AWAITING_APPROVAL: "A picture is bought, and waits until a person approves or rejects it.",
    "Image Approved": "Approves a picture that waits, so that it is delivered.",
    "Image Rejected": "Rejects a picture that waits, so that it is not delivered.",
    "Provider Paused": "Nothing more is bought at a provider; its photos wait.",
    "Provider Resumed": "The provider's photos continue.",
    "Budget Reached": "A provider paused because the day's budget does not cover its next job.",
    EVENT_TYPE: "A campaign is finished, stopped, or refused: its report is in the output bucket.",
}


def build_event_schema(kind: str) -> Schema:
    """Returns the schema of a whole event, as a rule's target receives it."""
    properties: Schema = {name: {"type": "string"} for name in ENVELOPE}
    properties |= {
        "detail-type": {"const": kind},
        "source": {"type": "string", "not": {"const": EVENT_SOURCE}}
        if kind in INCOMING_DETAIL_TYPES
        else {"const": EVENT_SOURCE},
        "time": TIME,
        "resources": {"type": "array"},
        "detail": DETAILS[kind],
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:backdrop:events:{format_file_name(kind)}",
        "title": kind,
        "description": EVENT_MEANINGS[kind],
        "type": "object",
        "properties": properties,
        "required": [*ENVELOPE],
        **({"$defs": {"sidecar": SIDECAR}} if kind == REQUEST_DETAIL_TYPE else {}),
    }


def format_file_name(kind: str) -> str:
    """Returns the name of an event's files under schemas/events/ and events/, without the suffix."""
    return kind.lower().replace(" ", "_")


def build_files() -> dict[Path, str]:
    """Returns every schema by its path."""
    schemas = {kind: json.dumps(build_event_schema(kind), indent=2) + "\n" for kind in DETAILS}
    return {FOLDER / f"{format_file_name(kind)}.schema.json": text for kind, text in schemas.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in build_files().items():
        path.write_text(text)
