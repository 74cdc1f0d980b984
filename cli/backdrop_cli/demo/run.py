"""Runs a demo from the question of money to the before/after page."""

import time
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from backdrop.aws.clock import SystemClock
from backdrop.model.errors import BackdropError
from backdrop_cli.buckets import Buckets
from backdrop_cli.demo import bill, outcome
from backdrop_cli.demo.drop import drop
from backdrop_cli.demo.price import agree
from backdrop_cli.demo.screen import Screen, saying
from backdrop_cli.demo.sight import Lookout
from backdrop_cli.demo.watch import Watch
from backdrop_cli.page.folder import write
from backdrop_cli.page.shots import Album
from backdrop_local import cloud as local_cloud
from backdrop_local import parameters
from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import DEFAULT_WISH, FIVE, MOST_OWN_PHOTOS, Order, demo_orders, own_orders
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import STACK, Home

# What cold functions may need before the first of them moves a photo, beside the provider's own time.
START_SECONDS = 120


@dataclass(frozen=True)
class Run:
    """One demo on a running cloud: where its files lie in the buckets and where its page goes."""

    cloud: Cloud
    console: Console
    name: str
    patience_seconds: float

    @property
    def prefix(self) -> str:
        return f"demo/{self.name}/"

    @property
    def folder(self) -> Path:
        return self.cloud.home.path / "demo" / self.name


def run(photos: Path | None) -> bool:
    """The whole demo; says whether anything ended otherwise than it should.

    Raises:
        LocalCloudError: there are no photos, the cloud does not come up, or the user does not want to spend.
    """
    console = Console(highlight=False)
    began = time.monotonic()
    orders = _orders(photos, console)
    asked = parameters.asked_for()
    agree(orders, asked, console)
    with saying(console) as say:
        cloud = local_cloud.up(Home.chosen(), asked, say, agreed=True)
    console.print(f"The local cloud is up after {time.monotonic() - began:.0f} s.")
    failed = on(cloud, orders, console)
    console.print(
        f"\nThe demo took {time.monotonic() - began:.0f} s. The local cloud runs on:"
        "\n  your own photos     make demo PHOTOS=folder"
        '\n  any AWS tool        eval "$(make env)"'
        "\n  end it              make down (deletes its pictures and this page, too)",
        markup=False,
    )
    return failed


def on(cloud: Cloud, orders: Sequence[Order], console: Console) -> bool:
    """A demo on a running cloud; says whether anything ended otherwise than it should."""
    longest = max(float(value) for name, value in cloud.parameters.items() if name.endswith("TimeoutSeconds"))
    patience = longest + START_SECONDS
    one = Run(cloud, console, f"{datetime.now(UTC):%Y%m%d-%H%M%S}", patience)
    with _explained(one):
        names = cloud.outputs()
        lookout = Lookout(cloud, names)
        watch = Watch(lookout.look, one.patience_seconds)
        standins = cloud.standins
        before = bill.total(cloud)
        _drop_and_watch(one, watch, names["InputBucketName"], orders)
        _tell(one, watch)
        agreed = _compare(one, watch, before, standins)
        if any(sight.pictures for sight in watch.seen.values()):
            bucket = names["OutputBucketName"]
            album = _album(one, watch, bucket, standins)
            made = write(one.folder, album, Buckets(cloud.clients.s3, bucket).read, SystemClock().now())
            console.print("\nBefore and after, to open in a browser:")
            console.print(f"  {made.index}", soft_wrap=True, markup=False)
    outcome.missing(watch, one.prefix, cloud.home.logs, console)
    return bool(watch.failures()) or not agreed


def _orders(folder: Path | None, console: Console) -> Sequence[Order]:
    """What will be dropped, with a word on what was decided for the user."""
    if folder is None:
        return demo_orders()
    own = own_orders(folder.expanduser())
    if own.left_out:
        console.print(f"The demo takes the first {MOST_OWN_PHOTOS} photos; {own.left_out} more stay where they are.")
    if own.without_wish:
        console.print(
            f"{len(own.without_wish)} of {len(own.orders)} photos have no sidecar and get the prompt"
            f' "{DEFAULT_WISH["prompt"]}". For your own words put {own.without_wish[0]}.json beside the photo:'
            ' {"prompt": "…"} or {"operation": "remove"}.',
            markup=False,
        )
    return own.orders


def _drop_and_watch(one: Run, watch: Watch, bucket: str, orders: Sequence[Order]) -> None:
    one.console.print(f"Dropping {len(orders)} files into s3://{bucket}/{one.prefix}", soft_wrap=True, markup=False)
    screen = Screen(one.console, watch, one.prefix)
    with screen.open():
        for dropped in drop(one.cloud, bucket, one.prefix, orders):
            watch.add(dropped)
            screen.show()
        watch.until_all_are_back(screen.show, SystemClock())


def _tell(one: Run, watch: Watch) -> None:
    if one.console.is_terminal:
        one.console.print()
        one.console.print(outcome.table(watch, one.prefix))
    else:
        outcome.lines(watch, one.prefix, one.console)
    outcome.reports(watch, one.prefix, one.console)


def _compare(one: Run, watch: Watch, before: int, standins: Collection[str]) -> bool:
    if not standins:
        return True
    compared = bill.books(watch, bill.total(one.cloud) - before, standins)
    style = "green" if compared.agree else "bold red"
    mark = "✓" if compared.agree else "✗"
    one.console.print(f"\n{mark} Money: {compared}.", style=style, markup=False)
    return compared.agree


def _album(one: Run, watch: Watch, bucket: str, standins: Collection[str]) -> Album:
    sights = watch.seen.values()
    credits = dict.fromkeys(dropped.order.credit for dropped in watch.dropped.values() if dropped.order.credit)
    return Album(
        receipts=[sight.receipt for sight in sights if sight.receipt],
        reports=[sight.report for sight in sights if sight.report],
        stack=STACK,
        prefix=one.prefix,
        output_bucket=bucket,
        standins=standins,
        together=FIVE,
        dropped_at={key: dropped.at for key, dropped in watch.dropped.items()},
        credits=list(credits),
    )


@contextmanager
def _explained(one: Run) -> Generator[None]:
    """Turns an interruption and a server that went away into a sentence; the cloud runs on."""
    try:
        yield
    except KeyboardInterrupt:
        one.console.print("\nStopped. The local cloud runs on; end it with `make down`.")
        raise typer.Exit(130) from None
    except (BotoCoreError, ClientError, BackdropError, URLError, ConnectionError, TimeoutError) as error:
        raise LocalCloudError(
            f"the local cloud no longer answers ({error}); its logs are in {one.cloud.home.logs},"
            " and `make demo` starts it again"
        ) from error
