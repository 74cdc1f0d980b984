"""Runs a demo: price and confirmation, uploads, results, and the before/after page."""

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
from backdrop_cli.bucket_reader import BucketReader
from backdrop_cli.demo import demo_report, standin_bill
from backdrop_cli.demo.demo_quote import confirm_cost
from backdrop_cli.demo.demo_screen import DemoScreen, show_steps
from backdrop_cli.demo.order_progress import OrderProgressReader
from backdrop_cli.demo.order_tracker import OrderTracker
from backdrop_cli.demo.order_uploads import upload_orders
from backdrop_cli.formatting import format_count
from backdrop_cli.gallery.album import Album
from backdrop_cli.gallery.gallery_folder import write_gallery
from backdrop_cli.local_folder import expand_home
from backdrop_local import cloud as local_cloud
from backdrop_local import parameters
from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import (
    ALL_PROVIDERS_FOLDER,
    DEFAULT_INSTRUCTIONS,
    MAX_OWN_PHOTOS,
    DemoOrder,
    build_demo_orders,
    read_own_orders,
)
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import STACK, Home

# Time that cold functions may need in addition to the provider's.
COLD_START_SECONDS = 120


@dataclass(frozen=True)
class DemoRun:
    """One demo on a running cloud, with its prefix in the buckets and the folder of its page."""

    cloud: Cloud
    console: Console
    name: str
    idle_timeout_seconds: float

    @property
    def prefix(self) -> str:
        return f"demo/{self.name}/"

    @property
    def folder(self) -> Path:
        return self.cloud.home.path / "demo" / self.name


def run_demo(photos: Path | None) -> bool:
    """Runs the whole demo; returns whether any result is unexpected.

    Raises:
        LocalCloudError: there are no photos, the cloud does not start, or the user declines to pay.
    """
    console = Console(highlight=False)
    started_at = time.monotonic()
    orders = _load_orders(photos, console)
    requested_parameters = parameters.read_params_variable()
    confirm_cost(orders, requested_parameters, console)
    with show_steps(console) as report_step:
        cloud = local_cloud.up(Home.from_environment(), requested_parameters, report_step, spending_confirmed=True)
    console.print("The local cloud is ready.")
    has_failed = run_on_cloud(cloud, orders, console)
    console.print(
        f"\nThe demo took {time.monotonic() - started_at:.0f} s. The local cloud keeps running:"
        "\n  use your own photos  make demo PHOTOS=folder"
        '\n  use AWS tools        eval "$(make env)"'
        "\n  stop it              make down (also deletes its pictures and this page)",
        markup=False,
    )
    return has_failed


def run_on_cloud(cloud: Cloud, orders: Sequence[DemoOrder], console: Console) -> bool:
    """Runs a demo on a running cloud; returns whether any result is unexpected."""
    longest_timeout = max(float(value) for name, value in cloud.parameters.items() if name.endswith("TimeoutSeconds"))
    idle_timeout = longest_timeout + COLD_START_SECONDS
    demo = DemoRun(cloud, console, f"{datetime.now(UTC):%Y%m%d-%H%M%S}", idle_timeout)
    with _translate_errors(demo):
        outputs = cloud.outputs()
        reader = OrderProgressReader(cloud, outputs)
        tracker = OrderTracker(reader.read_progress, demo.idle_timeout_seconds)
        standins = cloud.standin_providers
        bill_before = standin_bill.read_standin_bill(cloud)
        _upload_and_wait(demo, tracker, outputs["InputBucketName"], orders)
        _print_results(demo, tracker)
        is_bill_consistent = _compare_bill(demo, tracker, bill_before, standins)
        if any(progress.pictures for progress in tracker.progress.values()):
            bucket = outputs["OutputBucketName"]
            album = _build_album(demo, tracker, bucket, standins)
            result = write_gallery(
                demo.folder, album, BucketReader(cloud.clients.s3, bucket).read_file, SystemClock().now()
            )
            console.print("\nBefore/after page, to open in a browser:")
            console.print(f"  {result.index_path}", soft_wrap=True, markup=False)
    demo_report.print_missing(tracker, demo.prefix, cloud.home.logs_folder, console)
    return bool(tracker.find_failures()) or not is_bill_consistent


