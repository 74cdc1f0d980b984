"""Object keys: what a key in the input bucket means, and every key in the output bucket."""

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePosixPath

from backdrop.model.frame import Canvas
from backdrop.model.unicode_text import list_unicode_forms

MAX_PHOTO_KEY_BYTES = 900
MAX_S3_KEY_BYTES = 1024
MIN_STEM_BYTES = 8
RESERVED_PREFIX = "_backdrop"
RECEIPTS_PREFIX = f"{RESERVED_PREFIX}/receipts"
ERRORS_PREFIX = f"{RESERVED_PREFIX}/errors"
PROVIDER_REPORTS_FOLDER = "_providers"
PAID_PREFIX = f"{RESERVED_PREFIX}/paid"
CHANGE_MAPS_PREFIX = f"{RESERVED_PREFIX}/changes"
REVIEW_PREFIX = f"{RESERVED_PREFIX}/review"
SIGNED_PREFIX = f"{RESERVED_PREFIX}/signed"
ANSWER_SPOOL_PREFIX = f"{RESERVED_PREFIX}/work/answers"
INPUTS_PREFIX = f"{RESERVED_PREFIX}/work/inputs"
RESULTS_PREFIX = f"{RESERVED_PREFIX}/work/results"
UNSIGNED_PREFIX = f"{RESERVED_PREFIX}/work/unsigned"
DEFAULTS_NAME = f"{RESERVED_PREFIX}.json"

_UNFINISHED_SUFFIXES = frozenset(
    {
        ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".opdownload", ".filepart", ".aria2",
        ".!sync", ".icloud", ".bts", ".swp", ".swo",
    }
)  # fmt: skip
"""What browsers, copying, and synchronizing write until a file is complete."""
_COMPANION_SUFFIXES = frozenset(
    {
        ".xmp", ".aae", ".thm", ".lrv", ".ctg", ".dop", ".pp3", ".cos", ".nksc", ".on1",
        ".mov", ".mp4", ".m4v", ".avi", ".mts", ".wav", ".lnk", ".url", ".bak",
    }
)  # fmt: skip
"""What cameras, photo software, and desktops write next to a photo: edits, thumbnails, its live video, and links."""
_IGNORED_SUFFIXES = frozenset({".txt", ".csv", ".jsonl"}) | _UNFINISHED_SUFFIXES | _COMPANION_SUFFIXES
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini"})
_SYSTEM_FOLDERS = frozenset(
    {
        "__macosx", "network trash folder", "temporary items",  # macOS
        "$recycle.bin", "recycler", "system volume information",  # Windows
        "lost+found",  # Linux
        "@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin", "@sharesnap",  # Synology
        "@recycle", "@recently-snapshot",  # QNAP
        "~snapshot",  # NetApp
    }
)  # fmt: skip
"""Thumbnails, deleted files, and old versions, in lowercase. Other systems begin such names with a period."""
_SYSTEM_PREFIXES = (".", "~$", "~syncthing~")
_CONFLICT_COPY = re.compile(
    r"\.sync-conflict-\d{8}-\d{6}|\bconflicted copy(?: [^()]*)?\)|_conflict-\d{8}-\d{6}\b", re.IGNORECASE
)
"""How Syncthing, Dropbox, ownCloud, and Nextcloud name the other version of a file that two people have changed."""
_SYSTEM_ENDINGS = ("~", "_$folder$", ":Zone.Identifier")
"""An editor's earlier version, Hadoop's empty object for a folder, and Windows' note where a file came from."""


class ObjectKind(StrEnum):
    """The kind of an object in the input bucket, by its key alone."""

    PHOTO = "photo"
    SIDECAR = "sidecar"
    DEFAULTS = "defaults"
    IGNORED = "ignored"


def classify_key(key: str) -> ObjectKind:
    """Any suffix that is not ignored counts as a photo's, and intake opens the file."""
    *folders, name = key.split("/")
    if not name or name.endswith(_SYSTEM_ENDINGS) or _is_system_name(name) or is_in_system_folder(key):
        return ObjectKind.IGNORED
    if any(folder.startswith(RESERVED_PREFIX) for folder in folders):
        return ObjectKind.IGNORED
    if name.startswith(RESERVED_PREFIX):
        return ObjectKind.DEFAULTS if name == DEFAULTS_NAME else ObjectKind.IGNORED
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".json":
        return ObjectKind.SIDECAR
    if suffix.rstrip() == ".json" or _CONFLICT_COPY.search(name):
        # The first is a misnamed sidecar, which its photo reports.
        return ObjectKind.IGNORED
    return ObjectKind.IGNORED if suffix in _IGNORED_SUFFIXES else ObjectKind.PHOTO


