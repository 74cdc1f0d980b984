"""Where things lie: which input keys mean what, and every name in the output bucket."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePosixPath

MAX_SOURCE_KEY_BYTES = 900
MAX_S3_KEY_BYTES = 1024
MIN_STEM_BYTES = 8
RESERVED_PREFIX = "_backdrop"
RECEIPTS_PREFIX = f"{RESERVED_PREFIX}/receipts"
ERRORS_PREFIX = f"{RESERVED_PREFIX}/errors"
PROVIDER_REPORTS_FOLDER = "_providers"
PAID_PREFIX = f"{RESERVED_PREFIX}/paid"
ANSWER_SPOOL_PREFIX = f"{RESERVED_PREFIX}/work/answers"
INPUTS_PREFIX = f"{RESERVED_PREFIX}/work/inputs"
RESULTS_PREFIX = f"{RESERVED_PREFIX}/work/results"
DEFAULTS_NAME = f"{RESERVED_PREFIX}.json"

_IGNORED_SUFFIXES = frozenset({".json", ".txt", ".csv", ".jsonl", ".part", ".tmp", ".crdownload", ".filepart"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"})


class ObjectKind(StrEnum):
    """What an object in the input bucket is to the pipeline, by its key alone."""

    PHOTO = "photo"
    SIDECAR = "sidecar"
    DEFAULTS = "defaults"
    IGNORED = "ignored"


def classify_key(key: str) -> ObjectKind:
    """Photo (to be opened, whatever its suffix), sidecar, a folder's defaults, or nothing of ours."""
    *folders, name = key.split("/")
    if not name or name.startswith(".") or name.endswith("~") or name.lower() in _SYSTEM_FILES:
        return ObjectKind.IGNORED
    if any(folder.startswith(RESERVED_PREFIX) or folder.lower() in _SYSTEM_FILES for folder in folders):
        return ObjectKind.IGNORED
    if name.startswith(RESERVED_PREFIX):
        return ObjectKind.DEFAULTS if name == DEFAULTS_NAME else ObjectKind.IGNORED
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".json":
        return ObjectKind.SIDECAR
    return ObjectKind.IGNORED if suffix in _IGNORED_SUFFIXES else ObjectKind.PHOTO


def list_sidecar_keys(key: str) -> tuple[str, ...]:
    """The keys of a photo's possible sidecars, the nearest first: `red.jpg.json`, `red.json`."""
    exact = f"{key}.json"
    shared = f"{_without_suffix(key)}.json"
    return (exact,) if shared == exact else (exact, shared)


def list_defaults_keys(key: str) -> tuple[str, ...]:
    """The keys of the defaults that a photo inherits, its own folder's first: `a/_backdrop.json`, `_backdrop.json`."""
    folders = key.split("/")[:-1]
    return tuple("/".join([*folders[:depth], DEFAULTS_NAME]) for depth in range(len(folders), -1, -1))


def folder_of(key: str) -> str:
    """The folder of a key with its slash; "" for the bucket's root."""
    return key[: key.rfind("/") + 1]


def is_sidecar_of(sidecar: str, photo: str) -> bool:
    """Whether a sidecar's key is one of a photo's possible sidecars."""
    return sidecar in list_sidecar_keys(photo)


def photo_key_of(sidecar: str) -> str:
    """The key whose own sidecar this is: `shoes/red.jpg` for `shoes/red.jpg.json`."""
    return sidecar.removesuffix(".json")


def stem_of(key: str) -> str:
    """A photo's own name without its folder and suffix."""
    return _without_suffix(key.rpartition("/")[2])


def _without_suffix(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem}" if dot and stem else key


def picture_key(source: str, *, variant: str, n: int, extension: str, output: str | None = None) -> str:
    """`shoes/red.jpg/red[-variant][_n][@output].png`; a stem too long for S3 is cut and given 8 digits of its hash.

    Where not even they have room, the whole name is its hash.
    """
    suffix = (f"-{variant}" if variant else "") + (f"_{n}" if n > 1 else "") + (f"@{output}" if output else "")
    max_stem_bytes = MAX_S3_KEY_BYTES - len(f"{source}/{suffix}.{extension}".encode())
    if max_stem_bytes < MIN_STEM_BYTES:
        return f"{source}/{hashlib.sha256(f'{stem_of(source)}{suffix}'.encode()).hexdigest()[:32]}.{extension}"
    return f"{source}/{_truncate_with_hash(stem_of(source), max_stem_bytes)}{suffix}.{extension}"


def _truncate_with_hash(text: str, max_bytes: int) -> str:
    """A text of at most `max_bytes` bytes: whole, or its beginning and 8 digits of its hash."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    hash_digits = hashlib.sha256(data).hexdigest()[:8]
    return data[: max_bytes - len(hash_digits)].decode(errors="ignore") + hash_digits


def source_name(bucket: str, key: str, stack_bucket: str) -> str:
    """How the output bucket names a source: its key, or `@bucket/key` when it lies in another bucket.

    A key of the own bucket that begins like such a name, or like a provider's report, is named in full too.
    """
    return (
        key
        if bucket == stack_bucket and not key.startswith(("@", f"{PROVIDER_REPORTS_FOLDER}/"))
        else f"@{bucket}/{key}"
    )


def receipt_key(source: str) -> str:
    """The receipt of a source."""
    return _document_key(RECEIPTS_PREFIX, source)


def report_key(source: str) -> str:
    """The error report of a source."""
    return _document_key(ERRORS_PREFIX, source)


def provider_report_key(provider: str) -> str:
    """The one report of a provider that is paused."""
    return f"{ERRORS_PREFIX}/{PROVIDER_REPORTS_FOLDER}/{provider}.json"


def spooled_answer_key(job_id: str, n: int) -> str:
    """An answer to attempt `n` that the ledger did not take yet."""
    return f"{ANSWER_SPOOL_PREFIX}/{job_id}-{n}.json"


def input_key(name: str) -> str:
    """Bytes that a call needs and that have no link: a style's reference image, a photo as it is sent."""
    return f"{INPUTS_PREFIX}/{name}"


def prepared_photo_name(sha256: str) -> str:
    """Among the inputs, what is sent of a photo whose own bytes have this hash."""
    return f"prepared-{sha256}"


def list_reference_names(hashes: Sequence[str]) -> list[str]:
    """Among the inputs, what is sent of a job's references: they are fitted together, so that others' make others."""
    together = hashlib.sha256("-".join(hashes).encode()).hexdigest()
    return [f"reference-{together}-{n}" for n in range(1, len(hashes) + 1)]


def result_key(name: str) -> str:
    """A provider's picture that came without a link, on its way to `_backdrop/paid/`."""
    return f"{RESULTS_PREFIX}/{name}"


def _document_key(folder: str, source: str) -> str:
    """A key that is too long to be taken as a photo still has a report, under a name that is cut."""
    return f"{folder}/{_truncate_with_hash(source, MAX_S3_KEY_BYTES - len(f'{folder}/.json'))}.json"


def response_key(job_id: str, attempt: int) -> str:
    """A provider's response to a paid attempt, kept because Backdrop does not find every picture in it."""
    return f"{PAID_PREFIX}/{job_id}/{attempt}_response.txt"


def paid_key(job_id: str, attempt: int, n: int, extension: str) -> str:
    """The provider's own file, untouched: image `n` of a job's paid attempt."""
    return f"{PAID_PREFIX}/{job_id}/{attempt}_{n}.{extension}"
