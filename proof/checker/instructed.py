"""The promises about instructions: what is asked is what lies there, all of it, and nothing else is bought for it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proof.checker.books import Breach, Ledger, Plain, Promise
from proof.checker.refused import of_refused_requests

UNSAID = "no_instructions"
# A photo that killed its workers is judged from afar.
CRASHED = "crashed"
NOT_CURRENT = "not_current"
FREE = frozenset({"output", "metadata", "max_cost_usd"})
WARNED = ("fewer_results", "unsafe_result", "result_", "link_expired", "paid_file_gone", NOT_CURRENT)


@dataclass(frozen=True)
class Said:
    """What is said of one photo: the instructions of its jobs by variant, and variants with codes of refusals.

    Where a folder's defaults are broken (`held`), it has neither.
    """

    jobs: Mapping[str, Mapping[str, Any]]
    codes: frozenset[tuple[str, str]] = frozenset()
    held: bool = False


HELD = Said({}, held=True)


def has(source: Plain, jobs: Mapping[str, Plain]) -> Said:
    """What a photo's place has: `jobs` by their ids."""
    named = {variant: jobs[job_id]["instructions"] for variant, job_id in source["jobs"].items()}
    codes = frozenset((str(one["variant"]), str(one["code"])) for one in source["problems"])
    return Said(named, codes, bool(source["blocked_by_defaults"]))


# -- one write ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Resolved:
    """A write that changes what a photo names. `could_be`: what all said at some moment since its worker began.

    `requested`: the same with the request that is heard for the first time with this write, None where there is none.
    `by_order`: the worker brought a request, or a person's word to resolve it anew. `own_word`: whether the photo may
    have had its own by then; `settle_seconds`: how long one without is given, None where clocks tell nothing.
    """

    before: Plain | None
    after: Plain
    could_be: Sequence[Said]
    requested: Sequence[Said] | None
    by_order: bool
    own_word: bool
    settle_seconds: float | None


def resolved_breaches(one: Resolved, jobs: Mapping[str, Plain]) -> list[Breach]:
    """What a photo names from now on is what was said; it changes for a reason, and not too soon. At any write."""
    key, now = one.after["key"], has(one.after, jobs)
    if CRASHED in {code for _, code in now.codes} or one.after["photo"] is None:
        return []
    if one.requested is not None:
        return _unheard(one, now)
    now = Said(now.jobs, now.codes - of_refused_requests(one.before, one.after), now.held)
    unlike = not any(_same(now, said) for said in one.could_be)
    found = [Breach(Promise.INSTRUCTED, f"{key}: is {_told(now)}, and nothing said so")] if unlike else []
    stayed = one.before is not None and not one.before["was_missing"]
    same_bytes = one.before is not None and stayed and _same_bytes(one.before, one.after, jobs)
    if one.before and same_bytes and one.before["jobs"] and not one.by_order and _unmoved(one.before, one.after):
        found.append(Breach(Promise.UNMOVED, f"{key}: resolved anew, and nothing of its own has changed"))
    unsaid = {code for _, code in now.codes} == {UNSAID}
    if one.before and same_bytes and unsaid and one.before["jobs"] and not one.after["jobs"]:
        found.append(Breach(Promise.UNMOVED, f"{key}: nothing is said of it any more, and that undoes what was"))
    if not one.own_word and not one.by_order and now.jobs and (early := _early(one, jobs)):
        found.append(Breach(Promise.PATIENT, f"{key}: bought {early}, without a word of its own"))
    return found


def _unheard(one: Resolved, now: Said) -> list[Breach]:
    """A request leads to its jobs; one that cannot be done changes none."""
    unchanged = one.after["jobs"] == (one.before["jobs"] if one.before else {})
    if any(_same(now, said) if said.jobs else unchanged for said in one.requested or ()):
        return []
    return [Breach(Promise.INSTRUCTED, f"{one.after['key']}: is {_told(now)}, and a request said otherwise")]


def _same(now: Said, said: Said) -> bool:
    return now.jobs == said.jobs and now.codes == said.codes and now.held == said.held


def _told(now: Said) -> str:
    codes = ", ".join(f"{variant} {code}".strip() for variant, code in sorted(now.codes))
    return f"asked {json.dumps(now.jobs, sort_keys=True)}{f', refused {codes}' if codes else ''}"


def _same_bytes(before: Plain, after: Plain, jobs: Mapping[str, Plain]) -> bool:
    """Whether the jobs that were named are for the bytes that lie there."""
    photo: Plain = after["photo"] or {}
    lies = photo.get("sha256")
    return all(jobs[job_id]["sha256"] == lies for job_id in before["jobs"].values() if job_id in jobs)


