"""What docs/security.md says that a person's credentials need is what the command asks of AWS, and no more."""

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
    "dynamodb": "dynamodb",
    "lambda": "lambda",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "stepfunctions": "states",
}
COMMAND = ROOT / "cli" / "backdrop_cli"
# What they do, they do to the local cloud alone.
LOCAL = ("demo", "local_verbs.py")
# How the command reaches a stack beside its own modules: cli/backdrop_cli/stack.py.
ADAPTERS = ("campaign_files", "lambda_mappings", "ledger", "ledger_index", "s3", "sqs", "table")
# Calls whose right has another name, or that need several.
RIGHTS = {
    "s3:HeadObject": {"s3:GetObject"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
    "s3:GetBucketEncryption": {"s3:GetEncryptionConfiguration"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
}
# A part of a call's right: another version, and an upload in parts that breaks off.
BESIDES = {"s3:GetObjectVersion", "s3:AbortMultipartUpload"}
# What only functions do with these adapters: take a report back, write a campaign's results, tell a table's age.
OF_FUNCTIONS = {"s3:DeleteObject", "dynamodb:DescribeTable"} | {
    f"s3:{name}" for name in ("CreateMultipartUpload", "CompleteMultipartUpload", "UploadPart", "AbortMultipartUpload")
}


def operations() -> dict[str, str]:
    """Every call of these services, as boto3 names it, with the name that AWS has for it."""
    session = botocore.session.Session()
    names = {prefix: session.get_service_model(service).operation_names for service, prefix in SERVICES.items()}
    return {xform_name(name): f"{prefix}:{name}" for prefix, found in names.items() for name in found}


def words(path: Path) -> Iterator[str]:
    """All names of methods that a module uses, and its texts, such as those that name a paginator."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def asked() -> set[str]:
    """The rights that the command's calls need."""
    own = [path for path in COMMAND.rglob("*.py") if path.relative_to(COMMAND).parts[0] not in LOCAL]
    adapters = [ROOT / "layers" / "backdrop" / "backdrop" / "aws" / f"{name}.py" for name in ADAPTERS]
    known = operations()
    calls = {known[word] for path in (*own, *adapters) for word in words(path) if word in known} - OF_FUNCTIONS
    return {right for call in calls for right in RIGHTS.get(call, {call})}


@pytest.fixture(scope="module")
def told() -> set[str]:
    """The rights that the page names."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    chapter = page.partition("## What the command needs\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+:[A-Z]\w+)`", chapter))


def test_all_that_the_command_asks_of_aws_is_on_the_page(told: set[str]) -> None:
    assert asked() - told == set()


def test_the_page_gives_no_right_that_the_command_does_not_use(told: set[str]) -> None:
    assert told - asked() == BESIDES
