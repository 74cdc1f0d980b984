"""A campaign's report: each item with its status, each cost once, and one event however often the end is reported."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.campaigns.report import (
    CSV_COLUMNS,
    OPEN,
    SKIPPED,
    CampaignItem,
    CampaignStatus,
    CampaignTotals,
    FinishedExecution,
    build_event_detail,
    build_mail,
    build_report,
    parse_campaign_status,
)
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.fidelity import CannotSayReason, Fidelity
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import (
    MASK_VARIANT,
    Attempt,
    AttemptOutcome,
    Job,
    JobStatus,
    Origin,
    Problem,
    StoredPicture,
)
from backdrop.model.object_keys import ObjectKind
from backdrop.model.receipt import WITHDRAWN_END_TEXTS, list_request_errors
from tests.unit.ledger_items import LATER, NOW, build_job, build_job_in_review, build_problem

RUN = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:spring-1"
GIVEN: dict[str, Any] = {"name": "spring", "prefix": "shoes/", "instructions": {"operation": "remove"}}

ENDED = FinishedExecution(RUN, GIVEN, CampaignStatus.SUCCEEDED, NOW.isoformat())
PICTURE = StoredPicture(
    key="a/a.png",
    version_id=None,
    n=1,
    output=None,
    width=1,
    height=1,
    format="png",
    bytes=9,
    has_alpha=True,
    seed=None,
)
SLIP = Problem.from_error(InstructionError(Code.INVALID_VALUE, "num_images: no number"), NOW)


def build_request(**changes: Any) -> ImageRequest:
    facts: dict[str, Any] = {
        "source_id": "s" * 64,
        "request_id": "m1",
        "bucket": "photos",
        "key": "a.jpg",
        "requested_at": NOW,
    }
    facts |= {"campaign": "spring-1"} | changes
    return ImageRequest(**facts)


def build_paid_job(job_id: str, *, at: Any = LATER, charged: int = 60_000, unknown: int = 0, **changes: Any) -> Job:
    """Returns a job with one call."""
    call = Attempt(
        n=1,
        provider="ideogram",
        submitted_at=at,
        lease_until=at,
        budget_day="2026-11-16",
        reserved=0,
        charged=charged,
        unknown=unknown,
        outcome=AttemptOutcome.ANSWERED,
    )
    facts: dict[str, Any] = {"status": JobStatus.STORED, "attempts": (call,), "results": (PICTURE,)}
    return build_job(job_id=job_id, **facts | changes)


def build_item(*jobs: Job, known: tuple[Job, ...] = (), **requested: Any) -> CampaignItem:
    return CampaignItem(build_request(**requested), jobs, [job for job in jobs if job not in known])


def summarize(*items: CampaignItem) -> CampaignTotals:
    sums = CampaignTotals(ENDED.started_at)
    for one in items:
        sums.add(one)
    return sums


@pytest.mark.parametrize(
    ("found", "end", "code"),
    [
        (build_item(build_paid_job("1")), "stored", ""),
        (build_item(skipped_kind=ObjectKind.IGNORED), SKIPPED, ""),
        (build_item(build_job(), build_paid_job("1")), OPEN, ""),
        (build_item(), OPEN, ""),
        (build_item(problems=(SLIP,)), "refused", "invalid_value"),
        (build_item(build_paid_job("1"), problems=(SLIP,)), "refused", "invalid_value"),
        (build_item(build_paid_job("1"), build_job(status=JobStatus.CANCELLED)), "cancelled", "cancelled"),
        (build_item(build_paid_job("1"), build_job(status=JobStatus.HELD, problem=SLIP)), "held", "invalid_value"),
    ],
)
def test_item_has_the_worst_status_of_its_jobs(found: CampaignItem, end: str, code: str) -> None:
    assert (found.status, found.code) == (end, code)


def test_job_of_two_items_costs_once() -> None:
    job = build_paid_job("1")
    sums = summarize(build_item(job), build_item(job, known=(job,), request_id="m2"))
    assert (sums.requested, sums.jobs, sums.repeats, sums.pictures, sums.charged) == (2, 1, 1, 1, 60_000)
    first, second = build_item(job).to_csv_row(), build_item(job, known=(job,)).to_csv_row()
    usd = CSV_COLUMNS.index("usd")
    assert (first[usd], second[usd]) == (0.06, 0)


def build_compared_job(job_id: str, *fidelities: Fidelity | None) -> Job:
    return build_paid_job(
        job_id, results=tuple(replace(PICTURE, n=n, fidelity=one) for n, one in enumerate(fidelities))
    )


SAME, CHANGED, UNKNOWN = (
    Fidelity.from_score(0.97),
    Fidelity.from_score(0.62),
    Fidelity.from_reason(CannotSayReason.NO_MASK),
)


@pytest.mark.parametrize(
    ("fidelities", "cells"),
    [
        ((None,), ("", "")),
        ((SAME, Fidelity.from_score(0.93), None), ("same", 0.93)),
        ((SAME, UNKNOWN), ("cannot_say", "")),
        ((SAME, CHANGED, UNKNOWN, Fidelity.from_score(0.7)), ("changed", 0.62)),
    ],
)
def test_row_has_the_worst_verdict_and_its_score(
    fidelities: tuple[Fidelity | None, ...], cells: tuple[object, object]
) -> None:
    assert build_item(build_compared_job("1", *fidelities)).to_csv_row()[-2:] == cells
    assert CSV_COLUMNS[-2:] == ("fidelity", "fidelity_score")


@pytest.mark.parametrize("status", [JobStatus.REVIEW, JobStatus.REJECTED])
def test_pictures_that_wait_or_were_rejected_have_verdicts(status: JobStatus) -> None:
    item = build_item(build_job_in_review(status=status, problem=build_problem(Code.REJECTED)))
    assert item.to_csv_row()[-2:] == ("changed", 0.62)
    assert build_report(ENDED, summarize(item), {}, LATER)["fidelity"]["changed"] == 1


def test_report_counts_each_picture_once_by_its_verdict() -> None:
    job = build_compared_job("1", SAME, CHANGED, None)
    sums = summarize(build_item(job), build_item(job, known=(job,)), build_item(build_compared_job("2", UNKNOWN)))
    found = build_report(ENDED, sums, {}, LATER)
    assert found["fidelity"] == {"same": 1, "changed": 1, "cannot_say": 1}
    assert found["first"][0]["fidelity"] == {"verdict": "changed", "score": 0.62}
    assert "The product may have changed in 1 picture." in build_mail(found, "s3://pictures/r.json")[1]


def test_earlier_payment_is_cost_but_was_not_bought_by_the_campaign() -> None:
    sums = summarize(
        build_item(build_paid_job("1", at=NOW - timedelta(days=1))),
        build_item(build_paid_job("2", unknown=10_000), key="b.jpg"),
    )
    assert (sums.charged, sums.unknown) == (120_000, 10_000)
    assert (sums.bought, sums.bought_unknown) == (60_000, 10_000)


def test_failed_share_counts_every_item_without_a_picture() -> None:
    sums = summarize(
        build_item(build_paid_job("1")), build_item(skipped_kind=ObjectKind.IGNORED), build_item(problems=(SLIP,))
    )
    assert sums.compute_failed_percent(listed=3, bad_rows=0) == 50
    assert sums.compute_failed_percent(listed=4, bad_rows=1) == 75
    assert CampaignTotals(NOW).compute_failed_percent(0, 0) == 0


def test_report_counts_each_status_and_the_unrequested_items() -> None:
    sums = summarize(
        build_item(build_paid_job("1")),
        build_item(problems=(SLIP,), key="b.jpg"),
        build_item(problems=(SLIP,), key="c.jpg"),
    )
    plan: dict[str, Any] = {"items": 5, "quoted_usd": 0.3, "bad_rows": {"count": 1, "first": []}}
    found = build_report(ENDED, sums, plan, LATER)
    assert found["items"] == {
        "listed": 5,
        "asked": 3,
        "not_asked": 2,
        **dict.fromkeys(("review", "superseded", "cancelled", "rejected", "dead", "held", "skipped", "open"), 0),
        "stored": 1,
        "refused": 2,
    }
    [failure] = found["failures"]
    assert (failure["code"], failure["items"], failure["key"]) == ("invalid_value", 2, "b.jpg")
    assert "Correct the instructions" in failure["hint"]
    assert found["first"] == [{"key": "a.jpg", "pictures": ["a/a.png"], "fidelity": None}]


def test_failed_items_have_the_hint_of_their_request() -> None:
    request_problem = replace(SLIP, origin=Origin.REQUEST)
    rejected = build_paid_job(
        "1", status=JobStatus.REJECTED, problem=build_problem(Code.REJECTED), provenance={"prompt": "request"}
    )
    totals = summarize(build_item(problems=(request_problem,)), build_item(rejected))
    hints = {one["code"]: one["hint"] for one in build_report(ENDED, totals, {}, LATER)["failures"]}
    assert hints["invalid_value"].endswith("Then send the request again.")
    assert "run a campaign" in hints["rejected"]


def test_failed_mask_costs_but_does_not_fail_its_item() -> None:
    mask = build_paid_job("2", variant=MASK_VARIANT, status=JobStatus.DEAD, problem=SLIP)
    item = build_item(build_paid_job("1"), mask, jobs={"": "1", MASK_VARIANT: "2"})
    assert (item.status, item.code) == (JobStatus.STORED.value, "")
    assert summarize(item).charged == sum(job.charged for job in item.jobs) > 0


def test_item_fails_with_its_cut_out_also_if_that_has_become_a_mask() -> None:
    mask = build_paid_job("1", variant=MASK_VARIANT, status=JobStatus.DEAD, problem=SLIP)
    item = build_item(mask, jobs={"": "1"})
    assert (item.status, item.code) == (JobStatus.DEAD.value, SLIP.code.value)


def test_item_is_superseded_if_its_cut_out_was_stored_only_as_a_mask() -> None:
    item = build_item(build_paid_job("1", variant=MASK_VARIANT, results=()), jobs={"": "1"})
    assert (item.status, item.code) == (JobStatus.SUPERSEDED.value, JobStatus.SUPERSEDED.value)
    assert item.message == WITHDRAWN_END_TEXTS[JobStatus.SUPERSEDED]["message"]


def test_item_whose_pictures_wait_for_approval_is_counted_as_such_and_has_not_failed() -> None:
    sums = summarize(build_item(build_paid_job("1", status=JobStatus.REVIEW, results=())))
    assert sums.counts_by_status == {"review": 1}
    assert sums.compute_failed_percent(listed=1, bad_rows=0) == 0
    assert build_report(ENDED, sums, {}, LATER)["failures"] == []
    problem = build_problem(Code.REJECTED)
    rejected = summarize(build_item(build_paid_job("1", status=JobStatus.REJECTED, problem=problem)))
    assert rejected.compute_failed_percent(listed=1, bad_rows=0) == 100


@pytest.mark.parametrize("end", [JobStatus.CANCELLED, JobStatus.SUPERSEDED])
def test_canceled_item_has_the_same_text_as_its_task(end: JobStatus) -> None:
    canceled = build_item(build_job(status=end, ended_at=LATER))
    (reported,) = list_request_errors(canceled.request, canceled.jobs)
    [failure] = build_report(ENDED, summarize(canceled), {}, LATER)["failures"]
    assert {name: failure[name] for name in ("code", "message", "hint")} == {
        name: reported[name] for name in ("code", "message", "hint")
    }
    assert canceled.to_csv_row()[CSV_COLUMNS.index("message")] == reported["message"]


def test_event_has_one_id_and_names_the_report() -> None:
    early = build_event_detail(
        build_report(ENDED, CampaignTotals(NOW), {}, NOW), "pictures", {"json": "r.json", "csv": "r.csv"}
    )
    late = build_event_detail(
        build_report(ENDED, CampaignTotals(NOW), {}, LATER), "pictures", {"json": "r.json", "csv": "r.csv"}
    )
    assert early == late
    assert early["report"] == {"bucket": "pictures", "json": "r.json", "csv": "r.csv"}
    other = replace(ENDED, execution=f"{RUN}2")
    assert (
        build_event_detail(build_report(other, CampaignTotals(NOW), {}, NOW), "pictures", {})["event_id"]
        != early["event_id"]
    )


def test_mail_has_failures_and_exact_amounts() -> None:
    sums = summarize(build_item(build_paid_job("1", charged=37_500, unknown=60_000)), build_item(problems=(SLIP,)))
    failed = replace(ENDED, status=CampaignStatus.FAILED, error="too_many_failures", cause="50.0% of the items failed")
    subject, text = build_mail(build_report(failed, sums, {}, NOW), "s3://pictures/r.json")
    assert subject == "Backdrop campaign spring: failed"
    assert "US $0.0375 was charged. It is unknown whether another US $0.06 was charged." in text
    assert "1 invalid_value: num_images: no number" in text
    assert "too_many_failures: 50.0%" in text
    assert "s3://pictures/r.json" in text


def test_mail_says_how_to_decide_about_items_in_review() -> None:
    sums = summarize(build_item(build_paid_job("1")), build_item(build_job_in_review(status=JobStatus.REVIEW)))
    _, text = build_mail(build_report(ENDED, sums, {}, NOW), "s3://pictures/r.json")
    assert "items: 1 stored, 1 awaiting approval (to decide, run `backdrop review`)." in text


@pytest.mark.parametrize(
    ("status", "error", "fate"),
    [
        ("ABORTED", "", CampaignStatus.STOPPED),
        ("TIMED_OUT", "", CampaignStatus.TIMED_OUT),
        ("FAILED", "States.Runtime", CampaignStatus.FAILED),
        ("FAILED", "max_total_exceeded", CampaignStatus.REFUSED),
        ("FAILED", "campaign_refused", CampaignStatus.REFUSED),
    ],
)
def test_step_functions_status_becomes_a_campaign_status(status: str, error: str, fate: CampaignStatus) -> None:
    assert parse_campaign_status(status, error) is fate
