"""The promises about a world at rest: all is ended, as the newest photo and wish have it, and everybody was told."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from proof.checker.books import Breach, Ledger, Plain, Promise, certain, unknown
from proof.checker.ends import ENDS, FAILED, Views

LANE_CODES = frozenset(
    {
        "provider_key_missing",
        "provider_key_refused",
        "provider_out_of_money",
        "provider_daily_limit",
        "provider_misconfigured",
        "provider_refuses",
        "budget_reached",
        "budget_reserved",
        "delivery_backed_up",
        "paused_by_person",
        "lane_shut",
    }
)
"""What keeps all of a provider's photos waiting, and is told once for all of them."""
EVENTS = {"stored": "Image Completed"} | dict.fromkeys(FAILED, "Image Failed")
LETTER = ("code", "reason", "money")
DAMAGED = "damaged_message"


@dataclass(frozen=True)
class Wanted:
    """What lies in the input bucket under one key at the end.

    `named`: whether there must be a job or a problem; not where a person cancelled it before there was one.
    """

    etag: str
    sha256: str
    named: bool = True


def open_breaches(ledger: Ledger, *, excused: Collection[str]) -> list[Breach]:
    """No job is under way but those (by id) that rightly wait, and no photo waits for its wish. Holds at rest."""
    jobs = [
        Breach(Promise.DRAINED, f"{job['key']}: still {job['status']}")
        for job in ledger.jobs.values()
        if job["status"] not in ENDS and job["job_id"] not in excused
    ]
    waiting = [source["key"] for source in ledger.sources.values() if source["settling_since"]]
    return jobs + [Breach(Promise.DRAINED, f"{key}: still waits for its wish") for key in waiting]


def newest_breaches(ledger: Ledger, wanted: Mapping[str, Wanted]) -> list[Breach]:
    """What the ledger names is what lies in the bucket now. Holds at rest."""
    by_key = {source["key"]: source for source in ledger.sources.values()}
    breaches: list[Breach] = []
    for key, one in wanted.items():
        words = _unlike(by_key.get(key), one, ledger)
        breaches += [Breach(Promise.NEWEST, f"{key}: {words}")] if words else []
    return breaches


def _unlike(source: Plain | None, wanted: Wanted, ledger: Ledger) -> str:
    if source is None or source["photo"] is None:
        return "the ledger knows no photo there"
    if source["photo"]["etag"] != wanted.etag:
        return "the ledger knows an older photo"
    named = [ledger.jobs[job_id] for job_id in source["jobs"].values()]
    if not (named or source["problems"] or source["blocked_by_defaults"]):
        return "neither a job nor a problem" if wanted.named else ""
    return "its job is for other bytes" if any(job["sha256"] != wanted.sha256 for job in named) else ""


def alone_breaches(ledger: Ledger, untouched: Collection[str]) -> list[Breach]:
    """Keys of which nobody told and that nobody may buy have no item at all. Holds at any moment."""
    return [
        Breach(Promise.OLD_LEFT_ALONE, f"{source['key']}: was taken in unasked")
        for source in ledger.sources.values()
        if source["key"] in untouched
    ]


def mark_breaches(ledger: Ledger, marks: Mapping[str, str]) -> list[Breach]:
    """Each current stored job's pictures bear its own mark: `marks` are job ids by picture key. Holds at rest."""
    named = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    breaches: list[Breach] = []
    for job in ledger.jobs.values():
        if job["status"] == "stored" and job["job_id"] in named:
            other = [result["key"] for result in job["results"] if marks.get(result["key"]) != job["job_id"]]
            breaches += [Breach(Promise.NEWEST, f"{key}: not the current job's picture") for key in other]
    return breaches


def told_breaches(ledger: Ledger, events: Sequence[tuple[str, Plain]]) -> list[Breach]:
    """Each end was announced; `events` are pairs of detail type and detail. Holds at rest."""
    told = {(kind, detail["job"]["job_id"], detail["job"]["status"]) for kind, detail in events if "job" in detail}
    untold = [
        job
        for job in ledger.jobs.values()
        if job["status"] in EVENTS and (EVENTS[job["status"]], job["job_id"], job["status"]) not in told
    ]
    return [Breach(Promise.TOLD, f"{job['key']}: nobody heard that it is {job['status']}") for job in untold] + [
        Breach(Promise.TOLD, f"{ident}: one id for {len(kinds)} events")
        for ident, kinds in _ids(events)
        if len(kinds) > 1
    ]


def _ids(events: Sequence[tuple[str, Plain]]) -> Iterator[tuple[str, set[str]]]:
    kinds: dict[str, set[str]] = {}
    for kind, detail in events:
        status = detail["job"]["job_id"] + detail["job"]["status"] if "job" in detail else detail["provider"]
        kinds.setdefault(detail["event_id"], set()).add(f"{kind} {status}")
    yield from kinds.items()


