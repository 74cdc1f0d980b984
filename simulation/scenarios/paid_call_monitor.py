"""Checks every paid call against what is stored when it goes out."""

from collections import defaultdict

from backdrop.model.provider_result import LookupStatus, ProviderResult
from simulation.invariants.paid_calls import OutgoingCall, allows_at_most_one_job, check_outgoing_call
from simulation.invariants.violations import JsonObject, Violation, check_concurrency_limit
from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LaneSnapshot, LedgerSnapshot
from simulation.world.simulated_provider import ProviderKind, SimulatedPaidCall, SimulatedProvider
from simulation.world.transport import ServiceCall

# Several jumps of up to twenty seconds, of two workers.
MAX_JUMP_SECONDS = 60.0


class PaidCallMonitor:
    """If clocks may be wrong, timing is not checked; if they may be wrong by an hour, neither are concurrent calls.

    Money is always checked. `probing_workers`: workers that sent a call while the lane was paused or probing, or looked
    one up.
    """

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self._snapshot = snapshot
        self._world = snapshot.world
        self._users = users
        self._probes_by_provider: defaultdict[str, list[SimulatedPaidCall]] = defaultdict(list)
        self.probing_workers: set[str] = set()
        self._probe_job_ids: set[str] = set()

    def forget_probes(self, provider: str) -> None:
        """Forgets the lane's probes after its state has changed, because they started before."""
        self._probes_by_provider[provider].clear()

    def on_look_up(self, call: ServiceCall) -> None:
        """Records a lookup. The lookup of a probe may show that the probe succeeded."""
        if str(call.request["job"].job_id) in self._probe_job_ids:
            self.probing_workers.add(call.worker_name)

    def check_paid_call(self, call: ServiceCall) -> list[Violation]:
        provider, job_id = (
            self._world.simulated_providers[call.request["job"].provider],
            str(call.request["job"].job_id),
        )
        paid_call = next(sent for sent in reversed(provider.paid_calls) if sent.job_id == job_id)
        job = self._snapshot.jobs.get(job_id)
        lane = self._snapshot.lanes.get(provider.name, LaneSnapshot())
        owner = self._snapshot.owners.get(str(job["content_id"]), "") if job else ""
        violations = check_outgoing_call(
            self._describe_call(call, paid_call, job, lane, provider), job, owner, lane.body
        )
        return violations + check_concurrency_limit([provider.count_in_flight()], self._world.setup.in_flight)

    def _describe_call(
        self,
        call: ServiceCall,
        paid_call: SimulatedPaidCall,
        job: JsonObject | None,
        lane: LaneSnapshot,
        provider: SimulatedProvider,
    ) -> OutgoingCall:
        probes = self._probes_by_provider[provider.name]
        is_aware_of_lane = (
            lane.unchanged_since is None or self._snapshot.find_start(call.worker_name) > lane.unchanged_since
        )
        if allows_at_most_one_job(lane.body):
            self.probing_workers.add(call.worker_name)
            self._probe_job_ids.add(paid_call.job_id)
            probes += [paid_call] if is_aware_of_lane else []
        return OutgoingCall(
            job_id=paid_call.job_id,
            sha256=str(call.request["sha256"]),
            open_call_count=0 if self._users.has_hour_long_jumps else self._count_open_calls(paid_call.job_id) - 1,
            calls_at_work=self._count_at_work(paid_call.job_id),
            is_aware_of_lane=is_aware_of_lane,
            probe_count=1
            if self._users.has_hour_long_jumps
            else sum(self._is_current_probe(probe) for probe in probes),
            answerable_lookups=self._count_answerable_lookups(job) if job else 0,
            remaining_seconds=self._count_remaining_seconds(),
            max_call_seconds=provider.timeout_seconds,
        )

    def _count_open_calls(self, job_id: str) -> int:
        return sum(
            call.job_id == job_id
            for provider in self._world.simulated_providers.values()
            for call in provider.calls_in_flight
        )

    def _is_current_probe(self, call: SimulatedPaidCall) -> bool:
        """Whether a call is open and has not exceeded its timeout: a probe that hangs does not block the lane.

        A clock that jumps between two readings misjudges how long that is.
        """
        if call.ended_at is not None:
            return False
        duration_seconds = (self._world.clock.time - call.started_at).total_seconds()
        max_seconds = self._world.provider.timeout_seconds - MAX_JUMP_SECONDS * self._users.has_clock_jumps
        return duration_seconds < max_seconds

    def _count_remaining_seconds(self) -> float:
        """Returns the seconds until the invocation ends, or the timeout if a wrong clock may be why few are left."""
        worker = self._world.event_loop.current_worker
        if worker is None or self._users.has_clock_faults:
            return self._world.provider.timeout_seconds
        return (worker.deadline - self._world.clock.time).total_seconds()

    def _count_answerable_lookups(self, job: JsonObject) -> int:
        """Counts earlier calls of the current charge whose answers were lost and that the provider still knows.

        To a worker whose clock jumps by an hour, work that has just started looks like work that the provider no longer
        keeps.
        """
        if self._users.has_hour_long_jumps:
            return 0
        lost_attempts = [
            attempt
            for attempt in job["attempts"]
            if attempt["outcome"] == "lost" and attempt["n"] != job["attempt_no"] and attempt["provider_id"]
            if attempt["charge_no"] == job["charge_no"]
        ]
        return sum(self._look_up(attempt) is not LookupStatus.ABSENT for attempt in lost_attempts)

    def _look_up(self, attempt: JsonObject) -> ProviderResult | LookupStatus:
        return self._world.simulated_providers[attempt["provider"]].account.look_up(str(attempt["provider_id"]))

    def _count_at_work(self, job_id: str) -> int:
        """Counts a job's calls that the providers may still process, within the provider's timeout."""
        now = self._world.clock.time
        providers = () if self._users.has_hour_long_jumps else tuple(self._world.simulated_providers.values())
        return sum(
            work.billed_job.order.client_hint == job_id
            and (now - work.started_at).total_seconds() < provider.timeout_seconds
            for provider in providers
            if provider.kind is not ProviderKind.LOOKUP_BY_OUR_ID
            for work in provider.account.list_running()
        )
