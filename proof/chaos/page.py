"""The table that puts the two pipelines side by side, for a terminal and for a page of the repository."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table

from proof.chaos.bench import Result, Size
from proof.chaos.verdict import Figures
from proof.measured import measured_on

type Cell = Callable[[Sequence[Figures]], str]

BESIDE = (
    "Both pipelines run on the same emulator, one after the other, each with a provider of its own that breaks in the"
    " same way for the same photos. The naive one is `proof/chaos/naive`."
)
ALONE = "Here Backdrop was run without the naive pipeline (`proof/chaos/naive`)."
MIXED = "Photos go to all four lanes at once; what is said of slots and their use is Ideogram's."


def _sum(name: str) -> Cell:
    return lambda columns: f"{sum(getattr(column, name) for column in columns):,}"


def _played(name: str) -> Cell:
    return lambda columns: f"{sum(getattr(column.played, name) for column in columns):,}"


def _efficiency(columns: Sequence[Figures]) -> str:
    shares = [column.played.drain.efficiency for column in columns]
    return f"{median(shares):.1%}" + (f" (lowest {min(shares):.1%})" if len(shares) > 1 else "")


def _seconds(columns: Sequence[Figures]) -> str:
    drains = [column.played.drain for column in columns]
    return f"{median(drain.ideal for drain in drains):.0f} / {median(drain.measured for drain in drains):.0f}"


ROWS: tuple[tuple[str, Cell], ...] = (
    ("photos dropped", _sum("photos")),
    ("with a whole picture", _sum("pictures")),
    ("without one, and somebody was told why", _sum("told")),
    ("lost without a word", _sum("lost")),
    ("calls paid", _sum("paid")),
    ("of these, paid again for the same photo", _sum("paid_again")),
    ("of these, in no book of the pipeline's own", _sum("unrecorded")),
    ("billed, USD", lambda columns: f"{sum(column.usd for column in columns):.2f}"),
    ("dead letters", _sum("letters")),
    ("of these false: the fault had passed", _sum("false_letters")),
    ("workers killed in the call", _played("kills")),
    ("most calls held open at a time", lambda columns: str(max(column.played.peak_open for column in columns))),
    ("calls refused for want of a slot", _played("refused")),
    ("paid calls when all is dropped a second time", _sum("second_time")),
    ("paid calls when one sidecar is edited", _sum("edited")),
    ("seconds the calls needed / took (median)", _seconds),
    ("drain efficiency (median)", _efficiency),
    ("seconds until nothing moved (median)", lambda c: f"{median(one.played.seconds_to_rest for one in c):.0f}"),
)


def columns(results: Sequence[Result]) -> list[tuple[str, list[Figures]]]:
    """The pipelines that were run, with their figures seed by seed."""
    naive = [result.naive for result in results if result.naive]
    return [("Backdrop", [result.backdrop for result in results])] + ([("naive", naive)] if naive else [])


def rows(results: Sequence[Result]) -> list[list[str]]:
    """The comparison: what, and what of it each pipeline shows over all seeds."""
    found = columns(results)
    return [[what, *(cell(figures) for _, figures in found)] for what, cell in ROWS]


def fault_rows(results: Sequence[Result]) -> list[list[str]]:
    """Each kind of fault: how often it was announced, and how often it struck each pipeline."""
    found = columns(results)
    announced = sum((column.played.announced for column in found[0][1]), Counter[str]())
    struck = [sum((column.played.fired for column in figures), Counter[str]()) for _, figures in found]
    return [[name, str(times), *(str(fired[name]) for fired in struck)] for name, times in announced.items()]


def table(title: str, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """For a terminal."""
    made = Table(title=title, title_justify="left")
    for n, head in enumerate(heads):
        made.add_column(head, justify="right" if n else "left")
    for line in lines:
        made.add_row(*line)
    return made


def tables(results: Sequence[Result]) -> list[Table]:
    """Both tables for a terminal."""
    names = [name for name, _ in columns(results)]
    return [
        table("faults: announced at the least, and fired", ["fault", "announced", *names], fault_rows(results)),
        table("the same photos under the same faults", ["", *names], rows(results)),
    ]


def document(results: Sequence[Result], size: Size, unfinished: Sequence[int] = ()) -> str:
    """The page of the repository; `unfinished` are the seeds that did not come to an end."""
    names = [name for name, _ in columns(results)]
    seeds = ", ".join(str(result.plan.seed) for result in results)
    broken = [f"- seed {result.plan.seed}: {breach}" for result in results for breach in result.breaches]
    broken += [f"- seed {seed}: did not come to an end, so it stands in no figure" for seed in unfinished]
    parts = [
        "# The fault bench: Backdrop beside a pipeline as tutorials build it",
        "Written by `make chaos` with `OUT=`; `proof/chaos` says what is done and how it is counted."
        f" {BESIDE if len(names) > 1 else ALONE}{f' {MIXED}' if size.mixed else ''}",
        f"{size.photos} photos per seed, {size.seconds:g} s per call, {size.limit} calls at a time,"
        f" {size.timeout_seconds} s until a caller gives up. Seeds: {seeds}. Measured on {measured_on()}.",
        *_markdown(["", *names], rows(results)),
        "Drain efficiency: the seconds that the calls need when every slot is in use, by the seconds from the first"
        " upload to the end of the last call. Outage and pause are no fault of the pipeline's; a slot that a lost call"
        " may still hold counts as used.",
        "## Promises",
        "\n".join(broken) or "None was broken.",
        "## Faults",
        *_markdown(["fault", "announced", *names], fault_rows(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in heads[1:])]
    return ["\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *lines])]
