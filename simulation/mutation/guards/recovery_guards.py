"""Guards of lost answers: asked first, sent once more at most, under the same name, and only when wanted (3.2, 3.4)."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove, replace_code, replace_literal
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

LOST_ANSWER_FAULTS = "charge_and_hang_up killed_in_paid_call slow_call"

RECOVERY_MUTANTS = (
    build_mutant(
        "never-looks-up-lost-call",
        "3.4: a call that can be asked about is asked about",
        force_false("pipeline.recovery:Recovery.resolve_unknown#ca14c3 if 1"),
        force_true("pipeline.recovery:Recovery.recover_expired_lease#80ede2 if 4"),
        invariant=Invariant.LOOKED_UP_BEFORE_RETRY,
        faults=LOST_ANSWER_FAULTS,
        kind="acknowledged",
    ),
    build_mutant(
        "changes-idempotency-key",
        "3.4: every resend of an unanswered call carries the same id",
        replace_code(
            "model.transitions.payment:resend_call#91e724 keyword 7",
            "status=JobStatus.SUBMITTING, charge_no=job.charge_no + 1",
        ),
        replace_code(
            "render.service:RenderService._buy#a016c0 value 2",
            "lambda told: provider.prepare(self.ledger.find_job(job.source_id, job.job_id), photo)(told)",
        ),
        invariant=Invariant.PAID_ONCE,
        faults="hang_up charge_and_hang_up forgetful_look_up",
        kind="own_id",
    ),
    build_mutant(
        "pays-again-despite-idempotency-key",
        "3.4: what has our id is sent again, never paid anew",
        replace_literal("pipeline.recovery:Recovery._resend_or_hold#07e781 element 2", "NextAction.BUY"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up forgetful_look_up",
        kind="own_id",
    ),
    build_mutant(
        "retries-while-lost-call-may-run",
        "3.4: a lost call is followed by another only when it could have ended",
        remove("pipeline.recovery:Recovery.resolve_unknown#ca14c3 statement 8"),
        invariant=Invariant.ONE_CALL_AT_A_TIME,
        faults="lingering_call",
        kind="unaskable",
    ),
    build_mutant(
        "retries-after-second-lost-answer",
        "3.4: a second lost answer is held",
        replace_literal("pipeline.recovery:Recovery.can_retry_purchase#148782 constant 1", "9"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up charge_and_hang_up provider_outage",
        kind="unaskable",
    ),
    build_mutant(
        "retries-despite-hold",
        "3.4: under hold a person decides",
        force_true("pipeline.recovery:Recovery.can_retry_purchase#148782 operand 1"),
        invariant=Invariant.RETRIED_ONCE,
        faults="hang_up charge_and_hang_up",
        kind="unaskable",
        on_lost_answer="hold",
    ),
    build_mutant(
        "retries-outdated-job",
        "3.4: a job that its photo names no more ends with its lost call, for which nobody pays again",
        force_true("pipeline.recovery:Recovery.can_retry_purchase#148782 operand 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="hang_up slow_call",
        kind="unaskable",
        actions=(*list_uploads(10, 10, interval_seconds=10), *list_sidecars(35, 10, "marble", interval_seconds=10)),
        on_lost_answer="retry_once",
    ),
    build_mutant(
        "resends-outdated-job",
        "3.4: nor does it wait for a call that carries its id to be sent again",
        force_true("pipeline.recovery:Recovery._resend_or_hold#07e781 value 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="hang_up",
        kind="own_id",
        actions=(*list_uploads(10, 12, interval_seconds=10), *list_sidecars(16, 12, "marble", interval_seconds=10)),
    ),
    build_mutant(
        "releases-uncertain-charge-after-resend",
        "3.4: that a resend was not taken says nothing of the first time",
        force_false("model.transitions.payment:_release_reservation#76d4ed if 2"),
        invariant=Invariant.BILL_RECONCILED,
        faults="charge_and_hang_up forgetful_look_up out_of_money throttled_call provider_outage",
        kind="own_id",
    ),
    build_mutant(
        "restarts-with-uncertain-charge",
        "3.4: a call that was not taken leaves an earlier lost answer as it is",
        force_false("model.transitions.payment:_release_job#7702d9 if 1"),
        invariant=Invariant.CHARGES_NEVER_ERASED,
        faults="hang_up throttled_call provider_outage late_event",
        kind="unaskable",
    ),
    build_mutant(
        "restarts-outdated-job",
        "2.3: a job that is named no more ends when its call comes back unpaid",
        force_false("model.transitions.payment:_release_job#7702d9 if 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="slow_refusal",
        kind="unaskable",
        actions=(*list_uploads(10, 10, interval_seconds=10), *list_sidecars(35, 10, "marble", interval_seconds=10)),
    ),
    build_mutant(
        "polls-before-saving-provider-id",
        "3.4: an acknowledgement is in the ledger before anybody polls",
        remove("model.transitions.payment:acknowledge#098dc1 keyword 1"),
        invariant=Invariant.RESULTS_RECORDED,
        faults="slow_call",
        kind="acknowledged",
    ),
    build_mutant(
        "buys-again-without-operator",
        "3: held and dead that cost money are bought again only by a person's word",
        force_false("model.transitions.lifecycle:restart#e9811f operand 2"),
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
        "3.2: what an ended job says of money is what its attempts say",
        force_false("model.transitions.payment:_sync_problem_money#46c8c6 conditional expression 1"),
        invariant=Invariant.DOCUMENTS_MATCH_LEDGER,
        faults="withheld_picture hang_up rejected_request throttled_call",
    ),
    build_mutant(
        "keeps-report-after-doubt",
        "2.4: a report is taken away when its cause is",
        remove("model.transitions.payment:_apply_result#18dd58 keyword 13"),
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
