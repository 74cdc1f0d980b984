"""Checks the pictures that people decide about: their files, their decisions, and what is delivered after them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256

from simulation.invariants.reviews import (
    REFUSAL_CODES,
    PersonDecision,
    PictureId,
    check_acknowledged,
    check_decision_events,
    check_kept_decisions,
    check_picture_approval,
    check_published_event,
    check_refused,
    check_review_files,
    check_review_write,
    check_stored_pictures,
    check_waiting_pictures,
    identify_pictures,
)
from simulation.invariants.violations import JsonObject, Violation
from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.scenarios.reviewers import AWAITING_APPROVAL
from simulation.world.transport import ServiceCall


class ReviewMonitor:
    """`decisions`: every decision in the ledger, by picture, in the order in which they were written."""

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self.decisions: defaultdict[PictureId, list[JsonObject]] = defaultdict(list)
        self._snapshot, self._users = snapshot, users
        self._awaited: set[PictureId] = set()

    def on_job_written(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        if not (after["reviews"] or (before and before["reviews"]) or after["status"] == "stored"):
            return []
        for picture, review in identify_pictures(after).items():
            known = self.decisions.get(picture)
            if review["decision"] and not (known and known[-1] == review):
                self.decisions[picture].append(review)
        return [
            *check_kept_decisions(before, after),
            *check_review_write(before, after),
            *check_stored_pictures(before, after),
            *self._check_files(after),
        ]

    def _check_files(self, job: JsonObject) -> list[Violation]:
        bucket = self._snapshot.world.output_bucket
        files = {review["key"]: bucket.find_current(review["key"]) for review in job["reviews"]}
        digests = {key: sha256(file.data or b"").hexdigest() for key, file in files.items() if file}
        return check_review_files(job, digests, self._users.damaged_review_keys)

    def check_picture(self, key: str, job_id: str, worker: str) -> list[Violation]:
        """Checks a written picture, given the job that made it and the worker that wrote it."""
        return check_picture_approval(key, self._list_versions(job_id, worker))

    def check_events(self, call: ServiceCall) -> list[Violation]:
        """Checks the events about jobs that a worker has just published."""
        violations: list[Violation] = []
        for entry in call.request["Entries"]:
            detail = json.loads(entry["Detail"])
            if "job" in detail:
                versions = self._list_versions(detail["job"]["job_id"], call.worker_name)
                violations += check_published_event(entry["DetailType"], detail, versions)
            if entry["DetailType"] == AWAITING_APPROVAL:
                picture = detail["picture"]
                self._awaited.add((detail["job"]["job_id"], picture["n"], picture["sha256"]))
        return violations

    def _list_versions(self, job_id: str, worker: str) -> Sequence[JsonObject]:
        return self._snapshot.list_job_versions(job_id, self._snapshot.find_start(worker))

    # -- people -------------------------------------------------------------------------------------------------

    def check_acknowledged(self, decision: PersonDecision) -> list[Violation]:
        """Checks a decision that a command has just confirmed."""
        return check_acknowledged(decision, self.decisions)

    def check_refused(self, key: str, decision: PersonDecision, text: str) -> list[Violation]:
        """Checks the message of a command that has just failed, if its picture still is one of the photo's."""
        source = next((source for source in self._snapshot.sources.values() if source["key"] == key), None)
        job = self._snapshot.jobs[decision.job_id]
        is_current = source is not None and decision.job_id in source["jobs"].values()
        is_shown = (decision.job_id, decision.n, decision.sha256) in identify_pictures(job)
        return check_refused(decision, text, self.decisions) if is_current and is_shown else []

    # -- rest ---------------------------------------------------------------------------------------------------

    def check_final_state(self, letters: Sequence[JsonObject]) -> list[Violation]:
        """Checks the decisions by event, given all dead letters, and the pictures that still wait."""
        refusals = {
            json.loads(letter["body"])["body"]: letter["attributes"]
            for letter in letters
            if letter["attributes"].get("code") in REFUSAL_CODES
        }
        reviewers = self._users.reviewers
        return [
            *check_decision_events(reviewers.sent_events, self.decisions, refusals),
            *check_waiting_pictures(self._snapshot.ledger, self._awaited, has_reviewers=not reviewers.has_left),
            *(one for job in self._snapshot.jobs.values() for one in self._check_files(job)),
        ]