def _unmoved(before: Plain, after: Plain) -> bool:
    """Whether bytes, sidecar and tags are those from which the photo was resolved before.

    Uploading a photo again that was refused, even in part, asks for another try.
    """
    was, now = before["photo"] or {}, after["photo"] or {}
    refused = any(one["origin"] == "photo" for one in before["problems"])
    tried_again = refused and was.get("version_id") != now.get("version_id")
    return (
        was.get("etag") == now.get("etag")
        and before["instructions_fingerprint"] == after["instructions_fingerprint"]
        and not tried_again
    )


def _early(one: Resolved, jobs: Mapping[str, Plain]) -> str:
    """How much too early a photo is bought that has no word of its own; one that waited in vain may go at once.

    A job from before it waited is named again, and not bought: when it was queued says nothing of the wait.
    """
    if one.settle_seconds is None or (one.before and _looked_in_vain(one.before)):
        return ""
    if one.before is None or not one.before["settling_since"]:
        return "at once"
    since = datetime.fromisoformat(one.before["settling_since"])
    queued = max(datetime.fromisoformat(jobs[job_id]["queued_at"]) for job_id in one.after["jobs"].values())
    waited = (queued - since).total_seconds()
    return f"after {waited:.1f} s" if 0 <= waited < one.settle_seconds else ""


def _looked_in_vain(source: Plain) -> bool:
    return bool(source["blocked_by_defaults"]) or any(one["code"] == UNSAID for one in source["problems"])


def twin_breaches(before: Plain | None, after: Plain, others: Iterable[Plain]) -> list[Breach]:
    """A new job, and those of the same photo: no two ask the same with the same bytes for a variant. At any write."""
    twins = [one for one in others if one["job_id"] != after["job_id"] and _work(one) == _work(after)]
    if before is not None or not twins:
        return []
    return [Breach(Promise.NO_REPEATS, f"{after['key']}: asked the same, and it is another job")]


def _work(job: Plain) -> tuple[Any, ...]:
    """What a job is there for; what does not reach the provider does not count, but for the revision."""
    asked = {name: value for name, value in job["instructions"].items() if name not in FREE}
    return job["source_id"], job["variant"], job["sha256"], json.dumps(asked, sort_keys=True)


# -- at rest ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instructed:
    """What one photo in the bucket may have at rest: `now`, what all say now, and `ever`, what they said before.

    `ever`: with the photo's own word as it is and the folders' defaults as they once were, and what was asked for
    directly. `may`: codes that are right whatever is said. `loose`: a word was taken away, which undoes nothing.
    """

    now: Said
    ever: Sequence[Said]
    may: frozenset[str] = frozenset()
    loose: bool = False


def instructed_breaches(ledger: Ledger, photos: Mapping[str, Instructed]) -> list[Breach]:
    """All that is said of the photos has its jobs or its report, and what waited was woken. Holds at rest."""
    by_key = {source["key"]: source for source in ledger.sources.values()}
    return [
        Breach(Promise.INSTRUCTED, f"{key}: {words}")
        for key, one in photos.items()
        if (source := by_key.get(key)) and (words := _unlike(has(source, ledger.jobs), one))
    ]


def _unlike(found: Said, one: Instructed) -> str:
    codes = {code for _, code in found.codes}
    if codes and codes <= one.may:
        return ""
    if not found.jobs and (found.held or codes <= {UNSAID}) and not one.loose:
        kept = one.now.held and any(_same(found, said) for said in one.ever)
        return "" if kept or _same(found, one.now) else f"is {_told(found)}, and now {_told(one.now)} is said"
    same = one.loose or any(found.jobs == said.jobs and codes <= _codes(said) | one.may for said in one.ever)
    return "" if same else f"is {_told(found)}, and nothing said so"


def _codes(said: Said) -> set[str]:
    return {code for _, code in said.codes}


def held_breaches(ledger: Ledger, broken: Mapping[str, Collection[str]]) -> list[Breach]:
    """Who is held is held by defaults that are broken, and each such folder is told of. Holds at rest.

    `broken`: the codes of what is wrong with each folder's defaults, by their keys.
    """
    by_key = {source["key"]: source for source in ledger.sources.values()}
    found = [
        Breach(Promise.HELD, f"{source['key']}: is held by {source['blocked_by_defaults']}, which is not broken")
        for source in by_key.values()
        if source["blocked_by_defaults"] and source["photo"] and not broken.get(str(source["blocked_by_defaults"]))
    ]
    for key, codes in broken.items():
        told = {problem["code"] for problem in by_key[key]["problems"]} if key in by_key else set[str]()
        if told != set(codes):
            found.append(Breach(Promise.HELD, f"{key}: people are told {sorted(told)}, and it has {sorted(codes)}"))
    return found