def _load_orders(folder: Path | None, console: Console) -> Sequence[DemoOrder]:
    """Returns the files to upload; prints which of the user's photos get a default prompt or are left out."""
    if folder is None:
        return build_demo_orders()
    own_photos = read_own_orders(expand_home(folder))
    if own_photos.omitted_count:
        console.print(f"The demo uses the first {MAX_OWN_PHOTOS} photos, and leaves out {own_photos.omitted_count}.")
    if own_photos.without_instructions:
        without_sidecar = own_photos.without_instructions
        console.print(
            f"Photos without a sidecar ({len(without_sidecar)} of {len(own_photos.orders)}) get the prompt"
            f' "{DEFAULT_INSTRUCTIONS["prompt"]}". To use your own, put {without_sidecar[0]}.json next to the photo:'
            ' {"prompt": "…"} or {"operation": "remove"}.',
            markup=False,
        )
    return own_photos.orders


def _upload_and_wait(demo: DemoRun, tracker: OrderTracker, bucket: str, orders: Sequence[DemoOrder]) -> None:
    files = format_count(len(orders), "file")
    demo.console.print(f"Uploading {files} to s3://{bucket}/{demo.prefix}", soft_wrap=True, markup=False)
    screen = DemoScreen(demo.console, tracker, demo.prefix)
    with screen.live_view():
        for uploaded in upload_orders(demo.cloud, bucket, demo.prefix, orders):
            tracker.add(uploaded)
            screen.update()
        tracker.wait_until_done(screen.update, SystemClock())


def _print_results(demo: DemoRun, tracker: OrderTracker) -> None:
    if demo.console.is_terminal:
        demo.console.print()
        demo.console.print(demo_report.build_results_table(tracker, demo.prefix))
    else:
        demo_report.print_results(tracker, demo.prefix, demo.console)
    demo_report.print_error_reports(tracker, demo.prefix, demo.console)


def _compare_bill(demo: DemoRun, tracker: OrderTracker, bill_before: int, standins: Collection[str]) -> bool:
    if not standins:
        return True
    comparison = standin_bill.compare_bill(tracker, standin_bill.read_standin_bill(demo.cloud) - bill_before, standins)
    style = "green" if comparison.is_consistent else "bold red"
    mark = "✓" if comparison.is_consistent else "✗"
    demo.console.print(f"\n{mark} Money: {comparison}.", style=style, markup=False)
    return comparison.is_consistent


def _build_album(demo: DemoRun, tracker: OrderTracker, bucket: str, standins: Collection[str]) -> Album:
    progress_list = tracker.progress.values()
    credits = dict.fromkeys(
        uploaded.order.credit for uploaded in tracker.uploaded_orders.values() if uploaded.order.credit
    )
    return Album(
        receipts=[progress.receipt for progress in progress_list if progress.receipt],
        reports=[progress.report for progress in progress_list if progress.report],
        stack=STACK,
        prefix=demo.prefix,
        output_bucket=bucket,
        standins=standins,
        side_by_side_prefix=ALL_PROVIDERS_FOLDER,
        uploaded_at={key: uploaded.uploaded_at for key, uploaded in tracker.uploaded_orders.items()},
        credits=list(credits),
    )


@contextmanager
def _translate_errors(demo: DemoRun) -> Generator[None]:
    """Reports Ctrl-C, or a cloud that stopped responding, as a message. Leaves the cloud running."""
    try:
        yield
    except KeyboardInterrupt:
        demo.console.print("\nStopped. The local cloud keeps running; to stop it, run `make down`.")
        raise typer.Exit(130) from None
    except (BotoCoreError, ClientError, BackdropError, URLError, ConnectionError, TimeoutError) as error:
        raise LocalCloudError(
            f"the demo stopped, because the local cloud failed ({error}); its logs are in"
            f" {demo.cloud.home.logs_folder}. To start from scratch, run `make down`, and then `make demo`"
        ) from error
