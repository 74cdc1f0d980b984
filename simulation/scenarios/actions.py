"""What people do in a run: files they put, change and delete, and commands they give."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from backdrop.model.queue_messages import RerunMessage
from backdrop.operate.cancel import CancelSummary
from backdrop.operate.redrive import FailureFilter
from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import (
    SAMPLE_NAME_BY_BYTES,
    SAMPLES,
    TAG_SAMPLES,
    build_photo_file,
    build_sidecar,
    has_instructions,
)
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.world_clock import WORLD_START

OPERATOR_WORKER_NAME = "person"
EXECUTION_ARN_PREFIX = "arn:aws:states:eu-central-1:000000000000:execution:shop:"
MALFORMED_TASKS = {
    "foreign-bucket": {"bucket": "others"},
    "no-key": {"key": ""},
    "no-image": {"key": "notes.txt"},
    "a-field-too-many": {"prompt": "at sea"},
}
AGE_BEFORE_STACK = timedelta(hours=1)
DEAD_LETTER_DELETION_DELAY_SECONDS = 60


@dataclass
class UserActions:
    """Does the deeds of a plan. The rest is what a checker must know of them.

    `untouched`: keys of which nobody may make a job. `unsaid`: photos whose sidecar was deleted. `damaged`: damaged
    messages by queue and body. `redriven`: jobs that people sent on again. `paid_again`: for how many charges more than
    the first people asked, by job. `waived`: keys whose photos people cancelled. `pairs`: photos that come with their
    word within the time to settle. `requested`: the wishes that were asked for directly, by key; `requests`: keys by
    the ids of their messages. `wrong_clocks`: whether workers' clocks may be off, `jumping_clocks`: also within one
    worker's life, `useless_clocks`: by more than a lease lasts, so that nobody can know who is at work. `executions`:
    the photos that each asked for, by ARN, `stopped`: when it was. `done`: all deeds with their times; `cancelled`: the
    prefixes, and when each was begun; `called_off`: when the lanes knew of it.
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
    requested_cancels: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    effective_cancels: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])

    def __post_init__(self) -> None:
        self._redrive_service = self.world.steps.redrive()
        self.started_at = self.world.clock.time

    def perform(self, action: PlannedAction) -> None:
        """One deed, now."""
        self.performed_actions.append((self.world.clock.time, action))
        method: Callable[..., None] = getattr(self, f"_{action.name}")
        self.world.transport.add_note(f"somebody does {action.name} {' '.join(action.arguments)}")
        method(*action.arguments)

    # -- files ----------------------------------------------------------------------------------------------

    def _upload(self, key: str, name: str, tags: str) -> None:
        self.world.s3.upload(INPUT_BUCKET, key, build_photo_file(name), TAG_SAMPLES[tags])

    def _write_sidecar(self, key: str, wish: str) -> None:
        self.world.s3.upload(INPUT_BUCKET, f"{key}.json", build_sidecar(wish))
        self.uninstructed_keys.discard(key)

    def _replace_photo(self, key: str, name: str) -> None:
        """Other bytes; the tags of an object go with its bytes, so they are said again."""
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
        """Tags set or changed; what they say no more undoes nothing."""
        if self.world.input_bucket.find_current(key):
            self.world.s3.set_tags(INPUT_BUCKET, key, TAG_SAMPLES[tags])
            (self.uninstructed_keys.discard if has_instructions(TAG_SAMPLES[tags]) else self.uninstructed_keys.add)(key)

    def _copy_photo(self, key: str, other: str) -> None:
        """The same bytes with the same wish under another key."""
        photo, wish = self.world.input_bucket.find_current(key), self.world.input_bucket.find_current(f"{key}.json")
        if photo:
            if wish:
                self.world.s3.upload(INPUT_BUCKET, f"{other}.json", wish.data or b"")
            self.world.s3.upload(INPUT_BUCKET, other, photo.data or b"", photo.tags)

    def _place_old_photo(self, key: str) -> None:
        """A photo with a wish that lay there before the stack came to be, of which no event tells."""
        before = WORLD_START - AGE_BEFORE_STACK
        wish = {"operation": "remove"}
        self.world.input_bucket.objects[key] = [ObjectVersion("v-old", build_photo_file("old"), before, {}, wish)]
        self.ignored_keys.add(key)

    def _copy_output_back(self, key: str) -> None:
        """A whole output bucket is copied into the input bucket's reserved folder, as synchronising tools do."""
        for name in (f"_backdrop/paid/{key}", f"_backdrop/receipts/{key}.json", f"shoes/.{key.rpartition('/')[2]}"):
            self.world.s3.upload(INPUT_BUCKET, name, build_photo_file("a"), TAG_SAMPLES["cut"])
            self.ignored_keys.add(name)

    def _write_default(self, folder: str, wish: str) -> None:
        """A folder's defaults are written, edited, broken or mended."""
        self.world.s3.upload(INPUT_BUCKET, f"{_to_prefix(folder)}_backdrop.json", build_sidecar(wish))

    def _delete_default(self, folder: str) -> None:
        if self.world.input_bucket.find_current(f"{_to_prefix(folder)}_backdrop.json"):
            self.world.s3.delete(INPUT_BUCKET, f"{_to_prefix(folder)}_backdrop.json")

    def remove_broken_defaults(self) -> None:
        """Take away what is broken at the top, so that all other folders may go on."""
        defaults = self.world.input_bucket.find_current("_backdrop.json")
        if defaults and SAMPLES[SAMPLE_NAME_BY_BYTES[defaults.data or b""]].error_codes:
            self.perform(PlannedAction(0, "delete_default", ("/",)))

    def _upload_pair(self, key: str, name: str, wish: str, ahead: str) -> None:
        """A photo and its word, so many seconds one ahead of the other (less than none: the word comes first)."""
        self.paired_keys.add(key)
        photo = PlannedAction(0, "upload", (key, name, ""))
        word = (
            PlannedAction(0, "set_tags", (key, wish))
            if wish in TAG_SAMPLES
            else PlannedAction(0, "write_sidecar", (key, wish.removeprefix("file:")))
        )
        seconds = float(ahead)
        self.world.event_loop.call_later(max(-seconds, 0), lambda: self.perform(photo))
        self.world.event_loop.call_later(max(seconds, 0), lambda: self.perform(word))

    # -- messages -------------------------------------------------------------------------------------------

    def _repeat_event(self, number: str) -> None:
        """S3 tells once more of something long ago."""
        if self.notifications:
            self.world.sqs.send_externally(
                self.world.queues["intake"], self.notifications[int(number) % len(self.notifications)]
            )

    def _send_request(self, key: str, wish: str) -> None:
        """Somebody asks for a picture without a file."""
        body = {"bucket": INPUT_BUCKET, "key": key, "instructions": SAMPLES[wish].fields}
        ident = self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))
        self.samples_by_requested_key.setdefault(key, []).append(wish)
        self.key_by_request_id[ident] = key

    def _send_task(self, key: str, wish: str, execution: str, way: str) -> None:
        """A task of an execution asks for a picture and waits; in some ways of asking something is wrong."""
        states = self.world.step_functions
        arn = f"{EXECUTION_ARN_PREFIX}{execution}" if execution else ""
        if arn and arn not in states.executions:
            states.executions[arn] = "RUNNING"
        token = states.issue_token(f"token-{len(states.responses)}")
        body = {"bucket": INPUT_BUCKET, "key": key, "instructions": SAMPLES[wish].fields, "task_token": token}
        body |= {"execution": arn} if arn else {}
        body |= MALFORMED_TASKS.get(way, {})
        if way == "used":
            states.responses[token] = TaskResponse(error="used")
        for _ in range(2 if way == "twice" else 1):
            ident = self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))
            if way not in MALFORMED_TASKS:
                self.samples_by_requested_key.setdefault(key, []).append(wish)
                self.key_by_request_id[ident] = key
                self.keys_by_execution.setdefault(arn, set()).add(key)

    def _stop_execution(self, execution: str) -> None:
        """Somebody stops an execution: what only it wanted is called off, and its photos are nobody's."""
        arn = f"{EXECUTION_ARN_PREFIX}{execution}"
        if arn in self.world.step_functions.executions:
            self.world.step_functions.stop_execution(arn)
            self.stopped_at.setdefault(arn, self.world.clock.time)
            self.waived_keys |= self.keys_by_execution.get(arn, set())

    def _send_malformed(self, queue: str, body: str) -> None:
        line = self.world.queues[queue]
        self.world.sqs.send_externally(line, body)
        if any(message.body == body for message in line.messages):
            self.malformed_messages.add(f"{queue} {body}")

    # -- commands -------------------------------------------------------------------------------------------

    def _pause_lane(self, seconds: str) -> None:
        self.world.pause_lane(seconds=float(seconds))

    def _set_budget(self, cap: str) -> None:
        """A person sets the day's cap, as `backdrop budget --today` does."""
        day = self.world.clock.time.date().isoformat()
        self.world.run_as_operator(lambda: self.world.steps.ledger_queries.set_day_cap(day, int(cap)))

    def _redrive(self) -> None:
        self.world.run_as_operator(lambda: self._redrive_failures(pay_again=False))

    def _pay_again(self) -> None:
        self.world.run_as_operator(lambda: self._redrive_failures(pay_again=True))

    def _redrive_failures(self, *, pay_again: bool) -> None:
        """All that failed, as `backdrop redrive` does it: then the letters of what went on are taken away.

        That takes the command a while, in which some die again and send new ones.
        """
        lock_versions: dict[str, int] = {}
        for failure in self._redrive_service.list_failures(FailureFilter()):
            plan = self._redrive_service.plan(failure, pay_again=pay_again)
            job = failure.job
            if pay_again and job and plan.transition and plan.transition.job.charge_no > job.charge_no:
                self.repaid_counts[job.job_id] = self.repaid_counts.get(job.job_id, 0) + 1
            if self._redrive_service.redrive(plan) and job:
                self.redriven_job_ids.add(job.job_id)
                lock_versions[job.job_id] = job.lock_version
        self.world.clock.sleep(DEAD_LETTER_DELETION_DELAY_SECONDS)
        self.world.steps.reconcile.dead_letters.delete_resolved(lock_versions)

    def _rerun(self, prefix: str) -> None:
        """All photos of a folder are to be resolved anew, as `backdrop rerun` has it."""
        for key in self.world.input_bucket.list_keys():
            if key.startswith(_to_prefix(prefix)) and key.endswith(".jpg") and key not in self.ignored_keys:
                body = {"kind": RerunMessage.kind, "bucket": INPUT_BUCKET, "key": key}
                self.paired_keys.discard(key)
                self.world.sqs.send_externally(self.world.queues["intake"], json.dumps(body))

    def _cancel(self, prefix: str) -> None:
        """All that was said of a folder until now, as `backdrop cancel` does it."""
        prefix = prefix or "0"
        self.waived_keys |= {
            key
            for key in {*self.world.input_bucket.list_keys(), *self.samples_by_requested_key}
            if key.startswith(prefix)
        }
        self.world.run_as_operator(lambda: self._cancel_prefix(prefix))

    def _cancel_prefix(self, prefix: str) -> None:
        service = self.world.steps.cancel()
        self.requested_cancels.append((prefix, self.world.clock.time))
        mark = service.add_mark(prefix)
        self.effective_cancels.append((prefix, self.world.clock.time))
        self.waived_keys.update(service.cancel_marked(mark, CancelSummary()))


def _to_prefix(folder: str) -> str:
    """A folder as a deed names it: "/" is the bucket's root."""
    return "" if folder == "/" else folder
