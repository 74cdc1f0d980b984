"""What providers do: outages, lost answers, slow and refused calls, pictures withheld, look-ups that tell nothing."""

from collections.abc import Callable

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from proof.world.faults.plan import ASKABLE, Faults, fault
from proof.world.provider import Kind
from proof.world.reactions import (
    Reaction,
    charges_and_hangs_up,
    fails_unbilled,
    hangs_up,
    refuses,
    refuses_without_reason,
)
from proof.world.wire import Call

OUTAGE_SECONDS = 300.0
TROUBLE_SECONDS = 60.0
UNREACHABLE_SECONDS = 120.0


@fault(of_lane=True)
def provider_outage(faults: Faults) -> None:
    """For five minutes the provider cannot be reached, is busy, or hangs up."""
    spell = faults.spell(4, OUTAGE_SECONDS)
    ways = (
        lambda: refuses(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE),
        lambda: refuses(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        lambda: hangs_up(1),
    )
    faults.provider.weather.append(lambda: faults.random.choice(ways)() if spell() else None)


@fault(of_lane=True)
def charge_and_hang_up(faults: Faults) -> None:
    """The provider charges a call, and its answer never arrives."""
    _now_and_then(faults, lambda: charges_and_hangs_up(faults.random.uniform(1, 30)))


@fault(of_lane=True)
def hang_up(faults: Faults) -> None:
    """The provider takes nothing, but nobody can know."""
    _now_and_then(faults, lambda: hangs_up(faults.random.uniform(0, 10)))


@fault(of_lane=True)
def slow_call(faults: Faults) -> None:
    """The provider takes longer than anybody waits."""
    longest = faults.provider.timeout_seconds
    _now_and_then(faults, lambda: Reaction(seconds=faults.random.uniform(longest * 0.8, longest * 1.5)))


@fault(of_lane=True)
def withheld_picture(faults: Faults) -> None:
    """The provider's safety check withholds a picture that it charged."""
    _now_and_then(faults, lambda: Reaction(unsafe=1))


@fault(of_lane=True)
def unrecognized_result(faults: Faults) -> None:
    """The provider charges a picture and returns it in a form that Backdrop does not know."""
    _now_and_then(faults, lambda: Reaction(unrecognized=1))


@fault(of_lane=True)
def refused_request(faults: Faults) -> None:
    """The provider's safety check refuses a request."""
    _now_and_then(faults, lambda: refuses(RetryClass.PERM, Code.UNSAFE_REQUEST))


@fault(of_lane=True)
def rejected_request(faults: Faults) -> None:
    """The provider calls a request invalid."""
    _now_and_then(faults, lambda: refuses(RetryClass.PERM, Code.REQUEST_REJECTED))


@fault(of_lane=True)
def refused_without_reason(faults: Faults) -> None:
    """The provider refuses certain photos each time and does not say that they are the reason."""
    _certain_jobs(faults, refuses_without_reason)


@fault(of_lane=True)
def empty_account_without_reason(faults: Faults) -> None:
    """For a minute the provider refuses every call, since its account is empty, and does not say why."""
    _for_a_minute(faults, refuses_without_reason)


@fault(of_lane=True)
def failing_photo(faults: Faults) -> None:
    """The provider fails at certain photos each time and charges nothing."""
    _certain_jobs(faults, fails_unbilled)


@fault(of_lane=True)
def unbilled_failure(faults: Faults) -> None:
    """The provider fails at a call once and charges nothing."""
    _now_and_then(faults, fails_unbilled)


@fault(kinds=ASKABLE, of_lane=True)
def failed_work(faults: Faults) -> None:
    """The provider takes a call, gives it up at the end, and charges nothing."""
    failure = ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "the work failed")
    _now_and_then(faults, lambda: Reaction(fails=failure))


