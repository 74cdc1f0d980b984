"""What the functions told of a run in their logs: CloudWatch's embedded metrics, and Lambda's own reports."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backdrop.aws.metric_names import Metric

STAGES = (
    Metric.INTAKE_SECONDS,
    Metric.QUEUE_SECONDS,
    Metric.RENDER_SECONDS,
    Metric.DELIVER_SECONDS,
    Metric.TOTAL_SECONDS,
)
TROUBLES = (
    Metric.FAILED,
    Metric.DEAD_LETTERED,
    Metric.THROTTLED,
    Metric.LOST_ANSWERS,
    Metric.PAID_WITHOUT_RESULT,
    Metric.RETURNED_TO_QUEUE,
    Metric.UNEXPECTED_ERROR,
)
"""What a run has none of where nobody asked for a fault."""


@dataclass(frozen=True)
class Told:
    """`stages`: each photo's seconds; `stored`: Unix seconds at which jobs were told to be stored, in order.

    `troubles`: how often each came, by its name and, where it has one, its code.
    """

    slot_seconds: float
    call_seconds: float
    stages: Mapping[str, Sequence[float]]
    stored: Sequence[float]
    cold_starts: Mapping[str, float]
    troubles: Mapping[str, float]

    @property
    def call_share(self) -> float:
        """The share of the slots' time in the paid call."""
        return self.call_seconds / self.slot_seconds if self.slot_seconds else 0.0


def told(lines: Iterable[str]) -> Told:
    """Read the lines of all functions' logs."""
    values, stored = defaultdict[Metric, list[float]](list), list[float]()
    troubles, cold = defaultdict[str, float](float), Counter[str]()
    for line in lines:
        if '"_aws"' not in line:
            continue
        record: dict[str, Any] = json.loads(line)
        for metric in _metrics(record):
            found = _numbers(record[metric])
            values[metric] += found
            if metric is Metric.COMPLETED:
                stored.append(record["_aws"]["Timestamp"] / 1000)
            elif metric is Metric.COLD_START:
                cold[str(record["function_name"])] += 1
            elif metric in TROUBLES:
                troubles[" ".join(filter(None, (metric.value, str(record.get("code", "")))))] += sum(found)
    return Told(
        slot_seconds=sum(values[Metric.SLOT_SECONDS]),
        call_seconds=sum(values[Metric.CALL_SECONDS]),
        stages={name.value: tuple(values[name]) for name in STAGES},
        stored=tuple(sorted(stored)),
        cold_starts=dict(cold),
        troubles=dict(troubles),
    )


def _metrics(record: Mapping[str, Any]) -> list[Metric]:
    return [Metric(metric["Name"]) for one in record["_aws"]["CloudWatchMetrics"] for metric in one["Metrics"]]


def _numbers(value: object) -> list[float]:
    """A metric's values stand alone or in a list."""
    return [float(one) for one in (cast("list[float]", value) if isinstance(value, list) else [cast("float", value)])]
