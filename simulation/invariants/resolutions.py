"""Invariants about instructions: each photo has the jobs that its instructions ask for, and no others."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import chain
from typing import Any

from simulation.invariants.output_keys import ExpectedFile, list_expected_files
from simulation.invariants.violations import (
    MASK_VARIANT,
    NO_INSTRUCTIONS,
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    is_mask,
)

# The code of a photo that crashed its workers and is no longer opened.
CRASHED = "crashed"
NOT_CURRENT = "not_current"
NAME_TAKEN = "name_taken"
MASK_MICRO_USD = 10_000
FIELDS_OF_FILES = frozenset({"output", "shadow", "logo", "alt", "title", "copyright", "subject"})
"""The fields that change only the delivered files."""
FIELDS_WITHOUT_CHARGE = FIELDS_OF_FILES | {"metadata", "max_cost_usd", "approval"}
WARNING_PREFIXES = (
    "fewer_results",
    "unsafe_result",
    "result_",
    "link_expired",
    "paid_file_gone",
    NOT_CURRENT,
    NAME_TAKEN,
)


@dataclass(frozen=True)
class Resolution:
    """What a photo's instructions resolve to: instructions of jobs by variant, and pairs of variant and refusal code.

    It has neither if folder defaults are broken (`is_blocked`).
    """

    instructions_by_variant: Mapping[str, Mapping[str, Any]]
    refusals: frozenset[tuple[str, str]] = frozenset()
    is_blocked: bool = False


BLOCKED = Resolution({}, is_blocked=True)


def read_resolution(source: JsonObject, jobs: Mapping[str, JsonObject]) -> Resolution:
    """Returns what the source has now, without its mask: see `check_mask`. `jobs` are all jobs by ID."""
    instructions_by_variant = {
        variant: jobs[job_id]["instructions"] for variant, job_id in source["jobs"].items() if variant != MASK_VARIANT
    }
    refusals = frozenset((str(problem["variant"]), str(problem["code"])) for problem in source["problems"])
    return Resolution(instructions_by_variant, refusals, bool(source["blocked_by_defaults"]))


# -- one write --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResolutionWrite:
    """A write that changes the jobs of a photo.

    `possible_resolutions`: what its instructions resolved to at any moment since its worker started.
    `resolutions_with_request`: the same with the request that this write handles for the first time; None without one.
    `is_requested`: the worker handled a request or an operator's rerun. `has_own_instructions`: the photo may have had
    instructions of its own by then. `settle_seconds`: the settle time of a photo without any; None if clocks are
    unreliable.
    """

    before: JsonObject | None
    after: JsonObject
    possible_resolutions: Sequence[Resolution]
    resolutions_with_request: Sequence[Resolution] | None
    is_requested: bool
    has_own_instructions: bool
    settle_seconds: float | None


def check_resolution(write: ResolutionWrite, jobs: Mapping[str, JsonObject]) -> list[Violation]:
    """Checks that a photo's new jobs follow its instructions, and change for a cause and not too early.

    Holds on every write.
    """
    key, resolution = write.after["key"], read_resolution(write.after, jobs)
    if CRASHED in {code for _, code in resolution.refusals} or write.after["photo"] is None:
        return []
    if write.resolutions_with_request is not None:
        return _check_request(write, resolution, jobs)
    resolution = Resolution(
        resolution.instructions_by_variant,
        resolution.refusals - find_kept_request_refusals(write.before, write.after),
        resolution.is_blocked,
    )
    is_unexplained = not any(is_equal(resolution, possible) for possible in write.possible_resolutions)
    violations = (
        [
            Violation(
                Invariant.INSTRUCTIONS_FOLLOWED,
                f"{key}: resolved to {_format_resolution(resolution)}, which no instructions explain",
            )
        ]
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
                Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
                f"{key}: resolved again, although nothing of its own has changed",
            )
        )
    has_no_instructions = {code for _, code in resolution.refusals} == {NO_INSTRUCTIONS}
    if write.before and has_same_bytes and has_no_instructions and write.before["jobs"] and not write.after["jobs"]:
        violations.append(
            Violation(
                Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
                f"{key}: its instructions were removed, and that ended its jobs",
            )
        )
    if (
        not write.has_own_instructions
        and not write.is_requested
        and resolution.instructions_by_variant
        and (delay := _describe_early_purchase(write, jobs))
    ):
        violations.append(
            Violation(Invariant.SETTLE_TIME_RESPECTED, f"{key}: bought {delay}, without instructions of its own")
        )
    return violations


def _check_request(write: ResolutionWrite, resolution: Resolution, jobs: Mapping[str, JsonObject]) -> list[Violation]:
    """Checks that a request leads to its jobs, and that a request that cannot be carried out changes none.

    If it is the first message about new bytes, the jobs for the earlier bytes are no longer current.
    """
    jobs_before = write.before["jobs"] if write.before else {}
    is_outdated = bool(write.before) and not _has_same_bytes(write.before, write.after, jobs)
    is_unchanged_or_outdated = write.after["jobs"] == jobs_before or (is_outdated and not write.after["jobs"])
    if any(
        is_equal(resolution, possible) if possible.instructions_by_variant else is_unchanged_or_outdated
        for possible in write.resolutions_with_request or ()
    ):
        return []
    return [
        Violation(
            Invariant.INSTRUCTIONS_FOLLOWED,
            f"{write.after['key']}: resolved to {_format_resolution(resolution)}, but a request asked for "
            "something else",
        )
    ]


def refuse_names(resolution: Resolution, variants: Collection[str]) -> Resolution:
    """Returns the resolution without these variants, because another photo has a name that they need."""
    refused = resolution.instructions_by_variant.keys() & set(variants)
    return refuse_variants(resolution, variants, {(variant, NAME_TAKEN) for variant in refused})


def refuse_variants(
    resolution: Resolution, variants: Collection[str], refusals: Collection[tuple[str, str]]
) -> Resolution:
    """Returns the resolution without these variants, and with these pairs of variant and refusal code."""
    accepted = {name: fields for name, fields in resolution.instructions_by_variant.items() if name not in variants}
    return replace(resolution, instructions_by_variant=accepted, refusals=resolution.refusals | {*refusals})


def is_equal(found: Resolution, expected: Resolution) -> bool:
    return (
        found.instructions_by_variant == expected.instructions_by_variant
        and found.refusals == expected.refusals
        and found.is_blocked == expected.is_blocked
    )


def _format_resolution(resolution: Resolution) -> str:
    codes = ", ".join(f"{variant} {code}".strip() for variant, code in sorted(resolution.refusals))
    return (
        f"jobs {json.dumps(resolution.instructions_by_variant, sort_keys=True)}{f', refused {codes}' if codes else ''}"
    )


def _has_same_bytes(before: JsonObject, after: JsonObject, jobs: Mapping[str, JsonObject]) -> bool:
    photo: JsonObject = after["photo"] or {}
    current_sha256 = photo.get("sha256")
    return all(jobs[job_id]["sha256"] == current_sha256 for job_id in before["jobs"].values() if job_id in jobs)


def _has_same_inputs(before: JsonObject, after: JsonObject) -> bool:
    """Whether bytes, sidecar, and tags are the same as when the photo was last resolved.

    Uploading a photo again after it was refused, even in part, requests another attempt.
    """
    photo_before, photo_after = before["photo"] or {}, after["photo"] or {}
    was_refused = any(problem["origin"] == "photo" for problem in before["problems"])
    was_uploaded_again = was_refused and photo_before.get("version_id") != photo_after.get("version_id")
    return (
        photo_before.get("etag") == photo_after.get("etag")
        and before["instructions_fingerprint"] == after["instructions_fingerprint"]
        and not was_uploaded_again
    )


def _describe_early_purchase(write: ResolutionWrite, jobs: Mapping[str, JsonObject]) -> str:
    """Describes how much too early a photo without instructions of its own is bought; empty if it is not.

    A photo that has waited its settle time before may be bought at once. A job that was queued before the photo began
    to wait is only named again, not bought.
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
    return bool(source["blocked_by_defaults"]) or any(
        problem["code"] == NO_INSTRUCTIONS for problem in source["problems"]
    )


