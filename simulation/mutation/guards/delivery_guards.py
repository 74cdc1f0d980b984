"""Guards of delivery: the newest picture stays, documents are true, and failures and crashes are handled once."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove, replace_code
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

EVENT_FAULTS = "late_event duplicate_message early_redelivery slow_service reordered_message"
DELIVERY_MUTANTS = (
    build_mutant(
        "delivers-outdated-job",
        "2.3: A job that its photo no longer names delivers no pictures.",
        force_false("deliver.pictures:Pictures._write_picture#1716fd if 3"),
        invariant=Invariant.NEWEST_DELIVERED,
        faults="long_calls",
        actions=(
            *list_uploads(10, 8, interval_seconds=10),
            *list_sidecars(35, 8, "marble", interval_seconds=10),
            *list_sidecars(60, 8, "sea", interval_seconds=10),
        ),
    ),
    build_mutant(
        "reads-ledger-before-object",
        "2.3: Deliver reads the object before the ledger, and replaces it only if it is unchanged since.",
        replace_code(
            "deliver.pictures:Pictures._write_picture#1716fd value 8",
            "now.etag if (now := self.output_bucket.head(target.key)) else None",
        ),
        invariant=Invariant.NEWEST_DELIVERED,
        faults="slow_service",
        actions=(*list_uploads(10, 40, interval_seconds=10), *list_sidecars(23, 40, "marble", interval_seconds=10)),
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "skips-delivery-of-reinstated-job",
        "2.3: A job that its photo names again is delivered again.",
        force_true("model.transitions.lifecycle:reinstate#1f9e9f if 1"),
        invariant=Invariant.NEWEST_DELIVERED,
        faults="reordered_message",
        actions=(*list_uploads(10, 2), *list_sidecars(100, 2, "marble"), *list_sidecars(200, 2, "cut")),
    ),
    build_mutant(
        "overwrites-newer-documents",
        "1: A receipt or a report is written only if no other worker has written it since it was read.",
        remove("aws.s3:OutputBucket.put_if_unchanged#ddd5ef keyword 6"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="slow_service",
        actions=(*list_uploads(10, 60, interval_seconds=5), *list_sidecars(13, 60, "marble", interval_seconds=5)),
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "stores-job-without-pictures",
        "3.6: A job whose paid pictures are all unusable ends dead, not stored.",
        force_false("deliver.pictures:Pictures.deliver_job#df112e if 7"),
        invariant=Invariant.PICTURES_MATCH_JOBS,
        faults="unrecognized_result",
        actions=list_uploads(10, 10),
    ),
    build_mutant(
        "keeps-error-report",
        "2.4: A report is deleted when no problem is left.",
        force_false("pipeline.documents:DocumentWriter.put_or_delete#5e2752 if 2"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="provider_outage unreachable_result",
    ),
    build_mutant(
        "repeats-dead-letter",
        "3.11: A failure is reported only once.",
        force_true("deliver.service:DeliverService._announce#2f0aa5 operand 4"),
        invariant=Invariant.DEAD_LETTERS_MATCH_JOBS,
        faults="rejected_request duplicate_message reordered_message late_event",
    ),
    build_mutant(
        "sends-no-dead-letter",
        "3: A dead job has a dead letter.",
        force_false("deliver.service:DeliverService._report_failure#5d7b66 if 1"),
        invariant=Invariant.DEAD_LETTERS_MATCH_JOBS,
        faults="rejected_request withheld_picture",
    ),
    build_mutant(
        "publishes-no-event",
        "2.6: Every end of a job is published as an event.",
        remove("deliver.service:DeliverService._announce#2f0aa5 statement 3"),
        invariant=Invariant.EVENTS_PUBLISHED,
    ),
    build_mutant(
        "drops-unannounced-failure",
        "3: A failure that was not reported stays open for reconcile.",
        force_false("model.schedule:_index_job#b2f6c8 if 2"),
        invariant=Invariant.EVENTS_PUBLISHED,
        faults="rejected_request killed_render",
        actions=(*list_uploads(5, 20, interval_seconds=4), "95 pause_lane 0"),
    ),
    build_mutant(
        "never-gives-up-result",
        "3.7: Five crashes on a result end its job.",
        force_false("deliver.service:DeliverService._deliver_pictures#7db6f8 if 1"),
        invariant=Invariant.POISON_PHOTOS_GIVEN_UP,
        faults="poisoned_photo",
        fault_minutes=150,
    ),
    build_mutant(
        "never-gives-up-job",
        "3.7: Five crashes before the call end the job.",
        force_true("render.service:RenderService._buy_with_crash_guard#02e94f if 1"),
        invariant=Invariant.POISON_PHOTOS_GIVEN_UP,
        faults="poisoned_photo",
    ),
    build_mutant(
        "never-gives-up-photo",
        "3.7: After five crashes on a photo, intake reads only its metadata.",
        force_false("intake.photo_state:PhotoState._classify_crashes#ec10f0 conditional expression 1"),
        invariant=Invariant.POISON_PHOTOS_GIVEN_UP,
        faults="poisoned_photo",
    ),
    build_mutant(
        "counts-wait-as-crash",
        "3.7: A message that is returned to its queue does not count as a crash.",
        remove("model.transitions.lifecycle:end_processing#54707b keyword 1"),
        remove("model.transitions.lifecycle:end_processing#54707b keyword 2"),
        invariant=Invariant.ENDS_FOR_A_CAUSE,
        faults="photos_denied_for_long",
        actions=list_uploads(20, 6),
        fault_minutes=50,
    ),
)
