"""Faults in which what is bought cannot be delivered for a while, and the burst of photos that arrives meanwhile."""

from collections.abc import Callable, Iterator
from random import Random

from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ResultError, RetryLaterError
from simulation.scenarios.planned_action import PlannedAction
from simulation.world.fault_profile.fault_types import FaultWindow, InstalledFaults, register_fault
from simulation.world.simulated_provider import CallBehavior
from simulation.world.transport import ServiceCall, build_client_error
from simulation.world.world_inspector import OUTPUT_BUCKET

DELIVERY_FAULTS = ("output_refuses_writes", "useless_results")
# Long enough for the whole burst to be bought, and for probes that are charged.
MIN_SECONDS, MAX_SECONDS = 900.0, 2400.0
# It begins with one of the first calls, before most of the burst is bought.
MAX_FIRST_CALL = 12
BURST_PHOTOS, BURST_START_SECONDS, BURST_SECONDS = 30, 120.0, 60.0
FOLDER = "many/"
PAID_FOLDER, RESERVED_FOLDER = "_backdrop/paid/", "_backdrop/"
REFUSALS = (("AccessDenied", 403), ("KMS.DisabledException", 400), ("SlowDown", 503))
# No sample asks for more pictures.
ALL_PICTURES = 3
USELESS_RESULTS: tuple[CallBehavior | Callable[[], BackdropError], ...] = (
    CallBehavior(unsafe_count=ALL_PICTURES),
    CallBehavior(unrecognized_count=ALL_PICTURES),
    lambda: ResultError(Code.RESULT_FOREIGN_HOST, "the link leads to another host"),
    lambda: ResultError(Code.RESULT_REDIRECTED, "HTTP 302, a redirect"),
    lambda: ResultError(Code.RESULT_GONE, "HTTP 404"),
    lambda: ResultError(Code.RESULT_NOT_AN_IMAGE, "a page for browsers"),
    lambda: RetryLaterError(Code.RESULT_UNREACHABLE, "the host does not answer", 5),
)


@register_fault(is_drawn_apart=True)
def output_refuses_writes(faults: InstalledFaults) -> None:
    """The output bucket refuses the providers' files, the pictures, or both."""
    random, window = faults.random, _create_window(faults)
    (code, status), is_paid_refused = random.choice(REFUSALS), random.random() < 0.7
    is_picture_refused = not is_paid_refused or random.random() < 0.5

    def strike(call: ServiceCall) -> None:
        if call.operation != "put_object" or call.request["Bucket"] != OUTPUT_BUCKET:
            return
        key = str(call.request["Key"])
        is_refused = is_paid_refused if key.startswith(PAID_FOLDER) else is_picture_refused
        if (key.startswith(PAID_FOLDER) or not key.startswith(RESERVED_FOLDER)) and is_refused and window(key):
            raise build_client_error(code, "PutObject", status)

    faults.world.transport.faults_before.append(strike)
    faults.delivery_blocks.append(lambda lane: window.is_open)


@register_fault(is_drawn_apart=True)
def useless_results(faults: InstalledFaults) -> None:
    """No result of the provider can be used: its links lead nowhere, or it withholds or renames all of them."""
    provider, window = faults.provider, _create_window(faults)
    useless = faults.random.choice(USELESS_RESULTS)

    def choose_behavior() -> CallBehavior | None:
        return useless if window() and isinstance(useless, CallBehavior) else None

    def strike(call: ServiceCall) -> None:
        is_download = call.service == "downloads" and call.request["provider"] == provider.name
        if is_download and window.is_open and not isinstance(useless, CallBehavior):
            raise useless()

    provider.behavior_sources.append(choose_behavior)
    faults.world.transport.faults_before.append(strike)
    faults.delivery_blocks.append(lambda lane: lane == provider.name and window.is_open)


def _create_window(faults: InstalledFaults) -> FaultWindow:
    return faults.create_window(MAX_FIRST_CALL, faults.random.uniform(MIN_SECONDS, MAX_SECONDS))


def draw_burst(random: Random) -> Iterator[PlannedAction]:
    """Yields uploads of more photos than may be bought while none can be delivered."""
    started_at = random.uniform(0, BURST_START_SECONDS)
    for index in range(BURST_PHOTOS):
        at_seconds = round(started_at + random.uniform(0, BURST_SECONDS), 1)
        yield PlannedAction(at_seconds, "upload", (f"{FOLDER}{index}.jpg", f"many {index}", "cut"))
