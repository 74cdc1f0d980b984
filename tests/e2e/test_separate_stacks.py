"""Stacks in one account and local clouds on one machine share nothing, and a removed stack can be restored."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop_local import emulator_patches, sam, template
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, ROOT
from backdrop_local.release import CURRENT_RELEASE
from backdrop_local.stack import read_outputs
from tests.contract.standin_client import StandinClient
from tests.documented_commands import fill_in_json
from tests.e2e.clouds import running_cloud
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder

SECOND_STACK = "backdrop-second"
SECOND_KEY = "standin-key-of-stack-0002"


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A cloud in addition to the one that all tests share."""
    with running_cloud(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def standin(own_cloud: Cloud) -> Generator[StandinClient]:
    with StandinClient(own_cloud.standin_url) as standin:
        yield standin


@pytest.fixture(scope="module")
def first(own_cloud: Cloud, standin: StandinClient) -> DeployedStack:
    """The stack that the local cloud deployed."""
    return DeployedStack(own_cloud, standin)


def deploy(own_cloud: Cloud) -> None:
    """Deploys the second stack from the current build."""
    with sam.hold_build():
        sam.deploy(own_cloud.endpoint_url, own_cloud.home, own_cloud.parameters, name=SECOND_STACK)
        emulator_patches.apply_patches(
            own_cloud.clients, own_cloud.parameters, CURRENT_RELEASE.built_template, SECOND_STACK
        )
    own_cloud.clients.secrets.put_secret_value(SecretId=f"{SECOND_STACK}/ideogram/api-key", SecretString=SECOND_KEY)


@pytest.fixture(scope="module")
def second(own_cloud: Cloud, standin: StandinClient) -> DeployedStack:
    """A second stack in the same account, with another API key."""
    deploy(own_cloud)
    return DeployedStack(own_cloud, standin, SECOND_STACK)


def list_resources(stack: DeployedStack) -> set[tuple[str, str]]:
    """Returns the type and name of each AWS resource of a stack."""
    entries = stack.clients.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
    named = {(entry["ResourceType"], entry.get("PhysicalResourceId", "")) for entry in entries}
    return {(kind, name) for kind, name in named if kind.startswith("AWS::")}


def list_charged_keys(folder: Folder) -> set[str]:
    """Returns the API keys that were charged for this folder's prompt."""
    keys = folder.stack.standin.see("bill")["keys"]
    bought = {charge["id"] for charge in folder.charges()}
    return {key["key"] for key in keys if bought & {job["id"] for job in key["jobs"]}}


def test_stacks_and_local_clouds_share_no_resource_or_key(
    own_cloud: Cloud, stack: DeployedStack, first: DeployedStack, second: DeployedStack
) -> None:
    """The stacks of the two clouds have the same names, and so have their buckets."""
    assert (own_cloud.endpoint_url, own_cloud.standin_url) != (stack.cloud.endpoint_url, stack.cloud.standin_url)
    assert first.input_bucket == stack.input_bucket
    assert list_resources(first) & list_resources(second) == set()
    assert first.outputs["Version"] == second.outputs["Version"]
    ours, theirs = Folder(first, "ours"), Folder(second, "theirs")
    for folder in (ours, theirs):
        folder.drop("red.jpg", folder.instructions)
        folder.wait_until_stored("red.jpg")
    assert list_charged_keys(ours) & list_charged_keys(theirs) == set()
    for elsewhere in (Folder(second, "ours"), Folder(first, "theirs"), Folder(stack, "ours"), Folder(stack, "theirs")):
        assert elsewhere.ledger() == elsewhere.pictures("red.jpg") == []
        assert elsewhere.receipt("red.jpg") is None
    assert Folder(stack, "ours").charges() == []


# -- a stack that is removed ---------------------------------------------------------------------------------------

KEPT_OUTPUTS = ("InputBucketName", "OutputBucketName", "LedgerTableName")


def delete_stack(stack: DeployedStack) -> None:
    """Runs `sam delete`."""
    environment = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": stack.cloud.endpoint_url}
    arguments = ["delete", "--stack-name", stack.name, "--region", REGION, "--no-prompts"]
    sam.run_sam(arguments, environment, stack.cloud.home.log_file("sam-delete"))
    # It has also deleted the uploaded artifacts, so that the next deployment must upload them again.
    for packaged in stack.cloud.home.emulator_folder.glob("packaged-*"):
        packaged.unlink()


def restore(stack: DeployedStack) -> None:
    """Follows docs/deploying.md, "Restore a removed stack". Unlike AWS, the emulator imports no bucket policy."""
    listed = json.loads(fill_in_json(ROOT / "docs" / "deploying.md", "ResourceIdentifier", stack.outputs))
    kept = template.load_template(ROOT / "kept.yaml")
    assert {entry["LogicalResourceId"] for entry in listed} == {*kept["Resources"]}
    imported = [entry for entry in listed if entry["ResourceType"] != "AWS::S3::BucketPolicy"]
    kept["Resources"] = {
        entry["LogicalResourceId"]: kept["Resources"][entry["LogicalResourceId"]] for entry in imported
    }
    name, text, formation = stack.name, json.dumps(kept), stack.clients.cloudformation
    formation.create_change_set(
        StackName=name, ChangeSetName="back", ChangeSetType="IMPORT", TemplateBody=text, ResourcesToImport=imported
    )
    every_second: Any = {"Delay": 1, "MaxAttempts": 120}
    formation.get_waiter("change_set_create_complete").wait(
        StackName=name, ChangeSetName="back", WaiterConfig=every_second
    )
    formation.execute_change_set(StackName=name, ChangeSetName="back")
    formation.get_waiter("stack_import_complete").wait(StackName=name, WaiterConfig=every_second)


def test_removed_stack_keeps_its_data_for_the_next_one(
    own_cloud: Cloud, first: DeployedStack, second: DeployedStack
) -> None:
    folder = Folder(second, "kept")
    folder.drop("red.jpg", folder.instructions)
    before = folder.wait_until_stored("red.jpg")
    kept = dict(second.outputs)
    delete_stack(second)
    assert folder.pictures("red.jpg") == ["red.png"]
    assert folder.ledger()
    with pytest.raises(ClientError, match="NonExistentQueue"):
        second.queue("IntakeQueueUrl").visibility_seconds  # noqa: B018 - reading it must fail
    restore(second)
    deploy(own_cloud)
    assert [read_outputs(own_cloud.clients, SECOND_STACK)[name] for name in KEPT_OUTPUTS] == [
        kept[name] for name in KEPT_OUTPUTS
    ]
    again = DeployedStack(own_cloud, second.standin, SECOND_STACK)
    folder = Folder(again, "kept")
    folder.drop("red.jpg", folder.instructions)
    folder.drop("new.jpg", folder.instructions)
    folder.wait_until_stored("new.jpg")
    folder.wait_until_queues_empty()
    assert folder.wait_until_stored("red.jpg")["job_id"] == before["job_id"]
    assert len(folder.charges()) == 2
    assert Folder(first, "ours").stack.clients.s3.head_bucket(Bucket=first.input_bucket)
