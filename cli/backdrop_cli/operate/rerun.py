"""The verb `rerun`: photos resolved anew on what is said of them now, once the person knows what that costs."""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from backdrop.model.object_keys import Kind, kind_of
from backdrop.model.pricing import usd_of, usd_text
from backdrop.operate.rerun import Foreseen
from backdrop_cli.errors import RefusedError
from backdrop_cli.operate.budget import left_today
from backdrop_cli.screen import Screen, several
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

AT_ONCE = 8
# So many bytes of keys are kept in memory; those of more photos go to a file.
IN_MEMORY = 1_000_000
MOST_SHOWN = 5


@dataclass
class Plan:
    """What would become of the photos; `price` in micro-dollars, `broken` folder defaults with the photos they hold.

    `refused`: of how many photos something is refused, by code.
    """

    photos: int = 0
    going: int = 0
    bought: int = 0
    price: int = 0
    delivered: int = 0
    changed: int = 0
    reported: int = 0
    taken_back: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    broken: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, one: Foreseen) -> None:
        """Count one photo."""
        self.photos += 1
        self.going += one.leads_to_something
        self.broken.update([one.broken] if one.broken else [])
        self.bought += len(one.bought)
        self.price += one.price
        self.delivered += len(one.delivered)
        self.changed += one.changed
        self.reported += bool(one.problems)
        self.taken_back += one.taken_back
        self.refused.update(sorted({problem.code.value for problem in one.problems}))
        for problem in one.problems:
            self.examples.setdefault(problem.code.value, f"{one.key}: {problem.message}")


def rerun(stack: Stack, screen: Screen, which: str, *, yes: bool) -> None:
    """Say what it costs, ask, and have intake look at each photo for which it changes something."""
    with _keys() as keys:
        plan = Plan()
        with screen.busy("looking at every photo as intake would"):
            for one in side_by_side(stack.reruns.foresee, stack.reruns.keys(which), stack.at_once):
                if one:
                    plan.add(one)
                    _keep(keys, one)
        document = {"stack": stack.name, "which": which, **_document(plan)}
        _announce(stack, screen, which, plan)
        if not plan.going:
            screen.data(document | {"sent": 0})
            return
        _agree(screen, plan, document, yes=yes)
        _send(stack, screen, keys, document)


@contextmanager
def _keys() -> Generator[IO[bytes]]:
    """Where the keys wait for the person's word, one line each."""
    with SpooledTemporaryFile(IN_MEMORY) as file:
        yield file


def _keep(keys: IO[bytes], one: Foreseen) -> None:
    if one.leads_to_something:
        keys.write(json.dumps(one.key).encode() + b"\n")


def _kept(keys: IO[bytes]) -> Iterator[str]:
    keys.seek(0)
    return (json.loads(line) for line in keys)


def _agree(screen: Screen, plan: Plan, document: dict[str, Any], *, yes: bool) -> None:
    price = f" for at most {usd_text(plan.price)}" if plan.price else ""
    try:
        screen.agree(f"Rerun {several(plan.going, 'photo')}{price}?", yes=yes)
    except RefusedError:
        screen.data(document | {"sent": 0})
        raise


def _send(stack: Stack, screen: Screen, keys: IO[bytes], document: dict[str, Any]) -> None:
    """Send the looks; how many went is told also where AWS stops it half-way."""
    sent = 0
    try:
        with screen.busy("sending them to intake"):
            for _ in side_by_side(stack.reruns.send, _kept(keys), stack.at_once):
                sent += 1
    finally:
        screen.data(document | {"sent": sent})
        screen.say(f"Sent to intake: {several(sent, 'photo')}. Receipts and error reports tell what comes of them.")


# -- words -----------------------------------------------------------------------------------------------------


def _announce(stack: Stack, screen: Screen, which: str, plan: Plan) -> None:
    named = f"of {which}" if which else "in the input bucket"
    if not plan.photos:
        screen.say(f"There is no photo {named}, stack {stack.name}.")
        return
    those = f": {which}" if which and kind_of(which) is Kind.PHOTO else f" {named}"
    screen.say(f"{several(plan.photos, 'photo')}{those}, stack {stack.name}")
    held = plan.broken.total()
    rows = [
        (plan.bought, _jobs(plan.bought, "bought"), f"at most {usd_text(plan.price)}"),
        (plan.delivered, _jobs(plan.delivered, "delivered again"), "free, from what was paid"),
        (plan.changed, _jobs(plan.changed, "changed"), "no longer wanted, or described anew; nothing is bought"),
        (plan.taken_back, _photos(plan.taken_back), "sidecar, tags or defaults replace what a request said"),
        (plan.reported, "reported", _most_frequent(plan)),
        (held, "photo held" if held == 1 else "photos held", f"fix first: {', '.join(list(plan.broken)[:MOST_SHOWN])}"),
    ]
    shown = [(f"{number:,}", fate, words) for number, fate, words in rows if number]
    screen.table({"": "right", " ": "left", "  ": "words"}, shown)
    if not plan.going:
        screen.say("Nothing to do: nothing would change." if not plan.broken else "Nothing to do.")
    left = left_today(stack)
    if plan.price > left:
        screen.say(f"Today's budget has {usd_text(left)} left; what it does not cover waits for the next day (UTC).")


def _jobs(number: int, fate: str) -> str:
    return f"{'job' if number == 1 else 'jobs'} {fate}"


def _photos(number: int) -> str:
    return f"{'photo' if number == 1 else 'photos'} asked for directly"


def _most_frequent(plan: Plan) -> str:
    return "; ".join(
        f"{number:,} {code} ({plan.examples[code]})" for code, number in plan.refused.most_common(MOST_SHOWN)
    )


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "photos": plan.photos,
        "would_go": plan.going,
        "bought": plan.bought,
        "most_usd": usd_of(plan.price),
        "for_nothing": plan.delivered,
        "changed": plan.changed,
        "requests_taken_back": plan.taken_back,
        "refused": dict(plan.refused),
        "held_by": dict(plan.broken),
    }
