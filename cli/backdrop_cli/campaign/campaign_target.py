"""What a person means by the words behind `campaign run`: photos by a prefix, or the list of a manifest."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from backdrop.campaigns.campaign import Campaign, parse_campaign
from backdrop.campaigns.manifest import BadRow, ManifestRow
from backdrop.model.errors import RefusedError as RefusedInput
from backdrop.model.object_keys import RESERVED_PREFIX
from backdrop_cli.errors import UsageError
from backdrop_cli.stack import Stack

CHUNK_BYTES = 1_000_000
MANIFEST_SUFFIXES = (".csv", ".jsonl")
S3_SCHEME = "s3://"
MAX_NAME_LENGTH = 60
# How the command line says what a campaign's fields hold.
OPTION_NAMES = {"name": "--name", "max_total_usd": "--max-total", "tolerated_failure_percent": "--tolerate"}


@dataclass(frozen=True)
class CampaignOptions:
    """What the command line says of a campaign; `sidecar` is the sidecar that stands for its instructions."""

    target: str
    name: str | None = None
    sidecar: bytes | None = None
    max_total_usd: str | None = None
    tolerated_failure_percent: float | None = None


@dataclass(frozen=True)
class CampaignRequest:
    """A campaign, what a person typed for it, and the manifest of this machine that is put into the bucket for it."""

    campaign: Campaign
    target: str
    local_manifest: Path | None = None

    @property
    def local_campaign(self) -> Campaign:
        """The same by the person's own file, which it is quoted by and spoken of."""
        return replace(self.campaign, manifest=str(self.local_manifest)) if self.local_manifest else self.campaign

    @property
    def execution_input(self) -> dict[str, Any]:
        """The input of its execution."""
        campaign = self.campaign
        total = None if campaign.max_total_usd is None else float(campaign.max_total_usd)
        fields = {"prefix": campaign.prefix, "manifest": campaign.manifest, "max_total_usd": total}
        target_fields = {name: value for name, value in fields.items() if value is not None}
        other_fields = {
            "instructions": campaign.instructions,
            "tolerated_failure_percent": campaign.tolerated_failure_percent,
        }
        return {"name": campaign.name, **target_fields, **other_fields}

    @property
    def empty_message(self) -> str:
        """Why there is nothing that it could go through."""
        path = Path(self.target).expanduser()
        if self.campaign.manifest:
            return f"{self.local_campaign.manifest} has no row"
        if not self.target.strip("/"):
            return f"nothing in the input bucket begins with {self.target!r}; its keys begin without a slash"
        if path.is_dir():
            return f"{self.target} is a folder of this machine; `backdrop drop {self.target}` uploads its photos"
        if path.is_file():
            return (
                f"{self.target} is no list of keys, which ends with .csv or .jsonl; photos go up with `backdrop drop`"
            )
        return (
            f"nothing in the input bucket begins with {self.campaign.prefix!r}; `backdrop drop` uploads photos of this "
            "machine, and a list of keys ends with .csv or .jsonl"
        )


def is_campaign_target(target: str) -> bool:
    """Whether what is dropped is no photo of this machine, but a manifest or photos that lie in a bucket."""
    return target.startswith(S3_SCHEME) or target.lower().endswith(MANIFEST_SUFFIXES)


def build_campaign_request(options: CampaignOptions, input_bucket: str) -> CampaignRequest:
    """The campaign that is meant; UsageError with every mistake in what was said."""
    bucket_target, file = _locate_target(options.target, input_bucket)
    name = derive_campaign_name(file.name if file else bucket_target) if options.name is None else options.name
    if file:
        bucket_target = f"{RESERVED_PREFIX}/manifests/{name}-{hash_file(file)}{file.suffix.lower()}"
    target_field = "manifest" if bucket_target.lower().endswith(MANIFEST_SUFFIXES) else "prefix"
    campaign_input: dict[str, Any] = {
        "name": name,
        target_field: bucket_target,
        "instructions": json.loads(options.sidecar or b"{}"),
    }
    campaign_input |= (
        {} if options.max_total_usd is None else {"max_total_usd": options.max_total_usd.removeprefix("$")}
    )
    campaign_input |= (
        {}
        if options.tolerated_failure_percent is None
        else {"tolerated_failure_percent": options.tolerated_failure_percent}
    )
    try:
        return CampaignRequest(parse_campaign(campaign_input, OPTION_NAMES), options.target, file)
    except RefusedInput as error:
        raise UsageError(str(error.message)) from error


def _locate_target(target: str, input_bucket: str) -> tuple[str, Path | None]:
    """The prefix or key in the bucket, and the manifest of this machine that is meant instead."""
    if target.startswith(S3_SCHEME):
        bucket, _, key = target.removeprefix(S3_SCHEME).partition("/")
        if bucket != input_bucket:
            raise UsageError(
                f"a campaign goes through the stack's input bucket, {S3_SCHEME}{input_bucket}, not {S3_SCHEME}{bucket}"
            )
        return key, None
    file = Path(target).expanduser()
    if target.lower().endswith(MANIFEST_SUFFIXES) and file.is_file():
        return "", file
    return target, None


def derive_campaign_name(target: str) -> str:
    """What a campaign over a file or a prefix is called; other than all others that would be written alike."""
    stem = re.sub(r"\.(csv|jsonl)$", "", target.rstrip("/"), flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")
    if plain.isascii() and len(name) <= MAX_NAME_LENGTH and bool(name) is bool(stem):
        return name or "all"
    digest = hashlib.sha256(stem.encode(errors="replace")).hexdigest()[:8]
    return f"{name[: MAX_NAME_LENGTH - 9]}-{digest}".strip("-")


def hash_file(file: Path) -> str:
    """What names a file's present content."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error


class LocalManifest:
    """The Manifests port: a manifest that lies on this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read_chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """Its bytes; `bucket` and `key` are not looked at."""
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")


def read_campaign_items(stack: Stack, request: CampaignRequest) -> Iterator[ManifestRow | BadRow]:
    """Its items, wherever they are named."""
    return stack.build_row_reader(LocalManifest(request.local_manifest) if request.local_manifest else None).read_rows(
        request.local_campaign
    )
