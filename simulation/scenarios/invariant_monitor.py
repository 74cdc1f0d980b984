"""Checks the invariants after every call, on plain data."""

from collections import defaultdict
from datetime import datetime

from backdrop.model.object_keys import spooled_answer_key
from backdrop.model.price_check import PRICE_CHECK_ID
from simulation.invariants.final_state import check_consecutive_crashes, check_ignored_photos
from simulation.invariants.ledger_writes import (
    check_claim,
    check_crash_count,
    check_lane_write,
    check_lease,
    check_lifted_pauses,
    check_lock_version,
    check_picture_write,
    check_retry_of_product,
    check_settle_time,
    check_transition,
    is_retry_of_product,
)
from simulation.invariants.paid_calls import check_retries, check_reuse, describe_restrictions
from simulation.invariants.reviews import PersonDecision
from simulation.invariants.violations import (
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    find_current_attempt,
    parse_body,
)
from simulation.scenarios.actions import OPERATOR_WORKER_NAME, UserActions
from simulation.scenarios.billing_monitor import BillingMonitor
from simulation.scenarios.bucket_history import BucketHistory
from simulation.scenarios.budget_monitor import BudgetMonitor
from simulation.scenarios.cancel_monitor import CancelMonitor
from simulation.scenarios.crash_counter import CrashCounter
from simulation.scenarios.instruction_monitor import InstructionMonitor, is_rerun
from simulation.scenarios.ledger_snapshot import LaneSnapshot, LedgerSnapshot
from simulation.scenarios.mandate_monitor import MandateMonitor
from simulation.scenarios.paid_call_monitor import PaidCallMonitor
from simulation.scenarios.picture_monitor import PictureMonitor
from simulation.scenarios.place_monitor import PlaceMonitor
from simulation.scenarios.review_monitor import ReviewMonitor
from simulation.scenarios.task_token_monitor import TaskTokenMonitor
from simulation.scenarios.undelivered_monitor import UndeliveredMonitor
from simulation.world.simulated_lambda import SimulatedFunction
from simulation.world.simulated_sqs import SimulatedMessage
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall

# Five crashes in a row are counted, then no worker opens the photo. Each counted crash is of one worker.
MAX_CONSECUTIVE_CRASHES = 5


