"""Guards of arrival, sharing and setting right: what is wanted now, who pays for it, what is put back (2.3, 3.12)."""

from proof.checker.books import Promise
from proof.mutants.mutant import mutant
from proof.mutants.operators import drop, literal, off, on
from proof.mutants.scene import photos, wishes

# The owner of what two photos want is deleted while both wait.
ORPHANED = ("5 pause 300", "20 drop a.jpg a cut", "40 drop b.jpg a cut", "80 delete a.jpg")
# Who owned the bytes comes back at the moment when others come with them.
RETURNED = (
    *("5 pause 600", "20 drop a.jpg a cut", "60 delete a.jpg"),
    *("100 drop a.jpg a cut", "100 drop b.jpg a cut", "100 drop c.jpg a cut"),
)
# The same bytes with the same wish, one a moment behind the other.
TWINS = ("10 drop a.jpg a cut", "13 drop b.jpg a cut", "13 drop c.jpg a cut", "40 drop d.jpg a cut")
# A photo whose wish was taken back is replaced, and comes back before anybody asks for a wish of the other one.
WANDERING = (
    *("5 drop a.jpg a foreign", "6 sidecar a.jpg cut", "100 unsay a.jpg"),
    *("160 replace a.jpg b", "170 replace a.jpg a"),
)

