"""Converts the ledger's records to DynamoDB items and back.

| partition key           | sort key           | item                                                       |
|-------------------------|--------------------|------------------------------------------------------------|
| `source#<source_id>`    | `asked#<id>`       | a request for the photo                                    |
| `source#<source_id>`    | `job#<job_id>`     | one of the photo's jobs                                    |
| `source#<source_id>`    | `source`           | the photo                                                  |
| `lane#<provider>`       | `lane`             | the health of a lane                                       |
| `lane#<provider>`       | `places`           | the places at the provider that calls hold or wait for     |
| `content#<content_id>`  | `owner`            | the job that pays for the content                          |
| `content#<content_id>`  | `waiting#<job_id>` | a job that has waited for the owner                        |
| `name#<name>`           | `claim`            | the photo whose pictures have the name                     |
| `review#<job_id>`       | `source`           | the photo of a job that was reviewed                       |
| `budget#<day>`          | `budget`           | spending committed on the day (UTC), in micro-dollars      |
| `share#<day>#<number>`  | `share`            | spending committed on one share of the day's budget        |
| `mandates`              | `registry`         | the mandates' names by the folder that they own            |
| `mandate#<name>`        | `mandate`          | a mandate's terms, and what was spent under it             |
| `reconcile`             | `run`              | reconcile's lock and cursors                               |
| `usage#<day>`           | `usage`            | Ideogram's usage records of the day (UTC), as last read    |
| `bill`                  | `run`              | the state of the comparison with these records             |
| `price-check`           | `run`              | what the check of Ideogram's prices found, and its charges |

One query returns jobs and source without the requests, which sort before them.

An item's `body` is the record as JSON, because customers' metadata may nest deeper, and have more digits, than
DynamoDB's own types allow. The other attributes are for conditions, the index `watch`, time to live, and people.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backdrop.aws.aws_errors import RETRY_SECONDS
from backdrop.model.bill_records import BillState, UsageDay
from backdrop.model.budget_shares import BudgetShare
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import ContentOwner, Job, JobStatus, LedgerItem, Source
from backdrop.model.mandate import Mandate, MandateAccount, MandateRegistry
from backdrop.model.picture_names import NameClaim
from backdrop.model.place_leases import PlaceLeases
from backdrop.model.price_check import PriceCheck
from backdrop.model.retention import calculate_expiry
from backdrop.model.schedule import BudgetDay, ReconcileState, build_index_entry

if TYPE_CHECKING:
    from pydantic.main import IncEx

# Stored: the sort keys of the table above.
JOB_KEY_PREFIX, REQUEST_KEY_PREFIX, SOURCE_SORT_KEY, WAITING_KEY_PREFIX = "job#", "asked#", "source", "waiting#"
# Stored: an attribute of a mandate's item for each of the latest days, such as `day_2026-11-25`.
DAY_ATTRIBUTE_PREFIX = "day_"
# How long DynamoDB keeps a waiting item. Every waiting job is checked more often.
WAITING_ITEM_RETENTION = timedelta(days=30)
# Reports that scan the ledger recognize the item of the price check by its key.
PRICE_CHECK_KEY = ("price-check", "run")
AMOUNT_NAMES = ("reserved", "confirmed", "unknown")
PrimaryKey = tuple[str, str]
AttributeMap = dict[str, Any]


def build_primary_key(item: LedgerItem) -> PrimaryKey:
    """Returns an item's partition and sort key."""
    match item:
        case Job():
            return f"source#{item.source_id}", f"{JOB_KEY_PREFIX}{item.job_id}"
        case Source():
            return f"source#{item.source_id}", SOURCE_SORT_KEY
        case ImageRequest():
            return f"source#{item.source_id}", f"{REQUEST_KEY_PREFIX}{item.request_id}"
        case ProviderHealth():
            return f"lane#{item.provider}", "lane"
        case PlaceLeases():
            return f"lane#{item.provider}", "places"
        case ReconcileState():
            return "reconcile", "run"
        case UsageDay():
            return f"usage#{item.day}", "usage"
        case BillState():
            return "bill", "run"
        case PriceCheck():
            return PRICE_CHECK_KEY
        case MandateRegistry():
            return "mandates", "registry"
        case Mandate():
            return mandate_key(item.name)
        case _:
            raise TypeError(type(item).__name__)


def content_owner_key(content_id: str) -> PrimaryKey:
    return f"content#{content_id}", "owner"


