"""Guards of lanes: the gate, the probe, pauses that only some may lift, fail-over (design 3.7 to 3.10)."""

from proof.checker.books import Promise
from proof.mutants.mutant import mutant
from proof.mutants.operators import drop, off, on
from proof.mutants.scene import LISTED, photos

SICK = "provider_outage key_refused out_of_money"
CANCELLED = (*photos(5, 20, every=2), "20 cancel p", "30 cancel p", "60 cancel p", "120 drop late.jpg late cut")
PAUSES = (*photos(5, 10, every=20), "30 pause 60", "150 pause 60")

LANE_MUTANTS = (
    mutant(
        "walks-through-the-gate",
        "3.9: render looks at the lane before it pays",
        off("model.circuit:check_gate#87d4e9 if 1"),
        breaks=Promise.LANE_HEEDED,
        faults="paused_by_person slow_mapping",
    ),
    mutant(
        "buys-what-was-cancelled",
        "3.11: what a person called off is not bought when its message comes to render",
        off("render.service:RenderService._admit#2db45b if 1"),
        breaks=Promise.CALLED_OFF,
        faults="late_event killed_person",
        deeds=CANCELLED,
    ),
    mutant(
        "forgets-when-it-was-said",
        "3.11: what was said before a cancel is called off, however late it becomes a job",
        drop("intake.apply:PhotoIntake._apply#28a26e entry 2"),
        breaks=Promise.CALLED_OFF,
        faults="late_event",
        deeds=CANCELLED,
    ),
    mutant(
        "takes-every-tag-for-a-word",
        "3.11: another tool's tags, or ours taken away, bring nothing back that was cancelled",
        on("intake.photo_status:find_last_written_at#441e87 conditional expression 1"),
        breaks=Promise.CALLED_OFF,
        faults="late_event",
        deeds=(*CANCELLED, *(f"90 tag p{n}.jpg foreign" for n in range(20))),
    ),
    mutant(
        "two-probes",
        "3.8: one probe at a time",
        off("model.circuit:check_gate#87d4e9 if 3"),
        breaks=Promise.LANE_HEEDED,
        faults=SICK,
    ),
    mutant(
        "probe-without-a-fence",
        "3.8: of two that would be the probe one is",
        off("model.circuit:check_gate#87d4e9 if 3"),
        off("model.circuit:start_probe#25b708 if 1"),
        breaks=Promise.LANE_HEEDED,
        faults=SICK,
    ),
    mutant(
        "lets-another-probe-out",
        "3.8: no second probe is let out while one is on its way",
        off("model.circuit:start_trial_if_due#888dce operand 4"),
        breaks=Promise.LANE_HEEDED,
        faults="key_refused late_tick long_calls",
    ),
    mutant(
        "probes-against-a-person",
        "3.9: reconcile lifts only reasons that it can test",
        off("model.circuit:start_trial_if_due#888dce operand 5"),
        breaks=Promise.LANE_HEEDED,
        faults="paused_by_person key_refused",
    ),
    mutant(
        "never-probes",
        "3.9: reconcile lets a probe out where a probe can tell",
        drop("reconcile.service:ReconcileService._reconcile_lane#077585 statement 4"),
        breaks=Promise.DRAINED,
        faults="key_refused out_of_money",
    ),
    mutant(
        "mapping-on-its-own",
        "3.9: reconcile makes the mapping what the ledger says",
        off("pipeline.breaker:CircuitBreaker.reconcile_mapping#d0eabc if 1"),
        breaks=Promise.DRAINED,
        faults="killed_person",
        deeds=PAUSES,
    ),
    mutant(
        "never-lifts-the-budget",
        "3.9: a pause for the budget ends with the day, or by a person's word",
        off("reconcile.service:ReconcileService._resume_if_budget_allows#566c16 if 2"),
        breaks=Promise.DRAINED,
        faults="reordered_message",
        deeds=(*photos(10, 4), "600 budget 10000000"),
        budget=15_000,
    ),
    mutant(
        "says-nothing-of-the-lane",
        "2.4: one report while a provider is paused, and none when it goes on",
        off("pipeline.breaker:CircuitBreaker._update#13b916 if 2"),
        off("pipeline.breaker:CircuitBreaker.enqueue_pending_notification#616c90 if 1"),
        breaks=Promise.LANE_TOLD,
        faults="key_refused",
    ),
    mutant(
        "does-not-tell-afterwards",
        "3.9: people are told even where whoever changed the lane died",
        off("pipeline.breaker:CircuitBreaker.enqueue_pending_notification#616c90 if 1"),
        breaks=Promise.LANE_TOLD,
        faults="killed_person",
        deeds=PAUSES,
    ),
    mutant(
        "opens-by-hearsay",
        "3.9: a good answer of a call that began before lifts no pause",
        on("model.circuit:_record_success#b364e6 conditional expression 1"),
        breaks=Promise.LANE_HEEDED,
        faults="slow_refusal key_refused hang_up long_calls",
        kind="unaskable",
        deeds=photos(5, 20, every=3),
    ),
    mutant(
        "overlapping-runs",
        "1: reconcile is fenced against overlapping runs",
        off("reconcile.service:ReconcileService._acquire_lock#779b8c if 1"),
        breaks=Promise.ONE_RUN,
        faults="double_tick slow_service",
    ),
    mutant(
        "buys-in-the-lane-that-it-left",
        "3.10: a job that went to another lane is paid there: its message in the lane that it left buys nothing",
        off("render.service:RenderService.render#50bc25 if 2"),
        breaks=Promise.LANE_HEEDED,
        faults="provider_outage_for_long long_calls",
        kind="unaskable",
        deeds=LISTED,
        besides={"runware": "own_id"},
        in_flight=2,
        account_limit=2,
    ),
)
