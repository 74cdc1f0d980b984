"""Guards of instructions: one purchase in either order of arrival, waking, and edits that affect only their jobs."""

from collections.abc import Iterator

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import (
    force_false,
    force_true,
    remove,
    replace_code,
    replace_literal,
    swap_with_next,
)
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

HARMLESS_FAULT = "reordered_message"


def list_output_edits(start_seconds: float, count: int, *, interval_seconds: float = 1.0) -> Iterator[str]:
    """Yields repeated edits of each photo's outputs, back and forth."""
    for round_no in range(8):
        yield from list_sidecars(
            start_seconds + round_no * 4, count, ("cut-small", "cut")[round_no % 2], interval_seconds=interval_seconds
        )


UPLOADS_WITHOUT_INSTRUCTIONS = list_uploads(5, 8, tags="foreign")
# A delivered photo is deleted, and uploaded again without instructions.
DELETED_AND_RESTORED = ("5 upload a.jpg a cut", "300 delete_photo a.jpg", "500 upload a.jpg a foreign")


def list_late_defaults(count: int, seconds: float) -> Iterator[str]:
    """Yields photos in folders of their own, with folder defaults that arrive this many seconds later."""
    for n in range(count):
        yield f"{5 + n * 2} upload f{n}/a.jpg a foreign"
        yield f"{5 + n * 2 + seconds + n % 8 * 0.2} write_default f{n}/ cut"


