"""The places that calls hold at a provider that counts images: who gets them, who waits, and when they are free again.

A claim writes the lease of its call in its own transaction, so there is no lease without a claim, and the same attempt
never leases twice. A lease ends with the call's answer, or by itself once the call has surely ended at the provider.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job
from backdrop.model.place_leases import PlaceLease, PlaceLeases, count_places, explain_lack
from backdrop.pipeline.call_context import MAX_CLAIM_DURATION, RECORD_RESULT_SECONDS, CallContext
from backdrop.ports import Clock

MAX_TRIES = 8
MAX_TRY_DELAY_SECONDS = 0.2
RECHECK_SECONDS, MAX_RECHECK_SECONDS = 0.05, 0.25
RECHECK_SHARE = 0.05
"""How long a waiting worker does not read the lane: a share of the time for which it has waited, within these limits.

A released place is idle for about as long, which is little compared with the calls that a worker waits for.
"""
# A waiting worker renews the turn of its job before less than this is left of it.
MIN_TURN = timedelta(seconds=5)
# A worker that waits blocks one of the lane's slots. Other jobs, which may fit, need the slots.
MAX_SLOT_WAIT = timedelta(seconds=1)
RETURN_SECONDS = 2.0
# The jobs that have waited the longest return only because their workers must end.
SHORT_RETURN_SECONDS = 1.0


@dataclass(eq=False, repr=False)
class Places:
    """`limits`: the places of each lane whose provider counts images. Other lanes have no such limit."""

    ledger: Ledger
    clock: Clock
    limits: Mapping[str, int]

    def explain_lack(self, job: Job) -> str:
        """Explains why the job's call needs more places than its lane has; "" if it does not."""
        return explain_lack(job.provider, job.instructions, self.limits)

    def admits(self, job: Job, places: PlaceLeases) -> bool:
        """Whether there are places for the job's call now."""
        limit = self.limits.get(job.provider)
        return limit is None or places.admits(
            job.job_id, count_places(job.provider, job.instructions), limit, self.clock.now()
        )

    def build_lease(self, job: Job, call_seconds: float, places: PlaceLeases) -> PlaceLeases | None:
        """Returns the places with the lease of the job's next call; None if that call needs no lease."""
        now, count = self.clock.now(), count_places(job.provider, job.instructions)
        if job.provider not in self.limits or not places.needs_lease(count):
            return None
        return places.with_lease(
            PlaceLease(
                job_id=job.job_id,
                attempt_no=job.attempt_no + 1,
                places=count,
                until=now + MAX_CLAIM_DURATION + timedelta(seconds=call_seconds + RECORD_RESULT_SECONDS),
            ),
            now,
        )

    def wait_for_turn(self, job: Job, context: CallContext, latest_start: datetime) -> None:
        """Waits for a moment in the slot, because the job's places are not free. The caller then checks again.

        Registers the job, so that no other job overtakes it once it has waited for a minute. Raises RetryLaterError if
        the job must wait in its queue instead, because the slot is of more use to other jobs.
        """
        now = self.clock.now()
        context.waits_for_places_since = context.waits_for_places_since or now
        waiter = context.places.find_waiter(job.job_id)
        if waiter is None or now + MIN_TURN > waiter.until:
            self._register(job, context, now)
        holds_slot = context.places.may_hold_slot(job.job_id, self.limits[job.provider], now)
        wait_until = latest_start if holds_slot else min(latest_start, context.waits_for_places_since + MAX_SLOT_WAIT)
        waited_seconds = (now - context.waits_for_places_since).total_seconds()
        recheck_seconds = min(max(RECHECK_SECONDS, RECHECK_SHARE * waited_seconds), MAX_RECHECK_SECONDS)
        if now + timedelta(seconds=2 * recheck_seconds) > wait_until or context.is_probe:
            delay = SHORT_RETURN_SECONDS if holds_slot else RETURN_SECONDS + self.clock.jitter(RETURN_SECONDS)
            self._register(job, context, now + timedelta(seconds=delay))
            raise RetryLaterError(Code.PROVIDER_THROTTLED, "Other calls hold the places that the job needs.", delay)
        self.clock.sleep(recheck_seconds + self.clock.jitter(recheck_seconds))

    def _register(self, job: Job, context: CallContext, until: datetime) -> None:
        count = count_places(job.provider, job.instructions)
        context.places = self._update(
            job.provider, lambda places: places.with_waiter(job.job_id, count, self.clock.now(), until)
        )

    def release(self, job: Job, attempt_no: int, context: CallContext, *, was_refused: bool) -> None:
        """Frees the places of a call that has ended at the provider.

        `was_refused`: the provider had no place for it, because it still counts calls that hold no lease: those of
        before, and lost ones. Then the job waits again.
        """
        lease = context.places.find_lease(job.job_id, attempt_no)
        if lease is None:
            return

        def remove(places: PlaceLeases) -> PlaceLeases:
            now = self.clock.now()
            if was_refused:
                return places.with_refusal(lease, now)
            return places.without_lease(job.job_id, attempt_no, now)

        self._try_to_update(context, remove)

    def extend(self, job: Job, context: CallContext, until: datetime) -> None:
        """Keeps the places of the job's current call, which the provider is still working on."""
        known = context.places.find_lease(job.job_id, job.attempt_no)
        if known is None or known.until >= until:
            return

        def renew(places: PlaceLeases) -> PlaceLeases:
            lease = places.find_lease(job.job_id, job.attempt_no)
            if lease is None or lease.until >= until:
                return places
            return places.with_lease(replace(lease, until=until), self.clock.now())

        self._try_to_update(context, renew)

    def _try_to_update(self, context: CallContext, update: Callable[[PlaceLeases], PlaceLeases]) -> None:
        """Leaves the leases as they are if the ledger does not accept the change.

        They end by themselves. The caller has an answer that must not wait for this.
        """
        with suppress(RetryLaterError):
            context.places = self._update(context.places.provider, update)

    def _update(self, provider: str, update: Callable[[PlaceLeases], PlaceLeases]) -> PlaceLeases:
        for attempt in range(MAX_TRIES):
            before = self.ledger.read_places(provider)
            after = update(before)
            if (after.leases, after.waiters) == (before.leases, before.waiters):
                return before
            try:
                return self.ledger.put_places(after)
            except ConflictError:
                self.clock.sleep(self.clock.jitter(MAX_TRY_DELAY_SECONDS * (attempt + 1)))
        raise RetryLaterError(Code.LEDGER_CONFLICT, f"Other workers changed the places of {provider} repeatedly.", 1)
