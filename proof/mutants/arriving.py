"""Guards of arrival, sharing and setting right: what is wanted now, who pays for it, what is put back (2.3, 3.12)."""

from proof.mutants.mutant import DroppedRow, mutant
from proof.mutants.scene import photos, wishes

PHOTO, AGAIN, WATCH, SWEEP = "steps/photo.py", "core/transitions/again.py", "core/watch.py", "steps/sweep.py"
LEDGER = "aws/ledger.py"
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
        (
            "steps/naming.py",
            "steps = [transitions.supersede(job, now) for job in jobs if job.job_id not in named]",
            "steps = [None for job in jobs if job.job_id not in named]",
        ),
        faults="late_event paused_by_person",
    ),
    mutant(
        "buys-for-the-dead",
        "2.3: a photo deleted while its job waits ends it",
        (PHOTO, "steps = [step for job in jobs if (step := transitions.cancel(job, now))]", "steps = []"),
        faults="reordered_message",
        deeds=("5 pause 300", *photos(20, 3), "60 delete p0.jpg"),
    ),
    mutant(
        "believes-events",
        "2.3: a repeated event is never a reason to buy",
        DroppedRow("Nothing changed: an event alone is no reason to buy."),
        faults="rejected_request refused_request double_event",
    ),
    mutant(
        "does-not-wait-for-a-wish",
        "2.3: a photo without a wish waits for one",
        DroppedRow("A sidecar or tags may still follow."),
    ),
    mutant(
        "waits-for-ever",
        "2.3: a photo waits once",
        (
            PHOTO,
            "if steps or not state.was_decided:",
            "if steps:",
        ),
        faults="reordered_message",
        deeds=WANDERING,
    ),
    mutant(
        "any-price",
        "2.3: a job quoted above max_cost_usd is refused",
        ("steps/wanted.py", "if limit is None or paid or job.quoted <= micro_of(Decimal(str(limit))):", "if True:"),
        faults="reordered_message",
        deeds=(*photos(5, 3, tags="foreign"), *wishes(6, 3, "stingy")),
    ),
    mutant(
        "reads-its-own-folder",
        "2.3: what lies under _backdrop is nobody's photo",
        ("core/layout.py", "folder.startswith(RESERVED) or folder.lower() in _LITTER", "folder.lower() in _LITTER"),
    ),
    mutant(
        "deaf-to-redelivery",
        "1: a redelivery goes on where it stopped",
        DroppedRow("Nothing changed, and an earlier worker may have died before it sent the jobs on."),
        faults="killed_intake",
        deeds=photos(5, 20, every=5),
    ),
    mutant(
        "many-owners",
        "3: the same bytes asked the same thing have one owner",
        (
            LEDGER,
            "attribute_not_exists(pk) OR job_id = :job OR",
            "attribute_not_exists(pk) OR attribute_exists(job_id) OR job_id = :job OR",
        ),
    ),
    mutant(
        "takes-over-late",
        "3: content passes only from a job that still is what it was seen to be",
        (LEDGER, "job_id = :before AND rev = :rev", "job_id = :before AND rev >= :rev"),
        deeds=RETURNED,
    ),
    mutant(
        "followers-buy",
        "3: who follows an owner waits for its file",
        (
            "steps/render.py",
            "if job.follows:\n            job = serve(self.ledger, job, self.clock.now())",
            "if False:\n            pass",
        ),
        faults="reordered_message",
        deeds=TWINS,
    ),
    mutant(
        "nobody-takes-over",
        "3: the others buy if the owner fails",
        (AGAIN, "if owning is None or owning.status in WITHOUT_A_FILE:", "if owning is None:"),
        faults="reordered_message",
        deeds=ORPHANED,
    ),
    mutant(
        "takes-over-blindly",
        "3: one takes over from the very job that came to nothing",
        (AGAIN, "owner=owner_of(job), instead_of=owner)", "owner=owner_of(job))"),
        faults="reordered_message",
        deeds=ORPHANED,
    ),
    mutant(
        "shares-too-early",
        "3: a file is shared when it is stored",
        (
            AGAIN,
            "if owning.status is Status.STORED:\n        return reuse",
            "if owning.status is not Status.ACCEPTED:\n        return reuse",
        ),
        (AGAIN, "if owner.status is not Status.STORED:\n        raise StaleError", "if False:\n        pass"),
        faults="reordered_message",
        deeds=TWINS,
    ),
    mutant(
        "old-stack",
        "3.12: the sweep takes nothing older than the stack",
        (SWEEP, "max(now - YOUNG, self.since) <=", "now - YOUNG <="),
        faults="reordered_message",
        deeds=("0 old shoes/old.jpg", *photos(5, 2)),
    ),
    mutant(
        "old-photos",
        "3.12: the sweep takes nothing older than two days",
        (SWEEP, "max(now - YOUNG, self.since) <=", "self.since <="),
        faults="reordered_message",
        asleep=True,
    ),
    mutant(
        "never-sweeps",
        "3.12: photos that no event told of are found",
        (SWEEP, "look_at(self.intake, self.bucket, one.key)", "pass"),
        faults="lost_event",
    ),
    mutant(
        "sweeps-no-sidecars",
        "3.12: a sidecar that no event told of is found",
        (SWEEP, "return sidecar is not None and source.sidecar_etag != sidecar.etag", "return False"),
        faults="lost_event",
        deeds=(*photos(5, 15, tags="foreign"), *wishes(40, 15, "cut")),
    ),
    mutant(
        "never-puts-back",
        "1: a job whose message would expire gets a new one",
        (WATCH, "return OPEN, (job.put_at or job.queued_at) + MESSAGE_LIFE", "return None"),
        faults="expired_message",
    ),
    mutant(
        "forgets-open-calls",
        "1: a call whose message is gone is found",
        (WATCH, "if job.status in (Status.SUBMITTING, Status.UNKNOWN):\n        leases", "if False:\n        leases"),
        faults="message_gone_in_doubt killed_in_paid_call",
    ),
    mutant(
        "redrives-in-one-breath",
        "3.11: a redrive that dies half-way is finished by reconcile",
        ("steps/orders.py", "replace(step, job=step.job.but(put_at=overdue))", "step"),
        faults="rejected_request killed_person",
        deeds=(*photos(5, 12, every=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    mutant(
        "forgets-later-deaths",
        "3.11: a redrive takes away the letters of before, and leaves those of jobs that died again meanwhile",
        ("steps/letters.py", "return _rev(letter) <= gone_on.get(job_id, -1)", "return job_id in gone_on"),
        faults="rejected_request",
        deeds=(*photos(5, 12, every=5), "300 redrive", "420 redrive", "540 redrive", "660 redrive"),
    ),
    mutant(
        "cancels-in-one-breath",
        "3.11: a cancel that dies half-way is told all the same",
        ("steps/cancelling.py", "to_deliver(self.deliver, job, delay_seconds=VIEWS_AFTER_SECONDS)", "pass"),
        faults="killed_person",
        deeds=("1 pause 90000", *photos(10, 10), "120 cancel p", "240 cancel p", "360 cancel p"),
    ),
)
