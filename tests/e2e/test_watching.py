"""Who wakes an operator, and who never does: the stack's own alarms, fed with what its functions really counted."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from backdrop_local.home import REGION, STACK
from tests.e2e.folder import Folder
from tests.e2e.logs import ours
from tests.e2e.shop import FED_BY_QUEUES, Shop, eventually
from tests.e2e.told import counted, told


class CloudWatch:
    """The stack's alarms; the emulator reads no metrics out of logs, so what stands there is brought to them here."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.client: Any = boto3.client(
            "cloudwatch",
            endpoint_url=shop.clients.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Every alarm of the stack by its name."""
        found = self.client.describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
        return {one["AlarmName"]: one for one in found}

    def counted(self, since: float) -> list[dict[str, Any]]:
        """What the functions counted since a moment that one of the alarms looks at, its dimensions and all."""
        watched = {_name(one) for one in self.alarms().values()}
        lines = [line for function in FED_BY_QUEUES for line in self.shop.metrics(function, since)]
        return [one for line in lines for one in _data(line) if _name(one) in watched]

    def read(self, counted: list[dict[str, Any]]) -> None:
        """CloudWatch takes it out of the log."""
        self._put("Backdrop", counted)

    def sees_letters(self) -> int:
        """How many dead letters wait, as SQS would tell it."""
        letters = len(self.shop.queue("DeadLetterQueueUrl").messages())
        alarm = self.alarms()[f"{STACK}-dead-letters"]
        self._put(
            alarm["Namespace"],
            [{"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": letters}],
        )
        return letters

    def rings(self, name: str) -> None:
        """Returns once an alarm does."""
        alarm = f"{STACK}-{name}"
        eventually(lambda: self.alarms()[alarm]["StateValue"] == "ALARM", f"{name} rings", self.alarms)

    def _put(self, namespace: str, data: list[dict[str, Any]]) -> None:
        self.client.put_metric_data(Namespace=namespace, MetricData=data)


def _data(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What CloudWatch makes of a line of the embedded metric format."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            told = [{"Name": name, "Value": line[name]} for name in dimensions]
            for metric in directive["Metrics"]:
                for value in line[metric["Name"]]:
                    yield {"MetricName": metric["Name"], "Dimensions": told, "Value": value}


def _name(metric: dict[str, Any]) -> str:
    """A metric with its dimensions, as alarms tell them apart."""
    dimensions = sorted((one["Name"], one["Value"]) for one in metric["Dimensions"])
    return json.dumps([metric["MetricName"], dimensions])


@pytest.fixture
def watch(shop: Shop) -> CloudWatch:
    """The alarms of this cloud."""
    return CloudWatch(shop)


def test_money_without_a_picture_rings_two_alarms(folder: Folder, watch: CloudWatch) -> None:
    folder.fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("gone.jpg", folder.wish)
    folder.ended("gone.jpg", "dead")
    eventually(lambda: folder.dead_letters("gone.jpg"), "its letter")
    watch.read(told(folder, lambda: watch.counted(folder.began), "the loss is counted"))
    assert watch.sees_letters()
    watch.rings("paid-without-result")
    watch.rings("dead-letters")


def test_a_refused_photo_moves_nothing_that_an_alarm_looks_at(folder: Folder, watch: CloudWatch) -> None:
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wrong("refused.jpg", "unknown_field", "refused")
    folder.put("text.jpg", "Dear diary, this is no photo.")
    folder.wrong("text.jpg", "not_a_photo", "refused")
    folder.fault("status", {"code": 422}, times=1)
    folder.drop("unsafe.jpg", folder.wish)
    folder.ended("unsafe.jpg", "refused")
    nobodys, ideogram = {"provider": "none", "operation": "none"}, {"provider": "ideogram", "operation": "replace"}
    for code, of in (("unknown_field", nobodys), ("not_a_photo", nobodys), ("unsafe_request", ideogram)):
        told(folder, lambda code=code, of=of: counted(folder, code=code, **of)["Failed"], f"{code} is counted")
    assert watch.counted(folder.began) == []
    assert folder.dead_letters("refused.jpg", "text.jpg", "unsafe.jpg") == []


def test_the_dashboard_stands_under_its_name(shop: Shop, watch: CloudWatch) -> None:
    found = watch.client.get_dashboard(DashboardName=shop.outputs["DashboardName"])
    widgets = json.loads(found["DashboardBody"])["widgets"]
    shown = {arn.rpartition(":")[2] for widget in widgets for arn in widget["properties"].get("alarms", [])}
    assert {*watch.alarms()} <= shown


def test_the_lines_that_saved_queries_ask_for_tell_calls_waits_and_money(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")

    def line(function: str, message: str) -> dict[str, Any]:
        lines = ours(one for one in folder.shop.log(function, folder.began) if str(job["job_id"]) in one)
        found = [one for one in lines if one.get("message") == message]
        return found[0] if found else {}

    rendered = told(folder, lambda: line("render", "job rendered"), "render's line")
    assert (rendered["provider"], rendered["operation"]) == ("ideogram", "replace")
    assert rendered["call_seconds"] > 0
    assert (rendered["throttles"], rendered["throttled_seconds"] >= 1) == (1, True)
    ended = told(folder, lambda: line("deliver", "job ended"), "deliver's line")
    assert (ended["spent_usd"], ended["unknown_usd"]) == (job["cost"]["usd"], 0)
    assert (ended["status"], ended["key"]) == ("stored", folder.key("red.jpg"))
