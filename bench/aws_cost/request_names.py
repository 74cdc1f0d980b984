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
    f"{INPUTS_PREFIX}/": "what is sent",
    f"{RESULTS_PREFIX}/": "a result without a link",
    f"{RESERVED_PREFIX}/work/answers": "answers put aside",
}
PARTITIONS = {
    "reconcile": "its own item",
    "content": "the owner of the content",
    "lane": "the lane",
    "budget": "the day's budget",
}
RequestName = tuple[str, str, str]

REASONS: Mapping[RequestName, str] = {
    ("intake", "BatchGetItem", "the photo"): "of which photos of a batch nothing is known yet",
    ("intake", "Query", "the photo with its jobs"): "what is known of the photo, before it is looked at",
    ("intake", "GetObject", "the photo"): "its bytes as they are now; an event's word is not trusted",
    ("intake", "GetObject", "the sidecar"): "what is wanted",
    ("intake", "GetObjectTagging", "the photo"): "what its tags say, where it has any",
    ("intake", "PutObject", "the receipt"): "the first receipt, as soon as there is a job",
    ("intake", "GetObject", "folder defaults"): "what it inherits from each folder above, once a batch",
    ("intake", "ListObjectsV2", "the photo"): "a sidecar came: for which photos may it speak?",
    ("intake", "PutObject", "what is sent"): "a photo that does not pass as it is, made ready once",
    (
        "intake",
        "TransactWriteItems",
        "the photo, a job, who pays",
    ): "the job, its photo and its content's owner, at once",
    ("intake", "TransactWriteItems", "the photo"): "that it waits for a word, or that a look came again",
    ("intake", "SendMessage", "the lane"): "the job into its lane",
    ("intake", "SendMessage", "deliver"): "what is more than a first receipt, or who waits to hear",
    ("intake", "SendMessage", "intake"): "a reminder when the time to wait is over",
    ("render", "BatchGetItem", "the job, the lane"): "the job as it stands now, and whether its lane may pay",
    ("render", "GetItem", "the job"): "the job as it was written meanwhile: the provider's name for the work",
    ("render", "GetItem", "the lane"): "whether the lane may pay by now",
    ("render", "GetItem", "the owner of the content"): "whether somebody else pays for the same content",
    ("render", "Query", "the photo with its jobs"): "whether the photo still names the job",
    ("render", "GetObject", "the photo"): "the bytes that are sent; their hash is the job's",
    ("render", "GetObject", "what is sent"): "the bytes that are sent, where intake made them ready",
    ("render", "GetObject", "reference pictures"): "the pictures whose style is wanted",
    ("render", "ListObjectsV2", "what is sent"): "whether it is still there",
    ("render", "PutObject", "what is sent"): "a link from which the provider reads it",
    ("render", "PutObject", "a result without a link"): "the picture came in the answer itself",
    ("render", "ListObjectsV2", "answers put aside"): "an answer that the ledger did not take last time",
    ("render", "TransactWriteItems", "a job as submitting, the day's budget"): "the claim: attempt and reservation",
    ("render", "TransactWriteItems", "a job as submitting"): "the name that the provider gave the work",
    ("render", "TransactWriteItems", "a job as paid, the day's budget"): "the answer, and what it cost",
    ("render", "SendMessage", "deliver"): "the paid job is handed over",
    ("render", "GetSecretValue", ""): "the provider's key, read anew every few minutes",
    ("deliver", "Query", "the photo with its jobs"): "the views are built from all of it",
    ("deliver", "Query", "the copies that wait"): "they continue when the job ends",
    (
        "deliver",
        "HeadObject",
        "the receipt",
    ): "which receipt is replaced: the write is refused where somebody was faster",
    ("deliver", "PutObject", "the receipt"): "the receipt, when the job ends",
    ("deliver", "ListObjectsV2", "the provider's file"): "whether an earlier delivery fetched it",
    ("deliver", "HeadObject", "the provider's file"): "whether an earlier delivery fetched it",
    ("deliver", "GetObject", "the provider's file"): "the paid file that an earlier delivery kept",
    ("deliver", "PutObject", "the provider's file"): "the provider's file untouched",
    ("deliver", "HeadObject", "a result without a link"): "its size, before it is opened",
    ("deliver", "GetObject", "a result without a link"): "the picture that came without a link",
    ("deliver", "HeadObject", "a picture"): "which picture is replaced",
    ("deliver", "PutObject", "a picture"): "the picture",
    ("deliver", "GetObject", "the photo"): "its own pixels, cut out in full size",
    ("deliver", "HeadObject", "the error report"): "the report that may lie there",
    ("deliver", "DeleteObject", "the error report"): "all is right again",
    ("deliver", "TransactWriteItems", "a job as stored"): "the end",
    ("deliver", "PutEvents", "the bus"): "Image Completed",
    ("deliver", "Query", "who waits to hear"): "whose task tokens are not answered",
    ("deliver", "SendTaskSuccess", ""): "the answer to a task token",
    ("deliver", "TransactWriteItems", "who waits to hear"): "that he was answered",
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


_QUERIES = {"asked": "who waits to hear", "waiting": "the copies that wait"}


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
        return "who pays" if is_written and kind == "content" else PARTITIONS[kind]
    if sort.startswith("asked#"):
        return "who waits to hear"
    if not sort.startswith("job#"):
        return "the photo"
    if not is_written:
        return "the job"
    status = json.loads(item["body"]["S"])["status"]
    return "a job" if status == "accepted" else f"a job as {status}"
