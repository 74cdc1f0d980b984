"""Metrics: one line in the embedded metric format each, in one namespace, with the declared dimensions."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from aws_lambda_powertools.metrics.provider import cold_start

from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import (
    count_accepted,
    count_awaiting_approval,
    count_cold_starts,
    count_ended_job,
    count_refused,
    count_slot_use,
    emit_metrics,
)
from backdrop.model.codes import Code
from backdrop.model.fidelity import CannotSayReason, Fidelity
from backdrop.model.job import Attempt, AttemptOutcome, JobStatus
from backdrop.model.provider_result import NOT_TAKEN_CLASSES, CallMetrics, LookupStatus, ProviderResult, RetryClass
from backdrop.model.review import PictureReview, ReviewDecision
from tests.unit.ledger_items import (
    LATER,
    build_attempt,
    build_dead_job,
    build_job,
    build_job_in_review,
    build_problem,
    build_result,
    build_review,
    build_stored_job,
)
from tests.unit.ledger_items import NOW as NOON

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "shop")


def read_metrics(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def read_facts(line: dict[str, Any]) -> dict[str, Any]:
    """Returns a line without its envelope and its service."""
    return {name: value for name, value in line.items() if name not in ("_aws", "service")}


def test_metric_is_emitted_in_the_namespace_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    emit_metrics({Metric.ACCEPTED: 1}, provider="ideogram", operation="replace")
    (line,) = read_metrics(capsys)
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "Backdrop"
    assert definition["Metrics"] == [{"Name": "Accepted", "Unit": "Count"}]
    assert definition["Dimensions"] == [["provider", "operation", "service"]]
    assert line["service"] == "shop"
    assert read_facts(line) == {"Accepted": [1.0], "provider": "ideogram", "operation": "replace"}


@pytest.mark.parametrize(
    ("metric", "unit"),
    [(Metric.THROTTLED_SECONDS, "Seconds"), (Metric.PROVIDER_LATENCY, "Milliseconds"), (Metric.THROTTLED, "Count")],
)
def test_metric_has_the_unit_of_its_declaration(metric: Metric, unit: str, capsys: pytest.CaptureFixture[str]) -> None:
    emit_metrics({metric: 2.5}, provider="ideogram", operation="replace")
    (line,) = read_metrics(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": metric.value, "Unit": unit}]
    assert line[metric.value] == [2.5]


def test_metrics_with_the_same_dimensions_share_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit_metrics({Metric.THROTTLED: 2, Metric.PROVIDER_LATENCY: [3, 4]}, provider="ideogram", operation="replace")
    (line,) = read_metrics(capsys)
    assert read_facts(line) == {
        "Throttled": [2.0],
        "ProviderLatency": [3.0, 4.0],
        "provider": "ideogram",
        "operation": "replace",
    }


@pytest.mark.parametrize("dimensions", [{}, {"provider": "ideogram"}, {"provider": "x", "operation": "y", "code": "z"}])
def test_metric_with_undeclared_dimensions_is_not_written(
    dimensions: dict[str, str], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    emit_metrics({Metric.ACCEPTED: 1}, **dimensions)
    assert read_metrics(capsys) == []
    assert [(line.levelname, line.message) for line in caplog.records] == [("ERROR", "failed to write a metric")]


class FullDisk:
    """A log on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device", text)

    def flush(self) -> None: ...


def test_failing_log_does_not_interrupt_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdout", FullDisk())
    emit_metrics({Metric.ACCEPTED: 1}, provider="ideogram", operation="replace")
    assert [line.message for line in caplog.records] == ["failed to write a metric"]


def test_every_metric_has_its_own_one_sentence_description() -> None:
    descriptions = [metric.description for metric in Metric]
    assert len(set(descriptions)) == len(descriptions) == len(set(Metric))
    assert [words for words in descriptions if not words.endswith(".")] == []


