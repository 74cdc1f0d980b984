"""Guards of handing over: the newest picture stays, views are true, each failure is told once (design 1, 2.3, 2.4)."""

from proof.mutants.mutant import mutant
from proof.mutants.scene import photos, wishes

PICTURES, VIEWS, DELIVER = "steps/pictures.py", "steps/views.py", "steps/deliver.py"
EDITS = "late_event duplicate_message early_redelivery slow_service reordered_message"
HANDING_MUTANTS = (
    mutant(
        "older-over-newer",
        "2.3: a job that its photo names no more delivers no pictures of its own",
        (
            PICTURES,
            "if job.job_id not in source.jobs.values():\n                if known",
            "if False:\n                if known",
        ),
        faults="long_calls",
        deeds=(*photos(10, 8, every=10), *wishes(35, 8, "marble", every=10), *wishes(60, 8, "sea", every=10)),
    ),
    mutant(
        "looks-at-the-ledger-first",
        "2.3: the object is looked at before the ledger, and written only as it was then",
        (
            PICTURES,
            "over = known.etag if known else None",
            "over = now.etag if (now := self.output.head(key)) else None",
        ),
        faults="slow_service",
        deeds=(*photos(10, 40, every=10), *wishes(23, 40, "marble", every=10)),
        in_flight=10,
        account_limit=10,
    ),
    mutant(
        "named-again-for-nothing",
        "2.3: a job that is named again is delivered again",
        ("core/transitions/again.py", "if job.status not in (Status.PAID, Status.STORED):", "if True:"),
        faults="reordered_message",
        deeds=(*photos(10, 2), *wishes(100, 2, "marble"), *wishes(200, 2, "cut")),
    ),
    mutant(
        "views-over-others",
        "1: views are written where nobody was faster",
        (
            VIEWS,
            "put(self.output, key, data, mark, known.etag if known else None)",
            "put(self.output, key, data, mark, now.etag if (now := self.output.head(key)) else None)",
        ),
        (
            "steps/receipts.py",
            "*data_of(receipt(source, jobs)), over or None)",
            "*data_of(receipt(source, jobs)), now.etag if (now := self.output.head(key)) else None)",
        ),
        faults="slow_service",
        deeds=(*photos(10, 60, every=5), *wishes(13, 60, "marble", every=5)),
        in_flight=10,
        account_limit=10,
    ),
    mutant(
        "report-stays",
        "2.4: a report is gone when all is right",
        (VIEWS, "if known:\n                self.output.delete(key, known=known)", "if False:\n                pass"),
        faults="provider_outage unreachable_result",
    ),
    mutant(
        "told-again",
        "3.11: no failure is told twice",
        (DELIVER, "if job.status in FAILED and not job.told:", "if job.status in FAILED:"),
        faults="rejected_request duplicate_message reordered_message late_event",
    ),
    mutant(
        "never-told",
        "3: dead makes a dead letter",
        (DELIVER, "if job.status is Status.DEAD:", "if False:"),
        faults="rejected_request withheld_picture",
    ),
    mutant(
        "says-nothing",
        "2.6: each end is announced",
        (DELIVER, "self._announce(source, job)\n        if", "if"),
    ),
    mutant(
        "untold-and-forgotten",
        "3: a failure of which nobody was told is open",
        ("core/watch.py", "if job.status in FAILED and not job.told:", "if False:"),
        faults="rejected_request killed_render",
        deeds=(*photos(5, 20, every=4), "95 pause 0"),
    ),
    mutant(
        "opens-results-for-ever",
        "3.7: five workers that die of a result end its job",
        (DELIVER, "if job.crashes >= MOST_CRASHES:", "if False:"),
        faults="poisoned_photo",
        minutes=150,
    ),
    mutant(
        "buys-for-ever",
        "3.7: five workers that die before the call end their job",
        ("steps/render.py", "if job.crashes < MOST_CRASHES:", "if True:"),
        faults="poisoned_photo",
    ),
    mutant(
        "opens-photos-for-ever",
        "3.7: a photo of which five workers died is looked at from afar",
        ("steps/photo_state.py", "self.source.crashes >= MOST_CRASHES and not opened_by_person", "False"),
        faults="poisoned_photo",
    ),
    mutant(
        "calls-waiting-a-crash",
        "3.7: a delivery that goes back in good order counts towards nothing",
        ("core/transitions/ends.py", "return Step(job.but(begun_until=None, crashes=0))", "return Step(job)"),
        faults="photos_denied_for_long",
        deeds=photos(20, 6),
        minutes=50,
    ),
)
