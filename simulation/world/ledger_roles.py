"""The items of the ledger that each function may write, by the roles in template.yaml."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from backdrop_local.template import load_template

LEADING_KEYS = "dynamodb:LeadingKeys"
_ACTIONS = {"Put": "dynamodb:PutItem", "Update": "dynamodb:UpdateItem", "Delete": "dynamodb:DeleteItem"}


class ForbiddenWriteError(BaseException):  # not caught by `except Exception`, because it is always a bug
    """A function's role does not allow this write. On AWS, the whole request would fail with AccessDenied."""


def check_role(worker_name: str, operation: str, partition_key: str) -> None:
    """Raises ForbiddenWriteError if a function's role does not allow a write.

    `worker_name` is that of an invocation, such as `intake-7`. A person may write everything. `operation` is that of a
    transaction: Put, Update, or Delete.
    """
    function = worker_name.rpartition("-")[0]
    allowed = read_writable_keys().get(function)
    if allowed is None or partition_key.startswith(allowed.get(_ACTIONS[operation], ())):
        return
    raise ForbiddenWriteError(f"{worker_name}: its role does not allow {_ACTIONS[operation]} of {partition_key}")


@cache
def read_writable_keys() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Returns the beginnings of the partition keys that each function may write, by function and action."""
    resources = load_template()["Resources"]
    functions = (one["Properties"] for one in resources.values() if one["Type"] == "AWS::Serverless::Function")
    return {
        function["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): dict(
            _list_writable_keys(resources[function["Role"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"])
        )
        for function in functions
    }


def _list_writable_keys(role: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement.get("Action") in _ACTIONS.values():
                patterns: list[str] = statement["Condition"]["ForAllValues:StringLike"][LEADING_KEYS]
                yield statement["Action"], tuple(pattern.removesuffix("*") for pattern in patterns)