def check_duplicate_jobs(
    before: JsonObject | None, after: JsonObject, other_jobs: Iterable[JsonObject]
) -> list[Violation]:
    """Checks that a new job of a photo does not repeat another one's bytes, instructions, and variant.

    Holds on every write.
    """
    duplicates = [
        job for job in other_jobs if job["job_id"] != after["job_id"] and _identify_work(job) == _identify_work(after)
    ]
    if before is not None or not duplicates:
        return []
    return [
        Violation(
            Invariant.NO_REPEAT_PURCHASES, f"{after['key']}: a second job for the same bytes, variant, and instructions"
        )
    ]


def _identify_work(job: JsonObject) -> tuple[Any, ...]:
    """Returns what a job buys, without the fields that do not reach the provider."""
    paid_fields = {name: value for name, value in job["instructions"].items() if name not in FIELDS_WITHOUT_CHARGE}
    if "frame" in paid_fields:
        paid_fields["frame"] = _find_bought_shape(job)
    return job["source_id"], job["variant"], job["sha256"], json.dumps(paid_fields, sort_keys=True)


def _find_bought_shape(job: JsonObject) -> str:
    """Returns the proportions of the frame for which a picture is bought; a removed background has none."""
    if job["operation"] == "remove" or "frame" not in job["instructions"]:
        return ""
    width, height = str(job["instructions"]["frame"]).replace("x", ":").split(":")
    return str(Fraction(int(width), int(height)))


