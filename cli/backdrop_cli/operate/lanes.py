"""The verbs `pause` and `resume`: a person's own reason for a lane to stand still, and the end of every reason."""

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import error_code
from backdrop.model.circuit import Lane, Pause, Reason
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop_cli.operate.choice import lane_of
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

WORDS = "A person paused it."
# Lambda takes up to a minute to switch a mapping, and no other change meanwhile.
BUSY = "ResourceInUseException"
TRIES, GAP_SECONDS = 15, 5.0
WHY = {
    Reason.KEY: "its API key",
    Reason.BALANCE: "its account's balance",
    Reason.DAILY_LIMIT: "its daily limit",
    Reason.ADDRESS: "its address",
    Reason.UNHEALTHY: "it is out of order",
    Reason.BUDGET: "today's budget",
    Reason.DELIVERY: "delivery is backed up",
    Reason.PERSON: "a person",
}


def pause(stack: Stack, screen: Screen, word: str) -> None:
    """One more reason not to buy at this provider: a person."""
    name = lane_of(stack, word)
    before = stack.keeper.ledger.lane(name)
    if before.has(Reason.PERSON):
        _settle(stack, name)
    else:
        _change(stack, name, lambda: stack.keeper.pause(name, Reason.PERSON, Code.PAUSED_BY_PERSON, WORDS))
    after, waiting = stack.keeper.ledger.lane(name), stack.in_lane(name)
    screen.data(_document(stack, after, waiting, was_paused=before.paused, lifted=()))
    if before.has(Reason.PERSON):
        screen.say(f"{name} was paused already, since {_since(_own(before))}.")
    else:
        screen.say(f"{name} is paused: nothing more is bought there. Calls that are out end as usual.")
    others = [one for one in after.pauses if one.reason is not Reason.PERSON]
    if others:
        screen.say("It stands still for other reasons too:")
        _reasons(screen, others)
    screen.say(f"{_waiting(waiting)} in its lane; `backdrop resume {name}` lets it go on.")


def resume(stack: Stack, screen: Screen, word: str) -> None:
    """Lift every reason, and say which ones."""
    name = lane_of(stack, word)
    before = stack.keeper.ledger.lane(name)
    if before.paused:
        _change(stack, name, lambda: stack.keeper.resume(name))
    else:
        _settle(stack, name)
    after, waiting = stack.keeper.ledger.lane(name), stack.in_lane(name)
    screen.data(_document(stack, after, waiting, was_paused=before.paused, lifted=before.pauses))
    if not before.paused:
        screen.say(f"{name} was not paused. {_waiting(waiting)} in its lane.")
        return
    screen.say(f"{name} goes on. {_waiting(waiting)} in its lane. Lifted:")
    _reasons(screen, before.pauses)
    if any(one.reason is not Reason.PERSON for one in before.pauses):
        screen.say("A reason that still holds pauses it again at the next call, which costs nothing.")


def lift(stack: Stack, name: str, reason: Reason) -> None:
    """Take one reason away from a lane."""
    _change(stack, name, lambda: stack.keeper.resume(name, frozenset({reason})))


def _change(stack: Stack, name: str, change: Callable[[], object]) -> None:
    """Change a lane; where Lambda was still busy with the last change, also what the change left undone."""
    try:
        change()
    except WaitError as error:
        if not _is_busy(error):
            raise
        _settle(stack, name)


def _settle(stack: Stack, name: str) -> None:
    """What somebody who died in a change left undone: the mapping, and the word to others.

    A lane that Lambda is still switching is waited for; after that, reconcile will do it.
    """
    for _ in range(TRIES):
        if stack.keeper.lanes.is_on(name) is not None:
            break
        stack.clock.sleep(GAP_SECONDS)
    stack.keeper.agree(name)
    stack.keeper.tell(name)


def _is_busy(error: WaitError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and error_code(cause) == BUSY


# -- words -----------------------------------------------------------------------------------------------------


def _waiting(waiting: int) -> str:
    if waiting == 0:
        return "Nothing waits"
    return f"About {several(waiting, 'job')} {'waits' if waiting == 1 else 'wait'}"


def _own(lane: Lane) -> Pause:
    return next(one for one in lane.pauses if one.reason is Reason.PERSON)


def _since(pause: Pause) -> str:
    return f"{pause.since:%Y-%m-%d %H:%M} UTC"


def _reasons(screen: Screen, pauses: Iterable[Pause]) -> None:
    for one in pauses:
        screen.say(f"  {WHY[one.reason]}, since {_since(one)}: {one.message}")


def _document(stack: Stack, lane: Lane, waiting: int, *, was_paused: bool, lifted: Iterable[Pause]) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "provider": lane.provider,
        "paused": lane.paused,
        "was_paused": was_paused,
        "reasons": [described(one) for one in lane.pauses],
        "lifted": [described(one) for one in lifted],
        "waiting": waiting,
    }


def described(pause: Pause) -> dict[str, Any]:
    """A pause for scripts."""
    return {
        "reason": pause.reason.value,
        "code": pause.code.value,
        "message": str(pause.message),
        "since": pause.since.isoformat(timespec="seconds"),
    }
