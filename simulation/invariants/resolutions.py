"""The promises about instructions: what is asked is what lies there, all of it, and nothing else is bought for it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulation.invariants.violations import NO_INSTRUCTIONS, Invariant, JsonObject, PlainLedger, Violation

# A photo that killed its workers is judged from afar.
CRASHED = "crashed"
NOT_CURRENT = "not_current"
FIELDS_WITHOUT_CHARGE = frozenset({"output", "metadata", "max_cost_usd"})
WARNING_PREFIXES = ("fewer_results", "unsafe_result", "result_", "link_expired", "paid_file_gone", NOT_CURRENT)


@dataclass(frozen=True)
class Resolution:
    """What is said of one photo: the instructions of its jobs by variant, and variants with codes of refusals.

    Where a folder's defaults are broken (`held`), it has neither.
    """

    instructions_by_variant: Mapping[str, Mapping[str, Any]]
    refusals: frozenset[tuple[str, str]] = frozenset()
    is_blocked: bool = False


BLOCKED = Resolution({}, is_blocked=True)


def read_resolution(source: JsonObject, jobs: Mapping[str, JsonObject]) -> Resolution:
    """What a photo's place has: `jobs` by their ids."""
    instructions_by_variant = {variant: jobs[job_id]["instructions"] for variant, job_id in source["jobs"].items()}
    refusals = frozenset((str(one["variant"]), str(one["code"])) for one in source["problems"])
    return Resolution(instructions_by_variant, refusals, bool(source["blocked_by_defaults"]))


# -- one write ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResolutionWrite:
    """A write that changes what a photo names. `could_be`: what all said at some moment since its worker began.

    `requested`: the same with the request that is heard for the first time with this write, None where there is none.
    `by_order`: the worker brought a request, or a person's word to resolve it anew. `own_word`: whether the photo may
    have had its own by then; `settle_seconds`: how long one without is given, None where clocks tell nothing.
    """

    before: JsonObject | None
    after: JsonObject
    possible_resolutions: Sequence[Resolution]
    resolutions_with_request: Sequence[Resolution] | None
    is_requested: bool
    has_own_instructions: bool
    settle_seconds: float | None


