"""The deployment check: before lanes open, it refuses parameters that would let no call start.

CloudFormation calls it as a custom resource and waits for one answer over HTTP. Rules in
`template.yaml` refuse what can be said without arithmetic; this function does the rest, and looks
whether existing buckets are there and how many functions the account may run at a time. It needs
nothing but the runtime's own libraries, so that no broken layer can keep it from answering.
"""

import json
import logging
import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PROVIDERS = ("Ideogram", "Segmind", "OneMin", "Runware")
WHOLE_NUMBERS = (
    *(f"{provider}MaxInFlight" for provider in PROVIDERS),
    *(f"{provider}TimeoutSeconds" for provider in PROVIDERS),
    "RenderTimeoutSeconds",
    "LaneVisibilitySeconds",
    "SettleSeconds",
    "MaxImageMegapixels",
    "LedgerRetentionDays",
)
# What an invocation needs beside the call itself: 5 s to read ledger, photo and key, 10 s to write the answer down.
MARGIN_SECONDS = 15
ANSWER_SECONDS = 10
# Longer than any message or campaign that may still name a job: a forgotten job could be bought again for it.
LEAST_RETENTION_DAYS = 30
# CloudFormation takes at most 4,096 bytes for the whole answer.
REASON_CHARACTERS = 3_000
PLAIN_DOLLARS = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SIDES = ("Input", "Output")
FORBIDDEN, NOT_FOUND = 403, 404
# What template.yaml opens by itself, and never refuses: a new account, which has a concurrency of 10, can be tried out.
DEFAULT_LANES = {"Ideogram": 10, "Segmind": 0, "OneMin": 0, "Runware": 0}
# What the other functions need next to the lanes, as `backdrop doctor` counts it.
SPARE_CONCURRENCY = 20
# AWS's own key for S3, which every principal of the account may use through S3.
KEY_OF_AWS = "alias/aws/s3"
# A role's new rights may hold only after some seconds (IAM User Guide, "Changes are not always immediately visible").
TRIES, PAUSE_SECONDS = 5, 3
QUICK = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
BROKEN = "The deployment check itself broke; its log group has the error. Nothing was deployed."

logger = logging.getLogger(__name__)


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Answer CloudFormation's request, also when the check itself breaks.

    Raises: whatever broke, after the answer was sent, so that the log and Lambda's `Errors` show
    it; `OSError` when the answer could not be sent (Lambda then invokes twice more).
    """
    refusals, note = [BROKEN], ""
    try:
        refusals, note = ([], "") if event["RequestType"] == "Delete" else check(event)
    finally:
        send(event, refusals, note)


def check(event: Mapping[str, Any]) -> tuple[list[str], str]:
    """Every reason to refuse a deployment, and what the stack says of its concurrency if there is none."""
    refusals = [*problems(event["ResourceProperties"]), *unusable(event)]
    if refusals:
        return refusals, ""
    note = concurrency_note(lanes(event["ResourceProperties"]), account_concurrency())
    return ([note.text], "") if note.starving and opens_more(event) else ([], note.text)


def problems(parameters: Mapping[str, str]) -> list[str]:
    """Every reason to refuse these parameters; each names them and what to set instead."""
    unreadable = [_not_whole(name, parameters[name]) for name in WHOLE_NUMBERS]
    found = [problem for problem in unreadable if problem]
    if found:
        return found
    calls = (_call_too_long(provider, parameters) for provider in PROVIDERS)
    buckets = (_bad_name(side, parameters) for side in SIDES)
    checks = (
        *calls,
        _lane_too_short(parameters),
        _forgets_too_soon(parameters),
        _no_plain_dollars(parameters["DailyBudgetUSD"]),
        *buckets,
        _same_bucket(parameters),
        _reads_pictures(parameters),
    )
    return [problem for problem in checks if problem]


def _not_whole(name: str, value: str) -> str:
    if value.isascii() and value.isdigit() and str(int(value)) == value:
        return ""
    return f"{name}={value} is not a whole number. Write it plainly, such as 10."


def _no_plain_dollars(value: str) -> str:
    """CloudFormation takes `.5`, `01` and `nan` for numbers; the dashboard's JSON does not."""
    if PLAIN_DOLLARS.fullmatch(value):
        return ""
    return f"DailyBudgetUSD={value} is no plain number of dollars. Write it such as 10 or 0.5."


def _call_too_long(provider: str, parameters: Mapping[str, str]) -> str:
    call, limit = f"{provider}TimeoutSeconds", int(parameters["RenderTimeoutSeconds"])
    seconds = int(parameters[call])
    if parameters[f"{provider}MaxInFlight"] == "0" or seconds + MARGIN_SECONDS <= limit:
        return ""
    return (
        f"{call}={seconds} does not fit into RenderTimeoutSeconds={limit}: a call takes up to "
        f"{seconds} s, what goes before and after it {MARGIN_SECONDS} s, so none could start. Set "
        f"RenderTimeoutSeconds to {seconds + MARGIN_SECONDS} or more, or {call} to "
        f"{limit - MARGIN_SECONDS} or less."
    )


