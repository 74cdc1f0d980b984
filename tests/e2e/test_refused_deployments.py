"""What cannot be together is refused when it is deployed, with the mend; the stack that runs stays as it is."""

import json
from collections.abc import Generator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backdrop_local import stack
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, STACK
from tests.e2e.clouds import running_cloud
from tests.e2e.shop import eventually

IN_THIS_REGION: Any = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
# To whoever asks, a bucket that keeps us out is the same as one of another account.
KEEP_OUT = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::not-for-us"}
KEY = f"arn:aws:kms:{REGION}:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
OWN_INPUT = f"{STACK}-input-000000000000-{REGION}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A cloud that others do not share; a refused update shall not disturb them."""
    with running_cloud(tmp_path_factory) as cloud:
        abroad = boto3.Session("test", "test", region_name="us-east-1")
        abroad.client("s3", endpoint_url=cloud.endpoint_url).create_bucket(Bucket="elsewhere")
        for name in ("not-for-us", "ours", "encrypted"):
            cloud.clients.s3.create_bucket(Bucket=name, **IN_THIS_REGION)
        encryption: Any = {"Rules": [WITH_KEY]}
        cloud.clients.s3.put_bucket_encryption(Bucket="encrypted", ServerSideEncryptionConfiguration=encryption)
        cloud.clients.s3.put_bucket_policy(Bucket="not-for-us", Policy=json.dumps({"Statement": [KEEP_OUT]}))
        yield cloud


def parameters(cloud: Cloud) -> dict[str, str]:
    """What the stack that runs was deployed with."""
    [found] = cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {p.get("ParameterKey", ""): p.get("ParameterValue", "") for p in found.get("Parameters", [])}


def status(cloud: Cloud) -> str:
    """How the last deployment stands."""
    return cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]


def update(cloud: Cloud, changes: dict[str, str]) -> None:
    """Asks for the same stack with these parameters, all at once."""
    wanted = parameters(cloud) | changes
    cloud.clients.cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in wanted.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"IdeogramMaxInFlight": "1"}, "IdeogramMaxInFlight cannot be 1.", id="limit-of-one"),
        pytest.param({"IdeogramMaxInFlight": "0"}, "DefaultProvider is ideogram, which is off.", id="default-is-off"),
        pytest.param(
            {"DefaultProvider": "runware", "RunwareMaxInFlight": "0"},
            "DefaultProvider is runware, which is off.",
            id="another-default-is-off",
        ),
        pytest.param(
            {"InputBucket": "shelf", "OutputBucket": "shelf"},
            "InputBucket and OutputBucket are the same bucket",
            id="output-is-input",
        ),
    ],
)
def test_a_stack_refuses_at_once_what_cannot_be_together(running: Cloud, changes: dict[str, str], words: str) -> None:
    before = parameters(running)
    with pytest.raises(ClientError, match=words):
        update(running, changes)
    assert parameters(running) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"OutputBucket": OWN_INPUT}, "Set InputBucket and OutputBucket to different", id="own-input"),
        pytest.param(
            {"RenderTimeoutSeconds": "20"}, "Set RenderTimeoutSeconds to 315 or more", id="no-call-could-start"
        ),
        pytest.param({"IdeogramMaxInFlight": "1000"}, "IdeogramMaxInFlight=1000", id="starves-the-other-functions"),
        pytest.param({"LedgerRetentionDays": "7"}, "LedgerRetentionDays=7 is too short", id="forgets-too-soon"),
        pytest.param(
            {"InputBucket": "nobody-made-it"}, "InputBucket=nobody-made-it does not exist", id="no-such-bucket"
        ),
        pytest.param({"OutputBucket": "elsewhere"}, "OutputBucket=elsewhere is in us-east-1", id="other-region"),
        pytest.param(
            {"OutputBucket": "not-for-us"}, "OutputBucket=not-for-us cannot be used by this account", id="foreign"
        ),
        pytest.param({"OutputBucket": "encrypted"}, f"is encrypted with the KMS key {KEY}", id="encrypted"),
    ],
)
def test_what_takes_arithmetic_is_refused_before_a_lane_is_changed_and_rolled_back(
    running: Cloud, changes: dict[str, str], words: str
) -> None:
    before = parameters(running)
    update(running, changes)
    eventually(lambda: [said for said in stack.read_failure_reasons(running.clients) if words in said], "it is refused")
    eventually(lambda: status(running) == "UPDATE_ROLLBACK_COMPLETE", "it is rolled back")
    assert parameters(running) == before


def test_an_existing_bucket_of_ours_is_taken(running: Cloud) -> None:
    update(running, {"OutputBucket": "ours"})
    eventually(lambda: status(running) == "UPDATE_COMPLETE", "it is deployed")
    assert parameters(running)["OutputBucket"] == "ours"


def test_an_existing_bucket_is_accepted_with_the_key_that_encrypts_it(running: Cloud) -> None:
    update(running, {"OutputBucket": "encrypted", "KmsKeyArns": KEY})
    eventually(lambda: status(running) == "UPDATE_COMPLETE", "it is deployed")
    assert parameters(running)["KmsKeyArns"] == KEY