def lane_breaches(
    lanes: Mapping[str, Plain], lane_reports: Views, reports: Views, excused: Collection[str]
) -> list[Breach]:
    """A paused lane has its one report, one that goes on has none, and no photo's report tells of it. Holds at rest.

    `excused`: ids of jobs that wait for reasons of their own.
    """
    breaches = [
        Breach(Promise.LANE_TOLD, f"{provider}: paused for {told or 'nothing'}, the report says {shown or 'nothing'}")
        for provider in lanes.keys() | lane_reports.keys()
        if (told := _pauses(lanes.get(provider))) != (shown := _codes(lane_reports.get(provider)))
    ]
    return breaches + [
        Breach(Promise.LANE_TOLD, f"{key}: its report tells of the lane ({', '.join(sorted(told))})")
        for key, report in reports.items()
        if (told := {one["code"] for one in report["errors"] if one["job_id"] not in excused} & LANE_CODES)
    ]


def _pauses(lane: Plain | None) -> list[str]:
    return sorted(pause["code"] for pause in lane["pauses"]) if lane else []


def _codes(report: Plain | None) -> list[str]:
    return sorted(error["code"] for error in report["errors"]) if report else []


def cause_breaches(ledger: Ledger, possible: Collection[str]) -> list[Breach]:
    """Jobs that are named end badly only for what did happen: `possible` are the codes that it explains. At rest."""
    named = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Breach(Promise.RIGHT_END, f"{job['key']}: ended {job['status']} with {job['problem']['code']}")
        for job in ledger.jobs.values()
        if job["job_id"] in named and job["status"] in FAILED and job["problem"]["code"] not in possible
    ]


def fate_breaches(ledger: Ledger, ends: Mapping[str, str]) -> list[Breach]:
    """What went wrong decides how a job ends: `ends` are the statuses by code. Holds at rest."""
    return [
        Breach(Promise.RIGHT_END, f"{job['key']}: {job['problem']['code']} ended {job['status']}")
        for job in ledger.jobs.values()
        if job["status"] in FAILED and ends.get(job["problem"]["code"], job["status"]) != job["status"]
    ]


def money_told_breaches(ledger: Ledger, reports: Views) -> list[Breach]:
    """What a report says of an ended job's money is what its attempts say. Holds at rest."""
    breaches: list[Breach] = []
    for key, report in reports.items():
        for error in report["errors"]:
            job = ledger.jobs.get(str(error["job_id"]))
            if job and job["status"] in ENDS and error["money"] != _money(job):
                words = f"{key}: the report says {error['money']}, the attempts say {_money(job)}"
                breaches.append(Breach(Promise.VIEWS_TRUE, words))
    return breaches


def _money(job: Plain) -> str:
    if unknown(job):
        return "unknown"
    return "spent" if certain(job) else "not_spent"


def words_breaches(
    ledger: Ledger, letters: Sequence[Plain], died: Collection[tuple[str, str]], damaged: range
) -> list[Breach]:
    """Dead letters explain themselves, and tell of jobs that died and of damaged messages alone. Holds at rest.

    A queue may keep the same letter twice, and letters of jobs that went on since: the newest of each has to be true,
    so they come in the order in which they were sent. `died`: job ids and codes of all that was ever dead. `damaged`:
    how many damaged messages may have left a letter: one whose letter's answer was lost still lies in its queue.
    """
    told = {str(letter["attributes"].get("job_id", "")) for letter in letters}
    dead = {job_id for job_id, job in ledger.jobs.items() if job["status"] == "dead"}
    words = [f"no letter for {ledger.jobs[ident]['key']}" for ident in sorted(dead - told)]
    found = {letter["body"] for letter in letters if letter["attributes"].get("code") == DAMAGED}
    if len(found) not in damaged:
        words.append(f"{len(found)} letters for {damaged.start} to {damaged.stop - 1} damaged messages")
    newest = {str(letter["attributes"].get("job_id", "")): place for place, letter in enumerate(letters)}
    words += [
        wrong
        for place, letter in enumerate(letters)
        if (wrong := _wrong(letter, ledger, died, is_newest=place in newest.values()))
    ]
    return [Breach(Promise.LETTERS_TRUE, one) for one in words]


def _wrong(letter: Plain, ledger: Ledger, died: Collection[tuple[str, str]], *, is_newest: bool) -> str:
    attributes = letter["attributes"]
    missing = [name for name in LETTER if not attributes.get(name)]
    if missing:
        return f"a letter without {', '.join(missing)}: {letter['body'][:80]}"
    code, ident = str(attributes["code"]), str(attributes.get("job_id", ""))
    if code == DAMAGED:
        return ""
    job = ledger.jobs.get(ident)
    if job is None or (ident, code) not in died:
        return f"a letter ({code}) for {job['key'] if job else 'no job'}, which never died of it"
    still = is_newest and job["status"] == "dead" and job["problem"]["code"] == code
    wrong = still and attributes["money"] != _money(job)
    return f"{job['key']}: the letter says {attributes['money']}, the attempts {_money(job)}" if wrong else ""


def bound_breaches(rested: bool, waited: float, why: str) -> list[Breach]:
    """Rest was reached within the bound, in simulated seconds."""
    return [] if rested else [Breach(Promise.DRAINED, f"not at rest {waited:.0f} s after the faults ended: {why}")]


def deaths_breaches(deaths: Mapping[str, int], most: int) -> list[Breach]:
    """No photo, by its key, kills more workers than so many. Holds at any moment."""
    many = [f"{key}: {times} workers died of it" for key, times in deaths.items() if times > most]
    return [Breach(Promise.GIVEN_UP, words) for words in many]
