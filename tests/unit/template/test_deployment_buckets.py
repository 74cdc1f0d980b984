"""A deployment that names an unusable existing bucket is rejected with a fix. A bucket already in use is kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.deployment_check import app

ACCOUNT, REGION = "123456789012", "eu-central-1"


@dataclass
class FakeBuckets:
    """S3 as one account sees it: its answers about each bucket, in order. The last answer is repeated."""

    says: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    requested_buckets: list[str] = field(default_factory=list[str])
    encryption: dict[str, str] | int = field(default_factory=lambda: {"SSEAlgorithm": "AES256"})
    slept: float = 0

    def client(self, service: str, **_: object) -> "FakeBuckets":
        assert service == "s3"
        return self

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str) -> dict[str, Any]:  # noqa: N803
        assert ExpectedBucketOwner == ACCOUNT
        self.requested_buckets.append(Bucket)
        status, region = self.says[Bucket].pop(0) if len(self.says[Bucket]) > 1 else self.says[Bucket][0]
        if status == 0:
            raise EndpointConnectionError(endpoint_url="https://s3.invalid")
        answer: Any = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"x-amz-bucket-region": region}}}
        if status != 200:
            raise ClientError(answer | {"Error": {"Code": str(status)}}, "HeadBucket")
        return answer | {"BucketRegion": region}

    def get_bucket_encryption(self, *, Bucket: str, ExpectedBucketOwner: str) -> dict[str, Any]:  # noqa: N803
        assert (Bucket in self.requested_buckets, ExpectedBucketOwner) == (True, ACCOUNT)
        if isinstance(self.encryption, int):
            raise ClientError({"Error": {"Code": str(self.encryption)}}, "GetBucketEncryption")
        rule = {"ApplyServerSideEncryptionByDefault": self.encryption, "BucketKeyEnabled": True}
        return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> FakeBuckets:
    fake = FakeBuckets()
    monkeypatch.setattr("functions.deployment_check.app.boto3.client", fake.client)
    monkeypatch.setattr("functions.deployment_check.app.time.sleep", fake.sleep)
    return fake


def check_buckets(before: dict[str, str] | None = None, **given: str) -> list[str]:
    """Returns the deployment check's problems with these existing buckets."""
    event: dict[str, Any] = {"StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/backdrop/1"}
    event["ResourceProperties"] = {"InputBucket": "", "OutputBucket": ""} | given
    return app.find_bucket_problems(event if before is None else event | {"OldResourceProperties": before})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, ""), ["InputBucket=shelf does not exist", "Create it in eu-central-1", "leave InputBucket empty"]),
        ((403, REGION), ["belongs to another account", f"account ({ACCOUNT})", "leave InputBucket empty"]),
        ((200, "us-east-1"), ["is in us-east-1, but the stack is in eu-central-1"]),
        ((301, "us-east-1"), ["is in us-east-1", "or deploy to us-east-1"]),
        ((403, "us-east-1"), ["is in us-east-1"]),
    ],
    ids=["absent", "foreign", "elsewhere", "redirected", "foreign-elsewhere"],
)
def test_unusable_bucket_is_rejected_with_a_fix(
    buckets: FakeBuckets, answer: tuple[int, str], words: list[str]
) -> None:
    buckets.says["shelf"] = [answer]
    [problem] = check_buckets(InputBucket="shelf")
    assert [one for one in words if one not in problem] == []


KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"
OTHER_KEY = KEY.replace("1234abcd", "9999ffff")
ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/photos"


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
@pytest.mark.parametrize(
    ("key", "given"),
    [(KEY, ""), (KEY, OTHER_KEY), (KEY_ID, OTHER_KEY), (KEY_ID, ""), (ALIAS, ""), ("alias/photos", "")],
)
@pytest.mark.parametrize("side", ["Input", "Output"])
def test_bucket_with_a_denied_key_is_rejected(
    buckets: FakeBuckets, side: str, key: str, given: str, algorithm: str
) -> None:
    buckets.says["shelf"] = [(200, REGION)]
    buckets.encryption = {"SSEAlgorithm": algorithm, "KMSMasterKeyID": key}
    [problem] = check_buckets(None, **{f"{side}Bucket": "shelf", "KmsKeyArns": given})
    for words in (f"{side}Bucket=shelf is encrypted with the KMS key {key}", "KmsKeyArns", "docs/deploying.md"):
        assert words in problem


