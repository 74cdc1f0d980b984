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
WHOLE_NUMBER_PARAMETERS = (
    *(f"{provider}MaxInFlight" for provider in PROVIDERS),
    *(f"{provider}TimeoutSeconds" for provider in PROVIDERS),
    "RenderTimeoutSeconds",
    "LaneVisibilitySeconds",
    "SettleSeconds",
    "MaxImageMegapixels",
    "LedgerRetentionDays",
)
# What an invocation needs beside the call itself: 5 s to read ledger, photo and key, 10 s to write the answer down.
CALL_MARGIN_SECONDS = 15
RESPONSE_TIMEOUT_SECONDS = 10
# Longer than any message or campaign that may still name a job: a forgotten job could be bought again for it.
MIN_RETENTION_DAYS = 30
# CloudFormation takes at most 4,096 bytes for the whole answer.
MAX_REASON_CHARACTERS = 3_000
DOLLARS_PATTERN = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
BUCKET_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BUCKET_ROLES = ("Input", "Output")
HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404
# What template.yaml opens by itself, and never refuses: a new account, which has a concurrency of 10, can be tried out.
DEFAULT_MAX_IN_FLIGHT = {"Ideogram": 10, "Segmind": 0, "OneMin": 0, "Runware": 0}
# What the other functions need next to the lanes, as `backdrop doctor` counts it.
SPARE_CONCURRENCY = 20
# AWS's own key for S3, which every principal of the account may use through S3.
AWS_MANAGED_KEY_ALIAS = "alias/aws/s3"
# A role's new rights may hold only after some seconds (IAM User Guide, "Changes are not always immediately visible").
MAX_TRIES, RETRY_PAUSE_SECONDS = 5, 3
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
CHECK_FAILED_REASON = "The deployment check itself broke; its log group has the error. Nothing was deployed."

logger = logging.getLogger(__name__)


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Answer CloudFormation's request, also when the check itself breaks.

    Raises: whatever broke, after the answer was sent, so that the log and Lambda's `Errors` show
    it; `OSError` when the answer could not be sent (Lambda then invokes twice more).
    """
    refusals, note = [CHECK_FAILED_REASON], ""
    try:
        refusals, note = ([], "") if event["RequestType"] == "Delete" else check(event)
    finally:
        send_response(event, refusals, note)


def check(event: Mapping[str, Any]) -> tuple[list[str], str]:
    """Every reason to refuse a deployment, and what the stack says of its concurrency if there is none."""
    refusals = [*find_parameter_problems(event["ResourceProperties"]), *find_bucket_problems(event)]
    if refusals:
        return refusals, ""
    note = build_concurrency_note(read_max_in_flight(event["ResourceProperties"]), read_account_concurrency())
    return ([note.text], "") if note.uses_all_concurrency and asks_for_more_calls(event) else ([], note.text)


def find_parameter_problems(parameters: Mapping[str, str]) -> list[str]:
    """Every reason to refuse these parameters; each names them and what to set instead."""
    number_problems = [_check_whole_number(name, parameters[name]) for name in WHOLE_NUMBER_PARAMETERS]
    problems_found = [problem for problem in number_problems if problem]
    if problems_found:
        return problems_found
    timeout_checks = (_check_call_timeout(provider, parameters) for provider in PROVIDERS)
    name_checks = (_check_bucket_name(side, parameters) for side in BUCKET_ROLES)
    checks = (
        *timeout_checks,
        _check_lane_visibility(parameters),
        _check_retention(parameters),
        _check_dollars(parameters["DailyBudgetUSD"]),
        *name_checks,
        _check_buckets_differ(parameters),
        _check_readable_buckets(parameters),
    )
    return [problem for problem in checks if problem]


def _check_whole_number(name: str, value: str) -> str:
    if value.isascii() and value.isdigit() and str(int(value)) == value:
        return ""
    return f"{name}={value} is not a whole number. Write it plainly, such as 10."


def _check_dollars(value: str) -> str:
    """CloudFormation takes `.5`, `01` and `nan` for numbers; the dashboard's JSON does not."""
    if DOLLARS_PATTERN.fullmatch(value):
        return ""
    return f"DailyBudgetUSD={value} is no plain number of dollars. Write it such as 10 or 0.5."


