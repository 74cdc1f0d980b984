"""Hears what the provider says to each worker, so that it can be held against what the ledger knows."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from backdrop.core.answer import Answer, Class, Standing
from backdrop.core.job import Job
from backdrop.ports import Acknowledge, Call
from proof.world.stack import World


class Ears:
    """The provider with somebody who listens.

    `said`: pairs of worker and picture link, by job. `refusals`: when which worker was told that nobody may pay now.
    `last`: the last answer's class, and who heard it. `unnamed`: work whose name a worker passed on, was told that it
    stands in the ledger, and does not: job and name. `listeners` are told each answer with its job's id.
    """

    def __init__(self, world: World) -> None:
        self.said: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.refusals: list[tuple[datetime, str]] = []
        self.last: tuple[Class, str] | None = None
        self.unnamed: list[tuple[str, str]] = []
        self.listeners: list[Callable[[str, Answer], None]] = []
        self._world = world
        self._provider = world.provider
        providers = cast("dict[str, Any]", world.providers)
        providers[world.provider.name] = self

    @property
    def timeout_seconds(self) -> float:
        return self._provider.timeout_seconds

    def request_id(self, job: Job) -> str | None:
        """As the provider has it."""
        return self._provider.request_id(job)

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """The call, and somebody who listens to its answer."""
        call = self._provider.prepare(job, photo, references)
        if isinstance(call, Answer):
            self._noted(job, call)
            return call
        return lambda acknowledge: self._heard(job, call, acknowledge)

    def _heard(self, job: Job, call: Call, acknowledge: Acknowledge) -> Answer | Standing:
        def named(provider_id: str) -> None:
            acknowledge(provider_id)
            stored = self._world.table.items[f"source#{job.source_id}", f"job#{job.job_id}"]
            if provider_id not in stored["body"]["S"]:
                self.unnamed.append((job.key, provider_id))

        return self._noted(job, call(named))

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """The look-up, and somebody who listens."""
        return self._noted(job, self._provider.look_up(job, provider_id))

    def _noted(self, job: Job, said: Answer | Standing) -> Answer | Standing:
        worker = self._world.hub.worker
        if isinstance(said, Answer):
            for listen in self.listeners:
                listen(job.job_id, said)
        if isinstance(said, Answer) and said.usable and worker:
            links = [str(link.url) for link in said.links if link.usable]
            self.said[job.job_id].add((worker.name, links[0]))
        if isinstance(said, Answer) and worker:
            self.last = said.kind, worker.name
        if isinstance(said, Answer) and said.kind is Class.PAUSE and worker:
            self.refusals.append((self._world.clock.time, worker.name))
        return said

    def heard(self, ended: Mapping[str, str]) -> dict[str, int]:
        """How many different answers came to workers that lived to their end, by job; `ended`: how each of them did."""
        lived = {
            job_id: {link for worker, link in said if ended.get(worker) == "done"} for job_id, said in self.said.items()
        }
        return {job_id: len(links) for job_id, links in lived.items() if links}
