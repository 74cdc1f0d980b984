"""Invariants about approval: a person's decision is never lost, and nothing is delivered before it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulation.invariants.output_keys import list_expected_files
from simulation.invariants.violations import Invariant, JsonObject, PlainLedger, Violation

DECISION_FIELDS = ("decision", "decided_by", "decided_via", "event_source", "decided_at")
FIELDS_OF_VERDICTS = frozenset({"min", "otherwise", "retries"})
"""The fields of a subject that do not change the picture that people see."""
REVIEW_FILE_GONE, PICTURE_DECIDED, REJECTED_CODE = "review_file_gone", "picture_decided", "rejected"
REFUSAL_CODES = frozenset({PICTURE_DECIDED, "picture_superseded", "picture_unknown", "review_ended"})
"""The codes of decisions that cannot be carried out."""

type PictureId = tuple[str, int, str]
"""The picture that a decision is about: the job's ID, the number of the image, and the hash of its file."""


@dataclass(frozen=True)
class PersonDecision:
    """What a person decided about picture `n` of a job. `sha256`: the file that the person saw; empty if not stated."""

    job_id: str
    n: int
    sha256: str
    decision: str
    by: str

    def __str__(self) -> str:
        return f"{self.by} {self.decision} picture {self.n} of {self.job_id[:8]}"


@dataclass(frozen=True)
class DecisionEvent:
    """A decision that a person sent as an event: the event as intake receives it, and what it says."""

    body: str
    decision: PersonDecision


# -- writes -----------------------------------------------------------------------------------------------------------


def identify_pictures(job: JsonObject) -> dict[PictureId, JsonObject]:
    """Returns the pictures of a job that people decide about, each with its review."""
    return {(job["job_id"], review["n"], review["sha256"]): review for review in job["reviews"]}


