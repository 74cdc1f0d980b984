"""What providers do: outages, lost answers, slow or refused calls, withheld pictures, uninformative lookups."""

from collections.abc import Callable

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from simulation.world.call_behavior import (
    CallBehavior,
    build_charged_hang_up,
    build_refusal,
    build_unbilled_failure,
    build_uncharged_hang_up,
    build_unexplained_refusal,
)
from simulation.world.fault_profile.fault_types import WITH_LOOKUP, InstalledFaults, register_fault
from simulation.world.simulated_provider import ProviderKind
from simulation.world.transport import ServiceCall

OUTAGE_SECONDS = 300.0
TROUBLE_SECONDS = 60.0
UNREACHABLE_SECONDS = 120.0


@register_fault(strikes_one_lane=True)
def provider_outage(faults: InstalledFaults) -> None:
    """The provider cannot be reached, is busy, or hangs up, for five minutes."""
    window = faults.create_window(4, OUTAGE_SECONDS)
    behaviors = (
        lambda: build_refusal(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE),
        lambda: build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        lambda: build_uncharged_hang_up(1),
    )
    faults.provider.behavior_sources.append(lambda: faults.random.choice(behaviors)() if window() else None)


@register_fault(strikes_one_lane=True)
def charge_and_hang_up(faults: InstalledFaults) -> None:
    """The provider charges for a call, and its answer never arrives."""
    _strike_occasionally(faults, lambda: build_charged_hang_up(faults.random.uniform(1, 30)))


@register_fault(strikes_one_lane=True)
def hang_up(faults: InstalledFaults) -> None:
    """The provider accepts nothing, but the caller cannot know that."""
    _strike_occasionally(faults, lambda: build_uncharged_hang_up(faults.random.uniform(0, 10)))


@register_fault(strikes_one_lane=True)
def slow_call(faults: InstalledFaults) -> None:
    """The provider takes longer than any caller waits."""
    timeout_seconds = faults.provider.timeout_seconds
    _strike_occasionally(
        faults, lambda: CallBehavior(work_seconds=faults.random.uniform(timeout_seconds * 0.8, timeout_seconds * 1.5))
    )


@register_fault(strikes_one_lane=True)
def withheld_picture(faults: InstalledFaults) -> None:
    """The provider's safety check withholds a picture for which it charged."""
    _strike_occasionally(faults, lambda: CallBehavior(unsafe_count=1))


@register_fault(strikes_one_lane=True)
def unrecognized_result(faults: InstalledFaults) -> None:
    """The provider charges for a picture and returns it in a form that Backdrop does not know."""
    _strike_occasionally(faults, lambda: CallBehavior(unrecognized_count=1))


@register_fault(strikes_one_lane=True)
def refused_request(faults: InstalledFaults) -> None:
    """The provider's safety check refuses a request."""
    _strike_occasionally(faults, lambda: build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))


@register_fault(strikes_one_lane=True)
def rejected_request(faults: InstalledFaults) -> None:
    """The provider rejects a request as invalid."""
    _strike_occasionally(faults, lambda: build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))


@register_fault(strikes_one_lane=True)
def refused_without_reason(faults: InstalledFaults) -> None:
    """The provider refuses certain photos every time, without saying that they are the reason."""
    _strike_some_jobs(faults, build_unexplained_refusal)


@register_fault(strikes_one_lane=True)
def empty_account_without_reason(faults: InstalledFaults) -> None:
    """The provider refuses every call for a minute because its account is empty, without saying why."""
    _strike_for_a_minute(faults, build_unexplained_refusal)


@register_fault(strikes_one_lane=True)
def failing_photo(faults: InstalledFaults) -> None:
    """The provider fails on certain photos every time and charges nothing."""
    _strike_some_jobs(faults, build_unbilled_failure)


@register_fault(strikes_one_lane=True)
def unbilled_failure(faults: InstalledFaults) -> None:
    """The provider fails on a call once and charges nothing."""
    _strike_occasionally(faults, build_unbilled_failure)


@register_fault(kinds=WITH_LOOKUP, strikes_one_lane=True)
def failed_work(faults: InstalledFaults) -> None:
    """The provider accepts a call, fails in the end, and charges nothing."""
    failure = ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "the work failed")
    _strike_occasionally(faults, lambda: CallBehavior(failure=failure))


@register_fault(kinds=frozenset({ProviderKind.LOOKUP_BY_OUR_ID}), strikes_one_lane=True)
def failed_at_unknown_cost(faults: InstalledFaults) -> None:
    """The provider accepts a call, ends it with an undocumented error, and may or may not charge for it."""
    failure = ProviderResult.failed("the work failed at a cost that is not stated")
    _strike_occasionally(faults, lambda: CallBehavior(failure=failure, bills_failure=faults.random.random() < 0.5))


