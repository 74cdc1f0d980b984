"""What users and operators do in a run: files that they upload, change, and delete, and commands that they run."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.mandate import Mandate, WhenSpent
from backdrop.model.price_check import PRICE_CHECK_ID, QuoteOutcome
from backdrop.model.queue_messages import RerunMessage
from backdrop.operate.cancel import CancelSummary
from backdrop.operate.mandates import MandateNotFoundError, MandateRefusedError
from backdrop.operate.redrive import FailureFilter
from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.reviewers import Reviewers
from simulation.scenarios.sample_instructions import (
    LOGO_KEY,
    SAMPLE_NAME_BY_BYTES,
    SAMPLES,
    TAG_SAMPLES,
    build_photo_file,
    build_sidecar,
    has_instructions,
)
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_picture
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_stack import INPUT_BUCKET, OUTPUT_BUCKET, World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.transport import SimulatedCrash
from simulation.world.world_clock import WORLD_START

OPERATOR_WORKER_NAME = "person"
PRICE_CHECK_TIMEOUT_SECONDS = 180
CAMPAIGN_NAME = "spring"
EXECUTION_ARN_PREFIX = "arn:aws:states:eu-central-1:000000000000:execution:shop:"
MALFORMED_TASKS = {
    "foreign-bucket": {"bucket": "others"},
    "no-key": {"key": ""},
    "no-image": {"key": "notes.txt"},
    "a-field-too-many": {"prompt": "at sea"},
}
PHOTO_SUFFIXES = (".jpg", ".png")
REVIEW_PREFIX = "_backdrop/review/"
AGE_BEFORE_STACK = timedelta(hours=1)
DEAD_LETTER_DELETION_DELAY_SECONDS = 60


@dataclass
class CancelCommand:
    """A command that cancels everything under a prefix. `effective_at`: when the lanes could see it; None if never."""

    prefix: str
    started_at: datetime
    effective_at: datetime | None = None


@dataclass
class UserActions:
    """Performs the actions of a plan, and records what the checks need to know about them.

    `ignored_keys`: must never get a job. `uninstructed_keys`: photos whose sidecar was deleted. `malformed_messages`:
    by queue and body. `redriven_job_ids`: jobs and masks that were redriven. `repaid_counts`: how many charges an
    operator asked for after the first, by job. `waived_keys`: photos that were canceled. `paired_keys`: photos whose
    instructions arrive within the settle time. `samples_by_requested_key`: the samples in requests, by photo.
    `key_by_request_id`: by message ID. `has_clock_faults`: workers' clocks may be wrong. `has_clock_jumps`: they may
    also change during an invocation. `has_hour_long_jumps`: they may change by more than a lease lasts, so that no
    worker can tell whether another is alive. `keys_by_execution`: the photos that each execution requested, by ARN.
    `stopped_at`: when it stopped. `cancel_commands`: also those that crashed. `redrives_started_at`: also when a
    command that had failed started over. `damaged_review_keys`: the files for reviewers that were deleted or replaced.
    """

    world: World
    random: Random
    ignored_keys: set[str] = field(default_factory=set[str])
    uninstructed_keys: set[str] = field(default_factory=set[str])
    malformed_messages: set[str] = field(default_factory=set[str])
    redriven_job_ids: set[str] = field(default_factory=set[str])
    repaid_counts: dict[str, int] = field(default_factory=dict[str, int])
    has_clock_faults: bool = False
    has_clock_jumps: bool = False
    has_hour_long_jumps: bool = False
    waived_keys: set[str] = field(default_factory=set[str])
    paired_keys: set[str] = field(default_factory=set[str])
    samples_by_requested_key: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    key_by_request_id: dict[str, str] = field(default_factory=dict[str, str])
    keys_by_execution: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    stopped_at: dict[str, datetime] = field(default_factory=dict[str, datetime])
    notifications: list[str] = field(default_factory=list[str])
    performed_actions: list[tuple[datetime, PlannedAction]] = field(
        default_factory=list[tuple[datetime, PlannedAction]]
    )
    cancel_commands: list[CancelCommand] = field(default_factory=list[CancelCommand])
    redrives_started_at: list[datetime] = field(default_factory=list[datetime])
    damaged_review_keys: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._redrive_service = self.world.steps.redrive()
        self.reviewers = Reviewers(self.world, self.random)
        self.started_at = self.world.clock.time

    def perform(self, action: PlannedAction) -> None:
        self.performed_actions.append((self.world.clock.time, action))
        method: Callable[..., None] = getattr(self, f"_{action.name}")
        self.world.transport.add_note(f"action {action.name} {' '.join(action.arguments)}")
        method(*action.arguments)

    # -- files --------------------------------------------------------------------------------------------------

    def _upload(self, key: str, name: str, tags: str) -> None:
        self.world.s3.upload(INPUT_BUCKET, key, build_photo_file(name), TAG_SAMPLES[tags])

    def _write_sidecar(self, key: str, sample: str) -> None:
        self.world.s3.upload(INPUT_BUCKET, f"{key}.json", build_sidecar(sample))
        self.uninstructed_keys.discard(key)

    def _replace_photo(self, key: str, name: str) -> None:
        """Other bytes. Uploading an object removes its tags, so they are set again."""
        found = self.world.input_bucket.find_current(key)
        if found:
            self.world.s3.upload(INPUT_BUCKET, key, build_photo_file(name), found.tags)

    def _upload_again(self, key: str) -> None:
        found = self.world.input_bucket.find_current(key)
        if found:
            self.world.s3.upload(INPUT_BUCKET, key, found.data or b"", found.tags)

    def _delete_photo(self, key: str) -> None:
        if self.world.input_bucket.find_current(key):
            self.world.s3.delete(INPUT_BUCKET, key)

    def _delete_sidecar(self, key: str) -> None:
        if self.world.input_bucket.find_current(f"{key}.json"):
            self.world.s3.delete(INPUT_BUCKET, f"{key}.json")
            self.uninstructed_keys.add(key)

    def _set_tags(self, key: str, tags: str) -> None:
        """Removing instructions from the tags undoes nothing."""
        if self.world.input_bucket.find_current(key):
            self.world.s3.set_tags(INPUT_BUCKET, key, TAG_SAMPLES[tags])
            (self.uninstructed_keys.discard if has_instructions(TAG_SAMPLES[tags]) else self.uninstructed_keys.add)(key)

    def _copy_photo(self, key: str, other: str) -> None:
        """The same bytes with the same instructions under another key."""
        photo, sidecar = self.world.input_bucket.find_current(key), self.world.input_bucket.find_current(f"{key}.json")
        if photo:
            if sidecar:
                self.world.s3.upload(INPUT_BUCKET, f"{other}.json", sidecar.data or b"")
            self.world.s3.upload(INPUT_BUCKET, other, photo.data or b"", photo.tags)

    def _place_old_photo(self, key: str) -> None:
        """A photo with instructions that was in the bucket before the stack existed, and that has no event."""
        uploaded_at = WORLD_START - AGE_BEFORE_STACK
        tags = {"operation": "remove"}
        self.world.input_bucket.objects[key] = [ObjectVersion("v-old", build_photo_file("old"), uploaded_at, {}, tags)]
        self.ignored_keys.add(key)

    def _place_logo(self) -> None:
        """A logo that was in the bucket before the stack existed."""
        logo = ObjectVersion("v-logo", build_picture("logo"), WORLD_START - AGE_BEFORE_STACK)
        self.world.input_bucket.objects[LOGO_KEY] = [logo]

    def _copy_output_back(self, key: str) -> None:
        """Copies files of the output bucket to reserved keys of the input bucket, as synchronization tools do."""
        for name in (f"_backdrop/paid/{key}", f"_backdrop/receipts/{key}.json", f"shoes/.{key.rpartition('/')[2]}"):
            self.world.s3.upload(INPUT_BUCKET, name, build_photo_file("a"), TAG_SAMPLES["cut"])
            self.ignored_keys.add(name)

    def _damage_review_file(self, damage: str) -> None:
        """Deletes or replaces a file that people see before they decide."""
        keys = [key for key in self.world.output_bucket.list_keys() if key.startswith(REVIEW_PREFIX)]
        if not keys:
            return
        key = self.random.choice(sorted(keys))
        self.damaged_review_keys.add(key)
        if damage == "delete":
            self.world.s3.delete(OUTPUT_BUCKET, key)
        else:
            self.world.s3.upload(OUTPUT_BUCKET, key, build_picture(key))

    def _dismiss_reviewers(self) -> None:
        """From now on, no person decides about pictures."""
        self.reviewers.leave()

    def _write_default(self, folder: str, sample: str) -> None:
        """Writes, edits, breaks, or fixes folder defaults."""
        self.world.s3.upload(INPUT_BUCKET, f"{_to_prefix(folder)}_backdrop.json", build_sidecar(sample))

    def _delete_default(self, folder: str) -> None:
        if self.world.input_bucket.find_current(f"{_to_prefix(folder)}_backdrop.json"):
            self.world.s3.delete(INPUT_BUCKET, f"{_to_prefix(folder)}_backdrop.json")

    def remove_broken_defaults(self) -> None:
        """Deletes broken defaults at the root, so that no other folder stays blocked."""
        defaults = self.world.input_bucket.find_current("_backdrop.json")
        if defaults and SAMPLES[SAMPLE_NAME_BY_BYTES[defaults.data or b""]].error_codes:
            self.perform(PlannedAction(0, "delete_default", ("/",)))

    def _upload_pair(self, key: str, name: str, sample: str, delay: str) -> None:
        """Uploads a photo, and its instructions this many seconds later (or earlier, if negative)."""
        self.paired_keys.add(key)
        photo = PlannedAction(0, "upload", (key, name, ""))
        instructions = (
            PlannedAction(0, "set_tags", (key, sample))
            if sample in TAG_SAMPLES
            else PlannedAction(0, "write_sidecar", (key, sample.removeprefix("file:")))
        )
        seconds = float(delay)
        self.world.event_loop.call_later(max(-seconds, 0), lambda: self.perform(photo))
        self.world.event_loop.call_later(max(seconds, 0), lambda: self.perform(instructions))

    # -- messages -----------------------------------------------------------------------------------------------

    def _repeat_event(self, number: str) -> None:
        """Repeats an earlier S3 event."""
        if self.notifications:
            self.world.sqs.send_externally(
                self.world.queues["intake"], self.notifications[int(number) % len(self.notifications)]
            )

    def _send_request(self, key: str, sample: str) -> None:
        """Requests a picture by a message instead of a file."""
        body = {"bucket": INPUT_BUCKET, "key": key, "instructions": SAMPLES[sample].fields}
        request_id = self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))
        self.samples_by_requested_key.setdefault(key, []).append(sample)
        self.key_by_request_id[request_id] = key

    def _send_task(self, key: str, sample: str, execution: str, variation: str) -> None:
        """A task of an execution requests a picture and waits. In some variations the request has an error."""
        step_functions = self.world.step_functions
        arn = f"{EXECUTION_ARN_PREFIX}{execution}" if execution else ""
        if arn and arn not in step_functions.executions:
            step_functions.executions[arn] = "RUNNING"
        token = step_functions.issue_token(f"token-{len(step_functions.responses)}")
        body = {"bucket": INPUT_BUCKET, "key": key, "instructions": SAMPLES[sample].fields, "task_token": token}
        body |= {"execution": arn} if arn else {}
        body |= {"campaign": CAMPAIGN_NAME} if variation == "campaign" else {}
        body |= MALFORMED_TASKS.get(variation, {})
        if variation == "used":
            step_functions.responses[token] = TaskResponse(error="used")
        for _ in range(2 if variation == "twice" else 1):
            request_id = self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))
            if variation not in MALFORMED_TASKS:
                self.samples_by_requested_key.setdefault(key, []).append(sample)
                self.key_by_request_id[request_id] = key
                self.keys_by_execution.setdefault(arn, set()).add(key)

    def _stop_execution(self, execution: str) -> None:
        """Stops an execution. What only it requested is canceled, so nothing is expected for its photos."""
        arn = f"{EXECUTION_ARN_PREFIX}{execution}"
        if arn in self.world.step_functions.executions:
            self.world.step_functions.stop_execution(arn)
            self.stopped_at.setdefault(arn, self.world.clock.time)
            self.waived_keys |= self.keys_by_execution.get(arn, set())

    def _send_malformed(self, queue_name: str, body: str) -> None:
        queue = self.world.queues[queue_name]
        self.world.sqs.send_externally(queue, body)
        if any(message.body == body for message in queue.messages):
            self.malformed_messages.add(f"{queue_name} {body}")

    # -- mandates -----------------------------------------------------------------------------------------------

    def _create_mandate(self, name: str, prefix: str, *terms: str) -> None:
        """Creates a mandate, as `backdrop mandate create` does."""
        mandate = Mandate(
            name=name,
            bucket=INPUT_BUCKET,
            prefix=prefix,
            created_at=self.world.clock.time,
            created_by=OPERATOR_WORKER_NAME,
            **self._parse_terms(terms),
        )
        self._run_mandate_command(lambda: self.world.mandates.create(mandate))

    def _raise_mandate(self, name: str, *terms: str) -> None:
        """Replaces limits, as `backdrop mandate raise` does. They can also be lower."""
        self._run_mandate_command(
            lambda: self.world.mandates.change_terms(name, OPERATOR_WORKER_NAME, **self._parse_terms(terms))
        )

    def _suspend_mandate(self, name: str) -> None:
        self._run_mandate_command(lambda: self.world.mandates.suspend(name, OPERATOR_WORKER_NAME))

    def _resume_mandate(self, name: str) -> None:
        self._run_mandate_command(lambda: self.world.mandates.resume(name, OPERATOR_WORKER_NAME))

    def _end_mandate(self, name: str) -> None:
        self._run_mandate_command(lambda: self.world.mandates.end(name, OPERATOR_WORKER_NAME))

    def _release_mandate(self, name: str) -> None:
        self._run_mandate_command(lambda: self.world.mandates.release(name, OPERATOR_WORKER_NAME))

    def _parse_terms(self, terms: Sequence[str]) -> dict[str, Any]:
        """Returns a mandate's terms from texts such as `limit=60000`. `until` is a number of days from now."""
        today = self.world.clock.time.date()
        parsers: Mapping[str, Callable[[str], Any]] = {
            "operations": lambda text: tuple(text.split(",")),
            "when_spent": WhenSpent,
            "until": lambda text: (today + timedelta(days=int(text))).isoformat(),
        }
        return {name: parsers.get(name, int)(text) for name, _, text in (term.partition("=") for term in terms)}

    def _run_mandate_command(self, command: Callable[[], object]) -> None:
        """An operator runs a command that the mandate's state may forbid, or that other people's commands overtake."""

        def run() -> None:
            with suppress(MandateRefusedError, MandateNotFoundError, ConflictError):
                command()

        self.world.run_as_operator(run)

    def _charge_more(self, surcharge: str) -> None:
        """The provider charges this much more than its price list says, in micro-dollars, for its next call."""
        behaviors = [CallBehavior(surcharge=int(surcharge))]
        self.world.provider.behavior_sources.append(lambda: behaviors.pop() if behaviors else None)

    # -- commands -----------------------------------------------------------------------------------------------

    def _pause_lane(self, seconds: str) -> None:
        self.world.pause_lane(seconds=float(seconds))

    def _set_budget(self, cap: str) -> None:
        """Sets today's budget cap, as `backdrop budget --today` does."""
        day = self.world.clock.time.date().isoformat()
        self.world.run_as_operator(lambda: self.world.steps.ledger_queries.set_day_cap(day, int(cap)))

    def _check_prices(self, outcome: str) -> None:
        """The schedule runs the price check, and the provider answers its requests with this outcome."""
        self.world.steps.bootstrap.ideogram_quotes.outcome = QuoteOutcome(outcome)
        self.world.event_loop.call_later(
            0,
            lambda: self.world.event_loop.spawn(
                PRICE_CHECK_ID, self._run_price_check, timeout_seconds=PRICE_CHECK_TIMEOUT_SECONDS
            ),
        )

    def _run_price_check(self) -> None:
        """Runs the function once: a failed run is not repeated."""
        try:
            self.world.steps.bootstrap.price_check().run()
        except (RetryLaterError, ConflictError, SimulatedCrash) as error:
            self.world.transport.add_note(f"the price check fails: {error}")

    def _redrive(self) -> None:
        self.world.run_as_operator(lambda: self._redrive_failures(pay_again=False))

    def _pay_again(self) -> None:
        self.world.run_as_operator(lambda: self._redrive_failures(pay_again=True))

    def _redrive_failures(self, *, pay_again: bool) -> None:
        """Redrives all failures, as `backdrop redrive` does, and then deletes the dead letters of the redriven jobs.

        The command takes a while. In that time, some jobs fail again and send new dead letters. They are listed again,
        but the command redrives each only once.
        """
        self.redrives_started_at.append(self.world.clock.time)
        lock_versions: dict[str, int] = {}
        handled: set[tuple[str, str]] = set()
        for failure in self._redrive_service.list_failures(FailureFilter()):
            identity = failure.source.source_id, failure.job.job_id if failure.job else ""
            if identity in handled:
                continue
            handled.add(identity)
            plan = self._redrive_service.plan(failure, pay_again=pay_again)
            job = failure.job
            if job is None:
                # Intake resolves the photo again, with the folder defaults as they are by then.
                self.paired_keys.discard(failure.source.key)
            if pay_again and job and plan.transition and plan.transition.job.charge_no > job.charge_no:
                self.repaid_counts[job.job_id] = self.repaid_counts.get(job.job_id, 0) + 1
            if job and plan.transition:
                # Before the write: the command may crash right after it.
                self.redriven_job_ids |= {job.job_id, *plan.max_costs}
            if self._redrive_service.redrive(plan) and job:
                lock_versions[job.job_id] = job.lock_version
        self.world.clock.sleep(DEAD_LETTER_DELETION_DELAY_SECONDS)
        self.world.steps.reconcile.dead_letters.delete_resolved(lock_versions)

    def _rerun(self, prefix: str) -> None:
        """Resolves all photos of a folder again, as `backdrop rerun` does."""
        for key in self.world.input_bucket.list_keys():
            if key.startswith(_to_prefix(prefix)) and key.endswith(PHOTO_SUFFIXES) and key not in self.ignored_keys:
                body = {"kind": RerunMessage.kind, "bucket": INPUT_BUCKET, "key": key}
                self.paired_keys.discard(key)
                self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))

    def _cancel(self, prefix: str) -> None:
        """Cancels everything that has been requested under a prefix so far, as `backdrop cancel` does."""
        prefix = prefix or "0"
        self.waived_keys |= {
            key
            for key in {*self.world.input_bucket.list_keys(), *self.samples_by_requested_key}
            if key.startswith(prefix)
        }
        self.world.run_as_operator(lambda: self._cancel_prefix(prefix))

    def _cancel_prefix(self, prefix: str) -> None:
        service, command = self.world.steps.cancel(), CancelCommand(prefix, self.world.clock.time)
        self.cancel_commands.append(command)
        mark = service.add_mark(prefix)
        command.effective_at = self.world.clock.time
        self.waived_keys.update(service.cancel_marked(mark, CancelSummary()))


def _to_prefix(folder: str) -> str:
    """Returns the prefix of a folder as actions name it, where "/" is the bucket's root."""
    return "" if folder == "/" else folder
