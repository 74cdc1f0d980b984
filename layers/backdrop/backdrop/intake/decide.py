"""What intake does about one photo: two decision tables.

An event only says where to look; the ledger and the bucket say the rest. `BEFORE_RESOLVING` decides whether the
instructions have to be resolved into jobs at all, `AFTER_RESOLVING` what becomes of those jobs. The first rule that
matches decides. docs/architecture.md prints both tables; intake/photo_state.py reads the facts.
"""

from enum import Flag, StrEnum, auto

from backdrop.model.decision_table import DecisionTable, Rule


class Decision(StrEnum):
    """What intake does before it resolves instructions.

    - `ignore`: nothing.
    - `redeliver`: send the jobs on as they are. Buys nothing that was not already being bought.
    - `reopen`: keep the jobs of these bytes. Those that ended without a charge run again.
    - `wait`: give the photo `SettleSeconds` for its instructions to arrive.
    - `resolve`: resolve the instructions into jobs; the second table decides about these.
    - `cancel`: end every job that is not paid yet, and answer a request that names no photo.
    - `reset_crashes`: forget the crashes and read again.
    - `read_again`: withdraw what the report says in error, and read again.
    """

    IGNORE = auto()
    REDELIVER = auto()
    REOPEN = auto()
    WAIT = auto()
    RESOLVE = auto()
    CANCEL = auto()
    RESET_CRASHES = auto()
    READ_AGAIN = auto()


class PlanDecision(StrEnum):
    """What intake does with resolved instructions.

    - `apply`: they are the photo's new state. Jobs that it no longer names end.
    - `refuse_request`: report why, and leave the photo and its jobs as they are.
    - `sidecar_first`: handle the photo as if no request had come, then handle the request.
    - `redeliver`: send the jobs on as they are.
    """

    APPLY = auto()
    REFUSE_REQUEST = auto()
    SIDECAR_FIRST = auto()
    REDELIVER = auto()


# -- facts -------------------------------------------------------------------------------------------------------------


class History(Flag):
    """What the ledger knows about the photo.

    NEW_IN_PREFETCH: it had no item when the batch began, and was not read again. WAITING: for its instructions.
    BLOCKED: on instructions that never came, or on broken folder defaults. WAS_MISSING: it was deleted, so that what
    is there now is a new photo, whatever its bytes.
    """

    NEW_IN_PREFETCH = auto()
    NEW = auto()
    KNOWN = auto()
    WAITING = auto()
    BLOCKED = auto()
    WAS_MISSING = auto()


class EventKind(Flag):
    """Why intake looks at the photo.

    OBJECT_CHANGED: something may have changed (S3, the sweep, fixed folder defaults). SETTLE_TIMEOUT: its time to wait
    for instructions is over. RERUN: a person wants it resolved again. REQUEST: a message with instructions of its own.
    REPEATED_REQUEST: one that was handled before.
    """

    OBJECT_CHANGED = auto()
    SETTLE_TIMEOUT = auto()
    RERUN = auto()
    REQUEST = auto()
    REPEATED_REQUEST = auto()


class Delivery(Flag):
    """REPEATED: an earlier worker may have died after its write and before its messages were sent."""

    FIRST = auto()
    REPEATED = auto()


class Crashes(Flag):
    """TOO_MANY: workers died of this photo, so it is not opened, unless a person's rerun asks for it."""

    TOLERABLE = auto()
    TOO_MANY = auto()


class PhotoInBucket(Flag):
    """What is in the bucket, compared with what the ledger recorded when it last decided.

    SAME: the very same object. SAME_BYTES: the same ETag, uploaded again. NEW: the ledger recorded none.
    """

    MISSING = auto()
    SAME = auto()
    SAME_BYTES = auto()
    OTHER_BYTES = auto()
    NEW = auto()


class Report(Flag):
    """OUTDATED: the report says that S3 denies access to a file, and now it was read."""

    CURRENT = auto()
    OUTDATED = auto()


class References(Flag):
    """CHANGED: a style reference of a job that is not bought yet has other bytes now."""

    SAME = auto()
    CHANGED = auto()


class Instructions(Flag):
    """The photo's own instructions (sidecar and tags), compared with those that the ledger recorded."""

    SAME = auto()
    CHANGED = auto()


class OwnInstructions(Flag):
    """How much the sidecar and tags say. COMPLETE: a sidecar is there, or the tags name an operation."""

    NONE = auto()
    INCOMPLETE = auto()
    COMPLETE = auto()


class Jobs(Flag):
    """The photo's current jobs, compared with the bytes that are there now and have not been away since.

    FORGOTTEN: the ledger no longer keeps them, but recorded these bytes.
    """

    NONE = auto()
    SAME_BYTES = auto()
    OTHER_BYTES = auto()
    FORGOTTEN = auto()


class Problems(Flag):
    """What the ledger last reported. NONE also where only requests were refused, which are no problem of the photo."""

    NONE = auto()
    REPORTED = auto()


class RequestedBy(Flag):
    """EXECUTIONS: only Step Functions executions requested a job that is still under way, and it ends with them."""

    PHOTO = auto()
    EXECUTIONS = auto()


class CancelMarks(Flag):
    """OVERRULED: a person cancelled a job, and the photo's instructions were written or uploaded again since."""

    IN_FORCE = auto()
    OVERRULED = auto()


class Inspection(Flag):
    """FAILED: the file cannot be used, so that no instructions help."""

    PASSED = auto()
    FAILED = auto()


class SettlePeriod(Flag):
    """Whether the photo may still wait for its instructions. OVER also where it waited before, without success."""

    TIME_LEFT = auto()
    OVER = auto()


