"""Checks whether the stack may use the KMS keys that encrypt its existing buckets."""

from collections.abc import Iterator

from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

# The AWS managed key for S3, which every principal of the account may use through S3.
AWS_MANAGED_KEY_ALIAS = "alias/aws/s3"
KEY_POLICY_HINT = "docs/deploying.md describes the key policy."


def check_encryption(stack: Stack) -> Iterator[CheckResult]:
    bucket_parameters = [stack.parameters.get(name, "") for name in ("InputBucket", "OutputBucket", "ReadableBuckets")]
    for bucket in ",".join(filter(None, bucket_parameters)).split(","):
        if bucket:
            yield _check_bucket_encryption(stack, bucket)


def _check_bucket_encryption(stack: Stack, bucket: str) -> CheckResult:
    check_name, client = f"encryption of {bucket}", require_clients(stack).s3
    try:
        [rule] = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except client.exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return CheckResult(
            check_name, CheckState.UNKNOWN, f"the encryption settings of {bucket} cannot be read (S3 answers {status})"
        )
    default = rule.get("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    key = default.get("KMSMasterKeyID", "") if default["SSEAlgorithm"].startswith("aws:kms") else ""
    if not key or key.endswith(AWS_MANAGED_KEY_ALIAS):
        return CheckResult(check_name, CheckState.GOOD, "needs no key of your own")
    allowed_key_arns = list(filter(None, stack.parameters.get("KmsKeyArns", "").split(",")))
    if any(arn == key or arn.endswith(f":key/{key}") for arn in allowed_key_arns):
        return CheckResult(check_name, CheckState.GOOD, f"the stack's roles may use {key}, if its key policy allows it")
    if allowed_key_arns and key.rpartition(":")[2].startswith("alias/"):
        return CheckResult(
            check_name,
            CheckState.UNKNOWN,
            f"new files are encrypted with {key}; KmsKeyArns must list its key. {KEY_POLICY_HINT}",
        )
    message = f"new files are encrypted with the KMS key {key}, which the stack's roles may not use"
    return CheckResult(
        check_name,
        CheckState.WRONG,
        message,
        f"Deploy with KmsKeyArns={','.join([*allowed_key_arns, _format_key_arn(key)])}. {KEY_POLICY_HINT}",
    )


def _format_key_arn(key: str) -> str:
    return key if ":key/" in key else "<the key's ARN>"