def _check_call_timeout(provider: str, parameters: Mapping[str, str]) -> str:
    call, limit = f"{provider}TimeoutSeconds", int(parameters["RenderTimeoutSeconds"])
    seconds = int(parameters[call])
    if parameters[f"{provider}MaxInFlight"] == "0" or seconds + CALL_MARGIN_SECONDS <= limit:
        return ""
    return (
        f"{call}={seconds} does not fit into RenderTimeoutSeconds={limit}: a call takes up to "
        f"{seconds} s, what goes before and after it {CALL_MARGIN_SECONDS} s, so none could start. Set "
        f"RenderTimeoutSeconds to {seconds + CALL_MARGIN_SECONDS} or more, or {call} to "
        f"{limit - CALL_MARGIN_SECONDS} or less."
    )


def _check_lane_visibility(parameters: Mapping[str, str]) -> str:
    lane, limit = (int(parameters[n]) for n in ("LaneVisibilitySeconds", "RenderTimeoutSeconds"))
    if lane >= limit:
        return ""
    return (
        f"LaneVisibilitySeconds={lane} is shorter than RenderTimeoutSeconds={limit}: a job would "
        f"be handed out again while it is being paid. Set LaneVisibilitySeconds to {limit} or more."
    )


def _check_retention(parameters: Mapping[str, str]) -> str:
    days = int(parameters["LedgerRetentionDays"])
    if days == 0 or days >= MIN_RETENTION_DAYS:
        return ""
    return (
        f"LedgerRetentionDays={days} is too short: dead letters live for 14 days and campaigns for 7, and no "
        f"job may be forgotten before them. Set it to {MIN_RETENTION_DAYS} or more, or to 0 (never)."
    )


def _check_bucket_name(role: str, parameters: Mapping[str, str]) -> str:
    name = parameters[f"{role}BucketName"]
    if BUCKET_NAME_PATTERN.fullmatch(name):
        return ""
    return (
        f"'{name}' cannot be the {role.lower()} bucket's name (3 to 63 characters, a-z, 0-9 and "
        f"hyphens). Give the stack a shorter name in lower case, or set {role}Bucket."
    )


def _check_buckets_differ(parameters: Mapping[str, str]) -> str:
    name = parameters["InputBucketName"]
    if name != parameters["OutputBucketName"]:
        return ""
    return (
        f"'{name}' would be both input and output bucket, and each picture would be bought a new "
        "background again. Set InputBucket and OutputBucket to different buckets."
    )


def _check_readable_buckets(parameters: Mapping[str, str]) -> str:
    name = parameters["OutputBucketName"]
    if name not in parameters["ReadableBuckets"].split(","):
        return ""
    return f"'{name}' is the output bucket, and pictures are no photos to be asked for. Take it out of ReadableBuckets."


@dataclass(frozen=True)
class ConcurrencyNote:
    """What the account's concurrency means for the lanes; `uses_all_concurrency` where they can use all of it."""

    text: str
    uses_all_concurrency: bool = False


def read_max_in_flight(parameters: Mapping[str, str]) -> dict[str, int]:
    """How many calls each provider's lane may have open."""
    return {provider: int(parameters.get(f"{provider}MaxInFlight", "0")) for provider in PROVIDERS}


def asks_for_more_calls(event: Mapping[str, Any]) -> bool:
    """Whether a deployment asks for more calls than the stack has now, and for others than the defaults.

    Only that is refused for concurrency, so that every other update of a stack, and a rollback, goes through.
    """
    requested, previous = (
        read_max_in_flight(event["ResourceProperties"]),
        read_max_in_flight(event.get("OldResourceProperties", {})),
    )
    return requested != DEFAULT_MAX_IN_FLIGHT and sum(requested.values()) > sum(previous.values())