def waiting_key(content_id: str, job_id: str) -> PrimaryKey:
    return f"content#{content_id}", f"{WAITING_KEY_PREFIX}{job_id}"


def name_claim_key(name: str) -> PrimaryKey:
    return f"name#{name}", "claim"


def reviewed_job_key(job_id: str) -> PrimaryKey:
    return f"review#{job_id}", "source"


def mandate_key(name: str) -> PrimaryKey:
    return f"mandate#{name}", "mandate"


def mandate_day_attribute(day: str) -> str:
    """Returns the name of the attribute with what is committed on one day (UTC)."""
    return f"{DAY_ATTRIBUTE_PREFIX}{day}"


def budget_day_key(day: str) -> PrimaryKey:
    return f"budget#{day}", "budget"


def budget_share_key(day: str, number: int) -> PrimaryKey:
    """Each share has a partition of its own, because DynamoDB limits the writes of one partition."""
    return f"share#{day}#{number}", "share"


def to_key_attributes(key: PrimaryKey) -> AttributeMap:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def to_item(record: LedgerItem, retention_days: int = 0) -> AttributeMap:
    """Returns the item of a record, which expires `retention_days` after the record's end, or never if that is 0."""
    text_attributes = {"write_id": record.write_id, **_build_console_attributes(record)}
    number_attributes = {"v": {"N": str(record.v)}, "lock_version": {"N": str(record.lock_version)}}
    expires_at = calculate_expiry(record, retention_days)
    if expires_at:
        number_attributes["expires_at"] = {"N": str(int(expires_at.timestamp()))}
    index_entry = build_index_entry(record)
    if index_entry:
        text_attributes |= {
            "watch": index_entry[0],
            "due": index_entry[1] if isinstance(index_entry[1], str) else to_sortable_timestamp(index_entry[1]),
        }
    string_values = {name: {"S": text} for name, text in text_attributes.items()}
    return (
        to_key_attributes(build_primary_key(record))
        | string_values
        | number_attributes
        | {"body": {"S": to_json(record, omit=_list_unused_fields(record))}}
    )


def _list_unused_fields(record: LedgerItem) -> "IncEx | None":
    """Returns the fields of features that a job does not use, so that they do not cost it a write unit."""
    if not isinstance(record, Job):
        return None
    unused: dict[str, Any] = {
        name: True
        for name in ("mandate", "image_steps", "bill_wait_until", "has_signed_files")
        if not getattr(record, name)
    }
    unused_of_attempts = {
        name
        for name in ("mandate", "settlement", "budget_share")
        if not any(getattr(attempt, name) for attempt in record.attempts)
    }
    if unused_of_attempts:
        unused["attempts"] = {"__all__": unused_of_attempts}
    if not any(picture.is_signed for picture in record.results):
        unused["results"] = {"__all__": {"is_signed"}}
    if record.image_steps and not any(one.is_signed for step in record.image_steps for one in step.outcome.results):
        unused["image_steps"] = {"__all__": {"outcome": {"results": {"__all__": {"is_signed"}}}}}
    return unused


def _build_console_attributes(record: LedgerItem) -> dict[str, str]:
    """Returns attributes for people who browse the table in the AWS console."""
    match record:
        case Job():
            status = {"status": record.status.value, "provider": record.provider}
            queue_attributes = _build_queue_attributes(record)
            return {
                "bucket": record.bucket,
                "key": record.key,
                **status,
                **queue_attributes,
                **_build_fidelity_attribute(record),
                **({"mask": "yes"} if record.is_mask else {}),
            }
        case Source():
            return {"bucket": record.bucket, "key": record.key}
        case ImageRequest():
            outcome = {"outcome": record.outcome.value} if record.outcome else {}
            return {"bucket": record.bucket, "key": record.key, **outcome}
        case ProviderHealth():
            return {"paused": ",".join(pause.reason.value for pause in record.pauses) or "no"}
        case _:
            return {}


def _build_queue_attributes(job: Job) -> dict[str, str]:
    """Returns when a job began to wait, its price in micro-dollars, and why it waits, unless only for its turn.

    For a job that waits for the provider's usage records, returns until when.
    """
    if job.waits_for_bill and job.bill_wait_until:
        return {"bill_wait_until": to_sortable_timestamp(job.bill_wait_until)}
    if job.status is not JobStatus.ACCEPTED:
        return {}
    wait_reason = {"wait_reason": job.wait_reason.value} if job.wait_reason else {}
    return {"queued_at": to_sortable_timestamp(job.queued_at), "quoted": str(job.quoted), **wait_reason}