def check_resolution(write: ResolutionWrite, jobs: Mapping[str, JsonObject]) -> list[Violation]:
    """What a photo names from now on is what was said; it changes for a reason, and not too soon. At any write."""
    key, resolution = write.after["key"], read_resolution(write.after, jobs)
    if CRASHED in {code for _, code in resolution.refusals} or write.after["photo"] is None:
        return []
    if write.resolutions_with_request is not None:
        return _check_request(write, resolution)
    resolution = Resolution(
        resolution.instructions_by_variant,
        resolution.refusals - find_kept_request_refusals(write.before, write.after),
        resolution.is_blocked,
    )
    is_unexplained = not any(is_equal(resolution, said) for said in write.possible_resolutions)
    violations = (
        [Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{key}: is {_format_resolution(resolution)}, and nothing said so")]
        if is_unexplained
        else []
    )
    was_never_deleted = write.before is not None and not write.before["was_missing"]
    has_same_bytes = write.before is not None and was_never_deleted and _has_same_bytes(write.before, write.after, jobs)
    if (
        write.before
        and has_same_bytes
        and write.before["jobs"]
        and not write.is_requested
        and _has_same_inputs(write.before, write.after)
    ):
        violations.append(
            Violation(
                Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE, f"{key}: resolved anew, and nothing of its own has changed"
            )
        )
    has_no_instructions = {code for _, code in resolution.refusals} == {NO_INSTRUCTIONS}
    if write.before and has_same_bytes and has_no_instructions and write.before["jobs"] and not write.after["jobs"]:
        violations.append(
            Violation(
                Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
                f"{key}: nothing is said of it any more, and that undoes what was",
            )
        )
    if (
        not write.has_own_instructions
        and not write.is_requested
        and resolution.instructions_by_variant
        and (early := _describe_early_purchase(write, jobs))
    ):
        violations.append(
            Violation(Invariant.SETTLE_TIME_RESPECTED, f"{key}: bought {early}, without a word of its own")
        )
    return violations


def _check_request(write: ResolutionWrite, resolution: Resolution) -> list[Violation]:
    """A request leads to its jobs; one that cannot be done changes none."""
    is_unchanged = write.after["jobs"] == (write.before["jobs"] if write.before else {})
    if any(
        is_equal(resolution, said) if said.instructions_by_variant else is_unchanged
        for said in write.resolutions_with_request or ()
    ):
        return []
    return [
        Violation(
            Invariant.INSTRUCTIONS_FOLLOWED,
            f"{write.after['key']}: is {_format_resolution(resolution)}, and a request said otherwise",
        )
    ]


def is_equal(found: Resolution, expected: Resolution) -> bool:
    return (
        found.instructions_by_variant == expected.instructions_by_variant
        and found.refusals == expected.refusals
        and found.is_blocked == expected.is_blocked
    )


def _format_resolution(resolution: Resolution) -> str:
    codes = ", ".join(f"{variant} {code}".strip() for variant, code in sorted(resolution.refusals))
    return (
        f"asked {json.dumps(resolution.instructions_by_variant, sort_keys=True)}{f', refused {codes}' if codes else ''}"
    )


def _has_same_bytes(before: JsonObject, after: JsonObject, jobs: Mapping[str, JsonObject]) -> bool:
    """Whether the jobs that were named are for the bytes that lie there."""
    photo: JsonObject = after["photo"] or {}
    current_sha256 = photo.get("sha256")
    return all(jobs[job_id]["sha256"] == current_sha256 for job_id in before["jobs"].values() if job_id in jobs)


def _has_same_inputs(before: JsonObject, after: JsonObject) -> bool:
    """Whether bytes, sidecar and tags are those from which the photo was resolved before.

    Uploading a photo again that was refused, even in part, asks for another try.
    """
    photo_before, photo_after = before["photo"] or {}, after["photo"] or {}
    was_refused = any(one["origin"] == "photo" for one in before["problems"])
    was_uploaded_again = was_refused and photo_before.get("version_id") != photo_after.get("version_id")
    return (
        photo_before.get("etag") == photo_after.get("etag")
        and before["instructions_fingerprint"] == after["instructions_fingerprint"]
        and not was_uploaded_again
    )


def _describe_early_purchase(write: ResolutionWrite, jobs: Mapping[str, JsonObject]) -> str:
    """How much too early a photo is bought that has no word of its own; one that waited in vain may go at once.

    A job from before it waited is named again, and not bought: when it was queued says nothing of the wait.
    """
    if write.settle_seconds is None or (write.before and _has_waited_already(write.before)):
        return ""
    if write.before is None or not write.before["settling_since"]:
        return "at once"
    settling_since = datetime.fromisoformat(write.before["settling_since"])
    queued_at = max(datetime.fromisoformat(jobs[job_id]["queued_at"]) for job_id in write.after["jobs"].values())
    waited_seconds = (queued_at - settling_since).total_seconds()
    return f"after {waited_seconds:.1f} s" if 0 <= waited_seconds < write.settle_seconds else ""


def _has_waited_already(source: JsonObject) -> bool:
    return bool(source["blocked_by_defaults"]) or any(one["code"] == NO_INSTRUCTIONS for one in source["problems"])


def check_duplicate_jobs(
    before: JsonObject | None, after: JsonObject, other_jobs: Iterable[JsonObject]
) -> list[Violation]:
    """A new job, and those of the same photo: no two ask the same with the same bytes for a variant. At any write."""
    duplicates = [
        one for one in other_jobs if one["job_id"] != after["job_id"] and _identify_work(one) == _identify_work(after)
    ]
    if before is not None or not duplicates:
        return []
    return [Violation(Invariant.NO_REPEAT_PURCHASES, f"{after['key']}: asked the same, and it is another job")]


def _identify_work(job: JsonObject) -> tuple[Any, ...]:
    """What a job is there for; what does not reach the provider does not count, but for the revision."""
    paid_fields = {name: value for name, value in job["instructions"].items() if name not in FIELDS_WITHOUT_CHARGE}
    return job["source_id"], job["variant"], job["sha256"], json.dumps(paid_fields, sort_keys=True)


# -- at rest ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpectedResolution:
    """What one photo in the bucket may have at rest: `now`, what all say now, and `ever`, what they said before.

    `ever`: with the photo's own word as it is and the folders' defaults as they once were, and what was asked for
    directly. `may`: codes that are right whatever is said. `loose`: a word was taken away, which undoes nothing.
    """

    current: Resolution
    earlier: Sequence[Resolution]
    allowed_codes: frozenset[str] = frozenset()
    was_removed: bool = False


def check_final_resolutions(ledger: PlainLedger, expected_by_key: Mapping[str, ExpectedResolution]) -> list[Violation]:
    """All that is said of the photos has its jobs or its report, and what waited was woken. Holds at rest."""
    by_key = {source["key"]: source for source in ledger.sources.values()}
    return [
        Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{key}: {detail}")
        for key, expected in expected_by_key.items()
        if (source := by_key.get(key))
        and (detail := _describe_difference(read_resolution(source, ledger.jobs), expected))
    ]


def _describe_difference(resolution: Resolution, expected: ExpectedResolution) -> str:
    codes = {code for _, code in resolution.refusals}
    if codes and codes <= expected.allowed_codes:
        return ""
    if (
        not resolution.instructions_by_variant
        and (resolution.is_blocked or codes <= {NO_INSTRUCTIONS})
        and not expected.was_removed
    ):
        is_still_blocked = expected.current.is_blocked and any(is_equal(resolution, said) for said in expected.earlier)
        return (
            ""
            if is_still_blocked or is_equal(resolution, expected.current)
            else f"is {_format_resolution(resolution)}, and now {_format_resolution(expected.current)} is said"
        )
    is_explained = expected.was_removed or any(
        resolution.instructions_by_variant == said.instructions_by_variant
        and codes <= _list_codes(said) | expected.allowed_codes
        for said in expected.earlier
    )
    return "" if is_explained else f"is {_format_resolution(resolution)}, and nothing said so"


def _list_codes(resolution: Resolution) -> set[str]:
    return {code for _, code in resolution.refusals}


def check_blocked_photos(ledger: PlainLedger, codes_by_key: Mapping[str, Collection[str]]) -> list[Violation]:
    """Who is held is held by defaults that are broken, and each such folder is told of. Holds at rest.

    `broken`: the codes of what is wrong with each folder's defaults, by their keys.
    """
    by_key = {source["key"]: source for source in ledger.sources.values()}
    violations = [
        Violation(
            Invariant.BLOCKED_BY_BROKEN_DEFAULTS,
            f"{source['key']}: is held by {source['blocked_by_defaults']}, which is not broken",
        )
        for source in by_key.values()
        if source["blocked_by_defaults"]
        and source["photo"]
        and not codes_by_key.get(str(source["blocked_by_defaults"]))
    ]
    for key, codes in codes_by_key.items():
        reported_codes = {problem["code"] for problem in by_key[key]["problems"]} if key in by_key else set[str]()
        if reported_codes != set(codes):
            violations.append(
                Violation(
                    Invariant.BLOCKED_BY_BROKEN_DEFAULTS,
                    f"{key}: people are told {sorted(reported_codes)}, and it has {sorted(codes)}",
                )
            )
    return violations


def check_paired_uploads(ledger: PlainLedger, keys: Collection[str]) -> list[Violation]:
    """A photo and its word came within the time to settle: it has the jobs that it names, and never had others.

    Holds at rest. One that is given up, since it killed those who looked at it again, names none of what it had.
    """
    return [
        Violation(
            Invariant.SETTLE_TIME_RESPECTED, f"{source['key']}: {len(all_jobs)} jobs, {len(source['jobs'])} wanted"
        )
        for source_id, source in ledger.sources.items()
        if source["key"] in keys
        and len(all_jobs := ledger.find_jobs(source_id)) != len(source["jobs"])
        and not _is_given_up(source, all_jobs)
    ]


def _is_given_up(source: JsonObject, jobs: Collection[JsonObject]) -> bool:
    """Whether it names nothing for its deaths' sake, and had no two jobs for one variant."""
    variants = [job["variant"] for job in jobs]
    has_crashed = any(one["code"] == CRASHED for one in source["problems"])
    return has_crashed and not source["jobs"] and len(variants) == len(set(variants))


def check_picture_versions(ledger: PlainLedger, version_by_key: Mapping[str, str]) -> list[Violation]:
    """What a current stored job says that it handed over is what lies there: ids of versions by key. Holds at rest."""
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Violation(Invariant.NEWEST_DELIVERED, f"{result['key']}: something else lies there than was handed over last")
        for job_id, job in ledger.jobs.items()
        if job_id in current_job_ids and job["status"] == "stored" and not _has_not_current_warning(job)
        for result in job["results"]
        if version_by_key.get(result["key"]) != result["version_id"]
    ]


