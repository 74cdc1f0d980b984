"""What a provider does with one call: the script of tests, and what faults draw from."""

from collections.abc import Callable
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass


@dataclass(frozen=True)
class Reaction:
    """What the provider does with one call.

    `takes`: it accepts and charges the work. `answer`: what comes back in place of the pictures. `unsafe`: how many
    pictures it withholds. `unrecognized`: how many it returns in a form that Backdrop does not know. `fewer`: how many
    it does not make. `fails`: what becomes of work that was taken and is not charged in the end, unless it `bills`.
    `at_once`: the response to the submit already has the pictures. `seconds`: how long the work takes. `lingers`: for
    how many seconds more the provider is at work when the caller has heard its end. `dies`: the caller is killed before
    it hears anything. `meanwhile`: what others do while the call is under way.
    """

    takes: bool = True
    answer: ProviderResult | None = None
    unsafe: int = 0
    unrecognized: int = 0
    fewer: int = 0
    fails: ProviderResult | None = None
    bills: bool = False
    at_once: bool = False
    seconds: float = 10.0
    lingers: float = 0.0
    dies: bool = False
    meanwhile: Callable[[], object] | None = None


def refuses(
    kind: RetryClass, code: Code, *, retry_after: float | None = None, suspicion: Suspicion | None = None
) -> Reaction:
    """An answer by which nothing was taken and nothing is charged."""
    answer = ProviderResult(kind, code, f"refused: {code.value}", retry_after_seconds=retry_after, suspicion=suspicion)
    return Reaction(takes=False, answer=answer, seconds=1)


def refuses_without_reason() -> Reaction:
    """A refusal that does not say whether the account or the job is the reason."""
    return refuses(RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL)


def fails_unbilled() -> Reaction:
    """The provider fails at the job and, as it publishes, charges nothing."""
    return refuses(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE)


def charges_and_hangs_up(seconds: float = 10.0) -> Reaction:
    """The work is done and charged, and the answer never arrives."""
    return Reaction(answer=ProviderResult.lost("no answer came back"), seconds=seconds)


def hangs_up(seconds: float = 10.0) -> Reaction:
    """Nothing was taken, but the caller cannot know."""
    return Reaction(takes=False, answer=ProviderResult.lost("no answer came back"), seconds=seconds)
