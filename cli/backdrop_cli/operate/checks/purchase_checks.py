"""Checks what purchases need: API keys, lanes, prices, and the budget."""

from collections.abc import Iterator
from contextlib import suppress

from backdrop.model.errors import InstructionError
from backdrop.model.place_leases import PROVIDERS_THAT_COUNT_IMAGES
from backdrop.model.pricing import CREDIT_PROVIDER, MICRO_PER_USD, format_usd, look_up_image_price, to_micro_usd
from backdrop_cli.operate.budget import compute_left
from backdrop_cli.operate.checks import CheckResult, CheckState, find_region_and_account
from backdrop_cli.operate.key_check import check_key_accepted
from backdrop_cli.operate.set_key import format_secret_name, require_clients
from backdrop_cli.stack import Stack
from backdrop_client.stack_description import PARAMETER_PREFIXES

# Calls in flight that an account may have by default (Ideogram's API documentation, "Rate limits").
DEFAULT_ACCOUNT_LIMITS = {"ideogram": 10}
REPLACE_INSTRUCTIONS = {"operation": "replace"}


def check_keys(stack: Stack) -> Iterator[CheckResult]:
    clients, (region, _) = require_clients(stack), find_region_and_account(stack)
    for name in stack.providers:
        check_name, set_key_hint = f"key of {name}", f"To set it, run `backdrop key set {name}`."
        secret = format_secret_name(stack, name)
        try:
            secret_value = clients.secrets.get_secret_value(SecretId=secret)
        except clients.secrets.exceptions.ResourceNotFoundException:
            message = f"the secret {secret} does not exist or is empty in {region}; other regions are not read"
            yield CheckResult(check_name, CheckState.WRONG, message, set_key_hint)
            continue
        key = secret_value.get("SecretString", "").strip()
        if not key:
            yield CheckResult(check_name, CheckState.WRONG, f"the secret {secret} is empty", set_key_hint)
            continue
        base_url = stack.parameters.get(f"{PARAMETER_PREFIXES[name]}BaseUrl", "")
        is_accepted, message = check_key_accepted(name, base_url, key)
        state = {True: CheckState.GOOD, False: CheckState.WRONG, None: CheckState.UNKNOWN}[is_accepted]
        yield CheckResult(check_name, state, message, "" if is_accepted is not False else set_key_hint)


def check_lanes(stack: Stack) -> Iterator[CheckResult]:
    for name in stack.providers:
        lane, check_name = stack.circuit_breaker.ledger.read_health(name), f"lane of {name}"
        counted = "images" if name in PROVIDERS_THAT_COUNT_IMAGES else "calls"
        if lane.pauses:
            reasons = "; ".join(f"({pause.code.value}): {pause.message}" for pause in lane.pauses)
            fix = f"Fix the cause, then run `backdrop resume {name}`."
            yield CheckResult(check_name, CheckState.WRONG, f"paused {reasons}", fix)
        elif stack.circuit_breaker.mappings.is_enabled(name) is False:
            fix = f"To enable it, run `backdrop resume {name}`."
            yield CheckResult(
                check_name,
                CheckState.WRONG,
                "its event source mapping is disabled, although nothing pauses the lane",
                fix,
            )
        elif stack.max_in_flight[name] > DEFAULT_ACCOUNT_LIMITS.get(name, stack.max_in_flight[name]):
            message = (
                f"{lane.state}, {stack.max_in_flight[name]} {counted} at a time, "
                f"but an account may have {DEFAULT_ACCOUNT_LIMITS[name]} by default"
            )
            fix = (
                f"Unless {name} has granted you more, deploy with "
                f"{PARAMETER_PREFIXES[name]}MaxInFlight={DEFAULT_ACCOUNT_LIMITS[name]}."
            )
            yield CheckResult(check_name, CheckState.UNKNOWN, message, fix)
        else:
            message = f"{lane.state}, {stack.max_in_flight[name]} {counted} at a time"
            yield CheckResult(check_name, CheckState.GOOD, message)


def check_prices(stack: Stack) -> Iterator[CheckResult]:
    if CREDIT_PROVIDER in stack.providers and CREDIT_PROVIDER not in stack.offers.prices:
        message = "1min.ai sells credits, and the price of an image is not set: its jobs are refused (price_unknown)"
        yield CheckResult("prices", CheckState.WRONG, message, "Deploy with OneMinUsdPerImage=<US dollars per image>.")


def check_budget(stack: Stack) -> Iterator[CheckResult]:
    day, cap = stack.read_budget(stack.clock.now())
    left, lowest_price = compute_left(day, cap), _find_lowest_price(stack)
    message = f"{format_usd(left)} of {format_usd(cap)} left today"
    daily_cap = to_micro_usd(stack.parameters.get("DailyBudgetUSD", str(stack.daily_budget / MICRO_PER_USD)))
    if daily_cap < lowest_price:
        daily = f"DailyBudgetUSD is {format_usd(daily_cap)}, but a new background costs {format_usd(lowest_price)}"
        fix = "Deploy with a higher DailyBudgetUSD; for today only, run `backdrop budget 10 --today` (in dollars)."
        yield CheckResult(
            "budget", CheckState.WRONG if left < lowest_price else CheckState.UNKNOWN, f"{daily}; {message}", fix
        )
    elif left < lowest_price:
        yield CheckResult(
            "budget", CheckState.WRONG, message, "To raise it, run `backdrop budget 300 --today` (in dollars)."
        )
    else:
        yield CheckResult("budget", CheckState.GOOD, message)


def _find_lowest_price(stack: Stack) -> int:
    """Returns the lowest price of a new background among the enabled providers, in micro-dollars."""
    price_list: list[int] = []
    for name in stack.providers:
        with suppress(InstructionError):
            price_list.append(look_up_image_price(name, REPLACE_INSTRUCTIONS, stack.offers.prices))
    return min(price_list, default=1)
