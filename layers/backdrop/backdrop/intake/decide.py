"""Intake's two decision tables for one photo.

An event only names the object to check; the facts come from the ledger and the bucket. `BEFORE_RESOLVING` decides
whether the instructions must be resolved into jobs, and `AFTER_RESOLVING` decides what happens to those jobs. The first
rule that matches decides. docs/architecture.md prints both tables; intake/photo_state.py reads the facts.
"""

from enum import Flag, StrEnum, auto

from backdrop.model.decision_table import DecisionTable, Rule


class Decision(StrEnum):
    """What intake does before it resolves instructions.

    - `ignore`: nothing.
    - `redeliver`: forward the jobs unchanged, without a new purchase.
    - `reopen`: keep the jobs for these bytes, and restart those that ended without a charge.
    - `wait`: give the photo `SettleSeconds` for its instructions to arrive.
    - `resolve`: resolve the instructions into jobs. The second table decides what happens to them.
    - `cancel`: end every unpaid job, and refuse a request for a photo that does not exist.
    - `reset_crashes`: reset the crash count and read again.
    - `read_again`: withdraw the outdated problem from the report, and read again.
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

    - `apply`: make them the photo's new state. Jobs that they no longer include end.
    - `refuse_request`: report the reason, and leave the photo and its jobs unchanged.
    - `sidecar_first`: handle the photo as if there were no request, then handle the request.
    - `redeliver`: forward the jobs unchanged.
    """

    APPLY = auto()
    REFUSE_REQUEST = auto()
    SIDECAR_FIRST = auto()
    REDELIVER = auto()


# -- facts -------------------------------------------------------------------------------------------------------------


class History(Flag):
    """What the ledger has recorded about the photo.

    NEW_IN_PREFETCH: it had no item when the batch began, and has not been read since. WAITING: it waits for its
    instructions. BLOCKED: its instructions are missing, or its folder defaults are broken. WAS_MISSING: it was deleted,
    so the current object is a new photo even if it has the same bytes.
    """

    NEW_IN_PREFETCH = auto()
    NEW = auto()
    KNOWN = auto()
    WAITING = auto()
    BLOCKED = auto()
    WAS_MISSING = auto()


class EventKind(Flag):
    """Why intake checks the photo.

    OBJECT_CHANGED: it may have changed (S3, the sweep, corrected folder defaults). SETTLE_TIMEOUT: the time to wait for
    its instructions is over. RERUN: an operator requested a rerun. REQUEST: a message with instructions of its own.
    REPEATED_REQUEST: a request that was handled before.
    """

    OBJECT_CHANGED = auto()
    SETTLE_TIMEOUT = auto()
    RERUN = auto()
    REQUEST = auto()
    REPEATED_REQUEST = auto()


class EventDelivery(Flag):
    """REPEATED: an earlier worker may have crashed after it wrote the ledger and before it sent its messages."""

    FIRST = auto()
    REPEATED = auto()


class CrashCount(Flag):
    """TOO_MANY: so many workers crashed on this photo that only an operator's rerun opens it again."""

    TOLERABLE = auto()
    TOO_MANY = auto()


class PhotoInBucket(Flag):
    """What is in the bucket, compared with what the ledger recorded when it last decided.

    SAME: the same object. SAME_BYTES: the same ETag, uploaded again. NEW: the ledger has recorded no object.
    """

    MISSING = auto()
    SAME = auto()
    SAME_BYTES = auto()
    OTHER_BYTES = auto()
    NEW = auto()


class ReportState(Flag):
    """OUTDATED: according to the report, S3 denies access to a file, but the file can be read now."""

    CURRENT = auto()
    OUTDATED = auto()


class CallInputChange(Flag):
    """CHANGED: a style reference image of an unpaid job has different bytes now, or its canvas would be different."""

    UNCHANGED = auto()
    CHANGED = auto()


class InstructionChange(Flag):
    """The photo's own instructions (sidecar and tags), compared with those recorded in the ledger."""

    UNCHANGED = auto()
    CHANGED = auto()


class OwnInstructions(Flag):
    """How complete the sidecar and tags are. COMPLETE: there is a sidecar, or the tags name an operation."""

    NONE = auto()
    INCOMPLETE = auto()
    COMPLETE = auto()


class JobMatch(Flag):
    """The photo's current jobs, compared with the bytes in the bucket.

    SAME_BYTES: the jobs are for these bytes, and the photo has not been deleted since. EXPIRED: the ledger has deleted
    the jobs, but has recorded these bytes.
    """

    NO_JOBS = auto()
    SAME_BYTES = auto()
    OTHER_BYTES = auto()
    EXPIRED = auto()


class ReportedProblems(Flag):
    """Whether the photo has reported problems. A refused request does not count: it is not a problem with the photo."""

    NONE = auto()
    SOME = auto()


class RequestedBy(Flag):
    """EXECUTIONS: only Step Functions executions requested one of the open jobs, which ends when they stop."""

    PHOTO = auto()
    EXECUTIONS = auto()


class CancelMarkState(Flag):
    """OVERRULED: an operator canceled a job, and the photo or its instructions have been uploaded again since."""

    IN_FORCE = auto()
    OVERRULED = auto()


class Inspection(Flag):
    """FAILED: the file cannot be used, regardless of its instructions."""

    PASSED = auto()
    FAILED = auto()


class SettlePeriod(Flag):
    """Whether the photo may still wait for its instructions.

    OVER: its time is up, or it waited before and none arrived.
    """

    TIME_LEFT = auto()
    OVER = auto()


