"""How much of a provider's account is used when it allows half of the calls that the stack is set to have open.

Runs the steps in the simulated world: N photos, C configured, C/2 allowed, S seconds a call. Ideal: N * S / (C/2).
Prints ideal and simulated seconds and their ratio; from 0.90 on, throttling is weather.
"""

from datetime import timedelta

from proof.world.pictures import picture
from proof.world.reactions import Reaction
from proof.world.stack import World

PHOTOS = 100
CONFIGURED = 10


def drain(seconds_per_call: float, seed: int) -> float:
    """Simulated seconds from the first paid call to the end of the last one."""
    world = World(seed, in_flight=CONFIGURED, account_limit=CONFIGURED // 2)
    world.provider.otherwise = Reaction(seconds=seconds_per_call)
    world.start()
    for n in range(PHOTOS):
        world.drop(f"shoes/{n}.jpg", picture(str(n)), operation="remove")
    world.hub.run_until(world.clock.time + timedelta(hours=6), stop=lambda: len(world.pictures()) == PHOTOS)
    calls = [call for call in world.provider.paid_calls if call.micro_usd]
    began, ended = min(call.opened_at for call in calls), max(call.closed_at or call.opened_at for call in calls)
    return (ended - began).total_seconds()


def main() -> None:
    print(f"{PHOTOS} photos, {CONFIGURED} calls configured, {CONFIGURED // 2} allowed; simulated seconds")
    print(f"{'S':>4} {'ideal':>8} {'took':>8} {'used':>6}")
    for seconds in (1, 4, 15):
        took = sum(drain(seconds, seed) for seed in range(5)) / 5
        ideal = PHOTOS * seconds / (CONFIGURED // 2)
        print(f"{seconds:>4} {ideal:>8.1f} {took:>8.1f} {ideal / took:>6.2f}")


if __name__ == "__main__":
    main()
