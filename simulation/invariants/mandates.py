"""Invariants of mandates: who pays for a claim, and that no mandate is ever exceeded."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from simulation.invariants.violations import Invariant, JsonObject, Violation, is_mask

DAY_PREFIX = "day_"
AMOUNTS = ("reserved", "confirmed", "unknown", "committed")
MANDATE_WAITS = "mandate_waits"
TERM_CODES = frozenset({"mandate_forbids", "mandate_ended"})
"""The codes with which intake refuses a variant, because its mandate's terms exclude it."""
PASSING_CODES = frozenset({"mandate_spent", "mandate_suspended"})
MANDATE_CODES = TERM_CODES | PASSING_CODES
UNPAID_STATUSES = frozenset({"accepted", "submitting", "unknown"})


@dataclass(frozen=True)
class StoredMandate:
    """A mandate as stored: its terms, and its sums in micro-dollars, those of the latest days included."""

    terms: JsonObject
    amounts: Mapping[str, int] = field(default_factory=dict[str, int])
    is_overcharged: bool = False

    @property
    def name(self) -> str:
        return str(self.terms["name"])

    def list_exceeded(self, day: str) -> list[str]:
        """Returns the limits that the sums exceed."""
        committed, by_day = self.amounts.get("committed", 0), self.amounts.get(f"{DAY_PREFIX}{day}", 0)
        limit, per_day = self.terms["limit"], self.terms["per_day"]
        in_total = [f"{committed} of {limit} are committed"] if committed > limit else []
        on_day = [f"{by_day} of {per_day} are committed on {day}"] if per_day is not None and by_day > per_day else []
        return in_total + on_day

    def covers(self, job: JsonObject, day: str) -> bool:
        """Whether a job that waits could be claimed on this day (UTC)."""
        amounts = Counter(self.amounts)
        for name in ("committed", f"{DAY_PREFIX}{day}"):
            amounts[name] += job["quoted"]
        expected = StoredMandate(self.terms, amounts)
        return self.terms["state"] == "active" and not self.is_overcharged and not expected.list_exceeded(day)


def waits_for_mandate(job: JsonObject) -> bool:
    """Whether a job has left its lane until its mandate covers it."""
    return job["status"] == "accepted" and bool(job["problem"]) and job["problem"]["code"] == MANDATE_WAITS


def check_waiting_jobs(
    job_versions: Iterable[Sequence[tuple[datetime, JsonObject]]], received: Collection[tuple[datetime, str]]
) -> list[Violation]:
    """Checks that a message of a job that waits for its mandate leaves the lane when it is received. Holds at rest.

    A message that was last received before the job began to wait may stay: its worker may have returned it for a while.

    `job_versions`: for each job, all versions with their times. `received`: the bodies of the messages in the lanes,
    each with the time when it was last received.
    """
    jobs = [(versions[-1][1], _find_wait_start(versions)) for versions in job_versions]
    return [
        Violation(Invariant.WITHIN_MANDATE, f"{job['key']}: waits for its mandate, but is still in its lane")
        for job, since in jobs
        if since and any(job["job_id"] in body and received_at > since for received_at, body in received)
    ]


def _find_wait_start(versions: Sequence[tuple[datetime, JsonObject]]) -> datetime | None:
    """Returns since when a job has waited for its mandate; None if it does not."""
    waiting = takewhile(lambda version: waits_for_mandate(version[1]), reversed(versions))
    return min((at for at, _ in waiting), default=None)


def find_owner(names_by_location: Mapping[str, str], bucket: str, key: str) -> str | None:
    """Returns the name of the mandate that owns a photo; None if there is none."""
    owners = (name for location, name in names_by_location.items() if f"{bucket}/{key}".startswith(location))
    return next(owners, None)


def list_claims(before: JsonObject | None, after: JsonObject) -> list[JsonObject]:
    """Returns the attempts that a write opens."""
    numbers = {attempt["n"] for attempt in before["attempts"]} if before else set[int]()
    return [attempt for attempt in after["attempts"] if attempt["n"] not in numbers]


