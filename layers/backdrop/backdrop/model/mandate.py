"""Mandates: who owns a folder of photos, and how much may be spent on them. Amounts are micro-dollars.

A mandate owns its prefix: each paid call for a photo below the prefix is charged to it. The transaction that claims the
call checks the mandate, so no client can spend more than the mandate allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from backdrop.model.advice import Advice, FollowUp
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, InstructionError
from backdrop.model.job import Job, LedgerItem
from backdrop.model.object_keys import list_folders_of
from backdrop.model.pricing import format_usd
from backdrop.model.record import record
from backdrop.model.schedule import format_location

# The registry is one item, which every worker reads.
MAX_MANDATES = 1000


class MandateState(StrEnum):
    """ENDED: nothing is bought, but the prefix stays blocked. RELEASED: the prefix has no owner anymore.

    EXPIRED: the last day is over, and a later one can be set. It follows from the date, so it is never stored.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    ENDED = "ended"
    RELEASED = "released"


class WhenSpent(StrEnum):
    """What happens to a job that a mandate does not cover now, but may cover later."""

    REFUSE = "refuse"
    WAIT = "wait"


@record
class MandateRegistry(LedgerItem):
    """The names of the mandates by the location (`bucket/prefix`) that they own. No location contains another one."""

    names_by_location: dict[str, str] = field(default_factory=dict[str, str])

    def find_name(self, bucket: str, key: str) -> str | None:
        """Returns the name of the mandate that owns the photo; None if there is none."""
        locations = (format_location(bucket, folder) for folder in list_folders_of(key))
        return next((self.names_by_location[one] for one in locations if one in self.names_by_location), None)

    def with_owner(self, mandate: "Mandate") -> "MandateRegistry":
        location = format_location(mandate.bucket, mandate.prefix)
        return replace(self, names_by_location=self.names_by_location | {location: mandate.name})

    def without(self, name: str) -> "MandateRegistry":
        kept = {location: other for location, other in self.names_by_location.items() if other != name}
        return replace(self, names_by_location=kept)

    def find_overlapping(self, bucket: str, prefix: str) -> str | None:
        """Returns the name of a mandate whose prefix contains this one, or is contained in it."""
        location = format_location(bucket, prefix)
        overlapping = (
            name
            for other, name in self.names_by_location.items()
            if location.startswith(other) or other.startswith(location)
        )
        return next(overlapping, None)


@record
class Mandate(LedgerItem):
    """The terms of a mandate. Its lock version changes with them, and every claim checks it.

    `prefix` ends with a slash. `per_day`: the limit of one day (UTC). `per_picture`: the highest quoted price of one
    picture, with its share of the mask. `until`: the last day, as an ISO date. None means no limit.
    """

    name: str
    bucket: str
    prefix: str
    limit: int
    per_day: int | None = None
    per_picture: int | None = None
    operations: tuple[str, ...] = ("replace", "remove")
    until: str | None = None
    when_spent: WhenSpent = WhenSpent.REFUSE
    state: MandateState = MandateState.ACTIVE
    created_at: datetime
    created_by: str
    changed_at: datetime | None = None
    changed_by: str = ""

    def state_on(self, day: str) -> MandateState:
        """Returns the state on a day (UTC), regardless of the charges."""
        is_final = self.state in (MandateState.ENDED, MandateState.RELEASED)
        return MandateState.EXPIRED if self.until and day > self.until and not is_final else self.state


class ObstacleKind(StrEnum):
    """Why a mandate does not cover a call. Only the first three may pass without a change of the instructions."""

    SPENT = "spent"
    SPENT_TODAY = "spent_today"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    ENDED = "ended"
    RELEASED = "released"
    PRICE = "price"
    PRICE_OF_A_DAY = "price_of_a_day"
    OPERATION = "operation"


