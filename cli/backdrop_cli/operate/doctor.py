"""The verb `doctor`: looks at all that a stack needs to work, and says of each thing that is wrong how it is mended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from itertools import islice
from platform import python_version
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.failures import error_code
from backdrop.core.layout import Kind, kind_of, sidecars_of
from backdrop.core.money import usd_text
from backdrop_cli.errors import DONE, REFUSED
from backdrop_cli.operate.key_check import accepted
from backdrop_cli.operate.keys import clients_of, secret_of
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import PARAMETERS, Stack

# What the other functions need beside the lanes.
SPARE_CONCURRENCY = 20
MOST_LISTED = 10_000
MOST_NAMED = 3


class State(StrEnum):
    """How a thing is."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"


MARKS = {State.GOOD: ("✓", "green"), State.WRONG: ("✗", "red"), State.UNKNOWN: ("?", "dim")}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `fix` is what to do where it is wrong."""

    name: str
    state: State
    words: str
    fix: str = ""


type Look = Callable[[Stack], Iterator[Check]]


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


# -- the looks -------------------------------------------------------------------------------------------------


def _versions(stack: Stack) -> Iterator[Check]:
    """Versions."""
    release, theirs = version("backdrop"), stack.outputs.get("Version")
    ours = f"backdrop {release}, Python {python_version()}, boto3 {version('boto3')}"
    if theirs == release:
        yield Check("versions", State.GOOD, f"{ours}; the stack is of the same release")
    else:
        fix = "Deploy the stack again from here (`sam build && sam deploy`), or use the command of its own release."
        yield Check("versions", State.WRONG, f"{ours}; the stack is of {theirs or 'an older release'}", fix)


def _keys(stack: Stack) -> Iterator[Check]:
    """Keys."""
    clients = clients_of(stack)
    for name in stack.providers:
        what, set_it = f"key of {name}", f"`backdrop key set {name}` sets it."
        try:
            found = clients.secrets.get_secret_value(SecretId=secret_of(stack, name))
        except clients.secrets.exceptions.ResourceNotFoundException:
            yield Check(what, State.WRONG, f"the secret {secret_of(stack, name)} is not there or empty", set_it)
            continue
        key = found.get("SecretString", "").strip()
        if not key:
            yield Check(what, State.WRONG, "the secret is empty", set_it)
            continue
        base = stack.parameters.get(f"{PARAMETERS[name]}BaseUrl", "")
        is_accepted, words = accepted(name, base, key)
        state = {True: State.GOOD, False: State.WRONG, None: State.UNKNOWN}[is_accepted]
        yield Check(what, state, words, "" if is_accepted is not False else set_it)


def _lanes(stack: Stack) -> Iterator[Check]:
    """Lanes."""
    for name in stack.providers:
        lane = stack.keeper.ledger.lane(name)
        if lane.pauses:
            first = lane.pauses[0]
            fix = f"When that is mended, `backdrop resume {name}` lets it go on at once."
            yield Check(f"lane of {name}", State.WRONG, f"paused ({first.code.value}): {first.message}", fix)
        elif stack.keeper.lanes.is_on(name) is False:
            fix = f"`backdrop resume {name}` switches it on."
            yield Check(
                f"lane of {name}", State.WRONG, "its event source mapping is off, though nothing pauses it", fix
            )
        else:
            yield Check(f"lane of {name}", State.GOOD, f"open, {stack.limits[name]} calls at a time")


def _concurrency(stack: Stack) -> Iterator[Check]:
    """Lambda's concurrency."""
    needed = sum(stack.limits.values()) + SPARE_CONCURRENCY
    limits = clients_of(stack).functions.get_account_settings().get("AccountLimit", {})
    have = limits.get("ConcurrentExecutions")
    if have is None:
        yield Check("Lambda's concurrency", State.UNKNOWN, f"cannot be known here; {needed} are needed")
    elif have < needed:
        fix = "Ask for more in the Service Quotas console (Lambda, concurrent executions), or lower MaxInFlight."
        yield Check("Lambda's concurrency", State.WRONG, f"the account has {have:,}, {needed:,} are needed", fix)
    else:
        yield Check("Lambda's concurrency", State.GOOD, f"the account has {have:,}, {needed:,} are needed")


def _wiring(stack: Stack) -> Iterator[Check]:
    """The bucket's notifications."""
    clients, what = clients_of(stack), "the bucket's notifications"
    found: Any = clients.s3.get_bucket_notification_configuration(Bucket=stack.input_bucket)
    queue = stack.outputs["IntakeQueueUrl"].rpartition("/")[2]
    ours = [one for one in found.get("QueueConfigurations", []) if one["QueueArn"].rpartition(":")[2] == queue]
    events = {event for one in ours for event in one["Events"]}
    is_given = bool(stack.parameters.get("InputBucket"))
    if any(event.startswith("s3:ObjectCreated") for event in events):
        yield Check(what, State.GOOD, f"{stack.input_bucket} tells the intake queue of every upload")
    elif is_given and found.get("EventBridgeConfiguration") is not None:
        yield Check(what, State.GOOD, f"{stack.input_bucket} tells EventBridge, whose rule tells the intake queue")
    elif is_given:
        words = f"{stack.input_bucket} tells nobody of uploads, since its EventBridge notifications are off"
        fix = "Switch them on: in the S3 console, the bucket's Properties, Amazon EventBridge (docs/deploying.md)."
        yield Check(what, State.WRONG, words, fix)
    else:
        words = f"{stack.input_bucket} does not tell the intake queue of uploads"
        yield Check(what, State.WRONG, words, "Deploy the stack again, which wires it.")


def _money(stack: Stack) -> Iterator[Check]:
    """Today's budget."""
    day, cap = stack.day(stack.clock.now())
    left = max(cap - day.settled - day.reserved, 0)
    words = f"{usd_text(left)} of {usd_text(cap)} left today"
    if left:
        yield Check("budget", State.GOOD, words)
    else:
        yield Check("budget", State.WRONG, words, "`backdrop budget 300 --today` raises it (300: dollars).")


def _sidecars(stack: Stack) -> Iterator[Check]:
    """Sidecars without a photo."""
    listed = list(islice(stack.photos.listed(stack.input_bucket, ""), MOST_LISTED + 1))
    keys = [one.key for one in listed[:MOST_LISTED]]
    spoken_for = {name for key in keys if kind_of(key) is Kind.PHOTO for name in sidecars_of(key)}
    lonely = [key for key in keys if kind_of(key) is Kind.SIDECAR and key not in spoken_for]
    among = f" among the first {MOST_LISTED:,} files" if len(listed) > MOST_LISTED else ""
    if not lonely:
        yield Check("sidecars", State.GOOD, f"each has its photo{among}")
        return
    some = ", ".join(lonely[:MOST_NAMED]) + (" …" if len(lonely) > MOST_NAMED else "")
    words = f"{several(len(lonely), 'sidecar')}{among} without a photo: {some}"
    yield Check("sidecars", State.WRONG, words, "Upload the photo of that name, or delete the sidecar.")


LOOKS: tuple[Look, ...] = (_versions, _keys, _lanes, _concurrency, _wiring, _money, _sidecars)
