"""Guards of the instruction contract: one purchase in either order, what waits is woken, what is edited runs alone."""

from collections.abc import Iterator

from proof.checker.books import Promise
from proof.mutants.mutant import mutant
from proof.mutants.operators import code, drop, literal, off, on
from proof.mutants.scene import photos, wishes

CALM = "reordered_message"


def outputs(at: float, count: int, *, every: float = 1.0) -> Iterator[str]:
    """Each photo's outputs are edited, and edited back, as often as there is time."""
    for round_ in range(8):
        yield from wishes(at + round_ * 4, count, ("cut-small", "cut")[round_ % 2], every=every)


WORDLESS = photos(5, 8, tags="foreign")
# A delivered photo is deleted, and its bytes come back without a word.
RETURNED = ("5 drop a.jpg a cut", "300 delete a.jpg", "500 drop a.jpg a foreign")


def just_then(count: int, seconds: float) -> Iterator[str]:
    """Photos, each in a folder of its own, whose defaults come so many seconds later."""
    for n in range(count):
        yield f"{5 + n * 2} drop f{n}/a.jpg a foreign"
        yield f"{5 + n * 2 + seconds + n % 8 * 0.2} default f{n}/ cut"


INSTRUCTING_MUTANTS = (
    mutant(
        "buys-on-defaults-at-once",
        "2.3: a photo without a word of its own is given time, though its folder has defaults",
        on("intake.photo_state:classify_own_instructions#ccafc9 if 1"),
        breaks=Promise.PATIENT,
        faults=CALM,
        deeds=("1 default / cut", *(f"{10 + n} pair p{n}.jpg a file:marble 8" for n in range(6))),
    ),
    mutant(
        "forgets-who-waits",
        "2.3: a photo that waits for instructions stands in the index",
        off("model.schedule:_index_source#de594c if 2"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-nobody",
        "2.3: instructions that come later wake what waits",
        drop("intake.folder_defaults:FolderDefaultsIntake.handle#f6988f statement 6"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-some",
        "2.3: however many wait, all are woken, some at a time",
        literal("intake.folder_defaults:MAX_WOKEN_PHOTOS#06116e constant 1", "2"),
        off("intake.folder_defaults:FolderDefaultsIntake._wake_photos#49e3ee if 1"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-once",
        "2.3: who came to rest while a folder was woken is woken by a second look",
        off("intake.folder_defaults:FolderDefaultsIntake.handle#f6988f if 1"),
        breaks=Promise.DRAINED,
        faults="slow_service stale_index",
        deeds=just_then(80, 20.6),
    ),
    mutant(
        "wakes-only-the-first-time",
        "2.3: the waking of a folder is repeated where its worker died",
        code(
            "intake.folder_defaults:FolderDefaultsIntake.handle#f6988f if 2", "not problems and not event.is_repeated"
        ),
        breaks=Promise.DRAINED,
        faults="killed_intake",
        deeds=just_then(80, 40),
    ),
    mutant(
        "reads-over-what-is-broken",
        "2.3: a broken folder default holds its photos",
        off("intake.instruction_resolver:InstructionResolver.resolve_jobs#b66aa6 if 2"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6)),
    ),
    mutant(
        "holds-for-ever",
        "2.3: held photos go by themselves when the defaults are mended",
        drop("intake.apply:PhotoIntake._apply#28a26e keyword 3"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6), "200 default / marble"),
    ),
    mutant(
        "holds-without-a-word",
        "2.3: a broken folder default makes one report",
        off("intake.folder_defaults:FolderDefaultsIntake.report#608251 conditional expression 2"),
        breaks=Promise.HELD,
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6)),
    ),
    mutant(
        "sweeps-no-defaults",
        "3.12: folder defaults that no event told of are found",
        drop("reconcile.sweep:SWEPT_KINDS#cad446 row 2"),
        breaks=Promise.DRAINED,
        faults="lost_event",
        deeds=just_then(15, 60),
    ),
    mutant(
        "root-first",
        "2.3: the defaults of the photo's own folder win over those above",
        code("model.object_keys:list_defaults_keys#a03614 call 4", "range(len(folders) + 1)"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=("1 default / cut", "1 default shoes/ marble", "9 drop shoes/a.jpg a foreign"),
    ),
    mutant(
        "waits-though-it-is-gone",
        "2.3: a photo that is deleted while it waits waits no more",
        drop("intake.photo_status:clear_photo#97ec49 entry 3"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=(*WORDLESS, *(f"{14 + n} delete p{n}.jpg" for n in range(8))),
    ),
    mutant(
        "deaf-to-redelivery-of-the-gone",
        "1: a look that died of a photo that is gone is finished by the next",
        on("intake.apply:PhotoIntake._cancel#a7f738 if 4"),
        breaks=Promise.VIEWS_TRUE,
        faults="killed_intake",
        deeds=("1 pause 900", *photos(5, 20), *(f"{100 + n * 5} delete p{n}.jpg" for n in range(20))),
    ),
    mutant(
        "forgets-that-it-was-gone",
        "2.3: a photo that was deleted and comes back is a new one",
        off("intake.apply:PhotoIntake._cancel#a7f738 if 3"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=RETURNED,
    ),
    mutant(
        "keeps-the-jobs-of-the-deleted",
        "2.3: a photo that was deleted and comes back is a new one",
        off("intake.photo_state:compare_jobs#ffa015 operand 8"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=RETURNED,
    ),
    mutant(
        "held-though-it-is-gone",
        "2.3: a photo that is deleted while it is held is held no more",
        off("intake.apply:PhotoIntake._cancel#a7f738 operand 7"),
        breaks=Promise.DRAINED,
        faults=CALM,
        deeds=(
            "1 default / typo",
            "10 drop a.jpg a cut",
            "100 delete a.jpg",
            "200 default / cut",
        ),
    ),
    mutant(
        "one-edit-runs-all",
        "2.3: what is edited runs alone",
        code("intake.job_planner:_build_job#4ec8b4 keyword 24", "revision=source.instructions_fingerprint"),
        breaks=Promise.NO_REPEATS,
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "seasons"), *wishes(200, 4, "seasons-mild")),
    ),
    mutant(
        "buys-each-upload",
        "2.3: the same bytes again are no reason to buy",
        code("intake.job_planner:_build_job#4ec8b4 element 2", "photo.version_id"),
        breaks=Promise.NO_REPEATS,
        faults=CALM,
        deeds=(
            *photos(10, 4, tags="foreign"),
            *wishes(12, 4, "cut"),
            *(f"{200 + n} again p{n}.jpg" for n in range(4)),
            *wishes(300, 4, "cut-dear"),
        ),
    ),
    mutant(
        "buys-each-output",
        "3: another output of what is paid is delivered for nothing",
        on("instructions.merge:ResolvedInstructions.purchase_fields#21c577 comprehension if 1"),
        breaks=Promise.NO_REPEATS,
        faults=CALM,
        deeds=(*photos(10, 4), *wishes(200, 4, "cut-web")),
    ),
    mutant(
        "forgets-other-outputs",
        "3: another output of what is paid is delivered",
        off("model.transitions.again:update_instructions#cf28b8 if 1"),
        breaks=Promise.PICTURES_TRUE,
        faults=CALM,
        deeds=(*photos(10, 4), *wishes(200, 4, "cut-web")),
    ),
    mutant(
        "stays-superseded",
        "3: what ended unpaid runs again when its photo names it again",
        drop("model.transitions.again:reopen#074ce8 statement 1"),
        breaks=Promise.ONE_END,
        faults=CALM,
        in_flight=1,
        account_limit=1,
        deeds=(*photos(10, 12), *wishes(12, 12, "marble"), *wishes(25, 12, "cut")),
    ),
    mutant(
        "hands-over-an-older-wish",
        "3: what is edited while it is handed over is handed over as it was edited",
        off("deliver.pictures:Pictures._reload_source#777352 if 1"),
        breaks=Promise.NEWEST,
        faults="slow_service",
        deeds=(*photos(10, 12), *outputs(30, 12)),
    ),
    mutant(
        "each-variant-buys",
        "3: of variants that ask the same one buys: the ledger takes no two owners of one content at once",
        off("pipeline.job_diff:plan_transitions#daafde if 1"),
        breaks=Promise.ONE_END,
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "snow-twice")),
    ),
    mutant(
        "takes-away-untold",
        "2.3: a variant taken away leaves its pictures, and the receipt says so",
        off("pipeline.job_diff:plan_variant_removals#e02b1a comprehension if 2"),
        breaks=Promise.VIEWS_TRUE,
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "seasons"), *wishes(200, 4, "snow-only")),
    ),
    mutant(
        "forgets-what-lay-there",
        "2.3: and of each variant, also where nothing was wanted in between",
        literal("pipeline.job_diff:_find_jobs_with_pictures#539059 key 2", '""'),
        breaks=Promise.VIEWS_TRUE,
        faults=CALM,
        deeds=(
            *photos(10, 4, tags="foreign"),
            *wishes(12, 4, "seasons"),
            *wishes(200, 4, "typo"),
            *wishes(300, 4, "snow-only"),
        ),
    ),
    mutant(
        "undoes-what-is-taken-away",
        "2.3: instructions that are taken away undo nothing",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 13"),
        breaks=Promise.UNMOVED,
        faults=CALM,
        deeds=(
            *("5 drop a.jpg a foreign", "6 sidecar a.jpg cut", "100 unsay a.jpg"),
            *("160 replace a.jpg b", "170 replace a.jpg a"),
        ),
    ),
    mutant(
        "resolves-on-every-event",
        "2.3: a changed default is no reason to buy",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 12"),
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 14"),
        breaks=Promise.UNMOVED,
        faults="double_event duplicate_message",
        deeds=(
            "1 default / turbo",
            *photos(10, 4, tags="marble"),
            "100 default / marble-web",
            *(f"{150 + n} repeat {n}" for n in range(6)),
        ),
    ),
)
