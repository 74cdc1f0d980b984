"""A state machine of somebody's own asks for pictures and waits: it hears once, and truthfully, what became of them."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local.home import STACK
from tests.e2e.folder import Folder
from tests.e2e.shop import WAITING, Shop, eventually

Execution = dict[str, Any]


class Workflow:
    """A state machine with one task, which sends its input as a request to the intake queue and waits."""

    def __init__(self, shop: Shop, name: str) -> None:
        self._client = shop.clients.stepfunctions
        self._queue = shop.outputs["IntakeQueueUrl"]
        role = shop.clients.functions.get_function_configuration(FunctionName=f"{STACK}-intake")["Role"]
        made = self._client.create_state_machine(name=name, definition=json.dumps(self._definition()), roleArn=role)
        self.machine = made["stateMachineArn"]

    def _definition(self) -> dict[str, Any]:
        """The few lines that anybody's state machine needs."""
        asked = {"bucket.$": "$.bucket", "key.$": "$.key", "instructions.$": "$.instructions"}
        about = {"task_token.$": "$$.Task.Token", "execution.$": "$$.Execution.Id"}
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": self._queue, "MessageGroupId": "workflow", "MessageBody": asked | about},
            "TimeoutSeconds": 3600,
            "End": True,
        }
        return {"StartAt": "Picture", "States": {"Picture": task}}

    def start(self, folder: Folder, name: str, **instructions: object) -> str:
        """Begins an execution for a photo; its ARN."""
        given = {"bucket": folder.shop.photos, "key": folder.key(name), "instructions": instructions}
        return self._client.start_execution(stateMachineArn=self.machine, input=json.dumps(given))["executionArn"]

    def stop(self, arn: str) -> None:
        """Ends an execution half-way."""
        self._client.stop_execution(executionArn=arn)

    def ended(self, arn: str, status: str) -> Execution:
        """An execution once it has come to this end."""

        def look() -> Execution | None:
            found = dict(self._client.describe_execution(executionArn=arn))
            return found if found["status"] != "RUNNING" else None

        found = eventually(look, f"{arn} ends")
        assert found["status"] == status, found
        return found

    def close(self) -> None:
        """Takes the state machine away."""
        self._client.delete_state_machine(stateMachineArn=self.machine)


@pytest.fixture
def workflow(shop: Shop) -> Generator[Workflow]:
    opened = Workflow(shop, WAITING)
    yield opened
    opened.close()


def asked(folder: Folder, name: str) -> list[dict[str, Any]]:
    """Who waits, or waited, for a photo, as the ledger has it."""
    items = [item for item in folder.ledger() if item["sk"]["S"].startswith("asked#")]
    return [json.loads(item["body"]["S"]) for item in items if item["key"]["S"] == folder.key(name)]


def test_a_workflow_gets_its_picture(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg", tags={"note": "not ours"})
    arn = workflow.start(folder, "red.jpg", **folder.wish)
    told = json.loads(workflow.ended(arn, "SUCCEEDED")["output"])
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert told == {"source": receipt["source"], "jobs": receipt["jobs"], "total_usd": receipt["total_usd"]}
    assert folder.pictures("red.jpg") == [told["jobs"][0]["results"][0]["key"].rpartition("/")[2]]
    assert len(folder.charges()) == 1


def test_a_workflow_is_told_at_once_what_was_bought_before(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    arn = workflow.start(folder, "red.jpg")
    assert json.loads(workflow.ended(arn, "SUCCEEDED")["output"])["total_usd"] == 0.03
    assert len(folder.charges()) == 1


def test_a_workflow_whose_instructions_are_wrong_fails_with_the_code(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg")
    found = workflow.ended(workflow.start(folder, "red.jpg", promt=folder.prompt), "FAILED")
    assert _failure(found)["Error"] == "unknown_field"
    (error,) = json.loads(_failure(found)["Cause"])
    assert (error["code"], error["money"]) == ("unknown_field", "not_spent")
    assert folder.wrong("red.jpg", "unknown_field")
    assert folder.charges() == []


def _failure(found: Execution) -> dict[str, str]:
    """How an execution failed, as AWS says it or as the emulator does."""
    return {"Error": found["error"], "Cause": found["cause"]} if "cause" in found else json.loads(found["output"])


def test_a_workflow_is_told_that_a_key_is_no_image(folder: Folder, workflow: Workflow) -> None:
    folder.put("notes.txt", "nothing")
    told = json.loads(workflow.ended(workflow.start(folder, "notes.txt", **folder.wish), "SUCCEEDED")["output"])
    assert (told["jobs"], told["total_usd"]) == ([], 0)
    assert told["skipped"]
    assert folder.report("notes.txt") is None


def test_two_executions_that_wait_for_one_job_are_each_answered_and_it_is_bought_once(
    folder: Folder, workflow: Workflow
) -> None:
    folder.drop("red.jpg")
    arns = [workflow.start(folder, "red.jpg", **folder.wish) for _ in range(2)]
    told = [json.loads(workflow.ended(arn, "SUCCEEDED")["output"]) for arn in arns]
    assert told[0]["jobs"][0]["job_id"] == told[1]["jobs"][0]["job_id"]
    noted = ["success", "success"]
    eventually(lambda: [one["outcome"] for one in asked(folder, "red.jpg")] == noted, "both answers are noted")
    assert len(folder.charges()) == 1


@pytest.mark.parametrize("token", [pytest.param("handed-out-to-nobody", id="made-up"), "used"])
def test_a_token_that_is_none_is_noted_and_the_picture_made(folder: Folder, workflow: Workflow, token: str) -> None:
    folder.drop("red.jpg")
    if token == "used":
        workflow.ended(workflow.start(folder, "red.jpg", promt="x"), "FAILED")
        eventually(lambda: asked(folder, "red.jpg")[0]["answered_at"], "the answer is noted")
        token = asked(folder, "red.jpg")[0]["task_token"]
    body = {"bucket": folder.shop.photos, "key": folder.key("red.jpg"), "instructions": folder.wish}
    folder.shop.send("IntakeQueueUrl", body | {"task_token": token})
    folder.stored("red.jpg")
    noted = eventually(
        lambda: [one for one in asked(folder, "red.jpg") if one["outcome"] == "undeliverable"], "it is noted"
    )
    assert noted[0]["task_token"] == token
    assert folder.dead_letters("red.jpg") == []


def test_a_damaged_request_fails_its_workflow_and_is_no_dead_letter(folder: Folder, workflow: Workflow) -> None:
    folder.drop("red.jpg")
    given = {"bucket": "somebody-elses", "key": folder.key("red.jpg"), "instructions": folder.wish}
    arn = folder.shop.clients.stepfunctions.start_execution(stateMachineArn=workflow.machine, input=json.dumps(given))
    assert _failure(workflow.ended(arn["executionArn"], "FAILED"))["Error"] == "damaged_message"


def test_what_only_a_stopped_execution_wanted_is_not_bought(folder: Folder, workflow: Workflow) -> None:
    """The lane is paused while the execution runs."""
    folder.drop("red.jpg")
    folder.shop.backdrop("pause", "ideogram")
    arn = workflow.start(folder, "red.jpg", **folder.wish)
    eventually(lambda: asked(folder, "red.jpg"), "the request is heard")
    workflow.stop(arn)
    folder.shop.backdrop("resume", "ideogram")
    folder.ended("red.jpg", "cancelled")
    eventually(lambda: asked(folder, "red.jpg")[0]["answered_at"], "its token is answered")
    assert (folder.charges(), folder.report("red.jpg"), folder.pictures("red.jpg")) == ([], None, [])
