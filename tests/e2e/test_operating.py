"""An operator's `backdrop` commands: budgets and redrive."""

import json
import os
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"
REPORT = "_backdrop/errors/_providers/ideogram.json"
REMOVED_PREFIXES = ("AWS_", "BACKDROP_")


class Operator:
    """Runs commands on the stack's cloud, and checks their effect on the lane."""

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self._first_event = len(stack.event_recorder.read_all())

    def run(self, *words: str, code: int = 0) -> str:
        """Runs a command, checks its exit code, and returns its output."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(REMOVED_PREFIXES)}
        command, env = [str(BACKDROP), *words], {**inherited, "BACKDROP_HOME": str(self.stack.cloud.home.path)}
        completed = subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        assert completed.returncode == code, completed.stdout + completed.stderr
        return completed.stdout + completed.stderr

    def read_json(self, *words: str) -> dict[str, Any]:
        """Runs a command and returns its JSON document."""
        return json.loads(self.run(*words, "--json"))

    def mapping(self) -> str:
        """Returns the state of the mapping that invokes render for Ideogram's lane."""
        arn = self.stack.queue_arn("IdeogramQueueUrl")
        response = self.stack.clients.functions.list_event_source_mappings(EventSourceArn=arn)
        return response["EventSourceMappings"][0].get("State", "")

    def report(self) -> dict[str, Any] | None:
        """Returns the report about Ideogram, which exists while it is paused."""
        try:
            return self.stack.read_json(REPORT)
        except self.stack.clients.s3.exceptions.NoSuchKey:
            return None

    def wait_for_events(self, *kinds: str) -> None:
        """Waits until the stack has sent events of all of these kinds since this operator was created."""
        eventually(lambda: {*kinds} <= {*self._list_new_events()}, f"events {kinds}", self._list_new_events)

    def _list_new_events(self) -> list[str]:
        return [event["detail-type"] for event in self.stack.event_recorder.read_all()[self._first_event :]]

    def remove_todays_budget(self) -> None:
        """Removes the day's budget, so that the stack's own budget applies."""
        day = self.read_json("budget")["day"]
        self.stack.clients.dynamodb.update_item(
            TableName=self.stack.outputs["LedgerTableName"],
            Key={"pk": {"S": f"budget#{day}"}, "sk": {"S": "budget"}},
            UpdateExpression="REMOVE #cap",
            ExpressionAttributeNames={"#cap": "cap"},
        )


@pytest.fixture
def operator(stack: DeployedStack) -> Generator[Operator]:
    """An operator. Afterward, the lane is resumed and the stack's own budget applies again."""
    operator = Operator(stack)
    try:
        yield operator
    finally:
        operator.remove_todays_budget()
        operator.run("resume", "ideogram")


def test_budget_of_zero_pauses_the_lane_until_raised(folder: Folder, operator: Operator) -> None:
    assert operator.read_json("budget", "0", "--today")["cap_usd"] == 0
    folder.drop("red.jpg", folder.instructions)
    report = eventually(operator.report, "the provider's report")
    (error,) = report["errors"]
    assert error["code"] == "budget_reached"
    assert "`backdrop budget 300 --today`" in error["hint"]
    eventually(lambda: operator.mapping() in ("Disabling", "Disabled"), "the lane's mapping is off", operator.mapping)
    folder.wait_until_unpaid("red.jpg")
    shown = operator.read_json("budget")
    assert (shown["left_usd"], shown["set_by_person"], shown["paused"]) == (0, True, ["ideogram"])
    assert "ideogram is resumed." in operator.run("budget", "300", "--today")
    folder.wait_until_stored("red.jpg")
    assert len(folder.charges()) == 1
    operator.wait_for_events("Provider Paused", "Budget Reached", "Provider Resumed")


def test_dead_job_is_shown_and_redriven(folder: Folder, operator: Operator) -> None:
    folder.add_fault("status", {"code": 400}, times=1)
    folder.drop("red.jpg", folder.instructions)
    dead = folder.wait_for_status("red.jpg", "dead")
    prefix = (folder.key(""),)
    eventually(lambda: operator.read_json("failures", *prefix)["failures"], "the failure")
    shown = operator.run("failures", *prefix)
    assert "request_rejected" in shown
    assert folder.key("red.jpg") in shown
    assert "add --yes to agree" in operator.run("redrive", *prefix, code=1)
    letters = folder.stack.queue("DeadLetterQueueUrl")
    eventually(lambda: any(dead["job_id"] in letter.body for letter in letters.messages()), "its dead letter")
    done = operator.read_json("redrive", "--code", "request_rejected", *prefix, "--yes")
    assert (done["bought"], done["redriven"], done["dead_letters_removed"]) == (1, 1, 1)
    assert folder.wait_until_stored_again("red.jpg")["job_id"] == dead["job_id"]
    assert len(folder.charges()) == 1
    assert operator.read_json("failures", *prefix)["failures"] == []
