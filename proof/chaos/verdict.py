"""What a run shows: the broken promises of Backdrop, and the figures by which the two pipelines are compared."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from backdrop_local.standin.bill import Job as Sold
from proof.chaos.ours import Sight
from proof.chaos.plan import LEAST_KILLS, Fate, Plan
from proof.chaos.play import Played
from proof.checker.books import (
    Breach,
    Charge,
    Ledger,
    Plain,
    Promise,
    budget_breaches,
    by_prompt,
    limit_breaches,
    money_breaches,
    prompt_sha,
    read_ledger,
    recorded,
)
from proof.checker.ends import end_breaches, letter_breaches, picture_breaches, view_breaches

BUDGET_MICRO_USD = 10_000_000_000
ENDS_OF_FATES = {Fate.STORED: "stored", Fate.HELD: "held", Fate.REFUSED: "refused", Fate.DEAD: "dead"}
LOST_BEFORE_HELD = 2


@dataclass(frozen=True)
class Figures:
    """One pipeline's column. `paid_again`: paid calls beyond the first of a photo; `unrecorded`: those of them that
    no book of the pipeline's own shows. `told`: photos without a picture of which somebody was told."""

    photos: int
    pictures: int
    told: int
    lost: int
    paid: int
    paid_again: int
    unrecorded: int
    usd: Decimal
    letters: int
    false_letters: int
    second_time: int
    edited: int
    played: Played


def charges(jobs: Iterable[Sold]) -> list[Charge]:
    """The provider's bill."""
    return [Charge(prompt_sha(job.order.prompt), job.micro_usd) for job in jobs]


def promises(plan: Plan, keys: Collection[str], sight: Sight, bill: Sequence[Charge]) -> list[Breach]:
    """What is broken at rest, as far as bill, buckets and stored items show it."""
    ledger = read_ledger(sight.items)
    return [
        *money_breaches(ledger, bill, by_prompt),
        *budget_breaches(ledger, BUDGET_MICRO_USD),
        *end_breaches(keys, ledger, sight.receipts, sight.reports),
        *view_breaches(ledger, sight.receipts, sight.reports),
        *picture_breaches(ledger, sight.pictures),
        *fate_breaches(plan, ledger),
    ]


def fate_breaches(plan: Plan, ledger: Ledger) -> list[Breach]:
    """Each photo's current job ended as its faults allow; `held` needs two lost answers."""
    fates = {photo.key: photo.fate for photo in plan.photos}
    breaches: list[Breach] = []
    for source in ledger.sources.values():
        for job in (ledger.jobs[job_id] for job_id in source["jobs"].values()):
            fate = fates.get(source["key"], Fate.STORED)
            lost = sum(attempt["send_count"] for attempt in job["attempts"] if attempt["outcome"] == "lost")
            right = job["status"] == ENDS_OF_FATES[fate] or job["status"] == "held"
            if not right or (job["status"] == "held" and lost < LOST_BEFORE_HELD):
                words = f"{source['key']} ({fate.name.lower()}) ended {job['status']} after {lost} lost answers"
                breaches.append(Breach(Promise.RIGHT_END, words))
    return breaches


def run_breaches(plan: Plan, played: Played, ledger: Ledger, letters: Sequence[Plain]) -> list[Breach]:
    """What only the run itself shows: the limit held, dead letters, and whether every announced fault did fire."""
    return [
        *limit_breaches([played.peak_open], plan.limit),
        *letter_breaches(ledger, letters),
        *(Breach(Promise.FAULTS_FIRED, f"{name}: announced and never fired") for name in silent(played)),
        *few_kills(played),
    ]


def silent(played: Played) -> list[str]:
    """The announced faults that never struck."""
    return [name for name in played.announced if not played.fired[name]]


def few_kills(played: Played) -> list[Breach]:
    """Too few workers killed between the provider's acceptance and its answer."""
    words = f"{played.kills} workers killed, {played.missed_kills} missed; {LEAST_KILLS} are wanted"
    return [Breach(Promise.FAULTS_FIRED, words)] if played.kills < LEAST_KILLS else []


def repeat_breaches(second_time: int, edited: int) -> list[Breach]:
    """The same again buys nothing, one edited sidecar buys one."""
    wrong = [f"{second_time} paid calls for the same again"] if second_time else []
    wrong += [f"{edited} paid calls for one edited sidecar"] if edited != 1 else []
    return [Breach(Promise.NO_REPEATS, words) for words in wrong]


def figures(
    plan: Plan,
    *,
    with_picture: Collection[str],
    with_word: Collection[str],
    bill: Sequence[Charge],
    recorded_calls: Mapping[str, int],
    letters_for: Sequence[str],
    repeats: tuple[int, int],
    played: Played,
) -> Figures:
    """A column of the table. Photos by key; `recorded_calls`: calls in the pipeline's own books, by work."""
    keys = {photo.key for photo in plan.photos}
    passing = {photo.key for photo in plan.photos if photo.fate is Fate.STORED}
    of_photos = {prompt_sha(str(photo.wish["prompt"])) for photo in plan.photos}
    paid = Counter(charge.work for charge in bill if charge.micro_usd and charge.work in of_photos)
    micro = sum(charge.micro_usd for charge in bill if charge.work in of_photos)
    there = keys & set(with_picture)
    return Figures(
        photos=len(keys),
        pictures=len(there),
        told=len((keys & set(with_word)) - there),
        lost=len(keys - there - set(with_word)),
        paid=paid.total(),
        paid_again=sum(calls - 1 for calls in paid.values()),
        unrecorded=sum(max(0, calls - max(1, recorded_calls.get(work, 0))) for work, calls in paid.items()),
        usd=Decimal(micro) / 1_000_000,
        letters=len(letters_for),
        false_letters=sum(key in passing for key in letters_for),
        second_time=repeats[0],
        edited=repeats[1],
        played=played,
    )


def calls_on_record(ledger: Ledger) -> Counter[str]:
    """How many calls the ledger says may have been paid, by work."""
    calls = Counter[str]()
    for job in ledger.jobs.values():
        calls[by_prompt(job)] += recorded(job)
    return calls


def pictured(ledger: Ledger, pictures: Collection[str]) -> set[str]:
    """The keys of photos that have a whole picture of a current job."""
    current = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return {
        job["key"]
        for job_id, job in ledger.jobs.items()
        if job_id in current and any(result["key"] in pictures for result in job["results"])
    }


def keys_of_letters(ledger: Ledger, letters: Iterable[Plain]) -> list[str]:
    """The photos that Backdrop's dead letters are about."""
    ids = (letter["attributes"].get("job_id", "") for letter in letters)
    return [str(ledger.jobs[job_id]["key"]) for job_id in ids if job_id in ledger.jobs]


def keys_of_events(letters: Iterable[Mapping[str, Any]]) -> list[str]:
    """The photos that the naive pipeline's dead letters, which are S3's events, are about."""
    records = (record for letter in letters for record in json.loads(letter["body"]).get("Records", []))
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]
