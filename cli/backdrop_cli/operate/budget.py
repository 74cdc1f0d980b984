"""The `budget` command: today's cap and what is left of it, and a cap that a person sets until midnight UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any

from backdrop.model.circuit import PauseReason
from backdrop.model.job import Job, JobStatus
from backdrop.model.pricing import MICRO_PER_USD, format_usd, to_usd
from backdrop.model.schedule import BudgetDay
from backdrop_cli.amounts import MAX_USD, parse_usd
from backdrop_cli.errors import UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.operate import pause_resume
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

# Enough for the sum of what waits, which need not be exact.
MAX_COUNTED_JOBS = 1000


def parse_budget(dollars: str | None, *, today: bool) -> int | None:
    """Returns the requested cap in micro-dollars, or None if none was given. Raises UsageError if it is not valid."""
    if dollars is None:
        return None
    cap = parse_usd(dollars)
    if dollars.startswith("-") and parse_usd(dollars[1:]) is None:
        raise UsageError(f"there is no option {dollars}; try `backdrop budget --help`")
    if dollars.startswith("-"):
        raise UsageError(
            f"a budget of {dollars} is negative; to buy nothing more today, use `backdrop budget 0 --today`"
        )
    if cap is None:
        raise UsageError(
            f"{dollars!r} is not an amount of at most {MAX_USD:,} dollars with at most six decimals; use, for example, "
            "`backdrop budget 300 --today`"
        )
    if not today:
        raise UsageError(
            f"use `backdrop budget {dollars} --today` to set it until midnight UTC; the budget for every day is the "
            f'stack parameter DailyBudgetUSD (`make up PARAMS="DailyBudgetUSD={dollars.removeprefix("$")}"`, on AWS '
            "`sam deploy`)"
        )
    return cap


def show_budget(stack: Stack, screen: Screen) -> None:
    now = stack.clock.now()
    # Everything comes from one reading: between two of them, calls begin and end.
    day, cap = stack.read_budget(now)
    paused_lanes, waiting = _find_budget_pauses(stack), _sum_budget_demand(stack)
    demand_fields = {
        "waiting_jobs": waiting.job_count,
        "waiting_usd": to_usd(waiting.max_price),
        "more_wait": waiting.is_truncated,
    }
    screen.print_json(_build_document(stack, day, cap, now) | {"paused": sorted(paused_lanes)} | demand_fields)
    default_cap = format_usd(stack.daily_budget)
    origin = "the stack's DailyBudgetUSD" if day.cap is None else f"set by a person for today; otherwise {default_cap}"
    unknown = f"{format_usd(day.unknown)} of it possibly not charged, for lost answers" if day.unknown else "charged"
    rows = [
        ("cap", format_usd(cap), origin),
        ("spent", format_usd(day.spent), unknown),
        ("reserved", format_usd(day.reserved), "for calls in flight"),
        ("left", format_usd(compute_left(day, cap)), f"until {_format_time_to_midnight(now)}"),
        ("needed", format_usd(waiting.max_price), waiting.description),
    ]
    screen.print(f"Budget of stack {stack.name} for {day.day} (UTC)")
    screen.print_table({"": "left", " ": "right", "  ": "words"}, rows)
    for name, needed in paused_lanes.items():
        enough = day.spent + day.reserved + max(needed, waiting.max_price)
        screen.print(
            f"{name} is paused by the budget: a job needs {format_usd(needed)}. To cover what is needed, run "
            f"`backdrop budget {_round_up_to_dollars(enough)} --today` (in dollars)."
        )


def _round_up_to_dollars(micro_usd: int) -> int:
    return -(-micro_usd // MICRO_PER_USD)


@dataclass(frozen=True)
class BudgetDemand:
    """The jobs that are accepted and not bought, and their maximum price with all retries, in micro-dollars.

    `is_truncated`: there are more jobs than were counted.
    """

    job_count: int
    max_price: int
    is_truncated: bool

    @property
    def description(self) -> str:
        counted = format_count(self.job_count, "job")
        return (
            f"at most, for the first {counted} in the queue; there are more"
            if self.is_truncated
            else f"at most, for {counted} in the queue"
        )


def _sum_budget_demand(stack: Stack) -> BudgetDemand:
    """Sums up the accepted jobs, which wait for their turn, for the budget, or for their lane."""
    refs = list(
        islice((ref for ref in stack.redrive_service.ledger_queries.list_open() if ref.job_id), MAX_COUNTED_JOBS + 1)
    )
    jobs = parallel_map(
        lambda ref: stack.redrive_service.ledger.find_job(ref.source_id, ref.job_id or ""),
        refs[:MAX_COUNTED_JOBS],
        stack.max_threads,
    )
    prices = [_find_max_price(job) for job in jobs if job and job.status is JobStatus.ACCEPTED]
    return BudgetDemand(len(prices), sum(prices), len(refs) > MAX_COUNTED_JOBS)


def _find_max_price(job: Job) -> int:
    """Returns the price of the job's next call and of the retries that may follow it. Its mask is a job of its own."""
    return max(job.max_cost - len(job.judged_attempts) * job.quoted, job.quoted)


