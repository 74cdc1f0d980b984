"""Each role may do what docs/security.md allows it and nothing more; the emulator enforces roles as they are deployed.

What it does not enforce is marked there, and tests/unit/test_template_roles.py holds it against the template.
"""

import json
import re
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from backdrop_local.home import REGION, ROOT, STACK
from tests.e2e.deeds import COLUMNS, NOBODYS, TEXT, calls
from tests.e2e.shop import SHELF, Shop

UNENFORCED = "†"
DENIED = re.compile(r"is not authorized|AccessDenied")


def table() -> dict[str, set[str]]:
    """The page's table: who may do each deed."""
    text = (ROOT / "docs" / "security.md").read_text().partition("| action |")[2]
    names, _, *rows = (line.strip("|").split("|") for line in text.partition("\n\n")[0].splitlines())
    columns = [name.strip() for name in names]
    assert columns == list(COLUMNS)
    return {deed.strip(): {who for who, may in zip(columns, row, strict=True) if may.strip()} for deed, *row in rows}


ENFORCED = {deed: who for deed, who in table().items() if UNENFORCED not in deed}


def wearing(shop: Shop, role: str) -> boto3.Session:
    """A session in a role of the stack."""
    found = shop.clients.cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=role)
    root = boto3.Session("test", "test")
    name = found.get("StackResourceDetail", {}).get("PhysicalResourceId", "")
    iam = client(shop, root, "iam")
    # No caller but Step Functions itself can send the account that the machine's role asks for (aws:SourceAccount).
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps({"Statement": [trust]}))
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    given = client(shop, root, "sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def client(shop: Shop, session: boto3.Session, service: str) -> Any:
    config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    make = cast("Any", session.client)  # the stubs know a service by its literal name only
    return make(service, region_name=REGION, endpoint_url=shop.cloud.endpoint_url, config=config)


def is_allowed(speaker: Any, action: str, arguments: dict[str, Any]) -> bool:
    """Whether a call gets past the role, whatever becomes of it then."""
    try:
        getattr(speaker, action)(**arguments)
    except ClientError as error:
        return not DENIED.search(str(error))
    return True


@pytest.fixture(autouse=True, scope="module")
def something_to_touch(shop: Shop) -> None:
    """What is tried to be read is there, so that only the role can be in the way."""
    s3, secrets = shop.clients.s3, shop.clients.secrets
    there = {bucket.get("Name") for bucket in s3.list_buckets()["Buckets"]}
    for bucket in {SHELF, NOBODYS} - there:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for bucket in (shop.photos, shop.pictures, SHELF, NOBODYS):
        s3.put_object(Bucket=bucket, Key=TEXT, Body=b"text")
    if NOBODYS not in [found.get("Name") for found in secrets.list_secrets()["SecretList"]]:
        secrets.create_secret(Name=NOBODYS, SecretString="none of our business")


def test_every_role_of_the_stack_has_a_column_and_every_deed_a_call(shop: Shop) -> None:
    pages = shop.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    made = [one for page in pages for one in page["StackResourceSummaries"]]
    roles = {one.get("LogicalResourceId") for one in made if one.get("ResourceType") == "AWS::IAM::Role"}
    assert roles == set(COLUMNS.values())
    assert set(calls(shop)) == set(ENFORCED)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_role_may_do_what_is_its_own_and_nothing_else(shop: Shop, column: str) -> None:
    session = wearing(shop, COLUMNS[column])
    tried = calls(shop)
    speakers = {service: client(shop, session, service) for service, _, _ in tried.values()}
    may = {deed for deed, (service, action, given) in tried.items() if is_allowed(speakers[service], action, given)}
    assert may == {deed for deed, who in ENFORCED.items() if column in who}
