"""Finds out when a world is at rest, what should be there then, and which invariants are violated."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from backdrop.model.provider_result import RetryClass
from simulation.invariants.final_state import (
    ExpectedPhoto,
    check_causes,
    check_dead_letter_contents,
    check_end_statuses,
    check_events,
    check_lane_reports,
    check_newest_photos,
    check_picture_owners,
    check_reported_money,
    check_unfinished,
)
from simulation.invariants.job_ends import (
    ERROR_REPORTS_PREFIX,
    LANE_REPORTS_PREFIX,
    RECEIPTS_PREFIX,
    REST_STATUSES,
    check_documents,
    check_ends,
    check_missing_pictures,
    check_unknown_pictures,
)
from simulation.invariants.mandates import MANDATE_CODES, check_waiting_jobs
from simulation.invariants.paid_calls import (
    check_pauses_after_refusals,
    check_recorded_results,
    check_recovered_lanes,
    check_saved_provider_ids,
)
from simulation.invariants.picture_names import without_lost_names
from simulation.invariants.violations import Invariant, JsonObject, Violation, parse_body
from simulation.scenarios.actions import UserActions
from simulation.scenarios.call_log import CallLog
from simulation.scenarios.fault_causes import STATUS_BY_CODE, list_possible_codes, may_have_given_up
from simulation.scenarios.invariant_monitor import InvariantMonitor
from simulation.world.simulated_lambda import InvocationOutcome
from simulation.world.simulated_s3 import SimulatedBucket
from simulation.world.simulated_stack import World

# How a ledger call may end without preventing the worker from doing its job.
HARMLESS_OUTCOMES = ("", "TransactionCanceledException")
GOOD_RETRY_CLASSES = (RetryClass.OK, RetryClass.PERM)
RESERVED_PREFIXES = ("_backdrop", ".")


def list_expected_photos(world: World, users: UserActions) -> dict[str, ExpectedPhoto]:
    """Returns the photos in the bucket that the stack must know."""
    return {
        key: _build_expected_photo(world, users, key)
        for key in world.input_bucket.list_keys()
        if not (key.endswith(".json") or key in users.ignored_keys or _is_reserved(key))
    }


def _is_reserved(key: str) -> bool:
    return any(part.startswith(RESERVED_PREFIXES) for part in key.split("/"))


def _build_expected_photo(world: World, users: UserActions, key: str) -> ExpectedPhoto:
    photo = world.input_bucket.find_current(key)
    if photo is None:
        raise KeyError(key)
    return ExpectedPhoto(photo.etag, photo.sha256, must_be_known=key not in users.waived_keys)


def _check_current(world: World, monitor: InvariantMonitor, expected: Mapping[str, ExpectedPhoto]) -> list[Violation]:
    """Compares the ledger with the photos that are in the bucket, and with their instructions."""
    allowed_codes = frozenset({"crashed"} if may_have_given_up(world) else ())
    return check_newest_photos(monitor.snapshot.ledger, expected) + monitor.instructions.check_current(
        {key: allowed_codes | monitor.mandates.list_term_codes(key) for key in expected}
    )


def read_documents(world: World, prefix: str) -> dict[str, JsonObject]:
    """Returns the receipts or reports under a prefix, by the key of their photo."""
    documents: dict[str, JsonObject] = {}
    for key in world.output_bucket.list_keys():
        if key.startswith(prefix) and (prefix == LANE_REPORTS_PREFIX or not key.startswith(LANE_REPORTS_PREFIX)):
            current = world.output_bucket.find_current(key)
            data = current.data if current else None
            documents[key.removeprefix(prefix).removesuffix(".json")] = json.loads(data or b"")
    return documents


def read_dead_letters(world: World) -> list[dict[str, Any]]:
    return [
        {"body": message.body, "attributes": dict(message.attributes)}
        for message in world.sqs.list_messages(world.dead_letter_queue)
    ]


def _count_malformed_letters(world: World, users: UserActions) -> range:
    """Returns how many malformed messages may have become dead letters.

    A message whose lane is paused, or was paused for too long, may not have left one.
    """
    queues = world.queues.items()
    remaining = {f"{name} {message.body}" for name, queue in queues for message in (*queue.messages, *queue.expired)}
    return range(len(users.malformed_messages - remaining), len(users.malformed_messages) + 1)


def _is_quiet(world: World, excused_job_ids: Collection[str]) -> bool:
    """Whether nothing is being processed, and only messages of excused jobs wait."""
    messages = [
        message for mapping in world.mappings.values() if mapping.is_enabled for message in mapping.queue.messages
    ]
    unexplained = [message for message in messages if not any(job_id in message.body for job_id in excused_job_ids)]
    return not unexplained and not any(mapping.running_count for mapping in world.mappings.values())


@dataclass
class RestCheck:
    """Finds out whether a world is at rest. It compares all photos with the ledger only after something has changed."""

    world: World
    monitor: InvariantMonitor
    users: UserActions
    _compared_at: tuple[int, ...] = ()
    _difference: str = ""

    def find_pending_work(self) -> str:
        """Returns why the world is not at rest; empty if it is."""
        snapshot = self.monitor.snapshot
        excused = snapshot.list_excused_job_ids()
        if not _is_quiet(self.world, excused):
            return "messages are waiting or being processed"
        for job in snapshot.jobs.values():
            is_decided_later = job["status"] == "review" and not self.users.reviewers.has_left
            if is_decided_later or (job["status"] not in REST_STATUSES and job["job_id"] not in excused):
                return f"{job['key']} is {job['status']}"
        settling_keys = [source["key"] for source in snapshot.sources.values() if source["settling_since"]]
        if settling_keys:
            return f"{settling_keys[0]} waits for instructions"
        return self._find_difference()

    def _find_difference(self) -> str:
        changes = (
            self.monitor.snapshot.change_count,
            self.world.input_bucket.change_count,
            self.world.lambda_service.crash_count,
            len(self.users.performed_actions),
            len(self.users.waived_keys),
        )
        if changes != self._compared_at:
            violations = _check_current(self.world, self.monitor, list_expected_photos(self.world, self.users))
            self._compared_at, self._difference = changes, violations[0].detail if violations else ""
        return self._difference


def check_final_state(
    world: World, monitor: InvariantMonitor, users: UserActions, strike_counts: Mapping[str, int], call_log: CallLog
) -> list[Violation]:
    """Checks every invariant that holds at rest."""
    ledger, expected, excused = (
        monitor.snapshot.ledger,
        list_expected_photos(world, users),
        monitor.snapshot.list_excused_job_ids(),
    )
    waiting_keys = {job["key"] for job in monitor.snapshot.jobs.values() if job["job_id"] in excused}
    receipts, reports = read_documents(world, RECEIPTS_PREFIX), read_documents(world, ERROR_REPORTS_PREFIX)
    pictures = [key for key in world.output_bucket.list_keys() if not key.startswith("_backdrop/")]
    job_id_by_picture = {
        key: str(current.metadata.get("backdrop-job"))
        for key in pictures
        if (current := world.output_bucket.find_current(key))
    }
    versions_by_key = {key: _list_equal_versions(world.output_bucket, key) for key in pictures}
    lanes = {name: lane.body for name, lane in monitor.snapshot.lanes.items() if lane.body}
    events = [(event.detail_type, event.detail) for event in world.bus.events]
    letters = read_dead_letters(world)
    uploaded_keys = [key for key in expected if key not in users.waived_keys and key not in waiting_keys]
    return [
        *monitor.billing.check_all(),
        *monitor.budgets.check_final_state(),
        *check_unfinished(ledger, excused_job_ids=excused),
        *check_ends(uploaded_keys, ledger, receipts, reports),
        *_check_current(world, monitor, expected),
        *monitor.instructions.check_final_state(job_id_by_picture, versions_by_key),
        *monitor.pictures.check_final_state(),
        *monitor.task_tokens.check_final_state(),
        *monitor.cancels.check_final_state(strike_counts),
        *check_waiting_jobs(monitor.snapshot.job_versions.values(), _list_received_messages(world)),
        *check_documents(ledger, receipts, reports),
        *check_reported_money(ledger, reports),
        *check_missing_pictures(ledger, pictures),
        *check_unknown_pictures(ledger, job_id_by_picture, monitor.pictures.claimants),
        *check_picture_owners(without_lost_names(ledger, monitor.pictures.claims), job_id_by_picture),
        *check_events(ledger, events),
        *check_lane_reports(lanes, read_documents(world, LANE_REPORTS_PREFIX), reports, excused),
        *check_dead_letter_contents(ledger, letters, monitor.dead_job_codes, _count_malformed_letters(world, users)),
        *monitor.reviews.check_final_state(letters),
        *check_causes(ledger, list_possible_codes(world, strike_counts) | MANDATE_CODES),
        *check_end_statuses(ledger, STATUS_BY_CODE),
        *_check_calls(world, monitor, call_log),
        *_check_snapshot(world, monitor),
    ]


def _list_equal_versions(bucket: SimulatedBucket, key: str) -> Collection[str]:
    """Returns the IDs of a picture's current version and of those just before it that are its copies.

    Two workers with the same message may both replace another photo's picture that has the same bytes: S3's condition
    compares only bytes, so both writes succeed.
    """
    *earlier, current = bucket.objects[key]
    copies = takewhile(
        lambda one: one.data == current.data and one.metadata == current.metadata, (current, *reversed(earlier))
    )
    return [version.id for version in copies]


def _list_received_messages(world: World) -> list[tuple[datetime, str]]:
    """Returns the messages in the lanes that are not paused: when each was last received, and its body."""
    lanes = (world.mappings[name] for name in world.simulated_providers)
    messages = (message for lane in lanes if lane.is_enabled for message in lane.queue.messages)
    return [(message.last_received_at, message.body) for message in messages if message.last_received_at]


def _check_calls(world: World, monitor: InvariantMonitor, call_log: CallLog) -> list[Violation]:
    completed_workers = {
        invocation.name
        for invocation in world.lambda_service.invocations
        if invocation.outcome is InvocationOutcome.SUCCEEDED
    }
    result_violations = [
        violation
        for job_id, count in call_log.count_results(completed_workers).items()
        for violation in check_recorded_results(monitor.snapshot.jobs[job_id], count)
    ]
    ended_at_by_worker = {
        invocation.name: invocation.ended_at
        for invocation in world.lambda_service.invocations
        if invocation.name in completed_workers
    }
    hindered_workers = {
        call.worker_name
        for call in world.transport.calls
        if call.service == "dynamodb" and call.outcome not in HARMLESS_OUTCOMES
    }
    violations = [*result_violations, *check_saved_provider_ids(call_log.unsaved_provider_ids)]
    for name, lane in monitor.snapshot.lanes.items():
        refusals = [
            (at, end)
            for at, worker in call_log.refusals[name]
            if (end := ended_at_by_worker.get(worker)) and worker not in hindered_workers
        ]
        violations += check_pauses_after_refusals(refusals, monitor.paused_at[name])
        retry_class, worker = call_log.last_results.get(name, (None, ""))
        is_good = retry_class in GOOD_RETRY_CLASSES and worker in ended_at_by_worker and worker not in hindered_workers
        # A worker that started before the lane began to probe does not end the probing; the next probe does.
        started_at = monitor.snapshot.find_start(worker) if worker else world.clock.time
        violations += check_recovered_lanes(
            is_good, [lane.body] if lane.body and started_at > (lane.unchanged_since or started_at) else []
        )
    return violations


def _check_snapshot(world: World, monitor: InvariantMonitor) -> list[Violation]:
    """Checks that the jobs in the table are what the observed writes made of them."""
    stored = {
        kind.removeprefix("job#"): parse_body(item["body"]["S"])
        for (_, kind), item in world.table.items.items()
        if kind.startswith("job#")
    }
    return (
        []
        if stored == monitor.snapshot.jobs
        else [Violation(Invariant.NO_LOST_UPDATES, "the table changed without a write")]
    )
