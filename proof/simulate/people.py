"""What people do in a run: files they put, change and delete, and commands they give."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from backdrop.model.queue_messages import RerunMessage
from backdrop.operate.cancel import CancelSummary
from backdrop.operate.redrive import FailureFilter
from proof.simulate.act import Act
from proof.simulate.wishes import NAMES, TAGS, WISHES, is_said, photo_bytes, sidecar_bytes
from proof.world.clock import START
from proof.world.s3_objects import Version
from proof.world.stack import INPUT, World
from proof.world.states import TaskAnswer

PERSON = "person"
ARN = "arn:aws:states:eu-central-1:000000000000:execution:shop:"
DAMAGED_TASKS = {
    "foreign-bucket": {"bucket": "others"},
    "no-key": {"key": ""},
    "no-image": {"key": "notes.txt"},
    "a-field-too-many": {"prompt": "at sea"},
}
BEFORE_THE_STACK = timedelta(hours=1)
FORGETS_FOR_SECONDS = 60


@dataclass
class People:
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
    untouched: set[str] = field(default_factory=set[str])
    unsaid: set[str] = field(default_factory=set[str])
    damaged: set[str] = field(default_factory=set[str])
    redriven: set[str] = field(default_factory=set[str])
    paid_again: dict[str, int] = field(default_factory=dict[str, int])
    wrong_clocks: bool = False
    jumping_clocks: bool = False
    useless_clocks: bool = False
    waived: set[str] = field(default_factory=set[str])
    pairs: set[str] = field(default_factory=set[str])
    requested: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    requests: dict[str, str] = field(default_factory=dict[str, str])
    executions: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    stopped: dict[str, datetime] = field(default_factory=dict[str, datetime])
    told: list[str] = field(default_factory=list[str])
    done: list[tuple[datetime, Act]] = field(default_factory=list[tuple[datetime, Act]])
    cancelled: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    called_off: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])

    def __post_init__(self) -> None:
        self._orders = self.world.steps.orders()
        self.began = self.world.clock.time

    def do(self, act: Act) -> None:
        """One deed, now."""
        self.done.append((self.world.clock.time, act))
        deed: Callable[..., None] = getattr(self, f"_{act.deed}")
        self.world.wire.note(f"somebody does {act.deed} {' '.join(act.words)}")
        deed(*act.words)

    # -- files ----------------------------------------------------------------------------------------------

    def _drop(self, key: str, name: str, tags: str) -> None:
        self.world.s3.drop(INPUT, key, photo_bytes(name), TAGS[tags])

    def _sidecar(self, key: str, wish: str) -> None:
        self.world.s3.drop(INPUT, f"{key}.json", sidecar_bytes(wish))
        self.unsaid.discard(key)

    def _replace(self, key: str, name: str) -> None:
        """Other bytes; the tags of an object go with its bytes, so they are said again."""
        found = self.world.input.current(key)
        if found:
            self.world.s3.drop(INPUT, key, photo_bytes(name), found.tags)

    def _again(self, key: str) -> None:
        found = self.world.input.current(key)
        if found:
            self.world.s3.drop(INPUT, key, found.data or b"", found.tags)

    def _delete(self, key: str) -> None:
        if self.world.input.current(key):
            self.world.s3.remove(INPUT, key)

    def _unsay(self, key: str) -> None:
        if self.world.input.current(f"{key}.json"):
            self.world.s3.remove(INPUT, f"{key}.json")
            self.unsaid.add(key)

    def _tag(self, key: str, tags: str) -> None:
        """Tags set or changed; what they say no more undoes nothing."""
        if self.world.input.current(key):
            self.world.s3.tag(INPUT, key, TAGS[tags])
            (self.unsaid.discard if is_said(TAGS[tags]) else self.unsaid.add)(key)

    def _copy(self, key: str, other: str) -> None:
        """The same bytes with the same wish under another key."""
        photo, wish = self.world.input.current(key), self.world.input.current(f"{key}.json")
        if photo:
            if wish:
                self.world.s3.drop(INPUT, f"{other}.json", wish.data or b"")
            self.world.s3.drop(INPUT, other, photo.data or b"", photo.tags)

    def _old(self, key: str) -> None:
        """A photo with a wish that lay there before the stack came to be, of which no event tells."""
        before = START - BEFORE_THE_STACK
        wish = {"operation": "remove"}
        self.world.input.objects[key] = [Version("v-old", photo_bytes("old"), before, {}, wish)]
        self.untouched.add(key)

    def _feedback(self, key: str) -> None:
        """A whole output bucket is copied into the input bucket's reserved folder, as synchronising tools do."""
        for name in (f"_backdrop/paid/{key}", f"_backdrop/receipts/{key}.json", f"shoes/.{key.rpartition('/')[2]}"):
            self.world.s3.drop(INPUT, name, photo_bytes("a"), TAGS["cut"])
            self.untouched.add(name)

    def _default(self, folder: str, wish: str) -> None:
        """A folder's defaults are written, edited, broken or mended."""
        self.world.s3.drop(INPUT, f"{_path(folder)}_backdrop.json", sidecar_bytes(wish))

    def _undefault(self, folder: str) -> None:
        if self.world.input.current(f"{_path(folder)}_backdrop.json"):
            self.world.s3.remove(INPUT, f"{_path(folder)}_backdrop.json")

    def mend(self) -> None:
        """Take away what is broken at the top, so that all other folders may go on."""
        lies = self.world.input.current("_backdrop.json")
        if lies and WISHES[NAMES[lies.data or b""]].mistakes:
            self.do(Act(0, "undefault", ("/",)))

    def _pair(self, key: str, name: str, wish: str, ahead: str) -> None:
        """A photo and its word, so many seconds one ahead of the other (less than none: the word comes first)."""
        self.pairs.add(key)
        photo = Act(0, "drop", (key, name, ""))
        word = Act(0, "tag", (key, wish)) if wish in TAGS else Act(0, "sidecar", (key, wish.removeprefix("file:")))
        seconds = float(ahead)
        self.world.hub.after(max(-seconds, 0), lambda: self.do(photo))
        self.world.hub.after(max(seconds, 0), lambda: self.do(word))

    # -- messages -------------------------------------------------------------------------------------------

    def _repeat(self, number: str) -> None:
        """S3 tells once more of something long ago."""
        if self.told:
            self.world.sqs.post(self.world.lines["intake"], self.told[int(number) % len(self.told)])

    def _request(self, key: str, wish: str) -> None:
        """Somebody asks for a picture without a file."""
        body = {"bucket": INPUT, "key": key, "instructions": WISHES[wish].fields}
        ident = self.world.sqs.post(self.world.lines["intake"], json.dumps(body))
        self.requested.setdefault(key, []).append(wish)
        self.requests[ident] = key

    def _task(self, key: str, wish: str, execution: str, way: str) -> None:
        """A task of an execution asks for a picture and waits; in some ways of asking something is wrong."""
        states = self.world.states
        arn = f"{ARN}{execution}" if execution else ""
        if arn and arn not in states.executions:
            states.executions[arn] = "RUNNING"
        token = states.hand_out(f"token-{len(states.answers)}")
        body = {"bucket": INPUT, "key": key, "instructions": WISHES[wish].fields, "task_token": token}
        body |= {"execution": arn} if arn else {}
        body |= DAMAGED_TASKS.get(way, {})
        if way == "used":
            states.answers[token] = TaskAnswer(error="used")
        for _ in range(2 if way == "twice" else 1):
            ident = self.world.sqs.post(self.world.lines["intake"], json.dumps(body))
            if way not in DAMAGED_TASKS:
                self.requested.setdefault(key, []).append(wish)
                self.requests[ident] = key
                self.executions.setdefault(arn, set()).add(key)

    def _stop(self, execution: str) -> None:
        """Somebody stops an execution: what only it wanted is called off, and its photos are nobody's."""
        arn = f"{ARN}{execution}"
        if arn in self.world.states.executions:
            self.world.states.stop(arn)
            self.stopped.setdefault(arn, self.world.clock.time)
            self.waived |= self.executions.get(arn, set())

    def _damaged(self, queue: str, body: str) -> None:
        line = self.world.lines[queue]
        self.world.sqs.post(line, body)
        if any(message.body == body for message in line.messages):
            self.damaged.add(f"{queue} {body}")

    # -- commands -------------------------------------------------------------------------------------------

    def _pause(self, seconds: str) -> None:
        self.world.pause(seconds=float(seconds))

    def _budget(self, cap: str) -> None:
        """A person sets the day's cap, as `backdrop budget --today` does."""
        day = self.world.clock.time.date().isoformat()
        self.world.somebody(lambda: self.world.steps.books.set_day_cap(day, int(cap)))

    def _redrive(self) -> None:
        self.world.somebody(lambda: self._redriven(pay_again=False))

    def _pay_again(self) -> None:
        self.world.somebody(lambda: self._redriven(pay_again=True))

    def _redriven(self, *, pay_again: bool) -> None:
        """All that failed, as `backdrop redrive` does it: then the letters of what went on are taken away.

        That takes the command a while, in which some die again and send new ones.
        """
        gone: dict[str, int] = {}
        for failure in self._orders.list_failures(FailureFilter()):
            plan = self._orders.plan(failure, pay_again=pay_again)
            job = failure.job
            if pay_again and job and plan.transition and plan.transition.job.charge_no > job.charge_no:
                self.paid_again[job.job_id] = self.paid_again.get(job.job_id, 0) + 1
            if self._orders.redrive(plan) and job:
                self.redriven.add(job.job_id)
                gone[job.job_id] = job.lock_version
        self.world.clock.sleep(FORGETS_FOR_SECONDS)
        self.world.steps.reconcile.dead_letters.delete_resolved(gone)

    def _rerun(self, prefix: str) -> None:
        """All photos of a folder are to be resolved anew, as `backdrop rerun` has it."""
        for key in self.world.input.keys():  # noqa: SIM118 - our own method
            if key.startswith(_path(prefix)) and key.endswith(".jpg") and key not in self.untouched:
                body = {"kind": RerunMessage.kind, "bucket": INPUT, "key": key}
                self.pairs.discard(key)
                self.world.sqs.post(self.world.lines["intake"], json.dumps(body))

    def _cancel(self, prefix: str) -> None:
        """All that was said of a folder until now, as `backdrop cancel` does it."""
        prefix = prefix or "0"
        self.waived |= {key for key in {*self.world.input.keys(), *self.requested} if key.startswith(prefix)}
        self.world.somebody(lambda: self._cancelled(prefix))

    def _cancelled(self, prefix: str) -> None:
        cancelling = self.world.steps.cancelling()
        self.cancelled.append((prefix, self.world.clock.time))
        mark = cancelling.add_mark(prefix)
        self.called_off.append((prefix, self.world.clock.time))
        self.waived.update(cancelling.cancel_marked(mark, CancelSummary()))


def _path(folder: str) -> str:
    """A folder as a deed names it: "/" is the bucket's root."""
    return "" if folder == "/" else folder
