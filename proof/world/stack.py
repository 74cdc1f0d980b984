"""The stack in memory: the steps on the product's own adapters, and the Lambda service that brings them messages."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.arrivals import looks_of
from backdrop.aws.batch import delay_seconds
from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.bus import EventBus
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.queues import SqsQueue
from backdrop.core.codec import from_json
from backdrop.core.codes import Code
from backdrop.core.errors import DamagedMessageError, StaleError, WaitError
from backdrop.core.identity import source_id
from backdrop.core.job import Job, Source
from backdrop.core.layout import receipt_key, report_key
from backdrop.steps.deliver import Deliver
from backdrop.steps.intake import Intake
from backdrop.steps.messages import DeliverMessage, JobMessage, parse
from backdrop.steps.render import Render, Slot
from proof.world.clock import WorldClock
from proof.world.dynamodb import SimulatedTable
from proof.world.events import SimulatedBus
from proof.world.provider import SimulatedDownloads, SimulatedProvider
from proof.world.s3 import SimulatedS3
from proof.world.sqs import Line, Message, SimulatedSqs
from proof.world.wire import Call, SimulatedCrash, Wire

INPUT, OUTPUT, TABLE, BUS = "photos", "results", "ledger", "bus"
# As template.yaml has them: the functions' time limits and the queues' visibility, in seconds.
LIMITS = {"intake": 60, "ideogram": 300, "deliver": 120}
VISIBILITY = {"intake": 360, "ideogram": 360, "deliver": 720}
MOST_RECEIVES = {"intake": 1000, "ideogram": 1000, "deliver": 1000}
STALE_DELAY_SECONDS = 1
Handler = Callable[[Message], None]


@dataclass(frozen=True)
class Wait:
    """One message that was handed back: where, when, why, and for how many seconds."""

    queue: str
    at: datetime
    code: Code
    seconds: float


class World:
    """Everything, wired up and quiet. `budget` is micro-dollars a day; all randomness comes from the seed."""

    def __init__(self, seed: int = 0, *, budget: int = 10_000_000, settle_seconds: int = 20, shuffled: bool = False):
        self.random = Random(seed)
        self.clock = WorldClock(self.random)
        self.wire = Wire()
        self.wire.always.append(self._end_late_workers)
        self.table = SimulatedTable(self.wire, self.clock, TABLE)
        self.s3 = SimulatedS3(self.wire, self.clock)
        self.sqs = SimulatedSqs(self.wire, self.clock, self.random)
        self.bus = SimulatedBus(self.wire, BUS)
        self.provider = SimulatedProvider(self.wire, self.clock)
        self.downloads = SimulatedDownloads(self.wire)
        self._open_queues(shuffled=shuffled)
        self.input = self.s3.open(INPUT, lambda body: self.sqs.post(self.lines["intake"], body))
        self.output = self.s3.open(OUTPUT)
        self.crashes = 0
        self.waits: list[Wait] = []
        self._deadlines: list[datetime] = []
        self._build(budget, settle_seconds)

    def _open_queues(self, *, shuffled: bool) -> None:
        self.dead_letters = self.sqs.open("dead-letters")
        self.lines = {
            name: self.sqs.open(
                name,
                visibility_seconds=seconds,
                dead_letters=self.dead_letters,
                most_receives=MOST_RECEIVES[name],
                shuffled=shuffled,
            )
            for name, seconds in VISIBILITY.items()
        }

    def _build(self, budget: int, settle_seconds: int) -> None:
        """The steps, on the same adapters as behind the doors."""
        s3, sqs = cast("Any", self.s3), cast("Any", self.sqs)
        queues = {name: SqsQueue(sqs, line.url) for name, line in self.lines.items()}
        self.ledger = DynamoLedger(cast("Any", self.table), TABLE, self.clock)
        self._letters = SqsQueue(sqs, self.dead_letters.url)
        self.intake = Intake(
            photos=S3Photos(s3),
            ledger=self.ledger,
            lanes={"ideogram": queues["ideogram"]},
            deliver=queues["deliver"],
            intake=queues["intake"],
            clock=self.clock,
            default_provider="ideogram",
            settle_seconds=settle_seconds,
            max_megapixels=1,
        )
        self.render = Render(
            photos=S3Photos(s3),
            ledger=self.ledger,
            providers={"ideogram": self.provider},
            deliver=queues["deliver"],
            intake=queues["intake"],
            clock=self.clock,
            daily_budget=budget,
        )
        self.deliver = Deliver(
            ledger=self.ledger,
            output=S3Output(s3, OUTPUT),
            downloads=self.downloads,
            events=EventBus(cast("Any", self.bus), BUS),
            dead_letters=self._letters,
            clock=self.clock,
            input_bucket=INPUT,
            max_megapixels=1,
        )

    # -- what people do -----------------------------------------------------------------------------------------

    def drop(self, key: str, data: bytes, **tags: str) -> None:
        """Somebody uploads a photo, with tags or without."""
        self.s3.drop(INPUT, key, data, tags)

    def sidecar(self, key: str, **fields: Any) -> None:
        """Somebody uploads the sidecar of a photo's key."""
        self.s3.drop(INPUT, f"{key}.json", json.dumps(fields).encode())

    def remove(self, key: str) -> None:
        """Somebody deletes a file."""
        self.s3.remove(INPUT, key)

    # -- the Lambda service -------------------------------------------------------------------------------------

    def turn(self, *names: str) -> bool:
        """Bring one message of one of these queues (of any, where none is named) to its step; False if none is due."""
        for name in names or tuple(self.lines):
            message = self.sqs.receive(self.lines[name])
            if message:
                self.bring(self.lines[name], message)
                return True
        return False

    def run(self, *names: str, most_turns: int = 1000) -> None:
        """Bring messages, waiting where all wait, until these queues are empty."""
        lines = [self.lines[name] for name in names or tuple(self.lines)]
        for _ in range(most_turns):
            moment = self.sqs.next_moment(lines)
            if moment is None:
                return
            self.clock.wait_until(moment)
            self.turn(*names)
        raise AssertionError(f"not quiet after {most_turns} turns")

    def run_for(self, seconds: float) -> None:
        """Bring messages until so much time has passed."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (moment := self.sqs.next_moment(self.lines.values())) and moment <= end:
            self.clock.wait_until(moment)
            self.turn()
        self.clock.wait_until(end)

    def bring(self, line: Line, message: Message) -> None:
        """One invocation with one message: done and deleted, handed back, dead-lettered, or dead half-way."""
        depth = len(self._deadlines)
        self._deadlines.append(self.clock.now() + timedelta(seconds=LIMITS[line.name]))
        try:
            if self._invoke(line, message):
                self.sqs.delete(line, message)
        except SimulatedCrash:
            self.crashes += 1
        finally:
            del self._deadlines[depth:]

    def _invoke(self, line: Line, message: Message) -> bool:
        """Whether the message is dealt with. The doors do the same with Powertools around it (aws/batch.py)."""
        handlers: Mapping[str, Handler] = {
            "intake": self._take_in,
            "ideogram": self._render,
            "deliver": self._deliver,
        }
        try:
            handlers[line.name](message)
        except WaitError as error:
            delay = delay_seconds(error, message.receives)
            self.waits.append(Wait(line.name, self.clock.now(), error.code, delay))
            return self._hand_back(line, message, delay)
        except StaleError:
            return self._hand_back(line, message, STALE_DELAY_SECONDS)
        except DamagedMessageError as error:
            attributes = {"code": error.code.value, "reason": error.message[:1000], "money": "not_spent"}
            self._letters.send({"queue": line.name, "body": message.body}, group="damaged", attributes=attributes)
        return True

    def _hand_back(self, line: Line, message: Message, seconds: float) -> bool:
        """The message comes again after a delay; where SQS does not answer, after its visibility."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=line.url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=max(0, round(seconds)),
            )
        except (ClientError, BotoCoreError):
            return False
        return False

    def _take_in(self, message: Message) -> None:
        for look in looks_of(message.body, bucket=INPUT, again=message.receives > 1):
            self.intake(look)

    def _render(self, message: Message) -> None:
        slot = Slot(deadline=self._deadlines[-1])
        self.render(parse(JobMessage, message.body), slot)

    def _deliver(self, message: Message) -> None:
        self.deliver(parse(DeliverMessage, message.body), receives=message.receives)

    def _end_late_workers(self, call: Call) -> None:
        """Lambda ends an invocation that takes longer than it may."""
        if self._deadlines and self.clock.now() > self._deadlines[-1]:
            raise SimulatedCrash(f"out of time at {call}")

    # -- what is there ------------------------------------------------------------------------------------------

    def source(self, key: str) -> Source | None:
        """A photo's place in the ledger."""
        item = self.table.items.get((f"source#{source_id(INPUT, key)}", "source"))
        return from_json(Source, item["body"]["S"]) if item else None

    def jobs(self, key: str = "") -> list[Job]:
        """A photo's jobs, or all there are, the oldest first."""
        bodies = [item["body"]["S"] for (_, kind), item in self.table.items.items() if kind.startswith("job#")]
        jobs = [from_json(Job, body) for body in bodies]
        return sorted((job for job in jobs if not key or job.key == key), key=lambda job: job.queued_at)

    def booked(self, day: str = "") -> dict[str, int]:
        """What a day (else today) has on its budget, in micro-dollars."""
        item = self.table.items.get((f"budget#{day or self.clock.now().date()}", "budget"), {})
        return {name: int(value["N"]) for name, value in item.items() if "N" in value}

    def receipt(self, key: str) -> dict[str, Any] | None:
        """A photo's receipt."""
        return self._view(receipt_key(key))

    def report(self, key: str) -> dict[str, Any] | None:
        """A photo's error report."""
        return self._view(report_key(key))

    def pictures(self, key: str = "") -> dict[str, bytes]:
        """The pictures that are handed over, by their keys."""
        found = [name for name in self.output.keys() if not name.startswith("_backdrop/")]  # noqa: SIM118
        return {name: self._data(name) for name in found if name.startswith(f"{key}/" if key else "")}

    def _view(self, key: str) -> dict[str, Any] | None:
        return json.loads(self._data(key)) if self.output.current(key) else None

    def _data(self, key: str) -> bytes:
        found = self.output.current(key)
        return (found.data if found else None) or b""
