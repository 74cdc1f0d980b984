"""What intake would make of a photo that is new to it, and what that costs at most: one look for all who ask before."""

from dataclasses import replace

from backdrop.core.choice import Market, dearest
from backdrop.core.identity import source_id
from backdrop.core.job import Source
from backdrop.core.photo import PhotoFacts
from backdrop.steps.asking import Asking
from backdrop.steps.messages import Request
from backdrop.steps.wanted import Wanted

UNCHANGED = "unchanged"
"""The ETag of bytes that nobody looked at, which are taken for good ones."""


def ahead(
    asking: Asking, bucket: str, key: str, market: Market, *, opened: bool, request: Request | None = None
) -> tuple[Wanted, str] | None:
    """The jobs, each quoted at the dearest provider to which it may come, and the folder defaults that are broken.

    None where there is no such photo; `opened`: with a look at its bytes, which else are taken for good ones. Raises
    OSError where a file of this machine cannot be read.
    """
    source = Source(source_id=source_id(bucket, key), bucket=bucket, key=key)
    good = PhotoFacts(etag=UNCHANGED, uploaded_at=asking.clock.now(), size=0, sha256=UNCHANGED)
    seen = asking.see(bucket, key, None if opened else good)
    if seen is None:
        return None
    places, broken = asking.places_of(source, seen, request)
    found = asking.asked_for(source, (), seen, places, broken, market.on)
    return replace(found, jobs=tuple(dearest(job, market) for job in found.jobs)), broken
