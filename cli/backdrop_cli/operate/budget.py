"""The verb `budget`: what today may cost, what of it is gone, and a cap that a person sets until midnight UTC."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from backdrop.core.lane import Reason
from backdrop.core.money import micro_of, usd_of, usd_text
from backdrop_cli.errors import MisusedError
from backdrop_cli.operate import lanes
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MOST = Decimal(1_000_000_000)


def amount(dollars: str | None, *, today: bool) -> int | None:
    """The cap that is asked for, micro-dollars, None where none is; MisusedError where it cannot be meant."""
    if dollars is None:
        return None
    try:
        usd = Decimal(dollars.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or not 0 <= usd <= MOST or usd != round(usd, 6):
        raise MisusedError(f"{dollars!r} is no number of dollars; say for example `backdrop budget 300 --today`")
    if not today:
        raise MisusedError(
            f"say `backdrop budget {dollars} --today` to set it until midnight UTC; what holds every day is the stack "
            f'parameter DailyBudgetUSD (`make up PARAMS="DailyBudgetUSD={usd}"`, on AWS with `sam deploy`)'
        )
    return micro_of(usd)


def show(stack: Stack, screen: Screen) -> None:
    """Today's cap, what is settled and reserved of it, what is left."""
    now = stack.clock.now()
    day, cap = stack.day(now)
    left = left_today(stack)
    held = _held(stack)
    screen.data(_document(stack, now) | {"paused": sorted(held)})
    usual = usd_text(stack.daily_budget)
    origin = "the stack's DailyBudgetUSD" if day.cap is None else f"set by a person; the stack's is {usual}"
    unknown = f"{usd_text(day.unknown)} of it perhaps not charged: answers that were lost" if day.unknown else "paid"
    rows = [
        ("cap", usd_text(cap), origin),
        ("settled", usd_text(day.settled), unknown),
        ("reserved", usd_text(day.reserved), "for calls that are out"),
        ("left", usd_text(left), f"until {_until(now)}"),
    ]
    screen.say(f"The budget of {day.day} (UTC), stack {stack.name}")
    screen.table({"": "left", " ": "right", "  ": "words"}, rows)
    for name, needs in held.items():
        screen.say(f"{name} is paused for it: a job needs {usd_text(needs)}. `backdrop budget 300 --today` raises it.")


def left_today(stack: Stack) -> int:
    """What may be bought today still, micro-dollars."""
    day, cap = stack.day(stack.clock.now())
    return max(cap - day.settled - day.reserved, 0)


def put(stack: Stack, screen: Screen, cap: int) -> None:
    """Set today's cap, and let go on what it covers now."""
    now = stack.clock.now()
    stack.orders.books.raise_budget(now.date().isoformat(), cap)
    day, _ = stack.day(now)
    held = _held(stack)
    lifted = [name for name, needs in held.items() if day.settled + needs <= cap]
    for name in lifted:
        lanes.lift(stack, name, Reason.BUDGET)
    screen.data(_document(stack, now) | {"paused": [name for name in held if name not in lifted], "lifted": lifted})
    screen.say(f"Today's budget is {usd_text(cap)} until {_until(now)}; then {usd_text(stack.daily_budget)} again.")
    if not cap:
        screen.say("So nothing more is bought today.")
    elif day.settled >= cap:
        screen.say(f"{usd_text(day.settled)} is settled already, so nothing more is bought today.")
    for name, needs in held.items():
        screen.say(_went(stack, name) if name in lifted else f"{name} stays paused: a job needs {usd_text(needs)}.")


def _went(stack: Stack, name: str) -> str:
    others = stack.keeper.ledger.lane(name).pauses
    if others:
        return f"{name} stands still for another reason: {others[0].message} `backdrop resume {name}` lifts it."
    return f"{name} goes on."


def _held(stack: Stack) -> dict[str, int]:
    """The lanes that wait for the budget, and what the first job that found no room needs, micro-dollars."""
    found: dict[str, int] = {}
    for name in stack.providers:
        for pause in stack.keeper.ledger.lane(name).pauses:
            if pause.reason is Reason.BUDGET:
                found[name] = pause.needs
    return found


def _document(stack: Stack, now: datetime) -> dict[str, Any]:
    day, cap = stack.day(now)
    sums = {"cap": cap, "settled": day.settled, "unknown": day.unknown, "reserved": day.reserved}
    sums["left"] = max(cap - day.settled - day.reserved, 0)
    amounts = {f"{name}_usd": usd_of(micro) for name, micro in sums.items()}
    until = _midnight(now).isoformat(timespec="seconds")
    return {"stack": stack.name, "day": day.day, "set_by_person": day.cap is not None, **amounts, "until": until}


def _midnight(now: datetime) -> datetime:
    """The end of the day (UTC)."""
    return datetime.combine(now.date() + timedelta(days=1), time(0), UTC)


def _until(now: datetime) -> str:
    minutes = int((_midnight(now) - now).total_seconds()) // 60
    return f"midnight UTC, in {minutes // 60} h {minutes % 60} min"
