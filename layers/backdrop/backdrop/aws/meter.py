"""What is counted: every metric by its name, in one namespace, through Powertools' embedded metric format."""

from enum import StrEnum

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from backdrop.core.job import FAILED, Job, Money, Status


class Metric(StrEnum):
    """The metrics' names."""

    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    FAILED = "Failed"
    THROTTLED = "Throttled"
    THROTTLED_SECONDS = "ThrottledSeconds"
    PROVIDER_LATENCY = "ProviderLatency"
    DEAD_LETTERED = "DeadLettered"
    HANDED_BACK = "HandedBack"
    LOST_ANSWERS = "LostAnswers"
    PAID_WITHOUT_RESULT = "PaidWithoutResult"
    SET_RIGHT = "SetRight"
    UNEXPECTED_ERROR = "UnexpectedError"


UNITS = {
    Metric.THROTTLED_SECONDS: MetricUnit.Seconds,
    Metric.PROVIDER_LATENCY: MetricUnit.Milliseconds,
}


def count(metric: Metric, value: float = 1, **dimensions: str) -> None:
    """Add to a metric; a dimension is named as it is passed (`provider`, `operation`, `code`)."""
    with single_metric(name=metric, unit=UNITS.get(metric, MetricUnit.Count), value=value) as line:
        for name, text in dimensions.items():
            line.add_dimension(name=name, value=text)


def count_end(job: Job) -> None:
    """Count a job that came to its end."""
    if job.status is Status.STORED:
        count(Metric.COMPLETED, provider=job.provider, operation=job.operation)
    elif job.status in FAILED and job.problem:
        count(Metric.FAILED, code=job.problem.code, provider=job.provider, operation=job.operation)
        if job.money is not Money.NOT_SPENT:
            count(Metric.PAID_WITHOUT_RESULT)
        if job.status is Status.DEAD:
            count(Metric.DEAD_LETTERED, code=job.problem.code, provider=job.provider)
