"""Makes a failing seed smaller: fewer faults, fewer deeds, while the same promise is still broken."""

from collections.abc import Iterator

from proof.simulate.plan import Plan
from proof.simulate.play import Play


def shrunk(plan: Plan, promise: str) -> Plan:
    """The smallest plan that was found; leaving a part out changes all that is drawn after it, so it may stay large."""
    smaller = next((one for one in _smaller(plan) if _still(one, promise)), None)
    return shrunk(smaller, promise) if smaller else plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    for place in range(len(plan.faults)):
        yield plan.but(faults=plan.faults[:place] + plan.faults[place + 1 :])
    for size in (len(plan.acts) // 2, len(plan.acts) // 4, 1):
        for place in range(0, len(plan.acts), max(size, 1)) if size else ():
            yield plan.but(acts=plan.acts[:place] + plan.acts[place + size :])


def _still(plan: Plan, promise: str) -> bool:
    return bool(plan.acts) and promise in Play(plan).run().broken
