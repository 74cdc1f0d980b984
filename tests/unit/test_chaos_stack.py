"""The stack of the fault bench can be deployed: what it asks for is held against all that guards a deployment."""

import pytest

from backdrop_local import parameters, providers
from functions.deployment_check import app
from proof.chaos import ours
from tests.unit.template_document import Deployed

STANDIN = "http://127.0.0.1:4000"
LIMITS = [(10, 6), (10, 20)]


@pytest.fixture(params=LIMITS, ids=str)
def stack(request: pytest.FixtureRequest) -> Deployed:
    """What the template comes to with the bench's parameters, for so many calls at a time and seconds of waiting."""
    limit, timeout_seconds = request.param
    asked = ours.parameters(STANDIN, limit=limit, timeout_seconds=timeout_seconds)
    return Deployed(**parameters.settle(STANDIN, asked))


def test_neither_template_nor_deployment_check_refuses_the_benchs_stack(stack: Deployed) -> None:
    checked = {name: str(value) for name, value in stack.resources["DeploymentCheck"]["Properties"].items()}
    assert (stack.refusals(), app.problems(checked)) == ([], [])


def test_the_bench_opens_no_lane_but_the_one_whose_provider_it_plays(stack: Deployed) -> None:
    lanes = {f"{one.parameter}QueueUrl" for one in providers.PROVIDERS}
    assert lanes & stack.outputs.keys() == {"IdeogramQueueUrl"}