def check_requests_recorded(ledger: PlainLedger, key_by_request_id: Mapping[str, str]) -> list[Violation]:
    """Every request was heard: keys by the ids of the messages. Holds at rest."""
    recorded_ids = {
        str(request_id) for source in ledger.sources.values() for request_id in source["recent_request_ids"]
    }
    return [
        Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{key}: nobody heard the request {ident}")
        for ident, key in key_by_request_id.items()
        if ident not in recorded_ids
    ]


def check_removed_variants(ledger: PlainLedger, job_id_by_picture: Mapping[str, str]) -> list[Violation]:
    """Pictures of a variant that the photo has no more stay, and its last job says that they are of old. At rest.

    `marks` are the ids of the jobs that made the pictures, by their keys.
    """
    violations: list[Violation] = []
    for source_id, source in ledger.sources.items():
        jobs_of_removed_variants = [
            job for job in ledger.find_jobs(source_id) if source["jobs"] and _is_of_removed_variant(job, source)
        ]
        missing_keys = [
            result["key"]
            for job in jobs_of_removed_variants
            for result in job["results"]
            if result["key"] not in job_id_by_picture
        ]
        jobs_without_warning = [
            job
            for job in jobs_of_removed_variants
            if _has_all_pictures(job, job_id_by_picture) and not _has_not_current_warning(job)
        ]
        violations += [
            Violation(Invariant.DOCUMENTS_MATCH_LEDGER, f"{job['key']}: {job['variant']} is of old, untold")
            for job in jobs_without_warning
        ]
        violations += [Violation(Invariant.PICTURES_MATCH_JOBS, f"{key}: of old, and gone") for key in missing_keys]
    return violations


