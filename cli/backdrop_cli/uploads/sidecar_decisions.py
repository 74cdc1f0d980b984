"""Decides which instructions apply to a photo that already has some: the new ones or the existing sidecar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import parse_file
from backdrop.model.ids import sha256_hex
from backdrop.ports import InputBucket, ListedObject, StoredObject
from backdrop_client.s3_uploader import SIDECAR_HASH_METADATA_KEY, compute_etag


class SidecarAuthor(StrEnum):
    """Who wrote a sidecar: `backdrop` or a person."""

    COMMAND = "command"
    PERSON = "person"


class SidecarPolicy(StrEnum):
    """What to do with sidecars that a person wrote: `--replace` or `--keep`."""

    REPLACE = "replace"
    KEEP = "keep"


class SidecarAction(StrEnum):
    """What happens to one photo's sidecar."""

    WRITE = "write"
    NOTHING = "nothing"
    REPLACE = "replace"
    KEEP = "keep"
    ASK = "ask"


def decide_sidecar_action(
    author: SidecarAuthor | None, *, is_equivalent: bool, policy: SidecarPolicy | None
) -> SidecarAction:
    """Decides what to do with the existing sidecar; `author` is None if there is none.

    `is_equivalent`: it has the same instructions as the new one. `policy` applies only to a person's sidecar.
    """
    if author is None:
        return SidecarAction.WRITE
    if is_equivalent:
        return SidecarAction.NOTHING
    if author is SidecarAuthor.COMMAND:
        return SidecarAction.REPLACE
    return {
        SidecarPolicy.REPLACE: SidecarAction.REPLACE,
        SidecarPolicy.KEEP: SidecarAction.KEEP,
        None: SidecarAction.ASK,
    }[policy]


def detect_author(stored: StoredObject) -> SidecarAuthor:
    """Returns who wrote the sidecar; its bytes must have been read."""
    is_own = stored.data is not None and stored.metadata.get(SIDECAR_HASH_METADATA_KEY) == sha256_hex(stored.data)
    return SidecarAuthor.COMMAND if is_own else SidecarAuthor.PERSON


def are_equivalent(first: bytes | None, second: bytes) -> bool:
    """Returns whether two sidecars have the same instructions, whatever their format. None: too large for a sidecar."""
    if first is None or first == second:
        return first is not None
    first_instructions, second_instructions = parse_file("", first), parse_file("", second)
    has_errors = first_instructions.errors or second_instructions.errors
    return not has_errors and (first_instructions.fields, first_instructions.variants) == (
        second_instructions.fields,
        second_instructions.variants,
    )


@dataclass(frozen=True)
class SidecarDecision:
    """Which instructions apply to a photo: those of the command line, of a local sidecar, or of one in the bucket.

    `existing_sidecar` is the one that differs from the new instructions; `is_local`: it is on this machine. `misnamed`:
    what is wrong with its name, so that it would not be read.
    `new_content` becomes the photo's sidecar in the bucket. `unused_key` is a local sidecar that is not uploaded.
    """

    key: str
    action: SidecarAction = SidecarAction.NOTHING
    author: SidecarAuthor | None = None
    existing_sidecar: str = ""
    is_local: bool = False
    new_content: bytes | None = None
    unused_key: str = ""
    misnamed: str = ""


class BucketSidecars:
    """The sidecars in a bucket; `listed` are its objects."""

    def __init__(self, photos: InputBucket, bucket: str, listed: Mapping[str, ListedObject]) -> None:
        self._photos, self._bucket, self._listed = photos, bucket, listed
        self._cache: dict[str, StoredObject | None] = {}

    def decide(
        self, policy: SidecarPolicy | None, key: str, new_sidecar: bytes, sidecar_keys: Sequence[str]
    ) -> SidecarDecision:
        """Compares new instructions for a photo with the most specific of its sidecars in the bucket."""
        existing_key = next((name for name in sidecar_keys if name in self._listed), "")
        author, is_equivalent = self._compare(existing_key, new_sidecar) if existing_key else (None, False)
        action = decide_sidecar_action(author, is_equivalent=is_equivalent, policy=policy)
        new_content = new_sidecar if action in (SidecarAction.WRITE, SidecarAction.REPLACE) else None
        return SidecarDecision(key, action, author, existing_key, new_content=new_content)

    def _compare(self, existing_key: str, new_sidecar: bytes) -> tuple[SidecarAuthor | None, bool]:
        """Returns the author, and whether the instructions are the same; the ETag can decide that without a read."""
        if self._listed[existing_key].etag == compute_etag(new_sidecar):
            return SidecarAuthor.COMMAND, True
        if existing_key not in self._cache:
            self._cache[existing_key] = self._photos.read(self._bucket, existing_key, max_bytes=MAX_SIDECAR_BYTES)
        stored = self._cache[existing_key]
        return (detect_author(stored), are_equivalent(stored.data, new_sidecar)) if stored else (None, False)