@register_fault(kinds=WITH_LOOKUP, strikes_one_lane=True)
def result_at_once(faults: InstalledFaults) -> None:
    """The provider's response to the submission already has the finished pictures."""
    _strike_occasionally(faults, lambda: CallBehavior(responds_immediately=True))


@register_fault(strikes_one_lane=True)
def key_refused(faults: InstalledFaults) -> None:
    """The provider refuses the key for a minute."""
    _strike_for_a_minute(faults, lambda: build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED))


@register_fault(strikes_one_lane=True)
def out_of_money(faults: InstalledFaults) -> None:
    """The provider's account is empty for a minute."""
    _strike_for_a_minute(faults, lambda: build_refusal(RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY))


@register_fault(strikes_one_lane=True)
def throttled_call(faults: InstalledFaults) -> None:
    """The provider throttles a call, with or without a Retry-After."""
    trigger = faults.create_trigger(3, 4)

    def build_behavior() -> CallBehavior:
        retry_after = faults.random.choice([None, 0.0, 2.0, 30.0])
        return build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=retry_after)

    faults.provider.behavior_sources.append(lambda: build_behavior() if trigger() else None)


@register_fault(strikes_one_lane=True)
def half_limit(faults: InstalledFaults) -> None:
    """The account allows half the calls that we expect, or fewer, and sometimes all of them."""
    trigger, provider, name = faults.create_trigger(1, 1), faults.provider, faults.name
    full_limit = provider.concurrency_limit

    def change() -> None:
        may_strike, strike_count = faults.may_strike(name), faults.strike_counts[name]
        is_halved = may_strike and (not strike_count or provider.concurrency_limit == full_limit)
        provider.concurrency_limit = (
            max((full_limit if strike_count else provider.concurrency_limit) // 2, 1) if is_halved else full_limit
        )
        if may_strike:
            faults.world.event_loop.call_later(faults.random.uniform(60, 300), change)

    def count_when_full() -> None:
        if provider.concurrency_limit < full_limit and provider.account.count_in_flight() >= provider.concurrency_limit:
            trigger(f"limit {provider.concurrency_limit}")

    provider.behavior_sources.append(count_when_full)
    change()


@register_fault(kinds=WITH_LOOKUP, strikes_one_lane=True)
def stalled_look_up(faults: InstalledFaults) -> None:
    """A lookup says that work is still running long after it has ended."""
    _override_lookup(faults, LookupStatus.PENDING, faults.create_trigger(3, 2))


@register_fault(kinds=frozenset({ProviderKind.LOOKUP_BY_OUR_ID}), strikes_one_lane=True)
def forgetful_look_up(faults: InstalledFaults) -> None:
    """A lookup does not find a call that was accepted."""
    _override_lookup(faults, LookupStatus.ABSENT, faults.create_trigger(3, 6, 3))


@register_fault()
def unreachable_result(faults: InstalledFaults) -> None:
    """Paid pictures cannot be downloaded for two minutes."""
    window = faults.create_window(3, UNREACHABLE_SECONDS)

    def strike(call: ServiceCall) -> None:
        if call.service == "downloads" and window(call):
            raise RetryLaterError(Code.RESULT_UNREACHABLE, "the host does not answer", 5)

    faults.world.transport.faults_before.append(strike)


def _strike_occasionally(faults: InstalledFaults, build_behavior: Callable[[], CallBehavior]) -> None:
    trigger = faults.create_trigger(3, 8)
    faults.provider.behavior_sources.append(lambda: build_behavior() if trigger() else None)


def _strike_some_jobs(faults: InstalledFaults, build_behavior: Callable[[], CallBehavior]) -> None:
    """Strikes all calls of a job that was struck once."""
    trigger, provider = faults.create_trigger(3, 8), faults.provider
    struck_job_ids: set[str] = set()

    def choose_behavior() -> CallBehavior | None:
        job_id = provider.received_job_ids[-1]
        if faults.has_ended or not (job_id in struck_job_ids or trigger(job_id)):
            return None
        struck_job_ids.add(job_id)
        return build_behavior()

    provider.behavior_sources.append(choose_behavior)


def _strike_for_a_minute(faults: InstalledFaults, build_behavior: Callable[[], CallBehavior]) -> None:
    window = faults.create_window(4, TROUBLE_SECONDS)
    faults.provider.behavior_sources.append(lambda: build_behavior() if window() else None)


def _override_lookup(faults: InstalledFaults, status: LookupStatus, trigger: Callable[[], bool]) -> None:
    previous = faults.provider.override_lookup
    faults.provider.override_lookup = lambda: status if trigger() else previous()
