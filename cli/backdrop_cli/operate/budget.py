"""The verb `budget`: what today may cost, what of it is gone, and a cap that a person sets until midnight UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from backdrop.model.circuit import Reason
from backdrop.model.job import Status
from backdrop.model.pricing import micro_of, usd_of, usd_text
from backdrop_cli.errors import MisusedError
from backdrop_cli.operate import lanes
from backdrop_cli.screen import Screen, several
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

MOST = Decimal(1_000_000_000)
# More jobs are not read for a sum that nobody needs to the cent.
MOST_COUNTED = 1000


def amount(dollars: str | None, *, today: bool) -> int | None:
    """The cap that is asked for, micro-dollars, None where none is; MisusedError where it cannot be meant."""
    if dollars is None:
        return None
    try:
        usd = Decimal(dollars.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("NaN")
    if dollars.startswith("-") and usd.is_nan():
        raise MisusedError(f"there is no option {dollars}; try `backdrop budget --help`")
    if not usd.is_nan() and usd < 0:
        raise MisusedError(
            f"a budget of {dollars} is less than none; `backdrop budget 0 --today` buys nothing more today"
        )
    if not usd.is_finite() or not 0 <= usd <= MOST or usd != round(usd, 6):
        raise MisusedError(f"{dollars!r} is no number of dollars; say for example `backdrop budget 300 --today`")
    if not today:
        raise MisusedError(
            f"say `backdrop budget {dollars} --today` to set it until midnight UTC; what holds every day is the stack "
            f'parameter DailyBudgetUSD (`make up PARAMS="DailyBudgetUSD={usd:f}"`, on AWS with `sam deploy`)'
        )
    return micro_of(usd)


def show(stack: Stack, screen: Screen) -> None:
    """Today's cap, what is settled and reserved of it, what is left."""
    now = stack.clock.now()
    day, cap = stack.day(now)
    left = left_today(stack)
    held, waiting = _held(stack), _waiting(stack)
    needs = {"waiting_jobs": waiting.jobs, "waiting_usd": usd_of(waiting.price), "more_wait": waiting.more}
    screen.data(_document(stack, now) | {"paused": sorted(held)} | needs)
    usual = usd_text(stack.daily_budget)
    origin = "the stack's DailyBudgetUSD" if day.cap is None else f"set by a person; the stack's is {usual}"
    unknown = f"{usd_text(day.unknown)} of it perhaps not charged: answers that were lost" if day.unknown else "paid"
    rows = [
        ("cap", usd_text(cap), origin),
        ("settled", usd_text(day.settled), unknown),
        ("reserved", usd_text(day.reserved), "for calls that are out"),
        ("left", usd_text(left), f"until {_until(now)}"),
        ("needed", usd_text(waiting.price), waiting.words),
    ]
    screen.say(f"The budget of {day.day} (UTC), stack {stack.name}")
    screen.table({"": "left", " ": "right", "  ": "words"}, rows)
    for name, needs in held.items():
        screen.say(f"{name} is paused for it: a job needs {usd_text(needs)}. `backdrop budget 300 --today` raises it.")


@dataclass(frozen=True)
class Waiting:
    """The jobs that are accepted and not bought, and what they cost at most, micro-dollars; `more`: not all counted."""

    jobs: int
    price: int
    more: bool

    @property
    def words(self) -> str:
        """Whose need it is."""
        counted = several(self.jobs, "job")
        return (
            f"at most, by the first {counted} that wait; there are more"
            if self.more
            else f"at most, by {counted} that wait"
        )


def _waiting(stack: Stack) -> Waiting:
    """What the jobs need that wait for their turn, for money, or for their lane."""
    refs = list(islice((ref for ref in stack.orders.books.open() if ref.job_id), MOST_COUNTED + 1))
    found = side_by_side(
        lambda ref: stack.orders.ledger.job(ref.source_id, ref.job_id or ""), refs[:MOST_COUNTED], stack.at_once
    )
    prices = [job.quoted for job in found if job and job.status is Status.ACCEPTED]
    return Waiting(len(prices), sum(prices), len(refs) > MOST_COUNTED)


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
