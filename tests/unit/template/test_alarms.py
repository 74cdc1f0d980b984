"""Alarms go off only for what needs an operator, and say what to do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backdrop.aws.batch import MAX_BACKOFF_SECONDS, STUCK_CODES
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import count_ended_job, count_refused, emit_price_check
from backdrop.deliver.service import MAX_DELAY_SECONDS
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import AttemptOutcome, JobStatus
from docs.make_commands import list_commands, list_options
from tests.unit.ledger_items import build_attempt, build_dead_job, build_problem
from tests.unit.template_document import Deployed, Node, read_template

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/alarms.md"
ADDRESS = "ops@example.com"
COMMAND = re.compile(r"`backdrop ([^`]+)`")
SIGNS = {"GreaterThanOrEqualToThreshold": ">=", "GreaterThanThreshold": ">", "LessThanThreshold": "<"}
# These alarms return to OK without a fix, so mail about it would be misleading.
WITHOUT_ALL_CLEAR = {"backdrop-paid-without-result", "backdrop-bill-corrected", "backdrop-budget"}


def list_alarms(**parameters: str) -> dict[str, Node]:
    """The alarms' properties by their names."""
    found = Deployed(**parameters).of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"]: alarm for alarm in found}


NAMES = sorted(list_alarms())
WITH_V2 = {"IdeogramEndpoint": "v2"}
WITH_KEY_IDS = {"IdeogramKeyIds": "k1"}
WITH_SIGNATURES = {"ContentCredentialsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"}
AGE = "ApproximateAgeOfOldestMessage"
ON_QUEUES = {
    "backdrop-dead-letters": ("ApproximateNumberOfMessagesVisible", {"QueueName": "DeadLetterQueue.QueueName"}),
    "backdrop-intake-delayed": (AGE, {"QueueName": "IntakeQueue.QueueName"}),
    "backdrop-deliver-delayed": (AGE, {"QueueName": "DeliverQueue.QueueName"}),
}


def list_watched_metrics(alarm: Node) -> list[dict[str, Any]]:
    """Returns the metrics that an alarm watches."""
    parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return parts or [alarm]


def read_dimensions(metric: Node) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in metric["Dimensions"]}


OURS = {metric["MetricName"] for alarm in list_alarms().values() for metric in list_watched_metrics(alarm)} & {*Metric}


def read_metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def as_deliver_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = Deployed().resources["DeliverFunction"]["Properties"]["Environment"]["Variables"]
    for name, value in variables.items():
        if name.startswith("POWERTOOLS_"):
            monkeypatch.setenv(name, value)


def test_everything_that_needs_an_operator_has_an_alarm() -> None:
    kinds = (
        *("dead-letters", "paid-without-result", "bill-corrected", "unknown-charge", "oldest-job"),
        *("undelivered", "provider-paused", "budget", "function-errors", "reconcile-silent"),
        *("messages-stuck", "intake-delayed", "deliver-delayed", "throttled"),
    )
    assert {*NAMES} == {f"backdrop-{kind}" for kind in kinds}


@pytest.mark.parametrize("name", NAMES)
def test_alarm_watches_a_metric_that_is_emitted_with_its_dimensions(name: str) -> None:
    stack = Deployed()
    for metric in list_watched_metrics(list_alarms()[name]):
        found = read_dimensions(metric)
        match metric["Namespace"]:
            case "Backdrop":
                assert {*found} == {"service", *Metric(metric["MetricName"]).dimensions}
                assert found["service"] == "backdrop"
            case "AWS/SQS":
                assert (metric["MetricName"], found) == ON_QUEUES[name]
            case other:
                assert (other, {*found}) == ("AWS/Lambda", {"FunctionName"})
                assert metric["MetricName"] in {"Errors", "Invocations", "Throttles"}
                assert found["FunctionName"] in stack.of_type("AWS::Serverless::Function")


