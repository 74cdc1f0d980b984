"""Which bad ends a run's own faults explain; any other is a fault that should have passed."""

from collections.abc import Mapping

from proof.world.functions import Ending
from proof.world.stack import World

KILLED = ("killed_before", "killed_after", "killed_in_paid_call", "killed_render", "killed_reconcile")
KILLS = (*KILLED, "out_of_time", "poisoned_photo")
HANG_UPS = ("charge_and_hang_up", "hang_up", "lingering_call", "slow_call", "provider_outage", "rejected_resend")
SILENCES = ("stalled_look_up", "forgetful_look_up", "slow_service", "slow_table", "message_gone_in_doubt")
NO_LEDGER = ("table_gone", "table_gone_for_long", "access_to_table_denied", "throttled_table")
LOSSES = (*KILLS, *HANG_UPS, *SILENCES, *NO_LEDGER)
CAUSES: Mapping[str, tuple[str, ...]] = {
    "unsafe_request": ("refused_request",),
    "request_rejected": (
        "rejected_request",
        "rejected_resend",
        "failed_work",
        "refused_without_reason",
        "empty_account_without_reason",
        "failing_photo",
        "unbilled_failure",
    ),
    "unsafe_result": ("withheld_picture",),
    "result_unrecognized": ("unrecognized_result",),
    "provider_failed": ("failed_at_unknown_cost",),
    # A worker whose clock was set back begins a call for which it has no time.
    "charge_unknown": (*LOSSES, "clock_jump_of_an_hour"),
    # Paid an hour ago by a wrong clock, and the host is down: the link must be dead.
    "link_expired": ("clock_jump_of_an_hour",),
}
# The uploader mends the first, an operator the others, and about money a person decides.
ENDS_OF: Mapping[str, str] = {
    "unsafe_request": "refused",
    "request_rejected": "dead",
    "unsafe_result": "dead",
    "result_unrecognized": "dead",
    "provider_failed": "dead",
    "crashed": "dead",
    "charge_unknown": "held",
}
DEATHS_OF_A_CRASHED_JOB = 5


def possible_codes(world: World, fired: Mapping[str, int]) -> set[str]:
    """The codes with which a named job may have ended in this run."""
    codes = {code for code, faults in CAUSES.items() if any(fired.get(name) for name in faults)}
    return codes | {"crashed"} if crashed_five_times(world) else codes


def crashed_five_times(world: World) -> bool:
    """Whether so many workers died that one photo may have been given up."""
    deaths = sum(one.ending in (Ending.KILLED, Ending.OUT_OF_TIME) for one in world.functions.invocations)
    return deaths >= DEATHS_OF_A_CRASHED_JOB
