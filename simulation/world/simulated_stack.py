"""The stack in memory: the product's services and adapters, and a Lambda service that invokes them.

It can run in two ways. `deliver_next`, `deliver_message`, `run_until_empty`, and `run_for` run one invocation at a time
to its end. After `start`, `event_loop.run_until` runs invocations concurrently and switches at every call and every
wait.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.transitions import Transition as Transition
from backdrop.ports import IdeogramEndpoint
from simulation.world.event_loop import EventLoop, SimulatedCrash
from simulation.world.history_format import format_lines
from simulation.world.message_lineage import within_lineage
from simulation.world.simulated_batch import ReturnedMessage, SimulatedBatchConsumer
from simulation.world.simulated_dynamodb import SimulatedTable
from simulation.world.simulated_eventbridge import SimulatedBus
from simulation.world.simulated_lambda import BatchHandler, ScheduledFunction, SimulatedFunction, SimulatedLambda
from simulation.world.simulated_provider import ProviderKind, SimulatedDownloads, SimulatedProvider
from simulation.world.simulated_s3 import SimulatedS3
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs
from simulation.world.simulated_step_functions import SimulatedStepFunctions
from simulation.world.transport import ServiceCall, Transport
from simulation.world.world_clock import WorldClock
from simulation.world.world_inspector import (
    EVENT_BUS,
    INPUT_BUCKET,
    LEDGER_TABLE,
    OUTPUT_BUCKET,
    READABLE_BUCKET,
    WorldInspector,
)
from simulation.world.world_services import WorldServices, find_subject

__all__ = [
    "EVENT_BUS",
    "INPUT_BUCKET",
    "TIMEOUTS_SECONDS",
    "MAX_RECEIVE_COUNTS",
    "OUTPUT_BUCKET",
    "LEDGER_TABLE",
    "VISIBILITY_SECONDS",
    "ReturnedMessage",
    "World",
]

FUNCTION_NAMES = {"intake": "intake", "ideogram": "render", "deliver": "deliver"}
# Timeouts of the functions, and visibility and retention of the queues, in seconds, as in template.yaml.
TIMEOUTS_SECONDS = {"intake": 60, "ideogram": 300, "deliver": 120, "reconcile": 270}
VISIBILITY_SECONDS = {"intake": 360, "ideogram": 360, "deliver": 720}
RETENTION_SECONDS = {"intake": 1_209_600, "ideogram": 345_600, "deliver": 1_209_600}
MAX_RECEIVE_COUNTS = {"intake": 1000, "ideogram": 1000, "deliver": 1000}
BATCH_SIZES = {"intake": 10, "ideogram": 1, "deliver": 1}
DEAD_LETTER_RETENTION_SECONDS = 1_209_600
RECONCILE_INTERVAL_SECONDS = 300
RECONCILE_MAX_EVENT_AGE_SECONDS = 300
COMMAND_RETRY_SECONDS = 20
# For functions without a limit of their own: enough for invocations to overlap.
DEFAULT_MAX_CONCURRENCY = 10
# S3's notifications mostly arrive within seconds (S3 User Guide, "Event Notifications").
MIN_EVENT_DELAY_SECONDS, MAX_EVENT_DELAY_SECONDS = 0.05, 2.0


@dataclass(frozen=True)
class WorldSetup:
    """What operators and accounts configure.

    `budget`: micro-dollars per day. `in_flight`: the calls that we allow at a time. `account_limit`: the calls that the
    provider really allows at a time. `kind`: how the provider lets lost calls be looked up. `ideogram_endpoint`: see
    SimulatedProvider. `v1_again_after_seconds`: when the operator sets it back to v1; 0 for never. `other_providers`:
    other providers and their kinds. `credit_prices`: the price of an image, in micro-dollars, at providers that sell
    credits. `counts_images`: Ideogram's limit counts images, and Backdrop knows that; otherwise, both count calls.
    `budget_shares`: how many shares the day's budget has; None for what follows from `in_flight`.
    """

    budget: int = 10_000_000
    settle_seconds: int = 20
    on_lost_answer: str = "retry_once"
    kind: ProviderKind = ProviderKind.NO_LOOKUP
    ideogram_endpoint: IdeogramEndpoint | None = None
    v1_again_after_seconds: float = 0
    in_flight: int = 10
    account_limit: int = 10
    other_providers: Mapping[str, ProviderKind] = field(default_factory=dict[str, ProviderKind])
    ledger_retention_days: int = 0
    credit_prices: Mapping[str, int] = field(default_factory=dict[str, int])
    counts_images: bool = False
    budget_shares: int | None = None


def find_queue_setting(settings: Mapping[str, Any], name: str) -> Any:
    """Returns the setting of a queue; every lane has Ideogram's."""
    return settings[name if name in settings else "ideogram"]