def test_money_alarm_matches_the_metric_that_deliver_writes(capsys: pytest.CaptureFixture[str]) -> None:
    count_ended_job(build_dead_job())
    [line] = [line for line in read_metrics(capsys) if "PaidWithoutResult" in line]
    [metric] = line["_aws"]["CloudWatchMetrics"]
    alarm = list_alarms()["backdrop-paid-without-result"]
    assert metric["Namespace"] == alarm["Namespace"]
    assert metric["Dimensions"] == [list(read_dimensions(alarm))]
    assert {name: line[name] for name in read_dimensions(alarm)} == read_dimensions(alarm)


def test_every_function_emits_metrics_for_the_stack_of_its_alarms() -> None:
    functions = Deployed().of_type("AWS::Serverless::Function").values()
    environments = [alarm["Environment"]["Variables"] for alarm in functions if "Environment" in alarm]
    assert {(one["POWERTOOLS_SERVICE_NAME"], one["POWERTOOLS_METRICS_NAMESPACE"]) for one in environments} == {
        ("backdrop", "Backdrop")
    }


def test_only_deliver_counts_finished_jobs() -> None:
    handlers = (ROOT / "functions").glob("*/app.py")
    assert [handler.parent.name for handler in handlers if "count_end" in handler.read_text()] == ["deliver"]


def test_functions_with_unreported_throttles_are_watched_for_throttling() -> None:
    """Step Functions and CloudFormation report it themselves; reconcile-bill does the same work an hour later."""
    functions = {
        read_dimensions(metric)["FunctionName"] for metric in list_watched_metrics(list_alarms()["backdrop-throttled"])
    }
    assert {*Deployed().of_type("AWS::Serverless::Function")} - functions == {
        "CampaignFunction",
        "DeploymentCheckFunction",
        "ReconcileBillFunction",
    }


def test_alarms_page_states_their_number_and_their_cost() -> None:
    metrics = sum(len(list_watched_metrics(alarm)) for alarm in list_alarms().values())
    words = PAGE.read_text()
    assert "A stack has fourteen alarms" in words
    assert len(NAMES) == 14
    assert f"They cost ${metrics * 0.10:.2f} a month together" in words


def test_errors_of_every_function_are_watched() -> None:
    alarm = list_alarms()["backdrop-function-errors"]
    sums, *parts = alarm["Metrics"]
    assert (sums["Expression"], "ReturnData" in sums) == ("SUM(METRICS())", False)
    functions = {read_dimensions(metric).get("FunctionName") for metric in list_watched_metrics(alarm)} - {None}
    assert functions == {*Deployed().of_type("AWS::Serverless::Function")}
    assert "UnexpectedError" in {metric["MetricName"] for metric in list_watched_metrics(alarm)}, (
        "a batch hides it from Lambda"
    )
    assert len(parts) <= 10, "what CloudWatch accepts"
    assert {part["ReturnData"] for part in parts} == {False}
    assert len({part["Id"] for part in alarm["Metrics"]}) == len(alarm["Metrics"])


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_is_ok_except_for_reconcile(name: str) -> None:
    silence = "breaching" if name == "backdrop-reconcile-silent" else "notBreaching"
    assert list_alarms()[name]["TreatMissingData"] == silence


def measure_period(alarm: Node) -> int:
    [seconds] = {alarm.get("Period"), *(p["MetricStat"]["Period"] for p in alarm.get("Metrics", [])[1:])} - {None}
    return seconds


@pytest.mark.parametrize(
    ("name", "mark", "seconds", "periods"),
    [
        ("dead-letters", ">=1", 300, 1),
        ("paid-without-result", ">=1", 300, 1),
        ("bill-corrected", ">=1", 300, 1),
        ("unknown-charge", ">3600", 600, 1),
        ("oldest-job", ">86400", 600, 1),
        ("undelivered", ">900", 600, 1),
        ("provider-paused", ">=1", 600, 1),
        ("budget", ">=80", 600, 1),
        ("function-errors", ">=3", 900, 1),
        ("reconcile-silent", "<1", 300, 4),
        ("messages-stuck", ">=900", 60, 15),
        ("intake-delayed", ">3600", 300, 1),
        ("deliver-delayed", ">3600", 300, 1),
        ("throttled", ">=10", 900, 1),
    ],
)
def test_alarm_goes_off_at_its_threshold_without_delay(name: str, mark: str, seconds: int, periods: int) -> None:
    alarm = list_alarms()[f"backdrop-{name}"]
    sign = SIGNS[alarm["ComparisonOperator"]]
    assert (f"{sign}{alarm['Threshold']}", measure_period(alarm), alarm["EvaluationPeriods"]) == (
        mark,
        seconds,
        periods,
    )