def check_mask(
    source: JsonObject,
    jobs: Mapping[str, JsonObject],
    *,
    is_transparent: bool,
    had_cut_out: bool | None,
    has_mandate: bool,
) -> list[Violation]:
    """Checks that a photo whose jobs have changed has a mask if, and only if, a picture asks for it and needs it.

    Holds on every write. `is_transparent`: the photo itself shows where the product is. `had_cut_out`: whether another
    cut-out of the same bytes was bought before; None if that has changed since the worker started. `has_mandate`: a
    mandate owns the folder, or did before.
    """
    current_jobs = [jobs[job_id] for variant, job_id in source["jobs"].items() if variant != MASK_VARIANT]
    buyers = [job for job in current_jobs if job["instructions"].get("subject", {}).get("mask") == "buy"]
    is_requested = bool(buyers)
    is_cut_out = any(job["operation"] == "remove" for job in current_jobs)
    needs_mask = is_requested and not is_cut_out and not is_transparent
    has_mask = MASK_VARIANT in source["jobs"]
    if has_mask == (needs_mask and not had_cut_out) or (needs_mask and had_cut_out is None):
        return []
    if (
        needs_mask
        and not has_mask
        and all(_may_lack_room_for_mask(job, has_mandate=has_mandate) or _needs_no_verdict(job) for job in buyers)
    ):
        return []
    detail = f"{source['key']}: {'a mask that nothing needs' if has_mask else 'no mask, although a picture needs one'}"
    return [Violation(Invariant.MASK_BOUGHT_ON_REQUEST, detail)]


def _may_lack_room_for_mask(job: JsonObject, *, has_mandate: bool) -> bool:
    """Whether a mask may exceed the limits of a job that has been charged, or may have been.

    A mandate may be newer than the job.
    """
    bought = sum(one["charged"] + one["unknown"] + one["reserved"] for one in job["attempts"])
    limit = job["instructions"].get("max_cost_usd")
    is_above_limit = limit is not None and bought + MASK_MICRO_USD > round(limit * 1_000_000)
    return bool(bought) and (is_above_limit or has_mandate)


def _needs_no_verdict(job: JsonObject) -> bool:
    """Whether no picture of a job is compared with the photo from now on, unless it is bought or prepared again."""
    decisions = [review["decision"] for review in job["reviews"]]
    is_decided = job["status"] == "paid" and bool(decisions) and None not in decisions
    return job["status"] in {"stored", "rejected", "review"} or is_decided


def check_frames(job: JsonObject, other_jobs: Iterable[JsonObject]) -> list[Violation]:
    """Checks that no other job for the same content has another frame. Holds on every write."""
    return [
        Violation(
            Invariant.FRAMES_BOUGHT_SEPARATELY,
            f"{job['key']} {job['variant']}: the same purchase as {other['key']} {other['variant']}, in another frame",
        )
        for other in other_jobs
        if other["content_id"] == job["content_id"] and _find_bought_shape(other) != _find_bought_shape(job)
    ]