INSTRUCTION_MUTANTS = (
    build_mutant(
        "skips-settle-time-for-defaults",
        "2.3: A photo without its own instructions gets its settle time, even if its folder has defaults.",
        force_true("intake.photo_state:classify_own_instructions#ccafc9 if 1"),
        invariant=Invariant.SETTLE_TIME_RESPECTED,
        faults=HARMLESS_FAULT,
        actions=("1 write_default / cut", *(f"{10 + n} upload_pair p{n}.jpg a file:marble 8" for n in range(6))),
    ),
    build_mutant(
        "keeps-waiting-photo-out-of-index",
        "2.3: A photo that waits for instructions is in the index.",
        force_false("model.schedule:_index_source#de594c if 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=(*UPLOADS_WITHOUT_INSTRUCTIONS, "120 write_default / cut"),
    ),
    build_mutant(
        "never-wakes-waiting-photos",
        "2.3: Folder defaults that arrive later wake the photos that wait for them.",
        remove("intake.folder_defaults:FolderDefaultsIntake.handle#d51d3d statement 6"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=(*UPLOADS_WITHOUT_INSTRUCTIONS, "120 write_default / cut"),
    ),
    build_mutant(
        "wakes-only-first-page",
        "2.3: All waiting photos are woken, in batches.",
        replace_literal("intake.folder_defaults:MAX_WOKEN_PHOTOS#06116e constant 1", "2"),
        force_false("intake.folder_defaults:FolderDefaultsIntake._wake_photos#4b6022 if 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=(*UPLOADS_WITHOUT_INSTRUCTIONS, "120 write_default / cut"),
    ),
    build_mutant(
        "never-wakes-twice",
        "2.3: A second pass wakes photos that began to wait while their folder was being woken.",
        force_false("intake.folder_defaults:FolderDefaultsIntake.handle#d51d3d if 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="slow_service stale_index",
        actions=list_late_defaults(80, 20.6),
    ),
    build_mutant(
        "never-repeats-wake",
        "2.3: The waking of a folder is repeated if its worker crashed.",
        replace_code(
            "intake.folder_defaults:FolderDefaultsIntake.handle#d51d3d if 2", "not problems and not event.is_repeated"
        ),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="killed_intake",
        actions=list_late_defaults(80, 40),
    ),
    build_mutant(
        "ignores-broken-defaults",
        "2.3: Broken folder defaults block their photos.",
        force_false("intake.instruction_resolver:InstructionResolver.resolve_jobs#bf6dc1 if 3"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=("1 write_default / typo", *list_uploads(10, 6)),
    ),
    build_mutant(
        "keeps-photos-blocked",
        "2.3: Blocked photos continue when the folder defaults are fixed.",
        remove("intake.photo_intake:PhotoIntake._apply#6d08d4 keyword 4"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=("1 write_default / typo", *list_uploads(10, 6), "200 write_default / marble"),
    ),
    build_mutant(
        "skips-report-of-broken-defaults",
        "2.3: Broken folder defaults have one report.",
        force_false("intake.folder_defaults:FolderDefaultsIntake.report#7adcc8 conditional expression 2"),
        invariant=Invariant.BLOCKED_BY_BROKEN_DEFAULTS,
        faults=HARMLESS_FAULT,
        actions=("1 write_default / typo", *list_uploads(10, 6)),
    ),
    build_mutant(
        "never-sweeps-defaults",
        "3.12: The sweep finds folder defaults whose event was lost.",
        remove("reconcile.sweep:SWEPT_KINDS#cad446 row 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="lost_event",
        actions=list_late_defaults(15, 60),
    ),
    build_mutant(
        "prefers-root-defaults",
        "2.3: The defaults of the photo's own folder override those of its parents.",
        swap_with_next("model.object_keys:list_defaults_keys#072e4c element 1"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=("1 write_default / cut", "1 write_default shoes/ marble", "9 upload shoes/a.jpg a foreign"),
    ),
    build_mutant(
        "keeps-deleted-photo-settling",
        "2.3: A photo that is deleted while it waits no longer waits.",
        remove("intake.photo_status:clear_photo#c911f5 keyword 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=(*UPLOADS_WITHOUT_INSTRUCTIONS, *(f"{14 + n} delete_photo p{n}.jpg" for n in range(8))),
    ),
    build_mutant(
        "ignores-redelivery-of-deleted-photo",
        "1: The next delivery completes the handling of a deleted photo after a crash.",
        force_true("intake.photo_intake:PhotoIntake._cancel#604632 if 4"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="killed_intake",
        actions=(
            "1 pause_lane 900",
            *list_uploads(5, 20),
            *(f"{100 + n * 5} delete_photo p{n}.jpg" for n in range(20)),
        ),
    ),
    build_mutant(
        "treats-restored-photo-as-known",
        "2.3: A photo that is uploaded again after its deletion is a new photo.",
        force_false("intake.photo_intake:PhotoIntake._cancel#604632 if 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=DELETED_AND_RESTORED,
    ),
    build_mutant(
        "keeps-jobs-of-restored-photo",
        "2.3: A photo that is uploaded again after its deletion gets new jobs.",
        force_false("intake.photo_state:compare_jobs#ffa015 operand 8"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=DELETED_AND_RESTORED,
    ),
    build_mutant(
        "keeps-deleted-photo-blocked",
        "2.3: A photo that is deleted while it is blocked is no longer blocked.",
        force_false("intake.photo_intake:PhotoIntake._cancel#604632 operand 7"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=(
            "1 write_default / typo",
            "10 upload a.jpg a cut",
            "100 delete_photo a.jpg",
            "200 write_default / cut",
        ),
    ),
    build_mutant(
        "reruns-all-variants",
        "2.3: An edit runs only the variants that it changes.",
        replace_code(
            "intake.job_planner:JobPlanner._build_job#70e09d keyword 25",
            "revision=photo_source.instructions_fingerprint",
        ),
        invariant=Invariant.NO_REPEAT_PURCHASES,
        faults=HARMLESS_FAULT,
        actions=(
            *list_uploads(10, 4, tags="foreign"),
            *list_sidecars(12, 4, "seasons"),
            *list_sidecars(200, 4, "seasons-mild"),
        ),
    ),
    build_mutant(
        "buys-each-upload",
        "2.3: Uploading the same bytes again does not cause a purchase.",
        replace_code("intake.job_planner:JobPlanner._build_job#70e09d element 4", "photo.version_id"),
        invariant=Invariant.NO_REPEAT_PURCHASES,
        faults=HARMLESS_FAULT,
        actions=(
            *list_uploads(10, 4, tags="foreign"),
            *list_sidecars(12, 4, "cut"),
            *(f"{200 + n} upload_again p{n}.jpg" for n in range(4)),
            *list_sidecars(300, 4, "cut-dear"),
        ),
    ),
    build_mutant(
        "buys-each-output",
        "3: Another output of a paid image is free.",
        force_true("instructions.merge:ResolvedInstructions.purchase_fields#0230cf comprehension if 1"),
        invariant=Invariant.NO_REPEAT_PURCHASES,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(10, 4), *list_sidecars(200, 4, "cut-web")),
    ),
    build_mutant(
        "skips-new-output",
        "3: Another output of a paid image is delivered.",
        force_false("model.transitions.lifecycle:update_instructions#1cc86e if 2"),
        invariant=Invariant.PICTURES_MATCH_JOBS,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(10, 4), *list_sidecars(200, 4, "cut-web")),
    ),
    build_mutant(
        "never-restarts-superseded-job",
        "3: A job that ended unpaid runs again when its photo names it again.",
        remove("model.transitions.lifecycle:reopen#074ce8 statement 1"),
        invariant=Invariant.ENDS_EXACTLY_ONCE,
        faults=HARMLESS_FAULT,
        in_flight=1,
        account_limit=1,
        actions=(*list_uploads(10, 12), *list_sidecars(12, 12, "marble"), *list_sidecars(25, 12, "cut")),
    ),
    build_mutant(
        "delivers-older-instructions",
        "3: A job that is edited during its delivery is delivered as edited.",
        force_false("deliver.pictures:Pictures._write_picture#1716fd if 5"),
        invariant=Invariant.NEWEST_DELIVERED,
        faults="slow_service",
        actions=(*list_uploads(10, 12), *list_output_edits(30, 12)),
    ),
    build_mutant(
        "buys-each-duplicate-variant",
        "3: Of variants with the same instructions, one buys. The ledger does not accept two owners of one content "
        "at once.",
        force_false("pipeline.job_diff:plan_transitions#1debbf if 2"),
        invariant=Invariant.ENDS_EXACTLY_ONCE,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(10, 4, tags="foreign"), *list_sidecars(12, 4, "snow-twice")),
    ),
    build_mutant(
        "hides-removed-variant",
        "2.3: A removed variant keeps its pictures, and the receipt says that they are not current.",
        force_false("pipeline.job_diff:plan_variant_removals#e02b1a comprehension if 2"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults=HARMLESS_FAULT,
        actions=(
            *list_uploads(10, 4, tags="foreign"),
            *list_sidecars(12, 4, "seasons"),
            *list_sidecars(200, 4, "snow-only"),
        ),
    ),
    build_mutant(
        "forgets-removed-variants",
        "2.3: This applies to every removed variant, even if there were no jobs in between.",
        replace_literal("pipeline.job_diff:_find_jobs_with_pictures#539059 key 2", '""'),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults=HARMLESS_FAULT,
        actions=(
            *list_uploads(10, 4, tags="foreign"),
            *list_sidecars(12, 4, "seasons"),
            *list_sidecars(200, 4, "typo"),
            *list_sidecars(300, 4, "snow-only"),
        ),
    ),
    build_mutant(
        "cancels-on-removed-instructions",
        "2.3: The removal of instructions undoes nothing.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 13"),
        invariant=Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
        faults=HARMLESS_FAULT,
        actions=(
            *("5 upload a.jpg a foreign", "6 write_sidecar a.jpg cut", "100 delete_sidecar a.jpg"),
            *("160 replace_photo a.jpg b", "170 replace_photo a.jpg a"),
        ),
    ),
    build_mutant(
        "resolves-on-every-event",
        "2.3: A change of folder defaults does not cause a purchase.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 12"),
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 14"),
        invariant=Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
        faults="double_event duplicate_message",
        actions=(
            "1 write_default / turbo",
            *list_uploads(10, 4, tags="marble"),
            "100 write_default / marble-web",
            *(f"{150 + n} repeat_event {n}" for n in range(6)),
        ),
    ),
)
