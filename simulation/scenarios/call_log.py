"""Records what each worker receives from the providers, for comparison with the ledger."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from backdrop.model.job import Job, Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Acknowledge, PreparedCall
from simulation.scenarios.actions import UserActions
from simulation.world.simulated_provider import SimulatedProvider
from simulation.world.simulated_stack import World


class CallLog:
    """Observes every provider.

    `received_links`: pairs of worker and picture link, by job. `refusals`: when a worker got the answer that no call is
    allowed now, and which worker, by provider. `last_results`: the class of the last result and its worker, by
    provider. `unsaved_provider_ids`: photo key and provider ID where the worker polls on but the ledger does not have
    the ID, although the ledger did not fail. `listeners`: called with every result.
    """

    def __init__(self, world: World, users: UserActions) -> None:
        self.received_links: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.refusals: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self.last_results: dict[str, tuple[RetryClass, str]] = {}
        self.unsaved_provider_ids: list[tuple[str, str]] = []
        self.listeners: list[Callable[[Job, ProviderResult], None]] = []
        self._first_refusals: dict[tuple[str, str], datetime] = {}
        self._served_at: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._world = world
        self._users = users
        providers = cast("dict[str, Any]", world.providers)
        providers |= {
            name: RecordedProvider(world, provider, self) for name, provider in world.simulated_providers.items()
        }

    def record(self, provider: str, job: Job, result: ProviderResult | LookupStatus) -> None:
        """Records a result for the current worker."""
        worker = self._world.event_loop.current_worker
        if not isinstance(result, ProviderResult):
            return
        for notify in self.listeners:
            notify(job, result)
        if worker is None:
            return
        if result.is_usable:
            links = [str(link.url) for link in result.links if link.is_usable]
            self.received_links[job.job_id].add((worker.name, links[0]))
        if result.retry_class is RetryClass.OK:
            self._served_at[provider][job.job_id] = self._world.clock.time
        self.last_results[provider] = result.retry_class, worker.name
        if result.retry_class is RetryClass.PAUSE and not self._may_refuse_job(provider, job, result):
            self.refusals[provider].append((self._world.clock.time, worker.name))

    def _may_refuse_job(self, provider: str, job: Job, result: ProviderResult) -> bool:
        """Whether the job was refused twice without a reason, and another job succeeded in between.

        A job whose picture was withheld counts as a success: the provider accepted it, and the account can pay.
        """
        if result.suspicion is not Suspicion.REFUSAL:
            return False
        now = self._world.clock.time
        first_refusal = self._first_refusals.setdefault((provider, job.job_id), now)
        times = [at for job_id, at in self._served_at[provider].items() if job_id != job.job_id]
        if self._users.has_clock_faults:
            # The ledger may have them in another order.
            return bool(times) and first_refusal < now
        return any(at > first_refusal for at in times)

    def count_results(self, completed_workers: Collection[str]) -> dict[str, int]:
        """Counts, by job, the different results that workers received before they completed."""
        links_by_job = {
            job_id: {link for worker, link in usable_links if worker in completed_workers}
            for job_id, usable_links in self.received_links.items()
        }
        return {job_id: len(links) for job_id, links in links_by_job.items() if links}


class RecordedProvider:
    """Records the results of the provider that it wraps."""

    def __init__(self, world: World, provider: SimulatedProvider, call_log: CallLog) -> None:
        self._world, self._provider, self._call_log = world, provider, call_log

    @property
    def timeout_seconds(self) -> float:
        return self._provider.timeout_seconds

    def idempotency_key(self, job: Job) -> str | None:
        return self._provider.idempotency_key(job)

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Returns a call that records its result."""
        call = self._provider.prepare(job, photo, references)
        if isinstance(call, ProviderResult):
            self._record(job, call)
            return call
        return replace(call, send=lambda acknowledge: self._make_call(job, call, acknowledge))

    def _make_call(self, job: Job, call: PreparedCall, acknowledge: Acknowledge) -> ProviderResult | LookupStatus:
        def save_provider_id(provider_id: str) -> None:
            acknowledge(provider_id)
            stored = self._world.table.items[f"source#{job.source_id}", f"job#{job.job_id}"]
            if provider_id not in stored["body"]["S"] and not self._has_write_failed():
                self._call_log.unsaved_provider_ids.append((job.key, provider_id))

        return self._record(job, call.send(save_provider_id))

    def _has_write_failed(self) -> bool:
        """Whether the current worker's last write to the ledger failed."""
        worker = self._world.event_loop.current_worker
        calls = (call for call in reversed(self._world.transport.calls) if worker and call.worker_name == worker.name)
        last_write = next((call for call in calls if call.operation == "transact_write_items"), None)
        return last_write is not None and bool(last_write.outcome)

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        return self._record(job, self._provider.look_up(job, provider_id))

    def _record(self, job: Job, result: ProviderResult | LookupStatus) -> ProviderResult | LookupStatus:
        self._call_log.record(self._provider.name, job, result)
        return result
