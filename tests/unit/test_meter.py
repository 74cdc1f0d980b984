"""What is counted: one line of the embedded metric format each, in one namespace, with the dimensions it needs."""

import json
from typing import Any

import pytest

from backdrop.aws.meter import Metric, count, count_end
from backdrop.core.codes import Code
from backdrop.core.job import Attempt, Outcome, Status
from tests.unit.core_items import LATER, a_dead_job, a_job, a_problem, a_stored_job, an_attempt


@pytest.fixture(autouse=True)
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "shop")


def counted(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def facts(line: dict[str, Any]) -> dict[str, Any]:
    """A line without its envelope and its service."""
    return {name: value for name, value in line.items() if name not in ("_aws", "service")}


def test_a_metric_stands_in_the_namespace_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    count({Metric.ACCEPTED: 1}, provider="ideogram", operation="replace")
    (line,) = counted(capsys)
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "Backdrop"
    assert definition["Metrics"] == [{"Name": "Accepted", "Unit": "Count"}]
    assert definition["Dimensions"] == [["provider", "operation", "service"]]
    assert line["service"] == "shop"
    assert facts(line) == {"Accepted": [1.0], "provider": "ideogram", "operation": "replace"}


@pytest.mark.parametrize(
    ("metric", "unit"),
    [(Metric.THROTTLED_SECONDS, "Seconds"), (Metric.PROVIDER_LATENCY, "Milliseconds"), (Metric.THROTTLED, "Count")],
)
def test_a_metric_has_the_unit_of_what_it_measures(
    metric: Metric, unit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count({metric: 2.5}, provider="ideogram", operation="replace")
    (line,) = counted(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": metric.value, "Unit": unit}]
    assert line[metric.value] == [2.5]


def test_metrics_of_the_same_dimensions_stand_in_one_line_with_all_their_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count({Metric.THROTTLED: 2, Metric.PROVIDER_LATENCY: [3, 4]}, provider="ideogram", operation="replace")
    (line,) = counted(capsys)
    assert facts(line) == {
        "Throttled": [2.0],
        "ProviderLatency": [3.0, 4.0],
        "provider": "ideogram",
        "operation": "replace",
    }


@pytest.mark.parametrize("dimensions", [{}, {"provider": "ideogram"}, {"provider": "x", "operation": "y", "code": "z"}])
def test_a_metric_is_written_with_the_dimensions_that_it_was_declared_with_or_not_at_all(
    dimensions: dict[str, str], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    count({Metric.ACCEPTED: 1}, **dimensions)
    assert counted(capsys) == []
    assert [(line.levelname, line.message) for line in caplog.records] == [("ERROR", "a metric could not be written")]


class Full:
    """A log that takes nothing more."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device", text)

    def flush(self) -> None: ...


def test_a_log_that_takes_no_metric_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdout", Full())
    count({Metric.ACCEPTED: 1}, provider="ideogram", operation="replace")
    assert [line.message for line in caplog.records] == ["a metric could not be written"]


def test_each_metric_is_told_in_one_sentence_that_no_other_one_has() -> None:
    told = [metric.words for metric in Metric]
    assert len(set(told)) == len(told) == len(set(Metric))
    assert [words for words in told if not words.endswith(".")] == []


def test_a_stored_job_counts_as_completed(capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_stored_job())
    assert [facts(line) for line in counted(capsys)] == [
        {"Completed": [1.0], "provider": "ideogram", "operation": "replace"}
    ]


FAILURE = {"Failed": [1.0], "code": "link_expired", "provider": "ideogram", "operation": "replace"}


LOSS = {"PaidWithoutResult": [1.0]}
FREE = an_attempt(charged=0, outcome=Outcome.NOT_TAKEN)
LOST = an_attempt(charged=0, unknown=60_000, outcome=Outcome.LOST)


@pytest.mark.parametrize("status", [Status.REFUSED, Status.HELD])
def test_a_job_that_ended_badly_counts_as_failed_by_its_code(
    status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    count_end(a_dead_job(status=status, attempts=(FREE,), problem=a_problem(Code.LINK_EXPIRED)))
    assert [facts(line) for line in counted(capsys)] == [FAILURE]


def test_a_dead_job_counts_as_a_dead_letter_too(capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_dead_job(attempts=(FREE,), problem=a_problem(Code.LINK_EXPIRED)))
    buried = {"DeadLettered": [1.0], "code": "link_expired", "provider": "ideogram"}
    assert [facts(line) for line in counted(capsys)] == [FAILURE, buried]


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        pytest.param(Status.DEAD, (an_attempt(),), id="paid-and-no-picture"),
        pytest.param(Status.HELD, (LOST,), id="perhaps-paid"),
        pytest.param(Status.DEAD, (LOST, FREE), id="perhaps-paid-by-an-earlier-attempt"),
    ],
)
def test_money_that_brought_nothing_counts_as_paid_without_result(
    status: Status, attempts: tuple[Attempt, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    count_end(a_dead_job(status=status, attempts=attempts))
    assert LOSS in [facts(line) for line in counted(capsys)]


def test_a_loss_is_counted_for_the_whole_stack_so_that_one_alarm_sees_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count_end(a_dead_job())
    [loss] = [line for line in counted(capsys) if "PaidWithoutResult" in line]
    assert loss["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert loss["service"] == "shop"


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.PAID, Status.SUPERSEDED, Status.CANCELLED])
def test_what_is_no_end_or_nobodys_fault_is_not_counted(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    count_end(a_job(status=status, ended_at=LATER))
    assert counted(capsys) == []