def _has_all_pictures(job: JsonObject, job_id_by_picture: Mapping[str, str]) -> bool:
    return all(job_id_by_picture.get(result["key"]) == job["job_id"] for result in job["results"])


def _has_not_current_warning(job: JsonObject) -> bool:
    return any(warning["code"] == NOT_CURRENT for warning in job["warnings"])


def _is_of_removed_variant(job: JsonObject, source: JsonObject) -> bool:
    variants = {*source["jobs"], *(problem["variant"] for problem in source["problems"])}
    return job["status"] == "stored" and bool(job["results"]) and job["variant"] not in variants


def check_outputs(ledger: PlainLedger) -> list[Violation]:
    """Each current stored job has a picture for each output of each image, and no others. Holds at rest."""
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Violation(
            Invariant.PICTURES_MATCH_JOBS,
            f"{job['key']}: has {sorted(found_keys)}, and {sorted(expected_keys)} is asked for",
        )
        for job_id, job in ledger.jobs.items()
        if job_id in current_job_ids and job["status"] == "stored" and not _has_result_warning(job)
        if (found_keys := {str(result["key"]) for result in job["results"]})
        != (expected_keys := set(_list_expected_keys(job)))
    ]


def _has_result_warning(job: JsonObject) -> bool:
    return any(str(warning["code"]).startswith(WARNING_PREFIXES) for warning in job["warnings"])


def _list_expected_keys(job: JsonObject) -> Iterable[str]:
    """The names of design 2.4."""
    outputs: Any = job["instructions"].get("output", {})
    usable_count = sum(link["url"] is not None for link in job["links"])
    stem = str(job["key"]).rpartition("/")[2].rpartition(".")[0]
    for n in range(1, usable_count + 1):
        for output in outputs if isinstance(outputs, list) else [outputs]:
            suffix = f"-{job['variant']}" * bool(job["variant"]) + f"_{n}" * (n > 1)
            name = f"@{output['name']}" if "name" in output else ""
            yield f"{job['key']}/{stem}{suffix}{name}.{output.get('format', 'png')}"


def find_kept_request_refusals(before: JsonObject | None, after: JsonObject) -> frozenset[tuple[str, str]]:
    """By variant the codes of those that were told before and are told still."""
    earlier = [(one["code"], one["first_seen"]) for one in (before["problems"] if before else ())]
    still_reported = [
        one for one in after["problems"] if (one["code"], one["first_seen"]) in earlier and _is_from_request(one)
    ]
    return frozenset((str(one["variant"]), str(one["code"])) for one in still_reported)


def _is_from_request(problem: JsonObject) -> bool:
    return problem["origin"] == "request"
