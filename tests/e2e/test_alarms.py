"""Which events set off the stack's alarms. The alarms receive the metrics that the functions wrote."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from backdrop_local.home import REGION, STACK
from tests.e2e.deployed_stack import FED_BY_QUEUES, DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs, sum_metrics
from tests.e2e.log_rules import parse_function_lines


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


@pytest.fixture
def cloudwatch(stack: DeployedStack) -> CloudWatch:
    return CloudWatch(stack)


def test_charge_without_a_picture_raises_two_alarms(folder: Folder, cloudwatch: CloudWatch) -> None:
    folder.add_fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("gone.jpg", folder.instructions)
    folder.wait_for_status("gone.jpg", "dead")
    eventually(lambda: folder.dead_letters("gone.jpg"), "its dead letter")
    cloudwatch.put_metrics(
        poll_logs(folder, lambda: cloudwatch.read_watched_metrics(folder.started_at), "the loss is counted")
    )
    assert cloudwatch.put_dead_letter_count()
    cloudwatch.wait_for_alarm("paid-without-result")
    cloudwatch.wait_for_alarm("dead-letters")


def test_refused_photo_changes_no_metric_with_an_alarm(folder: Folder, cloudwatch: CloudWatch) -> None:
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wait_for_error("refused.jpg", "unknown_field", "refused")
    folder.put("text.jpg", "Dear diary, this is not a photo.")
    folder.wait_for_error("text.jpg", "not_a_photo", "refused")
    folder.add_fault("status", {"code": 422}, times=1)
    folder.drop("unsafe.jpg", folder.instructions)
    folder.wait_for_status("unsafe.jpg", "refused")
    no_job, ideogram = {"provider": "none", "operation": "none"}, {"provider": "ideogram", "operation": "replace"}
    for code, of in (("unknown_field", no_job), ("not_a_photo", no_job), ("unsafe_request", ideogram)):
        poll_logs(folder, lambda code=code, of=of: sum_metrics(folder, code=code, **of)["Failed"], f"{code} is counted")
    assert cloudwatch.read_watched_metrics(folder.started_at) == []
    assert folder.dead_letters("refused.jpg", "text.jpg", "unsafe.jpg") == []


def test_dashboard_shows_every_alarm_of_the_stack(stack: DeployedStack, cloudwatch: CloudWatch) -> None:
    found = cloudwatch.client.get_dashboard(DashboardName=stack.outputs["DashboardName"])
    widgets = json.loads(found["DashboardBody"])["widgets"]
    shown = {arn.rpartition(":")[2] for widget in widgets for arn in widget["properties"].get("alarms", [])}
    assert {*cloudwatch.alarms()} <= shown


def test_log_lines_have_the_fields_of_the_saved_queries(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")

    def line(function: str, message: str) -> dict[str, Any]:
        lines = parse_function_lines(
            line for line in folder.stack.read_log(function, folder.started_at) if str(job["job_id"]) in line
        )
        return next((fields for fields in lines if fields.get("message") == message), {})

    rendered = poll_logs(folder, lambda: line("render", "job rendered"), "render's line")
    assert (rendered["provider"], rendered["operation"]) == ("ideogram", "replace")
    assert rendered["call_seconds"] > 0
    assert (rendered["throttles"], rendered["throttled_seconds"] >= 1) == (1, True)
    ended = poll_logs(folder, lambda: line("deliver", "job ended"), "deliver's line")
    assert (ended["spent_usd"], ended["unknown_usd"]) == (job["cost"]["usd"], 0)
    assert (ended["status"], ended["key"]) == ("stored", folder.key("red.jpg"))
