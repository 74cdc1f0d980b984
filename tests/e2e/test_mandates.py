"""Mandates on the deployed stack: a client with the printed policy buys in its folder, until the mandate is spent."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from backdrop_local.home import ROOT, STACK
from tests.e2e.folder import Folder, photo
from tests.e2e.test_roles import create_client, is_allowed

PRICE_USD = 0.03
"""What a picture at the speed TURBO costs at Ideogram."""


def run_mandate(folder: Folder, *words: str) -> Any:
    """Runs `backdrop mandate` on this cloud, and returns the JSON that it printed."""
    env = {**os.environ, "BACKDROP_HOME": str(folder.stack.cloud.home.path)}
    command = [str(ROOT / ".venv" / "bin" / "backdrop"), "mandate", *words, "--json"]
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def build_name(folder: Folder) -> str:
    return re.sub(r"[^a-z0-9]", "-", folder.name.lower())[-40:].strip("-")


def create_mandate_session(folder: Folder, *terms: str) -> boto3.Session:
    """Creates a mandate for the folder, by default for one picture. Returns the session of a client with its policy."""
    name, terms = build_name(folder), terms or ("--usd", str(PRICE_USD))
    policy = run_mandate(folder, "create", name, *terms, "--prefix", folder.key(""), "--policy")["policy"]
    iam = create_client(folder.stack, boto3.Session("test", "test"), "iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="mandate", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])


def write_config(folder: Folder, path: Path) -> Path:
    """Writes the file with which a client of the folder's mandate connects."""
    path.write_text(json.dumps(run_mandate(folder, "show", build_name(folder), "--config")["config"]))
    return path


@pytest.fixture
def connect_client(folder: Folder) -> Callable[[str], Any]:
    """Creates a mandate for one picture, and returns what connects its client to an AWS service."""
    session = create_mandate_session(folder)
    return lambda service: create_client(folder.stack, session, service)


def test_client_of_a_mandate_buys_in_its_folder_until_it_is_spent(
    folder: Folder, connect_client: Callable[[str], Any]
) -> None:
    s3, stack = connect_client("s3"), folder.stack
    for name in ("1.jpg", "2.jpg"):
        sidecar, key = json.dumps(folder.instructions), folder.key(name)
        s3.put_object(Bucket=stack.input_bucket, Key=f"{key}.json", Body=sidecar.encode())
        s3.put_object(Bucket=stack.input_bucket, Key=key, Body=photo(name))
        job = folder.wait_for_status(name, "stored" if name == "1.jpg" else "refused")
        assert job["mandate"] == build_name(folder)
    (picture,) = folder.wait_until_stored("1.jpg")["results"]
    assert s3.get_object(Bucket=stack.output_bucket, Key=picture["key"])["Body"].read()
    report_key = f"_backdrop/errors/{folder.key('2.jpg')}.json"
    report = json.load(s3.get_object(Bucket=stack.output_bucket, Key=report_key)["Body"])
    assert [error["code"] for error in report["errors"]] == ["mandate_spent"]
    account = run_mandate(folder, "show", build_name(folder))
    assert (account["spent_usd"], account["left_usd"], len(folder.charges())) == (PRICE_USD, 0, 1)


def test_client_of_a_mandate_has_access_to_nothing_else(folder: Folder, connect_client: Callable[[str], Any]) -> None:
    """The emulator does not enforce dynamodb:LeadingKeys, by which the client can read no other item."""
    stack, table = folder.stack, folder.stack.outputs["LedgerTableName"]

    own = {"TableName": table, "Key": {"pk": {"S": f"mandate#{build_name(folder)}"}, "sk": {"S": "mandate"}}}
    inside, outside = folder.key("x.jpg"), f"not-{folder.key('x.jpg')}"
    upload = {"Bucket": stack.input_bucket, "Body": b"text"}
    receipt = {"Bucket": stack.output_bucket, "Key": f"_backdrop/receipts/{inside}.json"}
    allowed: list[tuple[str, str, dict[str, Any]]] = [
        ("s3", "put_object", upload | {"Key": f"{inside}.txt"}),
        ("s3", "delete_object", {"Bucket": stack.input_bucket, "Key": f"{inside}.txt"}),
        ("s3", "get_object", receipt),
        ("s3", "list_objects_v2", {"Bucket": stack.output_bucket, "Prefix": folder.key("")}),
        ("dynamodb", "get_item", own),
    ]
    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("s3", "put_object", upload | {"Key": outside}),
        ("s3", "put_object", upload | {"Bucket": stack.output_bucket, "Key": inside}),
        ("s3", "delete_object", {"Bucket": stack.output_bucket, "Key": inside}),
        ("s3", "get_object", receipt | {"Key": f"_backdrop/receipts/{outside}.json"}),
        ("s3", "list_objects_v2", {"Bucket": stack.output_bucket}),
        ("dynamodb", "put_item", {"TableName": table, "Item": own["Key"]}),
        ("dynamodb", "delete_item", own),
        ("dynamodb", "scan", {"TableName": table}),
        ("sqs", "send_message", {"QueueUrl": stack.outputs["IntakeQueueUrl"], "MessageBody": "{}"}),
        ("events", "put_events", {"Entries": [{"Source": "x", "DetailType": "Image Requested", "Detail": "{}"}]}),
        ("secretsmanager", "list_secrets", {}),
        ("cloudformation", "describe_stacks", {"StackName": STACK}),
    ]
    for service, operation, arguments in allowed:
        assert is_allowed(connect_client(service), operation, arguments), (service, operation)
    for service, operation, arguments in denied:
        assert not is_allowed(connect_client(service), operation, arguments), (service, operation, arguments)
