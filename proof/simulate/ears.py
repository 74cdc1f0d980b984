"""Hears what providers say to each worker, so that it can be held against what the ledger knows."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, cast

from backdrop.model.job import Job, Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Acknowledge, PreparedCall
from proof.world.provider import SimulatedProvider
from proof.world.stack import World


class Ears:
    """Listens to every provider.

    `said`: pairs of worker and picture link, by job. `refusals`: when which worker was told that nobody may pay now, by
    provider. `last`: the last answer's class, and who heard it, by provider. `unnamed`: work whose name a worker passed
    on, was told that it stands in the ledger, and does not: job and name. `listeners` are told each answer.
    """

    def __init__(self, world: World) -> None:
        self.said: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.refusals: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self.last: dict[str, tuple[RetryClass, str]] = {}
        self.unnamed: list[tuple[str, str]] = []
        self.listeners: list[Callable[[Job, ProviderResult], None]] = []
        self._refused: dict[tuple[str, str], datetime] = {}
        self._served: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._world = world
        providers = cast("dict[str, Any]", world.providers)
        providers |= {name: Overheard(world, seller, self) for name, seller in world.sellers.items()}

    def note(self, provider: str, job: Job, said: ProviderResult | LookupStatus) -> None:
        """A provider says something to whoever is at work now."""
        worker = self._world.hub.worker
        if not isinstance(said, ProviderResult):
            return
        for listen in self.listeners:
            listen(job, said)
        if worker is None:
            return
        if said.is_usable:
            links = [str(link.url) for link in said.links if link.is_usable]
            self.said[job.job_id].add((worker.name, links[0]))
        if said.retry_class is RetryClass.OK:
            self._served[provider][job.job_id] = self._world.clock.time
        self.last[provider] = said.retry_class, worker.name
        if said.retry_class is RetryClass.PAUSE and not self._may_end_the_job(provider, job, said):
            self.refusals[provider].append((self._world.clock.time, worker.name))

    def _may_end_the_job(self, provider: str, job: Job, said: ProviderResult) -> bool:
        """Whether a refusal without a reason is the job's second, and another job was served in between.

        One whose picture was withheld is served too: the provider took it, and its account can pay.
        """
        if said.suspicion is not Suspicion.REFUSAL:
            return False
        first = self._refused.setdefault((provider, job.job_id), self._world.clock.time)
        return any(at > first for job_id, at in self._served[provider].items() if job_id != job.job_id)

    def heard(self, lived: Collection[str]) -> dict[str, int]:
        """How many different answers came to workers that lived to their end, by job; `lived`: their names."""
        heard = {job_id: {link for worker, link in said if worker in lived} for job_id, said in self.said.items()}
        return {job_id: len(links) for job_id, links in heard.items() if links}


class Overheard:
    """A provider with somebody who listens."""

    def __init__(self, world: World, provider: SimulatedProvider, ears: Ears) -> None:
        self._world, self._provider, self._ears = world, provider, ears

    @property
    def timeout_seconds(self) -> float:
        return self._provider.timeout_seconds

    def idempotency_key(self, job: Job) -> str | None:
        """As the provider has it."""
        return self._provider.idempotency_key(job)

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """The call, and somebody who listens to its answer."""
        call = self._provider.prepare(job, photo, references)
        if isinstance(call, ProviderResult):
            self._noted(job, call)
            return call
        return lambda acknowledge: self._heard(job, call, acknowledge)

    def _heard(self, job: Job, call: PreparedCall, acknowledge: Acknowledge) -> ProviderResult | LookupStatus:
        def named(provider_id: str) -> None:
            acknowledge(provider_id)
            stored = self._world.table.items[f"source#{job.source_id}", f"job#{job.job_id}"]
            if provider_id not in stored["body"]["S"]:
                self._ears.unnamed.append((job.key, provider_id))

        return self._noted(job, call(named))

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """The look-up, and somebody who listens."""
        return self._noted(job, self._provider.look_up(job, provider_id))

    def _noted(self, job: Job, said: ProviderResult | LookupStatus) -> ProviderResult | LookupStatus:
        self._ears.note(self._provider.name, job, said)
        return said
