"""The table that puts the two pipelines side by side, for a terminal and for a page of the repository."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table

from fault_bench.bench_run import BenchResult, BenchSettings
from fault_bench.verdict import PipelineFigures
from simulation.run_environment import describe_environment

type FormatCell = Callable[[Sequence[PipelineFigures]], str]

COMPARED_NOTE = (
    "Both pipelines run on the same emulator, one after the other, each with a provider of its own that breaks in the"
    " same way for the same photos. The naive one is `fault_bench/naive_pipeline`."
)
BACKDROP_ONLY_NOTE = "Here Backdrop was run without the naive pipeline (`fault_bench/naive_pipeline`)."
ALL_LANES_NOTE = "Photos go to all four lanes at once; what is said of slots and their use is Ideogram's."


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
    ("photos dropped", _format_sum(lambda column: column.photo_count)),
    ("with a whole picture", _format_sum(lambda column: column.picture_count)),
    ("without one, and somebody was told why", _format_sum(lambda column: column.reported_count)),
    ("lost without a word", _format_sum(lambda column: column.lost_count)),
    ("calls paid", _format_sum(lambda column: column.paid_call_count)),
    ("of these, paid again for the same photo", _format_sum(lambda column: column.repeated_call_count)),
    ("of these, in no book of the pipeline's own", _format_sum(lambda column: column.unrecorded_call_count)),
    ("billed, USD", lambda columns: f"{sum(column.billed_usd for column in columns):.2f}"),
    ("dead letters", _format_sum(lambda column: column.dead_letter_count)),
    ("of these false: the fault had passed", _format_sum(lambda column: column.false_dead_letter_count)),
    ("workers killed in the call", _format_sum(lambda column: column.observed.kill_count)),
    ("most calls held open at a time", lambda columns: str(max(column.observed.peak_in_flight for column in columns))),
    ("calls refused for want of a slot", _format_sum(lambda column: column.observed.refused_count)),
    ("paid calls when all is dropped a second time", _format_sum(lambda column: column.repeat_upload_calls)),
    ("paid calls when one sidecar is edited", _format_sum(lambda column: column.edit_calls)),
    ("seconds the calls needed / took (median)", _format_seconds),
    ("drain efficiency (median)", _format_efficiency),
    ("seconds until nothing moved (median)", lambda c: f"{median(one.observed.seconds_to_rest for one in c):.0f}"),
)


def list_columns(results: Sequence[BenchResult]) -> list[tuple[str, list[PipelineFigures]]]:
    """The pipelines that were run, with their figures seed by seed."""
    naive = [result.naive for result in results if result.naive]
    return [("Backdrop", [result.backdrop for result in results])] + ([("naive", naive)] if naive else [])


def build_rows(results: Sequence[BenchResult]) -> list[list[str]]:
    """The comparison: what, and what of it each pipeline shows over all seeds."""
    columns_found = list_columns(results)
    return [[title, *(cell(figures) for _, figures in columns_found)] for title, cell in TABLE_ROWS]


def build_fault_rows(results: Sequence[BenchResult]) -> list[list[str]]:
    """Each kind of fault: how often it was announced, and how often it struck each pipeline."""
    columns_found = list_columns(results)
    announced = sum((column.observed.announced_counts for column in columns_found[0][1]), Counter[str]())
    strike_counts = [
        sum((column.observed.strike_counts for column in figures), Counter[str]()) for _, figures in columns_found
    ]
    return [[name, str(count), *(str(fired[name]) for fired in strike_counts)] for name, count in announced.items()]


def build_table(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """For a terminal."""
    built = Table(title=title, title_justify="left")
    for n, head in enumerate(headings):
        built.add_column(head, justify="right" if n else "left")
    for line in lines:
        built.add_row(*line)
    return built


def build_tables(results: Sequence[BenchResult]) -> list[Table]:
    """Both tables for a terminal."""
    names = [name for name, _ in list_columns(results)]
    return [
        build_table(
            "faults: announced at the least, and fired", ["fault", "announced", *names], build_fault_rows(results)
        ),
        build_table("the same photos under the same faults", ["", *names], build_rows(results)),
    ]


def format_page(results: Sequence[BenchResult], settings: BenchSettings, unfinished: Sequence[int] = ()) -> str:
    """The page of the repository; `unfinished` are the seeds that did not come to an end."""
    names = [name for name, _ in list_columns(results)]
    seeds = ", ".join(str(result.plan.seed) for result in results)
    violation_lines = [f"- seed {result.plan.seed}: {violation}" for result in results for violation in result.breaches]
    violation_lines += [f"- seed {seed}: did not come to an end, so it stands in no figure" for seed in unfinished]
    parts = [
        "# The fault bench: Backdrop beside a pipeline as tutorials build it",
        "Written by `make chaos` with `OUT=`; `fault_bench` says what is done and how it is counted."
        f" {COMPARED_NOTE if len(names) > 1 else BACKDROP_ONLY_NOTE}"
        f"{f' {ALL_LANES_NOTE}' if settings.use_all_lanes else ''}",
        f"{settings.photos} photos per seed, {settings.call_seconds:g} s per call,"
        f" {settings.concurrency_limit} calls at a time,"
        f" {settings.timeout_seconds} s until a caller gives up. Seeds: {seeds}. Measured on {describe_environment()}.",
        *_format_table(["", *names], build_rows(results)),
        "Drain efficiency: the seconds that the calls need when every slot is in use, by the seconds from the first"
        " upload to the end of the last call. Outage and pause are no fault of the pipeline's; a slot that a lost call"
        " may still hold counts as used.",
        "## Promises",
        "\n".join(violation_lines) or "None was broken.",
        "## Faults",
        *_format_table(["fault", "announced", *names], build_fault_rows(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _format_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in headings[1:])]
    return ["\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines])]
