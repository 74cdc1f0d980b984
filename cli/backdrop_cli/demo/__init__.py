"""The verb `demo`: drops photos on a local cloud and shows what comes back."""

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def demo(
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="FOLDER", help="A folder of your own photos, with or without sidecars."),
    ] = None,
) -> None:
    """Drop photos on a local cloud and show what comes back, with a before/after page.

    It starts the cloud where none runs and leaves it running. IDEOGRAM_API_KEY buys real pictures: the price is said
    first, and nothing is bought without a yes (at a terminal, or YES=1).
    """
    from backdrop_cli.demo import run

    signal.signal(signal.SIGTERM, _leave)
    failed = run.run(photos)
    if failed:
        raise typer.Exit(1)


def _leave(_signal: int, _frame: object) -> NoReturn:
    """Lets a terminated `demo` end what it has started and not finished."""
    sys.exit(143)
