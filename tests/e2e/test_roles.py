"""Each role may do exactly what docs/security.md allows. The emulator enforces the deployed roles.

What it does not enforce is marked on that page, and tests/unit/template/test_roles.py checks it in the template.
"""

import json
import os
import re
import subprocess
from collections.abc import Generator
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from backdrop_local.home import REGION, ROOT, STACK
from tests.e2e.deployed_stack import READABLE_BUCKET, DeployedStack
from tests.e2e.role_actions import COLUMNS, FORBIDDEN, TEXT, build_calls

UNENFORCED = "†"
DENIED = re.compile(r"is not authorized|AccessDenied")


def read_documented_table() -> dict[str, set[str]]:
    """Parses the page's table: the columns that may perform each action."""
    text = (ROOT / "docs" / "security.md").read_text().partition("| action |")[2]
    names, _, *rows = (line.strip("|").split("|") for line in text.partition("\n\n")[0].splitlines())
    columns = [name.strip() for name in names]
    assert columns == list(COLUMNS)
    return {
        action.strip(): {column for column, cell in zip(columns, row, strict=True) if cell.strip()}
        for action, *row in rows
    }


ENFORCED = {action: allowed for action, allowed in read_documented_table().items() if UNENFORCED not in action}


def assume_role(stack: DeployedStack, role: str) -> boto3.Session:
    """Returns a session that has assumed a role of the stack."""
    resource = stack.clients.cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=role)
    root = boto3.Session("test", "test")
    name = resource.get("StackResourceDetail", {}).get("PhysicalResourceId", "")
    iam = create_client(stack, root, "iam")
    # Only Step Functions itself can send the account that the machine's role requires (aws:SourceAccount).
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps({"Statement": [trust]}))
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    credentials = create_client(stack, root, "sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    return boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def create_client(stack: DeployedStack, session: boto3.Session, service: str) -> Any:
    config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    make = cast("Any", session.client)  # the stubs accept literal service names only
    return make(service, region_name=REGION, endpoint_url=stack.cloud.endpoint_url, config=config)


def is_allowed(service_client: Any, operation: str, arguments: dict[str, Any]) -> bool:
    """Whether the role allows a call, even if the call then fails."""
    try:
        getattr(service_client, operation)(**arguments)
    except ClientError as error:
        return not DENIED.search(str(error))
    return True


@pytest.fixture(autouse=True, scope="module")
def existing_objects(stack: DeployedStack) -> Generator[None]:
    """Creates everything that the calls read, so that only the role can make them fail."""
    s3, secrets = stack.clients.s3, stack.clients.secrets
    existing = {bucket.get("Name") for bucket in s3.list_buckets()["Buckets"]}
    for bucket in {READABLE_BUCKET, FORBIDDEN} - existing:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for bucket in (stack.input_bucket, stack.output_bucket, READABLE_BUCKET, FORBIDDEN):
        s3.put_object(Bucket=bucket, Key=TEXT, Body=b"text")
    if FORBIDDEN not in [entry.get("Name") for entry in secrets.list_secrets()["SecretList"]]:
        secrets.create_secret(Name=FORBIDDEN, SecretString="not for this stack")
    # Its real ARN has a suffix, which the role's policy expects. The other tests of this cloud have no such key.
    admin_key = secrets.create_secret(Name=f"{STACK}/ideogram/admin-key", SecretString="admin-key")
    yield
    secrets.delete_secret(SecretId=admin_key["ARN"], ForceDeleteWithoutRecovery=True)


def test_every_role_and_action_of_the_table_is_tested(stack: DeployedStack) -> None:
    pages = stack.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    roles = {entry.get("LogicalResourceId") for entry in resources if entry.get("ResourceType") == "AWS::IAM::Role"}
    assert roles == set(COLUMNS.values())
    assert set(build_calls(stack)) == set(ENFORCED)


@pytest.mark.parametrize("column", COLUMNS)
def test_role_may_do_exactly_what_is_documented(stack: DeployedStack, column: str) -> None:
    session = assume_role(stack, COLUMNS[column])
    attempts = build_calls(stack)
    clients = {service: create_client(stack, session, service) for service, _, _ in attempts.values()}
    allowed = {
        action
        for action, (service, operation, arguments) in attempts.items()
        if is_allowed(clients[service], operation, arguments)
    }
    assert allowed == {action for action, columns in ENFORCED.items() if column in columns}


def test_approver_may_decide_in_the_own_name_and_nothing_else(stack: DeployedStack) -> None:
    env = {**os.environ, "BACKDROP_HOME": str(stack.cloud.home.path)}
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "review", "--policy", "--json"]
    policy = json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout)[
        "policy"
    ]
    iam = create_client(stack, boto3.Session("test", "test"), "iam")
    user_id = iam.create_user(UserName="approver")["User"]["UserId"]
    iam.put_user_policy(UserName="approver", PolicyName="approver", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="approver")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
    attempts = build_calls(stack)
    allowed = {
        action
        for action, (service, operation, arguments) in attempts.items()
        if is_allowed(create_client(stack, session, service), operation, arguments)
    }
    reads = {"read a ledger item", "read several ledger items", "query a photo's jobs", "query what is due"}
    assert allowed == {"read a photo", *reads}

    def may_publish(source: str, detail_type: str) -> bool:
        bus = stack.outputs["EventBusName"]
        entry = {"Source": source, "DetailType": detail_type, "Detail": "{}", "EventBusName": bus}
        return is_allowed(create_client(stack, session, "events"), "put_events", {"Entries": [entry]})

    assert may_publish(f"approver:{user_id}", "Image Rejected")
    assert not may_publish(f"approver:{user_id}", "Image Requested")
    assert not may_publish("approver:AIDAOFANOTHER", "Image Approved")