def compute_left(day: BudgetDay, cap: int) -> int:
    """Returns what can still be bought on a day, in micro-dollars."""
    return max(cap - day.spent - day.reserved, 0)


def describe_budget_shortfall(stack: Stack, max_price: int) -> str:
    """Returns "" if today's budget covers the price (micro-dollars)."""
    remaining = compute_left(*stack.read_budget(stack.clock.now()))
    if max_price <= remaining:
        return ""
    return f"Today's budget has {format_usd(remaining)} left. What it does not cover waits for the next day (UTC)."


def set_budget(stack: Stack, screen: Screen, cap: int) -> None:
    """Sets today's cap, and resumes the lanes that it covers now."""
    now = stack.clock.now()
    stack.redrive_service.ledger_queries.set_day_cap(now.date().isoformat(), cap)
    day, cap = stack.read_budget(now)
    paused_lanes = _find_budget_pauses(stack)
    lifted = [name for name, needed in paused_lanes.items() if day.spent + needed <= cap]
    for name in lifted:
        pause_resume.lift_pause(stack, name, PauseReason.BUDGET)
    screen.print_json(
        _build_document(stack, day, cap, now)
        | {"paused": [name for name in paused_lanes if name not in lifted], "lifted": lifted}
    )
    screen.print(
        f"Today's budget is {format_usd(cap)} until {_format_time_to_midnight(now)}; "
        f"then {format_usd(stack.daily_budget)} again."
    )
    if not cap:
        screen.print("Nothing more is bought today.")
    elif day.spent >= cap:
        screen.print(f"{format_usd(day.spent)} is already spent, so nothing more is bought today.")
    if day.spent + day.reserved > cap:
        screen.print(f"Calls in flight may still cost up to {format_usd(day.reserved)}.")
    for name, needed in paused_lanes.items():
        screen.print(
            _describe_lifted_lane(stack, name)
            if name in lifted
            else f"{name} stays paused: a job needs {format_usd(needed)}."
        )


def _describe_lifted_lane(stack: Stack, name: str) -> str:
    remaining_pauses = stack.circuit_breaker.ledger.read_health(name).pauses
    if remaining_pauses:
        return (
            f"{name} stays paused for another reason: {remaining_pauses[0].message} To resume it, run "
            f"`backdrop resume {name}`."
        )
    return f"{name} is resumed."


def _find_budget_pauses(stack: Stack) -> dict[str, int]:
    """Returns the lanes that the budget pauses, with the price of the job that paused each (micro-dollars)."""
    needs_by_lane: dict[str, int] = {}
    for name in stack.providers:
        for pause in stack.circuit_breaker.ledger.read_health(name).pauses:
            if pause.reason is PauseReason.BUDGET:
                needs_by_lane[name] = pause.required_budget
    return needs_by_lane


def _build_document(stack: Stack, day: BudgetDay, cap: int, now: datetime) -> dict[str, Any]:
    sums = {"cap": cap, "settled": day.spent, "unknown": day.unknown, "reserved": day.reserved}
    sums["left"] = compute_left(day, cap)
    amounts = {f"{name}_usd": to_usd(micro) for name, micro in sums.items()}
    until = _next_midnight(now).isoformat(timespec="seconds")
    return {"stack": stack.name, "day": day.day, "set_by_person": day.cap is not None, **amounts, "until": until}


def _next_midnight(now: datetime) -> datetime:
    return datetime.combine(now.date() + timedelta(days=1), time(0), UTC)


def _format_time_to_midnight(now: datetime) -> str:
    minutes = int((_next_midnight(now) - now).total_seconds()) // 60
    return f"midnight UTC, in {minutes // 60} h {minutes % 60} min"
