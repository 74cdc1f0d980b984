"""Every paid call as it goes out, held against what is stored at that moment."""

from collections import defaultdict

from backdrop.model.provider_result import LookupStatus, ProviderResult
from proof.checker.books import Breach, Plain, limit_breaches
from proof.checker.calls import Sent, narrow, sent_breaches
from proof.simulate.memory import Lane, Memory
from proof.simulate.people import People
from proof.world.provider import Kind, PaidCall, SimulatedProvider
from proof.world.wire import Call

# Some jumps of up to twenty seconds, of two workers.
JUMPED_SECONDS = 60.0


class Sends:
    """Where workers' clocks may be off, their sense of time is not judged; nor who is at work, where they are useless.

    Money is, whatever clocks say. `probed`: the workers that sent a call while the lane was narrow, or looked one up.
    """

    def __init__(self, memory: Memory, people: People) -> None:
        self._memory = memory
        self._world = memory.world
        self._people = people
        self._probes: defaultdict[str, list[PaidCall]] = defaultdict(list)
        self.probed: set[str] = set()
        self._probing: set[str] = set()

    def forget_probes(self, provider: str) -> None:
        """The lane is otherwise than it was: those on their way began before."""
        self._probes[provider].clear()

    def looked_up(self, call: Call) -> None:
        """A worker looks up a call. If that was a probe, the worker may learn that it succeeded."""
        if str(call.sent["job"].job_id) in self._probing:
            self.probed.add(call.worker)

    def breaches(self, call: Call) -> list[Breach]:
        """What is wrong with a call that goes out now."""
        provider, asker = self._world.sellers[call.sent["job"].provider], str(call.sent["job"].job_id)
        paid = next(one for one in reversed(provider.paid_calls) if one.job_id == asker)
        job = self._memory.jobs.get(asker)
        lane = self._memory.lanes.get(provider.name, Lane())
        owner = self._memory.owners.get(str(job["content_id"]), "") if job else ""
        found = sent_breaches(self._sent(call, paid, job, lane, provider), job, owner, lane.body)
        return found + limit_breaches([provider.open_calls()], self._world.setup.in_flight)

    def _sent(self, call: Call, paid: PaidCall, job: Plain | None, lane: Lane, provider: SimulatedProvider) -> Sent:
        probes = self._probes[provider.name]
        fresh = lane.since is None or self._memory.began(call.worker) > lane.since
        if narrow(lane.body):
            self.probed.add(call.worker)
            self._probing.add(paid.job_id)
            probes += [paid] if fresh else []
        return Sent(
            job_id=paid.job_id,
            sha256=str(call.sent["sha256"]),
            open=0 if self._people.useless_clocks else self._open(paid.job_id) - 1,
            at_work=self._at_work(paid.job_id),
            fresh=fresh,
            probes=1 if self._people.useless_clocks else sum(self._is_young(one) for one in probes),
            told=self._could_tell(job) if job else 0,
            left=self._left(),
            longest=provider.timeout_seconds,
        )

    def _open(self, job_id: str) -> int:
        return sum(one.job_id == job_id for seller in self._world.sellers.values() for one in seller.open)

    def _is_young(self, call: PaidCall) -> bool:
        """Whether a call is open, and not yet for longer than calls last: a probe that hangs does not shut the lane.

        How long that is, clocks that jump between two looks misjudge.
        """
        lasts = (self._world.clock.time - call.opened_at).total_seconds()
        longest = self._world.provider.timeout_seconds - JUMPED_SECONDS * self._people.jumping_clocks
        return call.closed_at is None and lasts < longest

    def _left(self) -> float:
        """Seconds until the invocation ends; enough where a wrong clock may be why there are few."""
        worker = self._world.hub.worker
        if worker is None or self._people.wrong_clocks:
            return self._world.provider.timeout_seconds
        return (worker.deadline - self._world.clock.time).total_seconds()

    def _could_tell(self, job: Plain) -> int:
        """Earlier calls of the charge that is meant, whose answers were lost and the provider still knows.

        Whose clock jumps by an hour takes work that has just begun for what the provider has long lost.
        """
        if self._people.useless_clocks:
            return 0
        lost = [
            attempt
            for attempt in job["attempts"]
            if attempt["outcome"] == "lost" and attempt["n"] != job["attempt_no"] and attempt["provider_id"]
            if attempt["charge_no"] == job["charge_no"]
        ]
        return sum(self._standing(attempt) is not LookupStatus.ABSENT for attempt in lost)

    def _standing(self, attempt: Plain) -> ProviderResult | LookupStatus:
        return self._world.sellers[attempt["provider"]].account.standing(str(attempt["provider_id"]))

    def _at_work(self, job_id: str) -> int:
        """Calls of a job that the providers may be at work on, as far as their longest call goes."""
        now = self._world.clock.time
        asked = () if self._people.useless_clocks else tuple(self._world.sellers.values())
        return sum(
            work.sold.order.client_hint == job_id and (now - work.began).total_seconds() < provider.timeout_seconds
            for provider in asked
            if provider.kind is not Kind.OWN_ID
            for work in provider.account.running()
        )
