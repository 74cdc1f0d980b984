"""What has no killer: conditions that no seed can show, and what the design asks for later, each with its reason."""
# ruff: noqa: E501 - the names are the conditions themselves

from collections.abc import Mapping

ONE_LANE = (
    "These scenes have one lane: tests/simulated/test_failover.py kills the worker after each call of a fail-over."
)
LONG_ANSWERS = "No seed's answer passes Step Functions' limits: tests/unit/test_reply.py has such."
VERDICTS = "Only which unpaid photo ends, and how soon, depends on it: tests/simulated/test_suspicion.py has each case."
REFUSALS = (
    "Only which refused requests a report still names hangs on it: tests/simulated/test_intake_requests_refused.py."
)
SPARED: Mapping[str, str] = {
    "core/lane.py:is_open: not self.pauses and self.closed_since is None": ONE_LANE,
    "core/lane.py:state: self.pauses": "Only what people read hangs on it: tests/simulated/test_cli_status.py has each state.",
    "core/lane.py:sends_away: own or (self.closed_since is not None and (not self.pauses))": ONE_LANE,
    "core/lane.py:gate: suspect and lane.has(Reason.REFUSAL) and lane.trying_since and (now < lane.trying_since + OTHERS_FIRST)": (
        "Only which job is the probe hangs on it: tests/simulated/test_suspicion.py sees that it is another one."
    ),
    "core/lane.py:_try_another: probe and lane.paused or not (lane.trying or not lane.paused)": (
        "Only how soon the next probe goes hangs on it: tests/simulated/test_suspicion.py counts the probes."
    ),
    "core/lane.py:heed: answer.suspicion and answer.kind is Class.PERM": VERDICTS,
    "core/lane.py:heed: answer.suspicion is Suspicion.FAILURE": VERDICTS,
    "steps/payments.py:_judged: verdict.kind is not Class.PERM or verdict.suspicion is not Suspicion.REFUSAL or refused_at is None": VERDICTS,
    "steps/payments.py:_judged: self.keeper.take_proof(job.provider, refused_at)": VERDICTS,
    "steps/payments.py:send: isinstance(answer, Answer)": "For the types: only an answer can be judged.",
    "steps/payments.py:without_raw_response: answer.raw": (
        "Only a file for a person hangs on it: tests/simulated/test_deliver_pictures.py sees that it is kept."
    ),
    "core/transitions/again.py:move: job.at_stake or provider == job.provider": ONE_LANE,
    "steps/render.py:__call__: job.status in UNDER_WAY and slot.provider not in ('', job.provider)": ONE_LANE,
    "steps/render.py:_accepted: self.moves.out_of_a_shut_lane(job)": ONE_LANE,
    "steps/render.py:_buy: self.moves.after_an_answer(job, call)": ONE_LANE,
    "steps/render.py:_wait_in_slot: moved": ONE_LANE,
    "aws/ledger.py:_own: owner is None": "For the types: only steps that have an owner come here.",
    "core/reply.py:_cause: len(_text(shortened)) > MOST_CAUSE": LONG_ANSWERS,
    "core/reply.py:_output: len(_text(told).encode()) <= MOST_OUTPUT_BYTES": LONG_ANSWERS,
    "steps/answering.py:_tell: found.kind is Answered.SUCCESS": (
        "Turned round, an answer without its own words ends by an exception, which kills nothing."
    ),
    "steps/render.py:_accepted: unwanted": (
        "For speed: who goes on finds the job changed, and its message comes again."
    ),
    "steps/answering.py:__call__: not waiting": "For speed: without anybody who waits the photo is read once more.",
    "core/transitions/again.py:deliver_again: not any((link.usable for link in job.links))": (
        "Orders.plan asks the same before it takes this step."
    ),
    "core/transitions/again.py:describe: others and job.status is Status.DEAD and job.problem and (job.problem.code is Code.OUTPUT_NOT_MADE)": (
        "No seed's encoder gives a picture up: tests/simulated/test_deliver_not_made.py does."
    ),
    "core/transitions/paying.py:acknowledge: attempt is None or attempt.outcome not in (Outcome.IN_FLIGHT, Outcome.LOST)": (
        "A worker's lease outlives it, so nobody settles its attempt before it is named."
    ),
    "core/transitions/paying.py:_release: answer.kind is not Class.QUOTA": (
        "Only how many attempts that took nothing a receipt shows hangs on it."
    ),
    "core/transitions/paying.py:_release: answer.final and attempt.generation == job.generation": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_transitions_final.py does."
    ),
    "steps/lost.py:_sleep: not slot.has_time_for(seconds, self.clock.now())": (
        "With the template's time limits a call that may start leaves time for every wait behind it; others may not."
    ),
    "steps/lost.py:resume: job.status is not Status.SUBMITTING": (
        "An answer behind another changes nothing, and the fifth worker that takes a call over counts it as lost."
    ),
    "steps/payments.py:_as_wait: isinstance(error, WaitError)": "Only the words of the wait hang on it.",
    "steps/payments.py:_looked_up: self.ledger.job(job.source_id, job.job_id) or job": (
        "For the types: a job is never deleted."
    ),
    "steps/payments.py:_parked: job.status is not Status.SUBMITTING": (
        "For speed: without it the next worker waits for the lease, or this one for its own end."
    ),
    "steps/photo.py:_reopen: not look.again": (
        "Only a look that died just when its photo's word was taken away comes here again: tests/simulated/test_intake_crashes.py."
    ),
    "steps/onward.py:__call__: job.status is Status.ACCEPTED": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "steps/onward.py:__call__: job.status is Status.PAID": (
        "For speed: reconcile sends deliver what it was not told of, some minutes later."
    ),
    "steps/asking.py:has_other_references: found != job.asked[REFERENCES]": (
        "No seed has references: tests/simulated/test_intake_references.py does."
    ),
    "steps/asking.py:has_other_references: job.status is Status.ACCEPTED and REFERENCES in job.asked": (
        "No seed has references: tests/simulated/test_intake_references.py does."
    ),
    "steps/onward.py:_refuse: job.status is not Status.ACCEPTED or self.moves.away(job, words)": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "steps/photo.py:_kept_problems: state.look.request": REFUSALS,
    "steps/photo.py:_kept_problems: state.look.rerun": REFUSALS,
    "steps/photo.py:_record: look.overtaken and (not look.again)": (
        "No scene's seed deletes a message early and kills the worker that still has it: test_intake_crashes.py does."
    ),
    "steps/photo.py:_hand_on: step.job.ended": (
        "Only how soon copies continue hangs on it: tests/simulated/test_followers.py measures that."
    ),
    "steps/render.py:__call__: not (job.status is Status.STORED and job.reused_from)": (
        "For speed: a copy that deliver has served already is delivered once more."
    ),
    "steps/photo.py:_resolve: broken": ("For speed: the sweep finds folder defaults of which no event told."),
    "steps/photo.py:_with_near_miss: problem.code is not Code.NO_INSTRUCTIONS": (
        "Only the words of a report hang on it."
    ),
    "steps/render.py:_buy: isinstance(call, Answer)": (
        "For the types: turned round, the first call ends by an exception, which kills nothing."
    ),
    "steps/render.py:_call_until_taken: job.status is Status.ACCEPTED": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "steps/render.py:_explain: problem.times >= REPORTED_FROM and problem.times.bit_count() == 1": (
        "How seldom a photo that waits alone is told of again; a provider that fails for all is told of by its lane."
    ),
    "steps/render.py:_short_wait: answer.final": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "steps/render.py:_give_probe_back: slot.probe and slot.lane": (
        "For speed: whose probe it is the lane says itself, so that nobody takes another's away."
    ),
    "steps/render.py:_refuse: job.status is Status.UNKNOWN": (
        "No seed archives a photo while its answer is lost: tests/simulated/test_intake_unreadable.py."
    ),
    "steps/render.py:_short_wait: answer.kind is Class.QUOTA and (answer.retry_after or 0) <= IN_SLOT_WAIT_SECONDS": (
        "For speed, which bench/recovery.py measures: where a job waits, not for how long."
    ),
    "steps/render.py:_throttled: answer.kind is not Class.QUOTA": (
        "Only the throttled_seconds of a receipt hang on it."
    ),
    "steps/render.py:_wait_in_slot: seconds is None or not slot.has_time_for(seconds + provider.timeout_seconds, self.clock.now())": (
        "Payments asks the same before it claims; here a wait is saved that leads nowhere."
    ),
    "steps/render.py:_without_photo: job.status is Status.UNKNOWN": (
        "For speed: reconcile has it held too, when its lease is over."
    ),
}

UNGUARDED: Mapping[str, str] = {
    "3.10": "There is one provider yet: nothing to fail over to, and no condition in the code.",
}
"""Of which there is no guard, and why."""
