"""Guards of intake, shared content, the sweep, and redrives: which job is current, and which one pays."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove, replace_literal
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

# The owner of the content of two photos is deleted while both wait.
DELETED_OWNER = ("5 pause_lane 300", "20 upload a.jpg a cut", "40 upload b.jpg a cut", "80 delete_photo a.jpg")
# Former owners of contents are uploaded again at the same moment as other photos with the same bytes. Whether a write
# of one falls between a read and a write of another is chance, so six contents try.
RETURNING_OWNER = (
    "5 pause_lane 600",
    *(
        action
        for content in "abcdef"
        for action in (
            *(f"20 upload {content}.jpg {content} cut", f"60 delete_photo {content}.jpg"),
            *(f"100 upload {name}.jpg {content} cut" for name in (content, f"{content}1", f"{content}2")),
        )
    ),
)
# The same bytes with the same instructions, a moment apart.
SAME_CONTENT = ("10 upload a.jpg a cut", "13 upload b.jpg a cut", "13 upload c.jpg a cut", "40 upload d.jpg a cut")
# A photo without its former instructions is replaced, and restored before the settle time of the replacement ends.
REPLACED_AND_RESTORED = (
    *("5 upload a.jpg a foreign", "6 write_sidecar a.jpg cut", "100 delete_sidecar a.jpg"),
    *("160 replace_photo a.jpg b", "170 replace_photo a.jpg a"),
)

INTAKE_MUTANTS = (
    build_mutant(
        "keeps-job-after-edit",
        "2.3: A job that its photo no longer names ends.",
        replace_literal("pipeline.job_diff:_supersede_others#45d0c5 call 1", "None"),
        invariant=Invariant.ONLY_CURRENT_JOBS_BOUGHT,
        faults="late_event paused_by_person",
    ),
    build_mutant(
        "keeps-job-of-deleted-photo",
        "2.3: A photo's deletion ends its waiting job. Otherwise the job's message would circulate between render "
        "and intake.",
        force_false("intake.photo_intake:PhotoIntake._cancel#604632 comprehension if 2"),
        invariant=Invariant.MESSAGE_CHAINS_END,
        faults="reordered_message",
        actions=("5 pause_lane 300", *list_uploads(20, 3), "60 delete_photo p0.jpg"),
    ),
    build_mutant(
        "buys-on-repeated-event",
        "2.3: A repeated event never causes a purchase.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 12"),
        invariant=Invariant.NO_REPEAT_PURCHASES,
        faults="rejected_request refused_request double_event",
    ),
    build_mutant(
        "skips-settle-time",
        "2.3: A photo without instructions waits for its settle time.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 15"),
        invariant=Invariant.SETTLE_TIME_RESPECTED,
    ),
    build_mutant(
        "restarts-settle-time",
        "2.3: A photo waits for its settle time only once.",
        force_false("intake.photo_intake:PhotoIntake._reopen#314031 operand 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="reordered_message",
        actions=REPLACED_AND_RESTORED,
    ),
    build_mutant(
        "ignores-max-cost",
        "2.3: A job that is quoted above max_cost_usd is refused.",
        force_true("intake.job_planner:_check_max_cost#efd322 if 1"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults="reordered_message",
        actions=(*list_uploads(5, 3, tags="foreign"), *list_sidecars(6, 3, "stingy")),
    ),
    build_mutant(
        "accepts-reserved-folder",
        "2.3: A file under _backdrop is never a photo.",
        force_false("model.object_keys:classify_key#5adbce if 2"),
        invariant=Invariant.OLD_PHOTOS_IGNORED,
    ),
    build_mutant(
        "ignores-redelivery",
        "1: A redelivery continues where the previous delivery stopped.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 11"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="killed_intake",
        actions=list_uploads(5, 20, interval_seconds=5),
    ),
    build_mutant(
        "allows-several-content-owners",
        "3: The same bytes with the same instructions have one owner.",
        force_true("aws.ledger:Ledger._build_owner_put#47fbe6 clause 1"),
        invariant=Invariant.CONTENT_PAID_ONCE,
    ),
    build_mutant(
        "takes-over-changed-owner",
        "3: Content changes its owner only if the previous owner has not changed since it was read.",
        force_true("aws.ledger:Ledger._build_owner_put#47fbe6 clause 4"),
        invariant=Invariant.CONTENT_PAID_ONCE,
        actions=RETURNING_OWNER,
    ),
    build_mutant(
        "buys-while-owner-pays",
        "3: A job whose content has another owner waits for the owner's file.",
        force_false("render.service:RenderService._render_accepted#f1cbda if 3"),
        invariant=Invariant.CONTENT_PAID_ONCE,
        faults="reordered_message",
        actions=SAME_CONTENT,
    ),
    build_mutant(
        "never-takes-over",
        "3: If the owner of the content fails, a waiting job buys it.",
        force_false("model.transitions.lifecycle:join_existing#f91bbf operand 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="reordered_message",
        actions=DELETED_OWNER,
    ),
    build_mutant(
        "takes-over-any-owner",
        "3: A job takes over content only from the job that it has seen fail.",
        remove("model.transitions.lifecycle:take_over#3b2c5d keyword 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="reordered_message",
        actions=DELETED_OWNER,
    ),
    build_mutant(
        "shares-before-stored",
        "3: A paid file is shared only after it is stored.",
        force_true("model.transitions.lifecycle:join_existing#f91bbf conditional expression 1"),
        force_false("model.transitions.lifecycle:reuse#623407 if 1"),
        invariant=Invariant.PICTURES_MATCH_JOBS,
        faults="reordered_message",
        actions=SAME_CONTENT,
    ),
    build_mutant(
        "sweeps-photos-older-than-stack",
        "3.12: The sweep ignores photos that are older than the stack.",
        remove("reconcile.sweep:Sweep._is_due#6dd80e argument 2"),
        invariant=Invariant.OLD_PHOTOS_IGNORED,
        faults="reordered_message",
        actions=("0 place_old_photo shoes/old.jpg", *list_uploads(5, 2)),
    ),
    build_mutant(
        "sweeps-old-photos",
        "3.12: The sweep ignores photos that are older than two days.",
        remove("reconcile.sweep:Sweep._is_due#6dd80e argument 1"),
        invariant=Invariant.OLD_PHOTOS_IGNORED,
        faults="reordered_message",
        is_old_stack=True,
    ),
    build_mutant(
        "never-sweeps",
        "3.12: The sweep finds photos whose event was lost.",
        remove("reconcile.sweep:Sweep.run#8ed403 statement 7"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="lost_event",
    ),
    build_mutant(
        "never-sweeps-sidecars",
        "3.12: The sweep finds sidecars whose event was lost.",
        force_false("reconcile.sweep:Sweep._is_missed#3bf870 return 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="lost_event",
        actions=(*list_uploads(5, 15, tags="foreign"), *list_sidecars(40, 15, "cut")),
    ),
    build_mutant(
        "never-resends-expired-message",
        "1: A job whose message is about to expire gets a new message.",
        replace_literal("model.schedule:_index_job#b2f6c8 return 6", "None"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="expired_message",
    ),
    build_mutant(
        "never-finds-abandoned-call",
        "1: Reconcile finds a call whose message was lost.",
        force_false("model.schedule:_index_job#b2f6c8 if 9"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="message_gone_in_doubt killed_in_paid_call",
    ),
    build_mutant(
        "leaves-redrive-unfinished",
        "3.11: Reconcile completes a redrive that crashed halfway.",
        remove("operate.redrive:RedriveService._build_write#c5c44c statement 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="rejected_request killed_person",
        actions=(*list_uploads(5, 12, interval_seconds=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    build_mutant(
        "deletes-newer-dead-letters",
        "3.11: A redrive deletes earlier dead letters, but not those of jobs that have failed again since.",
        replace_literal("reconcile.dead_letters:DeadLetterTriage.delete_resolved.is_resolved#c4087b call 2", "0"),
        invariant=Invariant.DEAD_LETTERS_MATCH_JOBS,
        faults="rejected_request",
        actions=(*list_uploads(5, 12, interval_seconds=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    build_mutant(
        "leaves-cancel-unfinished",
        "3.11: A cancellation that crashed halfway is still reported.",
        remove("operate.cancel:CancelService._cancel_job#2d4bdc statement 4"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="killed_person",
        actions=("1 pause_lane 90000", *list_uploads(10, 10), "120 cancel p", "240 cancel p", "360 cancel p"),
    ),
)
