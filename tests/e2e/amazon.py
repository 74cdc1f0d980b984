"""Understands the lines of Amazon's own `aws` that the pages show, and does the same by its library.

`aws` itself is no part of the repository's tools. Its words are the library's, in another spelling: an operation or an
option that does not exist is an error here as well.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.session import Session

# Where `aws` has another name for a member, since `--endpoint` would be taken for its own `--endpoint-url`.
RENAMED = {"notification-endpoint": "endpoint"}


class Amazon:
    """`environment` says where AWS is; files are named from `here`."""

    def __init__(self, environment: dict[str, str], here: Path) -> None:
        self._environment, self._here = environment, here
        self._session = Session()

    def understands(self, line: str) -> tuple[str, str, dict[str, Any]]:
        """Service, operation and parameters of a line; KeyError or AssertionError where there is no such thing."""
        _, called, operation, *words = shlex.split(line)
        service = "s3" if called == "s3api" else called
        name = _camel(operation)
        if operation == "wait":
            waiter, *words = words
            name = self._session.get_waiter_model(service).get_waiter(_camel(waiter)).operation
        model = self._session.get_service_model(service).operation_model(name)
        shape: Any = model.input_shape
        members = {re.sub(r"(?<!^)(?=[A-Z])", "-", key).lower(): key for key in shape.members}
        switched_off = [word for word in words if word.startswith("--no-")]
        valued = [word for word in words if word not in switched_off]
        said = dict(zip(valued[::2], valued[1::2], strict=True))
        said.pop("--query", None)  # what the tool prints, and no part of the request
        options = {option.removeprefix("--"): value for option, value in said.items()}
        named = {members[RENAMED.get(option, option)]: value for option, value in options.items()}
        given = {name: self._value(value, shape.members[name].type_name) for name, value in named.items()}
        given |= {members[word.removeprefix("--no-")]: False for word in switched_off}
        assert {*shape.required_members} <= {*given}, f"{line} needs {shape.required_members}"
        return service, operation.replace("-", "_"), given

    def does(self, line: str) -> None:
        """Carries a line out."""
        words = shlex.split(line)
        if words[:3] == ["aws", "s3", "cp"]:
            self._copies(*words[3:])
        elif words[:3] == ["aws", "s3", "ls"]:
            self._lists(words[-1])
        else:
            service, operation, given = self.understands(line)
            client = self._client(service)
            lists = {name for name, value in given.items() if name.endswith("Names") and value}
            getattr(client, operation)(**{name: [text] if name in lists else text for name, text in given.items()})

    def _value(self, text: str, kind: str) -> Any:
        if not text.startswith("file://"):
            return text
        content = (self._here / text.removeprefix("file://")).read_text()
        return content if kind == "string" else json.loads(content)

    def _client(self, service: str) -> Any:
        said = self._environment
        return self._session.create_client(
            service,
            region_name=said["AWS_DEFAULT_REGION"],
            endpoint_url=said["AWS_ENDPOINT_URL"],
            aws_access_key_id=said["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=said["AWS_SECRET_ACCESS_KEY"],
        )

    def _copies(self, source: str, target: str) -> None:
        there = urlsplit(target)
        assert there.scheme == "s3"
        key = there.path.lstrip("/")
        key += source if not key or key.endswith("/") else ""
        self._client("s3").put_object(Bucket=there.netloc, Key=key, Body=(self._here / source).read_bytes())

    def _lists(self, place: str) -> None:
        there = urlsplit(place)
        assert there.scheme == "s3"
        self._client("s3").list_objects_v2(Bucket=there.netloc, Prefix=there.path.lstrip("/"))


def _camel(words: str) -> str:
    """`describe-stacks` as the library's models spell it."""
    return "".join(part.capitalize() for part in words.split("-"))
