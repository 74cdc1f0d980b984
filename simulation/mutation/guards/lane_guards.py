"""Guards of lanes: the gate, probes, pauses, failover, cancellations, and reconcile's lock (design, 3.7 to 3.11)."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove
from simulation.mutation.mutation_scene import UPLOADS_WITH_PROVIDER_LIST, list_sidecars, list_uploads

PROVIDER_FAULTS = "provider_outage key_refused out_of_money"
CANCELLED_UPLOADS = (
    *list_uploads(5, 20, interval_seconds=2),
    "20 cancel p",
    "30 cancel p",
    "60 cancel p",
    "120 upload late.jpg late cut",
)
PAUSED_UPLOADS = (*list_uploads(5, 10, interval_seconds=20), "30 pause_lane 60", "150 pause_lane 60")

LANE_MUTANTS = (
    build_mutant(
        "ignores-lane-gate",
        "3.9: Render checks the lane before it pays.",
        force_false("model.circuit:check_gate#87d4e9 if 1"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="paused_by_person slow_mapping",
    ),
    build_mutant(
        "ignores-cancel-mark",
        "3.11: A canceled job is not bought when its message reaches render.",
        force_false("render.service:RenderService._end_if_cancelled#1ca693 if 1"),
        invariant=Invariant.CANCELS_RESPECTED,
        faults="late_event killed_person",
        actions=CANCELLED_UPLOADS,
    ),
    build_mutant(
        "forgets-request-time",
        "3.11: Instructions from before a cancellation are canceled, even if they become a job later.",
        remove("intake.photo_intake:PhotoIntake._apply#6d08d4 keyword 2"),
        invariant=Invariant.CANCELS_RESPECTED,
        faults="late_event",
        actions=CANCELLED_UPLOADS,
    ),
    build_mutant(
        "treats-foreign-tags-as-instructions",
        "3.11: Another tool's tags, or the removal of our tags, do not revive a canceled photo.",
        force_true("intake.photo_status:find_last_written_at#441e87 conditional expression 1"),
        invariant=Invariant.CANCELS_RESPECTED,
        faults="late_event",
        actions=(*CANCELLED_UPLOADS, *(f"90 set_tags p{n}.jpg foreign" for n in range(20))),
    ),
    build_mutant(
        "ignores-instructions-after-cancel",
        "3.11: A canceled photo that is instructed again is bought, even if its instructions are the same as before.",
        force_false("intake.photo_state:_can_run_again#c6abb5 return 1"),
        invariant=Invariant.CANCELS_RESPECTED,
        faults="late_event",
        actions=(
            "1 pause_lane 300",
            *list_uploads(5, 10, tags="foreign"),
            *list_sidecars(6, 10, "marble"),
            "60 cancel p",
            *list_sidecars(200, 10, "marble"),
        ),
    ),
    build_mutant(
        "allows-two-probes",
        "3.8: At most one probe is in flight.",
        force_false("model.circuit:check_gate#87d4e9 if 3"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults=PROVIDER_FAULTS,
    ),
    build_mutant(
        "starts-probe-without-lock",
        "3.8: Of two jobs that compete to be the probe, one becomes it.",
        force_false("model.circuit:check_gate#87d4e9 if 3"),
        force_false("model.circuit:start_probe#25b708 if 1"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults=PROVIDER_FAULTS,
    ),
    build_mutant(
        "starts-probe-during-probe",
        "3.8: No second probe starts while one is in flight.",
        force_false("model.circuit:half_open_if_due#888dce operand 4"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="key_refused late_tick long_calls",
    ),
    build_mutant(
        "lifts-operator-pause",
        "3.9: Reconcile lifts only pauses whose reasons it can test.",
        force_false("model.circuit:half_open_if_due#888dce operand 5"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="paused_by_person key_refused",
    ),
    build_mutant(
        "never-starts-probe",
        "3.9: Reconcile starts a probe if a probe can test the reason for the pause.",
        remove("reconcile.service:ReconcileService._reconcile_lane#077585 statement 4"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="key_refused out_of_money",
    ),
    build_mutant(
        "never-reconciles-mapping",
        "3.9: Reconcile brings the event source mapping into the state that the ledger has.",
        force_false("pipeline.breaker:CircuitBreaker.reconcile_mapping#d0eabc if 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="killed_person",
        actions=PAUSED_UPLOADS,
    ),
    build_mutant(
        "never-lifts-budget-pause",
        "3.9: A pause for the budget ends with the day, or when an operator raises the cap.",
        force_false("reconcile.service:ReconcileService._resume_if_budget_allows#566c16 if 2"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults="reordered_message",
        actions=(*list_uploads(10, 4), "600 set_budget 10000000"),
        budget=15_000,
    ),
    build_mutant(
        "skips-lane-report",
        "2.4: A paused provider has one report, which is removed when it resumes.",
        force_false("pipeline.breaker:CircuitBreaker._update#6a0f4d if 2"),
        force_false("pipeline.breaker:CircuitBreaker.enqueue_pending_notification#616c90 if 1"),
        invariant=Invariant.LANE_REPORTED_ONCE,
        faults="key_refused",
    ),
    build_mutant(
        "never-repeats-lane-notification",
        "3.9: A pause is reported even if the worker that paused the lane crashed.",
        force_false("pipeline.breaker:CircuitBreaker.enqueue_pending_notification#616c90 if 1"),
        invariant=Invariant.LANE_REPORTED_ONCE,
        faults="killed_person",
        actions=PAUSED_UPLOADS,
    ),
    build_mutant(
        "lifts-pause-on-stale-result",
        "3.9: A good answer to a call from before the pause does not lift it.",
        force_true("model.circuit:_record_success#b364e6 conditional expression 1"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="slow_refusal key_refused hang_up long_calls",
        kind="unaskable",
        actions=list_uploads(5, 20, interval_seconds=3),
    ),
    build_mutant(
        "allows-overlapping-reconcile",
        "1: Two reconcile runs never overlap.",
        force_false("reconcile.service:ReconcileService._acquire_lock#779b8c if 1"),
        invariant=Invariant.ONE_RECONCILE_RUN,
        faults="double_tick slow_service",
    ),
    build_mutant(
        "buys-in-previous-lane",
        "3.10: A job that moved to another lane is paid there. Its message in the previous lane buys nothing.",
        force_false("render.service:RenderService.render#022773 if 2"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="provider_outage_for_long long_calls",
        kind="unaskable",
        actions=UPLOADS_WITH_PROVIDER_LIST,
        other_providers={"runware": "own_id"},
        in_flight=2,
        account_limit=2,
    ),
)
