"""Invariants of a world at rest: all work has ended for the newest photos and instructions, and has been reported."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulation.invariants.job_ends import (
    END_STATUSES,
    FAILED_STATUSES,
    REPORTED_STATUSES,
    REST_STATUSES,
    DocumentsByKey,
)
from simulation.invariants.reviews import REFUSAL_CODES
from simulation.invariants.violations import (
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    is_mask,
    sum_charged,
    sum_uncertain,
)

LANE_CODES = frozenset(
    {
        "provider_key_missing",
        "provider_key_refused",
        "provider_edge_refuses",
        "provider_out_of_money",
        "provider_daily_limit",
        "provider_plan_refuses",
        "provider_misconfigured",
        "provider_refuses",
        "budget_reached",
        "budget_reserved",
        "delivery_backed_up",
        "pictures_not_stored",
        "pictures_not_usable",
        "paused_by_person",
        "lane_shut",
    }
)
"""Codes of problems that keep all of a provider's photos waiting. They are reported once, for the lane."""
EVENT_KINDS = {"stored": "Image Completed"} | dict.fromkeys(REPORTED_STATUSES, "Image Failed")
REQUIRED_LETTER_ATTRIBUTES = ("code", "reason", "money")
MALFORMED_CODE = "damaged_message"
S3_TIME_RESOLUTION = timedelta(seconds=1)


@dataclass(frozen=True)
class ExpectedPhoto:
    """What is in the input bucket under one key at the end.

    `must_be_known`: there must be a job or a problem. False if an operator canceled the photo before it had either.
    """

    etag: str
    sha256: str
    must_be_known: bool = True


def check_unfinished(ledger: PlainLedger, *, excused_job_ids: Collection[str]) -> list[Violation]:
    """Checks that only excused jobs are under way, and that no photo waits for instructions. Holds at rest.

    `check_undecided_pictures` checks those that wait for a person.
    """
    jobs = [
        Violation(Invariant.DRAINED_IN_TIME, f"{job['key']}: still {job['status']}")
        for job in ledger.jobs.values()
        if job["status"] not in REST_STATUSES and job["job_id"] not in excused_job_ids
    ]
    settling_keys = [source["key"] for source in ledger.sources.values() if source["settling_since"]]
    return jobs + [
        Violation(Invariant.DRAINED_IN_TIME, f"{key}: still waits for instructions") for key in settling_keys
    ]


def check_newest_photos(ledger: PlainLedger, expected_by_key: Mapping[str, ExpectedPhoto]) -> list[Violation]:
    """Checks that the ledger's jobs are for the photos that are in the bucket now. Holds at rest."""
    by_key = {source["key"]: source for source in ledger.sources.values()}
    violations: list[Violation] = []
    for key, expected in expected_by_key.items():
        detail = _describe_difference(by_key.get(key), expected, ledger)
        violations += [Violation(Invariant.NEWEST_DELIVERED, f"{key}: {detail}")] if detail else []
    return violations


def _describe_difference(source: JsonObject | None, expected: ExpectedPhoto, ledger: PlainLedger) -> str:
    if source is None or source["photo"] is None:
        return "the ledger has no photo for it"
    if source["photo"]["etag"] != expected.etag:
        return "the ledger has an older photo"
    current_jobs = [ledger.jobs[job_id] for job_id in source["jobs"].values()]
    if not (current_jobs or source["problems"] or source["blocked_by_defaults"]):
        return "it has neither a job nor a problem" if expected.must_be_known else ""
    return "its job is for other bytes" if any(job["sha256"] != expected.sha256 for job in current_jobs) else ""


def check_overruled_cancels(
    ledger: PlainLedger, cancels: Collection[tuple[str, datetime]], written_at_by_key: Mapping[str, datetime]
) -> list[Violation]:
    """Checks that no job of a photo is still canceled if the photo or its sidecar was written later. Holds at rest.

    `cancels`: the prefix of each cancellation, and when the lanes could see it. `written_at_by_key`: when each photo in
    the bucket, or its sidecar, was last written. A photo that has a problem or is blocked may have no newer jobs. A
    mask is canceled with the last picture that needs it.
    """
    jobs = [
        ledger.jobs[job_id]
        for source in ledger.sources.values()
        if source["key"] in written_at_by_key and not (source["problems"] or source["blocked_by_defaults"])
        for job_id in source["jobs"].values()
        if not is_mask(ledger.jobs[job_id])
    ]
    violations: list[Violation] = []
    for job in jobs:
        key, written_at = job["key"], written_at_by_key[job["key"]]
        cancelled_at = [at for prefix, at in cancels if key.startswith(prefix)]
        if job["status"] == "cancelled" and cancelled_at and max(cancelled_at) + S3_TIME_RESOLUTION < written_at:
            detail = f"{key}: still canceled, although it was written again at {written_at:%H:%M:%S}"
            violations.append(Violation(Invariant.CANCELS_RESPECTED, detail))
    return violations