def pair_breaches(ledger: Ledger, keys: Collection[str]) -> list[Breach]:
    """A photo and its word came within the time to settle: it has the jobs that it names, and never had others.

    Holds at rest. One that is given up, since it killed those who looked at it again, names none of what it had.
    """
    return [
        Breach(Promise.PATIENT, f"{source['key']}: {len(every)} jobs, {len(source['jobs'])} wanted")
        for source_id, source in ledger.sources.items()
        if source["key"] in keys
        and len(every := ledger.jobs_of(source_id)) != len(source["jobs"])
        and not _is_given_up(source, every)
    ]


def _is_given_up(source: Plain, every: Collection[Plain]) -> bool:
    """Whether it names nothing for its deaths' sake, and had no two jobs for one variant."""
    variants = [job["variant"] for job in every]
    died = any(one["code"] == CRASHED for one in source["problems"])
    return died and not source["jobs"] and len(variants) == len(set(variants))


def version_breaches(ledger: Ledger, versions: Mapping[str, str]) -> list[Breach]:
    """What a current stored job says that it handed over is what lies there: ids of versions by key. Holds at rest."""
    current = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Breach(Promise.NEWEST, f"{result['key']}: something else lies there than was handed over last")
        for job_id, job in ledger.jobs.items()
        if job_id in current and job["status"] == "stored" and not _is_told(job)
        for result in job["results"]
        if versions.get(result["key"]) != result["version_id"]
    ]


def asked_for_breaches(ledger: Ledger, requests: Mapping[str, str]) -> list[Breach]:
    """Every request was heard: keys by the ids of the messages. Holds at rest."""
    heard = {str(ident) for source in ledger.sources.values() for ident in source["recent_request_ids"]}
    return [
        Breach(Promise.INSTRUCTED, f"{key}: nobody heard the request {ident}")
        for ident, key in requests.items()
        if ident not in heard
    ]


def taken_away_breaches(ledger: Ledger, marks: Mapping[str, str]) -> list[Breach]:
    """Pictures of a variant that the photo has no more stay, and its last job says that they are of old. At rest.

    `marks` are the ids of the jobs that made the pictures, by their keys.
    """
    found: list[Breach] = []
    for source_id, source in ledger.sources.items():
        left = [job for job in ledger.jobs_of(source_id) if source["jobs"] and _is_left(job, source)]
        gone = [result["key"] for job in left for result in job["results"] if result["key"] not in marks]
        untold = [job for job in left if _lies_there(job, marks) and not _is_told(job)]
        found += [Breach(Promise.VIEWS_TRUE, f"{job['key']}: {job['variant']} is of old, untold") for job in untold]
        found += [Breach(Promise.PICTURES_TRUE, f"{key}: of old, and gone") for key in gone]
    return found


def _lies_there(job: Plain, marks: Mapping[str, str]) -> bool:
    return all(marks.get(result["key"]) == job["job_id"] for result in job["results"])


def _is_told(job: Plain) -> bool:
    return any(warning["code"] == NOT_CURRENT for warning in job["warnings"])


def _is_left(job: Plain, source: Plain) -> bool:
    variants = {*source["jobs"], *(problem["variant"] for problem in source["problems"])}
    return job["status"] == "stored" and bool(job["results"]) and job["variant"] not in variants


def output_breaches(ledger: Ledger) -> list[Breach]:
    """Each current stored job has a picture for each output of each image, and no others. Holds at rest."""
    current = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Breach(Promise.PICTURES_TRUE, f"{job['key']}: has {sorted(told)}, and {sorted(asked)} is asked for")
        for job_id, job in ledger.jobs.items()
        if job_id in current and job["status"] == "stored" and not _warned(job)
        if (told := {str(result["key"]) for result in job["results"]}) != (asked := set(_keys(job)))
    ]


def _warned(job: Plain) -> bool:
    return any(str(warning["code"]).startswith(WARNED) for warning in job["warnings"])


def _keys(job: Plain) -> Iterable[str]:
    """The names of design 2.4."""
    said: Any = job["instructions"].get("output", {})
    usable = sum(link["url"] is not None for link in job["links"])
    stem = str(job["key"]).rpartition("/")[2].rpartition(".")[0]
    for n in range(1, usable + 1):
        for output in said if isinstance(said, list) else [said]:
            tail = f"-{job['variant']}" * bool(job["variant"]) + f"_{n}" * (n > 1)
            name = f"@{output['name']}" if "name" in output else ""
            yield f"{job['key']}/{stem}{tail}{name}.{output.get('format', 'png')}"
