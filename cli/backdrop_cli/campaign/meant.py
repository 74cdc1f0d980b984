"""What a person means by the words behind `campaign run`: photos by a prefix, or the list of a manifest."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from backdrop.campaigns.campaign import Campaign, read_campaign
from backdrop.campaigns.manifest import BadRow, Row
from backdrop.model.errors import RefusedError as RefusedInput
from backdrop.model.object_keys import RESERVED
from backdrop_cli.errors import MisusedError
from backdrop_cli.stack import Stack

CHUNK_BYTES = 1_000_000
MANIFESTS = (".csv", ".jsonl")
S3 = "s3://"
LONGEST_NAME = 60
# How the command line says what a campaign's fields hold.
OPTIONS = {"name": "--name", "max_total_usd": "--max-total", "tolerated_failure_percent": "--tolerate"}


@dataclass(frozen=True)
class Wanted:
    """What the command line says of a campaign; `wish` is the sidecar that stands for its instructions."""

    what: str
    name: str | None = None
    wish: bytes | None = None
    max_total: str | None = None
    tolerate: float | None = None


@dataclass(frozen=True)
class Meant:
    """A campaign, what a person typed for it, and the manifest of this machine that is put into the bucket for it."""

    campaign: Campaign
    typed: str
    file: Path | None = None

    @property
    def here(self) -> Campaign:
        """The same by the person's own file, which it is quoted by and spoken of."""
        return self.campaign.but(manifest=str(self.file)) if self.file else self.campaign

    @property
    def given(self) -> dict[str, Any]:
        """The input of its execution."""
        said = self.campaign
        total = None if said.max_total_usd is None else float(said.max_total_usd)
        fields = {"prefix": said.prefix, "manifest": said.manifest, "max_total_usd": total}
        told = {name: value for name, value in fields.items() if value is not None}
        rest = {"instructions": said.instructions, "tolerated_failure_percent": said.tolerated_failure_percent}
        return {"name": said.name, **told, **rest}

    @property
    def nothing(self) -> str:
        """Why there is nothing that it could go through."""
        path = Path(self.typed).expanduser()
        if self.campaign.manifest:
            return f"{self.here.manifest} has no row"
        if not self.typed.strip("/"):
            return f"nothing in the input bucket begins with {self.typed!r}; its keys begin without a slash"
        if path.is_dir():
            return f"{self.typed} is a folder of this machine; `backdrop drop {self.typed}` uploads its photos"
        if path.is_file():
            return f"{self.typed} is no list of keys, which ends with .csv or .jsonl; photos go up with `backdrop drop`"
        return (
            f"nothing in the input bucket begins with {self.campaign.prefix!r}; `backdrop drop` uploads photos of this "
            "machine, and a list of keys ends with .csv or .jsonl"
        )


def is_campaign(word: str) -> bool:
    """Whether what is dropped is no photo of this machine, but a manifest or photos that lie in a bucket."""
    return word.startswith(S3) or word.lower().endswith(MANIFESTS)


def meant_by(wanted: Wanted, input_bucket: str) -> Meant:
    """The campaign that is meant; MisusedError with every mistake in what was said."""
    where, file = _where(wanted.what, input_bucket)
    name = name_of(file.name if file else where) if wanted.name is None else wanted.name
    if file:
        where = f"{RESERVED}/manifests/{name}-{mark_of(file)}{file.suffix.lower()}"
    told = "manifest" if where.lower().endswith(MANIFESTS) else "prefix"
    given: dict[str, Any] = {"name": name, told: where, "instructions": json.loads(wanted.wish or b"{}")}
    given |= {} if wanted.max_total is None else {"max_total_usd": wanted.max_total.removeprefix("$")}
    given |= {} if wanted.tolerate is None else {"tolerated_failure_percent": wanted.tolerate}
    try:
        return Meant(read_campaign(given, OPTIONS), wanted.what, file)
    except RefusedInput as error:
        raise MisusedError(str(error.message)) from error


def _where(what: str, input_bucket: str) -> tuple[str, Path | None]:
    """The prefix or key in the bucket, and the manifest of this machine that is meant instead."""
    if what.startswith(S3):
        bucket, _, key = what.removeprefix(S3).partition("/")
        if bucket != input_bucket:
            raise MisusedError(
                f"a campaign goes through the stack's input bucket, {S3}{input_bucket}, not {S3}{bucket}"
            )
        return key, None
    file = Path(what).expanduser()
    if what.lower().endswith(MANIFESTS) and file.is_file():
        return "", file
    return what, None


def name_of(where: str) -> str:
    """What a campaign over a file or a prefix is called; other than all others that would be written alike."""
    stem = re.sub(r"\.(csv|jsonl)$", "", where.rstrip("/"), flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")
    if plain.isascii() and len(name) <= LONGEST_NAME and bool(name) is bool(stem):
        return name or "all"
    mark = hashlib.sha256(stem.encode(errors="replace")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{mark}".strip("-")


def mark_of(file: Path) -> str:
    """What names a file's present content."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        raise MisusedError(f"{file} cannot be read: {error.strerror or error}") from error


class Here:
    """The Manifests port: a manifest that lies on this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """Its bytes; `bucket` and `key` are not looked at."""
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")


def items_of(stack: Stack, meant: Meant) -> Iterator[Row | BadRow]:
    """Its items, wherever they are named."""
    return stack.campaign_items(Here(meant.file) if meant.file else None).rows(meant.here)