@pytest.mark.parametrize(
    ("encryption", "given"),
    [
        ({"SSEAlgorithm": "AES256"}, ""),
        ({"SSEAlgorithm": "aws:kms"}, ""),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/aws/s3"}, ""),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3"}, ""),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, KEY),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, f"{OTHER_KEY},{KEY}"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_ID}, KEY),
        (404, ""),
    ],
    ids=str,
)
def test_bucket_with_an_allowed_key_is_accepted(
    buckets: FakeBuckets, encryption: dict[str, str] | int, given: str
) -> None:
    buckets.says["shelf"] = [(200, REGION)]
    buckets.encryption = encryption
    assert check_buckets(InputBucket="shelf", KmsKeyArns=given) == []


@pytest.mark.parametrize(
    ("encryption", "given"),
    [(403, ""), ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ALIAS}, KEY)],
    ids=["not-allowed-to-check", "alias-next-to-a-key"],
)
def test_unknown_key_is_left_to_doctor(buckets: FakeBuckets, encryption: dict[str, str] | int, given: str) -> None:
    buckets.says["shelf"] = [(200, REGION)]
    buckets.encryption = encryption
    assert check_buckets(InputBucket="shelf", KmsKeyArns=given) == []


def test_release_without_key_parameter_is_never_rejected_for_a_key(buckets: FakeBuckets) -> None:
    """A rollback sends the properties of the previous release."""
    buckets.says["shelf"] = [(200, REGION)]
    buckets.encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert check_buckets({"InputBucket": "new"}, InputBucket="shelf") == []


def test_problems_of_both_buckets_are_reported_at_once(buckets: FakeBuckets) -> None:
    buckets.says |= {"shelf": [(404, "")], "wall": [(403, "")]}
    assert [problem.split("=")[0] for problem in check_buckets(InputBucket="shelf", OutputBucket="wall")] == [
        "InputBucket",
        "OutputBucket",
    ]


@pytest.mark.parametrize("answer", [(200, REGION), (200, ""), (500, ""), (0, "")])
def test_own_bucket_and_unknown_status_are_accepted(buckets: FakeBuckets, answer: tuple[int, str]) -> None:
    buckets.says["shelf"] = [answer]
    assert check_buckets(OutputBucket="shelf") == []


def test_check_waits_for_permissions_that_do_not_apply_yet(buckets: FakeBuckets) -> None:
    buckets.says["shelf"] = [(403, ""), (403, ""), (200, REGION)]
    assert check_buckets(InputBucket="shelf") == []
    assert (len(buckets.requested_buckets), buckets.slept) == (3, 2 * app.RETRY_PAUSE_SECONDS)


def test_wait_for_two_foreign_buckets_fits_into_one_invocation() -> None:
    assert 2 * app.MAX_TRIES * (app.RETRY_PAUSE_SECONDS + 1) < 60


@pytest.mark.parametrize("before", [{"InputBucket": "shelf", "OutputBucket": "new"}, {"InputBucket": "shelf"}])
def test_bucket_that_the_stack_already_uses_is_not_checked_again(buckets: FakeBuckets, before: dict[str, str]) -> None:
    assert check_buckets(before, InputBucket="shelf") == []
    assert buckets.requested_buckets == []


def test_rollback_to_an_older_release_is_never_rejected_for_a_bucket(buckets: FakeBuckets) -> None:
    event: dict[str, Any] = {
        "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/b/1",
        "ResourceProperties": {},
    }
    event |= {"ResourceProperties": {}, "OldResourceProperties": {"InputBucket": "shelf"}}
    assert app.find_bucket_problems(event) == []


def test_stack_with_its_own_buckets_makes_no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> Callable[..., Any]:
        raise AssertionError("S3 received a request")

    monkeypatch.setattr("functions.deployment_check.app.boto3.client", forbidden)
    assert check_buckets() == []