def build_concurrency_note(max_in_flight: Mapping[str, int], account_limit: int | None) -> ConcurrencyNote:
    """Compares the calls of all lanes with the functions that the account may run at a time; None: not known."""
    calls = sum(max_in_flight.values())
    values = ", ".join(f"{provider}MaxInFlight={most}" for provider, most in max_in_flight.items() if most)
    if account_limit is None:
        return ConcurrencyNote(
            f"Unknown: Lambda did not report the account's concurrency. The lanes use up to {calls:,}."
        )
    if calls + SPARE_CONCURRENCY <= account_limit:
        return ConcurrencyNote(
            f"Enough: the account has {account_limit:,}, and the lanes use up to {calls:,} ({values})."
        )
    advice = "ask for more in the Service Quotas console (Lambda, Concurrent executions)"
    if calls < account_limit:
        return ConcurrencyNote(
            f"Short: the account has {account_limit:,}, and the lanes use up to {calls:,} ({values}), which leaves "
            f"{account_limit - calls:,} to all other functions. Before you drop many photos, {advice}."
        )
    return ConcurrencyNote(
        f"Too little: this account may run {account_limit:,} Lambda "
        f"functions at a time, and the lanes alone can use all of "
        f"them ({values}). While they do, intake, deliver and reconcile do not run, and pictures that are paid for "
        f"come late. Lower the sum of all MaxInFlight to {max(2, account_limit // 2):,} or less, or {advice}.",
        uses_all_concurrency=True,
    )


def read_account_concurrency() -> int | None:
    """How many functions the account may run at a time in this region; None where Lambda does not say."""
    client = boto3.client("lambda", config=CLIENT_CONFIG)
    for _ in range(MAX_TRIES):
        try:
            return client.get_account_settings()["AccountLimit"].get("ConcurrentExecutions")
        except (ClientError, BotoCoreError) as error:
            logger.warning("Lambda does not report its limits: %s", error)
            response = getattr(error, "response", {})
            if response.get("ResponseMetadata", {}).get("HTTPStatusCode") != HTTP_FORBIDDEN:
                break
            time.sleep(RETRY_PAUSE_SECONDS)
    return None


def find_bucket_problems(event: Mapping[str, Any]) -> list[str]:
    """Every existing bucket that cannot serve; one that the stack has already is not looked at again.

    So a rollback, which asks for what was there before, never fails for a bucket.
    """
    requested, previous = (
        _read_existing_buckets(event["ResourceProperties"]),
        _read_existing_buckets(event.get("OldResourceProperties", {})),
    )
    region, account = event["StackId"].split(":")[3:5]
    # A rollback to a release without this parameter sends none, and no bucket is then refused for its key.
    keys = event["ResourceProperties"].get("KmsKeyArns")
    new = [(side, name) for side, name in requested.items() if name and name != previous[side]]
    problems = (
        _check_bucket_access(side, name, region, account) or _check_bucket_key(side, name, account, keys)
        for side, name in new
    )
    return [problem for problem in problems if problem]


def _read_existing_buckets(parameters: Mapping[str, str]) -> dict[str, str]:
    """The existing buckets by side; an older release does not tell of them."""
    return {side: parameters.get(f"{side}Bucket", "") for side in BUCKET_ROLES}