def is_in_system_folder(key: str) -> bool:
    """Whether an object is in a folder in which a desktop, a disk station, or a sync tool keeps files of its own."""
    return any(
        (folder.startswith(".") and folder.strip(".")) or folder.lower() in _SYSTEM_FOLDERS
        for folder in key.split("/")[:-1]
    )


def _is_system_name(name: str) -> bool:
    return name.startswith(_SYSTEM_PREFIXES) or name.lower().partition(":")[0] in _SYSTEM_FILES | _SYSTEM_FOLDERS


def is_below_reserved_folder(key: str) -> bool:
    """True if the object is in a folder `_backdrop`, of the bucket or of any folder, so that it is never a photo."""
    return RESERVED_PREFIX in key.split("/")[:-1]


def is_photo_folder(prefix: str) -> bool:
    """Whether a prefix is a folder in which photos can be. Names that paths reserve, such as `..`, are not accepted."""
    *folders, end = prefix.split("/")
    is_path = bool(folders) and not end and not {"", ".", ".."} & {*folders}
    return is_path and classify_key(f"{prefix}photo.jpg") is ObjectKind.PHOTO


def is_brand_image_key(key: str) -> bool:
    """Whether an object may be a brand image: below a folder `_backdrop`, and named like a photo."""
    return is_below_reserved_folder(key) and classify_key(key.rpartition("/")[2]) is ObjectKind.PHOTO


def list_sidecar_keys(key: str) -> tuple[str, ...]:
    """Returns the keys of a photo's possible sidecars, nearest first: `red.jpg.json`, `red.json`.

    For a name with letters such as `é`, there is one for each of its Unicode forms.
    """
    forms = list_unicode_forms(key)
    return tuple(dict.fromkeys(f"{name}.json" for name in (*forms, *map(_without_suffix, forms))))


def list_defaults_keys(key: str) -> tuple[str, ...]:
    """Returns the keys of the folder defaults of a photo, nearest first: `a/_backdrop.json`, `_backdrop.json`."""
    return tuple(f"{folder}{DEFAULTS_NAME}" for folder in (*list_folders_of(key), ""))


def list_folders_of(key: str) -> tuple[str, ...]:
    """Returns the folders that a key is in, nearest first, with their slashes: `a/b/`, `a/`; without the root."""
    names = key.split("/")[:-1]
    return tuple("/".join(names[:depth]) + "/" for depth in range(len(names), 0, -1))


def folder_of(key: str) -> str:
    """Returns the folder of a key, including its slash; "" for the bucket's root."""
    return key[: key.rfind("/") + 1]


def is_sidecar_of(sidecar: str, photo: str) -> bool:
    return sidecar in list_sidecar_keys(photo)


def photo_key_of(sidecar: str) -> str:
    """Returns the key whose exact sidecar this is: `shoes/red.jpg` for `shoes/red.jpg.json`."""
    return sidecar.removesuffix(".json")


def stem_of(key: str) -> str:
    """Returns the file name without its folder and suffix."""
    return _without_suffix(key.rpartition("/")[2])


def _without_suffix(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem}" if dot and stem else key


def picture_key(photo_name: str, *, variant: str, n: int, extension: str, output: str | None = None) -> str:
    """Returns `shoes/red.jpg/red[-variant][_n][@output].png`.

    A stem that is too long for S3 is cut and gets 8 digits of its hash. If those do not fit either, the whole name is
    the hash.
    """
    suffix = (f"-{variant}" if variant else "") + (f"_{n}" if n > 1 else "") + (f"@{output}" if output else "")
    max_stem_bytes = MAX_S3_KEY_BYTES - len(f"{photo_name}/{suffix}.{extension}".encode())
    if max_stem_bytes < MIN_STEM_BYTES:
        return f"{photo_name}/{hashlib.sha256(f'{stem_of(photo_name)}{suffix}'.encode()).hexdigest()[:32]}.{extension}"
    return f"{photo_name}/{_truncate_with_hash(stem_of(photo_name), max_stem_bytes)}{suffix}.{extension}"


def named_picture_key(photo_name: str, name: str) -> str:
    """Returns `shoes/4711.png` for the photo `shoes/red.jpg` and the name `4711.png`."""
    return f"{folder_of(photo_name)}{name}"


