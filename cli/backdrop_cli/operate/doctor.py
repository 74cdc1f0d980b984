"""The verb `doctor`: looks at all that a stack needs to work, and says of each thing that is wrong how it is mended."""

from collections.abc import Sequence
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import error_code
from backdrop_cli.errors import DONE, REFUSED
from backdrop_cli.operate.checks import Check, Look, State, buying, deployed, encryption, photos
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

MARKS = {State.GOOD: ("✓", "green"), State.WRONG: ("✗", "red"), State.UNKNOWN: ("?", "dim")}
LOOKS: tuple[Look, ...] = (
    deployed.versions,
    deployed.deployment,
    buying.keys,
    buying.lanes,
    buying.prices,
    buying.money,
    deployed.concurrency,
    deployed.alarms,
    photos.buckets,
    encryption.encryption,
    photos.wiring,
    photos.sidecars,
)


def doctor(stack: Stack, screen: Screen) -> int:
    """Look at everything; the exit code: 1 where something is wrong. What cannot be known is no failure."""
    with screen.busy("looking at the stack, its keys, quotas and wiring"):
        checks = [check for look in LOOKS for check in _looked(look, stack)]
    screen.data({"stack": stack.name, "checks": [asdict(one) for one in checks]})
    screen.say(f"Stack {stack.name}", "bold")
    for one in checks:
        mark, style = MARKS[one.state]
        screen.point(mark, f"{one.name}: {one.words}", style)
        if one.fix:
            screen.point(" ", one.fix)
    wrong = sum(one.state is State.WRONG for one in checks)
    screen.say(f"✗ {several(wrong, 'thing')} to mend." if wrong else "✓ Nothing to mend.", "red" if wrong else "green")
    return REFUSED if wrong else DONE


def _looked(look: Look, stack: Stack) -> Sequence[Check]:
    """What a look finds; where AWS does not let us look, that is said."""
    try:
        return list(look(stack))
    except (ClientError, BotoCoreError) as error:
        name = (look.__doc__ or "").rstrip(".")
        return [Check(name, State.UNKNOWN, f"cannot be known: AWS says {error_code(error) or type(error).__name__}")]
