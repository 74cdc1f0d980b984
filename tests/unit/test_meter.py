"""What is counted: one line of the embedded metric format each, in one namespace, with the dimensions it needs."""

import json
from typing import Any

import pytest

from backdrop.aws.meter import Metric, count, count_end
from backdrop.core.codes import Code
from backdrop.core.job import Status
from tests.unit.core_items import LATER, a_dead_job, a_job, a_problem, a_stored_job


@pytest.fixture(autouse=True)
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "deliver")


def counted(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def facts(line: dict[str, Any]) -> dict[str, Any]:
    """A line without its envelope and its service."""
    return {name: value for name, value in line.items() if name not in ("_aws", "service")}


def test_a_metric_stands_in_the_namespace_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    count(Metric.ACCEPTED, provider="ideogram", operation="replace")
    (line,) = counted(capsys)
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "Backdrop"
    assert definition["Metrics"] == [{"Name": "Accepted", "Unit": "Count"}]
    assert set(definition["Dimensions"][0]) >= {"provider", "operation"}
    assert facts(line) == {"Accepted": [1.0], "provider": "ideogram", "operation": "replace"}


@pytest.mark.parametrize(
    ("metric", "unit"),
    [(Metric.THROTTLED_SECONDS, "Seconds"), (Metric.PROVIDER_LATENCY, "Milliseconds"), (Metric.THROTTLED, "Count")],
)
def test_a_metric_has_the_unit_of_what_it_measures(
    metric: Metric, unit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count(metric, 2.5, lane="ideogram")
    (line,) = counted(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": metric.value, "Unit": unit}]
    assert line[metric.value] == [2.5]


def test_a_stored_job_counts_as_completed(capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_stored_job())
    assert [facts(line) for line in counted(capsys)] == [
        {"Completed": [1.0], "provider": "ideogram", "operation": "replace"}
    ]


FAILURE = {"Failed": [1.0], "code": "link_expired", "provider": "ideogram", "operation": "replace"}


@pytest.mark.parametrize("status", [Status.REFUSED, Status.HELD])
def test_a_job_that_ended_badly_counts_as_failed_by_its_code(
    status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    count_end(a_dead_job(status=status, problem=a_problem(Code.LINK_EXPIRED)))
    assert [facts(line) for line in counted(capsys)] == [FAILURE]


def test_a_dead_job_counts_as_a_dead_letter_too(capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_dead_job(problem=a_problem(Code.LINK_EXPIRED)))
    buried = {"DeadLettered": [1.0], "code": "link_expired", "provider": "ideogram"}
    assert [facts(line) for line in counted(capsys)] == [FAILURE, buried]


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.PAID, Status.SUPERSEDED, Status.CANCELLED])
def test_what_is_no_end_or_nobodys_fault_is_not_counted(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_job(status=status, ended_at=LATER))
    assert counted(capsys) == []