def check_claim_of_mandate(
    job: JsonObject, attempt: JsonObject, owner: str | None, mandate: StoredMandate | None
) -> list[Violation]:
    """Checks a claim against the mandate that owns the photo. Holds on every write.

    `mandate`: the owner's, with the sums that the same transaction wrote.
    """
    payer = attempt.get("mandate")
    if payer != owner:
        detail = f"{job['key']}: its call is charged to {payer}, but {owner} owns the folder"
        return [Violation(Invariant.MANDATE_PAYS, detail)]
    if mandate is None:
        return []
    terms, day = mandate.terms, str(attempt["budget_day"])
    picture_count, price = int(job["instructions"].get("num_images", 1)), attempt["reserved"] + job["mask_quoted"]
    reasons = {
        f"the mandate is {terms['state']}": terms["state"] != "active",
        "a charge that was not reserved has suspended the mandate": mandate.is_overcharged,
        f"the mandate ended with {terms['until']}": terms["until"] is not None and day > terms["until"],
        f"{job['operation']} is not allowed": job["operation"] not in terms["operations"] and not is_mask(job),
        f"a picture costs {price / picture_count}": terms["per_picture"] is not None
        and price > terms["per_picture"] * picture_count,
        **dict.fromkeys(mandate.list_exceeded(day), True),
    }
    return [
        Violation(Invariant.WITHIN_MANDATE, f"{job['key']}, {mandate.name}: claimed, but {reason}")
        for reason, is_broken in reasons.items()
        if is_broken
    ]


def check_mandate_is_kept(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that an open job keeps its mandate, even after the release. Holds on every write."""
    mandate = before.get("mandate") if before else None
    if before is None or not mandate or after.get("mandate") == mandate or before["status"] not in UNPAID_STATUSES:
        return []
    detail = f"{after['key']}: {after.get('mandate')} pays for it, although it was accepted under {mandate}"
    return [Violation(Invariant.MANDATE_PAYS, detail)]


def check_refusal_by_mandate(
    before: JsonObject | None, after: JsonObject, mandate: StoredMandate | None
) -> list[Violation]:
    """Checks that a mandate whose photos may wait refuses none for what may pass. Holds on every write."""
    is_new = before is None or before["status"] != after["status"]
    if mandate is None or not is_new or after["status"] != "refused" or mandate.terms["when_spent"] != "wait":
        return []
    if after["problem"]["code"] not in PASSING_CODES:
        return []
    detail = f"{after['key']}: refused with {after['problem']['code']}, although {mandate.name} lets photos wait"
    return [Violation(Invariant.ENDS_FOR_A_CAUSE, detail)]


def sum_attempts_by_mandate(jobs: Iterable[JsonObject]) -> dict[str, Counter[str]]:
    """Returns what the jobs' attempts sum to, in total and by day, for each mandate that paid."""
    sums: dict[str, Counter[str]] = {}
    for attempt in (attempt for job in jobs for attempt in job["attempts"]):
        if name := attempt.get("mandate"):
            amounts = {"reserved": attempt["reserved"], "confirmed": attempt["charged"], "unknown": attempt["unknown"]}
            total = sum(amounts.values())
            by_day = {f"{DAY_PREFIX}{attempt['budget_day']}": total}
            sums.setdefault(name, Counter()).update(amounts | {"committed": total} | by_day)
    return sums


def check_mandate_sums(sums: Mapping[str, int], mandate: StoredMandate) -> list[Violation]:
    """Checks that a mandate's sums equal those of the attempts that it paid for. Holds at all times.

    Compares only the latest two days. Those of older days may have been deleted, and a charge of such a day that is
    settled later writes only its own part again.
    """
    latest_days = sorted(name for name in mandate.amounts if name.startswith(DAY_PREFIX))[-2:]
    return [
        Violation(
            Invariant.WITHIN_MANDATE,
            f"{mandate.name}: {mandate.amounts.get(name, 0)} {name}, but the attempts sum to {sums.get(name, 0)}",
        )
        for name in (*AMOUNTS, *latest_days)
        if mandate.amounts.get(name, 0) != sums.get(name, 0)
    ]


def check_overcharge(
    before: JsonObject | None, after: JsonObject, mandates: Mapping[str, StoredMandate]
) -> list[Violation]:
    """Checks that an amount that no claim reserved suspends the mandate that pays for it. Holds on every write.

    `mandates`: by name, as the same transaction wrote them.
    """
    committed = {attempt["n"]: _sum_amounts(attempt) for attempt in before["attempts"]} if before else dict[int, int]()
    payers = {
        attempt.get("mandate")
        for attempt in after["attempts"]
        if attempt["n"] in committed and _sum_amounts(attempt) > committed[attempt["n"]]
    }
    return [
        Violation(Invariant.WITHIN_MANDATE, f"{after['key']}: overcharged, but {name} is not suspended")
        for name, mandate in mandates.items()
        if name in payers and not mandate.is_overcharged
    ]


def _sum_amounts(attempt: JsonObject) -> int:
    return int(attempt["reserved"] + attempt["charged"] + attempt["unknown"])