_CODES = {
    ObstacleKind.SPENT: Code.MANDATE_SPENT,
    ObstacleKind.SPENT_TODAY: Code.MANDATE_SPENT,
    ObstacleKind.SUSPENDED: Code.MANDATE_SUSPENDED,
    ObstacleKind.EXPIRED: Code.MANDATE_ENDED,
    ObstacleKind.ENDED: Code.MANDATE_ENDED,
    ObstacleKind.RELEASED: Code.MANDATE_ENDED,
    ObstacleKind.PRICE: Code.MANDATE_FORBIDS,
    ObstacleKind.PRICE_OF_A_DAY: Code.MANDATE_FORBIDS,
    ObstacleKind.OPERATION: Code.MANDATE_FORBIDS,
}
_PASSING_KINDS = frozenset({ObstacleKind.SPENT, ObstacleKind.SPENT_TODAY, ObstacleKind.SUSPENDED})
_END_KINDS = {
    MandateState.EXPIRED: ObstacleKind.EXPIRED,
    MandateState.ENDED: ObstacleKind.ENDED,
    MandateState.RELEASED: ObstacleKind.RELEASED,
}
# What helps for some causes of a code; for all others, the code's own advice fits.
_ADVICE = {
    ObstacleKind.EXPIRED: Advice.from_text(
        "Ask the mandate's owner to set a later last day with `backdrop mandate raise NAME --until DATE`",
        FollowUp.OWNER_RERUNS,
    ),
    ObstacleKind.RELEASED: Advice.from_text(
        "Upload the photo again, or run `backdrop rerun KEY` with its key. No mandate then limits what it costs, "
        "unless the folder has another one."
    ),
}
_RESUME_ADVICE = Advice.from_text(
    "Ask the mandate's owner to find out why, and to resume it with `backdrop mandate resume`", FollowUp.WAITS
)


@dataclass(frozen=True)
class MandateObstacle:
    """Why a mandate does not cover a call, as a sentence for people. `may_wait`: the job waits until it does."""

    kind: ObstacleKind
    message: str
    may_wait: bool

    @property
    def code(self) -> Code:
        return _CODES[self.kind]

    def to_error(self) -> InstructionError:
        return InstructionError(self.code, self.message, _ADVICE.get(self.kind))

    def to_wait_reason(self) -> BackdropError:
        advice = _RESUME_ADVICE if self.kind is ObstacleKind.SUSPENDED else None
        return BackdropError(Code.MANDATE_WAITS, self.message, advice)