def check_ignored_photos(ledger: PlainLedger, ignored_keys: Collection[str]) -> list[Violation]:
    """Checks that photos that must not be bought without a request have no item at all. Holds at all times."""
    return [
        Violation(Invariant.OLD_PHOTOS_IGNORED, f"{source['key']}: was processed without a request")
        for source in ledger.sources.values()
        if source["key"] in ignored_keys
    ]


def check_picture_owners(ledger: PlainLedger, job_id_by_picture: Mapping[str, str]) -> list[Violation]:
    """Checks that each current stored job's pictures name it in their metadata. Holds at rest.

    `job_id_by_picture`: the job IDs in the metadata, by the pictures' keys.
    """
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    violations: list[Violation] = []
    for job in ledger.jobs.values():
        if job["status"] == "stored" and job["job_id"] in current_job_ids:
            foreign_keys = [
                result["key"] for result in job["results"] if job_id_by_picture.get(result["key"]) != job["job_id"]
            ]
            violations += [
                Violation(Invariant.NEWEST_DELIVERED, f"{key}: not the current job's picture") for key in foreign_keys
            ]
    return violations


def check_events(ledger: PlainLedger, events: Sequence[tuple[str, JsonObject]]) -> list[Violation]:
    """Checks that each end of a job is published, under an event ID of its own. Holds at rest.

    `events`: pairs of detail type and detail. A mask has none.
    """
    announced = {(kind, detail["job"]["job_id"], *_describe_end(detail)) for kind, detail in events if "job" in detail}
    unannounced_jobs = [
        job
        for job in ledger.jobs.values()
        if job["status"] in EVENT_KINDS
        and not is_mask(job)
        and (EVENT_KINDS[job["status"]], job["job_id"], job["status"], _find_code(job)) not in announced
    ]
    return [
        Violation(Invariant.EVENTS_PUBLISHED, f"{job['key']}: no event says that it is {job['status']}")
        for job in unannounced_jobs
    ] + [
        Violation(Invariant.EVENTS_PUBLISHED, f"{event_id}: one ID for {len(kinds)} events")
        for event_id, kinds in _group_event_ids(events)
        if len(kinds) > 1
    ]


def _describe_end(detail: JsonObject) -> tuple[str, str]:
    """Returns the status and the code in an event about a job."""
    return detail["job"]["status"], next((str(error["code"]) for error in detail.get("errors", ())), "")


def _find_code(job: JsonObject) -> str:
    """Returns the code with which a job failed or was rejected; empty for any other."""
    return str(job["problem"]["code"]) if job["problem"] else ""


def _group_event_ids(events: Sequence[tuple[str, JsonObject]]) -> Iterator[tuple[str, set[str]]]:
    kinds: dict[str, set[str]] = {}
    for kind, detail in events:
        kinds.setdefault(detail["event_id"], set()).add(f"{kind} {_describe_subject(detail)}")
    yield from kinds.items()


def _describe_subject(detail: JsonObject) -> str:
    """Names what an event is about: a provider, a job, or a picture that waits for a person."""
    if "job" not in detail:
        return str(detail["provider"])
    picture = detail.get("picture")
    file = f"{picture['n']} {picture['sha256']}" if picture else ""
    return f"{detail['job']['job_id']} {detail['job']['status']} {file}".rstrip()


def check_lane_reports(
    lanes: Mapping[str, JsonObject],
    lane_reports: DocumentsByKey,
    reports: DocumentsByKey,
    excused_job_ids: Collection[str],
) -> list[Violation]:
    """Checks that each paused lane has one report, and that no other report states its pause. Holds at rest.

    `excused_job_ids`: jobs that wait for reasons of their own.
    """
    violations = [
        Violation(
            Invariant.LANE_REPORTED_ONCE,
            f"{provider}: paused for {pause_codes or 'nothing'}, but the report says {reported_codes or 'nothing'}",
        )
        for provider in lanes.keys() | lane_reports.keys()
        if (pause_codes := _list_pause_codes(lanes.get(provider)))
        != (reported_codes := _list_report_codes(lane_reports.get(provider)))
    ]
    return violations + [
        Violation(
            Invariant.LANE_REPORTED_ONCE,
            f"{key}: its report states the lane's problem ({', '.join(sorted(pause_codes))})",
        )
        for key, report in reports.items()
        if (
            pause_codes := {error["code"] for error in report["errors"] if error["job_id"] not in excused_job_ids}
            & LANE_CODES
        )
    ]


def _list_pause_codes(lane: JsonObject | None) -> list[str]:
    return sorted(pause["code"] for pause in lane["pauses"]) if lane else []


def _list_report_codes(report: JsonObject | None) -> list[str]:
    return sorted(error["code"] for error in report["errors"]) if report else []


def check_causes(ledger: PlainLedger, possible_codes: Collection[str]) -> list[Violation]:
    """Checks that current jobs fail only with codes that the run's faults and actions explain. Holds at rest."""
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return [
        Violation(Invariant.ENDS_FOR_A_CAUSE, f"{job['key']}: ended {job['status']} with {job['problem']['code']}")
        for job in ledger.jobs.values()
        if job["job_id"] in current_job_ids
        and job["status"] in FAILED_STATUSES
        and job["problem"]["code"] not in possible_codes
    ]


