"""The verb `redrive`: failures on their way again, once the person knows what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backdrop.model.job import Status
from backdrop.model.pricing import usd_of, usd_text
from backdrop.operate.redrive import Failure, Redrive, Wanted
from backdrop_cli.errors import RefusedError
from backdrop_cli.operate.budget import left_today
from backdrop_cli.operate.choice import chosen
from backdrop_cli.operate.failures import none_of
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

TRIES, GAP_SECONDS = 14, 5.0


@dataclass
class Plan:
    """What becomes of each failure: delivered for nothing, bought, looked at anew, or left as it is."""

    free: list[Redrive] = field(default_factory=list[Redrive])
    bought: list[Redrive] = field(default_factory=list[Redrive])
    anew: list[Redrive] = field(default_factory=list[Redrive])
    needs_pay_again: list[Redrive] = field(default_factory=list[Redrive])
    off: list[Redrive] = field(default_factory=list[Redrive])

    @property
    def going(self) -> list[Redrive]:
        return [*self.free, *self.bought, *self.anew]

    @property
    def price(self) -> int:
        """What is bought costs at most, micro-dollars."""
        return sum(one.price for one in self.bought)


@dataclass
class Done:
    """What came of it. `missed`: others changed these meanwhile."""

    went: list[Failure] = field(default_factory=list[Failure])
    missed: int = 0
    letters: int = 0


def redrive(stack: Stack, screen: Screen, meant: Wanted, *, pay_again: bool, yes: bool) -> None:
    """Say what it costs, ask, and bring them on their way."""
    with screen.busy("looking through the ledger"):
        plan = planned(stack, meant, pay_again=pay_again)
    document = {"stack": stack.name, **_document(plan)}
    _announce(stack, screen, plan, meant)
    if not plan.going:
        screen.data(document | {"done": False})
        _nothing_goes(plan)
        return
    try:
        screen.agree(
            f"Redrive {_count(plan.going)}{f' for at most {usd_text(plan.price)}' if plan.price else ''}?", yes=yes
        )
    except RefusedError:
        screen.data(document | {"done": False})
        raise
    done = Done()
    try:
        _bring(stack, screen, plan, done)
    finally:
        result = {"redriven": len(done.went), "missed": done.missed, "dead_letters_removed": done.letters}
        screen.data(document | {"done": len(done.went) == len(plan.going), **result})
        _tell(screen, done)
    if done.missed:
        raise RefusedError(f"{_count(done.missed)} changed while this ran; look again with `backdrop failures`")


def planned(stack: Stack, meant: Wanted, *, pay_again: bool) -> Plan:
    """The way of each job, or photo without one, however many problems its report names."""
    found = {(one.source.source_id, one.job.job_id if one.job else ""): one for one in stack.orders.failures(meant)}
    plan = Plan()
    for failure in found.values():
        one = stack.orders.plan(failure, pay_again=pay_again)
        _place(stack, plan, one).append(one)
    return plan


def _place(stack: Stack, plan: Plan, one: Redrive) -> list[Redrive]:
    if one.failure.job is None:
        return plan.anew
    if one.step is None:
        return plan.needs_pay_again
    if one.step.job.status is not Status.ACCEPTED:
        return plan.free
    return plan.bought if one.step.job.provider in stack.providers else plan.off


def _bring(stack: Stack, screen: Screen, plan: Plan, done: Done) -> None:
    with screen.busy("bringing them on their way"):
        try:
            for one in plan.going:
                if stack.orders.redrive(one):
                    done.went.append(one.failure)
                else:
                    done.missed += 1
        finally:
            done.letters = _forget(stack, done.went)


def _forget(stack: Stack, went: Sequence[Failure]) -> int:
    """Take away the dead letters of what goes on; whoever breaks off reading them keeps them from us for a minute."""
    gone_on = {
        one.job.job_id: one.job.rev for one in went if one.job and one.job.status is Status.DEAD and one.job.told
    }
    taken: list[str] = []
    for left in reversed(range(TRIES if gone_on else 0)):
        taken += stack.letters.forget(gone_on)
        if gone_on.keys() <= set(taken) or not left:
            break
        stack.clock.sleep(GAP_SECONDS)
    return len(taken)


# -- words -----------------------------------------------------------------------------------------------------


def _announce(stack: Stack, screen: Screen, plan: Plan, meant: Wanted) -> None:
    number = len([*plan.going, *plan.needs_pay_again, *plan.off])
    if not number:
        screen.say(none_of(stack, meant))
    elif chosen(meant):
        screen.say(f"{several(number, 'failure')} with {chosen(meant)}, stack {stack.name}")
    else:
        screen.say(f"All failures, since no filter says which: {number:,}, stack {stack.name}")
    rows = [
        (plan.free, "for nothing", "what was paid is delivered after all"),
        (plan.bought, "bought", f"at most {usd_text(plan.price)}"),
        (plan.anew, "looked at anew", "never had a job; what is right by now is bought"),
        (plan.needs_pay_again, "left alone", "paid, or perhaps paid: --pay-again buys it once more"),
        (plan.off, "left alone", "its provider is switched off"),
    ]
    shown = [(f"{len(found):,}", fate, words) for found, fate, words in rows if found]
    if shown:
        screen.table({"": "right", " ": "left", "  ": "words"}, shown)
    if plan.bought:
        _warn(stack, screen, plan)


def _warn(stack: Stack, screen: Screen, plan: Plan) -> None:
    """What would hold them up."""
    left = left_today(stack)
    if plan.price > left:
        screen.say(f"Today's budget has {usd_text(left)} left; what it does not cover waits for the next day (UTC).")
    providers = {one.step.job.provider for one in plan.bought if one.step}
    for name in sorted(providers):
        for pause in stack.keeper.ledger.lane(name).pauses:
            screen.say(f"{name} is paused ({pause.code.value}), so they wait until it goes on.")


def _nothing_goes(plan: Plan) -> None:
    """RefusedError where there are failures and none of them can go."""
    if plan.needs_pay_again:
        raise RefusedError("nothing was changed; what is left alone goes with --pay-again, for its price once more")
    if plan.off:
        raise RefusedError("nothing was changed; switch the provider on with its MaxInFlight parameter first")


def _tell(screen: Screen, done: Done) -> None:
    letters = f"; {several(done.letters, 'dead letter')} taken away" if done.letters else ""
    screen.say(f"On the way again: {_count(done.went)}{letters}.")


def _count(found: Sequence[object] | int) -> str:
    return several(found if isinstance(found, int) else len(found), "failure")


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "for_nothing": len(plan.free),
        "bought": len(plan.bought),
        "most_usd": usd_of(plan.price),
        "looked_at_anew": len(plan.anew),
        "needs_pay_again": len(plan.needs_pay_again),
        "provider_off": len(plan.off),
    }
