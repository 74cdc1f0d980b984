"""Checks that no paid call is sent for a photo that was canceled, unless it gets new instructions, which count."""

from collections.abc import Callable, Mapping
from datetime import datetime

from backdrop.model.job import Job
from simulation.invariants.final_state import check_overruled_cancels
from simulation.invariants.violations import Invariant, Violation
from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import TAG_SAMPLES, has_instructions
from simulation.world.transport import ServiceCall

# Whether an action with these arguments gives new instructions for a photo.
PhotoFilter = Callable[[tuple[str, ...], str], bool]


def _names_photo(arguments: tuple[str, ...], key: str) -> bool:
    return key in arguments


def _covers_photo(arguments: tuple[str, ...], key: str) -> bool:
    return key.startswith(arguments[0].rstrip("/"))


PHOTO_FILTERS: Mapping[str, PhotoFilter] = {
    **dict.fromkeys(
        ("upload", "write_sidecar", "replace_photo", "upload_again", "copy_photo", "send_request", "send_task"),
        _names_photo,
    ),
    "set_tags": lambda arguments, key: key in arguments and has_instructions(TAG_SAMPLES[arguments[1]]),
    **dict.fromkeys(("write_default", "delete_default", "rerun"), _covers_photo),
}


def concerns_photo(action: PlannedAction, key: str) -> bool:
    """Whether an action gives new instructions for a photo."""
    return action.name in PHOTO_FILTERS and PHOTO_FILTERS[action.name](action.arguments, key)


def find_active_cancels(users: UserActions, key: str) -> list[datetime]:
    """Returns when the lanes could see the cancellations of a photo that has had no new instructions since.

    A command may need some time until the lanes can see it. What is requested meanwhile is not canceled.
    """
    instructions_at = [at for at, action in users.performed_actions if concerns_photo(action, key)]
    newest_instruction = max([users.started_at, *instructions_at, *users.redrives_started_at])
    return [
        command.effective_at
        for command in users.cancel_commands
        if command.effective_at and key.startswith(command.prefix) and command.started_at >= newest_instruction
    ]


def is_cancelled(users: UserActions, job: Job) -> bool:
    """Whether users canceled the request that a job answers, whatever its photo's newer instructions."""
    requested_at = job.requested_at or job.queued_at
    return any(
        job.key.startswith(command.prefix) and (users.has_clock_faults or requested_at <= command.started_at)
        for command in users.cancel_commands
    )


class CancelMonitor:
    """Checks nothing if workers' clocks are wrong, because then before and after cannot be told apart."""

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self._snapshot, self._users = snapshot, users

    def check_paid_call(self, call: ServiceCall) -> list[Violation]:
        key, started_at = str(call.request["job"].key), self._snapshot.find_start(call.worker_name)
        marks = [at for at in find_active_cancels(self._users, key) if started_at > at]
        if not marks or self._users.has_clock_faults:
            return []
        return [Violation(Invariant.CANCELS_RESPECTED, f"{key}: is bought, but was canceled at {max(marks):%H:%M:%S}")]

    def check_final_state(self, strike_counts: Mapping[str, int]) -> list[Violation]:
        """Checks nothing if an event was lost, because the sweep does not see that the same file was written again.

        Nor does it check photos that an execution requested, because they are canceled when the execution stops.
        """
        if self._users.has_clock_faults or strike_counts.get("lost_event"):
            return []
        users, bucket = self._users, self._users.world.input_bucket
        requested_keys = set[str]().union(*users.keys_by_execution.values())
        files = {
            key: (bucket.find_current(key), bucket.find_current(f"{key}.json"))
            for key in bucket.list_keys()
            if not (key in requested_keys or key.startswith(self._list_crashed_prefixes()))
        }
        written_at_by_key = {key: max(file.modified_at for file in pair if file) for key, pair in files.items()}
        cancels = [(command.prefix, command.effective_at) for command in users.cancel_commands if command.effective_at]
        return check_overruled_cancels(self._snapshot.ledger, cancels, written_at_by_key)

    def _list_crashed_prefixes(self) -> tuple[str, ...]:
        """Returns the prefixes of commands that crashed, perhaps after the lanes could see the cancellation."""
        return tuple(command.prefix for command in self._users.cancel_commands if command.effective_at is None)
