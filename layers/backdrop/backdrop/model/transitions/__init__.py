"""The state machine of money: every transition of a job, pure and in one place.

    accepted ─▶ submitting ─▶ paid ─▶ stored
       ▲            │ │         ├────▶ dead (money: spent)
       │            │ │         └─▶ review ─▶ paid (approved) | rejected | superseded (money: spent)
       │            │ └─▶ unknown ─▶ submitting | paid | accepted | refused | dead | held
       └────────────┘  provably not accepted; written before any wait
    submitting ─▶ submitting      an acknowledged call that outlives its invocation
    accepted ─▶ paid              by reuse, without a charge
    accepted ─▶ accepted          in the lane of another provider that the job names, because its own is blocked; or
                                  under another mandate, because it owns the photo's folder now
    accepted ─▶ superseded | cancelled | refused | dead      submitting ─▶ refused | dead
    superseded, cancelled, refused, dead (not spent) ─▶ accepted       stored ─▶ paid (named again, other outputs)
    paid ─▶ accepted              a retry: the product in every picture differs
    accepted, submitting, unknown ─▶ paid     a retry that ends without a picture: an earlier attempt is delivered
    superseded in review ─▶ paid (named again)     review, rejected ─▶ paid (people would see another picture)
    dead (spent) ─▶ paid          by redrive, without a charge
    dead (spent), held ─▶ accepted     by an operator, with `--pay-again`

Each function returns a `Transition`: the job's new state, the change to the day's budget, and the owner of the content.
They are written in one transaction. A transition that does not apply raises ConflictError, and the caller reads the job
again.
"""

from backdrop.model.transitions.approval import await_approval, decide, describe_decision, reject
from backdrop.model.transitions.lifecycle import (
    BudgetChange,
    ClaimLimits,
    Transition,
    accept,
    add_throttled_time,
    apply_cancel_marks,
    begin_processing,
    build_content_owner,
    cancel,
    change_provider,
    choose_attempt,
    end_processing,
    fail,
    join_existing,
    mark_announced,
    mark_not_current,
    mark_resent,
    pay_again,
    record_image_step,
    record_wait_reason,
    reinstate,
    reopen,
    restart,
    retry_delivery,
    retry_picture,
    return_to_lane,
    reuse,
    set_mandate,
    store,
    supersede,
    take_over,
    update_instructions,
    wait_for_owner,
    with_mandate,
)
from backdrop.model.transitions.payment import (
    LATE_RESULT_STATUSES,
    MAX_NOT_TAKEN_ATTEMPTS,
    acknowledge,
    can_wait_for_bill,
    claim,
    confirm_settlement,
    expire_lease,
    hold,
    park,
    record_result,
    renew_lease,
    reopen_settlement,
    resend_call,
    settle,
    wait_for_bill,
    withdraw_count,
)

__all__ = [
    "LATE_RESULT_STATUSES",
    "MAX_NOT_TAKEN_ATTEMPTS",
    "BudgetChange",
    "ClaimLimits",
    "Transition",
    "accept",
    "acknowledge",
    "add_throttled_time",
    "apply_cancel_marks",
    "await_approval",
    "begin_processing",
    "build_content_owner",
    "cancel",
    "change_provider",
    "choose_attempt",
    "claim",
    "confirm_settlement",
    "decide",
    "describe_decision",
    "end_processing",
    "expire_lease",
    "fail",
    "can_wait_for_bill",
    "hold",
    "join_existing",
    "mark_announced",
    "mark_not_current",
    "mark_resent",
    "park",
    "pay_again",
    "record_image_step",
    "record_result",
    "record_wait_reason",
    "reinstate",
    "reject",
    "renew_lease",
    "reopen",
    "reopen_settlement",
    "resend_call",
    "restart",
    "retry_delivery",
    "retry_picture",
    "return_to_lane",
    "reuse",
    "set_mandate",
    "settle",
    "store",
    "supersede",
    "take_over",
    "update_instructions",
    "wait_for_owner",
    "with_mandate",
    "wait_for_bill",
    "withdraw_count",
]
