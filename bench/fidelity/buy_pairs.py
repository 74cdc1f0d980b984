"""Buys pairs to measure: for each photo of a folder, a new background and a cut-out from Ideogram, with your own key.

Each call is sent once. What it returns is next to the photo, so that it is never bought again.
"""

import glob
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backdrop.model.errors import BackdropError
from backdrop.model.job import Job
from backdrop.model.pricing import format_usd, quote
from backdrop.model.provider_result import ProviderResult
from backdrop.ports import ApiKey
from backdrop.providers.downloads import ResultDownloads
from backdrop.providers.ideogram import Ideogram

PROVIDER, BASE_URL, TIMEOUT_SECONDS = "ideogram", "https://api.ideogram.ai", 180
_ROLES: Mapping[str, str] = {"result": "replace", "mask": "remove"}


class PurchaseError(Exception):
    """A picture was not bought, or cannot be downloaded."""


def list_missing(folder: Path) -> list[tuple[Path, str]]:
    """Returns the photos whose pictures are still to buy, each with its role: `result` or `mask`."""
    return [
        (photo, role)
        for photo in sorted(folder.glob("*.photo.*"))
        for role in _ROLES
        if not any(folder.glob(f"{glob.escape(_name(photo))}.{role}.*"))
    ]


def describe_price(missing: list[tuple[Path, str]]) -> str:
    """Returns how many pictures would be bought, and for how much."""
    total = sum(quote(PROVIDER, {"operation": _ROLES[role]}) for _, role in missing)
    return f"{len(missing)} pictures from Ideogram for {format_usd(total)}"


def buy(missing: list[tuple[Path, str]], prompt: str) -> Iterator[str]:
    """Buys the pictures one after another. Yields the name of each file.

    Raises PurchaseError at the first failure, because the next call would probably fail too.
    """
    base_url = os.environ.get("IDEOGRAM_BASE_URL", BASE_URL)
    provider = Ideogram(base_url, TIMEOUT_SECONDS, lambda _: ApiKey(os.environ["IDEOGRAM_API_KEY"]))
    downloads = ResultDownloads({PROVIDER: base_url})
    for photo, role in missing:
        call = provider.prepare(_build_job(_ROLES[role], prompt), photo.read_bytes())
        result = call if isinstance(call, ProviderResult) else call.send(lambda _: None)
        link = (
            next((link.url for link in result.links if link.url), None) if isinstance(result, ProviderResult) else None
        )
        if link is None:
            raise PurchaseError(f"{photo.name}: no {role} was returned: {result}")
        path = photo.with_name(f"{_name(photo)}.{role}.png")
        try:
            data = downloads.fetch(PROVIDER, link)
        except BackdropError as error:
            raise PurchaseError(
                f"{photo.name}: the {role} is paid for, but cannot be downloaded ({error.message.clause}): "
                f"save {link} as {path.name}, or it is bought again."
            ) from error
        path.write_bytes(data)
        yield path.name


def _name(photo: Path) -> str:
    return photo.name.split(".photo.", maxsplit=1)[0]


def _build_job(operation: str, prompt: str) -> Job:
    fields: dict[str, Any] = {"operation": operation} | ({"prompt": prompt} if operation == "replace" else {})
    return Job(
        job_id="",
        content_id="",
        source_id="",
        bucket="",
        key="",
        version_id=None,
        sha256="",
        variant="",
        operation=operation,
        provider=PROVIDER,
        purchase_spec=fields,
        instructions=fields,
        provenance={},
        quoted=0,
        queued_at=datetime.now(UTC),
    )
