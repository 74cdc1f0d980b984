"""Previews the jobs that intake would plan for a photo, and their highest price."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from backdrop.intake.instruction_resolver import InstructionResolver
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_reader import UNREAD_SHA256
from backdrop.model.intake_event import IncomingRequest
from backdrop.model.job import Job, Source
from backdrop.model.routing import Offers, with_max_quote


def preview_jobs(
    resolver: InstructionResolver,
    bucket: str,
    key: str,
    offers: Offers,
    *,
    inspect_bytes: bool,
    request: IncomingRequest | None = None,
    recorded: tuple[Source | None, Sequence[Job]] = (None, ()),
) -> tuple[JobPlan, str] | None:
    """Returns the jobs, each quoted at its most expensive possible provider, and the broken folder defaults.

    Returns None if there is no such photo. Without `inspect_bytes`, the bytes are assumed to be valid. `recorded`: the
    photo's items in the ledger. Raises OSError if a local file cannot be read.
    """
    recorded_source, jobs = recorded
    photo_source = recorded_source or Source.new(bucket, key)
    read = resolver.reader.read if inspect_bytes else resolver.reader.read_without_bytes
    snapshot = read(bucket, key, photo_source.photo)
    if snapshot is None:
        return None
    instruction_sources, broken_defaults = resolver.collect_sources(photo_source, snapshot, request)
    plan = resolver.resolve_jobs(
        photo_source, jobs, snapshot, instruction_sources, broken_defaults, offers.enabled_providers
    )
    return replace(plan, jobs=tuple(with_max_quote(job, offers) for job in plan.jobs)), broken_defaults


class PriceRegister:
    """The highest price of several photos' jobs. Those with the same content are bought once.

    The content of a photo that was not opened is unknown, so each of its jobs has its own price.
    """

    def __init__(self) -> None:
        self._prices: dict[str, int] = {}

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            content = job.job_id if job.sha256 == UNREAD_SHA256 else job.content_id
            self._prices[content] = max(job.quoted, self._prices.get(content, 0))

    @property
    def total_micro_usd(self) -> int:
        return sum(self._prices.values())