# -- at rest ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpectedResolution:
    """What one photo in the bucket may have at rest.

    `current`: what its instructions resolve to now. `earlier`: what they resolved to before, with the photo's own
    instructions as they are now and the folder defaults as they once were, and what was requested directly. They are
    computed only as far as they are read.
    `allowed_codes`: codes that are right whatever the instructions. `was_removed`: instructions were removed, which
    undoes nothing.
    """

    current: Resolution
    earlier: Iterable[Resolution]
    allowed_codes: frozenset[str] = frozenset()
    was_removed: bool = False


def check_final_resolutions(ledger: PlainLedger, expected_by_key: Mapping[str, ExpectedResolution]) -> list[Violation]:
    """Checks that all instructions of the photos have led to jobs or to reports, and that none still wait.

    Holds at rest.
    """
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
        is_still_blocked = expected.current.is_blocked and any(
            is_equal(resolution, earlier) for earlier in expected.earlier
        )
        return (
            ""
            if is_still_blocked or is_equal(resolution, expected.current)
            else f"resolved to {_format_resolution(resolution)}, but its instructions now mean "
            f"{_format_resolution(expected.current)}"
        )
    is_explained = expected.was_removed or any(
        resolution.instructions_by_variant == one.instructions_by_variant
        and codes <= _list_codes(one) | expected.allowed_codes
        for one in chain([expected.current], expected.earlier)
    )
    return "" if is_explained else f"resolved to {_format_resolution(resolution)}, which no instructions explain"


def _list_codes(resolution: Resolution) -> set[str]:
    return {code for _, code in resolution.refusals}


def check_blocked_photos(ledger: PlainLedger, codes_by_key: Mapping[str, Collection[str]]) -> list[Violation]:
    """Checks that only broken folder defaults block photos, and that each folder's problems are reported.

    `codes_by_key`: the codes of the problems of each folder's defaults, by their keys. Holds at rest.
    """
    by_key = {source["key"]: source for source in ledger.sources.values()}
    violations = [
        Violation(
            Invariant.BLOCKED_BY_BROKEN_DEFAULTS,
            f"{source['key']}: is blocked by {source['blocked_by_defaults']}, which is not broken",
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
                    f"{key}: the report has {sorted(reported_codes)}, but the folder defaults have {sorted(codes)}",
                )
            )
    return violations


def check_paired_uploads(ledger: PlainLedger, keys: Collection[str]) -> list[Violation]:
    """Checks that a photo whose instructions arrived within its settle time never had other jobs.

    Holds at rest. A photo that was abandoned because it crashed its workers may name none of its jobs.
    """
    return [
        Violation(
            Invariant.SETTLE_TIME_RESPECTED, f"{source['key']}: {len(all_jobs)} jobs instead of {len(source['jobs'])}"
        )
        for source_id, source in ledger.sources.items()
        if source["key"] in keys
        and len(all_jobs := ledger.find_jobs(source_id)) != len(source["jobs"])
        and not _is_given_up(source, all_jobs)
    ]


def _is_given_up(source: JsonObject, jobs: Collection[JsonObject]) -> bool:
    """Whether the photo names no job because it crashed its workers, and never had two jobs for one variant."""
    variants = [job["variant"] for job in jobs]
    has_crashed = any(problem["code"] == CRASHED for problem in source["problems"])
    return has_crashed and not source["jobs"] and len(variants) == len(set(variants))


def check_picture_versions(ledger: PlainLedger, versions_by_key: Mapping[str, Collection[str]]) -> list[Violation]:
    """Checks that the pictures of current stored jobs are versions that those jobs delivered.

    `versions_by_key`: the IDs of the current version of each key, and of those just before it that are its copies.
    Holds at rest.
    """
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Violation(Invariant.NEWEST_DELIVERED, f"{result['key']}: not the version that was delivered last")
        for job_id, job in ledger.jobs.items()
        if job_id in current_job_ids and job["status"] == "stored" and not _has_not_current_warning(job)
        for result in job["results"]
        if result["version_id"] not in versions_by_key.get(result["key"], ())
    ]


def check_requests_recorded(ledger: PlainLedger, key_by_request_id: Mapping[str, str]) -> list[Violation]:
    """Checks that every request was handled; the keys of their photos are by message ID. Holds at rest."""
    recorded_ids = {
        str(request_id) for source in ledger.sources.values() for request_id in source["recent_request_ids"]
    }
    return [
        Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{key}: the request {message_id} was not handled")
        for message_id, key in key_by_request_id.items()
        if message_id not in recorded_ids
    ]


