"""Emits metrics: one log line in CloudWatch's embedded metric format for all metrics with the same dimensions.

CloudWatch extracts the metrics from the log, so that counting costs no API call. A metric that cannot be written is
logged, and does not interrupt the work.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools.metrics import EphemeralMetrics, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.log import build_logger, to_error_code
from backdrop.aws.metric_names import Metric
from backdrop.model.codes import Code
from backdrop.model.fidelity import CannotSayReason, FidelityVerdict
from backdrop.model.job import FAILED_STATUSES, Job, JobStatus, MoneyStatus
from backdrop.model.pricing import MICRO_PER_USD
from backdrop.model.provider_result import CallMetrics
from backdrop.model.review import ReviewDecision
from backdrop.model.stack_health import StackHealth
from backdrop.model.transitions import BudgetChange, Transition

NO_DIMENSION_VALUE: Final = "none"
"""The dimension's value if there is no provider or operation, as for a malformed message."""

logger = build_logger()


@Metrics().log_metrics(capture_cold_start_metric=True)
def _record_cold_start(_event: object, _context: LambdaContext) -> None:
    """Does nothing: Powertools counts the cold start around it, and can fail without failing the handler."""


@contextmanager
def _log_metric_errors() -> Generator[None]:
    """Logs metric failures and does not raise them."""
    try:
        yield
    except Exception as error:
        logger.exception("failed to write a metric", code=to_error_code(error).value)


@_log_metric_errors()
def emit_metrics(values_by_metric: Mapping[Metric, float | Sequence[float]], **dimensions: str) -> None:
    """Writes one line for metrics with the same dimensions. Omits a 0, and writes all values of a sequence."""
    line = EphemeralMetrics()
    for name, dimension_value in dimensions.items():
        line.add_dimension(name, dimension_value)
    for metric, values in values_by_metric.items():
        if set(metric.dimensions) != dimensions.keys():
            raise ValueError(f"{metric} has the dimensions {metric.dimensions}, not {tuple(dimensions)}")
        for value in values if isinstance(values, Sequence) else filter(None, (values,)):
            line.add_metric(metric, metric.unit, value)
    if line.metric_set:
        line.flush_metrics()


def count_cold_starts[T](handler: Callable[[Any, LambdaContext], T]) -> Callable[[Any, LambdaContext], T]:
    """Counts the first invocation in each execution environment of the handler."""

    @wraps(handler)
    def wrapper(event: Any, context: LambdaContext) -> T:
        # Powertools warns that there are no other metrics to write.
        with _log_metric_errors(), warnings.catch_warnings(action="ignore"):
            _record_cold_start(event, context)
        return handler(event, context)

    return wrapper


# -- events that are counted -------------------------------------------------------------------------------------


@_log_metric_errors()
def count_accepted(job: Job, requested_at: datetime) -> None:
    """Counts a job that was put into its lane because of a message from `requested_at`."""
    seconds = max((job.queued_at - requested_at).total_seconds(), 0)
    emit_metrics({Metric.ACCEPTED: 1, Metric.INTAKE_SECONDS: seconds}, provider=job.provider, operation=job.operation)


@_log_metric_errors()
def count_refused(code: Code) -> None:
    """Counts a photo that was refused before it had a job."""
    emit_metrics({Metric.FAILED: 1}, provider=NO_DIMENSION_VALUE, operation=NO_DIMENSION_VALUE, code=code.value)


@_log_metric_errors()
def count_slot_use(calls: CallMetrics, seconds: float) -> None:
    """Counts how a message used its slot, which it occupied for `seconds`."""
    counted = {
        Metric.SLOT_SECONDS: seconds,
        Metric.CALL_SECONDS: calls.call_seconds,
        Metric.PROVIDER_LATENCY: calls.latencies_ms,
        Metric.THROTTLED: calls.throttle_count,
        Metric.THROTTLED_SECONDS: calls.throttled_ms / 1000,
    }
    if calls.labels:
        emit_metrics(counted, **calls.labels)


@_log_metric_errors()
def count_budget_change(transition: Transition) -> None:
    """Counts what a transition added to the day's budget. The sums equal the ledger's."""
    budget_change = transition.budget_change
    if budget_change is None:
        return
    values = {
        Metric.SPENT_USD: budget_change.confirmed / MICRO_PER_USD,
        Metric.UNKNOWN_USD: budget_change.unknown / MICRO_PER_USD,
        Metric.LOST_ANSWERS: budget_change.is_lost and budget_change.unknown > 0,
        Metric.POSSIBLE_DOUBLE_CHARGES: transition.may_charge_twice,
    }
    emit_metrics(values, provider=budget_change.provider, operation=transition.job.operation)


@_log_metric_errors()
def count_quote_change(budget_change: BudgetChange, operation: str) -> None:
    """Counts what a request of the price check added to the day's budget, as count_budget_change does for a job."""
    values = {
        Metric.UNKNOWN_USD: budget_change.unknown / MICRO_PER_USD,
        Metric.LOST_ANSWERS: budget_change.is_lost,
    }
    emit_metrics(values, provider=budget_change.provider, operation=operation)