def _check_bucket_access(role: str, name: str, region: str, account: str) -> str:
    """Why a bucket cannot serve; empty where it can, and where S3 does not say: `backdrop doctor` looks again."""
    status, bucket_region = _head_bucket(name, account)
    if status == HTTP_NOT_FOUND:
        return (
            f"{role}Bucket={name} is not there. Make it in {region} first, or leave {role}Bucket empty for a new one."
        )
    if bucket_region not in ("", region):
        return (
            f"{role}Bucket={name} lies in {bucket_region}, the stack "
            f"in {region}. Name a bucket in {region}, or deploy there."
        )
    if status == HTTP_FORBIDDEN:
        return (
            f"{role}Bucket={name} is not for this account ({account}): it belongs to another one, or its own policy "
            f"keeps the stack's roles out. Name a bucket of this account, or leave {role}Bucket empty for a new one."
        )
    return ""


def _check_bucket_key(role: str, name: str, account: str, keys: str | None) -> str:
    """Why the bucket's default key keeps the stack out; empty where it does not, or where only doctor can tell."""
    key = "" if keys is None else _find_default_key(name, account)
    if not key or _is_key_listed(key, keys or ""):
        return ""
    return (
        f"{role}Bucket={name} is encrypted with the KMS key {key}, which the stack may not use: S3 would refuse "
        "to read or write its files. Set KmsKeyArns to the key's ARN; docs/deploying.md says what its policy needs."
    )


def _is_key_listed(key: str, keys: str) -> bool:
    """Whether the list of ARNs has the key. An alias may stand for any of them, but for none in an empty list."""
    resource = key.rpartition(":")[2]
    if resource.startswith("alias/"):
        return bool(keys)
    return any(arn == key or arn.endswith(f":key/{key}") for arn in keys.split(","))


def _find_default_key(name: str, account: str) -> str:
    """The customer managed key with which S3 encrypts what is put into the bucket; empty for a key of S3 or AWS.

    Also empty where S3 does not say. An ARN, an id, or an alias, as the bucket's owner wrote it.
    """
    client = boto3.client("s3", config=CLIENT_CONFIG)
    try:
        found = client.get_bucket_encryption(Bucket=name, ExpectedBucketOwner=account)
    except (BotoCoreError, ClientError) as error:
        logging.getLogger(__name__).warning("S3 does not say how %s is encrypted: %s", name, error)
        return ""
    [rule] = found["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    is_kms = default.get("SSEAlgorithm", "").startswith("aws:kms")
    key = default.get("KMSMasterKeyID", "") if is_kms else ""
    return "" if key.endswith(AWS_MANAGED_KEY_ALIAS) else key


def _head_bucket(name: str, account: str) -> tuple[int, str]:
    """S3's status for a bucket of this account, and the region where it lies, as far as S3 says."""
    client, status, bucket_region = boto3.client("s3", config=CLIENT_CONFIG), 0, ""
    for attempt in range(MAX_TRIES):
        try:
            found = client.head_bucket(Bucket=name, ExpectedBucketOwner=account)
            return found["ResponseMetadata"]["HTTPStatusCode"], found.get("BucketRegion", "")
        except ClientError as error:
            metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
            status, bucket_region = (
                metadata.get("HTTPStatusCode", 0),
                metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", ""),
            )
        except BotoCoreError as error:
            logger.warning("S3 does not answer: %s", type(error).__name__)
            return 0, ""
        if status != HTTP_FORBIDDEN or attempt == MAX_TRIES - 1:
            break
        time.sleep(RETRY_PAUSE_SECONDS)
    return status, bucket_region


def send_response(event: Mapping[str, Any], refusals: list[str], note: str = "") -> None:
    """Put the answer where CloudFormation waits for it. Raises: `OSError` when it is not taken."""
    response = {
        "Status": "FAILED" if refusals else "SUCCESS",
        "Reason": " ".join(refusals)[:MAX_REASON_CHARACTERS] or "The parameters fit together.",
        # The id never changes: a new one would make CloudFormation delete the old resource.
        "PhysicalResourceId": "deployment-check",
        "Data": {"ConcurrencyNote": note},
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # The address is CloudFormation's own and signed without a content type.
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"],
        data=json.dumps(response).encode(),
        headers={"Content-Type": ""},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS).close()  # noqa: S310
