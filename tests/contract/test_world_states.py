"""The simulated Step Functions keep the promises that the emulator's keep, asked in the product's own words."""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import pytest

from backdrop.aws.step_functions import ExecutionMonitor, TaskTokens
from backdrop_local.clients import LocalClients
from simulation.world.simulated_stack import World
from simulation.world.simulated_step_functions import TaskResponse
from tests.contract.services import SERVICES, emulator_alone

_numbers = count(1)


@dataclass(frozen=True)
class States:
    """A client; how an execution begins whose task waits (ARN and token), how it is stopped, what its task heard."""

    client: Any
    begin: Callable[[], tuple[str, str]]
    stop: Callable[[str], object]
    heard: Callable[[str, str], TaskResponse]


@pytest.fixture(scope="module", params=SERVICES)
def states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[States]:
    if request.param == "simulated":
        yield _simulated()
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        yield _emulated(clients)


def _simulated() -> States:
    states = World().step_functions

    def begin() -> tuple[str, str]:
        name = str(next(_numbers))
        return states.start_execution(name), states.issue_token(f"token-{name}")

    def heard(_: str, token: str) -> TaskResponse:
        answer = states.responses[token]
        assert answer
        return answer

    return States(states, begin, states.stop_execution, heard)


def _emulated(clients: LocalClients) -> States:
    may_make_a_role: Any = ["CAPABILITY_IAM"]
    clients.cloudformation.create_stack(
        StackName="waiting", TemplateBody=json.dumps(_template()), Capabilities=may_make_a_role
    )
    clients.cloudformation.get_waiter("stack_create_complete").wait(StackName="waiting", WaiterConfig={"Delay": 1})
    (stack,) = clients.cloudformation.describe_stacks(StackName="waiting")["Stacks"]
    outputs = {one.get("OutputKey"): one.get("OutputValue", "") for one in stack.get("Outputs", [])}
    stop = clients.stepfunctions.stop_execution
    return States(
        clients.stepfunctions,
        partial(_begun, clients, outputs["Machine"], outputs["Queue"]),
        lambda arn: stop(executionArn=arn),
        partial(_told, clients),
    )


def _template() -> dict[str, Any]:
    """A state machine whose one task sends its token to a queue and waits."""
    task: dict[str, Any] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "${Url}", "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    definition = {"Fn::Sub": [json.dumps({"StartAt": "Wait", "States": {"Wait": task}}), {"Url": {"Ref": "Queue"}}]}
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    machine = {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DefinitionString": definition}
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Machine")},
    }


def _begun(clients: LocalClients, machine: str, url: str) -> tuple[str, str]:
    arn = clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    answer = clients.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    (message,) = answer.get("Messages", [])
    return arn, json.loads(message.get("Body", ""))["token"]


def _told(clients: LocalClients, arn: str, _: str) -> TaskResponse:
    while (found := clients.stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    if found["status"] == "SUCCEEDED" and "output" in found:
        return TaskResponse(output=json.loads(found["output"]))
    return TaskResponse(error=found.get("error", ""), cause=json.loads(found.get("cause", "null")))


def executions(states: States) -> ExecutionMonitor:
    """One that knows nothing yet."""
    return ExecutionMonitor(states.client, World().clock)


def test_a_task_hears_the_output_that_it_is_given(states: States) -> None:
    arn, token = states.begin()
    assert TaskTokens(states.client).send_success(token, '{"jobs": ["é"]}')
    assert states.heard(arn, token) == TaskResponse(output={"jobs": ["é"]})


def test_a_task_hears_the_error_that_it_ends_with(states: States) -> None:
    arn, token = states.begin()
    assert TaskTokens(states.client).send_failure(token, "no_instructions", '["why"]')
    assert states.heard(arn, token) == TaskResponse(error="no_instructions", cause=["why"])


def test_a_token_is_good_once(states: States) -> None:
    """The emulator forgets it when the task goes on, a moment later."""
    arn, token = states.begin()
    tokens = TaskTokens(states.client)
    assert tokens.send_success(token, "1")
    assert states.heard(arn, token) == TaskResponse(output=1)
    assert not tokens.send_success(token, "2")
    assert not tokens.send_failure(token, "x", "{}")
    assert states.heard(arn, token) == TaskResponse(output=1)


@pytest.mark.parametrize("token", ["never", "é", "AAAA" * 100])
def test_a_token_that_nobody_handed_out_is_foreign(states: States, token: str) -> None:
    assert not TaskTokens(states.client).send_success(token, "{}")
    assert not TaskTokens(states.client).send_failure(token, "x", "{}")


def test_an_execution_runs_until_it_is_stopped_or_its_task_was_answered(states: States) -> None:
    (stopped, _), (answered, token), (waiting, _) = (states.begin() for _ in range(3))
    assert all(executions(states).is_running(arn) for arn in (stopped, answered, waiting))
    states.stop(stopped)
    TaskTokens(states.client).send_success(token, "{}")
    states.heard(answered, token)
    assert not executions(states).is_running(stopped)
    assert executions(states).is_running(waiting)


def test_an_execution_that_never_was_has_stopped(states: States) -> None:
    arn, _ = states.begin()
    assert not executions(states).is_running(f"{arn}-never")
