"""The `rerun` command: shows the price, asks for confirmation, and resolves photos again from current instructions."""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.pricing import format_usd, to_usd
from backdrop.operate.rerun import RerunPreview
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.formatting import format_count
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.parallel import parallel_map
from backdrop_cli.purchase_warnings import WarningTotals, print_warning_totals
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

# More bytes of keys than this go to a temporary file.
MAX_BYTES_IN_MEMORY = 1_000_000
MAX_SHOWN = 5


@dataclass
class RerunTotals:
    """What a rerun would do; `max_price` is in micro-dollars.

    `reused_jobs` get pictures that were bought before, for the same bytes and instructions.
    `warnings` are about pictures that their mandates would not cover.
    `broken_defaults` counts the photos that each broken folder-defaults file blocks, `refused_by_code` the photos
    with a problem of each code; `examples` has one problem per code.
    """

    mandates: MandateForecast
    warnings: WarningTotals = field(default_factory=WarningTotals)
    photos: int = 0
    affected: int = 0
    purchased_jobs: int = 0
    reused_jobs: int = 0
    max_price: int = 0
    redelivered_jobs: int = 0
    changed_jobs: int = 0
    reported_photos: int = 0
    withdrawn_requests: int = 0
    refused_by_code: Counter[str] = field(default_factory=Counter[str])
    broken_defaults: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, preview: RerunPreview) -> None:
        self.photos += 1
        self.affected += preview.has_effect
        self.broken_defaults.update([preview.broken_defaults] if preview.broken_defaults else [])
        reused_count = sum(bool(job.reused_from) for job in preview.jobs_to_buy)
        self.purchased_jobs += len(preview.jobs_to_buy) - reused_count
        self.reused_jobs += reused_count
        self.max_price += preview.max_cost
        self.warnings.add(preview.key, self.mandates.add(preview.key, preview.jobs_to_buy))
        self.redelivered_jobs += len(preview.jobs_to_redeliver)
        self.changed_jobs += preview.changed_job_count
        self.reported_photos += bool(preview.problems)
        self.withdrawn_requests += preview.drops_request
        self.refused_by_code.update(sorted({problem.code.value for problem in preview.problems}))
        for problem in preview.problems:
            self.examples.setdefault(problem.code.value, f"{preview.key}: {problem.message}")


def rerun_photos(stack: Stack, screen: Screen, target: str, *, yes: bool) -> None:
    """Shows the price, asks for confirmation, and sends intake a rerun of each photo that changes.

    Raises NothingFoundError if no photo matches.
    """
    with _open_key_file() as key_file:
        totals = RerunTotals(MandateForecast.for_today(stack.rerun_service.mandates, stack.clock))
        with screen.spinner("resolving every photo"):
            for one in parallel_map(
                stack.rerun_service.preview, stack.rerun_service.list_photo_keys(target), stack.max_threads
            ):
                if one:
                    totals.add(one)
                    _write_key(key_file, one)
        document = {"stack": stack.name, "which": target, **_build_document(totals)}
        if not totals.photos:
            screen.print_json(document | {"sent": 0})
            raise NothingFoundError(f"there is no photo {_format_scope(target)}, stack {stack.name}")
        _print_totals(stack, screen, target, totals)
        if not totals.affected:
            screen.print_json(document | {"sent": 0})
            return
        price = f" for at most {format_usd(totals.max_price)}" if totals.max_price else ""
        with screen.print_json_if_refused(document | {"sent": 0}):
            screen.confirm(f"Rerun {format_count(totals.affected, 'photo')}{price}?", yes=yes)
        _send_reruns(stack, screen, key_file, document)


@contextmanager
def _open_key_file() -> Generator[IO[bytes]]:
    """Holds the keys while the user decides, one JSON string per line."""
    with SpooledTemporaryFile(MAX_BYTES_IN_MEMORY) as file:
        yield file


def _write_key(key_file: IO[bytes], preview: RerunPreview) -> None:
    if preview.has_effect:
        key_file.write(json.dumps(preview.key).encode() + b"\n")


