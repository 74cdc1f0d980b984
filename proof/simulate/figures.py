"""What many seeds showed, summed up: for a terminal, and for a page of the repository."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.table import Table

from proof.measured import measured_on
from proof.simulate.play import Run
from proof.world.faults import by_fault, named

ENDS = ("stored", "refused", "dead", "held", "superseded", "cancelled")
WAITING = ("accepted", "submitting", "unknown", "paid")


@dataclass
class Figures:
    """The sums over some seeds. `broken`: the names of the broken promises by seed."""

    seeds: int = 0
    mixed: int = 0
    real_seconds: float = 0.0
    simulated_seconds: float = 0.0
    calls: int = 0
    photos: int = 0
    paid: int = 0
    unknown: int = 0
    fired: Counter[str] = field(default_factory=Counter[str])
    announced: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    broken: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def add(self, run: Run) -> None:
        """One more seed."""
        self.seeds += 1
        self.simulated_seconds += run.seconds
        self.calls += run.calls
        self.photos += run.photos
        self.paid += run.paid
        self.unknown += run.unknown
        self.fired += by_fault(run.fired)
        self.announced.update({named(name).name for name in run.plan.faults})
        self.mixed += bool(run.plan.lanes)
        self.ends += run.ends
        if run.broken or run.error:
            words = [str(breach) for _, breach in run.breaches]
            self.broken[run.plan.seed] = words or run.error.strip().splitlines()[-1:]

    def silent(self) -> list[str]:
        """Faults that were announced and never struck in any seed."""
        return sorted(name for name in self.announced if not self.fired[name])


def summary(figures: Figures) -> Mapping[str, str]:
    """The figures in words."""
    rate = figures.seeds / figures.real_seconds if figures.real_seconds else 0.0
    days = figures.simulated_seconds / 86_400
    return {
        "seeds": f"{figures.seeds:,}",
        "… with several lanes": f"{figures.mixed:,}",
        "seeds with a broken promise": f"{len(figures.broken):,}",
        "seeds per second": f"{rate:.1f}",
        "simulated time": f"{days:,.0f} days",
        "calls to services": f"{figures.calls:,}",
        "photos": f"{figures.photos:,}",
        "jobs": f"{figures.ends.total():,}",
        **{f"… that ended {name}": f"{figures.ends[name]:,}" for name in ENDS if figures.ends[name]},
        **{f"… that wait to the end, {name}": f"{figures.ends[name]:,}" for name in WAITING if figures.ends[name]},
        "paid calls": f"{figures.paid:,}",
        "charges that are still unknown": f"{figures.unknown:,}",
        "faults that struck": f"{figures.fired.total():,}",
    }


def tables(figures: Figures) -> Iterable[Table]:
    """For a terminal."""
    yield _table(("figure", ""), summary(figures).items())
    yield _table(("fault", "struck"), ((name, f"{times:,}") for name, times in sorted(figures.fired.items())))


def _table(heads: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(heads[0])
    table.add_column(heads[1], justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def document(figures: Figures, first: int) -> str:
    """The page that the repository keeps."""
    lines = [
        "# Simulated seeds",
        "",
        f"Written by `make simulate SEEDS={figures.seeds} FIRST={first} OUT=docs/results/simulate.md`",
        f"on {measured_on()}.",
        "Each seed is one world with its own photos, people and faults; every promise is checked after every step, at",
        "rest, and once more when everything was told a second time. Jobs that wait to the end stand in a lane that a",
        "person, a budget or a fault keeps shut for longer than the seed lasts, or cost more than any day may.",
        "",
        "| figure | |",
        "|---|--:|",
        *(f"| {name} | {value} |" for name, value in summary(figures).items()),
        "",
        "| fault | announced in seeds | struck |",
        "|---|--:|--:|",
        *(
            f"| `{name}` | {figures.announced[name]:,} | {figures.fired[name]:,} |"
            for name in sorted(figures.announced)
        ),
    ]
    broken = [f"- seed {seed}: {words[0]}" for seed, words in sorted(figures.broken.items())]
    return "\n".join([*lines, *(["", "## Broken promises", "", *broken] if broken else [])]) + "\n"
