"""Looks at what buys: keys, lanes, how many calls are allowed, prices, the budget."""

from collections.abc import Iterator
from contextlib import suppress

from backdrop.model.errors import InstructionError
from backdrop.model.pricing import MICRO, SELLS_CREDITS, micro_of, price_per_image, usd_text
from backdrop_cli.operate.checks import Check, State, place_of
from backdrop_cli.operate.key_check import accepted
from backdrop_cli.operate.keys import clients_of, secret_of
from backdrop_cli.stack import PARAMETERS, Stack

# What an account may have open without an agreement of its own (Ideogram's API documentation, "Rate limits").
ALLOWED = {"ideogram": 10}
PLAIN = {"operation": "replace"}


def keys(stack: Stack) -> Iterator[Check]:
    """Keys."""
    clients, (region, _) = clients_of(stack), place_of(stack)
    for name in stack.providers:
        what, set_it = f"key of {name}", f"`backdrop key set {name}` sets it."
        secret = secret_of(stack, name)
        try:
            found = clients.secrets.get_secret_value(SecretId=secret)
        except clients.secrets.exceptions.ResourceNotFoundException:
            words = f"the secret {secret} is not there or empty in {region}; one in another region is not read"
            yield Check(what, State.WRONG, words, set_it)
            continue
        key = found.get("SecretString", "").strip()
        if not key:
            yield Check(what, State.WRONG, f"the secret {secret} is empty", set_it)
            continue
        base = stack.parameters.get(f"{PARAMETERS[name]}BaseUrl", "")
        is_accepted, words = accepted(name, base, key)
        state = {True: State.GOOD, False: State.WRONG, None: State.UNKNOWN}[is_accepted]
        yield Check(what, state, words, "" if is_accepted is not False else set_it)


def lanes(stack: Stack) -> Iterator[Check]:
    """Lanes."""
    for name in stack.providers:
        lane, what = stack.keeper.ledger.lane(name), f"lane of {name}"
        if lane.pauses:
            first = lane.pauses[0]
            fix = f"When that is mended, `backdrop resume {name}` lets it go on at once."
            yield Check(what, State.WRONG, f"paused ({first.code.value}): {first.message}", fix)
        elif stack.keeper.lanes.is_on(name) is False:
            fix = f"`backdrop resume {name}` switches it on."
            yield Check(what, State.WRONG, "its event source mapping is off, though nothing pauses it", fix)
        elif stack.limits[name] > ALLOWED.get(name, stack.limits[name]):
            words = f"{lane.state}, {stack.limits[name]} calls at a time, where an account may have {ALLOWED[name]}"
            fix = f"Unless {name} has agreed to more, deploy with {PARAMETERS[name]}MaxInFlight={ALLOWED[name]}."
            yield Check(what, State.UNKNOWN, words, fix)
        else:
            yield Check(what, State.GOOD, f"{lane.state}, {stack.limits[name]} calls at a time")


def prices(stack: Stack) -> Iterator[Check]:
    """Prices."""
    if SELLS_CREDITS in stack.providers and SELLS_CREDITS not in stack.market.prices:
        words = "1min.ai sells credits, and nobody said what an image costs: its jobs are refused (price_unknown)"
        yield Check("prices", State.WRONG, words, "Deploy with OneMinUsdPerImage=<dollars for one image>.")


def money(stack: Stack) -> Iterator[Check]:
    """Today's budget."""
    day, cap = stack.day(stack.clock.now())
    left, least = max(cap - day.settled - day.reserved, 0), _cheapest(stack)
    words = f"{usd_text(left)} of {usd_text(cap)} left today"
    every_day = micro_of(stack.parameters.get("DailyBudgetUSD", str(stack.daily_budget / MICRO)))
    if every_day < least:
        daily = f"DailyBudgetUSD is {usd_text(every_day)}, less than the {usd_text(least)} of a new background"
        fix = "Deploy with a higher DailyBudgetUSD; for today alone, `backdrop budget 10 --today` (10: dollars)."
        yield Check("budget", State.WRONG if left < least else State.UNKNOWN, f"{daily}; {words}", fix)
    elif left < least:
        yield Check("budget", State.WRONG, words, "`backdrop budget 300 --today` raises it (300: dollars).")
    else:
        yield Check("budget", State.GOOD, words)


def _cheapest(stack: Stack) -> int:
    """What the cheapest new background costs at a provider that is on, micro-dollars."""
    found: list[int] = []
    for name in stack.providers:
        with suppress(InstructionError):
            found.append(price_per_image(name, PLAIN, stack.market.prices))
    return min(found, default=1)