class World(WorldInspector):
    """The whole world, connected and idle. All randomness comes from the seed. `setup`: fields of `WorldSetup`."""

    sqs_type: type[SimulatedSqs] = SimulatedSqs

    def __init__(self, seed: int = 0, *, shuffled: bool = False, **setup: Any) -> None:
        self.setup = WorldSetup(**setup)
        self.random = Random(seed)
        self.clock = WorldClock(self.random)
        self.event_loop = EventLoop(self.clock)
        self.transport = Transport(self.clock)
        self.transport.permanent_faults.append(self._enforce_timeouts)
        self.table = SimulatedTable(self.transport, self.clock, LEDGER_TABLE)
        self.s3 = SimulatedS3(self.transport, self.clock)
        self.sqs = self.sqs_type(self.transport, self.clock, self.random)
        self.bus = SimulatedBus(self.transport, EVENT_BUS)
        self.step_functions = SimulatedStepFunctions(self.transport)
        self.lambda_service = SimulatedLambda(self.transport, self.clock, self.sqs, self.event_loop)
        self.provider = SimulatedProvider(
            self.transport,
            self.clock,
            kind=ProviderKind(self.setup.kind),
            endpoint=None if self.setup.ideogram_endpoint is None else IdeogramEndpoint(self.setup.ideogram_endpoint),
            concurrency_limit=self.setup.account_limit,
            counts_images=self.setup.counts_images,
        )
        if self.setup.v1_again_after_seconds:
            self.event_loop.call_later(self.setup.v1_again_after_seconds, self._select_v1)
        others = [
            SimulatedProvider(
                self.transport,
                self.clock,
                kind=ProviderKind(kind),
                name=name,
                concurrency_limit=self.setup.account_limit,
            )
            for name, kind in self.setup.other_providers.items()
        ]
        self.simulated_providers = {provider.name: provider for provider in (self.provider, *others)}
        self.providers = dict(self.simulated_providers)
        self.downloads = SimulatedDownloads(self.transport)
        self._open_queues(shuffled=shuffled)
        self.input_bucket = self.s3.create_bucket(INPUT_BUCKET, self._notify_intake)
        self.output_bucket = self.s3.create_bucket(OUTPUT_BUCKET)
        self.s3.create_bucket(READABLE_BUCKET)
        self.crash_count = 0
        self.transitions: list[Transition] = []
        self.event_delay_changes: list[Callable[[str, list[float]], list[float]]] = []
        self.event_body_changes: list[Callable[[str], str]] = []
        self._deadlines: list[datetime] = []
        self._connect_functions()

    def _select_v1(self) -> None:
        self.provider.endpoint = IdeogramEndpoint.V1

    def _open_queues(self, *, shuffled: bool) -> None:
        self.dead_letter_queue = self.sqs.create_queue("dead-letters", retention_seconds=DEAD_LETTER_RETENTION_SECONDS)
        self.queues = {
            name: self.sqs.create_queue(
                name,
                visibility_seconds=find_queue_setting(VISIBILITY_SECONDS, name),
                retention_seconds=find_queue_setting(RETENTION_SECONDS, name),
                dead_letter_queue=self.dead_letter_queue,
                max_receive_count=find_queue_setting(MAX_RECEIVE_COUNTS, name),
                is_shuffled=shuffled,
            )
            for name in (*VISIBILITY_SECONDS, *self.setup.other_providers)
        }

    def _connect_functions(self) -> None:
        """Builds the services, the handlers, and the mappings that invoke them."""
        self.steps = services = WorldServices(self)
        self.mandates = services.mandates
        self.ledger, self.intake, self.render, self.deliver = (
            services.ledger,
            services.intake,
            services.render,
            services.deliver,
        )
        self.batch_consumer = SimulatedBatchConsumer(self.sqs, self.steps.dead_letter_queue, self.clock)
        self.mappings = {
            name: self.lambda_service.add_mapping(
                queue,
                SimulatedFunction(
                    find_queue_setting(FUNCTION_NAMES, name),
                    find_queue_setting(TIMEOUTS_SECONDS, name),
                    self._build_handler(name, queue),
                    find_subject,
                ),
                max_concurrency=self.setup.in_flight if name in self.providers else DEFAULT_MAX_CONCURRENCY,
                batch_size=find_queue_setting(BATCH_SIZES, name),
            )
            for name, queue in self.queues.items()
        }
        interval_and_timeout = RECONCILE_INTERVAL_SECONDS, TIMEOUTS_SECONDS["reconcile"]
        self.reconcile_schedule = ScheduledFunction(
            "reconcile", *interval_and_timeout, services.run_reconcile, RECONCILE_MAX_EVENT_AGE_SECONDS
        )
        self.lambda_service.schedules.append(self.reconcile_schedule)

    def _build_handler(self, name: str, queue: SimulatedQueue) -> BatchHandler:
        """Returns a handler that processes each message of a batch on its own, within the message's lineage."""

        def handle(messages: Sequence[SimulatedMessage], deadline: datetime) -> Sequence[SimulatedMessage]:
            run_step = within_lineage(
                self.steps.handler_builders[name](messages), self.mappings[name].function.extend_lineage
            )
            return self.batch_consumer.build_handler(queue, run_step)(messages, deadline)

        return handle

    @property
    def returned_messages(self) -> list[ReturnedMessage]:
        """Every message that was returned to its queue."""
        return self.batch_consumer.returned_messages

    # -- what users do ------------------------------------------------------------------------------------------

    def upload_photo(self, key: str, data: bytes, **tags: str) -> None:
        """A user uploads a photo, with or without tags."""
        self.transport.add_note(f"a user uploads {key}")
        self.s3.upload(INPUT_BUCKET, key, data, tags)

    def upload_sidecar(self, key: str, **fields: Any) -> None:
        """A user uploads the sidecar of a photo."""
        self.transport.add_note(f"a user writes {key}.json {fields}")
        self.s3.upload(INPUT_BUCKET, f"{key}.json", json.dumps(fields).encode())

    def delete_file(self, key: str) -> None:
        """A user deletes a file."""
        self.transport.add_note(f"a user deletes {key}")
        self.s3.delete(INPUT_BUCKET, key)

    def pause_lane(self, *, seconds: float = 0, provider: str = "ideogram") -> None:
        """An operator pauses a lane, as `backdrop pause` does, and resumes it after this many seconds (0: never)."""
        reason = "An operator paused the provider."

        def command() -> None:
            self.steps.breaker.pause(provider, PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, reason)
            if seconds:
                self.event_loop.call_later(seconds, lambda: self.resume_lane(provider=provider))

        self.run_as_operator(command)

    def resume_lane(self, *, provider: str = "ideogram") -> None:
        """An operator resumes a lane, as `backdrop resume` does."""
        self.run_as_operator(lambda: self.steps.breaker.resume(provider))

    def run_as_operator(self, action: Callable[[], object]) -> None:
        """An operator runs a command, and runs it again a little later if it crashes or AWS does not answer."""

        def command() -> None:
            try:
                action()
            except (RetryLaterError, SimulatedCrash) as error:
                self.transport.add_note(f"an operator's command fails: {error}")
                self.event_loop.call_later(COMMAND_RETRY_SECONDS, lambda: self.run_as_operator(action))

        if self.lambda_service.is_started:
            self.event_loop.call_later(
                0, lambda: self.event_loop.spawn("person", command, timeout_seconds=TIMEOUTS_SECONDS["reconcile"])
            )
        else:
            action()

    def _notify_intake(self, body: str) -> None:
        """Sends S3's notification to the intake queue: a moment later, or at once before `start`."""
        if not self.lambda_service.is_started:
            self.sqs.send_externally(self.queues["intake"], body)
            return
        delays = [self.random.uniform(MIN_EVENT_DELAY_SECONDS, MAX_EVENT_DELAY_SECONDS)]
        for change in self.event_delay_changes:
            delays = change(body, delays)
        for change in self.event_body_changes:
            body = change(body)
        for seconds in delays:
            self.event_loop.call_later(seconds, lambda: self.sqs.send_externally(self.queues["intake"], body))

    # -- concurrent invocations ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts polling and schedules. From now on, the event loop advances time."""
        self.lambda_service.start()

    def is_quiet(self) -> bool:
        """Whether no message waits or is being processed, except behind a disabled mapping."""
        return self.lambda_service.is_quiet

    def format_history(self) -> list[str]:
        """Returns everything that happened, line by line."""
        return list(format_lines(self.transport.history))

    # -- one invocation at a time -------------------------------------------------------------------------------

    def deliver_next(self, *names: str) -> bool:
        """Delivers one message of these queues (by default, of all). Returns False if none is visible."""
        for name in names or tuple(self.queues):
            message = self.sqs.receive(self.queues[name]) if self.mappings[name].is_polling else None
            if message:
                if self.lambda_service.allows_invocation(self.mappings[name].function, message):
                    self.deliver_message(self.queues[name], message)
                return True
        return False

    def run_until_empty(self, *names: str, max_deliveries: int = 1000) -> None:
        """Delivers messages, and advances time if all of them wait, until these queues are empty."""
        for _ in range(max_deliveries):
            moment = self._find_next_visible_at(names or tuple(self.queues))
            if moment is None:
                return
            self.clock.advance_to(moment)
            self.deliver_next(*names)
        raise AssertionError(f"messages are left after {max_deliveries} deliveries")

    def run_for(self, seconds: float) -> None:
        """Delivers messages until this much time has passed."""
        end = self.clock.time + timedelta(seconds=seconds)
        while (moment := self._find_next_visible_at(tuple(self.queues))) and moment <= end:
            self.clock.advance_to(moment)
            self.deliver_next()
        self.clock.advance_to(end)

    def run_reconcile(self) -> bool:
        """Runs reconcile once, now. Returns False if it failed or crashed."""
        results: list[bool] = []
        self._run_to_end(
            TIMEOUTS_SECONDS["reconcile"], lambda deadline: results.append(self.steps.run_reconcile(deadline))
        )
        return results == [True]

    def _find_next_visible_at(self, names: Sequence[str]) -> datetime | None:
        return self.sqs.find_next_visible_at([self.queues[name] for name in names if self.mappings[name].is_polling])

    def deliver_message(self, queue: SimulatedQueue, message: SimulatedMessage) -> None:
        """Invokes a function with one message, which is deleted, returned to its queue, or dead-lettered."""
        handle = message.receipt_handle

        def run(deadline: datetime) -> None:
            if not self.mappings[queue.name].function.handler([message], deadline):
                self.sqs.delete(queue, handle)

        self._run_to_end(find_queue_setting(TIMEOUTS_SECONDS, queue.name), run)

    def _run_to_end(self, seconds: float, run: Callable[[datetime], object]) -> None:
        """Runs one invocation with a timeout. Other invocations may start and end within it."""
        depth = len(self._deadlines)
        self._deadlines.append(self.clock.time + timedelta(seconds=seconds))
        try:
            run(self._deadlines[-1])
        except SimulatedCrash:
            self.crash_count += 1
        finally:
            del self._deadlines[depth:]

    def _enforce_timeouts(self, call: ServiceCall) -> None:
        """Ends an invocation that exceeds its timeout. The event loop does this for the invocations that it runs."""
        if self._deadlines and self.clock.time > self._deadlines[-1]:
            raise SimulatedCrash(f"timed out at {call}")
