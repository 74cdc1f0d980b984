"""The shapes of Backdrop's documents: receipts, reports, events, task results, and dead letters."""

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.aws.events import INCOMING_DETAIL_TYPES
from backdrop.campaigns.campaign import FIELD_DESCRIPTIONS
from backdrop.campaigns.manifest import BadRow
from backdrop.campaigns.quote import CampaignQuote
from backdrop.campaigns.report import (
    CSV_COLUMNS,
    EVENT_TYPE,
    CampaignItem,
    CampaignStatus,
    CampaignTotals,
    FinishedExecution,
    build_event_detail,
    build_report,
)
from backdrop.model.circuit import LaneState, PauseReason, ProviderHealth, pause, resume
from backdrop.model.codes import Code
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import ANNOUNCED_STATUSES, END_STATUSES, AttemptOutcome, Job, JobStatus, MoneyStatus, Source
from backdrop.model.job_warning import WarningCode
from backdrop.model.marketplaces import load_marketplace
from backdrop.model.object_keys import ObjectKind
from backdrop.model.output_spec import CONTENT_TYPES
from backdrop.model.photo_facts import ChangeCode, PhotoChange, PhotoFacts
from backdrop.model.receipt import (
    build_dead_letter_attributes,
    build_error_report,
    build_job_event,
    build_provider_report,
    build_receipt,
    list_approval_events,
    list_provider_events,
)
from backdrop.model.review import DecisionChannel, ReviewDecision
from backdrop.model.task_result import build_task_result
from docs.make_event_schemas import COST_BASES, ENVELOPE
from tests.golden.golden import Golden
from tests.golden.shapes import shape
from tests.unit.ledger_items import (
    LATER,
    NOW,
    build_attempt,
    build_job,
    build_photo_facts,
    build_problem,
    build_result,
    build_review,
    build_source,
    build_stored_job,
    build_warning,
)

MAPS = ("instructions", "provenance")
RUN = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:winter-1"
JOB = "1" * 64
CERTIFICATE = load_marketplace("amazon-main").certify(
    {"longest_side": 2000, "subject_share": 0.88, "background": "#f0f0f0"}, "remove"
)
INPUT: dict[str, Any] = {"name": "winter", "prefix": "shoes/", "instructions": {"operation": "remove"}}
LIMITS = {"max_total_usd": 9.5, "tolerated_failure_percent": 2.5}
# Sources whose photo is unknown, unchanged, or prepared.
ORIENTATION_CHANGE = PhotoChange.of(ChangeCode.ORIENTATION, 6)
PHOTOS: list[PhotoFacts | None] = [
    None,
    build_photo_facts(version_id=None),
    build_photo_facts(changes=(ORIENTATION_CHANGE,)),
]


def jobs() -> Iterable[Job]:
    """Yields jobs in every status, with every outcome of a call, every basis of its cost, and every picture format."""
    calls = [
        build_attempt(n=n, provider_id=None if n % 2 else "id", outcome=outcome, basis=basis, charged=charged)
        for n, (outcome, basis, charged) in enumerate(product(AttemptOutcome, COST_BASES, (0, 60_000)), 1)
    ]
    pictures = tuple(build_result(format=name, output=name, version_id=None, seed=None) for name in CONTENT_TYPES)
    decided = build_review(
        n=2,
        fidelity=None,
        decision=ReviewDecision.APPROVED,
        decided_by="ann",
        decided_via=DecisionChannel.EVENT,
        event_source="shop.review",
        decided_at=LATER,
    )
    reviews = (build_review(), decided)
    for status in JobStatus:
        ended = LATER if status in END_STATUSES else None
        problem = build_problem() if status in ANNOUNCED_STATUSES | {JobStatus.UNKNOWN} else None
        yield from (
            build_job(job_id=JOB, status=status, problem=problem and replace(problem, money=money), ended_at=ended)
            for money in MoneyStatus
        )
        yield from (
            build_stored_job(
                job_id=JOB,
                status=status,
                problem=problem,
                ended_at=ended,
                stored_at=LATER if status is JobStatus.STORED else None,
                variant="beach",
                operation=operation,
                attempts=(call,),
                results=(build_result(certificate=CERTIFICATE), *pictures) if status is JobStatus.STORED else (),
                reviews=reviews if status in (JobStatus.REVIEW, JobStatus.STORED) else (),
                reused_from="2" * 64,
                warnings=(build_warning("not_current: x", WarningCode.NOT_CURRENT),),
            )
            for call in calls
            for operation in ("replace", "remove")
        )


def sources(*, problems: Iterable[Any] = ()) -> list[Source]:
    return [build_source(photo=photo, jobs={"": JOB}, problems=(*problems,)) for photo in PHOTOS]


def lanes() -> Iterable[ProviderHealth]:
    """Yields lanes that are paused for every reason, and the same lanes resumed."""
    for reason in PauseReason:
        code = Code.BUDGET_REACHED if reason is PauseReason.BUDGET else Code.PROVIDER_KEY_REFUSED
        paused = pause(ProviderHealth(provider="ideogram"), reason, code, "No.", NOW)
        yield from (paused, resume(paused, frozenset(PauseReason), LATER))


