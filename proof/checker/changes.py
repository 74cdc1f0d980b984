"""The promises about one write: fenced, along the ways that the design draws, and never taking money back."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from proof.checker.books import Breach, Plain, Promise
from proof.checker.calls import UNTRIED

PEOPLES_CHOICE = frozenset({("held", "accepted"), ("dead", "accepted")})
"""Ways that only a person opens where money was spent, or may have been."""
WAYS: Mapping[str, frozenset[str]] = {
    "accepted": frozenset({"submitting", "paid", "superseded", "cancelled", "refused", "dead"}),
    "submitting": frozenset({"accepted", "unknown", "paid", "refused", "dead", "superseded", "cancelled"}),
    "unknown": frozenset({"submitting", "paid", "accepted", "refused", "dead", "held", "superseded", "cancelled"}),
    "paid": frozenset({"stored", "dead"}),
    "stored": frozenset({"paid"}),
    "refused": frozenset({"accepted"}),
    "dead": frozenset({"accepted", "paid"}),
    "held": frozenset({"accepted", "paid"}),
    "superseded": frozenset({"accepted"}),
    "cancelled": frozenset({"accepted"}),
}
"""Design 3. A job that its photo names no more goes from a call that took nothing straight to its end."""
UNDOUBTED = frozenset({"accepted", "superseded", "cancelled"})
"""Where a job is only when it is known what the charge that is meant now cost."""
BAD_ANSWERS = 3
MOST_CRASHES = 6
LONGEST_CLOSED = timedelta(minutes=10, seconds=30)
"""Ten minutes, and what workers' clocks may be off."""
UNSAID = "no_instructions"
FINAL = frozenset({"answered", "rejected"})


def fence_breaches(name: str, before: int, after: int) -> list[Breach]:
    """An item's revision grows by one with each write; 0 stands for an item that was not there. Holds at any write."""
    if after == before + 1:
        return []
    return [Breach(Promise.FENCED, f"{name}: revision {after} was written over {before}")]


def way_breaches(before: Plain | None, after: Plain, *, by_person: bool) -> list[Breach]:
    """The way of a job's status, and what became of its attempts. Holds at any write."""
    if before is None:
        served = after["status"] == "paid" and after["reused_from"]
        new = after["status"] == "accepted" or served
        return [] if new else [Breach(Promise.WAYS, f"{after['key']}: begins as {after['status']}")]
    return [*_way(before, after, by_person=by_person), *_kept(before, after)]


def _way(before: Plain, after: Plain, *, by_person: bool) -> Iterator[Breach]:
    way = str(before["status"]), str(after["status"])
    served = way[1] == "paid" and after["reused_from"] and "accepted" in WAYS[way[0]]
    if way[0] != way[1] and way[1] not in WAYS[way[0]] and not served:
        yield Breach(Promise.WAYS, f"{after['key']}: {way[0]} became {way[1]}")
    if way in PEOPLES_CHOICE and _moved(before) and not by_person:
        yield Breach(Promise.WAYS, f"{after['key']}: {way[0]} is bought again, and nobody asked for it")
    if way[0] != way[1] and way[1] in UNDOUBTED and _in_doubt(after):
        yield Breach(Promise.MONEY_STAYS, f"{after['key']}: {way[1]}, and nobody knows what its lost call cost")
    if way == ("accepted", "paid") and not after["reused_from"] and not _answered(after):
        yield Breach(Promise.WAYS, f"{after['key']}: paid without an answer")


def _in_doubt(job: Plain) -> bool:
    return any(one["unknown"] and one["charge_no"] == job["charge_no"] for one in job["attempts"])


def _moved(job: Plain) -> bool:
    """Whether money was spent, or may have been, since a person last chose to pay anew."""
    latest = [attempt for attempt in job["attempts"] if attempt["charge_no"] == job["charge_no"]]
    return any(attempt["charged"] or attempt["unknown"] for attempt in latest)


def _answered(job: Plain) -> bool:
    return any(
        attempt["n"] == job["paid_attempt_no"] and attempt["outcome"] == "answered" for attempt in job["attempts"]
    )


def _kept(before: Plain, after: Plain) -> Iterator[Breach]:
    """Attempts stay; only those that took nothing may be left out, since a storm must not fill the item."""
    now = {attempt["n"]: attempt for attempt in after["attempts"]}
    for attempt in before["attempts"]:
        words = _lost(attempt, now.get(attempt["n"]))
        if words:
            yield Breach(Promise.MONEY_STAYS, f"{after['key']}: attempt {attempt['n']} {words}")


def _lost(before: Plain, after: Plain | None) -> str:
    if after is None:
        return "is gone with its money" if before["charged"] or before["outcome"] in FINAL else ""
    if after["charged"] < before["charged"]:
        return f"cost {before['charged']}, and now {after['charged']}"
    if before["outcome"] in FINAL and after["outcome"] != before["outcome"]:
        return f"was {before['outcome']}, and now is {after['outcome']}"
    if after["provider_id"] is None and before["provider_id"] is not None:
        return "has lost the name by which it can be asked about"
    return ""


