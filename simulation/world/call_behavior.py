"""What a provider does with one call: the script of tests, and what faults draw from."""

from collections.abc import Callable
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass


@dataclass(frozen=True)
class CallBehavior:
    """What the provider does with one call.

    `takes`: it accepts and charges the work. `answer`: what comes back in place of the pictures. `unsafe`: how many
    pictures it withholds. `unrecognized`: how many it returns in a form that Backdrop does not know. `fewer`: how many
    it does not make. `fails`: what becomes of work that was taken and is not charged in the end, unless it `bills`.
    `at_once`: the response to the submit already has the pictures. `seconds`: how long the work takes. `lingers`: for
    how many seconds more the provider is at work when the caller has heard its end. `dies`: the caller is killed before
    it hears anything. `meanwhile`: what others do while the call is under way.
    """

    accepts_work: bool = True
    result: ProviderResult | None = None
    unsafe_count: int = 0
    unrecognized_count: int = 0
    missing_count: int = 0
    failure: ProviderResult | None = None
    bills_failure: bool = False
    responds_immediately: bool = False
    work_seconds: float = 10.0
    lingering_seconds: float = 0.0
    kills_worker: bool = False
    run_during_call: Callable[[], object] | None = None


def build_refusal(
    retry_class: RetryClass, code: Code, *, retry_after: float | None = None, suspicion: Suspicion | None = None
) -> CallBehavior:
    """An answer by which nothing was taken and nothing is charged."""
    result = ProviderResult(
        retry_class, code, f"refused: {code.value}", retry_after_seconds=retry_after, suspicion=suspicion
    )
    return CallBehavior(accepts_work=False, result=result, work_seconds=1)


def build_unexplained_refusal() -> CallBehavior:
    """A refusal that does not say whether the account or the job is the reason."""
    return build_refusal(RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL)


def build_unbilled_failure() -> CallBehavior:
    """The provider fails at the job and, as it publishes, charges nothing."""
    return build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE)


def build_charged_hang_up(seconds: float = 10.0) -> CallBehavior:
    """The work is done and charged, and the answer never arrives."""
    return CallBehavior(result=ProviderResult.lost("no answer came back"), work_seconds=seconds)


def build_uncharged_hang_up(seconds: float = 10.0) -> CallBehavior:
    """Nothing was taken, but the caller cannot know."""
    return CallBehavior(accepts_work=False, result=ProviderResult.lost("no answer came back"), work_seconds=seconds)
