"""A deployment refuses impossible parameters with advice, and the running stack stays unchanged."""

import json
from collections.abc import Generator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, STACK
from backdrop_local.stack import read_failure_reasons
from tests.e2e.clouds import running_cloud
from tests.e2e.deployed_stack import eventually

IN_THIS_REGION: Any = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
# To the caller, a bucket that denies access looks like a bucket of another account.
DENY_EVERYONE = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::not-for-us"}
KMS_KEY = f"arn:aws:kms:{REGION}:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KMS_KEY}}
OWN_INPUT = f"{STACK}-input-000000000000-{REGION}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A separate cloud, so that refused updates do not disturb other tests."""
    with running_cloud(tmp_path_factory) as cloud:
        abroad = boto3.Session("test", "test", region_name="us-east-1")
        abroad.client("s3", endpoint_url=cloud.endpoint_url).create_bucket(Bucket="elsewhere")
        for name in ("not-for-us", "ours", "encrypted"):
            cloud.clients.s3.create_bucket(Bucket=name, **IN_THIS_REGION)
        encryption: Any = {"Rules": [WITH_KEY]}
        cloud.clients.s3.put_bucket_encryption(Bucket="encrypted", ServerSideEncryptionConfiguration=encryption)
        cloud.clients.s3.put_bucket_policy(Bucket="not-for-us", Policy=json.dumps({"Statement": [DENY_EVERYONE]}))
        yield cloud


def read_parameters(cloud: Cloud) -> dict[str, str]:
    """Returns the parameters of the running stack."""
    [found] = cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {p.get("ParameterKey", ""): p.get("ParameterValue", "") for p in found.get("Parameters", [])}


def read_status(cloud: Cloud) -> str:
    """Returns the status of the last deployment."""
    return cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]


def update(cloud: Cloud, changes: dict[str, str]) -> None:
    """Starts an update of the stack with these parameters."""
    updated = read_parameters(cloud) | changes
    cloud.clients.cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in updated.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"IdeogramMaxInFlight": "1"}, "IdeogramMaxInFlight cannot be 1.", id="limit-of-one"),
        pytest.param(
            {"IdeogramMaxInFlight": "0"}, "DefaultProvider is ideogram, which is disabled.", id="default-is-off"
        ),
        pytest.param(
            {"DefaultProvider": "runware", "RunwareMaxInFlight": "0"},
            "DefaultProvider is runware, which is disabled.",
            id="another-default-is-off",
        ),
        pytest.param(
            {"InputBucket": "shelf", "OutputBucket": "shelf"},
            "InputBucket and OutputBucket are the same bucket",
            id="output-is-input",
        ),
    ],
)
def test_conflicting_parameters_are_refused_at_once(running: Cloud, changes: dict[str, str], message: str) -> None:
    before = read_parameters(running)
    with pytest.raises(ClientError, match=message):
        update(running, changes)
    assert read_parameters(running) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"OutputBucket": OWN_INPUT}, "Set InputBucket and OutputBucket to different", id="own-input"),
        pytest.param(
            {"RenderTimeoutSeconds": "20"}, "Set RenderTimeoutSeconds to 315 or more", id="no-call-could-start"
        ),
        pytest.param({"IdeogramMaxInFlight": "1000"}, "IdeogramMaxInFlight=1000", id="starves-the-other-functions"),
        pytest.param({"LedgerRetentionDays": "7"}, "LedgerRetentionDays=7 is too short", id="forgets-too-soon"),
        pytest.param(
            {"InputBucket": "missing-bucket"}, "InputBucket=missing-bucket does not exist", id="no-such-bucket"
        ),
        pytest.param({"OutputBucket": "elsewhere"}, "OutputBucket=elsewhere is in us-east-1", id="other-region"),
        pytest.param(
            {"OutputBucket": "not-for-us"}, "OutputBucket=not-for-us cannot be used by this account", id="foreign"
        ),
        pytest.param({"OutputBucket": "encrypted"}, f"is encrypted with the KMS key {KMS_KEY}", id="encrypted"),
    ],
)
def test_invalid_deployment_is_rolled_back_by_the_check(running: Cloud, changes: dict[str, str], message: str) -> None:
    before = read_parameters(running)
    update(running, changes)
    eventually(
        lambda: [reason for reason in read_failure_reasons(running.clients) if message in reason], "it is refused"
    )
    eventually(lambda: read_status(running) == "UPDATE_ROLLBACK_COMPLETE", "it is rolled back")
    assert read_parameters(running) == before


def test_existing_bucket_of_this_account_is_accepted(running: Cloud) -> None:
    update(running, {"OutputBucket": "ours"})
    eventually(lambda: read_status(running) == "UPDATE_COMPLETE", "it is deployed")
    assert read_parameters(running)["OutputBucket"] == "ours"


def test_existing_bucket_is_accepted_with_its_kms_key(running: Cloud) -> None:
    update(running, {"OutputBucket": "encrypted", "KmsKeyArns": KMS_KEY})
    eventually(lambda: read_status(running) == "UPDATE_COMPLETE", "it is deployed")
    assert read_parameters(running)["KmsKeyArns"] == KMS_KEY
