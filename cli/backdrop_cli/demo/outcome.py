"""What a demo ends with: a table of all that came back, and a panel for each error report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from backdrop.model.pricing import usd_text
from backdrop_cli.demo.drop import Dropped
from backdrop_cli.demo.price import place_of
from backdrop_cli.demo.screen import STYLES
from backdrop_cli.demo.sight import Sight
from backdrop_cli.demo.watch import Watch
from backdrop_cli.page.shots import style_of
from backdrop_cli.screen import several
from backdrop_cli.stages import Stage
from backdrop_cli.words import plain

MONEY = {"not_spent": "nothing was spent", "spent": "it was paid", "unknown": "whether it was paid is not known"}


def table(watch: Watch, prefix: str) -> Table:
    """One row a file: what was asked, what came back, how long it took from upload to receipt, what it cost."""
    shown = Table(box=box.SIMPLE_HEAD, title="What came back", title_justify="left", title_style="bold", pad_edge=False)
    shown.add_column("Photo", overflow="fold")
    shown.add_column("Asked", overflow="fold", ratio=1)
    shown.add_column("Result", overflow="fold")
    shown.add_column("Seconds", justify="right", no_wrap=True)
    shown.add_column("Cost", justify="right", no_wrap=True)
    for key, sight in watch.seen.items():
        one = watch.dropped[key]
        took = f"{seconds:.1f}" if (seconds := seconds_of(one, sight)) is not None else ""
        cost = usd_text(sight.micro_usd)
        shown.add_row(Text(plain(key.removeprefix(prefix))), asked(one), _result(key, sight), took, cost)
    sights = watch.seen.values()
    images = several(sum(sight.images for sight in sights), "image")
    files = several(sum(len(sight.pictures) for sight in sights), "file")
    total = usd_text(sum(sight.micro_usd for sight in watch.seen.values()))
    shown.add_section()
    shown.add_row(Text(f"{len(sights)} dropped"), "", Text(f"{images} in {files}"), "", Text(total, style="bold"))
    return shown


def lines(watch: Watch, prefix: str, console: Console) -> None:
    """The same without a terminal: one line a file, for logs and pipes."""
    console.print("\nWhat came back")
    for key, sight in watch.seen.items():
        one = watch.dropped[key]
        seconds = seconds_of(one, sight)
        took = f"{seconds:.1f} s" if seconds is not None else "-"
        result = _result(key, sight).plain.replace("\n", ", ")
        words = f"  {key.removeprefix(prefix)} | {asked(one).plain} | {result} | {took} | {usd_text(sight.micro_usd)}"
        console.print(plain(words), markup=False, highlight=False, soft_wrap=True)


def asked(one: Dropped) -> Text:
    """An order in words."""
    place = place_of(one.order)
    where = "tags" if one.order.sidecar is None else "sidecar"
    if place.errors:
        return Text(f"{where} with a mistake")
    fields: Mapping[str, Any] = place.fields
    words = [str(fields.get("prompt") or fields.get("operation", "nothing"))]
    words += [style for style in (style_of(fields),) if style]
    words += [f"{fields['num_images']} images"] if fields.get("num_images", 1) > 1 else []
    words += [f"seed {fields['seed']}"] if "seed" in fields else []
    return Text.assemble(plain(", ".join(words)), (f" ({where})", "dim"))


def seconds_of(one: Dropped, sight: Sight) -> float | None:
    """From the upload to the last picture; None where there is none."""
    return (sight.stored_at - one.at).total_seconds() if sight.stored_at else None


def reports(watch: Watch, prefix: str, console: Console) -> None:
    """Every entry of every error report: a panel each at a terminal, else its lines."""
    errors = [(key, error) for key, sight in watch.seen.items() for error in (sight.report or {}).get("errors", [])]
    if errors:
        console.print("\nError reports", style="bold")
    for key, error in errors:
        name = key.removeprefix(prefix)
        if console.is_terminal:
            console.print(_panel(name, error))
            continue
        for words in (f"{name}: {error['code']}", f"  {error['message']}", f"  {error['hint']}", f"  {_fate(error)}"):
            console.print(f"  {plain(words)}", markup=False, soft_wrap=True)


def missing(watch: Watch, prefix: str, logs: Path, console: Console) -> None:
    """Says what has not come back, why as far as it is known, and where to look; nothing when all is back."""
    keys = watch.missing()
    if not keys:
        return
    console.print(f"\nNothing has moved for {watch.patience_seconds:.0f} s. Not back yet:", style="bold red")
    for key in keys:
        sight = watch.seen[key]
        reason = f": {sight.note}" if sight.note else ""
        console.print(plain(f"  {key.removeprefix(prefix)} {sight.stage}{reason}"), soft_wrap=True, markup=False)
    console.print(f"They stay in their queues. The servers' logs are in {logs}", soft_wrap=True, markup=False)


def _fate(error: Mapping[str, Any]) -> str:
    return f"{error['status']}, {MONEY[error['money']]}"


def _panel(name: str, error: Mapping[str, Any]) -> Panel:
    body = Group(
        Text(plain(error["message"])),
        Text(plain(error["hint"]), style="green"),
        Text(_fate(error), style="dim"),
    )
    title = Text.assemble((plain(name), "bold"), "  ", (error["code"], "yellow"))
    return Panel(body, title=title, title_align="left", border_style="yellow", box=box.ROUNDED)


def _result(key: str, sight: Sight) -> Text:
    if sight.stage is not Stage.STORED:
        return Text(str(sight.stage), style=STYLES[sight.stage])
    names = [Text(plain(result["key"].removeprefix(f"{key}/"))) for result in sight.pictures]
    return Text("\n").join([*names, *(Text(f"! {plain(words)}", style="yellow") for words in sight.warnings)])
