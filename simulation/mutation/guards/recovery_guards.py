"""Guards of lost answers: lookups first, at most one retry, the same idempotency key, and only for current jobs."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove, replace_code, replace_literal
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

LOST_ANSWER_FAULTS = "charge_and_hang_up killed_in_paid_call slow_call"

RECOVERY_MUTANTS = (
    build_mutant(
        "never-looks-up-lost-call",
        "3.4: A call that can be looked up is looked up.",
        force_false("pipeline.recovery:Recovery.resolve_unknown#768e13 if 1"),
        force_true("pipeline.recovery:Recovery.recover_expired_lease#80ede2 if 4"),
        invariant=Invariant.LOOKED_UP_BEFORE_RETRY,
        faults=LOST_ANSWER_FAULTS,
        kind="acknowledged",
    ),
    build_mutant(
        "changes-idempotency-key",
        "3.4: Every resend of an unanswered call has the same idempotency key.",
        replace_code(
            "model.transitions.payment:resend_call#94a9b2 keyword 7",
            "status=JobStatus.SUBMITTING, charge_no=job.charge_no + 1",
        ),
        replace_code(
            "render.service:RenderService._buy#a016c0 value 2",
            "PreparedCall(lambda acknowledge:"
            " provider.prepare(self.ledger.find_job(job.source_id, job.job_id), photo).send(acknowledge))",
        ),
        invariant=Invariant.PAID_ONCE,
        faults="hang_up charge_and_hang_up forgetful_look_up",
        kind="own_id",
    ),
    build_mutant(
        "pays-again-despite-idempotency-key",
        "3.4: A call with our idempotency key is sent again, never bought as a new call.",
        replace_literal("pipeline.recovery:Recovery._resend_or_hold#07e781 element 2", "NextAction.BUY"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up forgetful_look_up",
        kind="own_id",
    ),
    build_mutant(
        "retries-while-lost-call-may-run",
        "3.4: A retry follows a lost call only when that call can no longer be running.",
        remove("pipeline.recovery:Recovery.resolve_unknown#768e13 statement 8"),
        invariant=Invariant.ONE_CALL_AT_A_TIME,
        faults="lingering_call",
        kind="unaskable",
    ),
    build_mutant(
        "retries-after-second-lost-answer",
        "3.4: A second lost answer holds the job.",
        replace_literal("pipeline.recovery:Recovery.can_retry_purchase#439dbc constant 2", "9"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up charge_and_hang_up provider_outage",
        kind="unaskable",
    ),
    build_mutant(
        "retries-despite-hold",
        "3.4: If the stack holds lost answers, an operator decides.",
        force_true("pipeline.recovery:Recovery.can_retry_purchase#439dbc operand 4"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up charge_and_hang_up",
        kind="unaskable",
        on_lost_answer="hold",
    ),
    build_mutant(
        "retries-outdated-job",
        "3.4: A job that its photo no longer names ends with its lost call, which is not paid again.",
        force_true("pipeline.recovery:Recovery.can_retry_purchase#439dbc operand 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="hang_up slow_call",
        kind="unaskable",
        actions=(*list_uploads(10, 10, interval_seconds=10), *list_sidecars(35, 10, "marble", interval_seconds=10)),
        on_lost_answer="retry_once",
    ),
    build_mutant(
        "resends-outdated-job",
        "3.4: Such a job does not wait for a resend either.",
        force_true("pipeline.recovery:Recovery._resend_or_hold#07e781 value 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="hang_up",
        kind="own_id",
        actions=(*list_uploads(10, 12, interval_seconds=10), *list_sidecars(16, 12, "marble", interval_seconds=10)),
    ),
    build_mutant(
        "releases-uncertain-charge-after-resend",
        "3.4: A resend that was not accepted says nothing about the first call.",
        force_false("model.transitions.payment:_release_reservation#fca451 if 3"),
        invariant=Invariant.BILL_RECONCILED,
        faults="charge_and_hang_up forgetful_look_up out_of_money throttled_call provider_outage",
        kind="own_id",
    ),
    build_mutant(
        "restarts-with-uncertain-charge",
        "3.4: A call that was not accepted does not settle an earlier lost answer.",
        force_false("model.transitions.payment:_release_job#c20e1d if 1"),
        invariant=Invariant.CHARGES_NEVER_ERASED,
        faults="hang_up throttled_call provider_outage late_event",
        kind="unaskable",
    ),
    build_mutant(
        "restarts-outdated-job",
        "2.3: A job that its photo no longer names ends when its call returns without a charge.",
        force_false("model.transitions.payment:_release_job#c20e1d if 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="slow_refusal",
        kind="unaskable",
        actions=(*list_uploads(10, 10, interval_seconds=10), *list_sidecars(35, 10, "marble", interval_seconds=10)),
    ),
    build_mutant(
        "polls-before-saving-provider-id",
        "3.4: The provider's ID is in the ledger before the worker polls.",
        remove("model.transitions.payment:acknowledge#098dc1 keyword 1"),
        invariant=Invariant.RESULTS_RECORDED,
        faults="slow_call",
        kind="acknowledged",
    ),
    build_mutant(
        "buys-again-without-operator",
        "3: A held or dead job that cost money is bought again only by an operator's decision.",
        force_false("model.transitions.lifecycle:restart#909723 operand 2"),
        invariant=Invariant.ALLOWED_TRANSITIONS,
        faults="withheld_picture charge_and_hang_up",
        actions=(
            *list_uploads(10, 10, tags="foreign"),
            *list_sidecars(11, 10, "cut"),
            *list_sidecars(700, 10, "cut-dear"),
        ),
    ),
    build_mutant(
        "reports-wrong-money",
        "3.2: The reported charge of an ended job matches its attempts.",
        force_false("model.transitions.payment:_sync_problem_money#46c8c6 conditional expression 1"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="withheld_picture hang_up rejected_request throttled_call",
    ),
    build_mutant(
        "keeps-report-after-doubt",
        "2.4: A report is removed when its cause is gone.",
        remove("model.transitions.payment:_apply_result#c76973 keyword 15"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="hang_up",
        kind="unaskable",
        actions=(
            *list_uploads(10, 10, tags="foreign"),
            *list_sidecars(11, 10, "cut"),
            *list_sidecars(100, 10, "cut-dear"),
        ),
        on_lost_answer="retry_once",
    ),
)