class InvariantMonitor:
    """Collects `violations`, each with the number of the call after which it appeared.

    `dead_job_codes`: IDs and codes of all jobs that were ever dead. `paused_at`: when a paused lane was written, by
    lane.
    """

    def __init__(self, world: World, users: UserActions) -> None:
        self.violations: list[tuple[int, Violation]] = []
        self.dead_job_codes: set[tuple[str, str]] = set()
        self.paused_at: defaultdict[str, list[datetime]] = defaultdict(list)
        self.snapshot = LedgerSnapshot(world)
        self.billing = BillingMonitor(self.snapshot, users)
        self.pictures = PictureMonitor(self.snapshot)
        self.mandates = MandateMonitor(self.snapshot)
        self.budgets = BudgetMonitor(self.snapshot)
        self.instructions = InstructionMonitor(
            self.snapshot, users, BucketHistory(world), self.pictures, self.mandates.list_term_codes
        )
        self.task_tokens = TaskTokenMonitor(self.snapshot, users)
        self.cancels = CancelMonitor(self.snapshot, users)
        self.reviews = ReviewMonitor(self.snapshot, users)
        self.undelivered = UndeliveredMonitor(self.snapshot)
        self._world = world
        self._users = users
        self._paid_calls = PaidCallMonitor(self.snapshot, users)
        self._places = PlaceMonitor(self.snapshot, users)
        self._workers_by_job: dict[str, str] = {}
        self._delivering_workers: set[str] = set()
        self._announced_at: dict[str, datetime] = {}
        self._reconcile_worker = ""
        self._crash_counter = CrashCounter(self.snapshot)
        users.reviewers.on_acknowledged = self._on_acknowledged
        users.reviewers.on_refused = self._on_refused
        world.transport.faults_before.append(self._before_call)
        world.transport.listeners.append(self._after_call)
        world.lambda_service.recursion_listeners.append(self._on_recursion)

    def add_violations(self, violations: list[Violation]) -> None:
        if violations:
            self.violations += [(len(self._world.transport.calls), violation) for violation in violations]

    def count_crash(self) -> None:
        """Counts a crash on the poisoned photo, which must not happen often before the photo is abandoned."""
        self._crash_counter.count_crash()
        self.add_violations(check_consecutive_crashes(self._crash_counter.consecutive_crashes, MAX_CONSECUTIVE_CRASHES))

    def _before_call(self, call: ServiceCall) -> None:
        if (call.service, call.operation) == ("provider", "call"):
            self.add_violations(self._paid_calls.check_paid_call(call))
            self.add_violations(self._places.check_paid_call(call))
            self.add_violations(self.task_tokens.check_paid_call(call))
            self.add_violations(self.cancels.check_paid_call(call))
        elif (call.service, call.operation) == ("provider", "look_up"):
            self._paid_calls.on_look_up(call)
        elif call.operation == "describe_execution":
            self.task_tokens.on_execution_check(call)

    def _after_call(self, call: ServiceCall) -> None:
        if call.service == "dynamodb":
            self._check_ledger(call)
        elif call.service == "s3":
            self._check_pictures(call)
        elif call.operation == "send_message" and call.request["QueueUrl"] == self._world.dead_letter_queue.url:
            self._check_dead_letter(call)
        elif call.operation in ("send_task_success", "send_task_failure"):
            self.add_violations(self.task_tokens.check_response(call))
        elif call.operation == "put_events":
            self.add_violations(self.reviews.check_events(call))

    def _on_acknowledged(self, decision: PersonDecision) -> None:
        self.add_violations(self.reviews.check_acknowledged(decision))

    def _on_refused(self, key: str, decision: PersonDecision, text: str) -> None:
        self.add_violations(self.reviews.check_refused(key, decision, text))

    def _on_recursion(self, function: SimulatedFunction, message: SimulatedMessage) -> None:
        """Records that a function ran too often in one chain of messages.

        Either Lambda would stop it, or the chain may recurse but has not moved forward.
        """
        self.add_violations([Violation(Invariant.MESSAGE_CHAINS_END, f"{function.name}: {message.body}")])

    # -- the ledger ---------------------------------------------------------------------------------------------

    def _check_ledger(self, call: ServiceCall) -> None:
        """Checks the source before its jobs, because it determines which of them are current, and places after jobs."""
        changed_keys, self._world.table.changed_keys = self._world.table.changed_keys, set()
        for key in sorted(changed_keys, key=lambda key: (key[1] != "source", key[1] == "places", key)):
            self._check_item(key, call)
        if changed_keys:
            self.add_violations(self.budgets.check_writes())
            jobs = [self.snapshot.jobs[kind[4:]] for _, kind in sorted(changed_keys) if kind.startswith("job#")]
            self.add_violations(self.billing.check_jobs(jobs))
            self.add_violations(self.mandates.check_sums(jobs))
            self.add_violations(self.pictures.check_writes())
            self.add_violations(self.instructions.check_writes(call))

    def _check_item(self, key: tuple[str, str], call: ServiceCall) -> None:
        item, (kind, _, name) = self._world.table.items[key], key[0].partition("#")
        self.snapshot.change_count += kind != "reconcile"
        if kind in ("budget", "share"):
            self.budgets.record(name, {field: int(value["N"]) for field, value in item.items() if "N" in value})
        elif kind == "content":
            if key[1] == "owner":
                self.snapshot.owners[name] = item["job_id"]["S"]
        elif kind == "name":
            self.pictures.record_claim(name, item["source_id"]["S"])
        elif kind == "mandate":
            self.mandates.record_mandate(name, item)
        elif kind == "mandates":
            self.mandates.record_registry(item)
        elif kind != "review":
            lock_version = int(item["lock_version"]["N"])
            self.add_violations(
                check_lock_version(
                    f"{key[0][:15]} {key[1][:12]}", self.snapshot.lock_versions.get(key, 0), lock_version
                )
            )
            self.snapshot.lock_versions[key] = lock_version
            self._check_record(kind, name, key[1], parse_body(item["body"]["S"]), call)

    def _check_record(self, kind: str, name: str, sort_key: str, body: JsonObject, call: ServiceCall) -> None:
        if kind == "reconcile":
            self._check_reconcile_run(body, call)
        elif kind == PRICE_CHECK_ID:
            self.billing.record_price_check(body)
        elif (kind, sort_key) == ("lane", "places"):
            self.add_violations(self._places.record_write(body))
        elif kind == "lane":
            self._check_lane(name, body, call)
        elif sort_key == "source":
            self._check_source(
                self.snapshot.sources.get(name), body, by_operator=self._is_by_operator(call.worker_name, body["key"])
            )
            self.snapshot.sources[name] = body
            self.pictures.record_source(body)
        elif sort_key.startswith("asked#"):
            self.add_violations(
                self.task_tokens.on_request_written(self.snapshot.requests.get((name, body["request_id"])), body)
            )
            self.snapshot.requests[name, body["request_id"]] = body
        else:
            before = self.snapshot.jobs.get(body["job_id"])
            self.snapshot.record_job_version(body)
            self._check_job(before, body, call)
            self.snapshot.jobs[body["job_id"]] = body
            self.pictures.record_job(before, body)

    def _is_by_operator(self, worker: str, key: str) -> bool:
        """Whether a source is written by an operator's command, or by the worker that carries one out."""
        return worker.startswith(OPERATOR_WORKER_NAME) or (
            worker != "" and is_rerun(self.snapshot.find_invocation(worker), key)
        )

    def _check_reconcile_run(self, after: JsonObject, call: ServiceCall) -> None:
        """Checks that no other reconciliation is running when one starts, by clocks that agree.

        If a clock jumps, two may overlap, which costs nothing: each of their writes is conditional.
        """
        if (
            after["locked_until"]
            and not self._users.has_clock_faults
            and self._reconcile_worker
            and self._reconcile_worker != call.worker_name
            and self.snapshot.is_alive(self._reconcile_worker)
        ):
            self.add_violations(
                [
                    Violation(
                        Invariant.ONE_RECONCILE_RUN,
                        f"{call.worker_name} starts while {self._reconcile_worker} is running",
                    )
                ]
            )
        self._reconcile_worker = call.worker_name if after["locked_until"] else ""

    def _check_lane(self, provider: str, body: JsonObject, call: ServiceCall) -> None:
        lane = self.snapshot.lanes.setdefault(provider, LaneSnapshot())
        if not self._users.has_clock_faults:
            self.add_violations(check_lane_write(lane.body, body, call.started_at))
        if not call.worker_name.startswith(OPERATOR_WORKER_NAME):
            self.add_violations(
                check_lifted_pauses(
                    lane.body,
                    body,
                    has_probed=call.worker_name in self._paid_calls.probing_workers,
                    has_delivered=call.worker_name in self._delivering_workers,
                )
            )
            if not self._users.has_clock_faults:
                since = self.snapshot.find_start(call.worker_name)
                self.add_violations(self.budgets.check_new_pause(provider, lane.body, body, since))
        self.undelivered.on_lane_written(provider, lane.body, body)
        if body["pauses"]:
            self.paused_at[provider].append(self._world.clock.time)
        if describe_restrictions(lane.body) != describe_restrictions(body):
            lane.unchanged_since = self._world.clock.time
            self._paid_calls.forget_probes(provider)
        lane.body = body

    def _check_source(self, before: JsonObject | None, after: JsonObject, *, by_operator: bool) -> None:
        self.add_violations(check_ignored_photos(PlainLedger({"": after}, {}, {}), self._users.ignored_keys))
        self.add_violations(check_crash_count(before, after))
        self._crash_counter.on_item_written(after, before)
        self.instructions.record_write(before, after)
        if not self._users.has_clock_jumps and not by_operator:
            self.add_violations(check_settle_time(before, after, self._world.setup.settle_seconds))

    def _check_job(self, before: JsonObject | None, after: JsonObject, call: ServiceCall) -> None:
        self._check_lease(before, after, call)
        if after["status"] in ("stored", "review"):
            self._delivering_workers.add(call.worker_name)
        self._record_end(before, after)
        self._crash_counter.on_item_written(after)
        self.add_violations(check_crash_count(before, after))
        self.add_violations(
            check_transition(before, after, by_operator=call.worker_name.startswith(OPERATOR_WORKER_NAME))
        )
        self.add_violations(check_claim(before, after, self.snapshot.sources[after["source_id"]]["jobs"].values()))
        self.add_violations(check_retries(after, max_lost=self.billing.count_allowed_calls(after)))
        self.add_violations(self.mandates.check_job(before, after))
        self.add_violations(check_reuse(before, after))
        self.add_violations(check_retry_of_product(before, after))
        self.billing.retry_counts[after["job_id"]] += is_retry_of_product(before, after)
        self.add_violations(self.instructions.check_new_job(before, after))
        self.add_violations(self.task_tokens.on_job_written(before, after, call))
        self.add_violations(self.reviews.on_job_written(before, after))
        self.add_violations(self.undelivered.on_job_written(before, after))

    def _check_lease(self, before: JsonObject | None, after: JsonObject, call: ServiceCall) -> None:
        """Tracks which worker has the lease of a job, and checks writes of other workers."""
        job_id, current_worker = str(after["job_id"]), self._workers_by_job.get(str(after["job_id"]), "")
        is_other_worker = current_worker not in ("", call.worker_name) and not self._users.has_hour_long_jumps
        if before and is_other_worker and self.snapshot.is_alive(current_worker):
            has_spooled_answer = (
                self._world.output_bucket.find_current(spooled_answer_key(job_id, before["attempt_no"])) is not None
            )
            self.add_violations(check_lease(before, after, current_worker, has_spooled_answer=has_spooled_answer))
        if after["status"] == "submitting" and (before is None or _find_lease(before) != _find_lease(after)):
            self._workers_by_job[job_id] = call.worker_name
        elif after["status"] != "submitting":
            self._workers_by_job.pop(job_id, None)

    def _record_end(self, before: JsonObject | None, after: JsonObject) -> None:
        """Records the codes of dead jobs, and when failures were announced."""
        if after["status"] == "dead":
            self.dead_job_codes.add((after["job_id"], after["problem"]["code"]))
        if not after["announced"]:
            self._announced_at.pop(after["job_id"], None)
        elif before is None or not before["announced"]:
            self._announced_at[after["job_id"]] = self._world.clock.time

    # -- letters and pictures -----------------------------------------------------------------------------------

    def _check_dead_letter(self, call: ServiceCall) -> None:
        """Checks that an announced failure is not announced again by a worker that started later."""
        job_id = call.request.get("MessageAttributes", {}).get("job_id", {}).get("StringValue", "")
        announced_at = self._announced_at.get(job_id)
        if announced_at and call.worker_name and self.snapshot.find_start(call.worker_name) > announced_at:
            self.add_violations(
                [
                    Violation(
                        Invariant.DEAD_LETTERS_MATCH_JOBS,
                        f"{self.snapshot.jobs[job_id]['key']}: a second dead letter for the same failure",
                    )
                ]
            )

    def _check_pictures(self, call: ServiceCall) -> None:
        output, changed_keys = self._world.output_bucket, self._world.output_bucket.changed_keys
        for key in sorted(changed_keys):
            versions = [version for version in output.objects[key] if version.data is not None]
            if key.startswith("_backdrop/"):
                continue
            job_ids = [version.metadata.get("backdrop-job", "") for version in versions]
            self.add_violations(self.pictures.check_picture(key, job_ids))
            self.add_violations(self.reviews.check_picture(key, job_ids[-1], call.worker_name))
            if len(versions) > 1:
                old_job_id, new_job_id = job_ids[-2:]
                if not self._has_read_object_and_ledger(call.worker_name, key, versions[-2].modified_at):
                    self.add_violations(
                        check_picture_write(key, old_job_id, new_job_id, self.snapshot.list_current_job_ids())
                    )
        changed_keys.clear()

    def _has_read_object_and_ledger(self, worker: str, key: str, since: datetime) -> bool:
        """Whether the worker has read the object since then, and the ledger after that."""
        has_queried = False
        for call in reversed(self._world.transport.calls):
            if call.started_at < since:
                return False
            has_queried = has_queried or (call.worker_name == worker and call.operation == "query")
            if (
                has_queried
                and call.worker_name == worker
                and (call.operation, call.request.get("Key")) == ("head_object", key)
            ):
                return True
        return False


def _find_lease(job: JsonObject) -> object:
    attempt = find_current_attempt(job)
    return attempt["lease_until"] if attempt else None
