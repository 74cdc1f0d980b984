"""Faults that last, for minutes, an hour or days, and those that strike twice at one place."""

from datetime import timedelta

from backdrop.aws.aws_errors import unavailable
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from proof.world.faults.plan import Faults, Trap, fault
from proof.world.faults.services import LEDGER, is_paid_call, of_workers
from proof.world.provider import Kind, Reaction, charges_and_hangs_up, hangs_up, refuses
from proof.world.wire import Call

HOUR_SECONDS = 3600.0
QUARTER_SECONDS = 900.0
DAY_SECONDS = 86_400.0
# Lanes keep a message for four days (template.yaml); reconcile sends one again after three (model/schedule.py).
FEWEST_DAYS, MOST_DAYS = 3.0, 4.5
LONGEST_DAYS_SECONDS = MOST_DAYS * DAY_SECONDS + HOUR_SECONDS
FOR_AN_HOUR = frozenset({"busy_for_an_hour"})
FOR_DAYS = frozenset({"paused_for_days", "refused_for_days"})


# -- the provider -----------------------------------------------------------------------------------------------


@fault(of_lane=True)
def busy_for_an_hour(faults: Faults) -> None:
    """For an hour the provider is asked too much, and does not say when to come again."""
    spell = faults.spell(4, HOUR_SECONDS)
    faults.provider.weather.append(lambda: refuses(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE) if spell() else None)


@fault(kinds=frozenset({Kind.OWN_ID}), of_lane=True)
def rejected_resend(faults: Faults) -> None:
    """A call whose answer was lost goes out again under our id, and the provider calls it invalid."""
    trap, loses, forgets = faults.trap(1, 3), faults.quiet_trap(3, 6, 1_000_000), faults.quiet_trap(1, 3, 1_000_000)
    provider, random = faults.provider, faults.random
    earlier = provider.stalls

    def lost() -> Reaction:
        return random.choice([hangs_up, charges_and_hangs_up])(random.uniform(0, 10))

    provider.weather.append(lambda: lost() if loses() else None)
    provider.stalls = lambda: LookupStatus.ABSENT if forgets() else earlier()
    provider.resends = lambda: refuses(RetryClass.PERM, Code.REQUEST_REJECTED) if trap() else None


@fault()
def unreachable_result_for_long(faults: Faults) -> None:
    """For a quarter of an hour paid pictures cannot be fetched."""
    spell = faults.spell(3, QUARTER_SECONDS)

    def strike(call: Call) -> None:
        if call.service == "downloads" and spell(call):
            raise RetryLaterError(Code.RESULT_UNREACHABLE, "the host does not answer", 5)

    faults.world.wire.before.append(strike)


@fault(slow=True, of_lane=True)
def refused_for_days(faults: Faults) -> None:
    """For days the account is empty, whatever else is over: each of many probes finds that out.

    It begins when all others have struck, which would not be asked any more.
    """
    trap, world, provider = faults.trap(4, 1, 1), faults.world, faults.provider
    until = [world.clock.time]

    def empty() -> Reaction | None:
        if len(faults.silent()) <= 1 and trap():
            until[:] = [world.clock.time + _some_days(faults)]
        return refuses(RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY) if world.clock.time < until[0] else None

    provider.weather.append(empty)


# -- our side ---------------------------------------------------------------------------------------------------


@fault(of_lane=True)
def secrets_out_of_order(faults: Faults) -> None:
    """For some minutes the key cannot be read: Secrets Manager does not answer, or denies it."""
    spell = faults.spell(4, faults.random.uniform(60, 400))
    denied = ProviderResult(RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING, "There is no API key: access is denied.")
    is_denied = faults.random.random() < 0.5

    def key() -> ProviderResult | None:
        if not spell():
            return None
        if is_denied:
            return denied
        raise unavailable("Secrets Manager", "InternalServiceError")

    faults.provider.key = key


@fault()
def slow_table(faults: Faults) -> None:
    """For five minutes each call to the table takes seconds."""
    spell = faults.spell(30, 300)

    def strike(call: Call) -> None:
        if of_workers(call, LEDGER) and spell(call):
            faults.world.clock.sleep(faults.random.uniform(1.5, 6))

    faults.world.wire.before.append(strike)


@fault(of_lane=True)
def message_gone_in_doubt(faults: Faults) -> None:
    """An answer is lost, and then the message of its job."""
    trap, loses = faults.trap(1, 3), faults.quiet_trap(3, 8, 1_000_000)
    provider, random = faults.provider, faults.random
    provider.weather.append(lambda: charges_and_hangs_up(random.uniform(1, 10)) if loses() else None)

    def strike(call: Call) -> None:
        for job_id in _in_doubt(call):
            _take_message(faults, provider.name, job_id, trap)

    faults.world.wire.after.append(strike)


def _in_doubt(call: Call) -> list[str]:
    """The jobs that this call makes `unknown`."""
    writes = call.sent.get("TransactItems", ()) if call.operation == "transact_write_items" else ()
    items = [write["Put"]["Item"] for write in writes if "Put" in write]
    return [item["sk"]["S"].removeprefix("job#") for item in items if item.get("status", {}).get("S") == "unknown"]


def _take_message(faults: Faults, lane: str, job_id: str, trap: Trap) -> None:
    line = faults.world.lines[lane]
    left = [message for message in line.messages if job_id not in message.body]
    if len(left) < len(line.messages) and trap(job_id[:8]):
        line.messages[:] = left


@fault()
def clock_jump_of_an_hour(faults: Faults) -> None:
    """A worker's clock is set an hour forward or back while it works."""
    trap = faults.trap(40, 400, 3)

    def strike(call: Call) -> None:
        worker = faults.world.hub.worker
        if worker and trap(call):
            worker.skew += timedelta(seconds=faults.random.choice([-HOUR_SECONDS, HOUR_SECONDS]))

    faults.world.wire.before.append(strike)


@fault(slow=True, of_lane=True)
def paused_for_days(faults: Faults) -> None:
    """Somebody pauses the lane and forgets it for days; its mapping is slow to switch off, and on again."""
    trap, world, lane = faults.trap(3, 1, 1), faults.world, faults.provider.name

    def strike(call: Call) -> None:
        if is_paid_call(call, lane) and trap():
            before = world.functions.switching_seconds
            world.functions.switching_seconds = lambda: before() or faults.random.uniform(5, 60)
            seconds = _some_days(faults).total_seconds()
            world.hub.after(faults.random.uniform(0, 20), lambda: world.pause(seconds=seconds, provider=lane))

    world.wire.before.append(strike)


def _some_days(faults: Faults) -> timedelta:
    return timedelta(days=faults.random.uniform(FEWEST_DAYS, MOST_DAYS))
