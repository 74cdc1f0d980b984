"""The stack of the fault bench can be deployed: what it asks for is held against all that guards a deployment."""

import pytest

from backdrop_local import parameters, providers
from fault_bench import backdrop_pipeline
from functions.deployment_check import app
from tests.unit.template_document import Deployed

STANDIN = "http://127.0.0.1:4000"
LIMITS = [(10, 6), (10, 20)]


def deployed(limit: int, timeout_seconds: int, *, mixed: bool = False) -> Deployed:
    """What the template comes to with the bench's parameters, for so many calls at a time and seconds of waiting."""
    asked = backdrop_pipeline.build_parameters(
        STANDIN, concurrency_limit=limit, timeout_seconds=timeout_seconds, use_all_lanes=mixed
    )
    return Deployed(**parameters.resolve_parameters(STANDIN, asked))


def lanes(stack: Deployed) -> set[str]:
    """The queues of lanes that a stack has."""
    return {f"{one.parameter}QueueUrl" for one in providers.PROVIDERS} & stack.outputs.keys()


@pytest.mark.parametrize("mixed", [False, True], ids=["one lane", "all lanes"])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_neither_template_nor_deployment_check_refuses_the_benchs_stack(limits: tuple[int, int], mixed: bool) -> None:
    stack = deployed(*limits, mixed=mixed)
    checked = {name: str(value) for name, value in stack.resources["DeploymentCheck"]["Properties"].items()}
    assert (stack.refusals(), app.find_parameter_problems(checked)) == ([], [])


def test_the_bench_opens_no_lane_but_the_one_whose_provider_it_plays() -> None:
    assert lanes(deployed(10, 6)) == {"IdeogramQueueUrl"}


def test_a_mixed_bench_opens_every_lane() -> None:
    assert lanes(deployed(10, 6, mixed=True)) == {f"{one.parameter}QueueUrl" for one in providers.PROVIDERS}
