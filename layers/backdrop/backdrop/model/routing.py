"""Routing: which of its providers a job goes to, initially and when its lane blocks calls.

If one provider is unavailable and another is available, the job moves there. It stays if the first provider may have
charged, or has rejected the job permanently.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from backdrop.model.capabilities import PROVIDERS, find_not_expressible
from backdrop.model.circuit import Gate, ProviderHealth, check_gate
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.mandate import Mandate, MandateAccount
from backdrop.model.place_leases import explain_lack
from backdrop.model.pricing import ConfiguredPrices, format_limit_usd, format_usd, quote, to_micro_usd
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.sentence import Sentence

# After this many failures in a row, or if the provider asks it to wait this long, a job moves to another provider.
FAILOVER_AFTER_FAILURES, FAILOVER_AFTER_WAIT_SECONDS = 4, 60.0

type HealthReader = Callable[[str], ProviderHealth]
"""Reads the current health of a provider's lane."""


@dataclass(frozen=True)
class Offers:
    """The enabled providers, and the configured image prices (micro-dollars) of those that sell credits.

    `mandate`: the one that pays, and may limit the price of a picture. `place_limits`: how many images may be in
    progress at each provider that counts them. `is_assumed`: no stack was read, so any of them may be off.
    """

    enabled_providers: Collection[str]
    prices: ConfiguredPrices = field(default_factory=dict[str, int])
    mandate: Mandate | None = None
    place_limits: Mapping[str, int] = field(default_factory=dict[str, int])
    is_assumed: bool = False

    def find_price(self, provider: str, fields: Mapping[str, Any]) -> int | None:
        """Returns the quote in micro-dollars; None if the price is not known."""
        try:
            return quote(provider, fields, self.prices)
        except InstructionError:
            return None

    def list_capable_providers(self, fields: Mapping[str, Any]) -> list[str]:
        """Returns the enabled providers that support the fields and have a price."""
        return [
            name
            for name in _list_supporting_providers(fields)
            if name in self.enabled_providers
            and self.find_price(name, fields) is not None
            and not explain_lack(name, fields, self.place_limits)
        ]

    def list_cheapest(self, fields: Mapping[str, Any]) -> Sequence["Route"]:
        """Returns the enabled providers that can do it, the cheapest first; among equal ones, in the usual order."""
        found, _ = find_routes(fields, PROVIDERS, self)
        return sorted(found, key=lambda route: route.price)


class Objection(NamedTuple):
    """Why a provider cannot run the job."""

    code: Code
    message: str


class Route(NamedTuple):
    """The provider for a job, the highest price (micro-dollars), and why preferred providers were passed over."""

    provider: str
    price: int
    passed_over: tuple[JobWarning, ...] = ()


def find_routes(
    fields: Mapping[str, Any], names: Sequence[str], offers: Offers
) -> tuple[Sequence[Route], Sequence[Objection]]:
    """Returns a route for each named provider that can run the job, in order, and why the others cannot."""
    found: list[Route] = []
    objections: list[Objection] = []
    for name in names:
        price = offers.find_price(name, fields)
        if name not in offers.enabled_providers:
            objections.append(Objection(Code.PROVIDER_NOT_CONFIGURED, f"{name} is disabled"))
        elif reasons := find_not_expressible(name, fields):
            objections += [Objection(Code.NOT_EXPRESSIBLE, reason) for reason in reasons]
        elif lack := explain_lack(name, fields, offers.place_limits):
            objections.append(Objection(Code.MORE_IMAGES_THAN_PLACES, lack))
        elif price is None:
            message = f"the price of an image at {name} is not known in this stack"
            objections.append(Objection(Code.PRICE_UNKNOWN, message))
        else:
            found.append(Route(name, price))
    return found, objections


def choose_route(
    fields: Mapping[str, Any], names: Sequence[str], offers: Offers, read_health: HealthReader, *, mask_price: int = 0
) -> Route:
    """Returns the first capable provider whose lane allows calls; if all are blocked, the first capable one.

    `mask_price`: that of the mask that is bought with the picture, in micro-dollars. Raises InstructionError if no
    provider can run the job.
    """
    found, objections = find_routes(fields, names, offers)
    if not found:
        raise InstructionError(_choose_code(objections), _explain_no_route(fields, objections, offers))
    explanations = [one.message for one in objections]
    if len(found) == 1:
        return found[0]._replace(passed_over=_build_passed_over_warnings(explanations))
    too_expensive = {one: explain_cost_limit(one, fields, mask_price, offers.mandate) for one in found}
    affordable = [one for one in found if not too_expensive[one]] or found[:1]
    explanations += [too_expensive[one] for one in found if one not in affordable]
    lanes = {one.provider: read_health(one.provider) for one in affordable}
    available = next((one for one in affordable if lanes[one.provider].allows_calls), None)
    route = available or next(
        (one for one in affordable if not lanes[one.provider].has_provider_problem), affordable[0]
    )
    explanations += [describe_unavailability(lanes[one.provider]) for one in affordable[: affordable.index(route)]]
    return route._replace(passed_over=_build_passed_over_warnings(explanations))


def find_failover_route(
    job: Job, offers: Offers, read_health: HealthReader, account: MandateAccount | None, day: str
) -> Route | None:
    """Returns the first other capable provider in a waiting job's list whose lane allows calls.

    None if there is none, or if the job may have been charged. `account`: that of the job's mandate, which must cover
    the price on this day (UTC), because a refusal is final and the first provider's lane may resume.
    """
    named = job.instructions.get("provider", job.provider)
    if job.status is not JobStatus.ACCEPTED or job.may_be_charged or isinstance(named, str):
        return None
    found, _ = find_routes(job.instructions, [name for name in named if name != job.provider], offers)
    affordable = (
        one
        for one in found
        if not explain_cost_limit(one, job.instructions, job.mask_quoted)
        and not (account and account.find_obstacle(job, one.price, day))
    )
    return next((one for one in affordable if read_health(one.provider).allows_calls), None)