def _build_fidelity_attribute(job: Job) -> dict[str, str]:
    """Returns the verdict on each new picture, which `backdrop status` counts without reading the bodies."""
    verdicts = [one.verdict.value for one in job.fidelity_by_image.values() if one]
    return {"fidelity": ",".join(verdicts)} if verdicts else {}


def to_sortable_timestamp(timestamp: datetime) -> str:
    return timestamp.isoformat(timespec="milliseconds")


def parse_record[I: LedgerItem](record_type: type[I], item: Mapping[str, Any]) -> I:
    """Raises RetryLaterError for a record that only another release can read."""
    try:
        return from_json(record_type, item["body"]["S"])
    except ValidationError as error:
        message = "Another release of Backdrop wrote this ledger item, and this release cannot read it."
        raise RetryLaterError(Code.LEDGER_UNAVAILABLE, message, RETRY_SECONDS) from error


def content_owner_to_item(owner: ContentOwner) -> AttributeMap:
    job = {
        "source_id": {"S": owner.source_id},
        "job_id": {"S": owner.job_id},
        "lock_version": {"N": str(owner.lock_version)},
    }
    return to_key_attributes(content_owner_key(owner.content_id)) | job


def reviewed_job_to_item(job: Job) -> AttributeMap:
    """Returns the item by which a decision that names only the job finds its photo. It contains nothing else."""
    return to_key_attributes(reviewed_job_key(job.job_id)) | {"source_id": {"S": job.source_id}}


def name_claim_to_item(claim: NameClaim) -> AttributeMap:
    claimant = {"source_id": {"S": claim.source_id}, "lock_version": {"N": str(claim.lock_version)}}
    return to_key_attributes(name_claim_key(claim.name)) | claimant


def parse_name_claim(item: Mapping[str, Any]) -> NameClaim:
    name = item["pk"]["S"].partition("#")[2]
    return NameClaim(name=name, source_id=item["source_id"]["S"], lock_version=int(item["lock_version"]["N"]))


def waiting_job_to_item(job: Job, now: datetime) -> AttributeMap:
    expiry = {"expires_at": {"N": str(int((now + WAITING_ITEM_RETENTION).timestamp()))}}
    return to_key_attributes(waiting_key(job.content_id, job.job_id)) | {"source_id": {"S": job.source_id}} | expiry


def parse_content_owner(item: Mapping[str, Any]) -> ContentOwner:
    content_id = item["pk"]["S"].partition("#")[2]
    source, job, lock_version = item["source_id"]["S"], item["job_id"]["S"], int(item["lock_version"]["N"])
    return ContentOwner(content_id=content_id, source_id=source, job_id=job, lock_version=lock_version)


def parse_budget_day(day: str, item: Mapping[str, Any]) -> BudgetDay:
    names = (*AMOUNT_NAMES, "cap", "registry_version")
    return BudgetDay(day, **{name: int(item[name]["N"]) for name in names if name in item})


def parse_share_count(item: Mapping[str, Any]) -> int:
    """Returns the highest number of a share of a day's budget, from the day's item; 0 if the day has none."""
    return int(item["share_count"]["N"]) if "share_count" in item else 0


def parse_granted(item: Mapping[str, Any]) -> int:
    """Returns what a day's item has granted to the shares of its budget."""
    return int(item["granted"]["N"]) if "granted" in item else 0


def parse_budget_share(number: int, item: Mapping[str, Any]) -> BudgetShare:
    names = (*AMOUNT_NAMES, "available")
    return BudgetShare(number, **{name: int(item[name]["N"]) for name in names if name in item})


def parse_mandate_account(item: Mapping[str, Any]) -> MandateAccount:
    """Raises RetryLaterError for a mandate that only another release can read."""
    by_day = {
        name.removeprefix(DAY_ATTRIBUTE_PREFIX): int(value["N"])
        for name, value in item.items()
        if name.startswith(DAY_ATTRIBUTE_PREFIX)
    }
    amounts = {name: int(item[name]["N"]) for name in AMOUNT_NAMES if name in item}
    return MandateAccount(
        parse_record(Mandate, item), **amounts, by_day=by_day, is_overcharged="is_overcharged" in item
    )
