"""Faults that only seeds need, beside the world's own: those that strike where a guard of the product stands."""

from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass
from proof.world.faults.plan import Faults, fault
from proof.world.faults.services import LEDGER, of_workers
from proof.world.provider import Kind, Reaction, refuses
from proof.world.wire import Call, die, refusal

LONG_SECONDS = 400.0
PHOTO = ".jpg"
POISON = "poisoned_photo"


@fault()
def table_gone_for_long(faults: Faults) -> None:
    """For longer than an invocation lasts there is no table."""
    spell = faults.spell(60, LONG_SECONDS)

    def strike(call: Call) -> None:
        if of_workers(call, LEDGER) and spell(call):
            raise refusal("ResourceNotFoundException", call.operation, 400)

    faults.world.wire.before.append(strike)


@fault(of_lane=True)
def provider_outage_for_long(faults: Faults) -> None:
    """For half an hour the provider is out of order."""
    spell = faults.spell(4, 1800)
    faults.provider.weather.append(lambda: refuses(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE) if spell() else None)


@fault(kinds=frozenset({Kind.UNASKABLE}), of_lane=True)
def lingering_call(faults: Faults) -> None:
    """The provider hangs up early and goes on with the work, which holds its slot."""
    trap, longest = faults.trap(4, 8), faults.provider.timeout_seconds

    def hang_up() -> Reaction:
        seconds = faults.random.uniform(2, 9)
        return Reaction(answer=ProviderResult.lost("hung up"), seconds=seconds, lingers=longest * 0.9 - seconds)

    faults.provider.weather.append(lambda: hang_up() if trap() else None)


@fault()
def poisoned_photo(faults: Faults) -> None:
    """One photo, or its result, kills every worker that opens it."""
    trap = faults.trap(3, 1)
    poisoned: list[str] = []
    step = faults.random.choice(["intake", "render", "deliver"])

    def strike(call: Call) -> None:
        what = opened(call)
        if what and call.worker.startswith(step) and what in (poisoned or [what]) and trap(what):
            poisoned[:] = [what]
            die(call)

    faults.world.wire.after.append(strike)


def opened(call: Call) -> str:
    """What a worker opens with this call: a photo or a result; an empty text where it opens nothing.

    Intake has opened a photo when it asks for its sidecar; one that killed others is looked at from afar, without that.
    """
    if call.service == "downloads":
        return str(call.sent["url"])
    key = str(call.sent.get("Key", "")) if call.operation == "get_object" else ""
    ours = key.endswith(f"{PHOTO}.json") if call.worker.startswith("intake") else key.endswith(PHOTO)
    return key if ours else ""
