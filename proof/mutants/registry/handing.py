"""Guards of handing over: the newest picture stays, views are true, each failure is told once (design 1, 2.3, 2.4)."""

from proof.checker.books import Promise
from proof.mutants.mutant import mutant
from proof.mutants.operators import code, drop, off, on
from proof.mutants.scene import photos, wishes

EDITS = "late_event duplicate_message early_redelivery slow_service reordered_message"
HANDING_MUTANTS = (
    mutant(
        "older-over-newer",
        "2.3: a job that its photo names no more delivers no pictures of its own",
        off("deliver.pictures:Pictures._write_picture#aba219 if 2"),
        breaks=Promise.NEWEST,
        faults="long_calls",
        deeds=(*photos(10, 8, every=10), *wishes(35, 8, "marble", every=10), *wishes(60, 8, "sea", every=10)),
    ),
    mutant(
        "looks-at-the-ledger-first",
        "2.3: the object is looked at before the ledger, and written only as it was then",
        code(
            "deliver.pictures:Pictures._write_picture#aba219 value 5",
            "now.etag if (now := self.output_bucket.head(key)) else None",
        ),
        breaks=Promise.NEWEST,
        faults="slow_service",
        deeds=(*photos(10, 40, every=10), *wishes(23, 40, "marble", every=10)),
        in_flight=10,
        account_limit=10,
    ),
    mutant(
        "named-again-for-nothing",
        "2.3: a job that is named again is delivered again",
        on("model.transitions.again:reinstate#7ea59d if 1"),
        breaks=Promise.NEWEST,
        faults="reordered_message",
        deeds=(*photos(10, 2), *wishes(100, 2, "marble"), *wishes(200, 2, "cut")),
    ),
    mutant(
        "views-over-others",
        "1: views are written where nobody was faster",
        code(
            "pipeline.documents:DocumentWriter.put_or_delete#6fe2f2 argument 8",
            "now.etag if (now := self.output_bucket.head(key)) else None",
        ),
        code(
            "pipeline.documents:ReceiptWriter.write#368667 argument 12",
            "now.etag if (now := self.output_bucket.head(key)) else None",
        ),
        breaks=Promise.VIEWS_TRUE,
        faults="slow_service",
        deeds=(*photos(10, 60, every=5), *wishes(13, 60, "marble", every=5)),
        in_flight=10,
        account_limit=10,
    ),
    mutant(
        "report-stays",
        "2.4: a report is gone when all is right",
        off("pipeline.documents:DocumentWriter.put_or_delete#6fe2f2 if 2"),
        breaks=Promise.VIEWS_TRUE,
        faults="provider_outage unreachable_result",
    ),
    mutant(
        "told-again",
        "3.11: no failure is told twice",
        on("deliver.service:DeliverService._announce_end#f5077e operand 4"),
        breaks=Promise.LETTERS_TRUE,
        faults="rejected_request duplicate_message reordered_message late_event",
    ),
    mutant(
        "never-told",
        "3: dead makes a dead letter",
        off("deliver.service:DeliverService._report_failure#5d7b66 if 1"),
        breaks=Promise.LETTERS_TRUE,
        faults="rejected_request withheld_picture",
    ),
    mutant(
        "says-nothing",
        "2.6: each end is announced",
        drop("deliver.service:DeliverService._announce_end#f5077e statement 3"),
        breaks=Promise.TOLD,
    ),
    mutant(
        "untold-and-forgotten",
        "3: a failure of which nobody was told is open",
        off("model.schedule:_index_job#8e764c if 2"),
        breaks=Promise.TOLD,
        faults="rejected_request killed_render",
        deeds=(*photos(5, 20, every=4), "95 pause 0"),
    ),
    mutant(
        "opens-results-for-ever",
        "3.7: five workers that die of a result end its job",
        off("deliver.service:DeliverService._deliver_pictures#679bb7 if 1"),
        breaks=Promise.GIVEN_UP,
        faults="poisoned_photo",
        minutes=150,
    ),
    mutant(
        "buys-for-ever",
        "3.7: five workers that die before the call end their job",
        on("render.service:RenderService._buy_with_crash_guard#726707 if 1"),
        breaks=Promise.GIVEN_UP,
        faults="poisoned_photo",
    ),
    mutant(
        "opens-photos-for-ever",
        "3.7: a photo of which five workers died is looked at from afar",
        off("intake.photo_state:PhotoState._classify_crashes#ec10f0 conditional expression 1"),
        breaks=Promise.GIVEN_UP,
        faults="poisoned_photo",
    ),
    mutant(
        "calls-waiting-a-crash",
        "3.7: a delivery that goes back in good order counts towards nothing",
        drop("model.transitions.ends:end_processing#73543b keyword 1"),
        drop("model.transitions.ends:end_processing#73543b keyword 2"),
        breaks=Promise.RIGHT_END,
        faults="photos_denied_for_long",
        deeds=photos(20, 6),
        minutes=50,
    ),
)
