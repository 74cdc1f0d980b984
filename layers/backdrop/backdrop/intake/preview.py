"""Previews the jobs that intake would plan for a photo, and their highest price."""

from collections.abc import Sequence
from dataclasses import replace

from backdrop.intake.instruction_resolver import InstructionResolver
from backdrop.intake.job_planner import JobPlan
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
