"""The permissions on docs/security.md for a person's credentials are exactly what the command's calls need."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from backdrop_local.home import ROOT

SERVICES = {
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "events": "events",
    "lambda": "lambda",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "stepfunctions": "states",
}
COMMAND = ROOT / "cli" / "backdrop_cli"
CLIENT = ROOT / "client" / "backdrop_client"
# These act only on the local cloud.
LOCAL = ("demo", "local_commands.py")
# How the command reaches a stack, in addition to its own modules: cli/backdrop_cli/stack.py.
ADAPTERS = ("campaign_files", "event_bus", "lambda_mappings", "ledger", "ledger_index", "s3", "sqs", "table")
# Calls whose permission has another name, or that need several.
RIGHTS = {
    "s3:HeadObject": {"s3:GetObject"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
    "s3:GetBucketEncryption": {"s3:GetEncryptionConfiguration"},
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
}
# Included in a call's permission: another version, and an upload in parts that is aborted.
INCLUDED = {"s3:GetObjectVersion", "s3:AbortMultipartUpload"}
# Only functions use these methods of the adapters: deleting a report, writing a campaign's results, reading a table's
# age. `publish` is a method of the bus here.
OF_FUNCTIONS = {"s3:DeleteObject", "dynamodb:DescribeTable", "sns:Publish"} | {
    f"s3:{name}" for name in ("CreateMultipartUpload", "CompleteMultipartUpload", "UploadPart", "AbortMultipartUpload")
}


def map_operations() -> dict[str, str]:
    """Returns every call of these services by boto3's name, with AWS's name for it."""
    session = botocore.session.Session()
    names = {prefix: session.get_service_model(service).operation_names for service, prefix in SERVICES.items()}
    return {xform_name(name): f"{prefix}:{name}" for prefix, found in names.items() for name in found}


def iterate_names(path: Path) -> Iterator[str]:
    """Yields all method names that a module uses, and its string literals, which may name a paginator."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def list_needed_permissions() -> set[str]:
    """Returns the permissions that the command's calls need."""
    own = [path for path in COMMAND.rglob("*.py") if path.relative_to(COMMAND).parts[0] not in LOCAL]
    own += CLIENT.rglob("*.py")
    adapters = [ROOT / "layers" / "backdrop" / "backdrop" / "aws" / f"{name}.py" for name in ADAPTERS]
    known = map_operations()
    calls = {known[word] for path in (*own, *adapters) for word in iterate_names(path) if word in known} - OF_FUNCTIONS
    return {right for call in calls for right in RIGHTS.get(call, {call})}


@pytest.fixture(scope="module")
def documented_permissions() -> set[str]:
    """The permissions that the page names."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    section = page.partition("## What the command needs\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+:[A-Z]\w+)`", section))


def test_every_permission_of_the_command_is_on_the_page(documented_permissions: set[str]) -> None:
    assert list_needed_permissions() - documented_permissions == set()


def test_page_grants_no_permission_that_is_not_used(documented_permissions: set[str]) -> None:
    assert documented_permissions - list_needed_permissions() == INCLUDED
