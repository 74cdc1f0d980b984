"""Reconcile in the template: when it runs, and for how long."""

import json
import re
from pathlib import Path

from tests.unit.template_document import Deployed, Node

SAMPLE = Path(__file__).parents[3] / "events" / "reconcile.json"
PERIOD_MINUTES = 5


def read_reconcile_function() -> Node:
    return Deployed().resources["ReconcileFunction"]["Properties"]


def test_reconcile_runs_every_five_minutes() -> None:
    [schedule] = read_reconcile_function()["Events"].values()
    assert schedule == {"Type": "Schedule", "Properties": {"Schedule": f"rate({PERIOD_MINUTES} minutes)"}}


def test_interrupted_run_has_ended_before_the_next_starts() -> None:
    assert read_reconcile_function()["Timeout"] <= PERIOD_MINUTES * 60 - 20


def test_reconcile_has_time_and_memory_for_many_items() -> None:
    assert read_reconcile_function()["Timeout"] >= 240
    assert read_reconcile_function()["MemorySize"] >= 512


def test_schedule_event_is_retried_only_until_the_next_run() -> None:
    bound = read_reconcile_function()["EventInvokeConfig"]
    assert bound == {"MaximumEventAgeInSeconds": PERIOD_MINUTES * 60, "MaximumRetryAttempts": 2}


def test_no_function_reserves_concurrency() -> None:
    functions = Deployed().of_type("AWS::Serverless::Function").values()
    assert not [one["FunctionName"] for one in functions if "ReservedConcurrentExecutions" in one]


def test_sample_event_matches_what_the_schedule_sends() -> None:
    sample = json.loads(SAMPLE.read_text())
    [name] = read_reconcile_function()["Events"]
    assert (sample["source"], sample["detail-type"], sample["detail"]) == ("aws.events", "Scheduled Event", {})
    assert re.search(rf":rule/backdrop-ReconcileFunction{name}-\w+$", sample["resources"][0])