@dataclass(frozen=True)
class MandateAccount:
    """A mandate and what has been spent under it.

    `by_day`: the committed amounts of the latest days (UTC); older ones are deleted. `is_overcharged`: a provider
    charged, or may have charged, more than was reserved, so the mandate is suspended.
    """

    mandate: Mandate
    reserved: int = 0
    confirmed: int = 0
    unknown: int = 0
    by_day: Mapping[str, int] = field(default_factory=dict[str, int])
    is_overcharged: bool = False

    @property
    def committed(self) -> int:
        """What counts against the limit: charged amounts, possible charges, and reservations of calls in flight."""
        return self.reserved + self.confirmed + self.unknown

    @property
    def left(self) -> int:
        """What the limit leaves, even if nothing may be spent now: see `usable_on`."""
        return max(self.mandate.limit - self.committed, 0)

    def state_on(self, day: str) -> MandateState:
        """Returns the state on a day (UTC)."""
        state = self.mandate.state_on(day)
        return MandateState.SUSPENDED if self.is_overcharged and state is MandateState.ACTIVE else state

    def find_stop(self, day: str) -> MandateObstacle | None:
        """Returns why no call may be claimed on this day (UTC), whatever it costs; None if some may be."""
        mandate, end = self.mandate, _find_end(self.mandate, day)
        if end or self.state_on(day) is not MandateState.SUSPENDED:
            return end
        return _build_obstacle(mandate, ObstacleKind.SUSPENDED, f"The mandate {mandate.name} is suspended.")

    def usable_on(self, day: str) -> int:
        """Returns how much of the limit may still be reserved, as of this day (UTC): nothing while there is a stop."""
        return 0 if self.find_stop(day) else self.left

    def left_on(self, day: str) -> int:
        """Returns how much may still be reserved on a day (UTC)."""
        usable, per_day = self.usable_on(day), self.mandate.per_day
        return usable if per_day is None else min(usable, max(per_day - self.by_day.get(day, 0), 0))

    def lets_all_wait_on(self, day: str) -> bool:
        """Whether every job that the terms allow waits on this day (UTC), whatever it costs."""
        stop = self.find_stop(day)
        return stop.may_wait if stop else self.mandate.when_spent is WhenSpent.WAIT and self.left_on(day) == 0

    def with_reservation(self, amount: int, day: str) -> "MandateAccount":
        """Returns the account as it will be when a call of this amount has been claimed on this day (UTC)."""
        by_day = {**self.by_day, day: self.by_day.get(day, 0) + amount}
        return replace(self, reserved=self.reserved + amount, by_day=by_day)

    def list_old_days(self) -> list[str]:
        """Returns the days whose amounts no limit needs anymore: all but the latest two."""
        return sorted(self.by_day)[:-2]

    def find_obstacle(self, job: Job, price: int, day: str) -> MandateObstacle | None:
        """Returns why a call at this price may not be claimed on this day (UTC); None if it may be."""
        mandate = self.mandate
        if obstacle := find_violated_term(mandate, job, price, day):
            return obstacle
        if obstacle := self.find_stop(day):
            return obstacle
        if price > self.left:
            left, limit = format_usd(self.left), format_usd(mandate.limit)
            message = f"{left} of the mandate {mandate.name}'s {limit} is left, and the job costs up to"
            return _build_obstacle(mandate, ObstacleKind.SPENT, f"{message} {format_usd(price)}.")
        if mandate.per_day is not None and price > self.left_on(day):
            left, limit = format_usd(self.left_on(day)), format_usd(mandate.per_day)
            message = f"{left} of the mandate {mandate.name}'s {limit} for {day} (UTC) is left, and the job costs up to"
            return _build_obstacle(mandate, ObstacleKind.SPENT_TODAY, f"{message} {format_usd(price)}.")
        return None


def find_violated_term(mandate: Mandate, job: Job, price: int, day: str) -> MandateObstacle | None:
    """Returns the term that a job at this price violates on this day (UTC), regardless of what has been spent."""
    if end := _find_end(mandate, day):
        return end
    # A mask is part of the picture that needs it.
    if job.operation not in mandate.operations and not job.is_mask:
        message = f"The mandate {mandate.name} covers only {' and '.join(mandate.operations)}, not {job.operation}."
        return _build_obstacle(mandate, ObstacleKind.OPERATION, message)
    # A retry buys the same picture again.
    cost = price + job.mask_quoted + (job.charged + job.unknown if job.is_retrying else 0)
    picture_count = int(job.instructions.get("num_images", 1))
    if mandate.per_picture is not None and cost > mandate.per_picture * picture_count:
        picture_cost = format_usd(cost // picture_count)
        message = f"The mandate {mandate.name} allows {format_usd(mandate.per_picture)} per picture, which costs up to"
        return _build_obstacle(mandate, ObstacleKind.PRICE, f"{message} {picture_cost}.")
    if mandate.per_day is not None and price > mandate.per_day:
        message = f"The mandate {mandate.name} allows {format_usd(mandate.per_day)} per day, and the job costs up to"
        return _build_obstacle(mandate, ObstacleKind.PRICE_OF_A_DAY, f"{message} {format_usd(price)}.")
    return None


def _find_end(mandate: Mandate, day: str) -> MandateObstacle | None:
    kind = _END_KINDS.get(mandate.state_on(day))
    if kind is None:
        return None
    ends = {
        ObstacleKind.EXPIRED: f"ended with {mandate.until} (UTC)",
        ObstacleKind.ENDED: "has ended",
        ObstacleKind.RELEASED: "has ended, and its folder was released",
    }
    return _build_obstacle(mandate, kind, f"The mandate {mandate.name} {ends[kind]}.")


def _build_obstacle(mandate: Mandate, kind: ObstacleKind, message: str) -> MandateObstacle:
    may_wait = mandate.when_spent is WhenSpent.WAIT and kind in _PASSING_KINDS
    return MandateObstacle(kind, message, may_wait)
