"""Runs the command lines of the AWS CLI that the pages show, with botocore.

The AWS CLI itself is not among the repository's tools. It spells botocore's operations and parameters differently, so
names that do not exist are errors here as well.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.session import Session

# Parameters that the AWS CLI names differently: it would read `--endpoint` as its own `--endpoint-url`.
RENAMED = {"notification-endpoint": "endpoint"}


class AwsCli:
    """The AWS CLI. `environment` contains its endpoint and credentials. `here` is its working directory."""

    def __init__(self, environment: dict[str, str], here: Path) -> None:
        self._environment, self._here = environment, here
        self._session = Session()

    def parse(self, line: str) -> tuple[str, str, dict[str, Any]]:
        """Returns the service, operation, and parameters of a command line.

        Raises KeyError or AssertionError if one of them does not exist.
        """
        _, service, operation, *words = shlex.split(line)
        service = "s3" if service == "s3api" else service
        name = _to_camel_case(operation)
        if operation == "wait":
            waiter, *words = words
            name = self._session.get_waiter_model(service).get_waiter(_to_camel_case(waiter)).operation
        model = self._session.get_service_model(service).operation_model(name)
        shape: Any = model.input_shape
        members = {re.sub(r"(?<!^)(?=[A-Z])", "-", key).lower(): key for key in shape.members}
        switched_off = [word for word in words if word.startswith("--no-")]
        valued = [word for word in words if word not in switched_off]
        options = {option.removeprefix("--"): value for option, value in zip(valued[::2], valued[1::2], strict=True)}
        options.pop("query", None)  # selects what the AWS CLI prints, and is not part of the request
        named = {members[RENAMED.get(option, option)]: value for option, value in options.items()}
        parameters = {name: self._read_value(value, shape.members[name].type_name) for name, value in named.items()}
        parameters |= {members[word.removeprefix("--no-")]: False for word in switched_off}
        assert {*shape.required_members} <= {*parameters}, f"{line} needs {shape.required_members}"
        return service, operation.replace("-", "_"), parameters

    def run(self, line: str) -> None:
        """Runs a command line."""
        words = shlex.split(line)
        if words[:3] == ["aws", "s3", "cp"]:
            self._copy_file(*words[3:])
        elif words[:3] == ["aws", "s3", "ls"]:
            self._list_objects(words[-1])
        else:
            service, operation, parameters = self.parse(line)
            client = self._client(service)
            lists = {name for name, value in parameters.items() if name.endswith("Names") and value}
            getattr(client, operation)(**{name: [text] if name in lists else text for name, text in parameters.items()})

    def _read_value(self, text: str, kind: str) -> Any:
        if not text.startswith("file://"):
            return text
        content = (self._here / text.removeprefix("file://")).read_text()
        return content if kind == "string" else json.loads(content)

    def _client(self, service: str) -> Any:
        environment = self._environment
        return self._session.create_client(
            service,
            region_name=environment["AWS_DEFAULT_REGION"],
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def _copy_file(self, source: str, target: str) -> None:
        target_url = urlsplit(target)
        assert target_url.scheme == "s3"
        key = target_url.path.lstrip("/")
        key += source if not key or key.endswith("/") else ""
        self._client("s3").put_object(Bucket=target_url.netloc, Key=key, Body=(self._here / source).read_bytes())

    def _list_objects(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.scheme == "s3"
        self._client("s3").list_objects_v2(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"))


def _to_camel_case(words: str) -> str:
    """Returns `describe-stacks` as botocore's models spell it: `DescribeStacks`."""
    return "".join(part.capitalize() for part in words.split("-"))
