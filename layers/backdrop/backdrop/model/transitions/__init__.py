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
be written together or not at all. Where a transition does not apply, it raises StaleError: the caller looks again.
"""

from backdrop.model.transitions.again import (
    accept,
    beside,
    deliver_again,
    describe,
    follow,
    move,
    name_again,
    owner_of,
    pay_again,
    reopen,
    reuse,
    run_again,
    take_over,
)
from backdrop.model.transitions.ends import (
    begin,
    call_off,
    cancel,
    fail,
    leave,
    mark_told,
    note,
    put_back,
    set_aside,
    store,
    supersede,
    throttled,
)
from backdrop.model.transitions.payment import (
    KEPT_NOT_TAKEN,
    USEFUL,
    acknowledge,
    claim,
    hold,
    lose,
    park,
    record,
    renew,
    send_again,
)
from backdrop.model.transitions.transition import Booking, Step

__all__ = [
    "KEPT_NOT_TAKEN",
    "USEFUL",
    "Booking",
    "Step",
    "accept",
    "acknowledge",
    "begin",
    "beside",
    "call_off",
    "cancel",
    "claim",
    "deliver_again",
    "describe",
    "fail",
    "follow",
    "hold",
    "leave",
    "lose",
    "mark_told",
    "move",
    "name_again",
    "note",
    "owner_of",
    "park",
    "pay_again",
    "put_back",
    "record",
    "renew",
    "reopen",
    "reuse",
    "run_again",
    "send_again",
    "set_aside",
    "store",
    "supersede",
    "take_over",
    "throttled",
]