class PlanResult(Flag):
    """The result of resolving the instructions. NO_INSTRUCTIONS: the only problem is that there are none."""

    JOBS = auto()
    NO_INSTRUCTIONS = auto()
    PROBLEMS = auto()


# -- the tables --------------------------------------------------------------------------------------------------------

BEFORE_RESOLVING = DecisionTable(
    # Facts are read in this order. Only History, EventKind, PhotoInBucket, CallInputChange, and CancelMarkState need
    # AWS calls.
    (
        History,
        EventKind,
        EventDelivery,
        CrashCount,
        PhotoInBucket,
        ReportState,
        CallInputChange,
        InstructionChange,
        OwnInstructions,
        JobMatch,
        ReportedProblems,
        RequestedBy,
        Inspection,
        SettlePeriod,
        CancelMarkState,
    ),
    (
        Rule(
            "The photo no longer waits for its instructions.",
            (~History.WAITING, EventKind.SETTLE_TIMEOUT, EventDelivery.FIRST),
            Decision.IGNORE,
        ),
        Rule(
            "The photo is gone, and another worker may have recorded it since the batch began.",
            (History.NEW_IN_PREFETCH, PhotoInBucket.MISSING),
            Decision.READ_AGAIN,
        ),
        Rule(
            "The photo is gone, so unpaid jobs are not bought.",
            (PhotoInBucket.MISSING,),
            Decision.CANCEL,
        ),
        Rule(
            "These are not the bytes that crashed workers, so the crash count is reset.",
            (CrashCount.TOO_MANY, PhotoInBucket.OTHER_BYTES),
            Decision.RESET_CRASHES,
        ),
        Rule(
            "The file can be read now, so the report that it cannot be read is withdrawn first.",
            (ReportState.OUTDATED,),
            Decision.READ_AGAIN,
        ),
        Rule(
            "A person or a program requests the photo's pictures now.",
            (EventKind.RERUN | EventKind.REQUEST,),
            Decision.RESOLVE,
        ),
        Rule(
            "A style reference or a canvas changed, but the photo may still get instructions of its own.",
            (
                EventDelivery.REPEATED,
                CallInputChange.CHANGED,
                ~OwnInstructions.COMPLETE,
                Inspection.PASSED,
                SettlePeriod.TIME_LEFT,
            ),
            Decision.WAIT,
        ),
        Rule(
            "A style reference or a canvas changed, so the jobs are no longer the same purchases.",
            (EventDelivery.REPEATED, CallInputChange.CHANGED),
            Decision.RESOLVE,
        ),
        Rule(
            "Nothing changed, but the photo's own instructions now request what only executions had requested before.",
            (
                History.KNOWN,
                ~EventKind.SETTLE_TIMEOUT,
                PhotoInBucket.SAME,
                InstructionChange.UNCHANGED,
                OwnInstructions.COMPLETE,
                RequestedBy.EXECUTIONS,
            ),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, but the job was requested again after an operator canceled it.",
            (History.KNOWN, PhotoInBucket.SAME, InstructionChange.UNCHANGED, CancelMarkState.OVERRULED),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, and an earlier worker may have crashed before it sent the jobs on.",
            (History.KNOWN, EventDelivery.REPEATED, PhotoInBucket.SAME, InstructionChange.UNCHANGED),
            Decision.REDELIVER,
        ),
        Rule(
            "Nothing changed, and an event alone is no reason to buy anything.",
            (History.KNOWN, PhotoInBucket.SAME, InstructionChange.UNCHANGED),
            Decision.IGNORE,
        ),
        Rule(
            "The photo's jobs are for these bytes, and removing instructions cancels nothing.",
            (OwnInstructions.NONE, JobMatch.SAME_BYTES | JobMatch.EXPIRED),
            Decision.REOPEN,
        ),
        Rule(
            "The same bytes were uploaded again, with the instructions that the jobs were resolved from.",
            (
                ~History.WAITING,
                InstructionChange.UNCHANGED,
                JobMatch.SAME_BYTES | JobMatch.EXPIRED,
                ReportedProblems.NONE,
            ),
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
    (History, EventKind, PhotoInBucket, InstructionChange, OwnInstructions, JobMatch, Inspection, PlanResult),
    (
        Rule(
            "A rerun finds no instructions: the jobs were requested directly, so they stay.",
            (EventKind.RERUN, JobMatch.SAME_BYTES | JobMatch.OTHER_BYTES, PlanResult.NO_INSTRUCTIONS),
            PlanDecision.REDELIVER,
        ),
        Rule(
            "There is no request, so the plan becomes the photo's state, with its jobs and problems.",
            (~EventKind.REQUEST,),
            PlanDecision.APPLY,
        ),
        Rule(
            "The request can be carried out.",
            (PlanResult.JOBS,),
            PlanDecision.APPLY,
        ),
        Rule(
            "The request cannot be carried out, and nothing else has changed since the last decision.",
            (History.KNOWN | History.BLOCKED, PhotoInBucket.SAME, InstructionChange.UNCHANGED),
            PlanDecision.REFUSE_REQUEST,
        ),
        Rule(
            "The request cannot be carried out, which is no reason to end jobs for the same bytes.",
            (JobMatch.SAME_BYTES | JobMatch.EXPIRED,),
            PlanDecision.REFUSE_REQUEST,
        ),
        Rule(
            "The photo has its own instructions, which must be applied before the request is refused.",
            (OwnInstructions.COMPLETE, Inspection.PASSED),
            PlanDecision.SIDECAR_FIRST,
        ),
        Rule(
            "The photo has no other instructions, so the refusal is its result and ends its wait.",
            (),
            PlanDecision.APPLY,
        ),
    ),
)