def test_receipt_keeps_its_shape(golden: Golden) -> None:
    documents = [build_receipt(source, [job]) for source in sources() for job in jobs()]
    golden.check("receipt", shape(*documents, build_receipt(build_source(), []), maps=MAPS))


def test_error_report_keeps_its_shape(golden: Golden) -> None:
    problems = [
        build_problem(code, money, variant=variant, retryable=retryable)
        for code in (Code.NO_INSTRUCTIONS, Code.FILE_UNREADABLE)
        for money in MoneyStatus
        for variant in ("", "beach")
        for retryable in (False, True)
    ]
    documents = [build_error_report(source, [job]) for source in sources(problems=problems) for job in jobs()]
    providers = [build_provider_report(lane) for lane in lanes() if lane.state is LaneState.PAUSED]
    golden.check("error_report", {"of a photo": shape(*documents), "of a paused provider": shape(*providers)})


def test_campaign_report_keeps_its_shape(golden: Golden) -> None:
    golden.check(
        "campaign_report",
        {
            "input": [*FIELD_DESCRIPTIONS],
            "report.csv": CSV_COLUMNS,
            "report.json": shape(*campaign_reports(), maps=("instructions",)),
        },
    )


def test_every_event_keeps_its_shape(golden: Golden) -> None:
    details_by_kind: dict[str, list[dict[str, Any]]] = {}
    events = [build_job_event(source, job) for source in sources() for job in jobs()]
    for kind, detail in [
        *(event for event in events if event),
        *(event for source in sources() for job in jobs() for event in list_approval_events(source, job)),
        *(event for lane in lanes() for event in list_provider_events(lane)),
    ]:
        details_by_kind.setdefault(kind, []).append(detail)
    keys = {suffix: f"_backdrop/campaigns/winter/report.{suffix}" for suffix in ("json", "csv")}
    details_by_kind[EVENT_TYPE] = [build_event_detail(report, "pictures", keys) for report in campaign_reports()]
    shapes = {kind: shape(*details, maps=MAPS) for kind, details in details_by_kind.items()}
    golden.check(
        "events", {"source": EVENT_SOURCE, "envelope": ENVELOPE, "details": shapes, "heard": [*INCOMING_DETAIL_TYPES]}
    )


def test_task_result_keeps_its_shape(golden: Golden) -> None:
    facts: dict[str, Any] = {"source_id": "s" * 64, "request_id": "m-1", "bucket": "photos", "key": "shoes/red.jpg"}
    request = ImageRequest(**facts, task_token="t", jobs={"": JOB}, requested_at=NOW)
    skipped = replace(request, jobs={}, skipped_kind=ObjectKind.IGNORED)
    results = [build_task_result(source, request, [job]) for source in sources() for job in jobs()] + [
        build_task_result(build_source(), skipped, [])
    ]
    answers = [result for result in results if result]
    golden.check(
        "task_answers",
        {
            "output": shape(*(json.loads(answer.output) for answer in answers if answer.output), maps=MAPS),
            "cause": shape(*(json.loads(answer.cause) for answer in answers if answer.cause)),
            "errors": sorted({answer.error for answer in answers if answer.error}),
        },
    )


def test_dead_letter_keeps_its_attributes(golden: Golden) -> None:
    golden.check("dead_letter", shape(*(build_dead_letter_attributes(job) for job in jobs())))


def campaign_reports() -> list[dict[str, Any]]:
    """Builds reports of campaigns with every status and items with every outcome, and of a campaign refused at once."""
    totals = CampaignTotals(NOW)
    facts: dict[str, Any] = {
        "source_id": "s" * 64,
        "request_id": "m1",
        "bucket": "photos",
        "key": "a.jpg",
        "requested_at": NOW,
    }
    for job in jobs():
        totals.add(CampaignItem(ImageRequest(**facts, campaign="winter-1"), [job], [job]))
    totals.add(CampaignItem(ImageRequest(**facts, campaign="winter-1", skipped_kind=ObjectKind.IGNORED), [], []))
    ended = FinishedExecution(RUN, INPUT | LIMITS, CampaignStatus.SUCCEEDED, NOW.isoformat())
    quote = CampaignQuote()
    quote.add_bad_row(BadRow(3, "it has no key"))
    plan = {"items": 500, "quoted_usd": 90.5, "bad_rows": quote.build_bad_rows_document()}
    failed = [
        replace(ended, status=status, error="too_many_failures", cause="50 % failed") for status in CampaignStatus
    ]
    refused = FinishedExecution(
        RUN, {"name": "winter", "manifest": "list.csv"}, CampaignStatus.REFUSED, NOW.isoformat(), "campaign_refused"
    )
    return [
        *(build_report(execution, totals, plan, LATER, ["shoes/a.jpg"]) for execution in (ended, *failed)),
        build_report(refused, CampaignTotals(NOW), {}, LATER),
    ]