def check_removed_variants(ledger: PlainLedger, job_id_by_picture: Mapping[str, str]) -> list[Violation]:
    """Checks that pictures of removed variants stay, and that their last job has a warning that they are not current.

    `job_id_by_picture`: the IDs of the jobs that made the pictures, by their keys. Holds at rest.
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
            if _has_all_pictures(job, job_id_by_picture)
            and not _has_not_current_warning(job)
            and not _ended_before_another(job, jobs_of_removed_variants)
        ]
        violations += [
            Violation(
                Invariant.DOCUMENTS_MATCH_LEDGER,
                f"{job['key']}: {job['variant']} was removed, but its job has no warning",
            )
            for job in jobs_without_warning
        ]
        violations += [
            Violation(Invariant.PICTURES_MATCH_JOBS, f"{key}: a picture of a removed variant is gone")
            for key in missing_keys
        ]
    return violations


def _has_all_pictures(job: JsonObject, job_id_by_picture: Mapping[str, str]) -> bool:
    return all(job_id_by_picture.get(result["key"]) == job["job_id"] for result in job["results"])


def _ended_before_another(job: JsonObject, others: Collection[JsonObject]) -> bool:
    """Whether another job seems to have written one of the pictures later, because a worker's clock was wrong."""
    keys = {result["key"] for result in job["results"]}
    return any(
        other["ended_at"] > job["ended_at"] and not keys.isdisjoint(result["key"] for result in other["results"])
        for other in others
    )


def _has_not_current_warning(job: JsonObject) -> bool:
    return any(warning["code"] == NOT_CURRENT for warning in job["warnings"])


def _is_of_removed_variant(job: JsonObject, source: JsonObject) -> bool:
    variants = {*source["jobs"], *(problem["variant"] for problem in source["problems"])}
    return job["status"] == "stored" and bool(job["results"]) and job["variant"] not in variants


def check_outputs(ledger: PlainLedger) -> list[Violation]:
    """Checks that each current stored job has one picture per output of each image that is not rejected, and no others.

    A picture for a marketplace has that marketplace's certificate. Holds at rest.
    """
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Violation(
            Invariant.PICTURES_MATCH_JOBS,
            f"{job['key']}: has {_format_files(found_files)} instead of {_format_files(expected_files)}",
        )
        for job_id, job in ledger.jobs.items()
        if job_id in current_job_ids and job["status"] == "stored" and not _has_result_warning(job)
        if (found_files := {_read_file(result) for result in job["results"]})
        != (expected_files := set(_list_files(job)))
    ]


def _read_file(result: JsonObject) -> ExpectedFile:
    certificate: JsonObject = result.get("certificate") or {}
    return ExpectedFile(str(result["key"]), int(result["n"]), str(certificate.get("marketplace", "")))


def _format_files(files: Iterable[ExpectedFile]) -> list[str]:
    return sorted(f"{file.key} {file.marketplace}".rstrip() for file in files)


def _has_result_warning(job: JsonObject) -> bool:
    return any(str(warning["code"]).startswith(WARNING_PREFIXES) for warning in job["warnings"])


def _list_files(job: JsonObject) -> list[ExpectedFile]:
    if is_mask(job):
        return []
    usable_count = sum(link["url"] is not None for link in job["links"])
    rejected = {review["n"] for review in job["reviews"] if review["decision"] == "rejected"}
    files = list_expected_files(job["key"], job["variant"], job["instructions"], usable_count)
    return [file for file in files if file.n not in rejected]


def find_kept_request_refusals(before: JsonObject | None, after: JsonObject) -> frozenset[tuple[str, str]]:
    """Returns the variants and codes of refused requests that were reported before this write and still are.

    Such a report stays, whatever else happens to the photo.
    """
    earlier = {(problem["code"], problem["first_seen"]) for problem in (before["problems"] if before else ())}
    return frozenset(
        (str(problem["variant"]), str(problem["code"]))
        for problem in after["problems"]
        if problem["origin"] == "request" and (problem["code"], problem["first_seen"]) in earlier
    )
