"""Conditions whose mutants survive, each with the reason: no seed can show them, or no invariant depends on them.

A key is the address of a condition, or a function or module whose conditions all survive for the same reason.
"""

from collections.abc import Mapping

FAILOVER_REASON = (
    "No invariant says when a job leaves its lane: tests/simulated/render/test_failover.py kills the worker after "
    "each call of a failover."
)
CANCEL_REASON = (
    "A lane's cancel mark prevents purchases of what was canceled. "
    "tests/simulated/operate/test_cancel.py tests the other effects of a cancellation."
)
UNDELIVERED_REASON = (
    "Few scenes have several pictures in a row that cannot be delivered: "
    "tests/simulated/deliver/test_undelivered_pictures.py has every kind."
)
COPIES_REASON = "It affects only how soon copies continue: tests/simulated/intake/test_content_waits.py measures that."
UNREACHABLE_RESULT_REASON = (
    "It affects only the next try and the report until then: tests/simulated/deliver/test_pictures.py tests both."
)
UNREACHABLE_LINK_REASON = (
    "Few scenes have a link that answers wrongly, and none for as long as it is valid: "
    "tests/simulated/deliver/test_pictures.py and test_redelivery.py do."
)
UNREADABLE_PHOTO_REASON = (
    "It affects only the report of a waiting photo: tests/simulated/intake/test_unreadable.py counts the deliveries "
    "and has another worker read the photo."
)
DEAD_LETTER_REASON = (
    "No message in a seed reaches its queue's maximum receive count: tests/simulated/reconcile/test_dead_letters.py "
    "tests each kind."
)
DEAD_REQUEST_REASON = (
    "No request in a seed reaches its queue's maximum receive count: "
    "tests/simulated/requests/test_answers.py tests one."
)
REDRIVE_REASON = (
    "It affects only what an operator sees of a redrive, which no invariant covers: "
    "tests/simulated/operate/test_redrive.py tests each failure."
)
FAILURE_FILTER_REASON = (
    "Operators of the simulated world redrive all failures: tests/simulated/operate/test_failures.py filters them."
)
SHARE_CHOICE_REASON = (
    "A seed rarely shows it, because a claim finds the money in another share: tests/unit/model/test_budget_shares.py "
    "tests each choice."
)
SHARE_REGISTRY_REASON = (
    "In a seed, a share rarely appears while a mandate is created: tests/contract/test_world_table.py creates one "
    "between two shares."
)
LOST_ANSWER_REASON = (
    "It affects only what the command prints about lost answers: tests/simulated/cli/test_failures.py tests that."
)
PAID_FILES_REASON = (
    "No invariant covers the files under _backdrop/paid/: tests/simulated/deliver/test_pictures.py does."
)
MISSING_LINK_REASON = (
    "No simulated provider returns a picture without a link: tests/simulated/deliver/test_files_without_links.py does."
)
BILL_REASON = (
    "The seeds that mutants run read no usage records: `python -m simulation.bill --mutants` removes each guard of "
    "settlements, and tests/unit/model/test_settlements.py tests each transition."
)
ASK_THE_BILL_REASON = (
    "No seed has OnLostAnswer=ask_the_bill: tests/simulated/render/test_ask_the_bill.py tests how each wait begins and "
    "ends."
)
SIGNING_REASON = (
    "No seed has Content Credentials, or a provider's file with some: "
    "tests/simulated/deliver/test_signing.py tests each condition."
)
FRAME_REASON = "No seed has a frame: tests/simulated/intake/test_frames.py tests each condition."
SIZE_REASON = "No invariant covers a picture's size: tests/simulated/deliver/test_sizes.py does."
RECEIPT_WARNING_REASON = (
    "It affects only a receipt's warnings: tests/simulated/deliver/test_pictures.py and its neighbors test each."
)
FIDELITY_REASON = "No invariant covers a verdict on fidelity: tests/simulated/deliver/test_fidelity.py tests each case."
MASK_REASON = (
    "The seeds that mutants run buy no mask: tests/simulated/deliver/test_masks.py tests each case, and each crash."
)
RETRY_REASON = (
    "The seeds that mutants run have no retries: tests/simulated/deliver/test_retry.py and "
    "tests/simulated/model/test_transitions_retry.py test each end of one."
)
PRICE_CHECK_REASON = (
    "Only the scenes of the price check's own mutants run it: tests/simulated/reconcile/test_price_checks.py and "
    "tests/simulated/cli/test_check_prices.py test each case."
)
APPROVAL_REASON = (
    "The seeds that mutants run have no pictures that people approve: tests/simulated/deliver/test_approval.py and "
    "tests/simulated/model/test_transitions_approval.py test each case."
)
BRAND_IMAGE_REASON = "No seed draws a logo or a picture: tests/simulated/deliver/test_packshots.py tests each case."
ORPHAN_REASON = (
    "No scene has a worker that dies while a second call brings the pictures: "
    "tests/simulated/reconcile/test_orphans.py tests each case."
)
DISABLED_PROVIDER_RESEND_REASON = "No seed disables a provider: tests/simulated/reconcile/test_lost_messages.py does."
DISABLED_PROVIDER_RUN_REASON = "No seed disables a provider: tests/simulated/reconcile/test_runs.py does."
PAUSED_LANE_REASON = (
    "It affects only when an unwanted job of a paused lane ends: "
    "tests/simulated/requests/test_stopped_executions.py ends one there."
)
DECISION_ROW_REASON = (
    "No seed that was run in the scenes of its subject shows it: tests/unit/intake/test_intake_decision.py fails "
    "without the row."
)
LAST_ROW_REASON = (
    "A table without its last row decides nothing for some facts, so no run has a result to check: "
    "tests/unit/intake/test_intake_decision.py has every combination of facts decided."
)
PHOTO_STATE_REASON = (
    "All runs end the same without it: tests/unit/intake/test_photo_state.py tests each row of this fact."
)
RERUN_PREVIEW_REASON = (
    "Nothing is bought because of it: it is a preview for the command, which tests/simulated/cli/test_rerun.py tests."
)
LINT_PREVIEW_REASON = "Only a preview that opens no photo uses it: tests/simulated/cli/test_lint.py tests that."
PICTURE_RACE_REASON = (
    "No scene has this race: tests/simulated/deliver/test_pictures.py lets an older picture overwrite the newest."
)
TASK_LIMIT_REASON = (
    "No seed's answer exceeds Step Functions' limits: tests/unit/model/test_task_answer.py tests such answers."
)
MISNAMED_SIDECAR_REASON = "No scene has a misnamed sidecar: tests/simulated/intake/test_near_misses.py has."
MANY_PHOTOS_REASON = (
    "No scene has more photos of one sidecar than an invocation checks: "
    "tests/simulated/intake/test_many_photos_of_a_sidecar.py has."
)
SEVERAL_RECORDS_REASON = (
    "No scene has a message with several records: tests/simulated/intake/test_many_photos_of_a_sidecar.py has."
)
BLOCKED_COUNT_REASON = (
    "It affects only how many photos a report says are waiting, and when they are counted: "
    "tests/simulated/intake/test_broken_defaults.py."
)
SUSPICION_REASON = (
    "It affects only which unpaid photo ends, and how soon: "
    "tests/simulated/render/test_suspected_jobs.py tests each case."
)
CAMPAIGN_REASON = "No seed runs a campaign: tests/simulated/campaigns and tests/unit/campaigns do."
FORECAST_REASON = "No seed previews a purchase: tests/simulated/cli/test_mandate_forecast.py does."
MANDATE_TERMS_REASON = "Few or no seeds were run for it: tests/unit/model/test_mandate.py fails if it is negated."
PLACE_LEASES_REASON = "Few or no seeds were run for it: tests/unit/model/test_place_leases.py fails if it is negated."
RETRY_CHOICE_REASON = (
    "Few or no seeds were run for it: "
    "tests/unit/model/test_retries.py or tests/simulated/deliver/test_retry.py fails if it is negated."
)
REVIEW_REASON = (
    "Few or no seeds were run for it: tests/simulated/model/test_transitions_approval.py fails if it is negated."
)
MANDATE_REASON = "It was not hunted: tests/simulated/render/test_mandates.py tests it, with a crash after every call."
OWNER_REASON = (
    "No client of a mandate in a seed names images or approval: tests/simulated/intake/test_hostile_clients.py does."
)
OWN_PIXELS_REASON = "No seed requests own pixels: tests/simulated/deliver/test_own_pixels.py tests each fallback."
IMAGE_STEPS_REASON = (
    "No image of a seed takes as long as an invocation may: tests/simulated/deliver/test_image_steps.py has such ones."
)
REFERENCES_REASON = "No seed has references: tests/simulated/intake/test_references.py does."
REFUSED_REQUEST_REASON = (
    "It affects only which refused requests a report still lists: tests/simulated/intake/test_refused_requests.py."
)
NAMES_REASON = (
    "The seeds that mutants run have no names: tests/simulated/intake/test_picture_names.py does, and "
    "tests/simulated/intake/test_picture_name_guards.py removes each guard."
)
PLACES_REASON = "In most of these seeds, calls count: tests/simulated/render/test_places.py tests each case."
ACCEPTED_SURVIVORS: Mapping[str, str] = {
    "aws.ledger:Ledger._build_owner_put#47fbe6 if 1": (
        "For the type checker: only transitions with an owner get here."
    ),
    "model.intake_event:IncomingRequest.is_execution_scoped#002267 return 1": (
        "The check reads from the ledger who requested a job; "
        "tests/simulated/requests/test_stopped_executions.py does not depend on it."
    ),
    "model.circuit:ProviderHealth.allows_calls#a13f0e return 1": FAILOVER_REASON,
    "model.circuit:ProviderHealth.has_provider_problem#ba761d return 1": FAILOVER_REASON,
    "model.circuit:ProviderHealth.state#069717 if 1": (
        "It affects only what operators read: tests/simulated/cli/test_status.py tests each state."
    ),
    "model.circuit:_record_success#717f7e if 2": UNDELIVERED_REASON,
    "model.circuit:observe_undelivered": UNDELIVERED_REASON,
    "model.circuit:resume#7b4a53 if 2": UNDELIVERED_REASON,
    "model.circuit:_try_other_job#985bd6 if 1": (
        "It affects only how soon the next probe starts: "
        "tests/simulated/render/test_suspected_jobs.py counts the probes."
    ),
    "model.circuit:check_gate#87d4e9 if 5": (
        "It affects only which job is the probe: "
        "tests/simulated/render/test_suspected_jobs.py tests that it is another one."
    ),
    "model.circuit:observe_result#45b61d if 2": SUSPICION_REASON,
    "model.circuit:observe_result#45b61d if 3": SUSPICION_REASON,
    "model.mandate:MandateAccount.find_stop#df1283 if 1": MANDATE_TERMS_REASON,
    "model.mandate:MandateAccount.find_obstacle#583637 if 1": MANDATE_TERMS_REASON,
    "model.mandate:MandateAccount.find_obstacle#583637 if 3": MANDATE_TERMS_REASON,
    "model.mandate:MandateAccount.find_obstacle#583637 if 4": MANDATE_TERMS_REASON,
    "model.mandate:find_violated_term#dca7ec if 1": MANDATE_TERMS_REASON,
    "model.mandate:find_violated_term#dca7ec if 2": MANDATE_TERMS_REASON,
    "model.mandate:find_violated_term#dca7ec if 3": MANDATE_TERMS_REASON,
    "model.mandate:find_violated_term#dca7ec if 4": MANDATE_TERMS_REASON,
    "model.place_leases:PlaceLeases.may_hold_slot#97f9a4 if 1": PLACE_LEASES_REASON,
    "model.place_leases:PlaceLeases.may_hold_slot#97f9a4 return 2": PLACE_LEASES_REASON,
    "model.place_leases:PlaceLeases.admits#1758ed if 1": PLACE_LEASES_REASON,
    "model.place_leases:PlaceLeases.with_lease#e3d920 if 1": PLACE_LEASES_REASON,
    "model.place_leases:PlaceLeases.with_refusal#a7878f if 1": PLACE_LEASES_REASON,
    "model.place_leases:PlaceLeases.with_waiter#73708d if 1": PLACE_LEASES_REASON,
    "model.place_leases:explain_lack#21c105 if 1": PLACE_LEASES_REASON,
    "model.retries:needs_verdicts#b30d3d return 1": RETRY_CHOICE_REASON,
    "model.retries:should_retry#b5540c if 1": RETRY_CHOICE_REASON,
    "model.retries:should_retry#b5540c if 2": RETRY_CHOICE_REASON,
    "model.retries:explain_retry_end#0715af if 1": RETRY_CHOICE_REASON,
    "model.retries:is_stopped_by_max_cost#7c2c57 return 1": RETRY_CHOICE_REASON,
    "model.retries:has_only_changed_products#80a902 return 1": RETRY_CHOICE_REASON,
    "model.retries:_fits_max_cost#6d64ca return 1": RETRY_CHOICE_REASON,
    "model.retries:build_call_spec#bbd827 if 1": RETRY_CHOICE_REASON,
    "model.review:PictureReview.decider#cd9038 if 1": (
        "Only people read it. No seed compares sentences; tests/simulated/cli/test_review.py shows both forms"
    ),
    "model.review:PictureReview.with_min_score#b04a5a if 1": REVIEW_REASON,
    "model.review:may_need_review#ed7f9f return 1": REVIEW_REASON,
    "model.task_result:_format_cause#6c801a while 1": TASK_LIMIT_REASON,
    "model.task_result:_format_output#08bc42 if 1": TASK_LIMIT_REASON,
    "model.circuit:is_probe_since_pause#e5cf27 return 1": (
        "It affects only how soon a pause ends: "
        "tests/simulated/render/test_suspected_jobs.py has a provider slow enough."
    ),
    "model.transitions.lifecycle:retry_delivery#b5d698 if 1": (
        "RedriveService.plan checks the same before this transition."
    ),
    "model.transitions.lifecycle:update_instructions#1cc86e if 3": (
        "No seed has a picture that an encoder fails on: tests/simulated/deliver/test_not_made.py does."
    ),
    "model.transitions.lifecycle:change_provider#6a51df if 1": FAILOVER_REASON,
    "model.transitions.payment:_release_reservation#e482eb if 4": (
        "It affects only how many uncharged attempts a receipt shows."
    ),
    "model.transitions.payment:_release_reservation#e482eb if 5": (
        "No simulated provider abandons work that may be bought again; "
        "tests/simulated/model/test_transitions_abandoned_work.py does."
    ),
    "model.transitions.payment:acknowledge#098dc1 if 1": (
        "A worker's lease outlives the worker, so no other worker settles its attempt before the ID is recorded."
    ),
    "model.transitions.lifecycle:Transition.may_charge_twice#282930 if 1": (
        "It affects only a metric: tests/simulated/ledger/test_money_metrics.py counts it."
    ),
    "aws.ledger:Ledger._build_name_put": NAMES_REASON,
    "intake.name_claims": NAMES_REASON,
    "intake.job_planner:_refuse_repeated_names": NAMES_REASON,
    "intake.preview": (
        "Nothing is bought because of it: it is a preview for the command, which tests/simulated/cli/test_lint.py "
        "tests."
    ),
    "deliver.task_callbacks:TaskCallbacks._send_callback#ca98b8 if 1": (
        "If it is negated, an answer without its own text raises an exception, which kills nothing."
    ),
    "deliver.task_callbacks:TaskCallbacks.complete_requests#e5353f if 1": (
        "For speed: if no request waits, the photo is read once more."
    ),
    "intake.instruction_resolver:InstructionResolver.has_changed_references#b1b4ff if 1": REFERENCES_REASON,
    "intake.instruction_resolver:InstructionResolver.has_changed_references#b1b4ff if 2": REFERENCES_REASON,
    "campaigns": CAMPAIGN_REASON,
    "operate.cancel:CancelService._cancel_item#3f675d if 1": CANCEL_REASON,
    "deliver.service:DeliverService._observe_end": UNDELIVERED_REASON,
    "deliver.service:DeliverService._observe_wait": UNDELIVERED_REASON,
    "deliver.service:DeliverService.deliver#075540 if 5": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a if 3": OWN_PIXELS_REASON,
    "deliver.service:DeliverService._deliver_pictures#7db6f8 if 4": MASK_REASON,
    "deliver.fidelity_checks:FidelityChecks._load_cut_out#94a29b if 1": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks._load_photo#233f0e return 1": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.check#4a3e1d if 1": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.check#4a3e1d if 2": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a if 1": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a if 2": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a if 5": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a if 6": FIDELITY_REASON,
    "deliver.fidelity_checks:FidelityChecks.find_mask#d0521a return 6": FIDELITY_REASON,
    "deliver.fidelity_checks:_crop_to_photo#8315c3 if 1": FIDELITY_REASON,
    "deliver.fidelity_checks:waits_for_mask#4f29fa return 1": FIDELITY_REASON,
    "deliver.image_steps:ImageSteps._require_time#004e31 if 1": IMAGE_STEPS_REASON,
    "deliver.image_steps:ImageSteps.run#2698c0 if 1": IMAGE_STEPS_REASON,
    "deliver.image_steps:ImageSteps.run#2698c0 if 2": IMAGE_STEPS_REASON,
    "deliver.image_steps:ImageSteps.run#2698c0 if 3": IMAGE_STEPS_REASON,
    "deliver.original_photos:OriginalPhotos.may_be_transparent#f081b2 return 1": FIDELITY_REASON,
    "deliver.pictures:Pictures._prepare_image#122b30 if 1": APPROVAL_REASON,
    "deliver.pictures:Pictures._review_images#3d6d3b if 1": (
        "A picture that needs approval is also found when it is delivered: tests/simulated/deliver/test_image_steps.py "
        "tests that it is found before."
    ),
    "deliver.pictures:Pictures._review_images#3d6d3b if 3": APPROVAL_REASON,
    "deliver.pictures:Pictures._review_images#3d6d3b if 4": APPROVAL_REASON,
    "deliver.pictures:Pictures._review_images.prepare#d39920 if 1": APPROVAL_REASON,
    "deliver.pictures:Pictures._review_images.prepare#d39920 if 2": (
        "It affects only time and memory: a picture that was prepared for review is prepared again without it."
    ),
    "deliver.pictures:Pictures.deliver_job#df112e if 2": (
        "It affects only memory: a picture that waits for its mask would open logos and backgrounds first."
    ),
    "deliver.pictures:Pictures.deliver_job#df112e if 3": APPROVAL_REASON,
    "deliver.pictures:Pictures.deliver_job#df112e if 4": IMAGE_STEPS_REASON,
    "deliver.pictures:Pictures.deliver_job#df112e if 6": APPROVAL_REASON,
    "deliver.pictures:Pictures.deliver_job.deliver_image#e1dcdf if 1": APPROVAL_REASON,
    "deliver.pictures:Pictures.deliver_job.deliver_image#e1dcdf if 2": IMAGE_STEPS_REASON,
    "deliver.pictures:_build_fidelity_warnings#f73135 if 1": APPROVAL_REASON,
    "deliver.pictures:_build_fidelity_warnings#f73135 if 2": RETRY_REASON,
    "deliver.pictures:_build_fidelity_warnings#f73135 if 3": FIDELITY_REASON,
    "deliver.service:DeliverService._cancel_unneeded_mask#2de9d9 if 1": MASK_REASON,
    "deliver.service:DeliverService._cancel_unneeded_mask#2de9d9 if 2": MASK_REASON,
    "deliver.service:DeliverService._cancel_unneeded_mask#2de9d9 if 3": (
        "For speed: reconcile ends a canceled mask some minutes later."
    ),
    "deliver.service:DeliverService._deliver_pictures#7db6f8 if 2": MASK_REASON,
    "deliver.service:DeliverService._retry_or_choose#308538 if 2": RECEIPT_WARNING_REASON,
    "deliver.service:DeliverService._retry_or_choose#308538 if 3": RETRY_REASON,
    "deliver.service:DeliverService._wake_compared_pictures#bf28f3 if 1": MASK_REASON,
    "model.transitions.lifecycle:join_existing#f91bbf if 3": (
        "No scene creates a mandate during a retry: tests/simulated/render/test_mandates.py does."
    ),
    "deliver.task_callbacks:TaskCallbacks._complete_all#18ca24 if 1": (
        "Seeds rarely refuse one answer of several: tests/simulated/requests/test_answers.py does."
    ),
    "intake.job_planner:JobPlanner._build_cut_out#aa0f09 if 1": MASK_REASON,
    "intake.job_planner:JobPlanner._explain_mask_cost#2f241d if 1": MASK_REASON,
    "intake.job_planner:JobPlanner._may_need_mask#29011d if 1": MASK_REASON,
    "intake.job_planner:JobPlanner._plan_mask#6ee293 if 3": MASK_REASON,
    "pipeline.job_diff:plan_transitions#1debbf if 1": MASK_REASON,
    "model.transitions.approval:_end_rejected#a428b2 if 1": APPROVAL_REASON,
    "model.transitions.approval:await_approval#4b44f9 if 1": APPROVAL_REASON,
    "model.transitions.approval:reject#23de8d if 1": APPROVAL_REASON,
    "model.transitions.payment:_release_job#699efd if 3": RETRY_REASON,
    "operate.cancel:CancelService._cancel_job#2d4bdc if 2": (
        "For speed: reconcile sends deliver what it was not notified of, some minutes later."
    ),
    "aws.ledger:Ledger._build_terms_update": MANDATE_REASON,
    "aws.ledger:Ledger._put_items#623292 if 4": MANDATE_REASON,
    "aws.ledger:Ledger._transact#929324 if 2": MANDATE_REASON,
    "aws.ledger:_budget_error#7b89b6 if 1": MANDATE_REASON,
    "model.budget_shares:find_money#d7a090 if 2": SHARE_CHOICE_REASON,
    "model.budget_shares:find_money#d7a090 if 3": SHARE_CHOICE_REASON,
    "aws.budget_shares:BudgetShares._try_grant#6c7fde if 2": SHARE_REGISTRY_REASON,
    "aws.ledger:Ledger._write_with_registry": SHARE_REGISTRY_REASON,
    "aws.ledger:Ledger._build_registry_updates": SHARE_REGISTRY_REASON,
    "intake.batch_prefetch:BatchPrefetch.find_mandate_name": MANDATE_REASON,
    "intake.job_planner:JobPlanner._check_mandate": MANDATE_REASON,
    "intake.job_planner:JobPlanner._plan_with_mask#449184 if 1": OWNER_REASON,
    "intake.owner_instructions": OWNER_REASON,
    "model.transitions.lifecycle:return_to_lane": MANDATE_REASON,
    "model.transitions.lifecycle:set_mandate": MANDATE_REASON,
    "operate.mandates": MANDATE_REASON,
    "reconcile.price_check_report": PRICE_CHECK_REASON,
    "reconcile.price_checks": PRICE_CHECK_REASON,
    "pipeline.mandate_waiters:MandateWaiters.list_mandates#2fe0d2 if 1": MANDATE_REASON,
    "pipeline.mandate_waiters:MandateWaiters.wake_jobs_of#baf3b4 if 5": MANDATE_REASON,
    "pipeline.mandate_directory": FORECAST_REASON,
    "intake.job_planner:_warn_of_fewer_retries": (
        "It only warns before a purchase: tests/simulated/deliver/test_masks.py tests the warning."
    ),
    "model.transitions.approval:_explain_missing_picture": (
        "It chooses between two texts: tests/simulated/deliver/test_approval.py tests the refusal."
    ),
    "aws.ledger:Ledger.read_lane#19bc2b if 1": "For speed: other providers' lanes have no item with places.",
    "aws.ledger:Ledger._transact#929324 if 1": "For speed: without a budget change, there is nothing to try again.",
    "model.transitions.lifecycle:retry_picture#9e7dcd if 1": (
        "Deliver does not retry such a job: tests/simulated/model/test_transitions_sequences.py does."
    ),
    "operate.cancel:CancelService._cancel_job#2d4bdc if 1": CANCEL_REASON,
    "operate.cancel:CancelService._cancel_job#2d4bdc if 3": CANCEL_REASON,
    "operate.cancel:CancelService._cancel_settling_photo#2c6b89 if 1": CANCEL_REASON,
    "operate.cancel:CancelService.cancel_marked#b4564f if 1": CANCEL_REASON,
    "deliver.service:DeliverService._record_problem#c98a8b if 1": UNREACHABLE_RESULT_REASON,
    "deliver.service:DeliverService._deliver_pictures#7db6f8 if 5": UNREACHABLE_RESULT_REASON,
    "deliver.service:DeliverService.deliver#075540 if 2": COPIES_REASON,
    "deliver.service:DeliverService.deliver#075540 if 4": COPIES_REASON,
    "intake.batch_cache:BatchCache.get#9fc2ed if 1": "For speed: a batch reads each object once.",
    "intake.folder_defaults:FolderDefaultsIntake._is_recently_counted#5f0365 return 1": BLOCKED_COUNT_REASON,
    "intake.folder_defaults:FolderDefaultsIntake._build_problems#5ce52a if 1": (
        "For speed: if there is no problem, no photos are counted."
    ),
    "intake.folder_defaults:FolderDefaultsIntake._describe_waiting_photos#3e337f if 1": BLOCKED_COUNT_REASON,
    "intake.folder_defaults:FolderDefaultsIntake.report#7adcc8 if 1": BLOCKED_COUNT_REASON,
    "intake.folder_defaults:FolderDefaultsIntake.report#7adcc8 if 2": BLOCKED_COUNT_REASON,
    "deliver.content_waiters:ContentWaiters.reuse_paid_file#d4f571 if 1": COPIES_REASON,
    "deliver.content_waiters:ContentWaiters.wake#3b7e3d if 1": COPIES_REASON,
    "deliver.content_waiters:ContentWaiters.wake#3b7e3d if 2": COPIES_REASON,
    "deliver.content_waiters:ContentWaiters.wake#3b7e3d if 3": COPIES_REASON,
    "intake.instruction_resolver:InstructionResolver.resolve_jobs#bf6dc1 if 2": (
        "No scene has a picture of ours in the input bucket: tests/simulated/intake/test_own_pictures.py has."
    ),
    "intake.instruction_resolver:InstructionResolver.resolve_jobs#bf6dc1 if 4": MISNAMED_SIDECAR_REASON,
    "intake.instruction_resolver:InstructionResolver._find_misnamed_sidecar#fbd031 if 1": MISNAMED_SIDECAR_REASON,
    "intake.instruction_resolver:InstructionResolver._find_misnamed_sidecar#fbd031 if 2": MISNAMED_SIDECAR_REASON,
    "intake.instruction_resolver:InstructionResolver.read_similar_names#8b867b if 1": MISNAMED_SIDECAR_REASON,
    "intake.service:IntakeService._list_similar_keys#697aca if 1": (
        "For speed: both ways find the photos that may share the sidecar, but one of them lists all keys with the "
        "same prefix."
    ),
    "intake.service:IntakeService._list_photos_of_sidecar#87f481 if 1": (
        "For speed: the sweep finds a sidecar whose event was not handled; tests/simulated/intake/test_arrival.py "
        "tests that it is handled at once."
    ),
    "intake.service:IntakeService._list_photos_of_sidecar#87f481 if 2": MANY_PHOTOS_REASON,
    "intake.service:IntakeService._handle_sidecar#0804c2 if 1": MANY_PHOTOS_REASON,
    "intake.service:IntakeService._enqueue_checks#1418c7 if 1": MANY_PHOTOS_REASON,
    "intake.service:IntakeService.handle_each#bf0a1e if 1": SEVERAL_RECORDS_REASON,
    "intake.service:IntakeService.handle_each#bf0a1e if 2": SEVERAL_RECORDS_REASON,
    "intake.service:IntakeService._handle_once_per_batch#9e6306 if 2": (
        "No scene has a batch with an outdated reminder before an event of its photo: "
        "tests/simulated/intake/test_request_counts.py does."
    ),
    "reconcile.dead_letters:DeadLetterTriage._refuse_request#acce9f if 1": DEAD_REQUEST_REASON,
    "reconcile.dead_letters:DeadLetterTriage._try_to_annotate#c177ab if 2": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._end_or_resend#dfe697 if 1": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._end_or_resend#dfe697 if 2": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._end_or_resend#dfe697 if 3": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._try_to_handle#e55460 if 1": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._try_to_handle#e55460 if 2": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._try_to_handle#e55460 if 3": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._try_to_forward#1f68e7 if 1": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._report_photos#a7cb64 if 1": DEAD_LETTER_REASON,
    "reconcile.dead_letters:DeadLetterTriage._report_photos#a7cb64 if 2": DEAD_REQUEST_REASON,
    "reconcile.dead_letters:DeadLetterTriage._partition#43d230 if 2": (
        "No seed has more dead letters than fit in one batch: tests/simulated/reconcile/test_dead_letters.py does."
    ),
    "pipeline.recovery:Recovery._sleep_or_return#78b327 if 2": (
        "With the template's timeouts, a call that may start leaves time for every later wait; other timeouts may not."
    ),
    "pipeline.recovery:Recovery.recover_expired_lease#80ede2 if 5": (
        "A second answer changes nothing, and the fifth worker that takes over a call counts it as lost."
    ),
    "pipeline.crash_guard:_retry_write#f1ae84 if 1": (
        "No scene has a ledger outage just as a worker times out: tests/simulated/render/test_crash_counts.py does."
    ),
    "pipeline.failover:Failover.fail_over#b129d3 if 1": FAILOVER_REASON,
    "pipeline.failover:Failover.fail_over_if_blocked#243fc5 if 1": FAILOVER_REASON,
    "intake.dispatch:Dispatcher._fail_over_or_refuse#702b6f if 1": (
        "No seed disables a provider: tests/simulated/intake/test_providers.py does."
    ),
    "intake.dispatch:Dispatcher.dispatch#6e62e2 if 2": (
        "No seed disables a provider: tests/simulated/intake/test_providers.py does."
    ),
    "intake.dispatch:Dispatcher.dispatch#6e62e2 if 3": (
        "For speed: reconcile sends deliver what it was not notified of, some minutes later."
    ),
    "reconcile.open_jobs:OpenJobs.find_job#a12544 if 1": (
        "For speed: a job that was not read with the others is read by itself."
    ),
    "operate.redrive:RedriveService._write_transition#ac4cbb if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService._join_or_take_over#518d61 if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService._is_result_available#73388b if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService._is_result_available#73388b if 2": REDRIVE_REASON,
    "operate.redrive:RedriveService.list_failures#7a3989 if 1": (
        "For the type checker: every entry of the index has a photo."
    ),
    "operate.redrive:RedriveService.list_unknown_jobs#ae7a4e if 1": LOST_ANSWER_REASON,
    "operate.redrive:RedriveService.plan#dd5e81 if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService.plan#dd5e81 if 2": REDRIVE_REASON,
    "operate.redrive:RedriveService.plan#dd5e81 if 3": REDRIVE_REASON,
    "operate.redrive:RedriveService.plan#dd5e81 if 4": REDRIVE_REASON,
    "operate.redrive:RedriveService.plan#dd5e81 if 5": REDRIVE_REASON,
    "operate.redrive:RedriveService._with_current_mandate#2d5863 if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService._list_mask_restarts#8417e7 if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService.redrive#eaf658 if 1": REDRIVE_REASON,
    "operate.redrive:RedriveService._check_photo#908a7d if 1": (
        "Seeds rarely redrive an unreadable photo whose defaults changed: tests/simulated/intake/test_unreadable.py "
        "has such a photo."
    ),
    "operate.redrive:RedriveService.redrive#eaf658 if 2": REDRIVE_REASON,
    "operate.redrive:RedriveService.redrive#eaf658 if 3": (
        "For speed: reconcile's next run sends what a redrive did not send, because it is overdue."
    ),
    "operate.redrive:FailureFilter.matches#0eb3d4 return 1": FAILURE_FILTER_REASON,
    "operate.redrive:FailureFilter.matches_unknown_job#f5384c return 1": LOST_ANSWER_REASON,
    "operate.redrive:_build_failures#cb5387 if 1": FAILURE_FILTER_REASON,
    "deliver.paid_files:PaidFiles._fetch#efaf0d if 1": MISSING_LINK_REASON,
    "deliver.paid_files:PaidFiles._fetch#efaf0d if 3": UNREACHABLE_LINK_REASON,
    "deliver.paid_files:PaidFiles._wait_or_end#ada6a4 if 1": UNREACHABLE_LINK_REASON,
    "deliver.paid_files:PaidFiles._may_wait#3e55ed if 1": UNREACHABLE_LINK_REASON,
    "deliver.paid_files:PaidFiles.keep_others#fd3b9d if 1": UNREACHABLE_LINK_REASON,
    "deliver.service:DeliverService._deliver_pictures#7db6f8 if 6": UNREACHABLE_LINK_REASON,
    "deliver.paid_files:PaidFiles._read_unlinked_result#a5ae43 if 1": MISSING_LINK_REASON,
    "deliver.paid_files:PaidFiles._read_unlinked_result#a5ae43 if 2": MISSING_LINK_REASON,
    "deliver.paid_files:PaidFiles._build_unrecognized_error#e24eee if 1": (
        "It affects only the text of a problem: tests/simulated/deliver/test_pictures.py reads it."
    ),
    "deliver.paid_files:PaidFiles.load#497602 if 1": (
        "No seed has an owner that loses its paid file before a copy has it: tests/simulated/deliver/test_reuse.py "
        "does."
    ),
    "deliver.paid_files:PaidFiles.load#497602 if 4": PAID_FILES_REASON,
    "deliver.paid_files:PaidFiles.load#497602 if 5": PAID_FILES_REASON,
    "deliver.paid_files:PaidFiles.load#497602 if 3": PAID_FILES_REASON,
    "deliver.paid_files:detect_format#cb5555 if 1": (
        "For the type checker: a picture that was verified or made here has a format."
    ),
    "pipeline.places": PLACES_REASON,
    "pipeline.purchase:Purchases.claim_and_send#9162ea if 2": PLACES_REASON,
    "aws.ledger:Ledger._put_items#623292 if 2": PLACES_REASON,
    "render.service:RenderService._admit#05e51a if 1": PLACES_REASON,
    "render.service:RenderService._fail_over_or_refuse": PLACES_REASON,
    "render.service:RenderService._recover#474598 if 4": PLACES_REASON,
    "render.service:RenderService._render_accepted#f1cbda if 7": PLACES_REASON,
    "pipeline.purchase:Purchases._judge#fb53b4 if 1": SUSPICION_REASON,
    "pipeline.purchase:Purchases._judge#fb53b4 if 2": SUSPICION_REASON,
    "pipeline.purchase:Purchases._reload_job#69bb96 return 1": ("For the type checker: a job is never deleted."),
    "pipeline.purchase:Purchases.park.build_transition#ad2ce5 if 1": (
        "For speed: without it, the next worker waits for the lease, or this one for its own timeout."
    ),
    "pipeline.purchase:Purchases._write_result#02b38c if 1": (
        "No scene has such a long outage of ledger and bucket: tests/simulated/render/test_ledger_outage.py does."
    ),
    "pipeline.purchase:Purchases.send_claimed#6b5868 if 2": ("For the type checker: only a result has a verdict."),
    "pipeline.purchase:Purchases.detach_raw_response#f2d6f1 if 1": (
        "It affects only a file for operators: tests/simulated/deliver/test_pictures.py tests that it is kept."
    ),
    "pipeline.purchase:Purchases._advance_with_retries#f7bb0a if 2": ("It affects only the text about the wait."),
    "intake.photo_intake:PhotoIntake._dispatch#92e85b if 1": (
        "It affects only how soon copies continue: tests/simulated/intake/test_content_waits.py measures that."
    ),
    "intake.photo_intake:PhotoIntake._list_kept_problems#00aed8 if 1": REFUSED_REQUEST_REASON,
    "intake.photo_intake:PhotoIntake._list_kept_problems#00aed8 if 2": REFUSED_REQUEST_REASON,
    "intake.photo_intake:PhotoIntake._save_source#8e9e56 if 1": (
        "No seed deletes a message early and then kills its worker: tests/simulated/intake/test_crashes.py does."
    ),
    "intake.photo_intake:PhotoIntake._reopen#314031 if 2": (
        "Only a delivery that crashed just when its photo's instructions were removed gets here again: "
        "tests/simulated/intake/test_crashes.py."
    ),
    "intake.photo_intake:PhotoIntake._resolve#8564e3 if 1": (
        "For speed: the sweep finds folder defaults whose event was lost."
    ),
    "intake.photo_intake:PhotoIntake._add_sidecar_suggestion#0ad920 if 1": ("It affects only the text of a report."),
    "intake.photo_state:PhotoState._classify_event#83cdd3 if 2": (
        "No invariant says what a rerun must change: tests/simulated/intake/test_rerun.py does."
    ),
    "intake.photo_state:PhotoState.snapshot#745211 if 1": (
        "For the type checker: only a photo that exists is compared."
    ),
    "intake.photo_state:PhotoState._recorded_source#01f539 return 1": (
        "It chooses between two values and guards nothing: an unknown photo has a new source."
    ),
    "intake.decide:BEFORE_RESOLVING#e8d904 row 1": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 2": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 3": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 4": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 5": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 7": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 8": REFERENCES_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 9": DECISION_ROW_REASON,
    "intake.decide:BEFORE_RESOLVING#e8d904 row 16": LAST_ROW_REASON,
    "intake.decide:AFTER_RESOLVING#7c2432 row 4": DECISION_ROW_REASON,
    "intake.decide:AFTER_RESOLVING#7c2432 row 5": DECISION_ROW_REASON,
    "intake.decide:AFTER_RESOLVING#7c2432 row 6": DECISION_ROW_REASON,
    "intake.decide:AFTER_RESOLVING#7c2432 row 7": LAST_ROW_REASON,
    "intake.photo_state:classify_history#555f33 if 2": PHOTO_STATE_REASON,
    "intake.photo_state:compare_photo#02bc2f if 1": PHOTO_STATE_REASON,
    "deliver.pictures:Pictures._redeliver_newer_job#171e63 if 1": PICTURE_RACE_REASON,
    "deliver.original_photos:OriginalPhotos.find#fbabfa if 1": SIZE_REASON,
    "deliver.pictures:Pictures._write_outputs#98984d if 2": (
        "No seed has a picture that an encoder fails on: tests/simulated/deliver/test_not_made.py does."
    ),
    "deliver.original_photos:OriginalPhotos.load#0de9ae if 1": SIZE_REASON,
    "deliver.pictures:Pictures._finish_file": SIGNING_REASON,
    "deliver.pictures:Pictures._embed_metadata": SIGNING_REASON,
    "deliver.manifest": SIGNING_REASON,
    "deliver.signed_files": SIGNING_REASON,
    "deliver.pictures:Pictures._write_picture#1716fd if 4": PICTURE_RACE_REASON,
    "deliver.pictures:Pictures._write_picture#1716fd if 7": NAMES_REASON,
    "deliver.pictures:Pictures._write_picture#1716fd if 2": NAMES_REASON,
    "deliver.pictures:Pictures._write_picture#1716fd if 8": PICTURE_RACE_REASON,
    "deliver.pictures:Pictures._redeliver_name_holder": NAMES_REASON,
    "deliver.own_pixels": "No invariant covers a picture's pixels: tests/simulated/deliver/test_own_pixels.py does.",
    "intake.job_planner:JobPlanner._warn_without_mask": RECEIPT_WARNING_REASON,
    "deliver.opened_brand_images": BRAND_IMAGE_REASON,
    "pipeline.brand_image_reader": BRAND_IMAGE_REASON,
    "pipeline.isolation": (
        "The simulated world opens photos in its own process. tests/processes/test_isolation.py covers the other one."
    ),
    "deliver.pictures:_is_first_delivery#186936 return 1": (
        "For speed: a conditional write fails if another object is there, and its retry reads the object first."
    ),
    "deliver.pictures:_build_output_warnings#3b1c87 if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_output_warnings#3b1c87 if 2": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_output_warnings#3b1c87 if 3": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_enlarged_warnings#273ce5 if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_enlarged_warnings#273ce5 if 2": OWN_PIXELS_REASON,
    "deliver.pictures:_build_same_outputs_warnings#0e9f20 if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_certificate_warnings#8f049e if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_stray_warnings#5adc0f if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_size_warnings#51330d if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_find_photo_size": FRAME_REASON,
    "deliver.pictures:_build_frame_warnings": FRAME_REASON,
    "deliver.pictures:_build_job_warnings#01c219 if 1": RECEIPT_WARNING_REASON,
    "deliver.pictures:_build_job_warnings#01c219 if 2": RECEIPT_WARNING_REASON,
    "reconcile.due:Redispatcher._resolve_lost_answer#f49897 if 1": (
        "If it is negated, a job without a call raises an exception, which kills nothing. If it is always true, render "
        "finds the answers: tests/simulated/reconcile/test_lost_messages.py tests that reconcile finds them."
    ),
    "reconcile.due:Redispatcher._resolve_lost_answer#f49897 if 2": DISABLED_PROVIDER_RESEND_REASON,
    "reconcile.due:Redispatcher._resolve_lost_answer#f49897 if 3": (
        "It affects only which worker ends the lease of a call without an ID: "
        "tests/simulated/reconcile/test_lost_messages.py tests that a worker of its lane does."
    ),
    "reconcile.due:Redispatcher._resolve_lost_answer#f49897 if 4": (
        "Render finds the answer as well: "
        "tests/simulated/reconcile/test_lost_messages.py tests that reconcile finds it without a slot."
    ),
    "reconcile.due:Redispatcher._hold#9d4fcb if 1": DISABLED_PROVIDER_RESEND_REASON,
    "reconcile.due:Redispatcher._resolve_lost_answer#f49897 if 5": ("For the type checker: a job is never deleted."),
    "reconcile.due:Redispatcher._look_up_call#941434 if 1": ORPHAN_REASON,
    "reconcile.due:Redispatcher._look_up_call#941434 if 2": ORPHAN_REASON,
    "reconcile.due:Redispatcher._look_up_call#941434 if 3": ORPHAN_REASON,
    "reconcile.due:Redispatcher._send#1893f6 if 2": DISABLED_PROVIDER_RESEND_REASON,
    "reconcile.due:Redispatcher._resend_settle_check#5dd008 if 1": (
        "No scene loses a photo's reminder: tests/simulated/reconcile/test_lost_messages.py does."
    ),
    "reconcile.due:Redispatcher._resolve_abandoned_calls#ab1203 if 1": ORPHAN_REASON,
    "reconcile.due:Redispatcher.resend#bb789e if 1": (
        "No scene loses a photo's reminder: tests/simulated/reconcile/test_lost_messages.py does."
    ),
    "reconcile.service:ReconcileService._check_delivery_backlogs": (
        "No seed has so many paid pictures that wait for ten minutes: tests/simulated/reconcile/test_runs.py does."
    ),
    "reconcile.service:ReconcileService._has_undelivered": UNDELIVERED_REASON,
    "reconcile.service:ReconcileService._wake_mandate_waiters#894d67 if 1": (
        "No seed has mandates for which waking takes minutes: tests/simulated/reconcile/test_mandate_waiters.py does."
    ),
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 1": PAUSED_LANE_REASON,
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 2": DISABLED_PROVIDER_RUN_REASON,
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 3": PAUSED_LANE_REASON,
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 4": PAUSED_LANE_REASON,
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 5": (
        "It affects only when jobs of a paused lane end or move: tests/simulated/operate/test_cancel.py cancels one "
        "whose command crashes, and tests/simulated/render/test_failover.py moves others."
    ),
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 6": FAILOVER_REASON,
    "reconcile.service:ReconcileService._review_waiting_jobs.review_job#1d7b9b if 7": (
        "The documents of the job are written a little later without it, and a seed rarely cancels a retry in a paused "
        "lane: tests/simulated/deliver/test_retry.py does."
    ),
    "reconcile.service:ReconcileService._apply_cancel_marks#b408c5 if 1": PAUSED_LANE_REASON,
    "reconcile.service:ReconcileService._list_open_items#479971 if 1": (
        "No seed has thousands of open jobs: tests/simulated/requests/test_stopped_executions.py limits a run to fewer."
    ),
    "reconcile.service:ReconcileService._was_recently_resent#88d408 return 1": DISABLED_PROVIDER_RUN_REASON,
    "intake.references": REFERENCES_REASON,
    "render.service:RenderService._render_accepted#f1cbda if 5": (
        "For speed: a worker that continues finds the job changed and returns its message."
    ),
    "render.service:RenderService._render_accepted#f1cbda if 6": FAILOVER_REASON,
    "render.service:RenderService._buy#a016c0 if 2": (
        "For the type checker: if it is negated, the first call raises an exception, which kills nothing."
    ),
    "render.service:RenderService._buy#a016c0 if 3": FAILOVER_REASON,
    "render.service:RenderService._call_with_retries#1a082b if 3": (
        "No simulated provider abandons work that may be bought again; "
        "tests/simulated/render/test_abandoned_work.py does."
    ),
    "render.service:RenderService._record_problem#52bfdc if 1": (
        "It limits how often a waiting photo is reported again; its lane reports a provider that fails for all."
    ),
    "render.service:RenderService._release_probe#59255f if 1": (
        "For speed: the lane records whose probe it is, so that no worker ends another one's probe."
    ),
    "render.service:RenderService._fail_or_hold#d14128 if 1": (
        "No seed archives a photo while its answer is lost: tests/simulated/intake/test_unreadable.py does."
    ),
    "render.service:RenderService._choose_in_slot_delay#f3e48d if 1": (
        "No simulated provider abandons work that may be bought again; "
        "tests/simulated/render/test_abandoned_work.py does."
    ),
    "render.service:RenderService._choose_in_slot_delay#f3e48d if 3": (
        "For speed, which bench/recovery.py measures: it decides where a job waits, not for how long."
    ),
    "render.service:RenderService._count_throttled#377226 if 1": (
        "It affects only the throttled_seconds of a receipt."
    ),
    "render.service:RenderService._wait_or_fail_over#5e9b27 if 2": (
        "Purchases checks the same before it claims; this only saves a wait that leads nowhere."
    ),
    "render.service:RenderService._wait_or_fail_over#5e9b27 if 3": FAILOVER_REASON,
    "render.service:RenderService._handle_missing_photo#d0174a if 1": (
        "For speed: reconcile holds the job as well, when its lease has ended."
    ),
    "render.service:RenderService.render#022773 if 7": (
        "For speed: a copy that deliver has already served is delivered once more."
    ),
    "operate.rerun:RerunService.preview#cce4c2 if 1": RERUN_PREVIEW_REASON,
    "operate.rerun:RerunService.preview#cce4c2 if 2": (
        "Nothing is bought because of it: tests/simulated/cli/test_drop.py tests this preview."
    ),
    "operate.rerun:RerunService.preview#cce4c2 if 3": RERUN_PREVIEW_REASON,
    "operate.rerun:RerunService.preview#cce4c2 if 4": RERUN_PREVIEW_REASON,
    "operate.rerun:RerunService.list_photo_keys#6b4e21 if 1": RERUN_PREVIEW_REASON,
    "pipeline.reuse:reuse_or_wait#b63ba0 while 1": (
        "Only a job that waits for another gets here. One that no longer waits has been served or changed."
    ),
    "intake.photo_reader:PhotoReader.read#58f02e if 2": (
        "No seed has a key that is too long: tests/simulated/intake/test_keys.py does."
    ),
    "intake.job_planner:JobPlanner._has_own_mask#e5fe2b if 2": LINT_PREVIEW_REASON,
    "intake.photo_reader:PhotoReader.read_without_bytes#0ecb71 if 1": LINT_PREVIEW_REASON,
    "intake.photo_reader:PhotoReader.read_without_bytes#0ecb71 if 2": LINT_PREVIEW_REASON,
    "intake.photo_status:list_kept_refusals#e89024 if 1": REFUSED_REQUEST_REASON,
    "intake.batch_prefetch:BatchPrefetch.is_new#5f6e64 if 1": (
        "For speed: a photo that is not read with its batch is read by itself."
    ),
    "reconcile.sweep:_find_next_start#e97a9c if 1": (
        "No seed has thousands of photos: tests/simulated/reconcile/test_sweep.py does."
    ),
    "pipeline.unreadable_files:report_unreadable#6241be if 1": UNREADABLE_PHOTO_REASON,
    "pipeline.unreadable_files:report_unreadable#6241be if 2": UNREADABLE_PHOTO_REASON,
    "pipeline.approvals:Approvals._write#8c03c8 if 1": (
        "One seed in 10,000 kills a command at this moment: tests/simulated/deliver/test_approval.py does."
    ),
    "pipeline.documents:DocumentWriter._matches_ledger#de416e return 1": (
        "Few seeds have this race: tests/simulated/deliver/test_documents.py lets a delivery write when the ledger has "
        "returned to an earlier state."
    ),
    "intake.framed_photos": FRAME_REASON,
    "intake.instruction_resolver:InstructionResolver.has_changed_canvas": FRAME_REASON,
    "intake.job_planner:JobPlanner._plan_job#e64c0b if 2": FRAME_REASON,
    "intake.job_planner:JobPlanner._add_canvas": FRAME_REASON,
    "render.call_inputs:_find_input_name": FRAME_REASON,
    "intake.job_planner:JobPlanner._build_purchase_spec#0c9540 if 1": REFERENCES_REASON,
    "intake.job_planner:_find_priced_provider#2cf8e4 if 1": (
        "No seed asks for something that no provider supports: "
        "tests/simulated/intake/test_every_problem_at_once.py does."
    ),
    "reconcile.bill_reconciliation": BILL_REASON,
    "aws.ledger:Ledger.scan_jobs_of_days": BILL_REASON,
    "model.transitions.payment:settle": BILL_REASON,
    "model.transitions.payment:reopen_settlement": BILL_REASON,
    "model.transitions.payment:_change_settled_money": BILL_REASON,
    "model.transitions.payment:_keeps_settled_charge": BILL_REASON,
    "model.transitions.payment:_explain_settlements": BILL_REASON,
    "model.transitions.payment:withdraw_count": BILL_REASON,
    "model.transitions.payment:confirm_settlement": BILL_REASON,
    "model.transitions.payment:_release_reservation#e482eb if 2": BILL_REASON,
    "model.transitions.payment:_continue_after_settlement": BILL_REASON,
    "pipeline.recovery:Recovery.can_retry_purchase#74fcad if 2": BILL_REASON,
    "pipeline.recovery:Recovery.can_retry_purchase#74fcad if 3": ASK_THE_BILL_REASON,
    "model.transitions.payment:can_wait_for_bill": ASK_THE_BILL_REASON,
    "model.transitions.payment:wait_for_bill": ASK_THE_BILL_REASON,
    "pipeline.recovery:Recovery._can_wait_for_bill": ASK_THE_BILL_REASON,
    "pipeline.recovery:Recovery.resolve_unknown#768e13 if 5": ASK_THE_BILL_REASON,
    "reconcile.due:Redispatcher._resend_job#1e404c if 1": ASK_THE_BILL_REASON,
    "render.service:RenderService._call_with_retries#1a082b if 4": ASK_THE_BILL_REASON,
    "render.service:RenderService._enqueue_delivery#c69516 if 1": ASK_THE_BILL_REASON,
    "render.service:RenderService.render#022773 if 5": ASK_THE_BILL_REASON,
}
