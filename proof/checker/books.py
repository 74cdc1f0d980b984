"""The ledger's items as plain data, and the promises about money: paid once, the bill explained to the cent."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

type Plain = Mapping[str, Any]
"""A JSON object."""

SETTLED = ("reserved", "confirmed", "unknown", "committed")
KEPT_BODIES = 20_000


class Promise(StrEnum):
    """What is promised; a breach names one of them."""

    PAID_ONCE = "paid calls per job <= 1 unless the ledger records more"
    BILL_EXPLAINED = "certain <= bill <= certain + unknown"
    WITHIN_BUDGET = "spend <= budget, and the day's sums are those of its attempts"
    WITHIN_LIMIT = "calls in flight <= limit"
    ONE_END = "every drop ends in exactly one end, with a receipt or a report"
    RIGHT_END = "a fault that passes ends no photo; only what lasts does, and two lost answers"
    VIEWS_TRUE = "receipts and reports agree with the ledger"
    PICTURES_TRUE = "each picture belongs to a job, and each stored job has its pictures"
    LETTERS_TRUE = "a dead letter for each dead job, and for no other"
    NO_REPEATS = "the same again buys nothing; one edited sidecar buys one"
    FENCED = "no write overwrites one that it has not seen"
    WAYS = "a job goes only the ways that the design draws"
    MONEY_STAYS = "what was written down of a charge is never taken back"
    CLAIMED_FIRST = "no call without its claim in the ledger, and none but with the job's own bytes"
    ONE_CALL = "a job has one call under way at a time"
    RETRIED_ONCE = "a lost answer that nobody can be asked about is followed by one more call, under hold by none"
    ASKED_FIRST = "a call that can be asked about is asked about before it is paid again"
    IN_TIME = "no call starts that may outlive its invocation, and no invocation is ended by the clock"
    WANTED = "what its photo names no more is not bought"
    LEASED = "a job under way is left to its worker while that one lives"
    HEARD = "an answer that a worker heard, and lived to write down, stands in the ledger"
    LANE_HEEDED = "a paused lane pays nothing, and a closed one tries one job at a time"
    CALLED_OFF = "what a person cancels is not bought, whatever it has become by then, until something new is said"
    SHARED = "the same bytes asked the same thing are paid by one"
    NEWEST = "the newest version is what is delivered, and nothing older is put over it"
    OLD_LEFT_ALONE = "nothing older than the stack or two days, and nothing of our own, is bought unasked"
    PATIENT = "a photo without a wish is given its time to settle"
    INSTRUCTED = "what is asked for a photo is what lies there: request, sidecar, tags and its folders' defaults"
    UNMOVED = "what was resolved is resolved anew only for its own bytes or word, or by a person's"
    HELD = "what inherits from a broken folder default is held until it is mended, with one report"
    GIVEN_UP = "a photo that kills its workers is given up after some"
    ONE_RUN = "one reconciliation at a time"
    WAITS = "who is asked to come again later comes no sooner"
    TOLD = "each end is announced, and so is each pause"
    TOKENS = "a task token is answered once, when all jobs of its request have ended, and truthfully"
    LANE_TOLD = "one report for a paused provider instead of one for each photo, and none when it goes on"
    CHAINS_END = "a chain of messages ends, or moves forward, before Lambda would stop it"
    DRAINED = "when the faults end, all comes to its end in bounded time"
    FAULTS_FIRED = "every announced fault did fire"


@dataclass(frozen=True)
class Breach:
    """One broken promise, with what shows it."""

    promise: Promise
    words: str

    def __str__(self) -> str:
        return f"{self.promise.name}: {self.words}"


@dataclass(frozen=True)
class Charge:
    """One entry of the provider's bill: `work` says what was made, in the words of `work_of`."""

    work: str
    micro_usd: int


@dataclass(frozen=True)
class Ledger:
    """The stored items by kind: sources by id, jobs by id, what each day has booked in micro-dollars."""

    sources: Mapping[str, Plain]
    jobs: Mapping[str, Plain]
    days: Mapping[str, Mapping[str, int]]

    def jobs_of(self, source_id: str) -> list[Plain]:
        """All jobs ever of one place."""
        return [job for job in self.jobs.values() if job["source_id"] == source_id]


def read_ledger(items: Iterable[Plain]) -> Ledger:
    """Items as DynamoDB stores them, sorted by what they are; kinds that are not known are left out."""
    sources: dict[str, Plain] = {}
    jobs: dict[str, Plain] = {}
    days: dict[str, Mapping[str, int]] = {}
    for item in items:
        place, kind = item["pk"]["S"], item["sk"]["S"]
        if kind == "source":
            sources[place.removeprefix("source#")] = plain(item["body"]["S"])
        elif kind.startswith("job#"):
            jobs[kind.removeprefix("job#")] = plain(item["body"]["S"])
        elif place.startswith("budget#"):
            sums = {name: int(value["N"]) for name, value in item.items() if "N" in value}
            days[place.removeprefix("budget#")] = sums
    return Ledger(sources, jobs, days)