def test_stored_job_is_counted_with_the_duration_of_each_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hours = [NOON + timedelta(hours=n * n) for n in range(4)]
    times = dict(zip(("queued_at", "submitted_at", "paid_at", "stored_at"), hours, strict=True))
    count_ended_job(build_stored_job(**times, ended_at=hours[3]))
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        {
            "Completed": [1.0],
            "Pictures": [1.0],
            "SameProducts": [1.0],
            "QueueSeconds": [3_600.0],
            "RenderSeconds": [10_800.0],
            "DeliverSeconds": [18_000.0],
            "TotalSeconds": [32_400.0],
            "provider": "ideogram",
            "operation": "replace",
        }
    ]


BARE = {
    "Completed": [1.0],
    "Pictures": [1.0],
    "SameProducts": [1.0],
    "provider": "ideogram",
    "operation": "replace",
}
AGAIN = NOON + timedelta(days=2)


def test_each_picture_counts_once_regardless_of_its_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        build_result(n=n, output=output, key=f"{n}-{output}.png") for n in (1, 2, 3) for output in ("web", "print")
    ]
    count_ended_job(build_stored_job(results=tuple(files), ended_at=AGAIN))
    assert [read_facts(line) for line in read_metrics(capsys)] == [BARE | {"Pictures": [3.0], "SameProducts": [3.0]}]


def test_uncompared_products_are_counted_unless_the_photo_has_no_mask(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = [CannotSayReason.NO_MASK, CannotSayReason.MASK_UNAVAILABLE, CannotSayReason.OTHER_SHAPE]
    results = tuple(build_result(n=n, fidelity=Fidelity.from_reason(reason)) for n, reason in enumerate(reasons, 1))
    count_ended_job(build_stored_job(results=results, queued_at=LATER))
    (line,) = [read_facts(line) for line in read_metrics(capsys)]
    assert (line["Pictures"], line["UncomparedProducts"]) == ([3.0], [2.0])


def test_changed_products_are_counted_once_per_picture(capsys: pytest.CaptureFixture[str]) -> None:
    changed, unknown = Fidelity.from_score(0.5), Fidelity.from_reason(CannotSayReason.NO_MASK)
    facts = [("thumb", 1, changed), ("large", 1, changed), (None, 2, unknown)]
    results = tuple(build_result(output=name, n=n, fidelity=fidelity) for name, n, fidelity in facts)
    count_ended_job(build_stored_job(results=results, queued_at=LATER))
    (line,) = [read_facts(line) for line in read_metrics(capsys)]
    assert (line["Pictures"], line["ChangedProducts"]) == ([2.0], [1.0])
    assert "SameProducts" not in line


def test_redelivered_pictures_are_counted_without_their_earlier_times(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count_ended_job(build_stored_job(ended_at=AGAIN))
    assert [read_facts(line) for line in read_metrics(capsys)] == [BARE]


def test_restarted_job_counts_no_time_from_its_earlier_run(capsys: pytest.CaptureFixture[str]) -> None:
    count_ended_job(build_stored_job(queued_at=AGAIN, stored_at=AGAIN + SECOND, ended_at=AGAIN + SECOND))
    assert [read_facts(line) for line in read_metrics(capsys)] == [BARE | {"TotalSeconds": [1.0]}]


def test_reused_picture_has_no_queue_time(capsys: pytest.CaptureFixture[str]) -> None:
    paid, stored = NOON + SECOND, NOON + 3 * SECOND
    count_ended_job(
        build_stored_job(queued_at=NOON, submitted_at=None, paid_at=paid, stored_at=stored, ended_at=stored)
    )
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        BARE | {"DeliverSeconds": [2.0], "TotalSeconds": [3.0]}
    ]


def test_accepted_job_is_counted_with_the_time_since_its_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count_accepted(build_job(queued_at=NOON + 2 * SECOND), NOON)
    instructions = {"provider": "ideogram", "operation": "replace"}
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        {"Accepted": [1.0], "IntakeSeconds": [2.0], **instructions}
    ]


