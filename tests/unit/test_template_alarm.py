"""The template's promise about its alarm: money that brought nothing wakes somebody who then knows what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from backdrop.aws.meter import count_end
from tests.unit.core_items import a_dead_job
from tests.unit.template_document import Deployed, Node, load

FUNCTIONS = Path(__file__).parents[2] / "functions"
ADDRESS = "ops@example.com"


def alarm(**parameters: str) -> Node:
    return Deployed(**parameters).resources["PaidWithoutResultAlarm"]["Properties"]


def counted_by(function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The line that a function writes, in the environment that the template gives it."""
    variables = Deployed().resources[f"{function}Function"]["Properties"]["Environment"]["Variables"]
    for name, value in variables.items():
        if name.startswith("POWERTOOLS_"):
            monkeypatch.setenv(name, value)
    count_end(a_dead_job())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [found] = [line for line in lines if alarm()["MetricName"] in line]
    return found


def test_the_alarm_watches_exactly_what_deliver_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = counted_by("Deliver", monkeypatch, capsys)
    [metric] = line["_aws"]["CloudWatchMetrics"]
    watched = {one["Name"]: one["Value"] for one in alarm()["Dimensions"]}
    assert metric["Namespace"] == alarm()["Namespace"]
    assert metric["Dimensions"] == [list(watched)]
    assert {name: line[name] for name in watched} == watched


def test_nobody_but_deliver_counts_ends_so_that_one_alarm_sees_them_all() -> None:
    assert [p.parent.name for p in FUNCTIONS.glob("*/app.py") if "count_end" in p.read_text()] == ["deliver"]


def test_one_loss_in_five_minutes_is_enough_and_silence_is_fine() -> None:
    made = alarm()
    assert (made["Statistic"], made["Period"], made["EvaluationPeriods"]) == ("Sum", 300, 1)
    assert (made["ComparisonOperator"], made["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert made["TreatMissingData"] == "notBreaching"


def test_an_alarm_says_what_happened_and_what_to_do() -> None:
    words = alarm()["AlarmDescription"]
    assert alarm()["AlarmName"].startswith("backdrop-")
    assert "What to do: `backdrop failures --stack backdrop`" in words
    assert "`backdrop redrive`" in words
    assert len(words) <= 1024, "what CloudWatch takes"


def test_an_alarm_is_mailed_to_the_address_that_was_given() -> None:
    stack = Deployed(AlarmEmail=ADDRESS)
    assert alarm(AlarmEmail=ADDRESS)["AlarmActions"] == ["AlarmTopic"]
    [mail] = stack.of_type("AWS::SNS::Subscription").values()
    assert mail == {"TopicArn": "AlarmTopic", "Protocol": "email", "Endpoint": ADDRESS}


def test_without_an_address_nothing_is_made_to_mail_with() -> None:
    assert "AlarmActions" not in alarm()
    assert not [name for name in Deployed().resources if name.startswith("AlarmTopic") or name.startswith("AlarmMail")]


def test_the_linter_is_told_to_look_away_nowhere() -> None:
    assert "cfn-lint" not in load()["Metadata"]
