"""The deployment check: rejects a deployment with unusable parameters before its lanes start.

CloudFormation calls it as a custom resource and waits for one response over HTTP. The rules in `template.yaml` reject
what can be checked without arithmetic. This function checks the rest, including whether existing buckets can be used
and how many functions the account may run at a time. It needs only the libraries of the Lambda runtime, so that a
broken layer cannot prevent its response.
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
# What an invocation needs in addition to the call: 5 s to read ledger, photo, and API key, 10 s to record the answer.
CALL_MARGIN_SECONDS = 15
RESPONSE_TIMEOUT_SECONDS = 10
# Longer than any message or campaign that may name a job, because a job that the ledger deleted could be bought again.
MIN_RETENTION_DAYS = 30
# CloudFormation accepts at most 4,096 bytes for the whole response.
MAX_REASON_CHARACTERS = 3_000
DOLLARS_PATTERN = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
BUCKET_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BUCKET_ROLES = ("Input", "Output")
HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404
# The defaults of template.yaml. They are never rejected, so that a new account, with a concurrency of 10, can try them.
DEFAULT_MAX_IN_FLIGHT = {"Ideogram": 10, "Segmind": 0, "OneMin": 0, "Runware": 0}
# The concurrency that the other functions need in addition to the lanes; `backdrop doctor` uses the same number.
SPARE_CONCURRENCY = 20
# The AWS managed key for S3, which every principal of the account may use through S3.
AWS_MANAGED_KEY_ALIAS = "alias/aws/s3"
# A role's new permissions may take seconds to apply (IAM User Guide, "Changes are not always immediately visible").
MAX_TRIES, RETRY_PAUSE_SECONDS = 5, 3
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
CHECK_FAILED_REASON = "The deployment check itself failed; its log group has the error. Nothing was deployed."

logger = logging.getLogger(__name__)


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Responds to CloudFormation's request, even if the check itself fails.

    Then raises the check's exception, so that the log and Lambda's `Errors` metric show it. Raises OSError if the
    response could not be sent; Lambda then retries twice.
    """
    refusals, note = [CHECK_FAILED_REASON], ""
    try:
        refusals, note = ([], "") if event["RequestType"] == "Delete" else check(event)
    finally:
        send_response(event, refusals, note)


def check(event: Mapping[str, Any]) -> tuple[list[str], str]:
    """Returns every reason to reject a deployment, and, if there is none, the stack's note about concurrency."""
    refusals = [*find_parameter_problems(event["ResourceProperties"]), *find_bucket_problems(event)]
    if refusals:
        return refusals, ""
    note = build_concurrency_note(read_max_in_flight(event["ResourceProperties"]), read_account_concurrency())
    return ([note.text], "") if note.uses_all_concurrency and asks_for_more_calls(event) else ([], note.text)


def find_parameter_problems(parameters: Mapping[str, str]) -> list[str]:
    """Returns every reason to reject these parameters; each names them and what to set instead."""
    number_problems = [_check_whole_number(name, parameters[name]) for name in WHOLE_NUMBER_PARAMETERS]
    problems_found = [problem for problem in number_problems if problem]
    if problems_found:
        return problems_found
    timeout_checks = (_check_call_timeout(provider, parameters) for provider in PROVIDERS)
    name_checks = (_check_bucket_name(role, parameters) for role in BUCKET_ROLES)
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
    return f"{name}={value} is not a whole number. Set it to a number such as 10."


def _check_dollars(value: str) -> str:
    """CloudFormation accepts `.5`, `01`, and `nan` as numbers, but the dashboard's JSON does not."""
    if DOLLARS_PATTERN.fullmatch(value):
        return ""
    return f"DailyBudgetUSD={value} is not a plain number of dollars. Set it to a number such as 10 or 0.5."


def _check_call_timeout(provider: str, parameters: Mapping[str, str]) -> str:
    call, limit = f"{provider}TimeoutSeconds", int(parameters["RenderTimeoutSeconds"])
    seconds = int(parameters[call])
    if parameters[f"{provider}MaxInFlight"] == "0" or seconds + CALL_MARGIN_SECONDS <= limit:
        return ""
    return (
        f"{call}={seconds} does not fit into RenderTimeoutSeconds={limit}: a call takes up to "
        f"{seconds} s, and the work before and after it {CALL_MARGIN_SECONDS} s, so no call could start. Set "
        f"RenderTimeoutSeconds to {seconds + CALL_MARGIN_SECONDS} or more, or {call} to "
        f"{limit - CALL_MARGIN_SECONDS} or less."
    )