def check_kept_decisions(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that each decision stays as it is while people would see the same file. Holds on every write."""
    pictures = identify_pictures(after)
    decided = {} if before is None else {one: review for one, review in _iterate_decided(before)}
    return [
        Violation(Invariant.DECISIONS_KEPT, f"{after['key']}: picture {picture[1]} was {_describe(review)}, {detail}")
        for picture, review in decided.items()
        if (detail := _describe_change(review, pictures.get(picture)))
        and not (before and picture not in pictures and _shows_other_pictures(before, after))
    ]


def _iterate_decided(job: JsonObject) -> Iterator[tuple[PictureId, JsonObject]]:
    return ((picture, review) for picture, review in identify_pictures(job).items() if review["decision"])


def _describe_change(review: JsonObject, after: JsonObject | None) -> str:
    if after is None:
        return "which is lost"
    is_changed = any(review[name] != after[name] for name in DECISION_FIELDS)
    return f"but now is {_describe(after)}" if is_changed else ""


def _describe(review: JsonObject) -> str:
    return f"{review['decision']} by {review['decided_by']}"


def _is_named(review: JsonObject, text: str) -> bool:
    """Whether a text for people says what was decided, and by whom. A name from an event is quoted as a claim."""
    name = review["decided_by"]
    return any(f"{review['decision']} by {shown}" in text for shown in (name, f'"{name}" (claimed by'))


def _shows_other_pictures(before: JsonObject, after: JsonObject) -> bool:
    """Whether people would see other files of the job after a write, or the file that they saw is gone for good."""
    is_file_gone = before["problem"] is not None and before["problem"]["code"] == REVIEW_FILE_GONE
    return is_file_gone or _list_picture_facts(before) != _list_picture_facts(after)


def _list_picture_facts(job: JsonObject) -> tuple[object, ...]:
    """Returns what determines the files of a job that people see."""
    subject: JsonObject = job["instructions"].get("subject", {})
    own_fields = {name: value for name, value in subject.items() if name not in FIELDS_OF_VERDICTS}
    return own_fields, job["canvas"], job["charge_no"], job["paid_attempt_no"], job["links"]


def check_review_write(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that a review begins only with a picture to decide about, and ends only when all are decided.

    It also ends if its photo or its instructions change. A job is rejected only by people. Holds on every write.
    """
    if before is None or before["status"] == after["status"]:
        return []
    decisions = [review["decision"] for review in after["reviews"]]
    has_other_instructions = before["instructions"] != after["instructions"] or before["canvas"] != after["canvas"]
    details = {
        "waits for people, but no picture is undecided": after["status"] == "review" and None not in decisions,
        "its review ended before all pictures were decided": (before["status"], after["status"]) == ("review", "paid")
        and None in decisions
        and not has_other_instructions,
        "rejected, although people have not rejected all of its pictures": after["status"] == "rejected"
        and {*decisions} != {"rejected"},
        "rejected without the code that says so": after["status"] == "rejected"
        and after["problem"]["code"] != REJECTED_CODE,
    }
    return [
        Violation(Invariant.APPROVED_BEFORE_DELIVERY, f"{after['key']}: {detail}")
        for detail, is_broken in details.items()
        if is_broken
    ]


def check_review_files(
    job: JsonObject, sha256_by_key: Mapping[str, str], damaged_keys: Collection[str]
) -> list[Violation]:
    """Checks that each picture that waits for a person has its file, unless users have damaged it (`damaged_keys`).

    Holds at all times. `sha256_by_key`: the hashes of the files in the output bucket.
    """
    return [
        Violation(
            Invariant.REVIEW_FILES_KEPT, f"{job['key']}: picture {review['n']} waits for a person without its file"
        )
        for review in _list_undecided(job)
        if review["key"] not in damaged_keys and sha256_by_key.get(review["key"]) != review["sha256"]
    ]


def _list_undecided(job: JsonObject) -> list[JsonObject]:
    """Returns the reviews of the pictures that wait for a person."""
    return [review for review in job["reviews"] if review["decision"] is None] if job["status"] == "review" else []


def check_stored_pictures(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that each picture that a job has just delivered was approved if it needs that, and none was rejected.

    Holds on every write. Pictures that were delivered before need no approval.
    """
    if before is None or before["status"] == "stored" or after["status"] != "stored":
        return []
    delivered_before = {(result["key"], result["version_id"]) for result in before["results"]}
    return [
        Violation(Invariant.APPROVED_BEFORE_DELIVERY, f"{result['key']}: delivered, but {detail}")
        for result in after["results"]
        if (result["key"], result["version_id"]) not in delivered_before
        and (detail := _describe_refusal(after, result["n"], result["fidelity"]))
    ]


def _describe_refusal(job: JsonObject, n: int, fidelity: JsonObject | None) -> str:
    """Returns why picture `n` of a job must not be delivered; empty if it may be."""
    decision = next((review["decision"] for review in job["reviews"] if review["n"] == n), None)
    if decision == "rejected":
        return "it was rejected"
    return "no person has approved it" if decision is None and _needs_approval(job["instructions"], fidelity) else ""


def _needs_approval(instructions: Mapping[str, Any], fidelity: JsonObject | None) -> bool:
    is_doubted = fidelity is not None and fidelity["verdict"] != "same"
    reviews_doubted = instructions.get("subject", {}).get("otherwise") == "review"
    return instructions.get("approval") == "required" or (reviews_doubted and is_doubted)


def check_picture_approval(key: str, versions: Sequence[JsonObject]) -> list[Violation]:
    """Checks a picture that has just been written: a person approved it if its instructions require that.

    Holds on every write. `versions`: what its job has been since the writing worker started. The verdict, which may
    require approval too, is in the ledger only later: see `check_stored_pictures`.
    """
    details = [_describe_refusal(job, n, None) for job in versions if (n := _find_number(key, job)) is not None]
    return (
        [Violation(Invariant.APPROVED_BEFORE_DELIVERY, f"{key}: written, but {details[-1]}")]
        if details and all(details)
        else []
    )


def _find_number(key: str, job: JsonObject) -> int | None:
    """Returns the number of the image that the job writes to a key; None if its instructions do not name the key."""
    files = list_expected_files(job["key"], job["variant"], job["instructions"], len(job["links"]))
    return next((file.n for file in files if file.key == key), None)


def check_published_event(kind: str, detail: JsonObject, versions: Sequence[JsonObject]) -> list[Violation]:
    """Checks an event about a job: the job was delivered, or its picture waited, when the event was published.

    `versions`: what the job has been since the publishing worker started.
    """
    key, statuses = detail["job"]["job_id"][:8], {job["status"] for job in versions}
    if kind == "Image Completed" and "stored" not in statuses:
        return [Violation(Invariant.APPROVED_BEFORE_DELIVERY, f"{key}: announced as completed, but is {statuses}")]
    if kind != "Image Awaiting Approval":
        return []
    picture = detail["picture"]["n"], detail["picture"]["sha256"]
    waiting = {(review["n"], review["sha256"]) for job in versions for review in _list_undecided(job)}
    return (
        []
        if picture in waiting
        else [Violation(Invariant.REVIEW_FILES_KEPT, f"{key}: picture {picture[0]} is announced, but does not wait")]
    )


# -- people -----------------------------------------------------------------------------------------------------------


type DecisionsByPicture = Mapping[PictureId, Sequence[JsonObject]]
"""Every decision that was ever written, in order. A picture has another one only if its review started over."""


def check_acknowledged(decision: PersonDecision, decisions: DecisionsByPicture) -> list[Violation]:
    """Checks that a decision that the command has just confirmed to a person is in the ledger."""
    review = _find_last_decision(decision, decisions)
    is_recorded = review is not None and (review["decision"], review["decided_by"]) == (decision.decision, decision.by)
    detail = f"{decision}, but the ledger says {_describe(review) if review else 'nothing'}"
    return [] if is_recorded else [Violation(Invariant.DECISIONS_KEPT, detail)]


def check_refused(decision: PersonDecision, text: str, decisions: DecisionsByPicture) -> list[Violation]:
    """Checks that a person whose decision came too late learns of the first one (`text`)."""
    review = _find_last_decision(decision, decisions)
    if review is None or _is_named(review, text):
        return []
    return [
        Violation(Invariant.DECISIONS_KEPT, f"{decision}, and did not learn that it was {_describe(review)}: {text}")
    ]


def _find_last_decision(decision: PersonDecision, decisions: DecisionsByPicture) -> JsonObject | None:
    return next(reversed(decisions.get((decision.job_id, decision.n, decision.sha256), ())), None)


# -- rest -------------------------------------------------------------------------------------------------------------


def check_decision_events(
    events: Collection[DecisionEvent], decisions: DecisionsByPicture, refusals: Mapping[str, JsonObject]
) -> list[Violation]:
    """Checks that each decision by event was carried out, was made before, or became a dead letter that says why not.

    Holds at rest. `refusals`: the attributes of the dead letters of decisions, by the body of the event.
    """
    lost = [
        Violation(Invariant.DECISIONS_KEPT, f"{event.decision}: {detail}")
        for event in events
        if (detail := _describe_lost_event(event.decision, decisions, refusals.get(event.body)))
    ]
    unknown_bodies = refusals.keys() - {event.body for event in events}
    return lost + [Violation(Invariant.DECISIONS_KEPT, f"no person sent {body}") for body in sorted(unknown_bodies)]


def _describe_lost_event(decision: PersonDecision, decisions: DecisionsByPicture, letter: JsonObject | None) -> str:
    reviews = {
        sha256: own_reviews
        for (job_id, n, sha256), own_reviews in decisions.items()
        if (job_id, n) == (decision.job_id, decision.n)
    }
    if letter is None:
        # A decision about a file that has been made again changes nothing if the new file was decided in the same way.
        is_made = any(review["decision"] == decision.decision for one in reviews.values() for review in one)
        return "" if is_made else "the event was neither carried out nor refused"
    # A decision about a picture whose file has been made again is refused with the one about the new file.
    is_first_named = any(_is_named(review, letter["reason"]) for one in reviews.values() for review in one)
    if letter["code"] == PICTURE_DECIDED and not is_first_named:
        return f"refused without the first decision: {letter['reason']}"
    return ""


def check_waiting_pictures(
    ledger: PlainLedger, awaited: Collection[PictureId], *, has_reviewers: bool
) -> list[Violation]:
    """Checks that each picture that waits was announced, and that none waits while there are reviewers. Holds at rest.

    `awaited`: the pictures in the events that ask people to decide.
    """
    waiting = [(job, review) for job in ledger.jobs.values() for review in _list_undecided(job)]
    violations = [
        Violation(Invariant.REVIEW_FILES_KEPT, f"{job['key']}: no event says that picture {review['n']} waits")
        for job, review in waiting
        if (job["job_id"], review["n"], review["sha256"]) not in awaited
    ]
    return violations + [
        Violation(Invariant.DRAINED_IN_TIME, f"{job['key']}: picture {review['n']} still waits for a person")
        for job, review in waiting
        if has_reviewers
    ]