def _read_keys(key_file: IO[bytes]) -> Iterator[str]:
    key_file.seek(0)
    return (json.loads(line) for line in key_file)


def _send_reruns(stack: Stack, screen: Screen, key_file: IO[bytes], document: dict[str, Any]) -> None:
    """Sends the reruns; prints how many were sent even if an error ends it."""
    sent = 0
    try:
        with screen.spinner("sending to intake"):
            for _ in parallel_map(stack.rerun_service.enqueue, _read_keys(key_file), stack.max_threads):
                sent += 1
    finally:
        screen.print_json(document | {"sent": sent})
        screen.print(f"{format_count(sent, 'photo')} sent to intake. Receipts and error reports show the results.")


# -- output ----------------------------------------------------------------------------------------------------


def _print_totals(stack: Stack, screen: Screen, target: str, totals: RerunTotals) -> None:
    scope = _format_scope(target)
    scope_suffix = f": {target}" if target and classify_key(target) is ObjectKind.PHOTO else f" {scope}"
    screen.print(f"{format_count(totals.photos, 'photo')}{scope_suffix}, stack {stack.name}")
    blocked_photos = totals.broken_defaults.total()
    rows = [
        (
            totals.purchased_jobs,
            _format_jobs(totals.purchased_jobs, "to buy"),
            f"at most {format_usd(totals.max_price)}",
        ),
        (totals.reused_jobs, _format_jobs(totals.reused_jobs, "bought before"), "same bytes and instructions; free"),
        (totals.redelivered_jobs, _format_jobs(totals.redelivered_jobs, "to deliver again"), "already paid; free"),
        (
            totals.changed_jobs,
            _format_jobs(totals.changed_jobs, "changed"),
            "superseded, or with new metadata; nothing is bought",
        ),
        (
            totals.withdrawn_requests,
            _format_requested_photos(totals.withdrawn_requests),
            "sidecar, tags, or folder defaults replace the request's instructions",
        ),
        (totals.reported_photos, "reported", _format_frequent_codes(totals)),
        (
            blocked_photos,
            "photo blocked" if blocked_photos == 1 else "photos blocked",
            f"correct first: {', '.join(list(totals.broken_defaults)[:MAX_SHOWN])}",
        ),
    ]
    visible_rows = [(f"{number:,}", action, note) for number, action, note in rows if number]
    screen.print_table({"": "right", " ": "left", "  ": "words"}, visible_rows)
    if not totals.affected:
        screen.print(
            "Nothing can change until the folder defaults are corrected."
            if totals.broken_defaults
            else "Nothing would change."
        )
    print_warning_totals(screen, totals.warnings)
    totals.mandates.print_lines(screen)
    if shortfall := describe_budget_shortfall(stack, totals.max_price):
        screen.print(shortfall)


def _format_scope(target: str) -> str:
    return f"in {target}" if target else "in the input bucket"


def _format_jobs(number: int, action: str) -> str:
    return f"{'job' if number == 1 else 'jobs'} {action}"


def _format_requested_photos(number: int) -> str:
    return f"{'photo' if number == 1 else 'photos'} with a request"


def _format_frequent_codes(totals: RerunTotals) -> str:
    return "; ".join(
        f"{number:,} {code} ({totals.examples[code]})" for code, number in totals.refused_by_code.most_common(MAX_SHOWN)
    )


def _build_document(totals: RerunTotals) -> dict[str, Any]:
    return {
        "photos": totals.photos,
        "would_go": totals.affected,
        "bought": totals.purchased_jobs,
        "already_bought": totals.reused_jobs,
        "most_usd": to_usd(totals.max_price),
        "for_nothing": totals.redelivered_jobs,
        "changed": totals.changed_jobs,
        "requests_taken_back": totals.withdrawn_requests,
        "refused": dict(totals.refused_by_code),
        "held_by": dict(totals.broken_defaults),
        "warnings": dict(totals.warnings.counts),
        "mandates": totals.mandates.build_document(),
    }
