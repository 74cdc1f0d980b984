"""Checks the buckets: existence, owner, versioning, and sidecars without a photo."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from backdrop.model.object_keys import ObjectKind, classify_key, list_sidecar_keys
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.checks import CheckResult, CheckState, find_region_and_account
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

MAX_LISTED_OBJECTS = 10_000
MAX_NAMED_SIDECARS = 3
HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404


def check_buckets(stack: Stack) -> Iterator[CheckResult]:
    readable_buckets = [name for name in stack.parameters.get("ReadableBuckets", "").split(",") if name]
    yield _check_bucket(stack, "input bucket", stack.input_bucket, must_be_owned=True)
    yield _check_bucket(stack, "output bucket", stack.output_bucket, must_be_owned=True)
    yield from (_check_bucket(stack, "readable bucket", name, must_be_owned=False) for name in readable_buckets)
    yield _check_versioning(stack, stack.output_bucket, "versions of pictures", "a replaced picture is lost")
    if stack.mandates.list_all():
        consequence = "clients under mandates cannot tell two uploads of a photo within a second apart"
        yield _check_versioning(stack, stack.input_bucket, "versions of photos", consequence)


def _check_bucket(stack: Stack, check_name: str, name: str, *, must_be_owned: bool) -> CheckResult:
    """Checks that a bucket exists in the stack's region and, if `must_be_owned`, belongs to the stack's account."""
    parameter = f"{check_name.split()[0].capitalize()}Bucket" if must_be_owned else "ReadableBuckets"
    (region, account), fix = find_region_and_account(stack), f"Deploy with another {parameter}."
    expected: dict[str, Any] = {"ExpectedBucketOwner": account} if must_be_owned else {}
    try:
        response: Any = require_clients(stack).s3.head_bucket(Bucket=name, **expected)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTP_NOT_FOUND:
            return CheckResult(check_name, CheckState.WRONG, f"{name} does not exist", f"Create it again, or: {fix}")
        if status == HTTP_FORBIDDEN and must_be_owned:
            message = f"{name} does not belong to the account {account}, or denies you access"
            return CheckResult(check_name, CheckState.WRONG, message, f"Check its owner and its policy. {fix}")
        return CheckResult(check_name, CheckState.UNKNOWN, f"{name} cannot be checked (S3 answers {status})")
    bucket_region = response.get("BucketRegion", region)
    if bucket_region != region and must_be_owned:
        return CheckResult(
            check_name, CheckState.WRONG, f"{name} is in {bucket_region}, but the stack is in {region}", fix
        )
    return CheckResult(check_name, CheckState.GOOD, f"{name} exists")


def _check_versioning(stack: Stack, name: str, check_name: str, consequence: str) -> CheckResult:
    if require_clients(stack).s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled":
        return CheckResult(check_name, CheckState.GOOD, f"{name} keeps old versions of replaced files")
    fix = f"Run `aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled`."
    return CheckResult(check_name, CheckState.WRONG, f"{name} keeps no old versions: {consequence}", fix)


def check_sidecars(stack: Stack) -> Iterator[CheckResult]:
    objects = list(islice(stack.photos.iterate_objects(stack.input_bucket, ""), MAX_LISTED_OBJECTS + 1))
    names = [one.key for one in objects[:MAX_LISTED_OBJECTS]]
    matched_names = {name for key in names if classify_key(key) is ObjectKind.PHOTO for name in list_sidecar_keys(key)}
    unmatched = [key for key in names if classify_key(key) is ObjectKind.SIDECAR and key not in matched_names]
    scope = f" among the first {MAX_LISTED_OBJECTS:,} files" if len(objects) > MAX_LISTED_OBJECTS else ""
    if not unmatched:
        yield CheckResult("sidecars", CheckState.GOOD, f"each has a photo{scope}")
        return
    examples = ", ".join(unmatched[:MAX_NAMED_SIDECARS]) + (" …" if len(unmatched) > MAX_NAMED_SIDECARS else "")
    message = f"{format_count(len(unmatched), 'sidecar')}{scope} without a photo: {examples}"
    yield CheckResult("sidecars", CheckState.WRONG, message, "Upload the photo of that name, or delete the sidecar.")
