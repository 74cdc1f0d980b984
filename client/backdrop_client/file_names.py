"""The names that pictures get on a disk: every file system accepts them, and none takes two of them for one file."""

import hashlib
import ntpath
import unicodedata

MAX_NAME_BYTES = 255
HASH_DIGITS = 8
# The bidirectional controls (UAX #9) are replaced because they show `exe.png` for a name that ends with `gnp.exe`.
_BIDI_CONTROLS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_BREAKS = (0x2028, 0x2029)
_UNSAFE_CHARACTERS = dict.fromkeys(
    [*range(32), *range(127, 160), *map(ord, '<>:"|?*/\\'), *_BIDI_CONTROLS, *_LINE_BREAKS], "_"
)
_STRIPPED_BY_WINDOWS = ". "


def make_file_name(name: str) -> str:
    """Returns the name, changed only where a file system of Linux, macOS, or Windows does not accept it.

    A name that is too long is cut and gets digits of its hash.
    """
    safe_name = name.translate(_UNSAFE_CHARACTERS)
    # A leading period would hide the file.
    if not safe_name or safe_name.startswith("."):
        safe_name = f"_{safe_name[1:]}"
    safe_name = _keep_end(safe_name)
    if ntpath.isreserved(safe_name):
        safe_name = f"_{safe_name}"
    data = safe_name.encode()
    if len(data) <= MAX_NAME_BYTES:
        return safe_name
    tail = _keep_end(f"_{hash_name(name)}.{safe_name.rpartition('.')[2][:HASH_DIGITS]}")
    return data[: MAX_NAME_BYTES - len(tail.encode())].decode(errors="ignore") + tail


def fold_file_name(name: str) -> str:
    """Returns the same text for two names that some file system takes for one.

    Windows and macOS ignore case, and macOS also how a letter with an accent is composed: canonical caseless matching
    (Unicode, section 3.13).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def hash_name(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]


def _keep_end(name: str) -> str:
    """Replaces the periods and blanks at the end, which Windows would drop."""
    kept = name.rstrip(_STRIPPED_BY_WINDOWS)
    return kept + "_" * (len(name) - len(kept))
