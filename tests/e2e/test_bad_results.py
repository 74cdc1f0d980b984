"""A paid result that cannot be delivered ends with its own code, and is not bought again.

Operators learn of it by a report, an event, a dead letter, log lines, and two alarms.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import boto3

from backdrop_local.home import REGION, STACK
from tests.contract.standin_client import KEY
from tests.e2e.deployed_stack import FED_BY_QUEUES, DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs
from tests.e2e.log_rules import find_function_lines

CASES: dict[str, tuple[str, dict[str, object], str, str]] = {
    "expired.jpg": ("expired_url", {}, "*", "link_expired"),
    "foreign.jpg": ("foreign_url", {"kind": "userinfo"}, "*", "result_foreign_host"),
}
"""Photos, with the stand-in's fault, its arguments, its route, and the code of the failure."""


class CloudWatch:
    """The stack's alarms. The emulator extracts no metrics from logs, so this class does."""

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self.client: Any = boto3.client(
            "cloudwatch",
            endpoint_url=stack.clients.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Returns the stack's alarms by name."""
        alarms = self.client.describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
        return {alarm["AlarmName"]: alarm for alarm in alarms}

    def read_watched_metrics(self, since: float) -> list[dict[str, Any]]:
        """Returns the functions' metrics since `since` (Unix seconds) that one of the alarms watches."""
        watched = {_format_metric_name(alarm) for alarm in self.alarms().values()}
        lines = [line for function in FED_BY_QUEUES for line in self.stack.read_metrics(function, since)]
        return [datum for line in lines for datum in _extract_metrics(line) if _format_metric_name(datum) in watched]

    def put_metrics(self, metrics: list[dict[str, Any]]) -> None:
        """Sends metrics to CloudWatch, as if it had extracted them from the log."""
        self._put("Backdrop", metrics)

    def put_dead_letter_count(self) -> int:
        """Sends the number of dead letters to CloudWatch, as SQS does, and returns it."""
        letters = len(self.stack.queue("DeadLetterQueueUrl").messages())
        alarm = self.alarms()[f"{STACK}-dead-letters"]
        self._put(
            alarm["Namespace"],
            [{"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": letters}],
        )
        return letters

    def wait_for_alarm(self, name: str) -> None:
        """Waits until an alarm is in the state ALARM."""
        alarm = f"{STACK}-{name}"
        eventually(lambda: self.alarms()[alarm]["StateValue"] == "ALARM", f"{name} is in alarm", self.alarms)

    def _put(self, namespace: str, data: list[dict[str, Any]]) -> None:
        self.client.put_metric_data(Namespace=namespace, MetricData=data)


def _extract_metrics(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the metrics that CloudWatch extracts from a line in the embedded metric format."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            labels = [{"Name": name, "Value": line[name]} for name in dimensions]
            for metric in directive["Metrics"]:
                for value in line[metric["Name"]]:
                    yield {"MetricName": metric["Name"], "Dimensions": labels, "Value": value}


def _format_metric_name(metric: dict[str, Any]) -> str:
    """Returns a unique text for a metric's name and dimensions."""
    dimensions = sorted((dimension["Name"], dimension["Value"]) for dimension in metric["Dimensions"])
    return json.dumps([metric["MetricName"], dimensions])


def assert_failure_is_reported(folder: Folder, name: str, code: str) -> None:
    """Asserts that the report, the dead letter, and the event have the same error, and that there is no picture."""
    entry = folder.wait_for_error(name, code)
    job = folder.wait_for_status(name, "dead")
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0.03, 0)
    assert (entry["status"], entry["job_id"]) == ("dead", job["job_id"])
    assert (entry["retryable"], entry["money"]) == (False, "spent")
    assert folder.pictures(name) == []
    letter = eventually(lambda: folder.dead_letters(name), "a dead letter")[0]
    attributes = dict(letter.attributes)
    assert int(attributes.pop("lock_version")) > 0
    assert attributes == {
        "code": code,
        "reason": entry["message"],
        "money": "spent",
        "job_id": job["job_id"],
        "provider": "ideogram",
    }
    event = folder.wait_for_event(name)
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["errors"] == [entry]


def assert_logged_by_every_function(folder: Folder, name: str) -> None:
    """Asserts that each function logs the job's ID, and that intake and deliver also log the photo's key."""
    job = folder.job(name)
    assert job
    for function in FED_BY_QUEUES:
        fields = {"job_id": job["job_id"]} | ({} if function == "render" else {"key": folder.key(name)})

        def poll(function: str = function, fields: dict[str, str] = fields) -> bool:
            return bool(find_function_lines(folder.stack.read_log(function, folder.started_at), **fields))

        poll_logs(folder, poll, f"{function} logs {fields}")


def assert_documents_have_no_secret(folder: Folder, name: str) -> None:
    """Asserts that no document about the photo contains a key or a signed link."""
    documents = [
        folder.report(name),
        folder.receipt(name),
        folder.events(name),
        [asdict(letter) for letter in folder.dead_letters(name)],
    ]
    assert all(documents)
    text = json.dumps(documents)
    assert KEY not in text
    assert "sig=" not in text


def test_unusable_paid_result_ends_dead_and_is_not_bought_again(folder: Folder) -> None:
    cloudwatch = CloudWatch(folder.stack)
    for name, (fault, args, route, _) in CASES.items():
        prompt = f"{folder.prompt}, {name}"
        folder.stack.standin.add_fault(fault, args, prompt_regex=prompt, route=route)
        folder.drop(name, {**folder.instructions, "prompt": prompt})
    for name, (_, _, _, code) in CASES.items():
        assert_failure_is_reported(folder, name, code)
        assert_documents_have_no_secret(folder, name)
    folder.wait_until_queues_empty()
    for name in CASES:
        assert [charge["usd"] for charge in folder.charges(f"{folder.prompt}, {name}")] == ["0.03"]
    assert_logged_by_every_function(folder, "expired.jpg")
    cloudwatch.put_metrics(
        poll_logs(folder, lambda: cloudwatch.read_watched_metrics(folder.started_at), "the loss is counted")
    )
    assert cloudwatch.put_dead_letter_count()
    cloudwatch.wait_for_alarm("paid-without-result")
    cloudwatch.wait_for_alarm("dead-letters")
    folder.stack.check_logs()
