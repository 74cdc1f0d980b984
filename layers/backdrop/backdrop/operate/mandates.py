"""Mandates: an operator creates them, changes their terms, and ends them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from backdrop.aws.ledger import Ledger
from backdrop.model.errors import ConflictError
from backdrop.model.mandate import MAX_MANDATES, Mandate, MandateAccount, MandateState
from backdrop.model.object_keys import is_photo_folder
from backdrop.model.pricing import format_usd
from backdrop.pipeline.mandate_waiters import MandateWaiters
from backdrop.ports import Clock

MAX_TRIES, RETRY_SECONDS = 8, 0.1
# Claims of these days must know the newest registry. A worker handles a job for at most minutes after it has read the
# registry, so claims that do not know it yet happen today, or just after midnight (UTC).
REGISTRY_DAYS = (-1, 0, 1)
# Reconcile wakes the jobs that a command has no time for.
MAX_WAKE_TIME = timedelta(minutes=1)


class MandateRefusedError(Exception):
    """The mandate cannot be created or changed; nothing was changed. The message says why, and what to do."""


class MandateNotFoundError(Exception):
    """There is no mandate with this name."""


@dataclass(frozen=True)
class MandateService:
    """Every method records who did it. Every change applies to all claims that are written after it.

    `waiters`: the jobs that a change may set going again. Reconcile looks for them too, every five minutes.
    """

    ledger: Ledger
    waiters: MandateWaiters
    clock: Clock

    def list_all(self) -> Sequence[MandateAccount]:
        """Returns all mandates that own a folder, sorted by name."""
        names = self.ledger.read_mandate_registry().names_by_location.values()
        return sorted(self.ledger.list_mandates(names), key=lambda account: account.mandate.name)

    def find(self, name: str) -> MandateAccount:
        """Raises MandateNotFoundError if there is no such mandate."""
        account = self.ledger.find_mandate(name)
        if account is None:
            raise MandateNotFoundError
        return account

    def create(self, mandate: Mandate) -> Mandate:
        """Creates a mandate, which owns its prefix from now on.

        Raises MandateRefusedError if its prefix cannot be owned, or overlaps another mandate's; if its name was used
        before; and if its terms allow nothing.
        """
        if not is_photo_folder(mandate.prefix):
            raise MandateRefusedError(f"{mandate.prefix!r} is not a folder of photos; use one such as agents/anna/")
        self._check_terms(mandate)
        return self._retry(lambda: self._create_once(mandate))

    def _create_once(self, mandate: Mandate) -> Mandate:
        registry = self.ledger.read_mandate_registry()
        if self.ledger.find_mandate(mandate.name):
            raise MandateRefusedError(
                f"there is, or was, a mandate {mandate.name}; a name is used once, so that its receipts stay clear"
            )
        if owner := registry.find_overlapping(mandate.bucket, mandate.prefix):
            raise MandateRefusedError(
                f"the mandate {owner} owns a prefix that overlaps {mandate.prefix}; choose another prefix, or end and "
                f"release {owner} first"
            )
        if len(registry.names_by_location) >= MAX_MANDATES:
            raise MandateRefusedError(f"a stack has at most {MAX_MANDATES:,} mandates; release those that have ended")
        return self.ledger.put_new_mandate(mandate, registry.with_owner(mandate), self._list_registry_days())

    def change_terms(self, name: str, by: str, **terms: Any) -> MandateAccount:
        """Changes terms of a mandate. Raises MandateRefusedError if it has ended, or would then allow nothing."""

        def change(mandate: Mandate) -> Mandate:
            changed = replace(mandate, **terms)
            self._check_terms(changed)
            return changed

        return self._change(name, by, change)

    def _check_terms(self, mandate: Mandate) -> None:
        amounts = {
            "total": (mandate.limit, "--usd 5"),
            "limit of a day": (mandate.per_day, "--per-day 2"),
            "limit of a picture": (mandate.per_picture, "--per-picture 0.10"),
        }
        for name, (amount, example) in amounts.items():
            if amount is not None and amount <= 0:
                raise MandateRefusedError(
                    f"a mandate whose {name} is {format_usd(amount)} buys nothing; give it an amount, such as {example}"
                )
        today = self.clock.now().date().isoformat()
        if mandate.until and mandate.until < today:
            raise MandateRefusedError(
                f"the mandate's last day, {mandate.until} (UTC), is over; set a later one, such as --until {today}"
            )

    def suspend(self, name: str, by: str) -> MandateAccount:
        """Calls in flight are not interrupted, but no other call is claimed."""
        return self._change(name, by, lambda mandate: replace(mandate, state=MandateState.SUSPENDED))

    def resume(self, name: str, by: str) -> MandateAccount:
        """Also resumes a mandate that was suspended because a provider charged more than was reserved."""
        return self._change(name, by, lambda mandate: replace(mandate, state=MandateState.ACTIVE), ends_overcharge=True)

    def end(self, name: str, by: str) -> MandateAccount:
        """Ends a mandate for good. It keeps its prefix, where nothing is bought, until it is released."""
        return self._change(name, by, lambda mandate: replace(mandate, state=MandateState.ENDED))

    def release(self, name: str, by: str) -> MandateAccount:
        """Lets others own, and buy below, the prefix of a mandate that has ended."""

        def release_once() -> None:
            mandate, registry = self.find(name).mandate, self.ledger.read_mandate_registry()
            if mandate.state is MandateState.RELEASED:
                return
            if mandate.state is not MandateState.ENDED:
                raise MandateRefusedError(f"{name} has not ended; run `backdrop mandate end {name}` first")
            released = self._sign(replace(mandate, state=MandateState.RELEASED), by)
            self.ledger.release_mandate(released, registry.without(name), self._list_registry_days())

        self._retry(release_once)
        return self._wake(name)

    def _change(
        self, name: str, by: str, change: Callable[[Mandate], Mandate], *, ends_overcharge: bool = False
    ) -> MandateAccount:
        def change_once() -> None:
            mandate = self.find(name).mandate
            if mandate.state in (MandateState.ENDED, MandateState.RELEASED):
                raise MandateRefusedError(f"{name} has ended, which is final; create another mandate")
            self.ledger.put_mandate_terms(self._sign(change(mandate), by), ends_overcharge=ends_overcharge)

        self._retry(change_once)
        return self._wake(name)

    def _wake(self, name: str) -> MandateAccount:
        self.waiters.wake_jobs_of(name, self.clock.now() + MAX_WAKE_TIME, has_new_terms=True)
        return self.find(name)

    def _sign(self, mandate: Mandate, by: str) -> Mandate:
        return replace(mandate, changed_at=self.clock.now(), changed_by=by)

    def _list_registry_days(self) -> list[str]:
        now = self.clock.now()
        return [(now + timedelta(days=days)).date().isoformat() for days in REGISTRY_DAYS]

    def _retry[T](self, action: Callable[[], T]) -> T:
        """Retries while others change mandates. Raises MandateRefusedError if they do not stop."""
        for _ in range(MAX_TRIES):
            try:
                return action()
            except ConflictError:
                self.clock.sleep(self.clock.jitter(RETRY_SECONDS))
        raise MandateRefusedError("others changed mandates at the same time; run the command again")
