"""What intake would make of a photo, and what that costs at most: one look for all who ask before."""

from collections.abc import Sequence
from dataclasses import replace

from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.job_planner import Wanted
from backdrop.model.intake_event import Request
from backdrop.model.job import Job, Source
from backdrop.model.routing import Market, dearest


def ahead(
    asking: Asking,
    bucket: str,
    key: str,
    market: Market,
    *,
    opened: bool,
    request: Request | None = None,
    before: tuple[Source | None, Sequence[Job]] = (None, ()),
) -> tuple[Wanted, str] | None:
    """The jobs, each quoted at the dearest provider to which it may come, and the folder defaults that are broken.

    None where there is no such photo; `opened`: with a look at its bytes, which else are taken for good ones. `before`:
    what the ledger has of the photo. Raises OSError where a file of this machine cannot be read.
    """
    known, jobs = before
    source = known or Source.at(bucket, key)
    look = asking.reader.read if opened else asking.reader.unopened
    seen = look(bucket, key, source.photo)
    if seen is None:
        return None
    places, broken = asking.places_of(source, seen, request)
    found = asking.asked_for(source, jobs, seen, places, broken, market.on)
    return replace(found, jobs=tuple(dearest(job, market) for job in found.jobs)), broken
