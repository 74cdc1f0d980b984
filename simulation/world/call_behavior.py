"""What a provider does with a call: scripts for tests, and what faults choose from."""

from collections.abc import Callable
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass

# How long a caller waits for the acknowledgment of its submission.
SUBMISSION_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class CallBehavior:
    """What the provider does with one call.

    `accepts_work`: it accepts the work and charges for it. `result`: returned instead of the pictures.
    `unsafe_count`: the pictures that it withholds. `unrecognized_count`: the pictures that it returns in a form
    that Backdrop does not know. `surcharge`: what it charges above its price list for each picture, in
    micro-dollars. `missing_count`: the pictures that it does not make. `failure`: the final result of accepted work,
    which is charged only if `bills_failure`. `responds_immediately`: the response to the submission already has the
    pictures. `work_seconds`: how long the caller waits for the work. `acknowledgment_seconds`: how long it waits for
    the acknowledgment of a submission. `lingering_seconds`: for how long the provider continues after that.
    `kills_worker`: the caller is killed before it gets a response. `run_during_call`: called during the call.
    """

    accepts_work: bool = True
    result: ProviderResult | None = None
    unsafe_count: int = 0
    unrecognized_count: int = 0
    missing_count: int = 0
    surcharge: int = 0
    failure: ProviderResult | None = None
    bills_failure: bool = False
    responds_immediately: bool = False
    work_seconds: float = 10.0
    acknowledgment_seconds: float = 1.0
    lingering_seconds: float = 0.0
    kills_worker: bool = False
    run_during_call: Callable[[], object] | None = None

    @property
    def submission_seconds(self) -> float:
        """How long a submission takes at most. If the connection breaks, that need not show at once."""
        is_lost = self.result is not None and self.result.retry_class is RetryClass.AMBIG
        return SUBMISSION_TIMEOUT_SECONDS if is_lost else self.acknowledgment_seconds


def build_refusal(
    retry_class: RetryClass, code: Code, *, retry_after: float | None = None, suspicion: Suspicion | None = None
) -> CallBehavior:
    """A result by which nothing was accepted and nothing is charged."""
    result = ProviderResult(
        retry_class, code, f"refused: {code.value}", retry_after_seconds=retry_after, suspicion=suspicion
    )
    return CallBehavior(accepts_work=False, result=result, work_seconds=1)


def build_unexplained_refusal() -> CallBehavior:
    """A refusal that does not say whether the account or the job is the reason."""
    return build_refusal(RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL)


def build_unbilled_failure() -> CallBehavior:
    """The provider fails on the job and, as its documentation says, charges nothing."""
    return build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE)


def build_charged_hang_up(seconds: float = 10.0) -> CallBehavior:
    """The work is done and charged for, but the answer never arrives."""
    return CallBehavior(result=ProviderResult.lost("no answer came back"), work_seconds=seconds)


def build_uncharged_hang_up(seconds: float = 10.0) -> CallBehavior:
    """Nothing was accepted, but the caller cannot know that."""
    return CallBehavior(accepts_work=False, result=ProviderResult.lost("no answer came back"), work_seconds=seconds)