def _check_lane_visibility(parameters: Mapping[str, str]) -> str:
    lane, limit = (int(parameters[n]) for n in ("LaneVisibilitySeconds", "RenderTimeoutSeconds"))
    if lane >= limit:
        return ""
    return (
        f"LaneVisibilitySeconds={lane} is shorter than RenderTimeoutSeconds={limit}: a job would "
        f"be received again while it is being bought. Set LaneVisibilitySeconds to {limit} or more."
    )


def _check_retention(parameters: Mapping[str, str]) -> str:
    days = int(parameters["LedgerRetentionDays"])
    if days == 0 or days >= MIN_RETENTION_DAYS:
        return ""
    return (
        f"LedgerRetentionDays={days} is too short: the ledger must keep a job longer than dead letters (14 days) "
        f"and campaigns (7 days). Set it to {MIN_RETENTION_DAYS} or more, or to 0 (keep forever)."
    )


def _check_bucket_name(role: str, parameters: Mapping[str, str]) -> str:
    name = parameters[f"{role}BucketName"]
    if BUCKET_NAME_PATTERN.fullmatch(name):
        return ""
    return (
        f"'{name}' cannot be the {role.lower()} bucket's name (3 to 63 characters, a-z, 0-9 and "
        f"hyphens). Give the stack a shorter name in lowercase, or set {role}Bucket."
    )


def _check_buckets_differ(parameters: Mapping[str, str]) -> str:
    name = parameters["InputBucketName"]
    if name != parameters["OutputBucketName"]:
        return ""
    return (
        f"'{name}' would be both input and output bucket, so Backdrop would buy another background "
        "for each picture. Set InputBucket and OutputBucket to different buckets."
    )


def _check_readable_buckets(parameters: Mapping[str, str]) -> str:
    name = parameters["OutputBucketName"]
    if name not in parameters["ReadableBuckets"].split(","):
        return ""
    return f"'{name}' is the output bucket; its pictures cannot be used as photos. Remove it from ReadableBuckets."


@dataclass(frozen=True)
class ConcurrencyNote:
    """What the account's concurrency means for the lanes. `uses_all_concurrency`: they can use all of it."""

    text: str
    uses_all_concurrency: bool = False


def read_max_in_flight(parameters: Mapping[str, str]) -> dict[str, int]:
    """Returns how many calls each provider's lane may have in flight."""
    return {provider: int(parameters.get(f"{provider}MaxInFlight", "0")) for provider in PROVIDERS}


def asks_for_more_calls(event: Mapping[str, Any]) -> bool:
    """Whether a deployment allows more calls in flight than the stack does now, other than by setting the defaults.

    Only such a deployment is rejected for concurrency, so that every other update and every rollback succeeds.
    """
    requested, previous = (
        read_max_in_flight(event["ResourceProperties"]),
        read_max_in_flight(event.get("OldResourceProperties", {})),
    )
    return requested != DEFAULT_MAX_IN_FLIGHT and sum(requested.values()) > sum(previous.values())


def build_concurrency_note(max_in_flight: Mapping[str, int], account_limit: int | None) -> ConcurrencyNote:
    """Compares the calls of all lanes with the account's concurrency, which is None if unknown."""
    calls = sum(max_in_flight.values())
    values = ", ".join(f"{provider}MaxInFlight={limit}" for provider, limit in max_in_flight.items() if limit)
    if account_limit is None:
        return ConcurrencyNote(
            f"Unknown: Lambda did not report the account's concurrency. The lanes use up to {calls:,}."
        )
    if calls + SPARE_CONCURRENCY <= account_limit:
        return ConcurrencyNote(
            f"Enough: the account has a concurrency of {account_limit:,}, and the lanes use up to {calls:,} ({values})."
        )
    advice = "request more in the Service Quotas console (Lambda, Concurrent executions)"
    if calls < account_limit:
        return ConcurrencyNote(
            f"Short: the account has a concurrency of {account_limit:,}, and the lanes use up to {calls:,} ({values}), "
            f"which leaves {account_limit - calls:,} for all other functions. Before you drop many photos, {advice}."
        )
    return ConcurrencyNote(
        f"Too little: this account may run {account_limit:,} Lambda "
        f"functions at a time, and the lanes alone can use all of "
        f"them ({values}). While they do, intake, deliver, and reconcile cannot run, and paid pictures are "
        f"delayed. Lower the sum of all MaxInFlight to {max(2, account_limit // 2):,} or less, or {advice}.",
        uses_all_concurrency=True,
    )