def _lane_too_short(parameters: Mapping[str, str]) -> str:
    lane, limit = (int(parameters[n]) for n in ("LaneVisibilitySeconds", "RenderTimeoutSeconds"))
    if lane >= limit:
        return ""
    return (
        f"LaneVisibilitySeconds={lane} is shorter than RenderTimeoutSeconds={limit}: a job would "
        f"be handed out again while it is being paid. Set LaneVisibilitySeconds to {limit} or more."
    )


def _forgets_too_soon(parameters: Mapping[str, str]) -> str:
    days = int(parameters["LedgerRetentionDays"])
    if days == 0 or days >= LEAST_RETENTION_DAYS:
        return ""
    return (
        f"LedgerRetentionDays={days} is too short: dead letters live for 14 days and campaigns for 7, and no "
        f"job may be forgotten before them. Set it to {LEAST_RETENTION_DAYS} or more, or to 0 (never)."
    )


def _bad_name(side: str, parameters: Mapping[str, str]) -> str:
    name = parameters[f"{side}BucketName"]
    if BUCKET_NAME.fullmatch(name):
        return ""
    return (
        f"'{name}' cannot be the {side.lower()} bucket's name (3 to 63 characters, a-z, 0-9 and "
        f"hyphens). Give the stack a shorter name in lower case, or set {side}Bucket."
    )


def _same_bucket(parameters: Mapping[str, str]) -> str:
    name = parameters["InputBucketName"]
    if name != parameters["OutputBucketName"]:
        return ""
    return (
        f"'{name}' would be both input and output bucket, and each picture would be bought a new "
        "background again. Set InputBucket and OutputBucket to different buckets."
    )


def _reads_pictures(parameters: Mapping[str, str]) -> str:
    name = parameters["OutputBucketName"]
    if name not in parameters["ReadableBuckets"].split(","):
        return ""
    return f"'{name}' is the output bucket, and pictures are no photos to be asked for. Take it out of ReadableBuckets."


@dataclass(frozen=True)
class Note:
    """What the account's concurrency means for the lanes; `starving` where they can use all of it."""

    text: str
    starving: bool = False


def lanes(parameters: Mapping[str, str]) -> dict[str, int]:
    """How many calls each provider's lane may have open."""
    return {provider: int(parameters.get(f"{provider}MaxInFlight", "0")) for provider in PROVIDERS}


def opens_more(event: Mapping[str, Any]) -> bool:
    """Whether a deployment asks for more calls than the stack has now, and for others than the defaults.

    Only that is refused for concurrency, so that every other update of a stack, and a rollback, goes through.
    """
    asked, before = lanes(event["ResourceProperties"]), lanes(event.get("OldResourceProperties", {}))
    return asked != DEFAULT_LANES and sum(asked.values()) > sum(before.values())


def concurrency_note(asked: Mapping[str, int], limit: int | None) -> Note:
    """Compares the calls of all lanes with the functions that the account may run at a time; None: not known."""
    calls = sum(asked.values())
    values = ", ".join(f"{provider}MaxInFlight={most}" for provider, most in asked.items() if most)
    if limit is None:
        return Note(f"Unknown: Lambda did not report the account's concurrency. The lanes use up to {calls:,}.")
    if calls + SPARE_CONCURRENCY <= limit:
        return Note(f"Enough: the account has {limit:,}, and the lanes use up to {calls:,} ({values}).")
    more = "ask for more in the Service Quotas console (Lambda, Concurrent executions)"
    if calls < limit:
        return Note(
            f"Short: the account has {limit:,}, and the lanes use up to {calls:,} ({values}), which leaves "
            f"{limit - calls:,} to all other functions. Before you drop many photos, {more}."
        )
    return Note(
        f"Too little: this account may run {limit:,} Lambda functions at a time, and the lanes alone can use all of "
        f"them ({values}). While they do, intake, deliver and reconcile do not run, and pictures that are paid for "
        f"come late. Lower the sum of all MaxInFlight to {max(2, limit // 2):,} or less, or {more}.",
        starving=True,
    )


def account_concurrency() -> int | None:
    """How many functions the account may run at a time in this region; None where Lambda does not say."""
    client = boto3.client("lambda", config=QUICK)
    for _ in range(TRIES):
        try:
            return client.get_account_settings()["AccountLimit"].get("ConcurrentExecutions")
        except (ClientError, BotoCoreError) as error:
            logger.warning("Lambda does not report its limits: %s", error)
            response = getattr(error, "response", {})
            if response.get("ResponseMetadata", {}).get("HTTPStatusCode") != FORBIDDEN:
                break
            time.sleep(PAUSE_SECONDS)
    return None