def wanted_breaches(before: Plain | None, after: Plain, named: Collection[str]) -> list[Breach]:
    """A job that is claimed is one that its photo names: `named` are those ids. Holds at any write."""
    if after["status"] != "submitting" or (before and before["status"] == "submitting"):
        return []
    began = before is None or before["status"] == "accepted"
    left = after["end_after_call"] is not None or (began and after["job_id"] not in named)
    return [Breach(Promise.WANTED, f"{after['key']}: claimed, and its photo names it no more")] if left else []


def lease_breaches(before: Plain, after: Plain, holder: str, *, kept: bool = False) -> list[Breach]:
    """Somebody else wrote a job under way, whose worker (`holder`) lives: he may mark it, or bring its answer.

    He does not take it over, unless the worker parked it, which gives it away; and he calls its answer lost only where
    the worker itself said so, and left that where others find it (`kept`). Holds at any write.
    """
    was, now = _current(before), _current(after)
    if before["status"] != "submitting" or was is None or was["is_parked"]:
        return []
    taken_over = now is not None and now["lease_until"] != was["lease_until"]
    moved = (after["status"] == "unknown" and not kept) or (after["status"] == "submitting" and taken_over)
    return [Breach(Promise.LEASED, f"{after['key']}: {holder} is still at work on it")] if moved else []


def _current(job: Plain) -> Plain | None:
    return next((attempt for attempt in job["attempts"] if attempt["n"] == job["attempt_no"]), None)


def patience_breaches(before: Plain | None, after: Plain, settle_seconds: float) -> list[Breach]:
    """A photo is reported for want of a wish only when it has waited for one, each time that it is reported anew.

    Holds at any write but a person's, who may cancel the wait, where no clock jumps between a look and its write. A
    photo that broken defaults held has waited before.
    """
    if before and before.get("blocked_by_defaults"):
        return []
    known = [one["first_seen"] for one in before["problems"] if one["code"] == UNSAID] if before else []
    new = [one for one in after["problems"] if one["code"] == UNSAID and one["first_seen"] not in known]
    if not new:
        return []
    since = datetime.fromisoformat(before["settling_since"]) if before and before["settling_since"] else None
    waited = (datetime.fromisoformat(new[0]["first_seen"]) - since).total_seconds() if since else 0.0
    words = f"{after['key']}: reported after {waited:.1f} s, {settle_seconds:.0f} s are due"
    return [Breach(Promise.PATIENT, words)] if waited < settle_seconds else []


def lift_breaches(before: Plain | None, after: Plain, *, probed: bool) -> list[Breach]:
    """A pause for what a call can find out is lifted by who made one. Holds at any write but a person's.

    `probed`: the worker that writes sent a call while the lane was paused or closed, or looked one up.
    """
    was, now = _tried(before) if before else set[str](), _tried(after)
    if was <= now or probed:
        return []
    words = f"no longer paused for {', '.join(sorted(was - now))}, and no call found that out"
    return [Breach(Promise.LANE_HEEDED, words)]


def _tried(lane: Plain) -> set[str]:
    return {pause["reason"] for pause in lane["pauses"]} - UNTRIED


def lane_breaches(before: Plain | None, after: Plain, now: datetime) -> list[Breach]:
    """A lane is closed by three bad answers in a row, and paused where its probes fail for long. Holds at any write."""
    shut = bool(after["pauses"] or after["closed_since"])
    if after["failure_streak"] >= BAD_ANSWERS and not shut:
        return [Breach(Promise.LANE_HEEDED, f"{after['failure_streak']} bad answers in a row, and the lane is open")]
    probed = before is not None and after["probe_count"] > before["probe_count"]
    since = datetime.fromisoformat(after["closed_since"]) if after["closed_since"] else now
    if probed and not after["pauses"] and now - since > LONGEST_CLOSED:
        return [
            Breach(Promise.LANE_HEEDED, f"closed since {since:%H:%M:%S}, its probe failed again, and nobody paused it")
        ]
    return []


def crash_breaches(before: Plain | None, after: Plain) -> list[Breach]:
    """Five crashes of a job's or a photo's workers are counted, a sixth where two die at once. Holds at any write."""
    if after["crash_count"] <= MOST_CRASHES or (before and after["crash_count"] <= before["crash_count"]):
        return []
    return [Breach(Promise.GIVEN_UP, f"{after['key']}: {after['crash_count']} crashes are counted")]


def cap_breaches(day: str, before: int, after: int, cap: int) -> list[Breach]:
    """What a day has committed does not grow over its cap (micro-dollars). Holds at any write.

    A person may set the cap below what is committed already; then nothing more may come.
    """
    if after <= cap or after <= before:
        return []
    return [Breach(Promise.WITHIN_BUDGET, f"{day}: {after} committed, the cap is {cap}")]


def picture_write_breaches(key: str, under: str, over: str, current: Iterable[str]) -> list[Breach]:
    """One picture was written over another: the jobs' ids, and those that their photo names. Holds at any write.

    But for a worker that found the other there and asked the ledger behind that: its job may have been named then. It
    has to see to it that the newest is put there again, which shows at rest.
    """
    named = set(current)
    if under == over or under not in named or over in named:
        return []
    return [
        Breach(
            Promise.NEWEST, f"{key}: the picture of {over[:8]}, which the photo names no more, lies over {under[:8]}'s"
        )
    ]