@fault(kinds=frozenset({Kind.OWN_ID}), of_lane=True)
def failed_at_unknown_cost(faults: Faults) -> None:
    """The provider takes a call, ends it with an error that no page explains, and charges it or not."""
    failure = ProviderResult.failed("the work failed at a cost that is not stated")
    _now_and_then(faults, lambda: Reaction(fails=failure, bills=faults.random.random() < 0.5))


@fault(kinds=ASKABLE, of_lane=True)
def result_at_once(faults: Faults) -> None:
    """The provider's response to the submit itself has the finished pictures."""
    _now_and_then(faults, lambda: Reaction(at_once=True))


@fault(of_lane=True)
def key_refused(faults: Faults) -> None:
    """For a minute the provider refuses the key."""
    _for_a_minute(faults, lambda: refuses(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED))


@fault(of_lane=True)
def out_of_money(faults: Faults) -> None:
    """For a minute the provider's account is empty."""
    _for_a_minute(faults, lambda: refuses(RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY))


@fault(of_lane=True)
def throttled_call(faults: Faults) -> None:
    """The provider says that it is asked too much, and when to come again."""
    trap = faults.trap(3, 4)

    def busy() -> Reaction:
        wait = faults.random.choice([None, 0.0, 2.0, 30.0])
        return refuses(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=wait)

    faults.provider.weather.append(lambda: busy() if trap() else None)


@fault(of_lane=True)
def half_limit(faults: Faults) -> None:
    """The account may do half of what we think, or less, and sometimes all of it."""
    trap, provider, name = faults.trap(1, 1), faults.provider, faults.name
    whole = provider.limit

    def change() -> None:
        may, struck = faults.may_strike(name), faults.fired[name]
        halved = may and (not struck or provider.limit == whole)
        provider.limit = max((whole if struck else provider.limit) // 2, 1) if halved else whole
        if may:
            faults.world.hub.after(faults.random.uniform(60, 300), change)

    def watch() -> None:
        if provider.limit < whole and provider.account.at_work() >= provider.limit:
            trap(f"limit {provider.limit}")

    provider.weather.append(watch)
    change()


@fault(kinds=ASKABLE, of_lane=True)
def stalled_look_up(faults: Faults) -> None:
    """A look-up says that the work goes on when it is long done."""
    _look_up(faults, LookupStatus.PENDING, faults.trap(3, 2))


@fault(kinds=frozenset({Kind.OWN_ID}), of_lane=True)
def forgetful_look_up(faults: Faults) -> None:
    """A look-up knows nothing of a call that was taken."""
    _look_up(faults, LookupStatus.ABSENT, faults.trap(3, 6, 3))


@fault()
def unreachable_result(faults: Faults) -> None:
    """For two minutes paid pictures cannot be fetched."""
    spell = faults.spell(3, UNREACHABLE_SECONDS)

    def strike(call: Call) -> None:
        if call.service == "downloads" and spell(call):
            raise RetryLaterError(Code.RESULT_UNREACHABLE, "the host does not answer", 5)

    faults.world.wire.before.append(strike)


def _now_and_then(faults: Faults, make: Callable[[], Reaction]) -> None:
    trap = faults.trap(3, 8)
    faults.provider.weather.append(lambda: make() if trap() else None)


def _certain_jobs(faults: Faults, make: Callable[[], Reaction]) -> None:
    """The same for each call of a job that was struck once."""
    trap, provider = faults.trap(3, 8), faults.provider
    struck: set[str] = set()

    def react() -> Reaction | None:
        job_id = provider.calls[-1]
        if faults.ended or not (job_id in struck or trap(job_id)):
            return None
        struck.add(job_id)
        return make()

    provider.weather.append(react)


def _for_a_minute(faults: Faults, make: Callable[[], Reaction]) -> None:
    spell = faults.spell(4, TROUBLE_SECONDS)
    faults.provider.weather.append(lambda: make() if spell() else None)


def _look_up(faults: Faults, standing: LookupStatus, trap: Callable[[], bool]) -> None:
    earlier = faults.provider.stalls
    faults.provider.stalls = lambda: standing if trap() else earlier()
