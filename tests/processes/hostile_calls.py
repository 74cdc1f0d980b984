"""Functions that do, in the process that opens a photo, what a photo that has taken it over would do."""

import ctypes
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError

_PR_GET_DUMPABLE = 3


def add(left: int, right: int) -> int:
    return left + right


def find_rights(worker: int) -> dict[str, str]:
    """Returns what the child can do: for each action, its result or the name of its error."""
    actions: dict[str, Callable[[], object]] = {
        "variables": lambda: sorted(os.environ),
        "read a file": Path(__file__).read_bytes,
        "write a file": lambda: Path("/tmp/written").write_bytes(b"1"),  # noqa: S108  it cannot be written
        "read the worker's variables": Path(f"/proc/{worker}/environ").read_bytes,
        "read the worker's memory": Path(f"/proc/{worker}/mem").read_bytes,
        "open a connection": socket.socket,
        "open a pipe": os.pipe,
    }
    return {name: _try(action) for name, action in actions.items()}


def can_be_inspected() -> bool:
    """Whether other processes of this user may read this one's memory, variables, and descriptors."""
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))


def _try(action: Callable[[], object]) -> str:
    try:
        return str(action())
    except OSError as error:
        return os.strerror(error.errno or 0)


def refuse_photo() -> None:
    raise PhotoError(Code.DAMAGED_PHOTO, "The file is damaged.", "Save it again.")


def refuse_instructions() -> None:
    raise InstructionError(Code.FRAME_NEEDS_MASK, "There is no mask.")


def need_too_much_memory() -> None:
    raise MemoryError


def fail() -> None:
    raise LookupError("of our own")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(600)


def end_fork_server() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def reply_with_code(folder: str) -> int:
    """Sends a pickle that makes the folder if it is loaded."""
    for descriptor in range(3, 64):
        with suppress(OSError):
            os.write(descriptor, pickle.dumps(_MakesFolder(folder)))
    os._exit(0)


def reply_with_text() -> int:
    return "three"  # pyrefly: ignore[bad-return]  what its caller does not expect


class _MakesFolder:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.folder,)