def test_photo_without_a_job_counts_as_failed_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    count_refused(Code.NOT_A_PHOTO)
    without_provider = {"provider": "none", "operation": "none"}
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        {"Failed": [1.0], "code": "not_a_photo", **without_provider}
    ]


# -- a message in its lane ----------------------------------------------------------------------------------------

LABELS = {"provider": "ideogram", "operation": "remove"}


def emit_calls(*calls: tuple[float, ProviderResult | LookupStatus], **facts: Any) -> CallMetrics:
    """Returns the metrics of a message with these calls, each with its seconds in flight and its answer."""
    metrics = CallMetrics(labels=dict(LABELS), **facts)
    for seconds, answer in calls:
        metrics.count_call(seconds, answer)
    return metrics


def test_message_reports_its_slot_time_and_call_time(capsys: pytest.CaptureFixture[str]) -> None:
    refused = ProviderResult(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)
    count_slot_use(
        emit_calls((0.5, refused), (10, ProviderResult(RetryClass.OK)), throttle_count=1, throttled_ms=2_500), 14
    )
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        {
            "SlotSeconds": [14.0],
            "CallSeconds": [10.5],
            "ProviderLatency": [10_000.0],
            "Throttled": [1.0],
            "ThrottledSeconds": [2.5],
            **LABELS,
        }
    ]


