"""The output at the end of a demo: a table of the results, and a panel for each error report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from backdrop.model.pricing import format_usd
from backdrop_cli.demo.demo_quote import read_instructions
from backdrop_cli.demo.demo_screen import STATUS_STYLES
from backdrop_cli.demo.order_progress import OrderProgress
from backdrop_cli.demo.order_tracker import OrderTracker
from backdrop_cli.demo.order_uploads import UploadedOrder
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.formatting import escape_unprintable, format_count, format_style
from backdrop_cli.gallery.gallery_entries import MONEY_TEXTS


def build_results_table(tracker: OrderTracker, prefix: str) -> Table:
    """One row per file: instructions, result, seconds from upload to receipt, and cost."""
    results = Table(box=box.SIMPLE_HEAD, title="Results", title_justify="left", title_style="bold", pad_edge=False)
    results.add_column("Photo", overflow="fold")
    results.add_column("Instructions", overflow="fold", ratio=1)
    results.add_column("Result", overflow="fold")
    results.add_column("Seconds", justify="right", no_wrap=True)
    results.add_column("Cost", justify="right", no_wrap=True)
    for key, progress in tracker.progress.items():
        uploaded = tracker.uploaded_orders[key]
        seconds_text = f"{seconds:.1f}" if (seconds := measure_seconds(uploaded, progress)) is not None else ""
        cost = format_usd(progress.cost_micro_usd)
        results.add_row(
            Text(escape_unprintable(key.removeprefix(prefix))),
            format_order(uploaded),
            _format_result(key, progress),
            seconds_text,
            cost,
        )
    progress_list = tracker.progress.values()
    images = format_count(sum(progress.image_count for progress in progress_list), "image")
    files = format_count(sum(len(progress.pictures) for progress in progress_list), "file")
    total = format_usd(sum(progress.cost_micro_usd for progress in tracker.progress.values()))
    results.add_section()
    results.add_row(
        Text(f"{len(progress_list)} uploaded"), "", Text(f"{images} in {files}"), "", Text(total, style="bold")
    )
    return results


def print_results(tracker: OrderTracker, prefix: str, console: Console) -> None:
    """The same without a terminal: one line per file, for logs and pipes."""
    console.print("\nResults")
    for key, progress in tracker.progress.items():
        uploaded = tracker.uploaded_orders[key]
        seconds = measure_seconds(uploaded, progress)
        seconds_text = f"{seconds:.1f} s" if seconds is not None else "-"
        result = _format_result(key, progress).plain.replace("\n", ", ")
        line = (
            f"  {key.removeprefix(prefix)} | {format_order(uploaded).plain} | "
            f"{result} | {seconds_text} | {format_usd(progress.cost_micro_usd)}"
        )
        console.print(escape_unprintable(line), markup=False, highlight=False, soft_wrap=True)


def format_order(uploaded: UploadedOrder) -> Text:
    """Returns an order's instructions on one line."""
    instruction_source = read_instructions(uploaded.order)
    source_kind = "tags" if uploaded.order.sidecar is None else "sidecar"
    if instruction_source.errors:
        return Text(f"{source_kind} with an error")
    fields: Mapping[str, Any] = instruction_source.fields
    words = [str(fields.get("prompt") or fields.get("operation", "nothing"))]
    words += [style for style in (format_style(fields),) if style]
    words += [f"{fields['num_images']} images"] if fields.get("num_images", 1) > 1 else []
    words += [f"seed {fields['seed']}"] if "seed" in fields else []
    return Text.assemble(escape_unprintable(", ".join(words)), (f" ({source_kind})", "dim"))


def measure_seconds(uploaded: UploadedOrder, progress: OrderProgress) -> float | None:
    """Returns the seconds from the upload to the last picture, or None if there is none."""
    return (progress.stored_at - uploaded.uploaded_at).total_seconds() if progress.stored_at else None


def print_error_reports(tracker: OrderTracker, prefix: str, console: Console) -> None:
    """Prints every entry of every error report: on a terminal as a panel, elsewhere as lines."""
    errors = [
        (key, error)
        for key, progress in tracker.progress.items()
        for error in (progress.report or {}).get("errors", [])
    ]
    if errors:
        console.print("\nError reports", style="bold")
    for key, error in errors:
        name = key.removeprefix(prefix)
        if console.is_terminal:
            console.print(_build_report_panel(name, error))
            continue
        for line in (
            f"{name}: {error['code']}",
            f"  {error['message']}",
            f"  {error['hint']}",
            f"  {_format_status_and_money(error)}",
        ):
            console.print(f"  {escape_unprintable(line)}", markup=False, soft_wrap=True)


def print_missing(tracker: OrderTracker, prefix: str, logs: Path, console: Console) -> None:
    """Prints the files that are not finished, with known reasons, and where the logs are."""
    keys = tracker.list_unfinished_keys()
    if not keys:
        return
    console.print(f"\nNo progress for {tracker.idle_timeout_seconds:.0f} s. Not finished:", style="bold red")
    for key in keys:
        progress = tracker.progress[key]
        reason = f": {progress.note}" if progress.note else ""
        console.print(
            escape_unprintable(f"  {key.removeprefix(prefix)} {progress.status}{reason}"), soft_wrap=True, markup=False
        )
    console.print(f"These files stay in their queues. The servers' logs are in {logs}", soft_wrap=True, markup=False)


def _format_status_and_money(error: Mapping[str, Any]) -> str:
    return f"{error['status']}. {MONEY_TEXTS[error['money']]}"


def _build_report_panel(name: str, error: Mapping[str, Any]) -> Panel:
    body = Group(
        Text(escape_unprintable(error["message"])),
        Text(escape_unprintable(error["hint"]), style="green"),
        Text(_format_status_and_money(error), style="dim"),
    )
    title = Text.assemble((escape_unprintable(name), "bold"), "  ", (error["code"], "yellow"))
    return Panel(body, title=title, title_align="left", border_style="yellow", box=box.ROUNDED)


def _format_result(key: str, progress: OrderProgress) -> Text:
    if progress.status is not DisplayStatus.STORED:
        return Text(str(progress.status), style=STATUS_STYLES[progress.status])
    names = [Text(escape_unprintable(result["key"].removeprefix(f"{key}/"))) for result in progress.pictures]
    return Text("\n").join(
        [*names, *(Text(f"! {escape_unprintable(warning)}", style="yellow") for warning in progress.warnings)]
    )
