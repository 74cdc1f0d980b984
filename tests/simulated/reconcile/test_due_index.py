"""The index of due items: each open item is listed with the time when it is due, each failure is listed, and nothing
else.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backdrop.aws.items import to_item
from backdrop.model import transitions
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.job import FAILED_STATUSES, JobStatus, LedgerItem
from backdrop.model.schedule import (
    ANNOUNCEMENT_CHECK_DELAY,
    DELIVERY_CHECK_DELAY,
    FAILED_ITEMS,
    INDEX_SHARDS,
    LEASE_CHECK_DELAY,
    MESSAGE_LIFETIME,
    OPEN_ITEMS,
    REVIEW_ITEMS,
    SETTLE_CHECK_DELAY,
    ReconcileState,
    build_index_entry,
)
from tests.simulated.stage_worlds import LEASE, LOST, NOW, OK, build_called_job, build_job, claim, job_in
from tests.unit.ledger_items import build_problem, build_source

S = JobStatus
SOURCE = "7" + "f" * 63
LATER = NOW + timedelta(hours=1)
OPEN_STATES = [S.ACCEPTED, S.SUBMITTING, S.UNKNOWN, S.PAID]


def due(item: LedgerItem) -> datetime:
    """Returns when an open item is due."""
    entry = build_index_entry(item)
    assert entry
    assert entry[0] == f"{OPEN_ITEMS}#7"
    assert isinstance(entry[1], datetime)
    return entry[1]


@pytest.mark.parametrize("status", S)
def test_index_has_jobs_that_are_open_failed_or_in_review(status: JobStatus) -> None:
    entry = build_index_entry(replace(job_in(status), source_id=SOURCE, announced=True))
    lists = dict.fromkeys(OPEN_STATES, f"{OPEN_ITEMS}#7") | dict.fromkeys(FAILED_STATUSES, f"{FAILED_ITEMS}#7")
    lists[S.REVIEW] = f"{REVIEW_ITEMS}#7"
    assert (entry[0] if entry else None) == lists.get(status)


def test_rejection_that_was_not_announced_is_due() -> None:
    assert due(replace(job_in(S.REJECTED), source_id=SOURCE, announced=False)) > NOW


@pytest.mark.parametrize("status", sorted(FAILED_STATUSES))
def test_failures_are_listed_by_the_time_of_their_end(status: JobStatus) -> None:
    entry = build_index_entry(replace(job_in(status), ended_at=LATER, announced=True))
    assert entry
    assert entry[1] == LATER


@pytest.mark.parametrize("status", sorted(FAILED_STATUSES))
def test_unannounced_failure_is_due_until_announced(status: JobStatus) -> None:
    """The worker that ended it may have crashed before it sent the message."""
    job = replace(job_in(status), source_id=SOURCE, ended_at=NOW)
    assert due(job) == NOW + ANNOUNCEMENT_CHECK_DELAY
    assert due(transitions.mark_resent(job, LATER).job) == LATER + ANNOUNCEMENT_CHECK_DELAY


def test_waiting_job_is_due_before_its_message_expires() -> None:
    """Lanes keep a message for four days."""
    job = build_job(source_id=SOURCE)
    assert due(job) == NOW + MESSAGE_LIFETIME
    assert timedelta(days=4) > MESSAGE_LIFETIME
    assert due(transitions.mark_resent(job, LATER).job) == LATER + MESSAGE_LIFETIME


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN])
def test_call_without_answer_is_due_after_its_lease(status: JobStatus) -> None:
    job = replace(job_in(status), source_id=SOURCE)
    assert due(job) == LEASE + LEASE_CHECK_DELAY
    assert due(transitions.mark_resent(job, LATER).job) == LATER + LEASE_CHECK_DELAY


@pytest.mark.parametrize("stored", [False, True])
def test_abandoned_call_is_due_after_its_lease(stored: bool) -> None:
    """Another call returned the pictures, but the charge of this one still has to be settled."""
    both = claim(build_called_job(LOST)).job
    paid = transitions.record_result(both, 1, OK, NOW).job
    job = transitions.store(paid, (), (), NOW).job if stored else paid
    assert due(replace(job, source_id=SOURCE)) == LEASE + LEASE_CHECK_DELAY
    assert build_index_entry(replace(transitions.record_result(job, 2, OK, NOW).job, status=S.STORED)) is None


def test_paid_but_undelivered_picture_is_due() -> None:
    waiting = build_job(source_id=SOURCE, last_sent_at=NOW)
    paid = transitions.record_result(claim(waiting).job, 1, OK, LATER).job
    assert due(paid) == LATER + DELIVERY_CHECK_DELAY
    assert due(transitions.mark_resent(paid, LATER + DELIVERY_CHECK_DELAY).job) == LATER + 2 * DELIVERY_CHECK_DELAY


def test_retried_delivery_is_due_some_time_after_its_message() -> None:
    """The job was paid long ago. What counts is when its message was sent."""
    dead = replace(transitions.fail(job_in(S.PAID), ResultError(Code.RESULT_GONE, "gone"), NOW).job, source_id=SOURCE)
    week_later = NOW + timedelta(days=7)
    assert due(transitions.retry_delivery(dead, week_later).job) == week_later + DELIVERY_CHECK_DELAY


def test_settling_photo_is_due_after_its_settle_time() -> None:
    waiting = build_source(source_id=SOURCE, settling_since=NOW)
    assert due(waiting) == NOW + SETTLE_CHECK_DELAY
    assert due(replace(waiting, last_sent_at=LATER)) == LATER + SETTLE_CHECK_DELAY


def test_settling_photo_with_problems_is_open() -> None:
    waiting = build_source(source_id=SOURCE, settling_since=NOW, problems=(build_problem(Code.NO_INSTRUCTIONS),))
    assert due(waiting) == NOW + SETTLE_CHECK_DELAY


def test_photo_refused_without_a_job_is_listed() -> None:
    problem = build_problem(Code.NOT_A_PHOTO)
    assert build_index_entry(build_source(source_id=SOURCE, problems=(problem,))) == (
        f"{FAILED_ITEMS}#7",
        problem.last_seen,
    )
    assert build_index_entry(build_source(source_id=SOURCE)) is None


@pytest.mark.parametrize(
    "item", [ProviderHealth(provider="ideogram"), ReconcileState(locked_until=NOW)], ids=["lane", "run"]
)
def test_other_items_are_not_in_the_index(item: LedgerItem) -> None:
    assert build_index_entry(item) is None
    assert not {"watch", "due"} & set(to_item(item))


def test_index_is_sparse_and_sorted_by_time() -> None:
    """Only items with the index's attributes are in the index."""
    moments = [NOW, NOW.replace(microsecond=1000), NOW + timedelta(milliseconds=10), LATER]
    rows = [to_item(build_job(source_id=SOURCE, last_sent_at=moment)) for moment in moments]
    assert {row["watch"]["S"] for row in rows} == {f"{OPEN_ITEMS}#7"}
    assert [row["due"]["S"] for row in rows] == sorted(row["due"]["S"] for row in reversed(rows))
    assert not {"watch", "due"} & set(to_item(job_in(S.STORED)))


def test_every_photo_has_a_shard() -> None:
    assert {build_source(source_id=f"{n:x}" * 64).source_id[0] for n in range(16)} == set(INDEX_SHARDS)
