"""The IAM policy of a client under a mandate.

It can upload and delete in its folder, and read its results, its mandate, and why providers are paused.
"""

import json
import re
from typing import Any

from backdrop.aws.items import mandate_key
from backdrop.model.codec import to_json
from backdrop.model.mandate import Mandate
from backdrop.model.object_keys import ERRORS_PREFIX, PROVIDER_REPORTS_FOLDER, RECEIPTS_PREFIX, photo_name_of
from backdrop_cli.stack import Stack
from backdrop_client.client_config import build_client_config


def build_policy(stack: Stack, mandate: Mandate) -> dict[str, Any]:
    """Returns the policy. A client with it can spend what the mandate allows, and nothing else.

    It has no access to queues, to the event bus, to provider keys, or to other folders, and cannot write to the ledger.
    It cannot describe the stack either, whose parameters are not meant for clients: it connects with `build_config`.
    """
    _, partition, _, region, account, _ = stack.arn.split(":", 5)
    output = f"arn:{partition}:s3:::{stack.output_bucket}"
    prefix = _escape(mandate.prefix)
    result_prefix = _escape(photo_name_of(mandate.bucket, mandate.prefix, stack.input_bucket))
    result_prefixes = [result_prefix, *(f"{one}/{result_prefix}" for one in (RECEIPTS_PREFIX, ERRORS_PREFIX))]
    table = f"arn:{partition}:dynamodb:{region}:{account}:table/{stack.outputs['LedgerTableName']}"
    statements = [
        _build_statement(
            "UploadInTheFolder",
            ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
            [f"arn:{partition}:s3:::{mandate.bucket}/{prefix}*"],
        ),
        # A receipt names the version of each picture, which is read if a newer one has replaced it since.
        _build_statement(
            "ReadResults",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{output}/{one}*" for one in result_prefixes],
        ),
        # These reports say why providers are paused, and name no photos.
        _build_statement("ReadPauses", ["s3:GetObject"], [f"{output}/{ERRORS_PREFIX}/{PROVIDER_REPORTS_FOLDER}/*"]),
        _build_statement(
            "ListResults",
            ["s3:ListBucket"],
            [output],
            {"StringLike": {"s3:prefix": [f"{one}*" for one in result_prefixes]}},
        ),
        _build_statement(
            "ReadTheMandate",
            ["dynamodb:GetItem"],
            [table],
            {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [mandate_key(mandate.name)[0]]}},
        ),
    ]
    key_arns = [arn for arn in stack.parameters.get("KmsKeyArns", "").split(",") if arn]
    if key_arns:
        condition = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
        statements.append(
            _build_statement("UseTheKeysOfTheBuckets", ["kms:Decrypt", "kms:GenerateDataKey"], key_arns, condition)
        )
    return {"Version": "2012-10-17", "Statement": statements}


def build_config(stack: Stack, mandate: Mandate) -> dict[str, Any]:
    """Returns what a client reads from a file, because the policy does not let it describe the stack."""
    region = stack.arn.split(":")[3]
    return json.loads(to_json(build_client_config(stack.settings, region, mandate.name)))


def _escape(text: str) -> str:
    """Returns a text in which IAM sees no wildcard and no policy variable (IAM User Guide, "Variables and tags")."""
    return re.sub(r"[*?$]", r"${\g<0>}", text)


def _build_statement(
    sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})
