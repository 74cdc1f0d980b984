"""The ledger's records as DynamoDB items and back.

Keys: `source#<source_id>` holds the photo's place (`source`) and its jobs (`job#<job_id>`), so that one query shows
all, and before them who waits to hear of it (`asked#<ident>`); `lane#<provider>` a lane's health;
`content#<content_key>` who pays for some content (`owner`) and which jobs
have ever waited for it (`waiting#<job_id>`); `budget#<day>` what the day (UTC) has committed, in micro-dollars.
An item's `body` is the record as JSON (people's metadata may nest deeper and count further than DynamoDB's own types);
the other attributes are for fences, for the index `watch`, for DynamoDB's time to live, and for readers.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from backdrop.aws.aws_errors import RETRY_SECONDS
from backdrop.model.circuit import Lane
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop.model.image_request import Asked
from backdrop.model.job import Item, Job, Owner, Source
from backdrop.model.retention import forgotten_at
from backdrop.model.schedule import Day, Run, watched

JOB_PREFIX, ASKED_PREFIX, SOURCE, WAITING_PREFIX = "job#", "asked#", "source", "waiting#"
# DynamoDB deletes the note that a job waits after so long: no job waits longer without being looked at.
WAITING_KEPT = timedelta(days=30)
Key = tuple[str, str]
Attributes = dict[str, Any]


def key_of(item: Item) -> Key:
    """Where an item lies: partition and sort key."""
    match item:
        case Job():
            return f"source#{item.source_id}", f"{JOB_PREFIX}{item.job_id}"
        case Source():
            return f"source#{item.source_id}", SOURCE
        case Asked():
            return f"source#{item.source_id}", f"{ASKED_PREFIX}{item.ident}"
        case Lane():
            return f"lane#{item.provider}", "lane"
        case Run():
            return "reconcile", "run"
        case _:
            raise TypeError(type(item).__name__)


def owner_key(content_key: str) -> Key:
    """Where it stands who pays for some content."""
    return f"content#{content_key}", "owner"


def waiting_key(content_key: str, job_id: str) -> Key:
    """Where it stands that a job has waited for the owner of some content."""
    return f"content#{content_key}", f"{WAITING_PREFIX}{job_id}"


def day_key(day: str) -> Key:
    """Where a day's sums stand."""
    return f"budget#{day}", "budget"


def attributes_of(key: Key) -> Attributes:
    """A key as DynamoDB takes it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def item_of(record: Item, kept_days: int = 0) -> Attributes:
    """A record as a whole item; `kept_days`: so long after its end it is kept, 0 for ever."""
    shown = {"write_id": record.write_id, **_shown(record)}
    numbers = {"v": {"N": str(record.v)}, "rev": {"N": str(record.rev)}}
    forgotten = forgotten_at(record, kept_days)
    if forgotten:
        numbers["expires_at"] = {"N": str(int(forgotten.timestamp()))}
    watch = watched(record)
    if watch:
        shown |= {"watch": watch[0], "due": watch[1] if isinstance(watch[1], str) else instant(watch[1])}
    texts = {name: {"S": text} for name, text in shown.items()}
    return attributes_of(key_of(record)) | texts | numbers | {"body": {"S": to_json(record)}}


def _shown(record: Item) -> dict[str, str]:
    """What a person sees in the console."""
    match record:
        case Job():
            status = {"status": record.status.value, "provider": record.provider}
            waits = {"waits_because": record.waits_because.value} if record.waits_because else {}
            return {"bucket": record.bucket, "key": record.key, **status, **waits}
        case Source():
            return {"bucket": record.bucket, "key": record.key}
        case Asked():
            answer = {"answer": record.answer.value} if record.answer else {}
            return {"bucket": record.bucket, "key": record.key, **answer}
        case Lane():
            return {"paused": ",".join(pause.reason.value for pause in record.pauses) or "no"}
        case _:
            return {}


def instant(moment: datetime) -> str:
    """A time as text whose order is time's order."""
    return moment.isoformat(timespec="milliseconds")


def read[I: Item](kind: type[I], item: Mapping[str, Any]) -> I:
    """An item's record; one that another release wrote waits for that release."""
    try:
        return from_json(kind, item["body"]["S"])
    except ValidationError as error:
        words = "An item of the ledger was written by another release, which can read it."
        raise WaitError(Code.LEDGER_UNAVAILABLE, words, RETRY_SECONDS) from error


def owner_item(owner: Owner) -> Attributes:
    """Who pays for some content, as an item."""
    job = {"source_id": {"S": owner.source_id}, "job_id": {"S": owner.job_id}, "rev": {"N": str(owner.rev)}}
    return attributes_of(owner_key(owner.content_key)) | job


def waiting_item(job: Job, now: datetime) -> Attributes:
    """The note that a job waits for the owner of its content, as an item."""
    forgotten = {"expires_at": {"N": str(int((now + WAITING_KEPT).timestamp()))}}
    return attributes_of(waiting_key(job.content_key, job.job_id)) | {"source_id": {"S": job.source_id}} | forgotten


def read_owner(item: Mapping[str, Any]) -> Owner:
    """Who pays for some content."""
    content = item["pk"]["S"].partition("#")[2]
    source, job, rev = item["source_id"]["S"], item["job_id"]["S"], int(item["rev"]["N"])
    return Owner(content_key=content, source_id=source, job_id=job, rev=rev)


def read_day(day: str, item: Mapping[str, Any]) -> Day:
    """A day's sums."""
    sums = {name: int(item[name]["N"]) for name in ("reserved", "certain", "unknown", "cap") if name in item}
    return Day(day, **sums)
