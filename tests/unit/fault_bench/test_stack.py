"""The stack of the fault bench can be deployed: its parameters pass every check of a deployment."""

import pytest

from backdrop_local import parameters, providers
from fault_bench import backdrop_pipeline
from functions.deployment_check import app
from tests.unit.template_document import Deployed

STANDIN = "http://127.0.0.1:4000"
LIMITS = [(10, 6), (10, 20)]


def deployed(limit: int, timeout_seconds: int, *, use_all_lanes: bool = False) -> Deployed:
    """Returns the template with the bench's parameters."""
    parameter_values = backdrop_pipeline.build_parameters(
        STANDIN, concurrency_limit=limit, timeout_seconds=timeout_seconds, use_all_lanes=use_all_lanes
    )
    return Deployed(**parameters.resolve_parameters(STANDIN, parameter_values))


def lanes(stack: Deployed) -> set[str]:
    """Returns the queues of a stack's lanes."""
    return {f"{provider.parameter}QueueUrl" for provider in providers.PROVIDERS} & stack.outputs.keys()


@pytest.mark.parametrize("use_all_lanes", [False, True], ids=["one lane", "all lanes"])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_template_and_deployment_check_accept_the_stack(limits: tuple[int, int], use_all_lanes: bool) -> None:
    stack = deployed(*limits, use_all_lanes=use_all_lanes)
    checked = {name: str(value) for name, value in stack.resources["DeploymentCheck"]["Properties"].items()}
    assert (stack.refusals(), app.find_parameter_problems(checked)) == ([], [])


def test_bench_deploys_only_the_lane_of_ideogram() -> None:
    assert lanes(deployed(10, 6)) == {"IdeogramQueueUrl"}


def test_mixed_bench_deploys_every_lane() -> None:
    assert lanes(deployed(10, 6, use_all_lanes=True)) == {
        f"{provider.parameter}QueueUrl" for provider in providers.PROVIDERS
    }