@pytest.mark.parametrize("outcome", [LookupStatus.PENDING, *sorted(NOT_TAKEN_CLASSES)])
def test_rejected_or_pending_call_has_no_latency(
    outcome: RetryClass | LookupStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = outcome if isinstance(outcome, LookupStatus) else ProviderResult(outcome)
    count_slot_use(emit_calls((1, answer)), 2)
    assert [read_facts(line) for line in read_metrics(capsys)] == [
        {"SlotSeconds": [2.0], "CallSeconds": [1.0], **LABELS}
    ]


def test_message_without_a_call_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    count_slot_use(CallMetrics(), 2)
    assert read_metrics(capsys) == []


# -- approval -----------------------------------------------------------------------------------------------------


def build_decided_review(decision: ReviewDecision, decided_at: datetime = NOON, **changes: Any) -> PictureReview:
    return build_review(decision=decision, decided_by="ann", decided_at=decided_at, **changes)


APPROVED, REJECTED = ReviewDecision.APPROVED, ReviewDecision.REJECTED


def test_pictures_that_begin_to_wait_are_counted_without_decided_ones(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = (build_review(n=1), build_review(n=2), build_decided_review(APPROVED, n=3))
    count_awaiting_approval(build_job_in_review(reviews=waiting))
    (line,) = [read_facts(line) for line in read_metrics(capsys)]
    assert line == {"AwaitingApproval": [2.0], "provider": "ideogram", "operation": "replace"}


def test_decisions_of_a_delivered_job_are_counted_with_all_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    changed = build_decided_review(REJECTED, n=2, fidelity=Fidelity.from_score(0.5))
    reviews = (build_decided_review(APPROVED, n=1), changed)
    count_ended_job(build_stored_job(reviews=reviews, queued_at=LATER))
    (line,) = [read_facts(line) for line in read_metrics(capsys)]
    assert line == BARE | {"Approved": [1.0], "Rejected": [1.0], "ChangedProducts": [1.0]}


def test_rejected_job_counts_no_failure_and_no_lost_money(capsys: pytest.CaptureFixture[str]) -> None:
    job = build_dead_job(status=JobStatus.REJECTED, reviews=(build_decided_review(REJECTED, n=1),))
    count_ended_job(job)
    (line,) = [read_facts(line) for line in read_metrics(capsys)]
    assert line == {"Rejected": [1.0], "ChangedProducts": [1.0], "provider": "ideogram", "operation": "replace"}


def test_decision_is_not_counted_again_with_other_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    earlier = build_decided_review(APPROVED, NOON - SECOND, n=1)
    count_ended_job(build_stored_job(reviews=(earlier,), stored_at=NOON, ended_at=AGAIN))
    later = build_decided_review(APPROVED, NOON + SECOND, n=1)
    count_ended_job(build_stored_job(reviews=(later,), stored_at=NOON, ended_at=AGAIN))
    assert [line.get("Approved") for line in read_metrics(capsys)] == [None, [1.0]]


# -- failures -----------------------------------------------------------------------------------------------------

FAILURE = {"Failed": [1.0], "code": "link_expired", "provider": "ideogram", "operation": "replace"}


LOSS = {"PaidWithoutResult": [1.0]}
FREE = build_attempt(charged=0, outcome=AttemptOutcome.NOT_TAKEN)
LOST = build_attempt(charged=0, unknown=60_000, outcome=AttemptOutcome.LOST)


@pytest.mark.parametrize("status", [JobStatus.REFUSED, JobStatus.HELD])
def test_failed_job_counts_as_failed_with_its_code(status: JobStatus, capsys: pytest.CaptureFixture[str]) -> None:
    count_ended_job(build_dead_job(status=status, attempts=(FREE,), problem=build_problem(Code.LINK_EXPIRED)))
    assert [read_facts(line) for line in read_metrics(capsys)] == [FAILURE]


def test_dead_job_also_counts_as_a_dead_letter(capsys: pytest.CaptureFixture[str]) -> None:
    count_ended_job(build_dead_job(attempts=(FREE,), problem=build_problem(Code.LINK_EXPIRED)))
    buried = {"DeadLettered": [1.0], "code": "link_expired", "provider": "ideogram"}
    assert [read_facts(line) for line in read_metrics(capsys)] == [FAILURE, buried]


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        pytest.param(JobStatus.DEAD, (build_attempt(),), id="paid-and-no-picture"),
        pytest.param(JobStatus.HELD, (LOST,), id="perhaps-paid"),
        pytest.param(JobStatus.DEAD, (LOST, FREE), id="perhaps-paid-by-an-earlier-attempt"),
    ],
)
def test_charge_without_a_picture_counts_as_paid_without_result(
    status: JobStatus, attempts: tuple[Attempt, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    count_ended_job(build_dead_job(status=status, attempts=attempts))
    assert LOSS in [read_facts(line) for line in read_metrics(capsys)]


def test_paid_losses_of_all_providers_share_one_metric(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count_ended_job(build_dead_job())
    [loss] = [line for line in read_metrics(capsys) if "PaidWithoutResult" in line]
    assert loss["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert loss["service"] == "shop"


@pytest.mark.parametrize("status", [JobStatus.ACCEPTED, JobStatus.PAID, JobStatus.SUPERSEDED, JobStatus.CANCELLED])
def test_open_superseded_and_canceled_jobs_are_not_counted(
    status: JobStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    count_ended_job(build_job(status=status, ended_at=LATER))
    assert read_metrics(capsys) == []


# -- cold starts --------------------------------------------------------------------------------------------------


@dataclass
class Context:
    """The part of Lambda's context that metrics use."""

    function_name: str = "shop-intake"


@count_cold_starts
def handler(event: str, context: Any) -> str:
    return f"{event} by {context.function_name}"


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the next invocation a cold start."""
    monkeypatch.setattr(cold_start, "is_cold_start", True)


@pytest.mark.usefixtures("cold")
def test_cold_start_is_counted_once_per_worker(capsys: pytest.CaptureFixture[str]) -> None:
    answer = [handler(word, cast("Any", Context())) for word in ("first", "second")]
    assert answer == ["first by shop-intake", "second by shop-intake"]
    assert [read_facts(line) for line in read_metrics(capsys)] == [{"ColdStart": [1.0], "function_name": "shop-intake"}]


@pytest.mark.usefixtures("cold")
def test_handler_runs_even_if_its_cold_start_cannot_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", FullDisk())
    assert handler("first", cast("Any", Context())) == "first by shop-intake"
