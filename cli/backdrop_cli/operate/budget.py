"""The verb `budget`: what today may cost, what of it is gone, and a cap that a person sets until midnight UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from backdrop.model.circuit import PauseReason
from backdrop.model.job import JobStatus
from backdrop.model.pricing import format_usd, to_micro_usd, to_usd
from backdrop_cli.errors import UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.operate import pause_resume
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_BUDGET_USD = Decimal(1_000_000_000)
# More jobs are not read for a sum that nobody needs to the cent.
MAX_COUNTED_JOBS = 1000


def parse_budget(dollars: str | None, *, today: bool) -> int | None:
    """The cap that is asked for, micro-dollars, None where none is; UsageError where it cannot be meant."""
    if dollars is None:
        return None
    try:
        usd = Decimal(dollars.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("NaN")
    if dollars.startswith("-") and usd.is_nan():
        raise UsageError(f"there is no option {dollars}; try `backdrop budget --help`")
    if not usd.is_nan() and usd < 0:
        raise UsageError(
            f"a budget of {dollars} is less than none; `backdrop budget 0 --today` buys nothing more today"
        )
    if not usd.is_finite() or not 0 <= usd <= MAX_BUDGET_USD or usd != round(usd, 6):
        raise UsageError(f"{dollars!r} is no number of dollars; say for example `backdrop budget 300 --today`")
    if not today:
        raise UsageError(
            f"say `backdrop budget {dollars} --today` to set it until midnight UTC; what holds every day is the stack "
            f'parameter DailyBudgetUSD (`make up PARAMS="DailyBudgetUSD={usd:f}"`, on AWS with `sam deploy`)'
        )
    return to_micro_usd(usd)


def show_budget(stack: Stack, screen: Screen) -> None:
    """Today's cap, what is settled and reserved of it, what is left."""
    now = stack.clock.now()
    day, cap = stack.read_budget(now)
    left = read_remaining_budget(stack)
    paused_lanes, waiting = _find_budget_pauses(stack), _sum_budget_demand(stack)
    needs = {
        "waiting_jobs": waiting.job_count,
        "waiting_usd": to_usd(waiting.max_price),
        "more_wait": waiting.is_truncated,
    }
    screen.print_json(_build_document(stack, now) | {"paused": sorted(paused_lanes)} | needs)
    default_cap = format_usd(stack.daily_budget)
    origin = "the stack's DailyBudgetUSD" if day.cap is None else f"set by a person; the stack's is {default_cap}"
    unknown = f"{format_usd(day.unknown)} of it perhaps not charged: answers that were lost" if day.unknown else "paid"
    rows = [
        ("cap", format_usd(cap), origin),
        ("settled", format_usd(day.spent), unknown),
        ("reserved", format_usd(day.reserved), "for calls that are out"),
        ("left", format_usd(left), f"until {_format_time_to_midnight(now)}"),
        ("needed", format_usd(waiting.max_price), waiting.description),
    ]
    screen.print(f"The budget of {day.day} (UTC), stack {stack.name}")
    screen.print_table({"": "left", " ": "right", "  ": "words"}, rows)
    for name, needs in paused_lanes.items():
        screen.print(
            f"{name} is paused for it: a job needs {format_usd(needs)}. `backdrop budget 300 --today` raises it."
        )


@dataclass(frozen=True)
class BudgetDemand:
    """The jobs that are accepted and not bought, and what they cost at most, micro-dollars.

    `is_truncated`: not all counted.
    """

    job_count: int
    max_price: int
    is_truncated: bool

    @property
    def description(self) -> str:
        """Whose need it is."""
        counted = format_count(self.job_count, "job")
        return (
            f"at most, by the first {counted} that wait; there are more"
            if self.is_truncated
            else f"at most, by {counted} that wait"
        )


