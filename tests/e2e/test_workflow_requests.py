"""Another state machine requests a picture, and is stopped while it waits: nothing is bought."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local.home import STACK
from tests.e2e.deployed_stack import WAITING_STATE_MACHINE, DeployedStack, eventually
from tests.e2e.folder import Folder


class Workflow:
    """A state machine with one task, which sends its input as a request to the intake queue and waits."""

    def __init__(self, stack: DeployedStack, name: str) -> None:
        self._client = stack.clients.stepfunctions
        self._queue = stack.outputs["IntakeQueueUrl"]
        role = stack.clients.functions.get_function_configuration(FunctionName=f"{STACK}-intake")["Role"]
        response = self._client.create_state_machine(name=name, definition=json.dumps(self._definition()), roleArn=role)
        self.machine = response["stateMachineArn"]

    def _definition(self) -> dict[str, Any]:
        """Returns the definition of such a state machine."""
        request = {"bucket.$": "$.bucket", "key.$": "$.key", "instructions.$": "$.instructions"}
        task_fields = {"task_token.$": "$$.Task.Token", "execution.$": "$$.Execution.Id"}
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": self._queue, "MessageGroupId": "workflow", "MessageBody": request | task_fields},
            "TimeoutSeconds": 3600,
            "End": True,
        }
        return {"StartAt": "Picture", "States": {"Picture": task}}

    def start(self, folder: Folder, name: str, **instructions: object) -> str:
        """Starts an execution for a photo, and returns its ARN."""
        execution_input = {"bucket": folder.stack.input_bucket, "key": folder.key(name), "instructions": instructions}
        return self._client.start_execution(stateMachineArn=self.machine, input=json.dumps(execution_input))[
            "executionArn"
        ]

    def stop(self, arn: str) -> None:
        self._client.stop_execution(executionArn=arn)

    def close(self) -> None:
        self._client.delete_state_machine(stateMachineArn=self.machine)


@pytest.fixture
def workflow(stack: DeployedStack) -> Generator[Workflow]:
    workflow = Workflow(stack, WAITING_STATE_MACHINE)
    yield workflow
    workflow.close()


def read_requests(folder: Folder, name: str) -> list[dict[str, Any]]:
    """Returns the ledger's records of the requests for a photo."""
    items = [item for item in folder.ledger() if item["sk"]["S"].startswith("asked#")]
    return [json.loads(item["body"]["S"]) for item in items if item["key"]["S"] == folder.key(name)]


def test_request_of_a_stopped_execution_is_not_bought(folder: Folder, workflow: Workflow) -> None:
    """The lane is paused while the execution runs."""
    folder.drop("red.jpg")
    folder.stack.run_backdrop("pause", "ideogram")
    arn = workflow.start(folder, "red.jpg", **folder.instructions)
    eventually(lambda: read_requests(folder, "red.jpg"), "the request is recorded")
    workflow.stop(arn)
    folder.stack.run_backdrop("resume", "ideogram")
    folder.wait_for_status("red.jpg", "cancelled")
    eventually(lambda: read_requests(folder, "red.jpg")[0]["answered_at"], "its token is answered")
    assert (folder.charges(), folder.report("red.jpg"), folder.pictures("red.jpg")) == ([], None, [])