ARRIVING_MUTANTS = (
    mutant(
        "leaves-the-old-wish",
        "2.3: a job that its photo names no more ends",
        literal("pipeline.job_diff:_supersede_others#45d0c5 call 1", "None"),
        breaks=Promise.WANTED,
        faults="late_event paused_by_person",
    ),
    mutant(
        "buys-for-the-dead",
        "2.3: a photo deleted while its job waits ends it: between render and intake its message would go round",
        off("intake.apply:PhotoIntake._cancel#a7f738 comprehension if 2"),
        breaks=Promise.CHAINS_END,
        faults="reordered_message",
        deeds=("5 pause 300", *photos(20, 3), "60 delete p0.jpg"),
    ),
    mutant(
        "believes-events",
        "2.3: a repeated event is never a reason to buy",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 12"),
        breaks=Promise.NO_REPEATS,
        faults="rejected_request refused_request double_event",
    ),
    mutant(
        "does-not-wait-for-a-wish",
        "2.3: a photo without a wish waits for one",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 15"),
        breaks=Promise.PATIENT,
    ),
    mutant(
        "waits-for-ever",
        "2.3: a photo waits once",
        off("intake.apply:PhotoIntake._reopen#33e8dd operand 2"),
        breaks=Promise.DRAINED,
        faults="reordered_message",
        deeds=WANDERING,
    ),
    mutant(
        "any-price",
        "2.3: a job quoted above max_cost_usd is refused",
        on("intake.job_planner:_check_max_cost#9ca265 if 1"),
        breaks=Promise.INSTRUCTED,
        faults="reordered_message",
        deeds=(*photos(5, 3, tags="foreign"), *wishes(6, 3, "stingy")),
    ),
    mutant(
        "reads-its-own-folder",
        "2.3: what lies under _backdrop is nobody's photo",
        off("model.object_keys:classify_key#103636 operand 5"),
        breaks=Promise.OLD_LEFT_ALONE,
    ),
    mutant(
        "deaf-to-redelivery",
        "1: a redelivery goes on where it stopped",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 11"),
        breaks=Promise.DRAINED,
        faults="killed_intake",
        deeds=photos(5, 20, every=5),
    ),
    mutant(
        "many-owners",
        "3: the same bytes asked the same thing have one owner",
        on("aws.ledger:Ledger._build_owner_put#47fbe6 clause 1"),
        breaks=Promise.SHARED,
    ),
    mutant(
        "takes-over-late",
        "3: content passes only from a job that still is what it was seen to be",
        on("aws.ledger:Ledger._build_owner_put#47fbe6 clause 4"),
        breaks=Promise.SHARED,
        deeds=RETURNED,
    ),
    mutant(
        "followers-buy",
        "3: who follows an owner waits for its file",
        off("render.service:RenderService._render_accepted#00572c if 1"),
        breaks=Promise.SHARED,
        faults="reordered_message",
        deeds=TWINS,
    ),
    mutant(
        "nobody-takes-over",
        "3: the others buy if the owner fails",
        off("model.transitions.again:join_existing#6c9e35 operand 2"),
        breaks=Promise.DRAINED,
        faults="reordered_message",
        deeds=ORPHANED,
    ),
    mutant(
        "takes-over-blindly",
        "3: one takes over from the very job that came to nothing",
        drop("model.transitions.again:take_over#3b2c5d keyword 2"),
        breaks=Promise.DRAINED,
        faults="reordered_message",
        deeds=ORPHANED,
    ),
    mutant(
        "shares-too-early",
        "3: a file is shared when it is stored",
        on("model.transitions.again:join_existing#6c9e35 if 2"),
        off("model.transitions.again:reuse#fbf392 if 1"),
        breaks=Promise.PICTURES_TRUE,
        faults="reordered_message",
        deeds=TWINS,
    ),
    mutant(
        "old-stack",
        "3.12: the sweep takes nothing older than the stack",
        drop("reconcile.sweep:Sweep._is_due#6dd80e argument 2"),
        breaks=Promise.OLD_LEFT_ALONE,
        faults="reordered_message",
        deeds=("0 old shoes/old.jpg", *photos(5, 2)),
    ),
    mutant(
        "old-photos",
        "3.12: the sweep takes nothing older than two days",
        drop("reconcile.sweep:Sweep._is_due#6dd80e argument 1"),
        breaks=Promise.OLD_LEFT_ALONE,
        faults="reordered_message",
        asleep=True,
    ),
    mutant(
        "never-sweeps",
        "3.12: photos that no event told of are found",
        drop("reconcile.sweep:Sweep.run#1bb6e0 statement 7"),
        breaks=Promise.DRAINED,
        faults="lost_event",
    ),
    mutant(
        "sweeps-no-sidecars",
        "3.12: a sidecar that no event told of is found",
        off("reconcile.sweep:Sweep._is_missed#835319 return 3"),
        breaks=Promise.DRAINED,
        faults="lost_event",
        deeds=(*photos(5, 15, tags="foreign"), *wishes(40, 15, "cut")),
    ),
    mutant(
        "never-puts-back",
        "1: a job whose message would expire gets a new one",
        literal("model.schedule:_index_job#8e764c return 4", "None"),
        breaks=Promise.DRAINED,
        faults="expired_message",
    ),
    mutant(
        "forgets-open-calls",
        "1: a call whose message is gone is found",
        off("model.schedule:_index_job#8e764c if 6"),
        breaks=Promise.DRAINED,
        faults="message_gone_in_doubt killed_in_paid_call",
    ),
    mutant(
        "redrives-in-one-breath",
        "3.11: a redrive that dies half-way is finished by reconcile",
        drop("operate.redrive:RedriveService._write_transition#974d65 statement 6"),
        breaks=Promise.DRAINED,
        faults="rejected_request killed_person",
        deeds=(*photos(5, 12, every=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    mutant(
        "forgets-later-deaths",
        "3.11: a redrive takes away the letters of before, and leaves those of jobs that died again meanwhile",
        literal("reconcile.dead_letters:DeadLetterTriage.delete_resolved.is_resolved#c4087b call 2", "0"),
        breaks=Promise.LETTERS_TRUE,
        faults="rejected_request",
        deeds=(*photos(5, 12, every=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    mutant(
        "cancels-in-one-breath",
        "3.11: a cancel that dies half-way is told all the same",
        drop("operate.cancel:CancelService._cancel_job#9d6b74 statement 4"),
        breaks=Promise.VIEWS_TRUE,
        faults="killed_person",
        deeds=("1 pause 90000", *photos(10, 10), "120 cancel p", "240 cancel p", "360 cancel p"),
    ),
)