def test_missing_reconcile_runs_set_off_the_alarm_within_half_an_hour() -> None:
    """Lambda emits nothing for a run that did not start, so all data that CloudWatch evaluates must be missing.

    That is more than the configured periods: five for three (Amazon CloudWatch User Guide, "Configuring how alarms
    treat missing data").
    """
    alarm = list_alarms()["backdrop-reconcile-silent"]
    assert "has not run for half an hour" in alarm["AlarmDescription"]
    assert measure_period(alarm) * (alarm["EvaluationPeriods"] + 2) == 30 * 60


def test_two_returns_of_a_message_start_the_alarm_on_stuck_ones() -> None:
    """An old message of a long lane may be returned once. The longest delay between two tries is ten minutes."""
    alarm = list_alarms()["backdrop-messages-stuck"]
    assert alarm["DatapointsToAlarm"] == 2
    longest = max(MAX_DELAY_SECONDS, *(MAX_BACKOFF_SECONDS[code] for code in STUCK_CODES - {Code.SIGNING_FAILED}))
    assert measure_period(alarm) * alarm["EvaluationPeriods"] >= longest + 60


def test_gauge_alarms_cover_two_runs_of_reconcile() -> None:
    [schedule] = Deployed().resources["ReconcileFunction"]["Properties"]["Events"].values()
    assert schedule["Properties"] == {"Schedule": "rate(5 minutes)"}
    gauges = {
        Metric.OLDEST_UNKNOWN_SECONDS,
        Metric.OLDEST_UNDELIVERED_SECONDS,
        Metric.OLDEST_OPEN_JOB_SECONDS,
        Metric.PROVIDERS_PAUSED,
        Metric.BUDGET_USED_PERCENT,
    }
    assert {alarm["Period"] for alarm in list_alarms().values() if alarm.get("MetricName") in gauges} == {600}


@pytest.mark.parametrize("name", NAMES)
def test_alarm_says_what_happened_and_what_to_do(name: str) -> None:
    words = list_alarms()[name]["AlarmDescription"]
    assert len(words) <= 1024, "what CloudWatch accepts"
    assert "What to do: " in words
    named_commands = COMMAND.findall(words)
    assert named_commands, "no command that helps"
    known = list_commands()
    for command in named_commands:
        verb, *options = command.split()
        assert command.endswith("--stack backdrop"), "it would read the wrong stack"
        assert verb in known
        assert {word for word in options if word.startswith("-")} <= list_options(known[verb]) | {"--stack"}


@pytest.mark.parametrize("name", NAMES)
def test_alarm_links_to_its_heading_on_the_alarms_page(name: str) -> None:
    kind = name.removeprefix("backdrop-")
    assert list_alarms()[name]["AlarmDescription"].endswith(f"More: docs/alarms.md#{kind}")
    assert f"\n## {kind}\n" in PAGE.read_text()


def test_alarms_page_has_no_heading_without_an_alarm() -> None:
    headings = {f"backdrop-{head}" for head in re.findall(r"(?m)^## ([a-z-]+)$", PAGE.read_text())}
    assert headings == {*list_alarms(**WITH_V2, **WITH_KEY_IDS)}


