"""The documents that Backdrop hands out, by shape: receipts, reports, events, answers to tasks, dead letters."""

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from backdrop.aws.event_bus import SOURCE
from backdrop.aws.events import REQUESTED
from backdrop.campaigns.campaign import FIELDS
from backdrop.campaigns.manifest import BadRow
from backdrop.campaigns.quote import Quote
from backdrop.campaigns.report import COLUMNS, EVENT, Ended, Fate, Item, Sums, document
from backdrop.campaigns.report import announcement as campaign_announcement
from backdrop.model.circuit import Lane, LaneState, Reason, pause, resume
from backdrop.model.codes import Code
from backdrop.model.image_request import Asked
from backdrop.model.job import ENDS, FAILED, Job, Money, Outcome, Source, Status
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import Kind
from backdrop.model.output_spec import CONTENT_TYPES
from backdrop.model.photo_facts import ChangeCode, PhotoChange, PhotoFacts
from backdrop.model.receipt import announcement, dead_letter, error_report, lane_events, lane_report, receipt
from backdrop.model.task_result import reply
from docs.make_event_schemas import BASES, ENVELOPE
from tests.golden.golden import Golden
from tests.golden.shapes import shape
from tests.unit.core_items import (
    LATER,
    NOW,
    a_job,
    a_photo,
    a_problem,
    a_result,
    a_source,
    a_stored_job,
    a_warning,
    an_attempt,
)

MAPS = ("instructions", "provenance")
RUN = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:winter-1"
JOB = "1" * 64
GIVEN: dict[str, Any] = {"name": "winter", "prefix": "shoes/", "instructions": {"operation": "remove"}}
LIMITS = {"max_total_usd": 9.5, "tolerated_failure_percent": 2.5}
# A place that nothing is known of, one with a plain photo, and one whose photo had to be prepared.
TURNED = PhotoChange.of(ChangeCode.ORIENTATION, 6)
PHOTOS: list[PhotoFacts | None] = [
    None,
    a_photo(version_id=None),
    a_photo(changes=(TURNED,)),
]


def jobs() -> Iterable[Job]:
    """A job in every status, with every outcome of a call, every basis of its cost, every format of a picture."""
    calls = [
        an_attempt(n=n, provider_id=None if n % 2 else "id", outcome=outcome, basis=basis, charged=charged)
        for n, (outcome, basis, charged) in enumerate(product(Outcome, BASES, (0, 60_000)), 1)
    ]
    pictures = tuple(a_result(format=one, output=one, version_id=None, seed=None) for one in CONTENT_TYPES)
    for status in Status:
        ended = LATER if status in ENDS else None
        problem = a_problem() if status in FAILED | {Status.UNKNOWN} else None
        yield from (
            a_job(job_id=JOB, status=status, problem=problem and problem.but(money=money), ended_at=ended)
            for money in Money
        )
        yield from (
            a_stored_job(
                job_id=JOB,
                status=status,
                problem=problem,
                ended_at=ended,
                stored_at=LATER if status is Status.STORED else None,
                variant="beach",
                operation=operation,
                attempts=(call,),
                results=(a_result(), *pictures) if status is Status.STORED else (),
                reused_from="2" * 64,
                warnings=(a_warning("not_current: x", WarningCode.NOT_CURRENT),),
            )
            for call in calls
            for operation in ("replace", "remove")
        )


def sources(*, problems: Iterable[Any] = ()) -> list[Source]:
    return [a_source(photo=photo, jobs={"": JOB}, problems=(*problems,)) for photo in PHOTOS]


def lanes() -> Iterable[Lane]:
    """Paused for every reason, and running again."""
    for reason in Reason:
        code = Code.BUDGET_REACHED if reason is Reason.BUDGET else Code.PROVIDER_KEY_REFUSED
        stopped = pause(Lane(provider="ideogram"), reason, code, "No.", NOW)
        yield from (stopped, resume(stopped, frozenset(Reason), LATER))


def test_a_receipt_keeps_its_shape(golden: Golden) -> None:
    found = [receipt(source, [job]) for source in sources() for job in jobs()]
    golden.holds("receipt", shape(*found, receipt(a_source(), []), maps=MAPS))


