"""The lanes' event source mappings are found by their queue and switched, or retried if Lambda is unavailable."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from backdrop.aws.lambda_mappings import LambdaMappings
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError

QUEUES = {"ideogram": "https://sqs.example/1/shop-ideogram", "segmind": "https://sqs.example/1/shop-segmind"}
ARN = "arn:aws:sqs:eu-central-1:123456789012:"


def build_in_use_error() -> ClientError:
    """Lambda is still changing the mapping."""
    return ClientError({"Error": {"Code": "ResourceInUseException", "Message": "busy"}}, "UpdateEventSourceMapping")


class FakeLambda:
    """The two calls of boto3's Lambda client that LambdaMappings makes."""

    def __init__(self, state: str = "Enabled", *, error: Exception | None = None) -> None:
        self.updates: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self._state = state
        self._error = error

    def list_event_source_mappings(self, **call: Any) -> dict[str, Any]:
        self.requests.append(call)
        names = ("shop-deliver", "shop-segmind", "shop-ideogram-old", "shop-ideogram")
        mappings = [{"UUID": name, "EventSourceArn": ARN + name, "State": self._state} for name in names]
        return {"EventSourceMappings": [{"UUID": "kafka"}, *mappings]}

    def update_event_source_mapping(self, **call: Any) -> None:
        if self._error:
            raise self._error
        self.updates.append(call)


def build_mappings(client: FakeLambda) -> LambdaMappings:
    created: Any = client
    return LambdaMappings(created, "shop-render", QUEUES)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("provider", QUEUES)
def test_lane_is_switched_by_the_mapping_of_its_own_queue(provider: str, on: bool) -> None:
    client = FakeLambda()
    build_mappings(client).set_enabled(provider, enabled=on)
    assert client.requests == [{"FunctionName": "shop-render"}]
    assert client.updates == [{"UUID": f"shop-{provider}", "Enabled": on}]


@pytest.mark.parametrize(
    ("state", "on"),
    [
        ("Enabled", True),
        ("Disabled", False),
        *((state, None) for state in ("Creating", "Enabling", "Disabling", "Updating", "Deleting")),
    ],
)
def test_lane_is_enabled_disabled_or_being_changed(state: str, on: bool | None) -> None:
    """Lambda rejects a second change while it is making the first."""
    assert build_mappings(FakeLambda(state)).is_enabled("ideogram") is on


@pytest.mark.parametrize(
    "error", [build_in_use_error(), EndpointConnectionError(endpoint_url="https://lambda.example")]
)
def test_failed_update_of_a_mapping_is_retried_later(error: Exception) -> None:
    with pytest.raises(RetryLaterError) as caught:
        build_mappings(FakeLambda(error=error)).set_enabled("ideogram", enabled=False)
    assert (caught.value.code, caught.value.delay_seconds > 0) == (Code.STORAGE_UNAVAILABLE, True)


def test_lane_without_a_mapping_is_retried_and_named() -> None:
    client: Any = FakeLambda()
    gone = LambdaMappings(client, "shop-render", {"ideogram": "https://sqs.example/1/elsewhere"})
    with pytest.raises(RetryLaterError) as caught:
        gone.is_enabled("ideogram")
    assert "elsewhere" in str(caught.value)