def unusable(event: Mapping[str, Any]) -> list[str]:
    """Every existing bucket that cannot serve; one that the stack has already is not looked at again.

    So a rollback, which asks for what was there before, never fails for a bucket.
    """
    asked, before = _given(event["ResourceProperties"]), _given(event.get("OldResourceProperties", {}))
    region, account = event["StackId"].split(":")[3:5]
    # A rollback to a release without this parameter sends none, and no bucket is then refused for its key.
    keys = event["ResourceProperties"].get("KmsKeyArns")
    new = [(side, name) for side, name in asked.items() if name and name != before[side]]
    found = (_not_ours(side, name, region, account) or _key_not_given(side, name, account, keys) for side, name in new)
    return [problem for problem in found if problem]


def _given(parameters: Mapping[str, str]) -> dict[str, str]:
    """The existing buckets by side; an older release does not tell of them."""
    return {side: parameters.get(f"{side}Bucket", "") for side in SIDES}


def _not_ours(side: str, name: str, region: str, account: str) -> str:
    """Why a bucket cannot serve; empty where it can, and where S3 does not say: `backdrop doctor` looks again."""
    status, where = _head(name, account)
    if status == NOT_FOUND:
        return (
            f"{side}Bucket={name} is not there. Make it in {region} first, or leave {side}Bucket empty for a new one."
        )
    if where not in ("", region):
        return (
            f"{side}Bucket={name} lies in {where}, the stack in {region}. Name a bucket in {region}, or deploy there."
        )
    if status == FORBIDDEN:
        return (
            f"{side}Bucket={name} is not for this account ({account}): it belongs to another one, or its own policy "
            f"keeps the stack's roles out. Name a bucket of this account, or leave {side}Bucket empty for a new one."
        )
    return ""


def _key_not_given(side: str, name: str, account: str, keys: str | None) -> str:
    """Why the bucket's default key keeps the stack out; empty where it does not, or where only doctor can tell."""
    key = "" if keys is None else _default_key(name, account)
    if not key or _is_given(key, keys or ""):
        return ""
    return (
        f"{side}Bucket={name} is encrypted with the KMS key {key}, which the stack may not use: S3 would refuse "
        "to read or write its files. Set KmsKeyArns to the key's ARN; docs/deploying.md says what its policy needs."
    )


def _is_given(key: str, keys: str) -> bool:
    """Whether the list of ARNs has the key. An alias may stand for any of them, but for none in an empty list."""
    resource = key.rpartition(":")[2]
    if resource.startswith("alias/"):
        return bool(keys)
    return any(arn == key or arn.endswith(f":key/{key}") for arn in keys.split(","))


def _default_key(name: str, account: str) -> str:
    """The customer managed key with which S3 encrypts what is put into the bucket; empty for a key of S3 or AWS.

    Also empty where S3 does not say. An ARN, an id, or an alias, as the bucket's owner wrote it.
    """
    client = boto3.client("s3", config=QUICK)
    try:
        found = client.get_bucket_encryption(Bucket=name, ExpectedBucketOwner=account)
    except (BotoCoreError, ClientError) as error:
        logging.getLogger(__name__).warning("S3 does not say how %s is encrypted: %s", name, error)
        return ""
    [rule] = found["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    is_kms = default.get("SSEAlgorithm", "").startswith("aws:kms")
    key = default.get("KMSMasterKeyID", "") if is_kms else ""
    return "" if key.endswith(KEY_OF_AWS) else key


def _head(name: str, account: str) -> tuple[int, str]:
    """S3's status for a bucket of this account, and the region where it lies, as far as S3 says."""
    client, status, where = boto3.client("s3", config=QUICK), 0, ""
    for attempt in range(TRIES):
        try:
            found = client.head_bucket(Bucket=name, ExpectedBucketOwner=account)
            return found["ResponseMetadata"]["HTTPStatusCode"], found.get("BucketRegion", "")
        except ClientError as error:
            said: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
            status, where = said.get("HTTPStatusCode", 0), said.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
        except BotoCoreError as error:
            logger.warning("S3 does not answer: %s", type(error).__name__)
            return 0, ""
        if status != FORBIDDEN or attempt == TRIES - 1:
            break
        time.sleep(PAUSE_SECONDS)
    return status, where


def send(event: Mapping[str, Any], refusals: list[str], note: str = "") -> None:
    """Put the answer where CloudFormation waits for it. Raises: `OSError` when it is not taken."""
    answer = {
        "Status": "FAILED" if refusals else "SUCCESS",
        "Reason": " ".join(refusals)[:REASON_CHARACTERS] or "The parameters fit together.",
        # The id never changes: a new one would make CloudFormation delete the old resource.
        "PhysicalResourceId": "deployment-check",
        "Data": {"ConcurrencyNote": note},
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # The address is CloudFormation's own and signed without a content type.
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"],
        data=json.dumps(answer).encode(),
        headers={"Content-Type": ""},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()  # noqa: S310