def _truncate_with_hash(text: str, max_bytes: int) -> str:
    """Returns the text if it has at most `max_bytes` bytes; otherwise its beginning and 8 digits of its hash."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    hash_digits = hashlib.sha256(data).hexdigest()[:8]
    return data[: max_bytes - len(hash_digits)].decode(errors="ignore") + hash_digits


def photo_name_of(bucket: str, key: str, stack_bucket: str) -> str:
    """Returns the name of a photo (or of folder defaults) in the output bucket.

    It is the key, or `@bucket/key` if the photo is in another bucket. A key of the stack's own bucket that begins like
    such a name, or like a provider's report, gets the long form too.
    """
    return (
        key
        if bucket == stack_bucket and not key.startswith(("@", f"{PROVIDER_REPORTS_FOLDER}/"))
        else f"@{bucket}/{key}"
    )


def receipt_key(photo_name: str) -> str:
    return _document_key(RECEIPTS_PREFIX, photo_name)


def report_key(name: str) -> str:
    """Returns the key of the error report of a photo, or of folder defaults."""
    return _document_key(ERRORS_PREFIX, name)


def provider_report_key(provider: str) -> str:
    """Returns the key of the report of a paused provider."""
    return f"{ERRORS_PREFIX}/{PROVIDER_REPORTS_FOLDER}/{provider}.json"


def spooled_answer_key(job_id: str, n: int) -> str:
    """Returns the key of a result of attempt `n` that could not be written to the ledger yet."""
    return f"{ANSWER_SPOOL_PREFIX}/{job_id}-{n}.json"


def input_key(name: str) -> str:
    """Returns the key of bytes that a call needs and that have no link: a reference image, or a prepared photo."""
    return f"{INPUTS_PREFIX}/{name}"


def prepared_photo_name(sha256: str) -> str:
    """Returns the input name of the prepared form of the photo with this hash."""
    return f"prepared-{sha256}"


def framed_photo_name(sha256: str, canvas: Canvas) -> str:
    """Returns the input name of the photo with this hash on its canvas."""
    size, photo_size = f"{canvas.width}x{canvas.height}", f"{canvas.photo_width}x{canvas.photo_height}"
    return f"framed-{sha256}-{size}-{photo_size}{canvas.photo_left:+}{canvas.photo_top:+}"


def list_reference_names(hashes: Sequence[str]) -> list[str]:
    """Returns the input names of reference images. They are compressed together, so the names depend on all of them."""
    together = hashlib.sha256("-".join(hashes).encode()).hexdigest()
    return [f"reference-{together}-{n}" for n in range(1, len(hashes) + 1)]


def result_key(name: str) -> str:
    """Returns the key of a provider's picture that came without a link, before it is moved to `_backdrop/paid/`."""
    return f"{RESULTS_PREFIX}/{name}"


def _document_key(folder: str, name: str) -> str:
    """A key that is too long for a photo still has a report, under a truncated name."""
    return f"{folder}/{_truncate_with_hash(name, MAX_S3_KEY_BYTES - len(f'{folder}/.json'))}.json"


def response_key(job_id: str, attempt: int) -> str:
    """Returns the key of a paid response that is kept because Backdrop cannot find every picture in it."""
    return f"{PAID_PREFIX}/{job_id}/{attempt}_response.txt"


def change_map_key(job_id: str, attempt: int, n: int) -> str:
    """Returns the key of the map that shows where image `n` of a job's paid attempt differs from the photo."""
    return f"{CHANGE_MAPS_PREFIX}/{job_id}/{attempt}_{n}.png"


def review_key(job_id: str, attempt: int, n: int, sha256: str) -> str:
    """Returns the key of the file that people approve or reject: one with this hash, of image `n` of a paid attempt.

    Other instructions can make another file of the same image, and a worker that still has the earlier ones must not
    replace a file that waits for a decision.
    """
    return f"{REVIEW_PREFIX}/{job_id}/{attempt}_{n}-{sha256}.png"


def paid_key(job_id: str, attempt: int, n: int, extension: str) -> str:
    """Returns the key of the provider's unchanged file: image `n` of a job's paid attempt."""
    return f"{PAID_PREFIX}/{job_id}/{attempt}_{n}.{extension}"


def signed_key(job_id: str, attempt: int, n: int, output: str | None, extension: str) -> str:
    """Returns the key of a signed picture as it is delivered: an output of image `n` of a job's paid attempt."""
    return f"{SIGNED_PREFIX}/{job_id}/{attempt}_{n}{f'@{output}' if output else ''}.{extension}"


def unsigned_key(job_id: str, attempt: int, n: int, output: str | None, sha256: str) -> str:
    """Returns the key of a finished picture with this hash, which waits for its signature."""
    return f"{UNSIGNED_PREFIX}/{job_id}/{attempt}_{n}{f'@{output}' if output else ''}-{sha256}"
