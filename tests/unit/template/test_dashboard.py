"""The dashboard shows metrics under the names and dimensions they are emitted with, and no provider that is off."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from backdrop.aws.metric_names import Metric
from tests.unit.template_document import ALL_ON, PROVIDERS, Deployed

SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} ([^']+)', '(\w+)'\)")
NAMED = re.compile(r'MetricName=(?:"(\w+)"|\(([^)]+)\))')


@dataclass(frozen=True)
class Shown:
    """A metric that a graph shows, and the dimensions of its search."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    service: str


def read_dashboard(**parameters: str) -> dict[str, Any]:
    [dashboard] = Deployed(**parameters).of_type("AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["DashboardBody"])


def list_widgets(kind: str, **parameters: str) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in read_dashboard(**parameters)["widgets"] if widget["type"] == kind]


GRAPHS = {graph["title"]: graph for graph in list_widgets("metric", **ALL_ON)}


def list_graph_rows(graph: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Returns the metrics of a graph, with CloudWatch's abbreviations expanded, and how each is drawn."""
    before: list[str] = []
    for row in graph["metrics"]:
        drawing = row[-1] if isinstance(row[-1], dict) else {}
        words = [word for word in row if isinstance(word, str)]
        if words[:1] == ["..."]:
            words = [*before[: len(before) - len(words) + 1], *words[1:]]
        words = [before[index] if word == "." else word for index, word in enumerate(words)]
        before = words or before
        yield words, drawing


def list_graph_metrics(graph: dict[str, Any]) -> Iterator[Shown]:
    """Returns every metric that a graph requests from CloudWatch."""
    for words, drawing in list_graph_rows(graph):
        if words:
            found = dict(zip(words[2::2], words[3::2], strict=True))
            yield Shown(words[0], words[1], frozenset(found), found.get("service", ""))
        for schema, terms, _ in SEARCH.findall(drawing.get("expression", "")):
            namespace, *dimensions = schema.split(",")
            one, several = NAMED.findall(terms)[0]
            service = re.findall(r'service="([^"]+)"', terms)
            for name in [one] if one else re.findall(r'"(\w+)"', several):
                yield Shown(namespace, name, frozenset(dimensions), *service)


@pytest.mark.parametrize("title", GRAPHS)
def test_graph_shows_metrics_that_are_emitted_with_its_dimensions(title: str) -> None:
    found = list(list_graph_metrics(GRAPHS[title]))
    assert found
    for one in found:
        if one.namespace == "Backdrop":
            assert one.dimensions == {"service", *Metric(one.name).dimensions}
            assert one.service == "backdrop", "keeps two stacks in one account apart"
        else:
            assert (one.namespace, one.name) in {
                ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
                ("AWS/Lambda", "Errors"),
            }


@pytest.mark.parametrize("title", GRAPHS)
def test_graph_uses_valid_cloudwatch_expressions(title: str) -> None:
    graph = GRAPHS[title]
    assert graph["region"] == "eu-central-1"
    known = {drawing["id"] for _, drawing in list_graph_rows(graph) if "id" in drawing}
    for words, drawing in list_graph_rows(graph):
        if not words:
            left = SEARCH.sub("", drawing["expression"])
            assert "SEARCH" not in left, "a search that cannot be read"
            assert set(re.findall(r"[a-z]\w*", left)) <= known
            assert "label" in drawing or not drawing["visible"]


def test_dashboard_shows_what_operators_need() -> None:
    expected = {
        *("Completed", "Failed", "OpenJobs", "OldestOpenJobSeconds", "SlotSeconds", "Throttled", "ThrottledSeconds"),
        *("ProviderLatency", "SpentTodayUSD", "BudgetLeftUSD", "SpentUSD", "Pictures", "UnknownUSD", "DeadLettered"),
        *("LostAnswers", "PossibleDoubleCharges", "PaidWithoutResult", "UnexpectedError", "ColdStart"),
    }
    assert expected <= {one.name for graph in GRAPHS.values() for one in list_graph_metrics(graph)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_provider_that_is_off_is_not_on_the_dashboard(provider: str) -> None:
    def slots(**limits: str) -> list[dict[str, Any]]:
        [graph] = [one for one in list_widgets("metric", **limits) if one["title"].startswith("Slots")]
        return [drawing for _, drawing in list_graph_rows(graph)]

    on, off = slots(**ALL_ON), slots(**ALL_ON | {f"{provider}MaxInFlight": "0"})
    assert (len(on), len(off)) == (4, 3)
    [gone] = [drawing["label"] for drawing in on if drawing["label"] not in {other["label"] for other in off}]
    assert gone.replace("1min.ai", "OneMin") == provider


def test_slot_use_is_relative_to_the_providers_own_limit() -> None:
    limits = {f"{provider}MaxInFlight": str(number) for number, provider in enumerate(PROVIDERS, start=11)}
    [graph] = [one for one in list_widgets("metric", **limits) if one["title"].startswith("Slots")]
    expressions = [drawing["expression"] for _, drawing in list_graph_rows(graph)]
    for name, limit, expression in zip(
        ("ideogram", "segmind", "1min", "runware"), range(11, 15), expressions, strict=True
    ):
        assert f'provider="{name}"' in expression
        assert expression.startswith("100*SUM(")
        assert expression.endswith(f"/(300*{limit})")
    assert graph.get("period", 300) == 300
    assert read_dashboard()["periodOverride"] == "inherit", "otherwise the console uses another period"


def test_money_spent_today_is_shown_with_the_budget() -> None:
    [graph] = [one for one in list_widgets("metric", DailyBudgetUSD="25") if one["title"].startswith("Dollars today")]
    assert [line["value"] for line in graph["annotations"]["horizontal"]] == [25]


def test_cost_per_picture_is_divided_by_pictures_not_jobs() -> None:
    *parts, whole = [drawing for _, drawing in list_graph_rows(GRAPHS["Dollars per picture, hourly"])]
    named = {part["id"]: NAMED.findall(part["expression"])[0][0] for part in parts}
    assert named == {"spent": "SpentUSD", "pictures": "Pictures"}
    assert whole["expression"] == "spent / pictures"


@pytest.mark.parametrize("parameters", [{}, ALL_ON], ids=["defaults", "all on"])
def test_every_alarm_is_on_the_dashboard(parameters: dict[str, str]) -> None:
    [alarms] = list_widgets("alarm", **parameters)
    alarm_resources = Deployed(**parameters).of_type("AWS::CloudWatch::Alarm").values()
    prefix = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"
    assert {*alarms["alarms"]} == {f"{prefix}{one['AlarmName']}" for one in alarm_resources}


@pytest.mark.parametrize("parameters", [{}, ALL_ON], ids=["defaults", "all on"])
def test_errors_of_functions_are_those_of_the_alarm(parameters: dict[str, str]) -> None:
    [graph] = [one for one in list_widgets("metric", **parameters) if one["title"] == "Errors of functions"]
    shown = {words[-1] for words, _ in list_graph_rows(graph) if words[0] == "AWS/Lambda"}
    alarm = Deployed(**parameters).of_type("AWS::CloudWatch::Alarm")["FunctionErrorsAlarm"]
    metrics = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    watched = {one["Dimensions"][0]["Value"] for one in metrics if one["MetricName"] == "Errors"}
    assert shown == watched - {"DeploymentCheckFunction"}, "which runs only during a deployment"


def test_dashboard_starts_with_instructions() -> None:
    first, second, *_ = read_dashboard()["widgets"]
    assert (first["type"], second["type"]) == ("text", "alarm")
    words = first["properties"]["markdown"]
    for expressions in ("`backdrop status --stack backdrop`", "`backdrop failures --stack backdrop`", "docs/alarms.md"):
        assert expressions in words


def test_every_dashboard_row_is_filled() -> None:
    widths = [widget["width"] for widget in read_dashboard()["widgets"]]
    assert widths == [24, 24, *[8] * (len(widths) - 2)]
    assert len(widths[2:]) % 3 == 0
    assert {widget["height"] for widget in read_dashboard()["widgets"][2:]} == {6}


def test_stacks_with_one_name_in_two_regions_have_separate_dashboards() -> None:
    stack = Deployed()
    [dashboard] = stack.of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == "backdrop-eu-central-1"
    assert stack.outputs["DashboardName"]["Value"] == "Dashboard"
