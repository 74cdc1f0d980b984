"""The conditions that live: no seed can show them, or the design asks for them later; each with its reason.

A name is the address of a condition, or a function or module of which all conditions live for the same reason.
"""

from collections.abc import Mapping

FAIL_OVER = (
    "No promise says when a job leaves its lane: tests/simulated/test_failover.py kills the worker after "
    "each call of it."
)
CANCELS = (
    "A lane's mark keeps what was cancelled from being bought; what else a cancel does, "
    "tests/simulated/test_orders_cancel.py sees."
)
FOLLOWERS = "Only how soon copies continue hangs on it: tests/simulated/test_followers.py measures that."
UNREACHABLE = (
    "Only the next try and what a report says until then hang on it: "
    "tests/simulated/test_deliver_pictures.py sees both."
)
UNREADABLE = (
    "Only the report of a photo that waits hangs on it: tests/simulated/test_intake_unreadable.py counts "
    "the deliveries."
)
LETTERS = "No seed's message is given up by its queue: tests/simulated/test_reconcile_letters.py has each kind."
GIVEN_UP_REQUESTS = "No seed's request is given up by its queue: tests/simulated/test_request_answers.py has such."
REDRIVES = (
    "A person sees what came of a redrive, and no promise asks for it: "
    "tests/simulated/test_orders_redrive.py has each failure."
)
CHOSEN = "People of the simulated world redrive all that failed: tests/simulated/test_orders_failures.py chooses."
IN_DOUBT = "Only what people are told of lost answers hangs on it: tests/simulated/test_cli_failures.py sees that."
PAID_FILES = (
    "No promise speaks of the files that are kept under _backdrop/paid/: tests/simulated/test_deliver_pictures.py does."
)
NO_LINK = "No simulated provider hands a picture over without a link: tests/simulated/test_deliver_kept.py does."
SIZES = "No promise speaks of a picture's size: tests/simulated/test_deliver_sizes.py does."
RECEIPT_WARNINGS = (
    "Only the warnings of a receipt hang on it: tests/simulated/test_deliver_pictures.py and its neighbours see each."
)
ORPHANS = (
    "No scene's worker dies beside a second call that brings the pictures: "
    "tests/simulated/test_reconcile_orphans.py has each case."
)
SWITCHED_OFF = "No seed switches a provider off: tests/simulated/test_reconcile_put_back.py does."
SWITCHED_OFF_LANE = "No seed switches a provider off: tests/simulated/test_reconcile_runs.py does."
PAUSED_LANE = (
    "Only when an unwanted job of a paused lane ends depends on it: "
    "tests/simulated/test_request_stops.py ends one there."
)
FACTS = "What was played ends the same without it: tests/unit/test_photo_state.py has each row of this fact."
PREVIEW = "Nothing is bought on it: a preview for the command line, which tests/simulated/test_cli_rerun.py sees."
QUICK_LINT = "Only a preview that opens no photo comes here: tests/simulated/test_cli_lint.py sees it."
SLIPS = "Of a race that no scene has: tests/simulated/test_deliver_pictures.py lets a picture slip over the newest."
LONG_ANSWERS = "No seed's answer passes Step Functions' limits: tests/unit/test_reply.py has such."
COUNTS = "Only how many photos a report says that wait, and when that is counted: tests/simulated/test_intake_held.py."
VERDICTS = "Only which unpaid photo ends, and how soon, depends on it: tests/simulated/test_suspicion.py has each case."
CAMPAIGNS = (
    "No seed runs a campaign: tests/simulated/test_campaign_end.py, test_campaign_plan.py, "
    "test_campaign_function.py, and tests/unit/test_campaign_manifest.py and test_campaign_report.py do."
)
REFERENCES = "No seed has references: tests/simulated/test_intake_references.py does."
REFUSALS = (
    "Only which refused requests a report still names hangs on it: tests/simulated/test_intake_requests_refused.py."
)
SURVIVORS: Mapping[str, str] = {
    "aws.ledger:Ledger._own#47fbe6 if 1": ("For the types: only steps that have an owner come here."),
    "model.intake_event:Request.ends_with_its_execution#002267 return 1": (
        "The checker reads from the ledger whose a job is: tests/simulated/test_request_stops.py knows by itself."
    ),
    "model.circuit:Lane.is_open#a13f0e return 1": FAIL_OVER,
    "model.circuit:Lane.sends_away#ba761d return 1": FAIL_OVER,
    "model.circuit:Lane.state#069717 if 1": (
        "Only what people read hangs on it: tests/simulated/test_cli_status.py has each state."
    ),
    "model.circuit:_try_another#c125ad if 1": (
        "Only how soon the next probe goes hangs on it: tests/simulated/test_suspicion.py counts the probes."
    ),
    "model.circuit:gate#87d4e9 if 5": (
        "Only which job is the probe hangs on it: tests/simulated/test_suspicion.py sees that it is another one."
    ),
    "model.circuit:heed#cd3550 if 2": VERDICTS,
    "model.circuit:heed#cd3550 if 3": VERDICTS,
    "model.task_result:_cause#6c801a while 1": LONG_ANSWERS,
    "model.task_result:_output#08bc42 if 1": LONG_ANSWERS,
    "model.circuit:has_probed#e5cf27 return 1": (
        "Only how soon a pause ends hangs on it: tests/simulated/test_suspicion.py has a provider that slow."
    ),
    "model.transitions.again:deliver_again#9ebabe if 1": ("Orders.plan asks the same before it takes this step."),
    "model.transitions.again:describe#236d7d if 2": (
        "No seed's encoder gives a picture up: tests/simulated/test_deliver_not_made.py does."
    ),
    "model.transitions.again:move#e1d12c if 1": FAIL_OVER,
    "model.transitions.payment:_release#f02d5e if 3": (
        "Only how many attempts that took nothing a receipt shows hangs on it."
    ),
    "model.transitions.payment:_release#f02d5e if 4": (
        "The simulated provider gives no work up that may be bought anew; "
        "tests/simulated/test_transitions_final.py does."
    ),
    "model.transitions.payment:acknowledge#505b90 if 1": (
        "A worker's lease outlives it, so nobody settles its attempt before it is named."
    ),
    "model.transitions.transition:Step.may_charge_twice#58dd11 if 1": (
        "Only a metric hangs on it: tests/simulated/test_meter_money.py counts it."
    ),
    "intake.preview": (
        "Nothing is bought on it: a preview for the command line, which tests/simulated/test_cli_lint.py sees."
    ),
    "deliver.task_callbacks:Answering._tell#ca98b8 if 1": (
        "Turned round, an answer without its own words ends by an exception, which kills nothing."
    ),
    "deliver.task_callbacks:Answering.answer#e5353f if 1": (
        "For speed: without anybody who waits the photo is read once more."
    ),
    "intake.instruction_resolver:Asking.has_other_references#b1b4ff if 1": REFERENCES,
    "intake.instruction_resolver:Asking.has_other_references#b1b4ff if 2": REFERENCES,
    "campaigns": CAMPAIGNS,
    "operate.cancel:Cancelling._end#3f675d if 1": CANCELS,
    "operate.cancel:Cancelling._ended#9d6b74 if 1": CANCELS,
    "operate.cancel:Cancelling._ended#9d6b74 if 2": CANCELS,
    "operate.cancel:Cancelling._wait_no_more#445d1b if 1": CANCELS,
    "operate.cancel:Cancelling.end#b4564f if 1": CANCELS,
    "deliver.service:Deliver._explain#c98a8b if 1": UNREACHABLE,
    "deliver.service:Deliver._hand_over#679bb7 if 2": UNREACHABLE,
    "deliver.service:Deliver.deliver#7d61d2 if 2": FOLLOWERS,
    "deliver.service:Deliver.deliver#7d61d2 if 4": FOLLOWERS,
    "intake.folder_defaults:FolderDefaults._one#e34d31 if 1": "For speed: a batch reads a folder's defaults once.",
    "intake.folder_defaults:Folders._is_counted#5f0365 return 1": COUNTS,
    "intake.folder_defaults:Folders._problems#a51bd2 if 1": "For speed: where nothing is wrong, nobody is counted.",
    "intake.folder_defaults:Folders._waiting#04289b if 1": COUNTS,
    "intake.folder_defaults:Folders.report#f705d9 if 1": COUNTS,
    "intake.folder_defaults:Folders.report#f705d9 if 2": COUNTS,
    "deliver.followers:Followers.serve#9c02ae if 1": FOLLOWERS,
    "deliver.followers:Followers.wake#f5bb98 if 1": FOLLOWERS,
    "deliver.followers:Followers.wake#f5bb98 if 2": FOLLOWERS,
    "deliver.followers:Followers.wake#f5bb98 if 3": FOLLOWERS,
    "intake.service:Intake._marked#986a8f if 1": UNREADABLE,
    "intake.service:Intake._near#9baddb if 1": (
        "For speed: both ways find the photos that may share the sidecar, one of them among all keys that "
        "begin like it."
    ),
    "intake.service:Intake._once#9e6306 if 2": (
        "No scene's batch has an outdated reminder before an event of its photo: "
        "tests/simulated/test_intake_wire.py has."
    ),
    "intake.service:Intake._photos_of#763757 if 1": (
        "For speed: the sweep finds a sidecar that was not heard; tests/simulated/test_intake_arrival.py "
        "sees it heard at once."
    ),
    "reconcile.dead_letters:DeadLetters._answer#acce9f if 1": GIVEN_UP_REQUESTS,
    "reconcile.dead_letters:DeadLetters._explain#c177ab if 2": LETTERS,
    "reconcile.dead_letters:DeadLetters._give_up#600094 if 1": LETTERS,
    "reconcile.dead_letters:DeadLetters._give_up#600094 if 2": LETTERS,
    "reconcile.dead_letters:DeadLetters._give_up#600094 if 3": LETTERS,
    "reconcile.dead_letters:DeadLetters._is_dealt_with#e55460 if 1": LETTERS,
    "reconcile.dead_letters:DeadLetters._is_dealt_with#e55460 if 2": LETTERS,
    "reconcile.dead_letters:DeadLetters._is_dealt_with#e55460 if 3": LETTERS,
    "reconcile.dead_letters:DeadLetters._is_passed_on#1f68e7 if 1": LETTERS,
    "reconcile.dead_letters:DeadLetters._photos#4a6887 if 1": LETTERS,
    "reconcile.dead_letters:DeadLetters._photos#4a6887 if 2": GIVEN_UP_REQUESTS,
    "reconcile.dead_letters:DeadLetters._sort#43d230 if 2": (
        "No seed has more letters than one batch holds: tests/simulated/test_reconcile_letters.py has."
    ),
    "pipeline.recovery:LostAnswers._sleep#78b327 if 2": (
        "With the template's time limits a call that may start leaves time for every wait behind it; others may not."
    ),
    "pipeline.recovery:LostAnswers.resume#c45b80 if 5": (
        "An answer behind another changes nothing, and the fifth worker that takes a call over counts it as lost."
    ),
    "pipeline.crash_guard:_insist#f1ae84 if 1": (
        "No scene's ledger is gone just as a worker's time ends: tests/simulated/test_render_marks.py has such."
    ),
    "pipeline.failover:Moves.away#193987 if 1": FAIL_OVER,
    "pipeline.failover:Moves.out_of_a_shut_lane#243fc5 if 1": FAIL_OVER,
    "intake.dispatch:Onward._refuse#702b6f if 1": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "intake.dispatch:Onward.dispatch#6e62e2 if 2": (
        "No seed switches a provider off: tests/simulated/test_intake_providers.py does."
    ),
    "intake.dispatch:Onward.dispatch#6e62e2 if 3": (
        "For speed: reconcile sends deliver what it was not told of, some minutes later."
    ),
    "reconcile.open_jobs:OpenJobs.job#a12544 if 1": (
        "For speed: a job that was not read with the others is read alone."
    ),
    "operate.redrive:Orders._advance#e6266a if 1": REDRIVES,
    "operate.redrive:Orders._beside#ae9e28 if 1": REDRIVES,
    "operate.redrive:Orders._can_be_had#da0967 if 1": REDRIVES,
    "operate.redrive:Orders._can_be_had#da0967 if 2": REDRIVES,
    "operate.redrive:Orders.failures#7a3989 if 1": ("For the types: an entry of the index has its photo."),
    "operate.redrive:Orders.in_doubt#99d270 if 1": IN_DOUBT,
    "operate.redrive:Orders.plan#c1fcfe if 1": REDRIVES,
    "operate.redrive:Orders.plan#c1fcfe if 2": REDRIVES,
    "operate.redrive:Orders.plan#c1fcfe if 3": REDRIVES,
    "operate.redrive:Orders.redrive#fc6382 if 1": REDRIVES,
    "operate.redrive:Orders.redrive#fc6382 if 2": REDRIVES,
    "operate.redrive:Orders.redrive#fc6382 if 3": (
        "For speed: reconcile sends what a redrive left unsent at its next run, since it is overdue."
    ),
    "operate.redrive:Wanted.means#0eb3d4 return 1": CHOSEN,
    "operate.redrive:Wanted.means_doubt#f5384c return 1": IN_DOUBT,
    "operate.redrive:_failures#880b32 if 1": CHOSEN,
    "deliver.paid_files:PaidFiles._fetch#1b68ed if 1": NO_LINK,
    "deliver.paid_files:PaidFiles._fetch#1b68ed if 3": (
        "No scene's picture is out of reach for as long as its link lives: "
        "tests/simulated/test_deliver_again.py has such."
    ),
    "deliver.paid_files:PaidFiles._kept_result#a5ae43 if 1": NO_LINK,
    "deliver.paid_files:PaidFiles._kept_result#a5ae43 if 2": NO_LINK,
    "deliver.paid_files:PaidFiles._unrecognized#e24eee if 1": (
        "Only the words of a problem hang on it: tests/simulated/test_deliver_pictures.py reads them."
    ),
    "deliver.paid_files:PaidFiles.of#1d28e2 if 1": (
        "No seed's owner loses its paid file before a copy has it: tests/simulated/test_deliver_reuse.py has such."
    ),
    "deliver.paid_files:PaidFiles.of#1d28e2 if 3": PAID_FILES,
    "deliver.paid_files:PaidFiles.of#1d28e2 if 4": PAID_FILES,
    "deliver.paid_files:format_of#cb5555 if 1": (
        "For the types: a picture that was verified or made here has a format."
    ),
    "pipeline.purchase:Payments._judged#fb53b4 if 1": VERDICTS,
    "pipeline.purchase:Payments._judged#fb53b4 if 2": VERDICTS,
    "pipeline.purchase:Payments._looked_up#69bb96 return 1": ("For the types: a job is never deleted."),
    "pipeline.purchase:Payments._parked#9357c0 if 1": (
        "For speed: without it the next worker waits for the lease, or this one for its own end."
    ),
    "pipeline.purchase:Payments.record#113d76 if 1": (
        "No scene's ledger and bucket are both gone for so long: tests/simulated/test_render_kept.py has such."
    ),
    "pipeline.purchase:Payments.send#23a43c if 2": ("For the types: only an answer can be judged."),
    "pipeline.purchase:Payments.without_raw_response#f2d6f1 if 1": (
        "Only a file for a person hangs on it: tests/simulated/test_deliver_pictures.py sees that it is kept."
    ),
    "pipeline.purchase:_as_wait#c18c31 if 1": ("Only the words of the wait hang on it."),
    "intake.apply:Photos._hand_on#92e85b if 1": (
        "Only how soon copies continue hangs on it: tests/simulated/test_followers.py measures that."
    ),
    "intake.apply:Photos._kept_problems#00aed8 if 1": REFUSALS,
    "intake.apply:Photos._kept_problems#00aed8 if 2": REFUSALS,
    "intake.apply:Photos._record#ac7a9a if 1": (
        "No scene's seed deletes a message early and kills the worker that still has it: test_intake_crashes.py does."
    ),
    "intake.apply:Photos._reopen#d7ba52 if 2": (
        "Only a look that died just when its photo's word was taken away comes here again: "
        "tests/simulated/test_intake_crashes.py."
    ),
    "intake.apply:Photos._resolve#5a3df4 if 1": ("For speed: the sweep finds folder defaults of which no event told."),
    "intake.apply:Photos._with_near_miss#927e71 if 1": ("Only the words of a report hang on it."),
    "intake.photo_state:PhotoState._event#83cdd3 if 2": (
        "No promise says what a rerun must change: tests/simulated/test_intake_rerun.py does."
    ),
    "intake.photo_state:PhotoState.seen#745211 if 1": ("For the types: only a photo that is there is compared."),
    "intake.photo_state:PhotoState.source#01f539 return 1": (
        "Two values and no condition: what the ledger does not know has a new place."
    ),
    "intake.photo_state:history_of#555f33 if 2": FACTS,
    "intake.photo_state:photo_of#02bc2f if 1": FACTS,
    "deliver.pictures:Pictures._as_it_is#777352 return 1": ("For the types: a photo's place is never deleted."),
    "deliver.pictures:Pictures._make_way#171e63 if 1": SLIPS,
    "deliver.pictures:Pictures._original#9696fc if 1": SIZES,
    "deliver.pictures:Pictures._outputs#70e2d4 if 2": (
        "No seed's encoder gives a picture up: tests/simulated/test_deliver_not_made.py does."
    ),
    "deliver.pictures:Pictures._photo#0de9ae if 1": SIZES,
    "deliver.pictures:Pictures._place#aba219 if 3": SLIPS,
    "deliver.pictures:Pictures._place#aba219 if 5": SLIPS,
    "deliver.pictures:Pictures._signed#4f1bb1 if 1": (
        "Only the word in a picture that a machine changed it hangs on it: tests/e2e/test_any_photo.py reads it."
    ),
    "deliver.pictures:_first_of_its_place#186936 return 1": (
        "For speed: a write that finds something else there fails, and looks first when it is tried again."
    ),
    "deliver.pictures:_said_of#c4e643 if 1": RECEIPT_WARNINGS,
    "deliver.pictures:_said_of#c4e643 if 2": RECEIPT_WARNINGS,
    "deliver.pictures:_said_of_size#83f65f if 1": RECEIPT_WARNINGS,
    "deliver.pictures:_warnings#a0a5a4 if 1": RECEIPT_WARNINGS,
    "deliver.pictures:_warnings#a0a5a4 if 2": RECEIPT_WARNINGS,
    "reconcile.due:PutBack._asked#bd9163 if 2": SWITCHED_OFF,
    "reconcile.due:PutBack._asked#bd9163 if 4": (
        "Render finds the answer as well: "
        "tests/simulated/test_reconcile_put_back.py sees reconcile find it without a slot."
    ),
    "reconcile.due:PutBack._held#9d4fcb if 1": SWITCHED_OFF,
    "reconcile.due:PutBack._now#a50415 if 1": ("For the types: a job is never deleted."),
    "reconcile.due:PutBack._said_of#941434 if 1": ORPHANS,
    "reconcile.due:PutBack._said_of#941434 if 2": ORPHANS,
    "reconcile.due:PutBack._said_of#941434 if 3": ORPHANS,
    "reconcile.due:PutBack._send#1893f6 if 2": SWITCHED_OFF,
    "reconcile.due:PutBack._source#a3b30e if 1": (
        "No scene loses a photo's reminder: tests/simulated/test_reconcile_put_back.py does."
    ),
    "reconcile.due:PutBack._without_orphans#ab1203 if 1": ORPHANS,
    "reconcile.due:PutBack.resend#bb789e if 1": (
        "No scene loses a photo's reminder: tests/simulated/test_reconcile_put_back.py does."
    ),
    "reconcile.service:Reconcile._backlog#745f8a if 2": (
        "No seed has thousands of paid pictures: tests/simulated/test_reconcile_runs.py counts as if there were."
    ),
    "reconcile.service:Reconcile._free.free#d327cb if 1": PAUSED_LANE,
    "reconcile.service:Reconcile._free.free#d327cb if 2": SWITCHED_OFF_LANE,
    "reconcile.service:Reconcile._free.free#d327cb if 3": PAUSED_LANE,
    "reconcile.service:Reconcile._free.free#d327cb if 4": PAUSED_LANE,
    "reconcile.service:Reconcile._free.free#d327cb if 6": FAIL_OVER,
    "reconcile.service:Reconcile._waiting#479971 if 1": (
        "No seed has thousands of open jobs: tests/simulated/test_request_stops.py lets a run look at fewer."
    ),
    "reconcile.service:Reconcile._was_sent_on#88d408 return 1": SWITCHED_OFF_LANE,
    "intake.references": REFERENCES,
    "render.service:Render._accepted#00572c if 3": (
        "For speed: who goes on finds the job changed, and its message comes again."
    ),
    "render.service:Render._accepted#00572c if 4": FAIL_OVER,
    "render.service:Render._buy#a016c0 if 2": (
        "For the types: turned round, the first call ends by an exception, which kills nothing."
    ),
    "render.service:Render._buy#a016c0 if 3": FAIL_OVER,
    "render.service:Render._call_until_taken#af2005 if 3": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "render.service:Render._explain#52bfdc if 1": (
        "How seldom a photo that waits alone is told of again; a provider that fails for all is told of by its lane."
    ),
    "render.service:Render._give_probe_back#59255f if 1": (
        "For speed: whose probe it is the lane says itself, so that nobody takes another's away."
    ),
    "render.service:Render._refuse#d14128 if 1": (
        "No seed archives a photo while its answer is lost: tests/simulated/test_intake_unreadable.py."
    ),
    "render.service:Render._short_wait#f3e48d if 1": (
        "The simulated provider gives no work up that may be bought anew; tests/simulated/test_render_final.py does."
    ),
    "render.service:Render._short_wait#f3e48d if 3": (
        "For speed, which bench/recovery.py measures: where a job waits, not for how long."
    ),
    "render.service:Render._throttled#377226 if 1": ("Only the throttled_seconds of a receipt hang on it."),
    "render.service:Render._wait_in_slot#5e9b27 if 2": (
        "Payments asks the same before it claims; here a wait is saved that leads nowhere."
    ),
    "render.service:Render._wait_in_slot#5e9b27 if 3": FAIL_OVER,
    "render.service:Render._without_photo#d0174a if 1": (
        "For speed: reconcile has it held too, when its lease is over."
    ),
    "render.service:Render.render#8d62b5 if 6": (
        "For speed: a copy that deliver has served already is delivered once more."
    ),
    "operate.rerun:Reruns.foresee#b9207b if 1": PREVIEW,
    "operate.rerun:Reruns.foresee#b9207b if 2": (
        "Nothing is bought on it: a preview for the command line, which tests/simulated/test_cli_drop.py sees."
    ),
    "operate.rerun:Reruns.foresee#b9207b if 3": PREVIEW,
    "operate.rerun:Reruns.foresee#b9207b if 4": PREVIEW,
    "operate.rerun:Reruns.keys#3bffe4 if 1": PREVIEW,
    "pipeline.reuse:serve#b764dd while 1": (
        "Only a job that waits for another comes here. One that no longer waits has been served or changed."
    ),
    "intake.photo_reader:Seer.read#3fab4b if 2": (
        "No seed's key is too long: tests/simulated/test_intake_keys.py has such."
    ),
    "intake.photo_reader:Seer.unopened#71ab88 if 1": QUICK_LINT,
    "intake.photo_reader:Seer.unopened#71ab88 if 2": QUICK_LINT,
    "intake.photo_status:still_refused#e89024 if 1": REFUSALS,
    "intake.batch_prefetch:Strangers.take#131cb5 if 1": (
        "For speed: a photo that is not read with its batch is read alone."
    ),
    "reconcile.sweep:_last#e97a9c if 1": (
        "No seed has thousands of photos: tests/simulated/test_reconcile_sweep.py does."
    ),
    "pipeline.unreadable_files:report_unreadable#7083e1 if 1": UNREADABLE,
    "pipeline.documents:Views._still_says#b158c9 return 1": (
        "No scene has this race: tests/simulated/test_deliver_views.py lets a late delivery report a problem "
        "that was fixed."
    ),
    "intake.job_planner:_asked#628b86 if 1": REFERENCES,
    "intake.job_planner:_priced#48444b if 1": (
        "No seed asks for what no provider can express: tests/simulated/test_every_problem_at_once.py does."
    ),
}

UNGUARDED: Mapping[str, str] = {}
"""Of which there is no guard, and why."""
