"""Another state machine requests pictures and waits. It receives exactly one answer, and the answer is correct."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local.home import STACK
from tests.e2e.deployed_stack import WAITING_STATE_MACHINE, DeployedStack, eventually
from tests.e2e.folder import Folder

Execution = dict[str, Any]


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

    def wait_for_status(self, arn: str, status: str) -> Execution:
        """Returns an execution as soon as it has ended, and checks that it has this status."""

        def poll() -> Execution | None:
            description = dict(self._client.describe_execution(executionArn=arn))
            return description if description["status"] != "RUNNING" else None

        execution = eventually(poll, f"{arn} ends")
        assert execution["status"] == status, execution
        return execution

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


def test_workflow_receives_its_picture(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg", tags={"note": "not ours"})
    arn = workflow.start(folder, "red.jpg", **folder.instructions)
    output = json.loads(workflow.wait_for_status(arn, "SUCCEEDED")["output"])
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert output == {"source": receipt["source"], "jobs": receipt["jobs"], "total_usd": receipt["total_usd"]}
    assert folder.pictures("red.jpg") == [output["jobs"][0]["results"][0]["key"].rpartition("/")[2]]
    assert len(folder.charges()) == 1


def test_workflow_receives_an_existing_picture_at_once(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    arn = workflow.start(folder, "red.jpg")
    assert json.loads(workflow.wait_for_status(arn, "SUCCEEDED")["output"])["total_usd"] == 0.03
    assert len(folder.charges()) == 1


def test_workflow_with_invalid_instructions_fails_with_the_code(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg")
    execution = workflow.wait_for_status(workflow.start(folder, "red.jpg", promt=folder.prompt), "FAILED")
    assert _failure(execution)["Error"] == "unknown_field"
    (error,) = json.loads(_failure(execution)["Cause"])
    assert (error["code"], error["money"]) == ("unknown_field", "not_spent")
    assert folder.wait_for_error("red.jpg", "unknown_field")
    assert folder.charges() == []


def _failure(execution: Execution) -> dict[str, str]:
    """Returns an execution's error and cause, which AWS and the emulator report in different fields."""
    if "cause" in execution:
        return {"Error": execution["error"], "Cause": execution["cause"]}
    return json.loads(execution["output"])


def test_workflow_receives_the_reason_for_a_skipped_file(folder: Folder, workflow: Workflow) -> None:
    folder.put("notes.txt", "nothing")
    output = json.loads(
        workflow.wait_for_status(workflow.start(folder, "notes.txt", **folder.instructions), "SUCCEEDED")["output"]
    )
    assert (output["jobs"], output["total_usd"]) == ([], 0)
    assert output["skipped"]
    assert folder.report("notes.txt") is None


def test_two_executions_share_one_purchase_and_are_both_answered(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg")
    arns = [workflow.start(folder, "red.jpg", **folder.instructions) for _ in range(2)]
    output = [json.loads(workflow.wait_for_status(arn, "SUCCEEDED")["output"]) for arn in arns]
    assert output[0]["jobs"][0]["job_id"] == output[1]["jobs"][0]["job_id"]
    outcomes = ["success", "success"]
    eventually(
        lambda: [entry["outcome"] for entry in read_requests(folder, "red.jpg")] == outcomes,
        "both answers are recorded",
    )
    assert len(folder.charges()) == 1


@pytest.mark.parametrize("token", [pytest.param("never-issued", id="made-up"), "used"])
def test_invalid_task_token_is_recorded_and_the_picture_is_made(folder: Folder, workflow: Workflow, token: str) -> None:
    folder.drop("red.jpg")
    if token == "used":
        workflow.wait_for_status(workflow.start(folder, "red.jpg", promt="x"), "FAILED")
        eventually(lambda: read_requests(folder, "red.jpg")[0]["answered_at"], "the answer is recorded")
        token = read_requests(folder, "red.jpg")[0]["task_token"]
    body = {"bucket": folder.stack.input_bucket, "key": folder.key("red.jpg"), "instructions": folder.instructions}
    folder.stack.send("IntakeQueueUrl", body | {"task_token": token})
    folder.wait_until_stored("red.jpg")
    undeliverable = eventually(
        lambda: [entry for entry in read_requests(folder, "red.jpg") if entry["outcome"] == "undeliverable"],
        "it is recorded",
    )
    assert undeliverable[0]["task_token"] == token
    assert folder.dead_letters("red.jpg") == []


def test_malformed_request_fails_its_workflow(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg")
    request = {"bucket": "another-bucket", "key": folder.key("red.jpg"), "instructions": folder.instructions}
    arn = folder.stack.clients.stepfunctions.start_execution(
        stateMachineArn=workflow.machine, input=json.dumps(request)
    )
    assert _failure(workflow.wait_for_status(arn["executionArn"], "FAILED"))["Error"] == "damaged_message"


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