def read_account_concurrency() -> int | None:
    """Returns how many functions the account may run at a time in this region; None if Lambda does not report it."""
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
    """Returns a problem for every existing bucket that cannot be used.

    A bucket that the stack already uses is not checked again, so that a rollback never fails because of a bucket.
    """
    requested, previous = (
        _read_existing_buckets(event["ResourceProperties"]),
        _read_existing_buckets(event.get("OldResourceProperties", {})),
    )
    region, account = event["StackId"].split(":")[3:5]
    # A rollback to a release without this parameter sends none; then no bucket is rejected for its key.
    keys = event["ResourceProperties"].get("KmsKeyArns")
    new = [(role, name) for role, name in requested.items() if name and name != previous[role]]
    problems = (
        _check_bucket_access(role, name, region, account) or _check_bucket_key(role, name, account, keys)
        for role, name in new
    )
    return [problem for problem in problems if problem]


def _read_existing_buckets(parameters: Mapping[str, str]) -> dict[str, str]:
    """Returns the existing buckets by role; "" for parameters that an older release does not send."""
    return {role: parameters.get(f"{role}Bucket", "") for role in BUCKET_ROLES}


def _check_bucket_access(role: str, name: str, region: str, account: str) -> str:
    """Returns why a bucket cannot be used; "" if it can, or if that is unknown (`backdrop doctor` checks again)."""
    status, bucket_region = _head_bucket(name, account)
    if status == HTTP_NOT_FOUND:
        return (
            f"{role}Bucket={name} does not exist. Create it in {region} first, or leave {role}Bucket empty to get one."
        )
    if bucket_region not in ("", region):
        return (
            f"{role}Bucket={name} is in {bucket_region}, but the stack is "
            f"in {region}. Use a bucket in {region}, or deploy to {bucket_region}."
        )
    if status == HTTP_FORBIDDEN:
        return (
            f"{role}Bucket={name} cannot be used by this account ({account}): it belongs to another account, or its "
            f"policy denies access. Use a bucket of this account, or leave {role}Bucket empty for a new one."
        )
    return ""


def _check_bucket_key(role: str, name: str, account: str, keys: str | None) -> str:
    """Returns why the bucket's default key denies access; "" if not, or if only `backdrop doctor` can check it."""
    key = "" if keys is None else _find_default_key(name, account)
    if not key or _is_key_listed(key, keys or ""):
        return ""
    return (
        f"{role}Bucket={name} is encrypted with the KMS key {key}, which the stack may not use: S3 would deny "
        "reads and writes. Set KmsKeyArns to the key's ARN; docs/deploying.md says what its policy needs."
    )


def _is_key_listed(key: str, keys: str) -> bool:
    """Whether the comma-separated ARNs include the key. An alias may refer to any of them."""
    resource = key.rpartition(":")[2]
    if resource.startswith("alias/"):
        return bool(keys)
    return any(arn == key or arn.endswith(f":key/{key}") for arn in keys.split(","))


def _find_default_key(name: str, account: str) -> str:
    """Returns the customer managed key that encrypts the bucket's objects; "" for a key of S3 or AWS.

    Also "" if S3 does not report it. The key is an ARN, an ID, or an alias, as the bucket's owner configured it.
    """
    client = boto3.client("s3", config=CLIENT_CONFIG)
    try:
        found = client.get_bucket_encryption(Bucket=name, ExpectedBucketOwner=account)
    except (BotoCoreError, ClientError) as error:
        logging.getLogger(__name__).warning("S3 does not report how %s is encrypted: %s", name, error)
        return ""
    [rule] = found["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    is_kms = default.get("SSEAlgorithm", "").startswith("aws:kms")
    key = default.get("KMSMasterKeyID", "") if is_kms else ""
    return "" if key.endswith(AWS_MANAGED_KEY_ALIAS) else key


def _head_bucket(name: str, account: str) -> tuple[int, str]:
    """Returns S3's HTTP status for a bucket of this account (0 if unknown), and its region if S3 reports it."""
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
            logger.warning("S3 does not respond: %s", type(error).__name__)
            return 0, ""
        if status != HTTP_FORBIDDEN or attempt == MAX_TRIES - 1:
            break
        time.sleep(RETRY_PAUSE_SECONDS)
    return status, bucket_region


def send_response(event: Mapping[str, Any], refusals: list[str], note: str = "") -> None:
    """Sends the response to the URL where CloudFormation waits for it. Raises OSError if that fails."""
    response = {
        "Status": "FAILED" if refusals else "SUCCESS",
        "Reason": " ".join(refusals)[:MAX_REASON_CHARACTERS] or "The parameters are consistent.",
        # The ID never changes: a new one would make CloudFormation delete the old resource.
        "PhysicalResourceId": "deployment-check",
        "Data": {"ConcurrencyNote": note},
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # CloudFormation created this URL, and signed it without a content type.
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"],
        data=json.dumps(response).encode(),
        headers={"Content-Type": ""},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS).close()  # noqa: S310
