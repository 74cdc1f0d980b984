"""What is counted where, and how: one line of Powertools' embedded metric format for metrics of the same dimensions.

CloudWatch makes metrics of such lines as it reads the log, so that counting costs no call. A metric that cannot be
written is told of in the log, and stops nothing.
"""

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools.metrics import EphemeralMetrics, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.log import code_of, door_log
from backdrop.aws.metric_names import Metric
from backdrop.model.call_metrics import CallMetrics
from backdrop.model.codes import Code
from backdrop.model.job import FAILED, Job, Money, Status
from backdrop.model.pricing import MICRO
from backdrop.model.stack_health import Gauges
from backdrop.model.transitions import Step

NOBODY: Final = "none"
"""The provider, or operation, of what never had one: a photo without a job, a message that nobody can read."""

logger = door_log()


@Metrics().log_metrics(capture_cold_start_metric=True)
def _cold_start(_event: object, _context: LambdaContext) -> None:
    """Nothing is done here: what Powertools counts behind it must be able to fail without the handler."""


@contextmanager
def _harmless() -> Generator[None]:
    """Whatever keeps a metric from being written keeps nobody from his work."""
    try:
        yield
    except Exception as error:
        logger.exception("a metric could not be written", code=code_of(error).value)


@_harmless()
def count(counted: Mapping[Metric, float | Sequence[float]], **dimensions: str) -> None:
    """Write one line for metrics of the same dimensions; a 0 is left out, a sequence is told with all its values."""
    line = EphemeralMetrics()
    for name, text in dimensions.items():
        line.add_dimension(name, text)
    for metric, values in counted.items():
        if set(metric.dimensions) != dimensions.keys():
            raise ValueError(f"{metric} has the dimensions {metric.dimensions}, not {tuple(dimensions)}")
        for value in values if isinstance(values, Sequence) else filter(None, (values,)):
            line.add_metric(metric, metric.unit, value)
    if line.metric_set:
        line.flush_metrics()


def counts_cold_starts[T](handler: Callable[[Any, LambdaContext], T]) -> Callable[[Any, LambdaContext], T]:
    """A handler whose worker's first invocation is counted, as Powertools does it."""

    @wraps(handler)
    def counted(event: Any, context: LambdaContext) -> T:
        # Powertools warns that there is nothing to write besides.
        with _harmless(), warnings.catch_warnings(action="ignore"):
            _cold_start(event, context)
        return handler(event, context)

    return counted


# -- what is counted where -----------------------------------------------------------------------------------------


@_harmless()
def count_accepted(job: Job, asked_at: datetime) -> None:
    """Count a job that was put into its lane, for a message of `asked_at`."""
    seconds = max((job.queued_at - asked_at).total_seconds(), 0)
    count({Metric.ACCEPTED: 1, Metric.INTAKE_SECONDS: seconds}, provider=job.provider, operation=job.operation)


@_harmless()
def count_refused(code: Code) -> None:
    """Count a photo that is refused before it has a job."""
    count({Metric.FAILED: 1}, provider=NOBODY, operation=NOBODY, code=code.value)


@_harmless()
def count_slot(calls: CallMetrics, seconds: float) -> None:
    """Count what a message did with its place in the lane, which it held for so long."""
    counted = {
        Metric.SLOT_SECONDS: seconds,
        Metric.CALL_SECONDS: calls.call_seconds,
        Metric.PROVIDER_LATENCY: calls.latencies_ms,
        Metric.THROTTLED: calls.throttles,
        Metric.THROTTLED_SECONDS: calls.throttled_ms / 1000,
    }
    if calls.labels:
        count(counted, **calls.labels)


@_harmless()
def count_money(step: Step) -> None:
    """Count what a transition wrote into the books; all of these together are what the ledger says."""
    booking = step.booking
    if booking is None:
        return
    counted = {
        Metric.SPENT_USD: booking.certain / MICRO,
        Metric.UNKNOWN_USD: booking.unknown / MICRO,
        Metric.LOST_ANSWERS: booking.lost and booking.unknown > 0,
        Metric.POSSIBLE_DOUBLE_CHARGES: step.may_charge_twice,
    }
    count(counted, provider=booking.provider, operation=step.job.operation)


@_harmless()
def count_end(job: Job) -> None:
    """Count a job that came to its end."""
    labels = {"provider": job.provider, "operation": job.operation}
    if job.status is Status.STORED:
        pictures = len({result.n for result in job.results})
        count({Metric.COMPLETED: 1, Metric.PICTURES: pictures, **_times(job)}, **labels)
    elif job.status in FAILED and job.problem:
        count({Metric.FAILED: 1}, code=job.problem.code, **labels)
        if job.status is not Status.REFUSED and job.money is not Money.NOT_SPENT:
            count({Metric.PAID_WITHOUT_RESULT: 1})
        if job.status is Status.DEAD:
            count({Metric.DEAD_LETTERED: 1}, code=job.problem.code, provider=job.provider)


def _times(job: Job) -> dict[Metric, float]:
    """How long each stage took, in seconds: of what ran more than once only what belongs to this time."""
    if job.stored_at != job.ended_at:
        return {}
    spans = {
        Metric.QUEUE_SECONDS: (job.queued_at, job.submitted_at),
        Metric.RENDER_SECONDS: (job.submitted_at, job.paid_at),
        Metric.DELIVER_SECONDS: (job.paid_at, job.stored_at),
        Metric.TOTAL_SECONDS: (job.queued_at, job.stored_at),
    }
    return {
        metric: (until - since).total_seconds()
        for metric, (since, until) in spans.items()
        if since and until and job.queued_at <= since <= until
    }


@_harmless()
def count_gauges(gauges: Gauges) -> None:
    """Say how the stack stands, as far as that is above 0: a stack that rests pays for no metric.

    What is left of a budget may be 0, and is told on each day that cost something.
    """
    counted: dict[Metric, float | Sequence[float]] = {
        Metric.OPEN_JOBS: gauges.open_jobs,
        Metric.OLDEST_OPEN_JOB: gauges.oldest_open_seconds,
        Metric.OLDEST_UNKNOWN: gauges.oldest_unknown_seconds,
        Metric.CALLS_IN_FLIGHT: gauges.calls_in_flight,
        Metric.PROVIDERS_PAUSED: gauges.providers_paused,
        Metric.SPENT_TODAY: gauges.spent / MICRO,
    }
    if gauges.spent:
        counted[Metric.BUDGET_LEFT] = [max(gauges.cap - gauges.spent, 0) / MICRO]
        counted[Metric.BUDGET_USED] = gauges.spent / gauges.cap * 100 if gauges.cap else 100
    count(counted)