def check_end_statuses(ledger: PlainLedger, status_by_code: Mapping[str, str]) -> list[Violation]:
    """Checks that the code of a failure determines the job's status. Holds at rest."""
    return [
        Violation(Invariant.ENDS_FOR_A_CAUSE, f"{job['key']}: {job['problem']['code']} ended {job['status']}")
        for job in ledger.jobs.values()
        if job["status"] in FAILED_STATUSES
        and status_by_code.get(job["problem"]["code"], job["status"]) != job["status"]
    ]


def check_reported_money(ledger: PlainLedger, reports: DocumentsByKey) -> list[Violation]:
    """Checks that what a report says about an ended job's charges matches its attempts. Holds at rest."""
    violations: list[Violation] = []
    for key, report in reports.items():
        for error in report["errors"]:
            job = ledger.jobs.get(str(error["job_id"]))
            if job and job["status"] in END_STATUSES and error["money"] != _describe_money(job):
                detail = f"{key}: the report says {error['money']}, but the attempts say {_describe_money(job)}"
                violations.append(Violation(Invariant.DOCUMENTS_MATCH_LEDGER, detail))
    return violations


def _describe_money(job: JsonObject) -> str:
    if sum_uncertain(job):
        return "unknown"
    return "spent" if sum_charged(job) else "not_spent"


def check_dead_letter_contents(
    ledger: PlainLedger,
    letters: Sequence[JsonObject],
    dead_job_codes: Collection[tuple[str, str]],
    allowed_malformed_count: range,
) -> list[Violation]:
    """Checks that dead letters are complete, and that only dead jobs and malformed messages have them. Holds at rest.

    A queue may keep the same dead letter twice, and may keep those of jobs that have continued since. Only the newest
    dead letter of each job must be correct, so `letters` are in the order in which they were sent. `dead_job_codes`:
    job IDs and codes of all jobs that were ever dead. `allowed_malformed_count`: how many malformed messages may have
    become dead letters. If the response to sending a dead letter was lost, its message is still in its own queue.
    `check_decision_events` checks the dead letters of people's decisions.
    """
    lettered_job_ids = {str(letter["attributes"].get("job_id", "")) for letter in letters}
    dead_job_ids = {job_id for job_id, job in ledger.jobs.items() if job["status"] == "dead"}
    details = [f"no dead letter for {ledger.jobs[job_id]['key']}" for job_id in sorted(dead_job_ids - lettered_job_ids)]
    malformed_bodies = {letter["body"] for letter in letters if letter["attributes"].get("code") == MALFORMED_CODE}
    if len(malformed_bodies) not in allowed_malformed_count:
        details.append(
            f"{len(malformed_bodies)} dead letters for {allowed_malformed_count.start} "
            f"to {allowed_malformed_count.stop - 1} malformed messages"
        )
    newest_index_by_job = {str(letter["attributes"].get("job_id", "")): index for index, letter in enumerate(letters)}
    details += [
        problem
        for index, letter in enumerate(letters)
        if (
            problem := _describe_letter_problem(
                letter, ledger, dead_job_codes, is_newest=index in newest_index_by_job.values()
            )
        )
    ]
    return [Violation(Invariant.DEAD_LETTERS_MATCH_JOBS, detail) for detail in details]


def _describe_letter_problem(
    letter: JsonObject, ledger: PlainLedger, dead_job_codes: Collection[tuple[str, str]], *, is_newest: bool
) -> str:
    attributes = letter["attributes"]
    missing = [name for name in REQUIRED_LETTER_ATTRIBUTES if not attributes.get(name)]
    if missing:
        return f"a dead letter without {', '.join(missing)}: {letter['body'][:80]}"
    code, job_id = str(attributes["code"]), str(attributes.get("job_id", ""))
    if code == MALFORMED_CODE or code in REFUSAL_CODES:
        return ""
    job = ledger.jobs.get(job_id)
    if job is None or (job_id, code) not in dead_job_codes:
        return f"a dead letter ({code}) for {job['key'] if job else 'no job'}, which never ended with this code"
    is_current = is_newest and job["status"] == "dead" and job["problem"]["code"] == code
    has_wrong_charge = is_current and attributes["money"] != _describe_money(job)
    return (
        f"{job['key']}: the dead letter says {attributes['money']}, but the attempts say {_describe_money(job)}"
        if has_wrong_charge
        else ""
    )


def check_settle_bound(is_at_rest: bool, waited_seconds: float, reason: str) -> list[Violation]:
    """Checks that the world came to rest within the bound, in simulated seconds."""
    return (
        []
        if is_at_rest
        else [
            Violation(Invariant.DRAINED_IN_TIME, f"not at rest {waited_seconds:.0f} s after the faults ended: {reason}")
        ]
    )


def check_consecutive_crashes(crash_counts: Mapping[str, int], max_crashes: int) -> list[Violation]:
    """Checks that no photo, by its key, crashes more workers than the maximum. Holds at all times."""
    details = [f"{key}: {count} workers crashed on it" for key, count in crash_counts.items() if count > max_crashes]
    return [Violation(Invariant.POISON_PHOTOS_GIVEN_UP, detail) for detail in details]
