"""A deployment refuses impossible parameters with advice, and the running stack stays unchanged."""

from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, STACK
from backdrop_local.stack import read_failure_reasons
from tests.e2e.clouds import running_cloud
from tests.e2e.deployed_stack import eventually

IN_THIS_REGION: Any = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
KMS_KEY = f"arn:aws:kms:{REGION}:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KMS_KEY}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A separate cloud, so that refused updates do not disturb other tests."""
    with running_cloud(tmp_path_factory) as cloud:
        cloud.clients.s3.create_bucket(Bucket="encrypted", **IN_THIS_REGION)
        encryption: Any = {"Rules": [WITH_KEY]}
        cloud.clients.s3.put_bucket_encryption(Bucket="encrypted", ServerSideEncryptionConfiguration=encryption)
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
        pytest.param({"LedgerRetentionDays": "7"}, "LedgerRetentionDays=7 is too short", id="forgets-too-soon"),
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


def test_existing_bucket_is_accepted_with_its_kms_key(running: Cloud) -> None:
    update(running, {"OutputBucket": "encrypted", "KmsKeyArns": KMS_KEY})
    eventually(lambda: read_status(running) == "UPDATE_COMPLETE", "it is deployed")
    assert read_parameters(running)["KmsKeyArns"] == KMS_KEY
