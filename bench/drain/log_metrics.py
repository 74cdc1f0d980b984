"""The functions' metrics of a run, parsed from their logs (CloudWatch's embedded metric format)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backdrop.aws.metric_names import Metric

STAGE_METRICS = (
    Metric.INTAKE_SECONDS,
    Metric.QUEUE_SECONDS,
    Metric.RENDER_SECONDS,
    Metric.DELIVER_SECONDS,
    Metric.TOTAL_SECONDS,
)
PROBLEM_METRICS = (
    Metric.FAILED,
    Metric.DEAD_LETTERED,
    Metric.THROTTLED,
    Metric.LOST_ANSWERS,
    Metric.PAID_WITHOUT_RESULT,
    Metric.RETURNED_TO_QUEUE,
    Metric.UNEXPECTED_ERROR,
)
"""The metrics that a run without requested faults does not emit."""


@dataclass(frozen=True)
class LogMetrics:
    """The metrics of one run. `stages`: each photo's seconds. `stored_at`: when jobs were stored (Unix time, sorted).

    `problems`: how often each occurred, by its name and, if it has one, its code.
    """

    slot_seconds: float
    call_seconds: float
    stages: Mapping[str, Sequence[float]]
    stored_at: Sequence[float]
    cold_starts: Mapping[str, float]
    problems: Mapping[str, float]

    @property
    def call_share(self) -> float:
        """The share of the slots' time that was spent in the paid call."""
        return self.call_seconds / self.slot_seconds if self.slot_seconds else 0.0


def parse_log_metrics(lines: Iterable[str]) -> LogMetrics:
    """Parses the lines of all functions' logs."""
    values, stored_at = defaultdict[Metric, list[float]](list), list[float]()
    problems, cold = defaultdict[str, float](float), Counter[str]()
    for line in lines:
        if '"_aws"' not in line:
            continue
        record: dict[str, Any] = json.loads(line)
        for metric in _list_metrics(record):
            numbers = _list_values(record[metric])
            values[metric] += numbers
            if metric is Metric.COMPLETED:
                stored_at.append(record["_aws"]["Timestamp"] / 1000)
            elif metric is Metric.COLD_START:
                cold[str(record["function_name"])] += 1
            elif metric in PROBLEM_METRICS:
                problems[" ".join(filter(None, (metric.value, str(record.get("code", "")))))] += sum(numbers)
    return LogMetrics(
        slot_seconds=sum(values[Metric.SLOT_SECONDS]),
        call_seconds=sum(values[Metric.CALL_SECONDS]),
        stages={name.value: tuple(values[name]) for name in STAGE_METRICS},
        stored_at=tuple(sorted(stored_at)),
        cold_starts=dict(cold),
        problems=dict(problems),
    )


def _list_metrics(record: Mapping[str, Any]) -> list[Metric]:
    return [Metric(metric["Name"]) for one in record["_aws"]["CloudWatchMetrics"] for metric in one["Metrics"]]


def _list_values(value: object) -> list[float]:
    """Returns a metric's values, which may be a number or a list."""
    return [float(one) for one in (cast("list[float]", value) if isinstance(value, list) else [cast("float", value)])]
