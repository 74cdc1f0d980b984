"""The simulated Step Functions behaves like the emulator's for the calls of the product's adapters."""

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
    """A client, and functions that start an execution with a waiting task (its ARN and token), stop it, and wait for
    the task's response.
    """

    client: Any
    start: Callable[[], tuple[str, str]]
    stop: Callable[[str], object]
    wait_for_response: Callable[[str, str], TaskResponse]


@pytest.fixture(scope="module", params=SERVICES)
def states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[States]:
    if request.param == "simulated":
        yield _simulated()
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        yield _emulated(clients)


def _simulated() -> States:
    states = World().step_functions

    def start() -> tuple[str, str]:
        name = str(next(_numbers))
        return states.start_execution(name), states.issue_token(f"token-{name}")

    def wait_for_response(_: str, token: str) -> TaskResponse:
        answer = states.responses[token]
        assert answer
        return answer

    return States(states, start, states.stop_execution, wait_for_response)


def _emulated(clients: LocalClients) -> States:
    capabilities: Any = ["CAPABILITY_IAM"]
    clients.cloudformation.create_stack(
        StackName="waiting", TemplateBody=json.dumps(_template()), Capabilities=capabilities
    )
    clients.cloudformation.get_waiter("stack_create_complete").wait(StackName="waiting", WaiterConfig={"Delay": 1})
    (stack,) = clients.cloudformation.describe_stacks(StackName="waiting")["Stacks"]
    outputs = {output.get("OutputKey"): output.get("OutputValue", "") for output in stack.get("Outputs", [])}
    stop = clients.stepfunctions.stop_execution
    return States(
        clients.stepfunctions,
        partial(_start, clients, outputs["Machine"], outputs["Queue"]),
        lambda arn: stop(executionArn=arn),
        partial(_wait_for_response, clients),
    )


def _template() -> dict[str, Any]:
    """Returns a template of a state machine with one task, which sends its token to a queue and waits."""
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


def _start(clients: LocalClients, machine: str, url: str) -> tuple[str, str]:
    arn = clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    answer = clients.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    (message,) = answer.get("Messages", [])
    return arn, json.loads(message.get("Body", ""))["token"]


def _wait_for_response(clients: LocalClients, arn: str, _: str) -> TaskResponse:
    while (execution := clients.stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    if execution["status"] == "SUCCEEDED" and "output" in execution:
        return TaskResponse(output=json.loads(execution["output"]))
    return TaskResponse(error=execution.get("error", ""), cause=json.loads(execution.get("cause", "null")))


def build_monitor(states: States) -> ExecutionMonitor:
    """Returns a monitor with an empty cache."""
    return ExecutionMonitor(states.client, World().clock)


def test_task_receives_its_output(states: States) -> None:
    arn, token = states.start()
    assert TaskTokens(states.client).send_success(token, '{"jobs": ["é"]}')
    assert states.wait_for_response(arn, token) == TaskResponse(output={"jobs": ["é"]})


def test_task_receives_its_error(states: States) -> None:
    arn, token = states.start()
    assert TaskTokens(states.client).send_failure(token, "no_instructions", '["why"]')
    assert states.wait_for_response(arn, token) == TaskResponse(error="no_instructions", cause=["why"])


def test_task_token_can_be_used_only_once(states: States) -> None:
    """The emulator invalidates the token a moment later, when the task continues."""
    arn, token = states.start()
    tokens = TaskTokens(states.client)
    assert tokens.send_success(token, "1")
    assert states.wait_for_response(arn, token) == TaskResponse(output=1)
    assert not tokens.send_success(token, "2")
    assert not tokens.send_failure(token, "x", "{}")
    assert states.wait_for_response(arn, token) == TaskResponse(output=1)


@pytest.mark.parametrize("token", ["never", "é", "AAAA" * 100])
def test_token_that_was_never_issued_is_rejected(states: States, token: str) -> None:
    assert not TaskTokens(states.client).send_success(token, "{}")
    assert not TaskTokens(states.client).send_failure(token, "x", "{}")


def test_execution_runs_until_stopped_or_answered(states: States) -> None:
    (stopped, _), (answered, token), (waiting, _) = (states.start() for _ in range(3))
    assert all(build_monitor(states).is_running(arn) for arn in (stopped, answered, waiting))
    states.stop(stopped)
    TaskTokens(states.client).send_success(token, "{}")
    states.wait_for_response(answered, token)
    assert not build_monitor(states).is_running(stopped)
    assert build_monitor(states).is_running(waiting)


def test_unknown_execution_counts_as_stopped(states: States) -> None:
    arn, _ = states.start()
    assert not build_monitor(states).is_running(f"{arn}-never")