def should_fail_over(lane: ProviderHealth, now: datetime) -> bool:
    """Whether a job that names another provider moves to it; a job that may be the probe stays."""
    return lane.has_provider_problem and check_gate(lane, now)[0] is Gate.BLOCKED


def is_persistent_failure(result: ProviderResult, times: int) -> bool:
    """Whether `times` such results in a row prove that nothing was charged, and make an early success unlikely."""
    if result.retry_class is RetryClass.PAUSE:
        return True
    is_transient = result.retry_class is RetryClass.BACKOFF or (
        result.retry_class is RetryClass.NOW and result.code is not Code.TOO_LITTLE_TIME
    )
    return is_transient and (
        times >= FAILOVER_AFTER_FAILURES or (result.retry_after_seconds or 0) >= FAILOVER_AFTER_WAIT_SECONDS
    )


def describe_unavailability(lane: ProviderHealth) -> str:
    """Explains, for a receipt, why a lane blocks calls."""
    codes = ", ".join(pause.code.value for pause in lane.pauses)
    return f"{lane.provider} is paused ({codes})" if codes else f"{lane.provider} is currently failing"


def find_max_quote(fields: Mapping[str, Any], names: Sequence[str], offers: Offers) -> int | None:
    """Returns the price at the most expensive possible provider, in micro-dollars; None if none can run the job."""
    return max((one.price for one in _find_affordable_routes(fields, names, offers)), default=None)


def with_max_quote(job: Job, offers: Offers) -> Job:
    """Quotes the job at the provider in its list where it may cost the most, because it may move there.

    That need not be the most expensive one: `max_cost_usd` leaves more room for retries at another. A mask costs the
    most where the cheaper providers are disabled, which is not known without a stack.
    """
    if job.is_mask and offers.is_assumed:
        most_expensive = offers.list_cheapest({"operation": job.operation})[-1]
        return replace(job, provider=most_expensive.provider, quoted=most_expensive.price)
    named = job.instructions.get("provider", job.provider)
    if isinstance(named, str):
        return job
    routes = _find_affordable_routes(job.instructions, named, offers, job.mask_quoted)
    quotes = [replace(job, quoted=one.price) for one in routes]
    return max(quotes, key=lambda one: one.max_cost, default=job)


def _find_affordable_routes(
    fields: Mapping[str, Any], names: Sequence[str], offers: Offers, mask_price: int = 0
) -> Sequence[Route]:
    """Returns the routes within the limits; all of them if none is, because the job is then refused by its price."""
    found, _ = find_routes(fields, names, offers)
    return [one for one in found if not explain_cost_limit(one, fields, mask_price, offers.mandate)] or found


def explain_cost_limit(route: Route, fields: Mapping[str, Any], mask_price: int, mandate: Mandate | None = None) -> str:
    """Explains why the price, with the mask, exceeds what the instructions or the mandate allow; "" if it does not."""
    limit, cost = fields.get("max_cost_usd"), route.price + mask_price
    text = f"{route.provider} costs up to {describe_price(route.price, mask_price)}"
    if limit is not None and cost > to_micro_usd(Decimal(str(limit))):
        return f"{text}, but max_cost_usd allows {format_limit_usd(limit)}"
    per_picture = mandate.per_picture if mandate else None
    if mandate and per_picture is not None and cost > per_picture * int(fields.get("num_images", 1)):
        return f"{text}, but the mandate {mandate.name} allows {format_usd(per_picture)} per picture"
    return ""


def describe_price(price: int, mask_price: int) -> str:
    """Returns the price of a picture, and that of a mask that is bought with it, both in micro-dollars, as a text."""
    return f"{format_usd(price)} and its mask {format_usd(mask_price)}" if mask_price else format_usd(price)


def _choose_code(objections: Sequence[Objection]) -> Code:
    """Prefers an objection that neither enabling a provider nor setting a price would fix."""
    codes = {one.code for one in objections}
    order = (Code.NOT_EXPRESSIBLE, Code.MORE_IMAGES_THAN_PLACES, Code.PRICE_UNKNOWN)
    return next((code for code in order if code in codes), Code.PROVIDER_NOT_CONFIGURED)


def _explain_no_route(fields: Mapping[str, Any], objections: Sequence[Objection], offers: Offers) -> str:
    reasons = "; ".join(one.message for one in objections)
    if capable := offers.list_capable_providers(fields):
        return f"{reasons}. But {_join_names(capable)} can do it."
    disabled = [name for name in _list_supporting_providers(fields) if name not in offers.enabled_providers]
    if disabled and _choose_code(objections) is Code.NOT_EXPRESSIBLE:
        return f"{reasons}. Disabled in this stack, but able to do it: {_join_names(disabled)}."
    return f"No provider can do it: {reasons}."


def _list_supporting_providers(fields: Mapping[str, Any]) -> list[str]:
    """Returns all providers that support the fields, enabled or not."""
    return [name for name in PROVIDERS if not find_not_expressible(name, fields)]


def _join_names(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _build_passed_over_warnings(reasons: Sequence[str]) -> tuple[JobWarning, ...]:
    return tuple(JobWarning(code=WarningCode.PASSED_OVER, text=Sentence(reason)) for reason in reasons)