@_log_metric_errors()
def emit_price_check(findings: int) -> None:
    emit_metrics({Metric.PRICE_CHECK_FINDINGS: findings})


@_log_metric_errors()
def count_awaiting_approval(job: Job) -> None:
    """Counts the pictures of a job that began to wait for a person's approval."""
    count = sum(review.decision is None for review in job.reviews)
    emit_metrics({Metric.AWAITING_APPROVAL: count}, provider=job.provider, operation=job.operation)


@_log_metric_errors()
def count_ended_job(job: Job) -> None:
    labels = {"provider": job.provider, "operation": job.operation}
    if job.status is JobStatus.STORED:
        counted = {Metric.COMPLETED: 1, Metric.PICTURES: len({result.n for result in job.results})}
        emit_metrics(counted | _count_verdicts(job) | _count_decisions(job) | _measure_stages(job), **labels)
    elif job.status is JobStatus.REJECTED:
        emit_metrics(_count_verdicts(job) | _count_decisions(job), **labels)
    elif job.status in FAILED_STATUSES and job.problem:
        emit_metrics({Metric.FAILED: 1}, code=job.problem.code, **labels)
        if job.status is not JobStatus.REFUSED and job.money is not MoneyStatus.NOT_SPENT:
            emit_metrics({Metric.PAID_WITHOUT_RESULT: 1})
        if job.status is JobStatus.DEAD:
            emit_metrics({Metric.DEAD_LETTERED: 1}, code=job.problem.code, provider=job.provider)


def _count_verdicts(job: Job) -> dict[Metric, float]:
    """Counts the verdicts on the pictures that are delivered, and on those that people rejected.

    That a photo has no mask is no failure of a comparison.
    """
    compared = (one for one in job.fidelity_by_image.values() if one and one.reason is not CannotSayReason.NO_MASK)
    verdicts = Counter(one.verdict for one in compared)
    return {
        Metric.SAME_PRODUCTS: verdicts[FidelityVerdict.SAME],
        Metric.CHANGED_PRODUCTS: verdicts[FidelityVerdict.CHANGED],
        Metric.UNCOMPARED_PRODUCTS: verdicts[FidelityVerdict.CANNOT_SAY],
    }


def _count_decisions(job: Job) -> dict[Metric, float]:
    """Counts people's decisions, without those that an earlier delivery of the job has counted."""
    counted_until = job.stored_at if job.stored_at != job.ended_at else None
    decisions = Counter(
        review.decision
        for review in job.reviews
        if counted_until is None or (review.decided_at and review.decided_at > counted_until)
    )
    return {
        Metric.APPROVED: decisions[ReviewDecision.APPROVED],
        Metric.REJECTED: decisions[ReviewDecision.REJECTED],
    }


def _measure_stages(job: Job) -> dict[Metric, float]:
    """Returns the duration of each stage of this run in seconds, without stages of an earlier run.

    The time that a person took to approve a picture says nothing about the pipeline.
    """
    if job.stored_at != job.ended_at:
        return {}
    stored_at = None if job.reviews else job.stored_at
    spans = {
        Metric.QUEUE_SECONDS: (job.queued_at, job.submitted_at),
        Metric.RENDER_SECONDS: (job.submitted_at, job.paid_at),
        Metric.DELIVER_SECONDS: (job.paid_at, stored_at),
        Metric.TOTAL_SECONDS: (job.queued_at, stored_at),
    }
    return {
        metric: (until - since).total_seconds()
        for metric, (since, until) in spans.items()
        if since and until and job.queued_at <= since <= until
    }


@_log_metric_errors()
def emit_stack_health(health: StackHealth) -> None:
    """Emits the values above 0, so that an idle stack does not pay for metrics.

    The remaining budget may be 0, and is emitted on each day with charges.
    """
    values: dict[Metric, float | Sequence[float]] = {
        Metric.OPEN_JOBS: health.open_jobs,
        Metric.OLDEST_OPEN_JOB_SECONDS: health.oldest_open_seconds,
        Metric.OLDEST_UNKNOWN_SECONDS: health.oldest_unknown_seconds,
        Metric.OLDEST_UNDELIVERED_SECONDS: health.oldest_undelivered_seconds,
        Metric.CALLS_IN_FLIGHT: health.calls_in_flight,
        Metric.PROVIDERS_PAUSED: health.providers_paused,
        Metric.SPENT_TODAY_USD: health.spent / MICRO_PER_USD,
    }
    if health.spent:
        values[Metric.BUDGET_LEFT_USD] = [max(health.cap - health.spent, 0) / MICRO_PER_USD]
        values[Metric.BUDGET_USED_PERCENT] = health.spent / health.cap * 100 if health.cap else 100
    emit_metrics(values)
