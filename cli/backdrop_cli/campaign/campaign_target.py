"""The target of a campaign: all photos whose keys begin with a prefix, or those that a manifest lists."""

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
from backdrop_cli.formatting import quote_for_shell
from backdrop_cli.local_folder import expand_home
from backdrop_cli.stack import Stack

CHUNK_BYTES = 1_000_000
MANIFEST_SUFFIXES = (".csv", ".jsonl")
S3_SCHEME = "s3://"
MAX_NAME_LENGTH = 60
# The command-line options for a campaign's fields, for error messages.
OPTION_NAMES = {"name": "--name", "max_total_usd": "--max-total", "tolerated_failure_percent": "--tolerate"}


@dataclass(frozen=True)
class CampaignOptions:
    """The command line's options; `sidecar` holds the instructions."""

    target: str
    name: str | None = None
    sidecar: bytes | None = None
    max_total_usd: str | None = None
    tolerated_failure_percent: float | None = None


@dataclass(frozen=True)
class CampaignRequest:
    """A campaign, its target as typed, and the local manifest that is uploaded for it."""

    campaign: Campaign
    target: str
    local_manifest: Path | None = None

    @property
    def local_campaign(self) -> Campaign:
        """The campaign with the local manifest's path, for the quote and for messages."""
        return replace(self.campaign, manifest=str(self.local_manifest)) if self.local_manifest else self.campaign

    @property
    def execution_input(self) -> dict[str, Any]:
        """The input of the state machine's execution."""
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
        """Why the campaign has no items."""
        path = expand_home(Path(self.target))
        if self.campaign.manifest:
            return f"{self.local_campaign.manifest} has no rows"
        if not self.target.strip("/"):
            return f"no key in the input bucket begins with {self.target!r}; keys do not begin with a slash"
        if path.is_dir():
            return (
                f"{self.target} is a folder on this machine; to upload its photos, run "
                f"`backdrop drop {quote_for_shell(str(path))}`"
            )
        if path.is_file():
            return f"{self.target} is not a .csv or .jsonl list of keys; to upload photos, run `backdrop drop`"
        return (
            f"no key in the input bucket begins with {self.campaign.prefix!r}; to upload photos from this machine, run "
            "`backdrop drop`; a list of keys must end with .csv or .jsonl"
        )


def is_campaign_target(target: str) -> bool:
    """Returns whether a target of `drop` is a manifest or an s3:// prefix, not a file or folder."""
    return target.startswith(S3_SCHEME) or target.lower().endswith(MANIFEST_SUFFIXES)


def build_campaign_request(options: CampaignOptions, input_bucket: str) -> CampaignRequest:
    """Builds the campaign. Raises UsageError with all errors in the options."""
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
    """Returns the prefix or key in the bucket, and the local manifest, if it is one."""
    if target.startswith(S3_SCHEME):
        bucket, _, key = target.removeprefix(S3_SCHEME).partition("/")
        if bucket != input_bucket:
            raise UsageError(
                f"a campaign uses the stack's input bucket, {S3_SCHEME}{input_bucket}, not {S3_SCHEME}{bucket}"
            )
        return key, None
    file = expand_home(Path(target))
    if target.lower().endswith(MANIFEST_SUFFIXES) and file.is_file():
        return "", file
    return target, None


def derive_campaign_name(target: str) -> str:
    """Derives a campaign's name; adds a hash if characters were lost, so that similar targets get different names."""
    stem = re.sub(r"\.(csv|jsonl)$", "", target.rstrip("/"), flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")
    if plain.isascii() and len(name) <= MAX_NAME_LENGTH and bool(name) is bool(stem):
        return name or "all"
    digest = hashlib.sha256(stem.encode(errors="replace")).hexdigest()[:8]
    return f"{name[: MAX_NAME_LENGTH - 9]}-{digest}".strip("-")


def hash_file(file: Path) -> str:
    """Returns a short hash of a file's content."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error


class LocalManifest:
    """A ManifestReader for a manifest on this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read_chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """Returns the file's chunks; ignores `bucket` and `key`."""
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")


def read_campaign_items(stack: Stack, request: CampaignRequest) -> Iterator[ManifestRow | BadRow]:
    """Yields the campaign's items from the bucket or the manifest."""
    return stack.build_row_reader(LocalManifest(request.local_manifest) if request.local_manifest else None).read_rows(
        request.local_campaign
    )
