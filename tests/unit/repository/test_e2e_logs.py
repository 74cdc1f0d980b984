"""The end-to-end tests check the logs for secrets, pictures, and unexpected lines."""

import json
from typing import Any

import pytest

from tests.e2e.log_rules import find_faults, find_leaks

LINE = {
    "level": "INFO",
    "service": "shop",
    "function_name": "shop-render",
    "message": "job rendered",
    "job_id": "5" * 64,
}


def build_line(**fields: Any) -> str:
    return json.dumps(LINE | fields)


@pytest.mark.parametrize(
    "good",
    [
        build_line(),
        build_line(message="reconciled", job_id=None),
        build_line(level="WARNING", code="damaged_message"),
        build_line(key="a\nb\x1b[2J.jpg"),
        json.dumps({"_aws": {}, "Accepted": [1.0]}),
        "START RequestId: 73d9c6aa Version: $LATEST",
        "REPORT RequestId: 73d9c6aa\tDuration: 440 ms",
        "Worker process died",
    ],
)
def test_expected_log_line_is_accepted(good: str) -> None:
    assert find_faults([good], {"the-providers-key"}) == []


LEAKS = [
    pytest.param(build_line(reason="401 for the-providers-key"), id="a secret"),
    pytest.param(build_line(url="https://cdn.example/a.png?exp=1&sig=2"), id="a signed link"),
    pytest.param(build_line(url="https://s3.example/a?X-Amz-Signature=1"), id="a presigned S3 link"),
    pytest.param(build_line(said="FwoGZXabc"), id="a session token"),
    pytest.param(build_line(body="b'\\x89PNG\\r\\n'"), id="bytes of a picture, as text"),
    pytest.param(build_line(body="\x89PNG"), id="bytes of a picture"),
    pytest.param(build_line(body="iVBORw0KGgoAAAANSUhEUg"), id="a picture in base64"),
    pytest.param(build_line(exception="Traceback (most recent call last)"), id="a bug"),
]
ODD = [
    pytest.param("rendered 73d9c6aa", id="no JSON"),
    pytest.param('"rendered"', id="no object"),
    pytest.param("Task timed out after 330.00 seconds", id="out of time"),
    pytest.param("Worker process died of its own", id="another crash"),
    pytest.param(build_line(service=""), id="no service"),
    pytest.param(build_line(function_name=None), id="no function"),
    pytest.param(build_line(level="ERROR"), id="an error without a code"),
    pytest.param(build_line(level="WARNING", code="oops"), id="a code that is not on the list"),
    pytest.param(json.dumps({name: LINE[name] for name in LINE if name != "job_id"}), id="an unknown function"),
]


@pytest.mark.parametrize("bad", [*LEAKS, *ODD])
def test_line_with_a_secret_or_missing_fields_is_found(bad: str) -> None:
    assert find_faults([build_line(), bad], {"the-providers-key"}) == [bad]


@pytest.mark.parametrize("bad", LEAKS)
def test_line_of_another_release_with_a_secret_is_found(bad: str) -> None:
    assert find_leaks([build_line(), bad], {"the-providers-key"}) == [bad]


@pytest.mark.parametrize("odd", ODD)
def test_format_of_lines_of_another_release_is_not_checked(odd: str) -> None:
    assert find_leaks([build_line(), odd], {"the-providers-key"}) == []
