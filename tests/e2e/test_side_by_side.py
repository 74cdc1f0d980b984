"""Stacks in one account, and local clouds on one machine, know nothing of one another; what one leaves behind it takes
back.
"""

import json
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop_local import emulator_patches, sam, stack, template
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, ROOT
from backdrop_local.release import CURRENT_RELEASE
from tests.contract.standin_client import StandinClient
from tests.documented import filled_in
from tests.e2e.clouds import running_cloud
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop

OTHER = "backdrop-second"
OTHERS_KEY = "standin-key-of-stack-0002"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A cloud besides the one that all tests share."""
    with running_cloud(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def standin(own: Cloud) -> Generator[StandinClient]:
    with StandinClient(own.standin_url) as standin:
        yield standin


@pytest.fixture(scope="module")
def first(own: Cloud, standin: StandinClient) -> Shop:
    """The stack that the local cloud made."""
    return Shop(own, standin)


def deploy(own: Cloud) -> None:
    """Brings the second stack to what was built."""
    with sam.hold_build():
        sam.deploy(own.endpoint_url, own.parameters, own.home.log_file("second"), name=OTHER)
        emulator_patches.apply_patches(own.clients, own.parameters, CURRENT_RELEASE.built_template, OTHER)
    own.clients.secrets.put_secret_value(SecretId=f"{OTHER}/ideogram/api-key", SecretString=OTHERS_KEY)


@pytest.fixture(scope="module")
def second(own: Cloud, standin: StandinClient) -> Shop:
    """A second stack in the same account, with a key of its own."""
    deploy(own)
    return Shop(own, standin, OTHER)


def resources(shop: Shop) -> set[tuple[str, str]]:
    """Type and name of all of AWS's that a stack is made of."""
    listed = shop.clients.cloudformation.describe_stack_resources(StackName=shop.name)["StackResources"]
    named = {(one["ResourceType"], one.get("PhysicalResourceId", "")) for one in listed}
    return {(kind, name) for kind, name in named if kind.startswith("AWS::")}


def payers(folder: Folder) -> set[str]:
    """The keys that this folder's prompt was charged to."""
    keys = folder.shop.standin.see("bill")["keys"]
    bought = {charge["id"] for charge in folder.charges()}
    return {one["key"] for one in keys if bought & {job["id"] for job in one["jobs"]}}


def test_stacks_in_one_account_share_no_resource_and_no_key(first: Shop, second: Shop) -> None:
    assert resources(first) & resources(second) == set()
    assert first.outputs["Version"] == second.outputs["Version"]
    ours, theirs = Folder(first, "ours"), Folder(second, "theirs")
    for folder in (ours, theirs):
        folder.drop("red.jpg", folder.wish)
        folder.stored("red.jpg")
    assert payers(ours) & payers(theirs) == set()
    for elsewhere in (Folder(second, "ours"), Folder(first, "theirs")):
        assert elsewhere.ledger() == elsewhere.pictures("red.jpg") == []
        assert elsewhere.receipt("red.jpg") is None


def test_local_clouds_on_one_machine_share_nothing(own: Cloud, shop: Shop, first: Shop) -> None:
    """Not even where their stacks and their buckets have the same names."""
    assert (own.endpoint_url, own.standin_url) != (shop.cloud.endpoint_url, shop.cloud.standin_url)
    assert first.photos == shop.photos
    folder = Folder(first, "only-here")
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    assert Folder(shop, "only-here").listed("only-here/") == []
    assert Folder(shop, "only-here").charges() == []


# -- a stack that is removed ---------------------------------------------------------------------------------------

KEPT = ("InputBucketName", "OutputBucketName", "LedgerTableName")


def remove(shop: Shop) -> None:
    """What `sam delete` does, and what remains of the stack."""
    reach = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": shop.cloud.endpoint_url}
    words = ["delete", "--stack-name", shop.name, "--region", REGION, "--no-prompts"]
    sam.run_sam(words, reach, shop.cloud.home.log_file("sam-delete"))


def take_back(shop: Shop) -> None:
    """Follows docs/deploying.md, "Restore a removed stack"; unlike AWS, the emulator imports no bucket policy."""
    listed = json.loads(filled_in(ROOT / "docs" / "deploying.md", "ResourceIdentifier", shop.outputs))
    kept = template.load_template(ROOT / "kept.yaml")
    assert {one["LogicalResourceId"] for one in listed} == {*kept["Resources"]}
    named = [one for one in listed if one["ResourceType"] != "AWS::S3::BucketPolicy"]
    kept["Resources"] = {one["LogicalResourceId"]: kept["Resources"][one["LogicalResourceId"]] for one in named}
    name, text, formation = shop.name, json.dumps(kept), shop.clients.cloudformation
    formation.create_change_set(
        StackName=name, ChangeSetName="back", ChangeSetType="IMPORT", TemplateBody=text, ResourcesToImport=named
    )
    often: Any = {"Delay": 1, "MaxAttempts": 120}
    formation.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName="back", WaiterConfig=often)
    formation.execute_change_set(StackName=name, ChangeSetName="back")
    formation.get_waiter("stack_import_complete").wait(StackName=name, WaiterConfig=often)


def test_a_removed_stack_leaves_photos_pictures_and_books_and_the_next_one_takes_them_back(
    own: Cloud, first: Shop, second: Shop
) -> None:
    folder = Folder(second, "kept")
    folder.drop("red.jpg", folder.wish)
    before = folder.stored("red.jpg")
    kept = dict(second.outputs)
    remove(second)
    assert folder.pictures("red.jpg") == ["red.png"]
    assert folder.ledger()
    with pytest.raises(ClientError, match="NonExistentQueue"):
        second.queue("IntakeQueueUrl").visibility_seconds  # noqa: B018 - it is asked for, and not there
    take_back(second)
    deploy(own)
    assert [stack.read_outputs(own.clients, OTHER)[name] for name in KEPT] == [kept[name] for name in KEPT]
    again = Shop(own, second.standin, OTHER)
    folder = Folder(again, "kept")
    folder.drop("red.jpg", folder.wish)
    folder.drop("new.jpg", folder.wish)
    folder.stored("new.jpg")
    folder.settle()
    assert folder.stored("red.jpg")["job_id"] == before["job_id"]
    assert len(folder.charges()) == 2
    assert Folder(first, "ours").shop.clients.s3.head_bucket(Bucket=first.photos)
