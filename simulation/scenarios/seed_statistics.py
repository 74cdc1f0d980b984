"""The sums of many runs, for a terminal and for a page of the repository."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.table import Table

from simulation.run_environment import describe_environment
from simulation.scenarios.simulation_run import SimulationResult
from simulation.world.fault_profile import count_by_type, find_fault_type

END_STATUSES = ("stored", "rejected", "refused", "dead", "held", "superseded", "cancelled")
WAITING_STATUSES = ("accepted", "submitting", "unknown", "paid", "review")


@dataclass
class SeedStatistics:
    """The sums of some runs, with the violations by seed."""

    seed_count: int = 0
    multi_lane_count: int = 0
    shared_budget_count: int = 0
    wall_seconds: float = 0.0
    simulated_seconds: float = 0.0
    call_count: int = 0
    photo_count: int = 0
    paid_call_count: int = 0
    unknown_charge_count: int = 0
    strike_counts: Counter[str] = field(default_factory=Counter[str])
    planned_counts: Counter[str] = field(default_factory=Counter[str])
    product_counts: Counter[str] = field(default_factory=Counter[str])
    end_counts: Counter[str] = field(default_factory=Counter[str])
    violations_by_seed: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def add_result(self, result: SimulationResult) -> None:
        self.seed_count += 1
        self.simulated_seconds += result.simulated_seconds
        self.call_count += result.call_count
        self.photo_count += result.photo_count
        self.paid_call_count += result.paid_call_count
        self.unknown_charge_count += result.unknown_charge_count
        self.strike_counts += count_by_type(result.strike_counts)
        self.planned_counts.update({find_fault_type(name).name for name in result.plan.faults})
        self.multi_lane_count += bool(result.plan.other_lanes)
        self.shared_budget_count += "budget_shares" in result.plan.setup
        self.end_counts += result.end_counts
        self.product_counts += result.product_counts
        if result.broken_invariants or result.error:
            messages = [str(violation) for _, violation in result.violations]
            self.violations_by_seed[result.plan.seed] = messages or result.error.strip().splitlines()[-1:]

    def list_unfired_faults(self) -> list[str]:
        """Returns the faults that were planned but never struck in any seed."""
        return sorted(name for name in self.planned_counts if not self.strike_counts[name])


def format_summary(statistics: SeedStatistics) -> Mapping[str, str]:
    seeds_per_second = statistics.seed_count / statistics.wall_seconds if statistics.wall_seconds else 0.0
    days = statistics.simulated_seconds / 86_400
    return {
        "seeds": f"{statistics.seed_count:,}",
        "… with several lanes": f"{statistics.multi_lane_count:,}",
        "… with shares of the budget": f"{statistics.shared_budget_count:,}",
        "seeds with a broken promise": f"{len(statistics.violations_by_seed):,}",
        "seeds per second": f"{seeds_per_second:.1f}",
        "simulated time": f"{days:,.0f} days",
        "calls to services": f"{statistics.call_count:,}",
        "photos": f"{statistics.photo_count:,}",
        "jobs": f"{statistics.end_counts.total():,}",
        **{
            f"… that ended {name}": f"{statistics.end_counts[name]:,}"
            for name in END_STATUSES
            if statistics.end_counts[name]
        },
        **{
            f"… that wait to the end, {name}": f"{statistics.end_counts[name]:,}"
            for name in WAITING_STATUSES
            if statistics.end_counts[name]
        },
        "paid calls": f"{statistics.paid_call_count:,}",
        "charges that are still unknown": f"{statistics.unknown_charge_count:,}",
        **{name: f"{count:,}" for name, count in sorted(statistics.product_counts.items())},
        "faults that struck": f"{statistics.strike_counts.total():,}",
    }


def build_tables(statistics: SeedStatistics) -> Iterable[Table]:
    yield _build_table(("figure", ""), format_summary(statistics).items())
    yield _build_table(
        ("fault", "struck"), ((name, f"{times:,}") for name, times in sorted(statistics.strike_counts.items()))
    )


def _build_table(headings: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(headings[0])
    table.add_column(headings[1], justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def format_page(statistics: SeedStatistics, first: int) -> str:
    lines = [
        "# Simulated seeds",
        "",
        f"Written by `make simulate SEEDS={statistics.seed_count} FIRST={first} OUT=docs/results/simulate.md`",
        f"on {describe_environment()}.",
        "Each seed is one world with its own photos, users, and faults. Every invariant is checked after every call,",
        "at rest, and once more after all notifications are repeated. Jobs that wait to the end are in a lane that an",
        "operator, a budget, or a fault keeps paused for longer than the run lasts, cost more than any day's "
        "budget, or have pictures about which no person decides.",
        "",
        "| figure | |",
        "|---|--:|",
        *(f"| {name} | {value} |" for name, value in format_summary(statistics).items()),
        "",
        "| fault | planned in seeds | struck |",
        "|---|--:|--:|",
        *(
            f"| `{name}` | {statistics.planned_counts[name]:,} | {statistics.strike_counts[name]:,} |"
            for name in sorted(statistics.planned_counts)
        ),
    ]
    broken_lines = [f"- seed {seed}: {messages[0]}" for seed, messages in sorted(statistics.violations_by_seed.items())]
    return "\n".join([*lines, *(["", "## Broken promises", "", *broken_lines] if broken_lines else [])]) + "\n"
