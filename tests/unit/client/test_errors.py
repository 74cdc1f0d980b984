"""The client's errors: their advice, and their copies in other processes."""

import pickle
from typing import Any, cast

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    InvalidRegionError,
    LoginRefreshRequired,
    NoRegionError,
    UnknownCredentialError,
)

from backdrop_client import errors
from backdrop_client.errors import BackdropClientError, JobError, NotAuthorizedError, WaitTimeoutError, translate_errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BackdropClientError)]


def build_error(kind: type[BackdropClientError]) -> BackdropClientError:
    texts = ("code", "What happened.", "What to do.")
    if issubclass(kind, WaitTimeoutError):
        return kind("working", *texts, 0.06, 0.01)
    if issubclass(kind, JobError):
        # Its pictures are read from AWS, with a client that belongs to its process.
        return kind(*texts, 0.06, 0.01, errors=[{"code": "dead"}], result=cast("Any", lambda: None))
    return kind(*texts, 0.06, 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_error_is_the_same_in_another_process(kind: type[BackdropClientError]) -> None:
    error = build_error(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (type(copy), str(copy)) == (kind, str(error))
    assert vars(copy) == {name: value if name != "result" else None for name, value in vars(error).items()}


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("DescribeStacks", "check the name of the stack and the region"),
        ("DescribeStacks", "`backdrop mandate show <name> --config`"),
        ("GetItem", "Check the names of the stack and the mandate, and the region."),
        ("GetItem", "`backdrop mandate show <name> --policy`"),
        ("PutObject", "`backdrop mandate show <name> --policy`"),
    ],
)
def test_denied_access_advises_what_to_check(operation: str, words: str) -> None:
    """The policy covers one mandate, so AWS denies access to all others, whether they exist or not."""
    with pytest.raises(NotAuthorizedError) as raised, translate_errors():
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "denied"}}, operation)
    assert words in raised.value.hint


@pytest.mark.parametrize(
    "aws_error",
    [
        ConfigParseError(path="config", error=OSError()),
        CredentialRetrievalError(provider="custom-process", error_msg="the session has expired"),
        InvalidConfigError(error_msg="source_profile"),
        InvalidRegionError(region_name="eu central"),
        LoginRefreshRequired(),
        NoRegionError(),
        UnknownCredentialError(name="EC2"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_wrong_configuration_is_no_outage(aws_error: BotoCoreError) -> None:
    """A program that repeats its call, as it may after an outage, would repeat it forever."""
    with pytest.raises(NotAuthorizedError) as raised, translate_errors():
        raise aws_error
    assert raised.value.hint == "Sign in, or choose another profile or region."
