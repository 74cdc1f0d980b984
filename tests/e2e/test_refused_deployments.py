"""What cannot be together is refused when it is deployed, with the mend; the stack that runs stays as it is."""

from collections.abc import Generator

import pytest
from botocore.exceptions import ClientError

from backdrop_local import cloud as local_cloud
from backdrop_local import stack
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION, STACK, Home
from backdrop_local.leash import leashed
from tests.e2e.shop import eventually

OWN_INPUT = f"{STACK}-input-000000000000-{REGION}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A cloud that others do not share; a refused update shall not disturb them."""
    home = Home(tmp_path_factory.mktemp("refused"))
    with leashed(home):
        yield local_cloud.up(home, {}, print, build=False)


def parameters(cloud: Cloud) -> dict[str, str]:
    """What the stack that runs was deployed with."""
    [found] = cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {p.get("ParameterKey", ""): p.get("ParameterValue", "") for p in found.get("Parameters", [])}


def status(cloud: Cloud) -> str:
    """How the last deployment stands."""
    return cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]


def update(cloud: Cloud, changes: dict[str, str]) -> None:
    """Asks for the same stack with these parameters, all at once."""
    wanted = parameters(cloud) | changes
    cloud.clients.cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in wanted.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"IdeogramMaxInFlight": "1"}, "IdeogramMaxInFlight cannot be 1.", id="limit-of-one"),
        pytest.param({"IdeogramMaxInFlight": "0"}, "DefaultProvider is ideogram, which is off.", id="default-is-off"),
        pytest.param(
            {"DefaultProvider": "runware", "RunwareMaxInFlight": "0"},
            "DefaultProvider is runware, which is off.",
            id="another-default-is-off",
        ),
        pytest.param(
            {"InputBucket": "shelf", "OutputBucket": "shelf"},
            "InputBucket and OutputBucket are the same bucket",
            id="output-is-input",
        ),
    ],
)
def test_a_stack_refuses_at_once_what_cannot_be_together(running: Cloud, changes: dict[str, str], words: str) -> None:
    before = parameters(running)
    with pytest.raises(ClientError, match=words):
        update(running, changes)
    assert parameters(running) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"OutputBucket": OWN_INPUT}, "Set InputBucket and OutputBucket to different", id="own-input"),
        pytest.param(
            {"RenderTimeoutSeconds": "20"}, "Set RenderTimeoutSeconds to 195 or more", id="no-call-could-start"
        ),
    ],
)
def test_what_takes_arithmetic_is_refused_before_a_lane_is_changed_and_rolled_back(
    running: Cloud, changes: dict[str, str], words: str
) -> None:
    before = parameters(running)
    update(running, changes)
    eventually(lambda: [said for said in stack.failures(running.clients) if words in said], "it is refused")
    eventually(lambda: status(running) == "UPDATE_ROLLBACK_COMPLETE", "it is rolled back")
    assert parameters(running) == before
