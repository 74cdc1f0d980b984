"""Parses the requests of the page's script, as strictly as if they came from elsewhere."""

import re
from base64 import b64decode
from dataclasses import dataclass
from operator import attrgetter
from typing import cast

from backdrop.imaging.inspect import build_nothing_visible_error, build_unsupported_error, identify_file
from backdrop.intake.instruction_resolver import OWN_PICTURE_ERROR
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop_cli.errors import UsageError
from backdrop_cli.instruction_options import PAGE_OPTIONS, VARIANTS_OPTION, InstructionOption
from backdrop_cli.served_pages.request_fields import PROTOCOL_ERROR_TEXT, PageRequest, read_count, read_text
from backdrop_cli.upload_page.page_conflicts import list_conflicts
from backdrop_cli.upload_targets import parse_bucket_folder
from backdrop_cli.uploads.option_sidecar import build_option_sidecar
from backdrop_cli.uploads.sidecar_decisions import SidecarPolicy

_OWN_PICTURE_ADVICE = "To make another picture of it, upload it with `backdrop drop`, next to a sidecar of its own."
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class BrowserPhoto:
    """A photo in the browser: its name with its folders, its size, and the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PageInstructions:
    """The instructions for all photos: `folder` ends with a slash; `sidecar` of None means that folder defaults apply.

    `sidecar_policy` says what to do with sidecars in the bucket that a person wrote.
    """

    folder: str
    sidecar: bytes | None
    sidecar_policy: SidecarPolicy | None = None


def parse_photo(request: PageRequest) -> BrowserPhoto:
    """Returns a photo. Raises UsageError if its name cannot be part of a key."""
    name, sha256 = read_text(request, "name"), read_text(request, "sha256")
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise UsageError(f"{name!r} cannot be the name of a photo in a bucket")
    if not _SHA256_PATTERN.fullmatch(sha256):
        raise UsageError(PROTOCOL_ERROR_TEXT)
    return BrowserPhoto(name, read_count(request, "size"), sha256)


def parse_instructions(request: PageRequest) -> PageInstructions:
    """Returns the instructions. Raises UsageError with all errors in them."""
    options = _read_options(request)
    fields: dict[str, str] = {}
    match read_text(request, "kind"):
        case "replace":
            fields = {"prompt": prompt} if (prompt := read_text(request, "prompt").strip()) else {}
            if not prompt and VARIANTS_OPTION not in options:
                raise UsageError("describe the new background, or choose one")
            fields |= {"style": style} if (style := read_text(request, "style")) else {}
        case "remove":
            fields = {"operation": "remove"}
        case "folder":
            return PageInstructions(parse_folder(read_text(request, "folder")), None)
        case _:
            raise UsageError(PROTOCOL_ERROR_TEXT)
    fields |= {"provider": provider} if (provider := read_text(request, "provider")) else {}
    sidecar = build_option_sidecar(options, fields, attrgetter("quoted_page_label"))
    if conflicts := list_conflicts(sidecar):
        raise UsageError(" ".join(conflicts))
    return PageInstructions(
        parse_folder(read_text(request, "folder")), sidecar, parse_sidecar_policy(read_text(request, "answer"))
    )


def _read_options(request: PageRequest) -> dict[InstructionOption, str | list[str]]:
    """Returns the fields that are filled in. Raises UsageError if the page offers no such field."""
    texts = request.get("options", {})
    if not isinstance(texts, dict) or not texts.keys() <= {one.flag for one in PAGE_OPTIONS}:
        raise UsageError(PROTOCOL_ERROR_TEXT)
    fields = cast("PageRequest", texts)
    return {
        one: [line for line in text.splitlines() if line.strip()] if one.type == list[str] else text
        for one in PAGE_OPTIONS
        if (text := read_text(fields, one.flag).strip())
    }


def parse_sidecar_policy(value: str) -> SidecarPolicy | None:
    """Returns the user's choice, or None if there is none yet."""
    if value and value not in list(SidecarPolicy):
        raise UsageError(PROTOCOL_ERROR_TEXT)
    return SidecarPolicy(value) if value else None


def parse_folder(name: str) -> str:
    """Returns the key prefix of a folder of the bucket, "" for the root. Raises UsageError."""
    prefix = parse_bucket_folder(name.strip())
    if prefix is None:
        raise UsageError(f"{name!r} is not a folder of the bucket; use a name such as 2026/shoes")
    return prefix


def read_first_bytes(request: PageRequest) -> bytes:
    """Returns a file's first bytes. Raises UsageError if they are not valid base64."""
    try:
        return b64decode(read_text(request, "head"), validate=True)
    except ValueError:
        raise UsageError(PROTOCOL_ERROR_TEXT) from None


def find_photo_error(request: PageRequest) -> PhotoError | None:
    """Returns why a file is no photo to buy pictures of, from its size, its first bytes, and what the browser saw."""
    size = read_count(request, "size")
    if size > MAX_FILE_BYTES:
        message = f"The file is {size:,} bytes; a photo can be at most {MAX_FILE_BYTES:,} bytes."
        return PhotoError(Code.TOO_LARGE_BYTES, message)
    try:
        file_kind = identify_file(read_first_bytes(request))
    except PhotoError as error:
        return error
    if not (file_kind.format or file_kind.convertible_format):
        return build_unsupported_error(file_kind)
    if request.get("shows_nothing") is True:
        return build_nothing_visible_error()
    if request.get("is_own") is True:
        return PhotoError(Code.OWN_PICTURE, OWN_PICTURE_ERROR.message, _OWN_PICTURE_ADVICE)
    return None
