"""Watches how the pipeline behaves towards the provider and towards people, beside what it does to the ledger."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from proof.checker.books import Breach, Plain
from proof.checker.manners import (
    alone_told_breaches,
    announced_breaches,
    closed_breaches,
    dear_breaches,
    early_breaches,
    late_breaches,
    tried_breaches,
)
from proof.checker.rest import Views
from proof.simulate.ears import Ears
from proof.simulate.people import PERSON, People
from proof.simulate.watch import Watch
from proof.world.functions import Ending
from proof.world.stack import World
from proof.world.wire import Call

ERRORS, LANES = "_backdrop/errors/", "_backdrop/errors/_providers/"
WRONG_CLOCKS = frozenset({"clock_skew", "clock_jump", "clock_jump_of_an_hour"})
SLOW = WRONG_CLOCKS | {"out_of_time", "slow_service", "slow_table", "slow_writes", "slow_bucket"}
BAD = frozenset({RetryClass.NOW, RetryClass.BACKOFF, RetryClass.AMBIG})


class Manners:
    """`asked`: until when which worker was asked to wait with which job.

    By lane, `bad`: how many bad answers were heard, `tries`: when it was tried in vain, and `were_closed` at any time.
    """

    def __init__(self, world: World, watch: Watch, ears: Ears, people: People) -> None:
        self._world, self._watch, self._people = world, watch, people
        self._asked: dict[tuple[str, str], datetime] = {}
        self._tries: defaultdict[str, list[datetime]] = defaultdict(list)
        self._bad = Counter[str]()
        self._were_closed = set[str]()
        self._lanes: dict[str, Plain] = {}
        ears.listeners.append(self._noted)
        world.wire.before.append(self._sent)
        world.wire.heard.append(self._heard)

    def _noted(self, job: Job, answer: ProviderResult) -> None:
        """What a provider said to the worker that asks now."""
        self._bad[job.provider] += answer.retry_class in BAD
        worker = self._world.hub.worker
        if worker and answer.retry_class is RetryClass.QUOTA and answer.retry_after_seconds:
            self._asked[worker.name, job.job_id] = self._world.clock.time + timedelta(
                seconds=answer.retry_after_seconds
            )

    def _sent(self, call: Call) -> None:
        if (call.service, call.operation) == ("provider", "call"):
            job = call.sent["job"]
            asked = self._asked.get((call.worker, str(job.job_id)))
            if asked and not self._people.wrong_clocks:
                self._watch.found(early_breaches(job.key, self._world.clock.time, asked))

    def _heard(self, call: Call) -> None:
        if call.service == "dynamodb":
            for name, lane in self._watch.memory.lanes.items():
                if lane.body is not None and self._lanes.get(name) is not lane.body:
                    self._lane(name, self._lanes.get(name), lane.body, by_person=call.worker.startswith(PERSON))
                    self._lanes[name] = lane.body
        elif call.operation == "put_object" and call.sent["Key"].startswith(ERRORS):
            self._reported(call)

    def _lane(self, name: str, before: Plain | None, after: Plain, *, by_person: bool) -> None:
        reasons = {pause["reason"] for pause in before["pauses"]} if before else set[str]()
        if by_person or not reasons <= {pause["reason"] for pause in after["pauses"]}:
            self._tries[name].clear()
        elif after["is_in_trial"] and not (before and before["is_in_trial"]):
            self._tries[name].append(self._world.clock.time)
            if not self._people.wrong_clocks:
                self._watch.found(tried_breaches(self._tries[name]))
        if after["closed_since"] and name not in self._were_closed:
            self._were_closed.add(name)
            self._watch.found([] if reasons else closed_breaches(self._bad[name]))

    def _reported(self, call: Call) -> None:
        key = str(call.sent["Key"])
        if not key.startswith(LANES):
            self._watch.found(alone_told_breaches(key, json.loads(call.sent["Body"])))

    def at_rest(self, reports: Views, fired: Mapping[str, int]) -> list[Breach]:
        """What must be true when nothing happens any more; `fired`: how often each fault struck."""
        memory = self._watch.memory
        lanes = {name: lane.body for name, lane in memory.lanes.items() if lane.body}
        events = [(event.detail_type, event.detail) for event in self._world.bus.events]
        dear = [job for job_id in memory.too_dear() if not (job := memory.jobs[job_id])["waits_for"]]
        paused = {name for name, lane in lanes.items() if lane["pauses"]}
        out_of_time = sum(one.ending is Ending.OUT_OF_TIME for one in self._world.functions.invocations)
        late = [] if SLOW & fired.keys() else late_breaches(out_of_time)
        return announced_breaches(lanes, events) + dear_breaches(dear, reports, paused) + late
