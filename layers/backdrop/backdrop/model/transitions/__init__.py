"""The state machine of money: every transition of a job, pure and in one place.

    accepted ─▶ submitting ─▶ paid ─▶ stored
       ▲            │ │         └────▶ dead (money: spent)
       │            │ └─▶ unknown ─▶ submitting | paid | accepted | refused | dead | held
       └────────────┘  provably not taken; written before any wait
    submitting ─▶ submitting      an acknowledged call that outlives its invocation
    accepted ─▶ paid              reuse, for nothing
    accepted ─▶ accepted          in another provider's lane, where the job names it and its own lets nobody through
    accepted ─▶ superseded | cancelled | refused | dead      submitting ─▶ refused | dead
    superseded, cancelled, refused, dead (not spent) ─▶ accepted       stored ─▶ paid (named again, other outputs)
    dead (spent) ─▶ paid          by redrive, for nothing
    dead (spent), held ─▶ accepted     by a person who says pay again

A transition returns a `Step`: the item as it shall be, what the day's budget books with it, and whose content it is, to
be written together or not at all. Where a transition does not apply, it raises ConflictError: the caller looks again.
"""

from backdrop.model.transitions.again import (
    accept,
    build_content_owner,
    change_provider,
    join_existing,
    pay_again,
    reinstate,
    reopen,
    restart,
    retry_delivery,
    reuse,
    take_over,
    update_instructions,
    wait_for_owner,
)
from backdrop.model.transitions.ends import (
    add_throttled_time,
    apply_cancel_marks,
    begin_processing,
    cancel,
    end_processing,
    fail,
    mark_announced,
    mark_not_current,
    mark_resent,
    record_wait_reason,
    store,
    supersede,
)
from backdrop.model.transitions.payment import (
    LATE_RESULT_STATUSES,
    MAX_NOT_TAKEN_ATTEMPTS,
    acknowledge,
    claim,
    expire_lease,
    hold,
    park,
    record_result,
    renew_lease,
    resend_call,
)
from backdrop.model.transitions.transition import BudgetChange, Transition

__all__ = [
    "MAX_NOT_TAKEN_ATTEMPTS",
    "LATE_RESULT_STATUSES",
    "BudgetChange",
    "Transition",
    "accept",
    "acknowledge",
    "begin_processing",
    "join_existing",
    "apply_cancel_marks",
    "cancel",
    "claim",
    "retry_delivery",
    "update_instructions",
    "fail",
    "wait_for_owner",
    "hold",
    "end_processing",
    "expire_lease",
    "mark_announced",
    "change_provider",
    "reinstate",
    "record_wait_reason",
    "build_content_owner",
    "park",
    "pay_again",
    "mark_resent",
    "record_result",
    "renew_lease",
    "reopen",
    "reuse",
    "restart",
    "resend_call",
    "mark_not_current",
    "store",
    "supersede",
    "take_over",
    "add_throttled_time",
]
