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


class Resolution(StrEnum):
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

    NEW_IN_SNAPSHOT: it had no item when the batch began, and was not read again. WAITING: for its instructions.
    BLOCKED: on instructions that never came, or on broken folder defaults. WAS_MISSING: it was deleted, so that what
    is there now is a new photo, whatever its bytes.
    """

    NEW_IN_SNAPSHOT = auto()
    NEW = auto()
    KNOWN = auto()
    WAITING = auto()
    BLOCKED = auto()
    WAS_MISSING = auto()


class Event(Flag):
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


class Photo(Flag):
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
    """OTHER: a style reference of a job that is not bought yet has other bytes now."""

    SAME = auto()
    OTHER = auto()


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


class WantedBy(Flag):
    """EXECUTIONS: only Step Functions executions requested a job that is still under way, and it ends with them."""

    PHOTO = auto()
    EXECUTIONS = auto()


class CancelMarks(Flag):
    """OVERRULED: a person cancelled a job, and the photo's instructions were written or uploaded again since."""

    HOLD = auto()
    OVERRULED = auto()


class Inspection(Flag):
    """FAILED: the file cannot be used, so that no instructions help."""

    PASSED = auto()
    FAILED = auto()


class Settling(Flag):
    """Whether the photo may still wait for its instructions. OVER also where it waited before, without success."""

    TIME_LEFT = auto()
    OVER = auto()


class Found(Flag):
    """What the instructions were resolved into. NO_INSTRUCTIONS: nothing but the problem that there are none."""

    JOBS = auto()
    NO_INSTRUCTIONS = auto()
    PROBLEMS = auto()


# -- the tables --------------------------------------------------------------------------------------------------------

BEFORE_RESOLVING = DecisionTable(
    # The order in which facts are read. These cost calls: History, Event, Photo, References, CancelMarks.
    (
        *(History, Event, Delivery, Crashes, Photo, Report, References, Instructions, OwnInstructions, Jobs, Problems),
        *(WantedBy, Inspection, Settling, CancelMarks),
    ),
    (
        Rule(
            "The photo no longer waits for its instructions.",
            (~History.WAITING, Event.SETTLE_TIMEOUT, Delivery.FIRST),
            Decision.IGNORE,
        ),
        Rule(
            "The photo is gone, and the ledger may know by now what it did not know when the batch began.",
            (History.NEW_IN_SNAPSHOT, Photo.MISSING),
            Decision.READ_AGAIN,
        ),
        Rule(
            "The photo is gone: what is not paid yet is not bought.",
            (Photo.MISSING,),
            Decision.CANCEL,
        ),
        Rule(
            "These are not the bytes that killed workers: they get a count of their own.",
            (Crashes.TOO_MANY, Photo.OTHER_BYTES),
            Decision.RESET_CRASHES,
        ),
        Rule(
            "The file can be read again, so the report that it cannot is withdrawn first.",
            (Report.OUTDATED,),
            Decision.READ_AGAIN,
        ),
        Rule(
            "A person or a program asks for it now.",
            (Event.RERUN | Event.REQUEST,),
            Decision.RESOLVE,
        ),
        Rule(
            "A style reference changed, but the photo may still get instructions of its own.",
            (Delivery.REPEATED, References.OTHER, ~OwnInstructions.COMPLETE, Inspection.PASSED, Settling.TIME_LEFT),
            Decision.WAIT,
        ),
        Rule(
            "A style reference changed, so that its jobs ask for something else.",
            (Delivery.REPEATED, References.OTHER),
            Decision.RESOLVE,
        ),
        Rule(
            "Nothing changed, but the photo's own instructions want what only executions wanted so far.",
            (
                History.KNOWN,
                ~Event.SETTLE_TIMEOUT,
                Photo.SAME,
                Instructions.SAME,
                OwnInstructions.COMPLETE,
                WantedBy.EXECUTIONS,
            ),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, but it was asked for once more after a person cancelled it.",
            (History.KNOWN, Photo.SAME, Instructions.SAME, CancelMarks.OVERRULED),
            Decision.REOPEN,
        ),
        Rule(
            "Nothing changed, and an earlier worker may have died before it sent the jobs on.",
            (History.KNOWN, Delivery.REPEATED, Photo.SAME, Instructions.SAME),
            Decision.REDELIVER,
        ),
        Rule(
            "Nothing changed: an event alone is no reason to buy.",
            (History.KNOWN, Photo.SAME, Instructions.SAME),
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
            (~OwnInstructions.COMPLETE, Inspection.PASSED, Settling.TIME_LEFT),
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
    (History, Event, Photo, Instructions, OwnInstructions, Jobs, Inspection, Found),
    (
        Rule(
            "A rerun finds no instructions: its jobs were requested directly, and stay.",
            (Event.RERUN, Jobs.SAME_BYTES | Jobs.OTHER_BYTES, Found.NO_INSTRUCTIONS),
            Resolution.REDELIVER,
        ),
        Rule(
            "The photo's own state decides, jobs and problems alike.",
            (~Event.REQUEST,),
            Resolution.APPLY,
        ),
        Rule(
            "The request can be carried out.",
            (Found.JOBS,),
            Resolution.APPLY,
        ),
        Rule(
            "A request that cannot be carried out takes nothing from a photo that was decided on.",
            (History.KNOWN | History.BLOCKED, Photo.SAME, Instructions.SAME),
            Resolution.REFUSE_REQUEST,
        ),
        Rule(
            "A request that cannot be carried out takes no job from the bytes that it was made for.",
            (Jobs.SAME_BYTES | Jobs.FORGOTTEN,),
            Resolution.REFUSE_REQUEST,
        ),
        Rule(
            "The photo has instructions of its own that were not applied yet; the request must not take their place.",
            (OwnInstructions.COMPLETE, Inspection.PASSED),
            Resolution.SIDECAR_FIRST,
        ),
        Rule(
            "Nothing else is wanted of the photo: the refusal is its result, and ends its waiting.",
            (),
            Resolution.APPLY,
        ),
    ),
)
