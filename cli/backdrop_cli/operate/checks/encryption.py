"""Checks whether the stack may use the KMS keys that encrypt its existing buckets."""

from collections.abc import Iterator

from backdrop_cli.operate.checks import Check, State
from backdrop_cli.operate.keys import clients_of
from backdrop_cli.stack import Stack

# AWS's own key for S3, which every principal of the account may use through S3.
KEY_OF_AWS = "alias/aws/s3"
NEEDS = "docs/deploying.md says what the key's policy needs."


def encryption(stack: Stack) -> Iterator[Check]:
    """The encryption of existing buckets."""
    given = [stack.parameters.get(name, "") for name in ("InputBucket", "OutputBucket", "ReadableBuckets")]
    for bucket in ",".join(filter(None, given)).split(","):
        if bucket:
            yield _encryption(stack, bucket)


def _encryption(stack: Stack, bucket: str) -> Check:
    what, client = f"encryption of {bucket}", clients_of(stack).s3
    try:
        [rule] = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except client.exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return Check(what, State.UNKNOWN, f"{bucket} does not let you look at its encryption ({status})")
    default = rule.get("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    key = default.get("KMSMasterKeyID", "") if default["SSEAlgorithm"].startswith("aws:kms") else ""
    if not key or key.endswith(KEY_OF_AWS):
        return Check(what, State.GOOD, "needs no key of yours")
    listed = list(filter(None, stack.parameters.get("KmsKeyArns", "").split(",")))
    if any(arn == key or arn.endswith(f":key/{key}") for arn in listed):
        return Check(what, State.GOOD, f"the stack's roles may use {key}, as far as its policy allows it too")
    if listed and key.rpartition(":")[2].startswith("alias/"):
        return Check(what, State.UNKNOWN, f"new files are encrypted with {key}; KmsKeyArns must list its key. {NEEDS}")
    words = f"new files are encrypted with the KMS key {key}, which the stack's roles may not use"
    return Check(what, State.WRONG, words, f"Deploy with KmsKeyArns={','.join([*listed, _arn_for(key)])}. {NEEDS}")


def _arn_for(key: str) -> str:
    return key if ":key/" in key else "<the key's ARN>"