def _sum_budget_demand(stack: Stack) -> BudgetDemand:
    """What the jobs need that wait for their turn, for money, or for their lane."""
    refs = list(
        islice((ref for ref in stack.redrive_service.ledger_queries.list_open() if ref.job_id), MAX_COUNTED_JOBS + 1)
    )
    jobs = parallel_map(
        lambda ref: stack.redrive_service.ledger.find_job(ref.source_id, ref.job_id or ""),
        refs[:MAX_COUNTED_JOBS],
        stack.max_threads,
    )
    prices = [job.quoted for job in jobs if job and job.status is JobStatus.ACCEPTED]
    return BudgetDemand(len(prices), sum(prices), len(refs) > MAX_COUNTED_JOBS)


def read_remaining_budget(stack: Stack) -> int:
    """What may be bought today still, micro-dollars."""
    day, cap = stack.read_budget(stack.clock.now())
    return max(cap - day.spent - day.reserved, 0)


def describe_budget_shortfall(stack: Stack, max_price: int) -> str:
    """Returns "" if today's budget covers the price (micro-dollars)."""
    remaining = read_remaining_budget(stack)
    if max_price <= remaining:
        return ""
    return f"Today's budget has {format_usd(remaining)} left. What it does not cover waits for the next day (UTC)."


def set_budget(stack: Stack, screen: Screen, cap: int) -> None:
    """Set today's cap, and let go on what it covers now."""
    now = stack.clock.now()
    stack.redrive_service.ledger_queries.set_day_cap(now.date().isoformat(), cap)
    day, _ = stack.read_budget(now)
    paused_lanes = _find_budget_pauses(stack)
    lifted = [name for name, needs in paused_lanes.items() if day.spent + needs <= cap]
    for name in lifted:
        pause_resume.lift_pause(stack, name, PauseReason.BUDGET)
    screen.print_json(
        _build_document(stack, now)
        | {"paused": [name for name in paused_lanes if name not in lifted], "lifted": lifted}
    )
    screen.print(
        f"Today's budget is {format_usd(cap)} until {_format_time_to_midnight(now)}; "
        f"then {format_usd(stack.daily_budget)} again."
    )
    if not cap:
        screen.print("So nothing more is bought today.")
    elif day.spent >= cap:
        screen.print(f"{format_usd(day.spent)} is settled already, so nothing more is bought today.")
    for name, needs in paused_lanes.items():
        screen.print(
            _describe_lifted_lane(stack, name)
            if name in lifted
            else f"{name} stays paused: a job needs {format_usd(needs)}."
        )


def _describe_lifted_lane(stack: Stack, name: str) -> str:
    remaining_pauses = stack.circuit_breaker.ledger.read_health(name).pauses
    if remaining_pauses:
        return (
            f"{name} stands still for another reason: {remaining_pauses[0].message} `backdrop resume {name}` lifts it."
        )
    return f"{name} goes on."


def _find_budget_pauses(stack: Stack) -> dict[str, int]:
    """The lanes that wait for the budget, and what the first job that found no room needs, micro-dollars."""
    needs_by_lane: dict[str, int] = {}
    for name in stack.providers:
        for pause in stack.circuit_breaker.ledger.read_health(name).pauses:
            if pause.reason is PauseReason.BUDGET:
                needs_by_lane[name] = pause.required_budget
    return needs_by_lane


def _build_document(stack: Stack, now: datetime) -> dict[str, Any]:
    day, cap = stack.read_budget(now)
    sums = {"cap": cap, "settled": day.spent, "unknown": day.unknown, "reserved": day.reserved}
    sums["left"] = max(cap - day.spent - day.reserved, 0)
    amounts = {f"{name}_usd": to_usd(micro) for name, micro in sums.items()}
    until = _next_midnight(now).isoformat(timespec="seconds")
    return {"stack": stack.name, "day": day.day, "set_by_person": day.cap is not None, **amounts, "until": until}


def _next_midnight(now: datetime) -> datetime:
    """The end of the day (UTC)."""
    return datetime.combine(now.date() + timedelta(days=1), time(0), UTC)


def _format_time_to_midnight(now: datetime) -> str:
    minutes = int((_next_midnight(now) - now).total_seconds()) // 60
    return f"midnight UTC, in {minutes // 60} h {minutes % 60} min"
