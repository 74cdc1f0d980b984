"""The cost of a stack in a month without photos: counted from template.yaml, and from reconcile's runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backdrop_local import template
from bench.aws_cost.bill import BillLine

HOURS = 730
POLLERS, MIN_POLLERS, POLL_SECONDS = 5, 2, 20
"""The number of long polls at the same time for a queue with a MaximumConcurrency, and for an idle one without, each as
long as SQS allows (Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings")."""
ONE_PROVIDER = {"SegmindMaxInFlight": "0", "OneMinMaxInFlight": "0", "RunwareMaxInFlight": "0"}
RATE = re.compile(r"rate\((?P<minutes>\d+) minutes?\)")
Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class TemplateStack:
    """The resources that the template creates with these parameters."""

    document: Mapping[str, Any]
    parameters: Mapping[str, str | None]

    def list_properties(self, kind: str) -> list[Mapping[str, Any]]:
        """Returns the properties of this stack's resources of one type."""
        resources: Resources = self.document["Resources"]
        there = (one for one in resources.values() if one["Type"] == kind and self._holds(one.get("Condition")))
        return [one.get("Properties", {}) for one in there]

    def read_memory_gb(self, function: str) -> float:
        """Returns a function's memory in GB."""
        resources: Resources = self.document["Resources"]
        return resources[f"{function.title()}Function"]["Properties"]["MemorySize"] / 1024

    def count_monthly_runs(self) -> int:
        """Returns how often schedules invoke a function in a month."""
        rates = RATE.findall(json.dumps(self.list_properties("AWS::Serverless::Function")))
        return sum(HOURS * 60 // int(minutes) for minutes in rates)

    def _holds(self, condition: Any) -> bool:
        """Returns whether a condition of the template is true for these parameters."""
        match condition:
            case None:
                return True
            case str():
                return self._holds(self.document["Conditions"][condition])
            case {"Condition": str(name)}:
                return self._holds(name)
            case {"Fn::Not": [dict() as one]}:
                return not self._holds(one)
            case {"Fn::And": list() as parts}:
                return all(map(self._holds, parts))
            case {"Fn::Or": list() as parts}:
                return any(map(self._holds, parts))
            case {"Fn::Equals": [{"Ref": str(name)}, str(text)]}:
                return self.parameters[name] == text
            case {"Fn::Equals": [{"Fn::FindInMap": [str(name), str(first), str(second)]}, str(text)]}:
                return self.document["Mappings"][name][first][second] == text
            case _:
                raise TypeError(f"a condition of a kind that is not known here: {condition}")


def load_one_provider_stack() -> TemplateStack:
    """Returns the stack with default parameters and Ideogram as its only provider."""
    return TemplateStack(template.load_template(), template.read_defaults() | ONE_PROVIDER)


def count_alarm_metrics(alarm: Mapping[str, Any]) -> int:
    """Returns how many metrics an alarm uses. Each is billed; a metric math expression is not."""
    return sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1


def build_idle_lines(stack: TemplateStack, reconcile_lines: list[BillLine]) -> list[BillLine]:
    """Returns the bill of a month. `reconcile_lines`: the bill of one run of reconcile."""
    alarms = stack.list_properties("AWS::CloudWatch::Alarm")
    mappings = stack.list_properties("AWS::Lambda::EventSourceMapping")
    pollers = sum(POLLERS if "ScalingConfig" in one else MIN_POLLERS for one in mappings)
    polls = pollers * HOURS * 3600 / POLL_SECONDS
    runs = stack.count_monthly_runs()
    prefix = f"reconcile, {runs:,} runs: "
    return [
        BillLine("the provider's secret", "secrets", len(stack.list_properties("AWS::SecretsManager::Secret"))),
        BillLine(f"{len(alarms)} alarms", "alarms", sum(map(count_alarm_metrics, alarms))),
        BillLine("dashboard", "dashboards", len(stack.list_properties("AWS::CloudWatch::Dashboard"))),
        BillLine(f"{len(mappings)} queues that Lambda polls", "sqs", polls),
        *(BillLine(prefix + line.what, line.price, line.amount * runs) for line in reconcile_lines),
    ]
