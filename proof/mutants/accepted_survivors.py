"""The conditions that live: no seed can show them, or the design asks for them later; each with its reason.

A name is the address of a condition, or a function or module of which all conditions live for the same reason.
"""

from collections.abc import Mapping

ONE_LANE = (
    "These scenes have one lane: tests/simulated/test_failover.py kills the worker after each call of a fail-over."
)
LONG_ANSWERS = "No seed's answer passes Step Functions' limits: tests/unit/test_reply.py has such."
COUNTS = "Only how many photos a report says that wait, and when that is counted: tests/simulated/test_intake_held.py."
VERDICTS = "Only which unpaid photo ends, and how soon, depends on it: tests/simulated/test_suspicion.py has each case."
CAMPAIGNS = (
    "No seed runs a campaign: tests/simulated/test_campaign_end.py, test_campaign_plan.py and "
    "test_campaign_function.py do."
)
REFERENCES = "No seed has references: tests/simulated/test_intake_references.py does."
REFUSALS = (
    "Only which refused requests a report still names hangs on it: tests/simulated/test_intake_requests_refused.py."
)
SURVIVORS: Mapping[str, str] = {
    "aws.ledger:Ledger._own#47fbe6 if 1": ("For the types: only steps that have an owner come here."),
    "core.lane:Lane.is_open#a13f0e return 1": ONE_LANE,
    "core.lane:Lane.sends_away#ba761d return 1": ONE_LANE,
    "core.lane:Lane.state#069717 if 1": (
        "Only what people read hangs on it: tests/simulated/test_cli_status.py has each state."
    ),
    "core.lane:_try_another#f6afe3 if 1": (
        "Only how soon the next probe goes hangs on it: tests/simulated/test_suspicion.py counts the probes."
    ),
    "core.lane:gate#87d4e9 if 5": (
        "Only which job is the probe hangs on it: tests/simulated/test_suspicion.py sees that it is another one."
    ),
    "core.lane:heed#cd3550 if 2": VERDICTS,
    "core.lane:heed#cd3550 if 3": VERDICTS,
    "core.reply:_cause#6c801a while 1": LONG_ANSWERS,
    "core.reply:_output#08bc42 if 1": LONG_ANSWERS,
    "core.transitions.again:deliver_again#9ebabe if 1": ("Orders.plan asks the same before it takes this step."),
    "core.transitions.again:describe#236d7d if 2": (
        "No seed's encoder gives a picture up: tests/simulated/test_deliver_not_made.py does."
    ),
    "core.transitions.again:move#e1d12c if 1": ONE_LANE,
    "core.transitions.paying:_release#f02d5e if 3": (
        "Only how many attempts that took nothing a receipt shows hangs on it."
    ),
    "core.transitions.paying:_release#f02d5e if 4": (
        "The simulated provider gives no work up that may be bought anew; "
        "tests/simulated/test_transitions_final.py does."
    ),
    "core.transitions.paying:acknowledge#505b90 if 1": (
        "A worker's lease outlives it, so nobody settles its attempt before it is named."
    ),
    "steps.ahead": (
        "Nothing is bought on it: a preview for the command line, which tests/simulated/test_cli_lint.py sees."
    ),
    "steps.answering:Answering.answer#e5353f if 1": (
        "For speed: without anybody who waits the photo is read once more."
    ),
    "steps.answering:Answering._tell#ca98b8 if 1": (
        "Turned round, an answer without its own words ends by an exception, which kills nothing."
    ),
    "steps.asking:Asking.has_other_references#b1b4ff if 1": REFERENCES,
    "steps.asking:Asking.has_other_references#b1b4ff if 2": REFERENCES,
    "steps.campaign_end": CAMPAIGNS,
    "steps.campaign_items": CAMPAIGNS,
    "steps.campaign_plan": CAMPAIGNS,
    "steps.folder_defaults:FolderDefaults._one#e34d31 if 1": "For speed: a batch reads a folder's defaults once.",
    "steps.folder_defaults:Folders._is_counted#5f0365 return 1": COUNTS,
    "steps.folder_defaults:Folders._problems#a51bd2 if 1": "For speed: where nothing is wrong, nobody is counted.",
    "steps.folder_defaults:Folders._waiting#04289b if 1": COUNTS,
    "steps.folder_defaults:Folders.report#f705d9 if 1": COUNTS,
    "steps.folder_defaults:Folders.report#f705d9 if 2": COUNTS,
    "steps.lost:LostAnswers._sleep#78b327 if 2": (
        "With the template's time limits a call that may start leaves time for every wait behind it; others may not."
    ),
    "steps.lost:LostAnswers.resume#c45b80 if 5": (
        "An answer behind another changes nothing, and the fifth worker that takes a call over counts it as lost."
    ),
    "steps.moving": ONE_LANE,
    "steps.onward:Onward.dispatch#6e62e2 if 2": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "steps.onward:Onward.dispatch#6e62e2 if 3": (
        "For speed: reconcile sends deliver what it was not told of, some minutes later."
    ),
    "steps.onward:Onward._refuse#702b6f if 1": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "steps.payments:Payments._judged#fb53b4 if 1": VERDICTS,
    "steps.payments:Payments._judged#fb53b4 if 2": VERDICTS,
    "steps.payments:Payments._looked_up#69bb96 return 1": ("For the types: a job is never deleted."),
    "steps.payments:Payments._parked#9357c0 if 1": (
        "For speed: without it the next worker waits for the lease, or this one for its own end."
    ),
    "steps.payments:Payments.send#23a43c if 2": ("For the types: only an answer can be judged."),
    "steps.payments:Payments.without_raw_response#f2d6f1 if 1": (
        "Only a file for a person hangs on it: tests/simulated/test_deliver_pictures.py sees that it is kept."
    ),
    "steps.payments:_as_wait#c18c31 if 1": ("Only the words of the wait hang on it."),
    "steps.photo:Photos._reopen#d7ba52 if 2": (
        "Only a look that died just when its photo's word was taken away comes here again: "
        "tests/simulated/test_intake_crashes.py."
    ),
    "steps.photo:Photos._hand_on#92e85b if 1": (
        "Only how soon copies continue hangs on it: tests/simulated/test_followers.py measures that."
    ),
    "steps.photo:Photos._kept_problems#00aed8 if 1": REFUSALS,
    "steps.photo:Photos._kept_problems#00aed8 if 2": REFUSALS,
    "steps.photo:Photos._record#ac7a9a if 1": (
        "No scene's seed deletes a message early and kills the worker that still has it: test_intake_crashes.py does."
    ),
    "steps.photo:Photos._resolve#5a3df4 if 1": ("For speed: the sweep finds folder defaults of which no event told."),
    "steps.photo:Photos._with_near_miss#927e71 if 1": ("Only the words of a report hang on it."),
    "steps.references": REFERENCES,
    "steps.render:Render.render#8d62b5 if 2": ONE_LANE,
    "steps.render:Render.render#8d62b5 if 6": (
        "For speed: a copy that deliver has served already is delivered once more."
    ),
    "steps.render:Render._accepted#9135cb if 3": (
        "For speed: who goes on finds the job changed, and its message comes again."
    ),
    "steps.render:Render._accepted#9135cb if 4": ONE_LANE,
    "steps.render:Render._buy#a016c0 if 2": (
        "For the types: turned round, the first call ends by an exception, which kills nothing."
    ),
    "steps.render:Render._buy#a016c0 if 3": ONE_LANE,
    "steps.render:Render._call_until_taken#af2005 if 3": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "steps.render:Render._explain#52bfdc if 1": (
        "How seldom a photo that waits alone is told of again; a provider that fails for all is told of by its lane."
    ),
    "steps.render:Render._give_probe_back#59255f if 1": (
        "For speed: whose probe it is the lane says itself, so that nobody takes another's away."
    ),
    "steps.render:Render._refuse#d14128 if 1": (
        "No seed archives a photo while its answer is lost: tests/simulated/test_intake_unreadable.py."
    ),
    "steps.render:Render._short_wait#f3e48d if 1": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "steps.render:Render._short_wait#f3e48d if 3": (
        "For speed, which bench/recovery.py measures: where a job waits, not for how long."
    ),
    "steps.render:Render._throttled#377226 if 1": ("Only the throttled_seconds of a receipt hang on it."),
    "steps.render:Render._wait_in_slot#5e9b27 if 2": (
        "Payments asks the same before it claims; here a wait is saved that leads nowhere."
    ),
    "steps.render:Render._wait_in_slot#5e9b27 if 3": ONE_LANE,
    "steps.render:Render._without_photo#d0174a if 1": ("For speed: reconcile has it held too, when its lease is over."),
}

UNGUARDED: Mapping[str, str] = {
    "3.10": "There is one provider yet: nothing to fail over to, and no condition in the code.",
}
"""Of which there is no guard, and why."""