class PlanResult(Flag):
    """What the instructions were resolved into. NO_INSTRUCTIONS: nothing but the problem that there are none."""

    JOBS = auto()
    NO_INSTRUCTIONS = auto()
    PROBLEMS = auto()


# -- the tables --------------------------------------------------------------------------------------------------------

BEFORE_RESOLVING = DecisionTable(
    # The order in which facts are read. These cost calls: History, Event, Photo, References, CancelMarks.
    (
        History,
        EventKind,
        Delivery,
        Crashes,
        PhotoInBucket,
        Report,
        References,
        Instructions,
        OwnInstructions,
        Jobs,
        Problems,
        RequestedBy,
        Inspection,
        SettlePeriod,
        CancelMarks,
    ),
    (
        Rule(
            "The photo no longer waits for its instructions.",
            (~History.WAITING, EventKind.SETTLE_TIMEOUT, Delivery.FIRST),
            Decision.IGNORE,
        ),
        Rule(
            "The photo is gone, and the ledger may know by now what it did not know when the batch began.",
            (History.NEW_IN_PREFETCH, PhotoInBucket.MISSING),
            Decision.READ_AGAIN,
        ),
        Rule(
            "The photo is gone: what is not paid yet is not bought.",
            (PhotoInBucket.MISSING,),
            Decision.CANCEL,
        ),
        Rule(
            "These are not the bytes that killed workers: they get a count of their own.",
            (Crashes.TOO_MANY, PhotoInBucket.OTHER_BYTES),
            Decision.RESET_CRASHES,
        ),
        Rule(
            "The file can be read again, so the report that it cannot is withdrawn first.",
            (Report.OUTDATED,),
            Decision.READ_AGAIN,
        ),
        Rule(
            "A person or a program asks for it now.",
            (EventKind.RERUN | EventKind.REQUEST,),
            Decision.RESOLVE,
        ),
        Rule(
            "A style reference changed, but the photo may still get instructions of its own.",
            (
                Delivery.REPEATED,
                References.CHANGED,
                ~OwnInstructions.COMPLETE,
                Inspection.PASSED,
                SettlePeriod.TIME_LEFT,
            ),
            Decision.WAIT,
        ),
        Rule(
            "A style reference changed, so that its jobs ask for something else.",
            (Delivery.REPEATED, References.CHANGED),
            Decision.RESOLVE,
        ),
        Rule(
            "Nothing changed, but the photo's own instructions want what only executions wanted so far.",
            (
                History.KNOWN,
                ~EventKind.SETTLE_TIMEOUT,
                PhotoInBucket.SAME,
                Instructions.SAME,
                OwnInstructions.COMPLETE,
                RequestedBy.EXECUTIONS,
            ),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, but it was asked for once more after a person cancelled it.",
            (History.KNOWN, PhotoInBucket.SAME, Instructions.SAME, CancelMarks.OVERRULED),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, and an earlier worker may have died before it sent the jobs on.",
            (History.KNOWN, Delivery.REPEATED, PhotoInBucket.SAME, Instructions.SAME),
            Decision.REDELIVER,
        ),
        Rule(
            "Nothing changed: an event alone is no reason to buy.",
            (History.KNOWN, PhotoInBucket.SAME, Instructions.SAME),
            Decision.IGNORE,
        ),
        Rule(
            "These are the bytes of its jobs, and removing instructions undoes nothing.",
            (OwnInstructions.NONE, Jobs.SAME_BYTES | Jobs.FORGOTTEN),
            Decision.REOPEN,
        ),
        Rule(
            "These are the bytes of its jobs again, under the instructions that they were made from.",
            (~History.WAITING, Instructions.SAME, Jobs.SAME_BYTES | Jobs.FORGOTTEN, Problems.NONE),
            Decision.REOPEN,
        ),
        Rule(
            "A sidecar or tags may still follow.",
            (~OwnInstructions.COMPLETE, Inspection.PASSED, SettlePeriod.TIME_LEFT),
            Decision.WAIT,
        ),
        Rule(
            "Something changed, or the time to wait for instructions is over.",
            (),
            Decision.RESOLVE,
        ),
    ),
)

AFTER_RESOLVING = DecisionTable(
    (History, EventKind, PhotoInBucket, Instructions, OwnInstructions, Jobs, Inspection, PlanResult),
    (
        Rule(
            "A rerun finds no instructions: its jobs were requested directly, and stay.",
            (EventKind.RERUN, Jobs.SAME_BYTES | Jobs.OTHER_BYTES, PlanResult.NO_INSTRUCTIONS),
            PlanDecision.REDELIVER,
        ),
        Rule(
            "The photo's own state decides, jobs and problems alike.",
            (~EventKind.REQUEST,),
            PlanDecision.APPLY,
        ),
        Rule(
            "The request can be carried out.",
            (PlanResult.JOBS,),
            PlanDecision.APPLY,
        ),
        Rule(
            "A request that cannot be carried out takes nothing from a photo that was decided on.",
            (History.KNOWN | History.BLOCKED, PhotoInBucket.SAME, Instructions.SAME),
            PlanDecision.REFUSE_REQUEST,
        ),
        Rule(
            "A request that cannot be carried out takes no job from the bytes that it was made for.",
            (Jobs.SAME_BYTES | Jobs.FORGOTTEN,),
            PlanDecision.REFUSE_REQUEST,
        ),
        Rule(
            "The photo has instructions of its own that were not applied yet; the request must not take their place.",
            (OwnInstructions.COMPLETE, Inspection.PASSED),
            PlanDecision.SIDECAR_FIRST,
        ),
        Rule(
            "Nothing else is wanted of the photo: the refusal is its result, and ends its waiting.",
            (),
            PlanDecision.APPLY,
        ),
    ),
)