def test_an_error_report_keeps_its_shape(golden: Golden) -> None:
    problems = [
        a_problem(code, money, variant=variant, retryable=retryable)
        for code in (Code.NO_INSTRUCTIONS, Code.FILE_UNREADABLE)
        for money in Money
        for variant in ("", "beach")
        for retryable in (False, True)
    ]
    found = [error_report(source, [job]) for source in sources(problems=problems) for job in jobs()]
    providers = [lane_report(lane) for lane in lanes() if lane.state is LaneState.PAUSED]
    golden.holds("error_report", {"of a photo": shape(*found), "of a paused provider": shape(*providers)})


def test_a_campaigns_report_keeps_its_shape(golden: Golden) -> None:
    golden.holds(
        "campaign_report",
        {"input": [*FIELDS], "report.csv": COLUMNS, "report.json": shape(*campaign_reports(), maps=("instructions",))},
    )


def test_an_event_keeps_its_shape(golden: Golden) -> None:
    told: dict[str, list[dict[str, Any]]] = {}
    events = [announcement(source, job) for source in sources() for job in jobs()]
    for kind, detail in [*(one for one in events if one), *(one for lane in lanes() for one in lane_events(lane))]:
        told.setdefault(kind, []).append(detail)
    keys = {suffix: f"_backdrop/campaigns/winter/report.{suffix}" for suffix in ("json", "csv")}
    told[EVENT] = [campaign_announcement(one, "pictures", keys) for one in campaign_reports()]
    found = {kind: shape(*details, maps=MAPS) for kind, details in told.items()}
    golden.holds("events", {"source": SOURCE, "envelope": ENVELOPE, "details": found, "heard": REQUESTED})


def test_the_answer_to_a_task_keeps_its_shape(golden: Golden) -> None:
    facts: dict[str, Any] = {"source_id": "s" * 64, "ident": "m-1", "bucket": "photos", "key": "shoes/red.jpg"}
    asked = Asked(**facts, token="t", jobs={"": JOB}, asked_at=NOW)
    skipped = asked.but(jobs={}, skipped=Kind.IGNORED)
    found = [reply(source, asked, [job]) for source in sources() for job in jobs()] + [reply(a_source(), skipped, [])]
    answers = [one for one in found if one]
    golden.holds(
        "task_answers",
        {
            "output": shape(*(json.loads(one.output) for one in answers if one.output), maps=MAPS),
            "cause": shape(*(json.loads(one.cause) for one in answers if one.cause)),
            "errors": sorted({one.error for one in answers if one.error}),
        },
    )


def test_a_dead_letter_keeps_its_attributes(golden: Golden) -> None:
    golden.holds("dead_letter", shape(*(dead_letter(job) for job in jobs())))


def campaign_reports() -> list[dict[str, Any]]:
    """Campaigns that ended in every way, with items of every end; one was refused before it listed anything."""
    sums = Sums(NOW)
    facts: dict[str, Any] = {"source_id": "s" * 64, "ident": "m1", "bucket": "photos", "key": "a.jpg", "asked_at": NOW}
    for job in jobs():
        sums.add(Item(Asked(**facts, campaign="winter-1"), [job], [job]))
    sums.add(Item(Asked(**facts, campaign="winter-1", skipped=Kind.IGNORED), [], []))
    ended = Ended(RUN, GIVEN | LIMITS, Fate.SUCCEEDED, NOW.isoformat())
    quote = Quote()
    quote.add_bad(BadRow(3, "it has no key"))
    plan = {"items": 500, "quoted_usd": 90.5, "bad_rows": quote.bad_document()}
    failed = [replace(ended, fate=fate, error="too_many_failures", cause="50 % failed") for fate in Fate]
    refused = Ended(RUN, {"name": "winter", "manifest": "list.csv"}, Fate.REFUSED, NOW.isoformat(), "campaign_refused")
    return [
        *(document(one, sums, plan, LATER, ["shoes/a.jpg"]) for one in (ended, *failed)),
        document(refused, Sums(NOW), {}, LATER),
    ]
