"""Which of the providers that a job names it goes to: at first, and when the lane that it waits in lets nobody through.

Where one provider cannot be paid and another one can, the job goes there; where nobody knows whether the first one was
paid, or where it said no for good, it goes nowhere.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from backdrop.model.capabilities import PROVIDERS, not_expressible
from backdrop.model.circuit import Gate, Lane, gate
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job import Job, Status
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.pricing import Configured, limit_text, micro_of, quote, usd_text
from backdrop.model.provider_result import Answer, Class
from backdrop.model.sentence import Sentence

# So often in a row a job meets a provider out of order, or so long it is told to wait, before it goes to another one.
LONG_BACK_OFF, LONG_WAIT_SECONDS = 4, 60.0

type LaneOf = Callable[[str], Lane]
"""A provider's lane as it is now."""


@dataclass(frozen=True)
class Market:
    """The providers that are on, and what an image costs at those that sell credits, micro-dollars."""

    on: Collection[str]
    prices: Configured = field(default_factory=dict[str, int])

    def price(self, provider: str, fields: Mapping[str, Any]) -> int | None:
        """The quote in micro-dollars, or None where nobody said what the provider's credits cost."""
        try:
            return quote(provider, fields, self.prices)
        except InstructionError:
            return None

    def able(self, fields: Mapping[str, Any]) -> list[str]:
        """All that are on, can express the fields and have a price."""
        on = [name for name in PROVIDERS if name in self.on and not not_expressible(name, fields)]
        return [name for name in on if self.price(name, fields) is not None]


class Objection(NamedTuple):
    """Why a provider cannot do it."""

    code: Code
    words: str


class Choice(NamedTuple):
    """The provider that is to do it, what that may cost (micro-dollars), and why those before it do not."""

    provider: str
    price: int
    passed_over: tuple[JobWarning, ...] = ()


def weighed(
    fields: Mapping[str, Any], names: Sequence[str], market: Market
) -> tuple[Sequence[Choice], Sequence[Objection]]:
    """Of the providers that are named those who can do it, in their order, and why the others cannot."""
    found: list[Choice] = []
    objections: list[Objection] = []
    for name in names:
        price = market.price(name, fields)
        if name not in market.on:
            objections.append(Objection(Code.PROVIDER_NOT_CONFIGURED, f"{name} is switched off"))
        elif reasons := not_expressible(name, fields):
            objections += [Objection(Code.NOT_EXPRESSIBLE, reason) for reason in reasons]
        elif price is None:
            words = f"what an image costs at {name} is not known in this stack"
            objections.append(Objection(Code.PRICE_UNKNOWN, words))
        else:
            found.append(Choice(name, price))
    return found, objections


def first_choice(fields: Mapping[str, Any], names: Sequence[str], market: Market, lane_of: LaneOf) -> Choice:
    """The first preferred provider that can do it and whose lane is open; where none is open, the first that can.

    Raises InstructionError where none can do it.
    """
    found, objections = weighed(fields, names, market)
    if not found:
        raise InstructionError(_worst(objections), _nobody_can(fields, objections, market))
    told = [one.words for one in objections]
    if len(found) == 1:
        return found[0]._replace(passed_over=_passed_over(told))
    within = [one for one in found if not _too_dear(one, fields)] or found[:1]
    told += [_too_dear(one, fields) for one in found if one not in within]
    lanes = {one.provider: lane_of(one.provider) for one in within}
    opened = next((one for one in within if lanes[one.provider].is_open), None)
    chosen = opened or next((one for one in within if not lanes[one.provider].sends_away), within[0])
    told += [why_shut(lanes[one.provider]) for one in within[: within.index(chosen)]]
    return chosen._replace(passed_over=_passed_over(told))


def elsewhere(job: Job, market: Market, lane_of: LaneOf) -> Choice | None:
    """The first other provider of a waiting job's list that can do it and whose lane is open; None where there is none.

    None also where the job's charge was, or may have been, made.
    """
    named = job.instructions.get("provider", job.provider)
    if job.status is not Status.ACCEPTED or job.at_stake or isinstance(named, str):
        return None
    found, _ = weighed(job.instructions, [name for name in named if name != job.provider], market)
    within = (one for one in found if not _too_dear(one, job.instructions))
    return next((one for one in within if lane_of(one.provider).is_open), None)


def had_better_leave(lane: Lane, now: datetime) -> bool:
    """Whether a job that names another provider goes there; one that may find out if all is well again stays."""
    return lane.sends_away and gate(lane, now)[0] is Gate.SHUT


def keeps_too_long(answer: Answer, times: int) -> bool:
    """Whether an answer, met so often in a row, says that its provider will not do it soon, and took nothing."""
    if answer.kind is Class.PAUSE:
        return True
    waits = answer.kind is Class.BACKOFF or (answer.kind is Class.NOW and answer.code is not Code.TOO_LITTLE_TIME)
    return waits and (times >= LONG_BACK_OFF or (answer.retry_after or 0) >= LONG_WAIT_SECONDS)


def why_shut(lane: Lane) -> str:
    """Why a lane lets nobody through, in words for a receipt."""
    codes = ", ".join(pause.code.value for pause in lane.pauses)
    return f"{lane.provider} is paused ({codes})" if codes else f"{lane.provider} is out of order for now"


def at_most(fields: Mapping[str, Any], names: Sequence[str], market: Market) -> int | None:
    """The price at the dearest provider to which a job may come, micro-dollars; None where none can do it."""
    found, _ = weighed(fields, names, market)
    within = [one.price for one in found if not _too_dear(one, fields)] or [one.price for one in found]
    return max(within, default=None)


def dearest(job: Job, market: Market) -> Job:
    """The job, quoted at what it may cost at the most: a list may lead it to a dearer provider."""
    named = job.instructions.get("provider", job.provider)
    most = None if isinstance(named, str) else at_most(job.instructions, named, market)
    return job if most is None else job.but(quoted=most)


def _too_dear(one: Choice, fields: Mapping[str, Any]) -> str:
    """Why the price is more than the instructions allow; "" where it is not."""
    limit = fields.get("max_cost_usd")
    if limit is None or one.price <= micro_of(Decimal(str(limit))):
        return ""
    return f"{one.provider} costs up to {usd_text(one.price)}, and max_cost_usd allows {limit_text(limit)}"


def _worst(objections: Sequence[Objection]) -> Code:
    """What is told first: what no switch and no price would mend."""
    codes = {one.code for one in objections}
    order = (Code.NOT_EXPRESSIBLE, Code.PRICE_UNKNOWN)
    return next((code for code in order if code in codes), Code.PROVIDER_NOT_CONFIGURED)


def _nobody_can(fields: Mapping[str, Any], objections: Sequence[Objection], market: Market) -> str:
    able = market.able(fields)
    several = [", ".join(able[:-1]), able[-1]] if able[1:] else able
    why = "; ".join(one.words for one in objections)
    return f"{why}. But {' and '.join(several)} can do it." if able else f"No provider can do it: {why}."


def _passed_over(told: Sequence[str]) -> tuple[JobWarning, ...]:
    return tuple(JobWarning(code=WarningCode.PASSED_OVER, text=Sentence(f"passed over: {words}")) for words in told)
