"""The failures that a run's own faults explain. Any other failure comes from a fault that should have passed."""

from collections.abc import Mapping
from datetime import timedelta

from simulation.invariants.mandates import MANDATE_CODES
from simulation.world.simulated_provider import LOOKUP_RETENTION, ProviderKind
from simulation.world.simulated_stack import World

WORKER_KILLS = ("killed_before", "killed_after", "killed_in_paid_call", "killed_render", "killed_reconcile")
CRASH_FAULTS = (*WORKER_KILLS, "out_of_time", "poisoned_photo")
HANG_UP_FAULTS = ("charge_and_hang_up", "hang_up", "lingering_call", "slow_call", "provider_outage", "rejected_resend")
LOOKUP_FAULTS = ("stalled_look_up", "forgetful_look_up", "slow_service", "slow_table", "message_gone_in_doubt")
LEDGER_FAULTS = ("table_gone", "table_gone_for_long", "access_to_table_denied", "throttled_table")
LOST_ANSWER_FAULTS = (*CRASH_FAULTS, *HANG_UP_FAULTS, *LOOKUP_FAULTS, *LEDGER_FAULTS)
USELESS_LINK_CODES = ("result_foreign_host", "result_redirected", "result_gone", "result_not_an_image")
FAULTS_BY_CODE: Mapping[str, tuple[str, ...]] = {
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
    "unsafe_result": ("withheld_picture", "useless_results"),
    "result_unrecognized": ("unrecognized_result", "useless_results"),
    **dict.fromkeys(USELESS_LINK_CODES, ("useless_results",)),
    "provider_failed": ("failed_at_unknown_cost",),
    # A worker whose clock was set back starts a call that it has no time for.
    "charge_unknown": (*LOST_ANSWER_FAULTS, "clock_jump_of_an_hour"),
    # A wrong clock recorded the purchase an hour too early while the host was down, so the link counts as expired.
    "link_expired": ("clock_jump_of_an_hour", "useless_results"),
}
# The uploader fixes what is refused, an operator fixes what is dead, and an operator decides about a held charge.
STATUS_BY_CODE: Mapping[str, str] = {
    "unsafe_request": "refused",
    "request_rejected": "dead",
    "unsafe_result": "dead",
    "result_unrecognized": "dead",
    **dict.fromkeys(USELESS_LINK_CODES, "dead"),
    "provider_failed": "dead",
    "crashed": "dead",
    "charge_unknown": "held",
    **dict.fromkeys(MANDATE_CODES, "refused"),
}
MAX_CRASHES = 5


def list_possible_codes(world: World, strike_counts: Mapping[str, int]) -> set[str]:
    """Returns the codes with which a current job may have failed in this run."""
    codes = {code for code, faults in FAULTS_BY_CODE.items() if any(strike_counts.get(name) for name in faults)}
    if strike_counts.get("stuck_work") and (world.setup.v1_again_after_seconds or _asks_too_late(world)):
        # v1 does not report on work that outlives its call, and other providers forget it after a while.
        codes.add("charge_unknown")
    return codes | {"crashed"} if may_have_given_up(world) else codes


def _asks_too_late(world: World) -> bool:
    """Whether reconcile, which only simulations of days slow down, resumes a lane after its work is forgotten."""
    interval = timedelta(seconds=world.reconcile_schedule.interval_seconds)
    return interval >= LOOKUP_RETENTION[ProviderKind.LOOKUP_BY_PROVIDER_ID]


def may_have_given_up(world: World) -> bool:
    """Whether enough workers crashed for a photo to be abandoned."""
    return world.lambda_service.crash_count >= MAX_CRASHES
