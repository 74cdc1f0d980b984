"""What an operator types at the `backdrop` command: lanes paused, budgets set, failures redriven, jobs cancelled."""

import json
import os
import subprocess
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from backdrop_local.cloud import format_exports
from backdrop_local.home import ROOT, STACK
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"
REPORT = "_backdrop/errors/_providers/ideogram.json"
OURS = ("AWS_", "BACKDROP_")


class Operator:
    """Types commands at the shop's cloud, and sees what the lane does."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._heard = len(shop.events.letters())

    def types(self, *words: str, code: int = 0, elsewhere: Mapping[str, str] | None = None) -> str:
        """What a command says, which must end with this exit code."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        here = elsewhere or {"BACKDROP_HOME": str(self.shop.cloud.home.path)}
        command, env = [str(BACKDROP), *words], {**plain, **here}
        ran = subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def reads(self, *words: str) -> dict[str, Any]:
        """The same as data."""
        return json.loads(self.types(*words, "--json"))

    def mapping(self) -> str:
        """Whether Ideogram's lane hands out messages."""
        arn = self.shop.queue_arn("IdeogramQueueUrl")
        listed = self.shop.clients.functions.list_event_source_mappings(EventSourceArn=arn)
        return listed["EventSourceMappings"][0].get("State", "")

    def report(self) -> dict[str, Any] | None:
        """The one report of a provider that is paused."""
        try:
            return self.shop.read_json(REPORT)
        except self.shop.clients.s3.exceptions.NoSuchKey:
            return None

    def hears(self, *kinds: str) -> None:
        """Returns once the bus has told of all of these since the operator came."""
        eventually(lambda: {*kinds} <= {*self._told()}, f"events {kinds}", self._told)

    def _told(self) -> list[str]:
        return [letter["detail-type"] for letter in self.shop.events.letters()[self._heard :]]

    def forgets_todays_cap(self) -> None:
        """The stack's own budget holds again."""
        day = self.reads("budget")["day"]
        self.shop.clients.dynamodb.update_item(
            TableName=self.shop.outputs["LedgerTableName"],
            Key={"pk": {"S": f"budget#{day}"}, "sk": {"S": "budget"}},
            UpdateExpression="REMOVE #cap",
            ExpressionAttributeNames={"#cap": "cap"},
        )


@pytest.fixture
def operator(shop: Shop) -> Generator[Operator]:
    """Who leaves the lane flowing and the budget as it was."""
    operator = Operator(shop)
    try:
        yield operator
    finally:
        operator.forgets_todays_cap()
        operator.types("resume", "ideogram")


def test_a_paused_provider_keeps_photos_waiting_under_one_report_until_it_is_resumed(
    folder: Folder, operator: Operator
) -> None:
    paused = operator.reads("pause", "ideogram")
    assert (paused["paused"], paused["was_paused"]) == (True, False)
    assert operator.mapping() in ("Disabling", "Disabled")
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name, folder.wish)
        folder.waits(name)
    report = eventually(operator.report, "the provider's report")
    assert [(error["code"], error["status"]) for error in report["errors"]] == [("paused_by_person", "paused")]
    eventually(lambda: "2 jobs wait in its lane" in operator.types("pause", "ideogram"), "both are in the lane")
    assert folder.charges() == []
    assert "An operator paused the provider." in operator.types("resume", "ideogram")
    for name in ("red.jpg", "blue.jpg"):
        folder.stored(name)
    assert len(folder.charges()) == 2
    eventually(lambda: operator.report() is None, "no report of the provider")
    operator.hears("Provider Paused", "Provider Resumed")


def test_a_budget_of_zero_pauses_the_lane_and_a_raised_one_lets_it_go(folder: Folder, operator: Operator) -> None:
    assert operator.reads("budget", "0", "--today")["cap_usd"] == 0
    folder.drop("red.jpg", folder.wish)
    report = eventually(operator.report, "the provider's report")
    (error,) = report["errors"]
    assert error["code"] == "budget_reached"
    assert "`backdrop budget 300 --today`" in error["hint"]
    folder.waits("red.jpg")
    shown = operator.reads("budget")
    assert (shown["left_usd"], shown["set_by_person"], shown["paused"]) == (0, True, ["ideogram"])
    assert "ideogram is resumed." in operator.types("budget", "300", "--today")
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1
    operator.hears("Provider Paused", "Budget Reached", "Provider Resumed")


def test_a_dead_job_is_shown_and_redriven(folder: Folder, operator: Operator) -> None:
    folder.fault("status", {"code": 400}, times=1)
    folder.drop("red.jpg", folder.wish)
    dead = folder.ended("red.jpg", "dead")
    prefix = ("--prefix", folder.key(""))
    eventually(lambda: operator.reads("failures", *prefix)["failures"], "the failure")
    shown = operator.types("failures", *prefix)
    assert "request_rejected" in shown
    assert folder.key("red.jpg") in shown
    assert "add --yes to agree" in operator.types("redrive", *prefix, code=1)
    letters = folder.shop.queue("DeadLetterQueueUrl")
    eventually(lambda: any(dead["job_id"] in letter.body for letter in letters.messages()), "its dead letter")
    done = operator.reads("redrive", "--code", "request_rejected", *prefix, "--yes")
    assert (done["bought"], done["redriven"], done["dead_letters_removed"]) == (1, 1, 1)
    assert folder.stored_after_all("red.jpg")["job_id"] == dead["job_id"]
    assert len(folder.charges()) == 1
    assert operator.reads("failures", *prefix)["failures"] == []


def test_cancelled_jobs_end_unpaid(folder: Folder, operator: Operator) -> None:
    operator.types("pause", "ideogram")
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name, folder.wish)
        folder.waits(name)
    prefix = folder.key("")
    ended = 0

    def ends() -> bool:
        """The index on which open jobs are found may lag by a moment."""
        nonlocal ended
        ended += operator.reads("cancel", prefix, "--yes")["ended"]
        return ended == 2

    eventually(ends, "two cancelled jobs")
    operator.types("resume", "ideogram")
    for name in ("red.jpg", "blue.jpg"):
        folder.ended(name, "cancelled")
    assert folder.charges() == []


def test_with_a_stacks_name_the_same_verbs_act_on_aws(operator: Operator) -> None:
    cloud = operator.shop.cloud
    aws = dict(line.removeprefix("export ").split("=", 1) for line in format_exports(cloud))
    assert "Budget of" in operator.types("budget", "--stack", STACK, elsewhere=aws)
    assert "there is no stack nobody" in operator.types("failures", "--stack", "nobody", elsewhere=aws, code=1)


def test_a_provider_that_nobody_knows_is_refused_and_those_that_are_on_are_named(operator: Operator) -> None:
    assert "enabled in backdrop-local: ideogram, segmind, 1min, runware" in operator.types("pause", "runwear", code=2)
