"""The name and the reason of each request. A request without a name is an error, so that none goes unnoticed."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backdrop.model.object_keys import (
    DEFAULTS_NAME,
    ERRORS_PREFIX,
    INPUTS_PREFIX,
    PAID_PREFIX,
    RECEIPTS_PREFIX,
    RESERVED_PREFIX,
    RESULTS_PREFIX,
)
from bench.aws_cost.recorder import RecordedRequest

OUTPUT_OBJECTS = {
    f"{RECEIPTS_PREFIX}/": "the receipt",
    f"{ERRORS_PREFIX}/": "the error report",
    f"{PAID_PREFIX}/": "the provider's file",
    f"{INPUTS_PREFIX}/": "the prepared photo",
    f"{RESULTS_PREFIX}/": "a result without a link",
    f"{RESERVED_PREFIX}/work/answers": "spooled answers",
}
PARTITIONS = {
    "reconcile": "its own item",
    "content": "the owner of the content",
    "lane": "the lane",
    "mandates": "the mandates",
    "budget": "the day's budget",
}
RequestName = tuple[str, str, str]

REASONS: Mapping[RequestName, str] = {
    ("intake", "BatchGetItem", "the photo, the mandates"): "whether the photo is new, and whose mandate pays",
    ("intake", "GetItem", "the mandates"): "whose mandate pays for the photo",
    ("intake", "Query", "the photo with its jobs"): "the photo's state in the ledger, before it is checked",
    ("intake", "GetObject", "the photo"): "its current bytes: the event's content is not trusted",
    ("intake", "GetObject", "the sidecar"): "the instructions",
    ("intake", "GetObjectTagging", "the photo"): "its tags, if it has any",
    ("intake", "PutObject", "the receipt"): "the first receipt, as soon as there is a job",
    ("intake", "GetObject", "folder defaults"): "the defaults of each folder above, once per batch",
    ("intake", "ListObjectsV2", "the photo"): "a sidecar arrived: the photos to which it can apply",
    ("intake", "PutObject", "the prepared photo"): "a photo that must be converted, prepared once",
    (
        "intake",
        "TransactWriteItems",
        "the photo, a job, the content's owner",
    ): "the job, its photo, and its content's owner, in one transaction",
    ("intake", "TransactWriteItems", "the photo"): "that the photo waits for instructions, or was checked again",
    ("intake", "SendMessage", "the lane"): "puts the job into its lane",
    ("intake", "SendMessage", "deliver"): "more than a first receipt, or pending requests",
    ("intake", "SendMessage", "intake"): "a check when the settle time is over",
    (
        "render",
        "BatchGetItem",
        "the job, the lane, the mandates",
    ): "the job's current state, whether its lane allows calls, and whose mandate pays",
    ("render", "GetItem", "the job"): "the job as written meanwhile: the provider's ID of the work",
    ("render", "GetItem", "the lane"): "whether the lane allows calls by now",
    ("render", "GetItem", "the owner of the content"): "whether another job pays for the same content",
    ("render", "Query", "the photo with its jobs"): "whether the photo still names the job",
    ("render", "GetObject", "the photo"): "the bytes to send, whose hash must be the job's",
    ("render", "GetObject", "the prepared photo"): "the bytes to send, if intake prepared them",
    ("render", "GetObject", "reference pictures"): "the style reference pictures",
    ("render", "ListObjectsV2", "the prepared photo"): "whether it is still there",
    ("render", "PutObject", "the prepared photo"): "a link for the provider to read",
    ("render", "PutObject", "a result without a link"): "the picture was in the response itself",
    ("render", "ListObjectsV2", "spooled answers"): "an answer that the ledger did not take last time",
    ("render", "TransactWriteItems", "a job as submitting, the day's budget"): "the claim: attempt and reservation",
    ("render", "TransactWriteItems", "a job as submitting"): "the provider's ID of the work",
    ("render", "TransactWriteItems", "a job as paid, the day's budget"): "the answer, and what it cost",
    ("render", "SendMessage", "deliver"): "sends the paid job to deliver",
    ("render", "GetSecretValue", ""): "the provider's key, read again every few minutes",
    ("deliver", "Query", "the photo with its jobs"): "the documents are built from all of it",
    ("deliver", "Query", "waiting copies"): "they continue when the job ends",
    ("deliver", "GetItem", "the lane"): "whether the delivered picture ends a row of undelivered ones",
    (
        "deliver",
        "HeadObject",
        "the receipt",
    ): "the receipt to replace: the write fails if another worker was faster",
    ("deliver", "PutObject", "the receipt"): "the receipt, when the job ends",
    ("deliver", "ListObjectsV2", "the provider's file"): "whether an earlier delivery fetched it",
    ("deliver", "HeadObject", "the provider's file"): "whether an earlier delivery fetched it",
    ("deliver", "GetObject", "the provider's file"): "the paid file that an earlier delivery saved",
    ("deliver", "PutObject", "the provider's file"): "the provider's original file",
    ("deliver", "HeadObject", "a result without a link"): "its size, before it is opened",
    ("deliver", "GetObject", "a result without a link"): "the picture that came without a link",
    ("deliver", "HeadObject", "a picture"): "the picture to replace",
    ("deliver", "PutObject", "a picture"): "the picture",
    ("deliver", "GetObject", "the photo"): "its own pixels, for a full-size cut-out",
    ("deliver", "HeadObject", "the error report"): "an existing error report",
    ("deliver", "DeleteObject", "the error report"): "the problems are resolved",
    ("deliver", "TransactWriteItems", "a job as stored"): "the end of the job",
    ("deliver", "PutEvents", "the bus"): "Image Completed",
    ("deliver", "Query", "pending requests"): "the task tokens to answer",
    ("deliver", "SendTaskSuccess", ""): "the answer to a task token",
    ("deliver", "TransactWriteItems", "pending requests"): "that the request was answered",
}


NAMED_FUNCTIONS = frozenset(function for function, _, _ in REASONS)


@dataclass(frozen=True)
class RequestCount:
    """A kind of request, and its count per image. `subject` is empty for functions that do not process images."""

    function: str
    service: str
    operation: str
    subject: str
    times: float

    @property
    def reason(self) -> str:
        return REASONS[self.function, self.operation, self.subject]


class UnnamedRequestError(Exception):
    """A request has no name in `REASONS`."""


def count_by_name(requests: Iterable[RecordedRequest], images: int) -> tuple[RequestCount, ...]:
    """Counts requests by kind, in the order in which each was first made.

    Raises:
        UnnamedRequestError: a request has no name.
    """
    found = Counter((one.function, one.service, one.operation, _name_subject(one)) for one in requests)
    unnamed = [name for name in found if name[0] in NAMED_FUNCTIONS and (name[0], *name[2:]) not in REASONS]
    if unnamed:
        raise UnnamedRequestError(f"these requests have no name: {unnamed}")
    return tuple(RequestCount(*name, times / images) for name, times in found.items())


def _name_subject(request: RecordedRequest) -> str:
    if request.function not in NAMED_FUNCTIONS:
        return ""
    match request.service:
        case "s3":
            return _name_object(*request.path.split("/", 1))
        case "sqs":
            return _name_queue(request.sent["QueueUrl"])
        case "dynamodb":
            return _name_items(request)
        case "events":
            return "the bus"
        case _:
            return ""


def _name_object(bucket: str, key: str = "") -> str:
    if "-output-" in bucket:
        return next((what for prefix, what in OUTPUT_OBJECTS.items() if key.startswith(prefix)), "a picture")
    if key.endswith(DEFAULTS_NAME):
        return "folder defaults"
    return "the sidecar" if key.endswith(".json") else "the photo"


def _name_queue(url: str) -> str:
    for part, what in {"IntakeQueue": "intake", "DeliverQueue": "deliver", "DeadLetterQueue": "dead letters"}.items():
        if part in url:
            return what
    return "the lane"


_QUERIES = {"asked": "pending requests", "waiting": "waiting copies"}


def _name_items(request: RecordedRequest) -> str:
    if request.operation == "Query":
        since = request.sent["ExpressionAttributeValues"].get(":since", {}).get("S", "")
        return _QUERIES.get(since.partition("#")[0], "the photo with its jobs")
    if request.operation == "TransactWriteItems":
        writes = (one for write in request.sent["TransactItems"] for one in write.values())
        return ", ".join(_name_item(one.get("Item") or one["Key"], is_written=True) for one in writes)
    if request.operation == "BatchGetItem":
        (table_request,) = request.sent["RequestItems"].values()
        return ", ".join(dict.fromkeys(_name_item(key, is_written=False) for key in table_request["Keys"]))
    return _name_item(request.sent["Key"], is_written=False) if "Key" in request.sent else ""


def _name_item(item: Mapping[str, Any], *, is_written: bool) -> str:
    kind, sort = item["pk"]["S"].partition("#")[0], item["sk"]["S"]
    if kind != "source":
        return "the content's owner" if is_written and kind == "content" else PARTITIONS[kind]
    if sort.startswith("asked#"):
        return "pending requests"
    if not sort.startswith("job#"):
        return "the photo"
    if not is_written:
        return "the job"
    status = json.loads(item["body"]["S"])["status"]
    return "a job" if status == "accepted" else f"a job as {status}"
