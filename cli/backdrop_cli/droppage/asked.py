"""What the page's script says, read as strictly as if it were somebody else's: photos offered, and what is wanted."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backdrop.imaging.inspect import kind_of, not_taken
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop_cli.drop.sidecars import Answer
from backdrop_cli.drop.wish import checked
from backdrop_cli.errors import MisusedError

type Said = Mapping[str, Any]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OURS = "the page and this command do not understand each other; load the page again"


@dataclass(frozen=True)
class Offered:
    """A photo on somebody's desk: its name with the folders that were dropped along, its size, its bytes' hash."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Wanted:
    """What is wanted of all photos: the folder with its slash, a sidecar for them, None: as the folder itself says.

    `answer`: what becomes of sidecars in the bucket that a person wrote.
    """

    folder: str
    wish: bytes | None
    answer: Answer | None = None


def text(said: Said, name: str) -> str:
    """A text; MisusedError where it is none, or cannot be written down."""
    found = said.get(name, "")
    try:
        found.encode()
    except (AttributeError, UnicodeEncodeError):
        raise MisusedError(_OURS) from None
    return found


def number(said: Said, name: str) -> int:
    found = said.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise MisusedError(_OURS)
    return found


def rows(said: Said, name: str) -> Sequence[Said]:
    found = said.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in cast("list[Any]", found)):
        raise MisusedError(_OURS)
    return cast("list[Said]", found)


def offered(said: Said) -> Offered:
    """One photo; MisusedError where its name can be no key."""
    name, sha256 = text(said, "name"), text(said, "sha256")
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise MisusedError(f"{name!r} cannot be the name of a photo in a bucket")
    if not _SHA256.fullmatch(sha256):
        raise MisusedError(_OURS)
    return Offered(name, number(said, "size"), sha256)


def wanted(said: Said) -> Wanted:
    """What is wanted; MisusedError with every mistake in it."""
    fields: dict[str, str] = {}
    match text(said, "kind"):
        case "replace":
            prompt = text(said, "prompt").strip()
            if not prompt:
                raise MisusedError("describe the new background, or pick one")
            fields = {"prompt": prompt}
            fields |= {"style": style} if (style := text(said, "style")) else {}
        case "remove":
            fields = {"operation": "remove"}
        case "folder":
            return Wanted(folder(text(said, "folder")), None)
        case _:
            raise MisusedError(_OURS)
    fields |= {"provider": provider} if (provider := text(said, "provider")) else {}
    wish = checked("", json.dumps(fields, ensure_ascii=False, indent=2).encode() + b"\n")
    return Wanted(folder(text(said, "folder")), wish, answer(text(said, "answer")))


def answer(word: str) -> Answer | None:
    """What the person picked; None where nothing is picked yet."""
    if word and word not in list(Answer):
        raise MisusedError(_OURS)
    return Answer(word) if word else None


def folder(name: str) -> str:
    """A folder of the bucket as keys begin there; "" is its root."""
    parts = name.strip().strip("/").split("/")
    if parts == [""]:
        return ""
    if any(part in ("", ".", "..") for part in parts):
        raise MisusedError(f"{name!r} is no folder of a bucket; it has a name such as 2026/shoes")
    return f"{'/'.join(parts)}/"


def objection(said: Said) -> PhotoError | None:
    """Why a file is no photo, as far as its size and its first bytes tell."""
    size = number(said, "size")
    if size > MAX_FILE_BYTES:
        words = f"The file has {size:,} bytes; at most {MAX_FILE_BYTES:,} are opened."
        return PhotoError(Code.TOO_LARGE_BYTES, words)
    try:
        kind = kind_of(b64decode(text(said, "head"), validate=True))
    except ValueError:
        raise MisusedError(_OURS) from None
    except PhotoError as error:
        return error
    return None if kind.format or kind.foreign else not_taken(kind)
