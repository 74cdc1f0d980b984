"""Ledger items and property-test settings that the tests of the model share."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings

from backdrop.model.codes import Code
from backdrop.model.fidelity import Fidelity
from backdrop.model.job import (
    Attempt,
    AttemptOutcome,
    Job,
    JobStatus,
    MoneyStatus,
    PictureLink,
    Problem,
    Source,
    StoredPicture,
)
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.photo_facts import PhotoFacts
from backdrop.model.review import PictureReview
from backdrop.model.sentence import Sentence

NOW = datetime(2026, 11, 16, 12, 0, 0, 250_000, tzinfo=UTC)
LATER = datetime(2026, 11, 16, 12, 0, 9, 500_000, tzinfo=UTC)
SHA = "ab" * 32
CHANGE_MAP_KEY = "_backdrop/changes/8c2f8b7b2e0a4e6a8f0f5b1f7c9d3e5a7b9c1d3e5f708192a3b4c5d6e7f80912/1_1.png"

quick = settings(max_examples=60)
"""For property tests that need only a few examples."""


def build_photo_facts(**changes: Any) -> PhotoFacts:
    """Returns a JPEG of 1200 × 800."""
    facts: dict[str, Any] = {"etag": '"e"', "version_id": "v1", "uploaded_at": NOW, "size": 12_345, "sha256": SHA}
    facts |= {"width": 1200, "height": 800, "format": "jpeg"}
    facts |= changes
    return PhotoFacts(**facts)


def build_source(**changes: Any) -> Source:
    """Returns the source `shoes/red.jpg`, which names the job `job-1`."""
    facts: dict[str, Any] = {
        "source_id": "s" * 64,
        "bucket": "photos",
        "key": "shoes/red.jpg",
        "photo": build_photo_facts(),
    }
    facts |= {"jobs": {"": "job-1"}}
    facts |= changes
    return Source(**facts)


def build_job(**changes: Any) -> Job:
    """Returns a replace job that has just been accepted."""
    instructions = {"operation": "replace", "prompt": "on a marble table"}
    facts: dict[str, Any] = {
        "job_id": "job-1",
        "content_id": "c" * 64,
        "source_id": "s" * 64,
        "bucket": "photos",
        "key": "shoes/red.jpg",
        "version_id": "v1",
        "sha256": SHA,
        "variant": "",
        "operation": "replace",
        "provider": "ideogram",
        "purchase_spec": instructions,
        "instructions": instructions,
        "provenance": dict.fromkeys(instructions, "shoes/red.jpg.json"),
        "quoted": 60_000,
        "queued_at": NOW,
    }
    facts |= changes
    return Job(**facts)


def build_attempt(**changes: Any) -> Attempt:
    """Returns an attempt that was answered and charged six cents."""
    facts: dict[str, Any] = {"n": 1, "provider": "ideogram", "submitted_at": NOW, "lease_until": LATER}
    facts |= {"budget_day": "2026-11-16", "reserved": 0, "charged": 60_000, "outcome": AttemptOutcome.ANSWERED}
    facts |= {"endpoint": "/v1/ideogram-v3/replace-background"}
    facts |= changes
    return Attempt(**facts)


def build_result(**changes: Any) -> StoredPicture:
    """Returns the first picture of `shoes/red.jpg`."""
    facts: dict[str, Any] = {"key": "shoes/red.jpg/red.png", "version_id": "v9", "n": 1, "output": None}
    facts |= {"width": 1200, "height": 800, "format": "png", "bytes": 54_321, "has_alpha": False, "seed": 7}
    facts |= {"fidelity": replace(Fidelity.from_score(0.957), map_key=CHANGE_MAP_KEY)}
    facts |= changes
    return StoredPicture(**facts)


def build_stored_job(**changes: Any) -> Job:
    facts: dict[str, Any] = {
        "status": JobStatus.STORED,
        "attempt_no": 1,
        "attempts": (build_attempt(),),
        "links": (PictureLink(url="https://ideogram.ai/api/images/ephemeral/a.png", seed=7),),
        "results": (build_result(),),
        "submitted_at": NOW,
        "paid_at": LATER,
        "stored_at": LATER,
        "ended_at": LATER,
    }
    facts |= changes
    return build_job(**facts)


def build_review(**changes: Any) -> PictureReview:
    """Returns the review of a picture that waits for a decision."""
    facts: dict[str, Any] = {
        "n": 1,
        "key": f"_backdrop/review/8c2f8b7b/1_1-{'cd' * 32}.png",
        "sha256": "cd" * 32,
        "fidelity": Fidelity.from_score(0.62),
        "waiting_since": LATER,
    }
    return PictureReview(**facts | changes)


def build_job_in_review(**changes: Any) -> Job:
    """Returns a job whose picture waits for a decision."""
    facts: dict[str, Any] = {"status": JobStatus.REVIEW, "results": (), "reviews": (build_review(),)}
    return build_stored_job(**facts | {"stored_at": None, "ended_at": None} | changes)


def build_problem(code: Code = Code.UNSAFE_RESULT, money: MoneyStatus = MoneyStatus.SPENT, **changes: Any) -> Problem:
    """Returns an entry of an error report."""
    facts: dict[str, Any] = {
        "code": code,
        "message": Sentence("The provider's safety check withheld every picture."),
        "retryable": False,
    }
    facts |= {"money": money, "first_seen": NOW, "last_seen": LATER}
    facts |= changes
    return Problem(**facts)


def build_dead_job(**changes: Any) -> Job:
    """Returns a job that was paid for but has no usable picture."""
    facts: dict[str, Any] = {
        "status": JobStatus.DEAD,
        "attempt_no": 1,
        "attempts": (build_attempt(),),
        "problem": build_problem(),
        "submitted_at": NOW,
        "paid_at": LATER,
        "ended_at": LATER,
    }
    facts |= changes
    return build_job(**facts)


def build_warning(text: str, code: WarningCode = WarningCode.OLD_PICTURE) -> JobWarning:
    return JobWarning(code=code, text=Sentence(text))


def list_warning_codes(job: Job) -> list[str]:
    return [one.code for one in job.warnings]
