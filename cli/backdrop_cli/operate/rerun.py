"""The verb `rerun`: photos resolved anew on what is said of them now, once the person knows what that costs."""

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
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

# So many bytes of keys are kept in memory; those of more photos go to a file.
MAX_BYTES_IN_MEMORY = 1_000_000
MAX_SHOWN = 5


@dataclass
class RerunTotals:
    """What would become of the photos.

    `max_price` in micro-dollars, `broken_defaults` folder defaults with the photos they hold.

    `refused_by_code`: of how many photos something is refused, by code.
    """

    photos: int = 0
    affected: int = 0
    purchased_jobs: int = 0
    max_price: int = 0
    redelivered_jobs: int = 0
    changed_jobs: int = 0
    reported_photos: int = 0
    withdrawn_requests: int = 0
    refused_by_code: Counter[str] = field(default_factory=Counter[str])
    broken_defaults: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, preview: RerunPreview) -> None:
        """Count one photo."""
        self.photos += 1
        self.affected += preview.has_effect
        self.broken_defaults.update([preview.broken_defaults] if preview.broken_defaults else [])
        self.purchased_jobs += len(preview.jobs_to_buy)
        self.max_price += preview.max_cost
        self.redelivered_jobs += len(preview.jobs_to_redeliver)
        self.changed_jobs += preview.changed_job_count
        self.reported_photos += bool(preview.problems)
        self.withdrawn_requests += preview.drops_request
        self.refused_by_code.update(sorted({problem.code.value for problem in preview.problems}))
        for problem in preview.problems:
            self.examples.setdefault(problem.code.value, f"{preview.key}: {problem.message}")


def rerun_photos(stack: Stack, screen: Screen, target: str, *, yes: bool) -> None:
    """Say what it costs, ask, and have intake look at each photo for which it changes something."""
    with _open_key_file() as key_file:
        totals = RerunTotals()
        with screen.spinner("looking at every photo as intake would"):
            for one in parallel_map(
                stack.rerun_service.preview, stack.rerun_service.list_photo_keys(target), stack.max_threads
            ):
                if one:
                    totals.add(one)
                    _write_key(key_file, one)
        document = {"stack": stack.name, "which": target, **_build_document(totals)}
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
    """Where the keys wait for the person's word, one line each."""
    with SpooledTemporaryFile(MAX_BYTES_IN_MEMORY) as file:
        yield file


def _write_key(key_file: IO[bytes], preview: RerunPreview) -> None:
    if preview.has_effect:
        key_file.write(json.dumps(preview.key).encode() + b"\n")


def _read_keys(key_file: IO[bytes]) -> Iterator[str]:
    key_file.seek(0)
    return (json.loads(line) for line in key_file)


def _send_reruns(stack: Stack, screen: Screen, key_file: IO[bytes], document: dict[str, Any]) -> None:
    """Send the looks; how many went is told also where AWS stops it half-way."""
    sent = 0
    try:
        with screen.spinner("sending them to intake"):
            for _ in parallel_map(stack.rerun_service.enqueue, _read_keys(key_file), stack.max_threads):
                sent += 1
    finally:
        screen.print_json(document | {"sent": sent})
        screen.print(
            f"Sent to intake: {format_count(sent, 'photo')}. Receipts and error reports tell what comes of them."
        )


# -- words -----------------------------------------------------------------------------------------------------


def _print_totals(stack: Stack, screen: Screen, target: str, totals: RerunTotals) -> None:
    scope = f"of {target}" if target else "in the input bucket"
    if not totals.photos:
        screen.print(f"There is no photo {scope}, stack {stack.name}.")
        return
    scope_suffix = f": {target}" if target and classify_key(target) is ObjectKind.PHOTO else f" {scope}"
    screen.print(f"{format_count(totals.photos, 'photo')}{scope_suffix}, stack {stack.name}")
    blocked_photos = totals.broken_defaults.total()
    rows = [
        (
            totals.purchased_jobs,
            _format_jobs(totals.purchased_jobs, "bought"),
            f"at most {format_usd(totals.max_price)}",
        ),
        (totals.redelivered_jobs, _format_jobs(totals.redelivered_jobs, "delivered again"), "free, from what was paid"),
        (
            totals.changed_jobs,
            _format_jobs(totals.changed_jobs, "changed"),
            "no longer wanted, or described anew; nothing is bought",
        ),
        (
            totals.withdrawn_requests,
            _format_requested_photos(totals.withdrawn_requests),
            "sidecar, tags or defaults replace what a request said",
        ),
        (totals.reported_photos, "reported", _format_frequent_codes(totals)),
        (
            blocked_photos,
            "photo held" if blocked_photos == 1 else "photos held",
            f"fix first: {', '.join(list(totals.broken_defaults)[:MAX_SHOWN])}",
        ),
    ]
    visible_rows = [(f"{number:,}", fate, words) for number, fate, words in rows if number]
    screen.print_table({"": "right", " ": "left", "  ": "words"}, visible_rows)
    if not totals.affected:
        screen.print("Nothing to do: nothing would change." if not totals.broken_defaults else "Nothing to do.")
    if shortfall := describe_budget_shortfall(stack, totals.max_price):
        screen.print(shortfall)


def _format_jobs(number: int, verb: str) -> str:
    return f"{'job' if number == 1 else 'jobs'} {verb}"


def _format_requested_photos(number: int) -> str:
    return f"{'photo' if number == 1 else 'photos'} asked for directly"


def _format_frequent_codes(totals: RerunTotals) -> str:
    return "; ".join(
        f"{number:,} {code} ({totals.examples[code]})" for code, number in totals.refused_by_code.most_common(MAX_SHOWN)
    )


def _build_document(totals: RerunTotals) -> dict[str, Any]:
    return {
        "photos": totals.photos,
        "would_go": totals.affected,
        "bought": totals.purchased_jobs,
        "most_usd": to_usd(totals.max_price),
        "for_nothing": totals.redelivered_jobs,
        "changed": totals.changed_jobs,
        "requests_taken_back": totals.withdrawn_requests,
        "refused": dict(totals.refused_by_code),
        "held_by": dict(totals.broken_defaults),
    }