@lru_cache(maxsize=KEPT_BODIES)
def plain(text: str) -> Plain:
    """An item's record as plain data, parsed once per text; not to be changed."""
    return json.loads(text)


def by_prompt(job: Plain) -> str:
    """The work of a job where each photo has a prompt of its own: the bill's `prompt_sha`."""
    return prompt_sha(str(job["purchase_spec"].get("prompt", "")))


def prompt_sha(prompt: str) -> str:
    """How the stand-in's bill names a prompt."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def certain(job: Plain) -> int:
    """What a job cost for sure, over all attempts, in micro-dollars."""
    return sum(attempt["charged"] for attempt in job["attempts"])


def unknown(job: Plain) -> int:
    """What a job may have cost besides, calls in flight included, in micro-dollars."""
    return sum(attempt["unknown"] + attempt["reserved"] for attempt in job["attempts"])


def recorded(job: Plain) -> int:
    """How many of a job's attempts may have moved money."""
    return sum(attempt["charged"] + attempt["unknown"] + attempt["reserved"] > 0 for attempt in job["attempts"])


def money_breaches(ledger: Ledger, charges: Sequence[Charge], work_of: Callable[[Plain], str]) -> list[Breach]:
    """Per work: no more charges than recorded attempts, and an amount that the ledger explains. Holds at any moment."""
    calls, billed = Counter[str](), Counter[str]()
    for charge in charges:
        calls[charge.work] += charge.micro_usd > 0
        billed[charge.work] += charge.micro_usd
    jobs: defaultdict[str, list[Plain]] = defaultdict(list)
    for job in ledger.jobs.values():
        jobs[work_of(job)].append(job)
    return [
        breach for work in billed.keys() | jobs.keys() for breach in _of_work(jobs[work], calls[work], billed[work])
    ]


def _of_work(jobs: Sequence[Plain], calls: int, billed: int) -> Iterable[Breach]:
    names = ", ".join(f"{job['key']} ({job['status']})" for job in jobs) or "no job at all"
    attempts = sum(recorded(job) for job in jobs)
    if calls > attempts:
        yield Breach(Promise.PAID_ONCE, f"{names}: {calls} paid calls, {attempts} recorded")
    sure, perhaps = sum(certain(job) for job in jobs), sum(unknown(job) for job in jobs)
    if not sure <= billed <= sure + perhaps:
        yield Breach(Promise.BILL_EXPLAINED, f"{names}: certain {sure}, unknown {perhaps}, billed {billed}")


def budget_breaches(ledger: Ledger, cap: int) -> list[Breach]:
    """Each day's sums are those of its attempts, and within the cap (micro-dollars). Holds at any moment."""
    over = [
        Breach(Promise.WITHIN_BUDGET, f"{day}: committed {booked['committed']}, the cap is {cap}")
        for day, booked in ledger.days.items()
        if booked.get("committed", 0) > cap
    ]
    return day_sum_breaches(day_sums(ledger.jobs.values()), ledger.days) + over


def day_sums(jobs: Iterable[Plain]) -> dict[str, Counter[str]]:
    """What the attempts of jobs come to, by day, in micro-dollars."""
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in (attempt for job in jobs for attempt in job["attempts"]):
        sums = {"reserved": attempt["reserved"], "confirmed": attempt["charged"], "unknown": attempt["unknown"]}
        days[attempt["budget_day"]].update(sums | {"committed": sum(sums.values())})
    return days


def day_sum_breaches(sums: Mapping[str, Mapping[str, int]], days: Mapping[str, Mapping[str, int]]) -> list[Breach]:
    """Each day's sums are those of its attempts. Holds at any moment."""
    breaches: list[Breach] = []
    for day in sums.keys() | days.keys():
        booked = {name: days.get(day, {}).get(name, 0) for name in SETTLED}
        summed = {name: sums.get(day, {}).get(name, 0) for name in SETTLED}
        if booked != summed:
            breaches.append(Breach(Promise.WITHIN_BUDGET, f"{day}: booked {booked}, the attempts say {summed}"))
    return breaches


def limit_breaches(in_flight: Iterable[int], limit: int) -> list[Breach]:
    """The calls in flight at a time, as the provider counted them, never passed the limit."""
    peak = max(in_flight, default=0)
    return [Breach(Promise.WITHIN_LIMIT, f"{peak} calls in flight, {limit} allowed")] if peak > limit else []
