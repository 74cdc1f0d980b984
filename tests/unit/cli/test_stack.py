"""How the command finds a stack: one of this release, one of another release, or one that is not a Backdrop stack."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import pytest

from backdrop.aws.clients import LazyClient
from backdrop_cli import stack
from backdrop_cli.errors import CommandError
from backdrop_cli.options import StackLocation
from backdrop_client.stack_description import REQUIRED_OUTPUTS


@dataclass
class CloudFormation:
    """A stack as CloudFormation describes it."""

    status: str = "CREATE_COMPLETE"
    date: str = ""
    outputs: set[str] = field(default_factory=lambda: {*REQUIRED_OUTPUTS, "IdeogramQueueUrl"})
    parameters: dict[str, str] = field(
        default_factory=lambda: {
            "DailyBudgetUSD": "10",
            "DefaultProvider": "ideogram",
            "MaxImageMegapixels": "100",
            "IdeogramMaxInFlight": "7",
        }
    )

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        outputs = [{"OutputKey": name, "OutputValue": f"https://{StackName}.invalid/{name}"} for name in self.outputs]
        parameters = [{"ParameterKey": name, "ParameterValue": text} for name, text in self.parameters.items()]
        response = {"ResponseMetadata": {"HTTPHeaders": {"date": self.date}}}
        return response | {"Stacks": [{"StackStatus": self.status, "Outputs": outputs, "Parameters": parameters}]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    """A fake AWS that answers requests for this stack only."""
    formation = CloudFormation()

    class Session:
        """A session that can create only a CloudFormation client."""

        def __init__(self, **_: object) -> None: ...

        def client(self, service: str, **_: object) -> Any:
            assert service == "cloudformation", "a client was created before it was needed"
            return formation

    monkeypatch.setattr("boto3.Session", Session)
    return formation


def test_stack_of_this_release_is_opened_with_one_client(aws: CloudFormation) -> None:
    found = stack.connect(StackLocation("shop"))
    assert (found.name, found.providers, found.max_in_flight) == ("shop", ["ideogram"], {"ideogram": 7})


def test_commands_use_the_time_of_aws(aws: CloudFormation) -> None:
    aws.date = format_datetime(datetime.now(UTC) + timedelta(minutes=4), usegmt=True)
    found = stack.connect(StackLocation("shop"))
    for clock in (found.clock, found.cancel_service.clock):
        assert timedelta(minutes=3) < clock.now() - datetime.now(UTC) < timedelta(minutes=5)


@pytest.mark.parametrize("name", ["MaxImageMegapixels", "IntakeQueueUrl"])
def test_stack_of_another_release_is_reported(aws: CloudFormation, name: str) -> None:
    aws.outputs.discard(name)
    aws.parameters.pop(name, None)
    with pytest.raises(
        CommandError, match=f"of a different release than this package: it has no {name}; deploy this release"
    ):
        stack.connect(StackLocation("shop"))


def test_foreign_stack_is_reported(aws: CloudFormation) -> None:
    aws.outputs, aws.parameters = {"Website"}, {}
    with pytest.raises(CommandError, match="the stack shop is not a Backdrop stack"):
        stack.connect(StackLocation("shop"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_IN_PROGRESS", "is still being created .* stack-create-complete --stack-name shop"),
        ("ROLLBACK_COMPLETE", "could not be created .*describe-stack-events --stack-name shop.*`sam delete"),
        ("CREATE_FAILED", "could not be created"),
        ("REVIEW_IN_PROGRESS", "is only planned"),
        ("DELETE_IN_PROGRESS", "is being deleted"),
        ("DELETE_FAILED", "is partly deleted"),
    ],
)
def test_incomplete_stack_is_reported_with_advice(aws: CloudFormation, status: str, words: str) -> None:
    aws.status = status
    with pytest.raises(CommandError, match=words):
        stack.connect(StackLocation("shop"))


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_updating_or_rolled_back_stack_is_opened(aws: CloudFormation, status: str) -> None:
    aws.status = status
    assert stack.connect(StackLocation("shop")).name == "shop"


def test_client_is_created_once_when_it_is_used() -> None:
    created: list[int] = []

    def make() -> Any:
        created.append(1)
        return "text"

    later = cast("Any", LazyClient(make))
    assert created == []
    assert (later.upper(), later.title()) == ("TEXT", "Text")
    assert created == [1]