def test_only_stacks_that_settle_charges_have_an_alarm_on_unread_usage_records() -> None:
    """A run emits nothing if it crashes, so missing data starts the alarm; one without an admin key emits 1."""
    assert {*list_alarms(**WITH_KEY_IDS)} - {*NAMES} == {"backdrop-bill-silent"}
    alarm = list_alarms(**WITH_KEY_IDS)["backdrop-bill-silent"]
    assert (alarm["MetricName"], read_dimensions(alarm)) == (Metric.USAGE_RECORDS_READ, {"service": "backdrop"})
    assert (alarm["TreatMissingData"], alarm["Statistic"], alarm["Threshold"]) == ("breaching", "Sum", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 6 * 3600
    assert SIGNS[alarm["ComparisonOperator"]] == "<"


def test_only_v2_has_an_alarm_on_prices() -> None:
    assert {*list_alarms(**WITH_V2)} - {*NAMES} == {"backdrop-ideogram-prices"}
    assert list_alarms(**WITH_V2, IdeogramMaxInFlight="0").keys() == list_alarms().keys()
    alarm = list_alarms(**WITH_V2)["backdrop-ideogram-prices"]
    assert (alarm["MetricName"], read_dimensions(alarm)) == (Metric.PRICE_CHECK_FINDINGS, {"service": "backdrop"})
    assert (alarm["TreatMissingData"], alarm["Threshold"]) == ("notBreaching", 1)


def test_price_alarm_matches_the_metric_of_the_price_check(capsys: pytest.CaptureFixture[str]) -> None:
    emit_price_check(0)
    assert read_metrics(capsys) == []
    emit_price_check(2)
    [line] = read_metrics(capsys)
    assert line["PriceCheckFindings"] == [2.0]


def test_errors_of_optional_functions_are_watched_where_they_exist() -> None:
    """CloudFormation and doctor report an error of the check of Content Credentials themselves."""
    given = WITH_V2 | WITH_SIGNATURES
    alarm = list_alarms(**given)["backdrop-function-errors"]
    functions = {read_dimensions(metric).get("FunctionName") for metric in list_watched_metrics(alarm)} - {None}
    assert functions == {*Deployed(**given).of_type("AWS::Serverless::Function")} - {"CredentialsCheckFunction"}
    assert len(alarm["Metrics"]) - 1 <= 10, "what CloudWatch accepts"


def test_throttled_signatures_are_watched() -> None:
    metrics = list_watched_metrics(list_alarms(**WITH_SIGNATURES)["backdrop-throttled"])
    assert "SignFunction" in {read_dimensions(metric)["FunctionName"] for metric in metrics}


@pytest.mark.parametrize("name", NAMES)
def test_alarm_is_mailed_and_so_is_a_meaningful_recovery(name: str) -> None:
    alarm = list_alarms(AlarmEmail=ADDRESS)[name]
    assert alarm["AlarmActions"] == ["AlarmTopic"]
    assert alarm.get("OKActions") == (None if name in WITHOUT_ALL_CLEAR else ["AlarmTopic"])


def test_mail_goes_to_the_configured_address() -> None:
    [subscription] = Deployed(AlarmEmail=ADDRESS).of_type("AWS::SNS::Subscription").values()
    assert subscription == {"TopicArn": "AlarmTopic", "Protocol": "email", "Endpoint": ADDRESS}


def test_no_mail_resources_exist_without_an_address() -> None:
    assert not [name for name, alarm in list_alarms().items() if "AlarmActions" in alarm or "OKActions" in alarm]
    assert not [name for name in Deployed().resources if name.startswith(("AlarmTopic", "AlarmMail"))]


REFUSALS = [code for code, facts in ERROR_CATALOG.items() if facts.disposition is Disposition.REFUSED]
FREE = build_attempt(charged=0, outcome=AttemptOutcome.NOT_TAKEN)
LOST = build_attempt(charged=0, unknown=60_000, outcome=AttemptOutcome.LOST)


@pytest.mark.parametrize("code", REFUSALS)
def test_refused_photo_sets_off_no_alarm(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    count_refused(code)
    for attempts in ((FREE,), (LOST, FREE)):
        count_ended_job(build_dead_job(status=JobStatus.REFUSED, attempts=attempts, problem=build_problem(code)))
    lines = read_metrics(capsys)
    assert ["Failed" in line for line in lines] == [True, True, True]
    assert not OURS & {name for line in lines for name in line}


def test_template_disables_no_cfn_lint_rule() -> None:
    assert "cfn-lint" not in read_template()["Metadata"]
