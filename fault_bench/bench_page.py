"""The table that compares the two pipelines, for a terminal and for a page of the repository."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table

from fault_bench.bench_run import BenchResult, BenchSettings
from fault_bench.verdict import PipelineFigures
from simulation.run_environment import describe_environment

type FormatCell = Callable[[Sequence[PipelineFigures]], str]

COMPARED_NOTE = (
    "Both pipelines run on the same emulator, one after the other. Each has its own provider, which fails in the same"
    " way for the same photos. The naive one is `fault_bench/naive_pipeline`."
)
BACKDROP_ONLY_NOTE = "Backdrop ran without the naive pipeline (`fault_bench/naive_pipeline`)."
ALL_LANES_NOTE = "Photos go to all four lanes at the same time. The figures about slots are for Ideogram."


def _format_sum(count: Callable[[PipelineFigures], int]) -> FormatCell:
    return lambda columns: f"{sum(count(column) for column in columns):,}"


def _format_efficiency(columns: Sequence[PipelineFigures]) -> str:
    shares = [column.observed.slot_use.efficiency for column in columns]
    return f"{median(shares):.1%}" + (f" (lowest {min(shares):.1%})" if len(shares) > 1 else "")


def _format_seconds(columns: Sequence[PipelineFigures]) -> str:
    drains = [column.observed.slot_use for column in columns]
    return (
        f"{median(drain.ideal_seconds for drain in drains):.0f} / "
        f"{median(drain.measured_seconds for drain in drains):.0f}"
    )


TABLE_ROWS: tuple[tuple[str, FormatCell], ...] = (
    ("photos uploaded", _format_sum(lambda column: column.photo_count)),
    ("with a complete picture", _format_sum(lambda column: column.picture_count)),
    ("without one, with a report", _format_sum(lambda column: column.reported_count)),
    ("lost without a report", _format_sum(lambda column: column.lost_count)),
    ("paid calls", _format_sum(lambda column: column.paid_call_count)),
    ("of these, repeated for the same photo", _format_sum(lambda column: column.repeated_call_count)),
    ("of these, not recorded by the pipeline", _format_sum(lambda column: column.unrecorded_call_count)),
    ("bought again, because the product differed", _format_sum(lambda column: column.retry_count)),
    ("paid calls for masks", _format_sum(lambda column: column.mask_call_count)),
    ("pictures about which two people decided", _format_sum(lambda column: column.decisions.made)),
    ("decisions refused, because the other one came first", _format_sum(lambda column: column.decisions.refused)),
    ("billed, USD", lambda columns: f"{sum(column.billed_usd for column in columns):.2f}"),
    ("dead letters", _format_sum(lambda column: column.dead_letter_count)),
    ("of these, false: the fault was transient", _format_sum(lambda column: column.false_dead_letter_count)),
    ("workers killed during a call", _format_sum(lambda column: column.observed.kill_count)),
    (
        "maximum calls open at the same time",
        lambda columns: str(max(column.observed.peak_in_flight for column in columns)),
    ),
    ("calls refused because all slots were in use", _format_sum(lambda column: column.observed.refused_count)),
    (
        "paid calls answered while the output bucket refused writes (most of a seed)",
        lambda columns: str(max(column.observed.unstorable_count for column in columns)),
    ),
    ("paid calls when everything is uploaded a second time", _format_sum(lambda column: column.repeat_upload_calls)),
    ("paid calls when one sidecar is edited", _format_sum(lambda column: column.edit_calls)),
    ("seconds that the calls needed / took (median)", _format_seconds),
    ("drain efficiency (median)", _format_efficiency),
    (
        "seconds until at rest (median)",
        lambda columns: f"{median(column.observed.seconds_to_rest for column in columns):.0f}",
    ),
)


def list_columns(results: Sequence[BenchResult]) -> list[tuple[str, list[PipelineFigures]]]:
    """Returns the pipelines that ran, with their figures seed by seed."""
    naive = [result.naive for result in results if result.naive]
    return [("Backdrop", [result.backdrop for result in results])] + ([("naive", naive)] if naive else [])


def build_rows(results: Sequence[BenchResult]) -> list[list[str]]:
    """Returns the rows of the comparison: a title, and the figure of each pipeline over all seeds."""
    columns = list_columns(results)
    return [[title, *(cell(figures) for _, figures in columns)] for title, cell in TABLE_ROWS]


def build_fault_rows(results: Sequence[BenchResult]) -> list[list[str]]:
    """Returns how often each kind of fault was planned, and how often it struck each pipeline."""
    columns = list_columns(results)
    planned = sum((figures.observed.planned_counts for figures in columns[0][1]), Counter[str]())
    strike_counts = [
        sum((column.observed.strike_counts for column in figures), Counter[str]()) for _, figures in columns
    ]
    return [[name, str(count), *(str(counts[name]) for counts in strike_counts)] for name, count in planned.items()]


def build_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    return table


def build_tables(results: Sequence[BenchResult]) -> list[Table]:
    """Returns both tables for a terminal."""
    names = [name for name, _ in list_columns(results)]
    return [
        build_table("faults: minimum planned, and struck", ["fault", "planned", *names], build_fault_rows(results)),
        build_table("the same photos under the same faults", ["", *names], build_rows(results)),
    ]


def format_page(results: Sequence[BenchResult], settings: BenchSettings, unfinished: Sequence[int] = ()) -> str:
    """Formats the page of the repository; `unfinished` are the seeds that failed before their end."""
    names = [name for name, _ in list_columns(results)]
    seeds = ", ".join(str(result.plan.seed) for result in results)
    violation_lines = [
        f"- seed {result.plan.seed}: {violation}" for result in results for violation in result.violations
    ]
    violation_lines += [f"- seed {seed}: did not finish, and is not in the figures" for seed in unfinished]
    parts = [
        "# The fault bench: Backdrop next to a typical tutorial's pipeline",
        "Written by `make chaos` with `OUT=`; `fault_bench` documents what it does and how it counts."
        f" {COMPARED_NOTE if len(names) > 1 else BACKDROP_ONLY_NOTE}"
        f"{f' {ALL_LANES_NOTE}' if settings.use_all_lanes else ''}",
        f"{settings.photos} photos per seed, {settings.call_seconds:g} s per call,"
        f" {settings.concurrency_limit} calls at the same time,"
        f" {settings.timeout_seconds} s until a caller gives up. Seeds: {seeds}. Measured on {describe_environment()}.",
        *_format_table(["", *names], build_rows(results)),
        "Drain efficiency: the seconds that the calls need if every slot is in use, divided by the seconds from the"
        " first upload to the end of the last call. Outages and pauses do not count against the pipeline. A slot that"
        " a lost call may still occupy counts as used.",
        "## Invariants",
        "\n".join(violation_lines) or "None was broken.",
        "## Faults",
        *_format_table(["fault", "planned", *names], build_fault_rows(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    separator = ["---", *("---:" for _ in headings[1:])]
    return ["\n".join(f"| {' | '.join(row)} |" for row in [headings, separator, *rows])]
