"""Runs functions that decode strangers' bytes in a process of their own, which has no credentials and can open nothing.

A fork server imports the libraries, and never had the worker's environment, clients, or connections. It forks a child
for each call. The child receives a function and its arguments through a socket, and answers with plain values:
nothing that it sends is interpreted as code. A child that crashes or hangs fails its own call.

`multiprocessing` would unpickle whatever a child sends, and import the main program again.
"""

import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from importlib import import_module
from io import BytesIO
from resource import RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE, setrlimit
from typing import Any, Never, cast, get_type_hints, override

from backdrop.imaging.brand_images import BrandImageError
from backdrop.model.advice import Advice
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codec import validate
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.sentence import Sentence

MAX_CALL_SECONDS = 30.0
"""Four times what a large photo takes on a cold start, and half of intake's time limit."""
_IMAGE_MODULES = (
    *(f"PIL.Image{name}" for name in ("Chops", "Cms", "Filter", "Math", "Ops", "Stat")),
    *(f"PIL.{name}ImagePlugin" for name in ("Avif", "Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff", "WebP")),
    "pillow_heif.as_plugin",
    "simplejpeg",
)
"""What imaging and Pillow import late: a child cannot open a module's file."""
_KEPT_VARIABLES = ("LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
_CHUNK_BYTES = 1 << 20
_STATUS_BYTES = 4
_MAX_REPLY_BYTES = MAX_FILE_BYTES
_MAX_ERROR_CHARACTERS = 4_000
_VALUE = "value"
# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


class ChildError(Exception):
    """The child crashed, hung, or failed for a reason that is not the photo's."""


class Isolation:
    """Runs one call at a time. `modules`: those of the functions, and what these import late.

    The fork server imports them while the caller continues. Programs of the same user can no longer read this
    process's memory and environment.
    """

    def __init__(self, modules: Sequence[str], max_call_seconds: float = MAX_CALL_SECONDS) -> None:
        self._modules = (*_IMAGE_MODULES, *modules)
        self.max_call_seconds = max_call_seconds
        _forbid_inspection()
        self._server: _ForkServer | None = _ForkServer(self._modules)

    def run[*A, T](self, function: Callable[[*A], T], *args: *A) -> T:
        """Returns the function's value, or raises its PhotoError, InstructionError, BrandImageError, or MemoryError.

        The function is defined in a module, and its return type is annotated: a record, or plain values. Raises
        ChildError for any other error, and if the child crashes or takes too long.
        """
        self._server = server = self._server or _ForkServer(self._modules)
        try:
            reply, status = server.call((function, args), self.max_call_seconds)
        except OSError as error:
            self.stop()
            raise ChildError(f"The process that opens photos did not answer: {error!r}.") from error
        except BaseException:
            # The status of this call would be read as that of the next one.
            self.stop()
            raise
        if status:
            raise ChildError(f"The process that opened the photo ended with status {status}.")
        return _read_reply(reply, get_type_hints(function)["return"])

    def stop(self) -> None:
        """Ends the fork server and its child. The next call starts another one."""
        if self._server:
            self._server.kill()
        self._server = None


class _ForkServer:
    """The worker's side of the fork server."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._control, theirs = socket.socketpair()
        own_variables = os.environ  # noqa: TID251  no settings: what an interpreter needs
        environment = {name: own_variables[name] for name in _KEPT_VARIABLES if name in own_variables}
        # A process with threads cannot be forked safely.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and code
                [sys.executable, "-P", "-c", f"from {__name__} import serve; serve({theirs.fileno()}, {modules!r})"],
                env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Makes it the leader of a group, which is killed with it.
                start_new_session=True,
            )

    def kill(self) -> None:
        self._control.close()
        # Even if the process has ended: until `wait`, no other group has its number.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def call(self, request: object, max_seconds: float) -> tuple[bytes, int]:
        """Returns a child's reply, and its exit code. Raises OSError if they do not come in time."""
        end = time.monotonic() + max_seconds
        ours, theirs = socket.socketpair()
        reply = bytearray()
        with ours:
            with theirs:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            # The status says how a child has died.
            with suppress(BrokenPipeError, ConnectionResetError):
                ours.settimeout(max_seconds)
                with ours.makefile("wb") as stream:
                    pickle.dump(request, stream, protocol=5)
                ours.shutdown(socket.SHUT_WR)
                while chunk := _receive(ours, _CHUNK_BYTES, end):
                    reply += chunk
                    if len(reply) > _MAX_REPLY_BYTES:
                        raise OSError(f"its reply has more than {_MAX_REPLY_BYTES:,} bytes")
        status = _receive(self._control, _STATUS_BYTES, end)
        if not status:
            raise ConnectionError("it has ended")
        return bytes(reply), int.from_bytes(status, "little", signed=True)


def _receive(connection: socket.socket, max_bytes: int, end: float) -> bytes:
    connection.settimeout(max(end - time.monotonic(), 0.001))
    return connection.recv(max_bytes)


# -- what crosses ---------------------------------------------------------------------------------------------------


class _PlainUnpickler(pickle.Unpickler):
    """Reads plain values only: nothing that a child sends is imported or called."""

    @override
    def find_class(self, module_name: str, global_name: str, /) -> Never:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no plain value")


def _build_reply(call: Callable[[], object]) -> tuple[str, object]:
    """Returns the kind of the result, and plain values."""
    try:
        return _VALUE, _to_plain(call())
    except MemoryError:
        return MemoryError.__name__, None
    except BrandImageError as error:
        return BrandImageError.__name__, str(error)
    except (InstructionError, PhotoError) as error:
        return type(error).__name__, (error.code.value, str(error.message), _to_plain(error.advice))
    except Exception:  # noqa: BLE001  the worker raises it
        return ChildError.__name__, traceback.format_exc()


def _read_reply(reply: bytes, kind: Any) -> Any:
    """Raises ChildError if the reply is not one that `_build_reply` returns."""
    try:
        name, content = _PlainUnpickler(BytesIO(reply)).load()
        if name == _VALUE:
            return validate(kind, content)
        error = _build_error(name, content)
    except Exception as unreadable:
        raise ChildError("The process that opened the photo sent something else than a result.") from unreadable
    raise error


def _build_error(name: str, content: Any) -> Exception:
    match name:
        case "PhotoError" | "InstructionError":
            code, message, advice = content
            kind = PhotoError if name == PhotoError.__name__ else InstructionError
            return kind(Code(code), message, advice and validate(Advice, advice))
        case "BrandImageError":
            return BrandImageError(content)
        case "MemoryError":
            return MemoryError()
        case _:
            return ChildError(str(content)[:_MAX_ERROR_CHARACTERS])


def _to_plain(value: object) -> object:
    """Returns records as dicts, and other values as those of JSON, or bytes; `validate` reverses it."""
    if isinstance(value, Sentence):
        return str(value)
    if is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_to_plain(one) for one in cast("Sequence[object]", value)]
    return value


# -- in the fork server and its children ---------------------------------------------------------------------------


def serve(control_number: int, modules: Sequence[str]) -> None:
    """Runs the fork server until the worker ends. `control_number`: the descriptor of its socket to the worker."""
    _forbid_inspection()
    for name in modules:
        import_module(name)
    # Children then share more of its memory.
    gc.freeze()
    with socket.socket(fileno=control_number) as control:
        while descriptors := socket.recv_fds(control, 1, 1)[1]:
            child = os.fork()
            if not child:
                control.close()
                _answer_and_exit(descriptors[0])
            os.close(descriptors[0])
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            control.sendall(status.to_bytes(_STATUS_BYTES, "little", signed=True))


def _answer_and_exit(descriptor: int) -> None:
    """Runs one call, and ends the child."""
    status = 1
    # Exits even after an exception, which would continue the fork server's loop.
    try:
        with socket.socket(fileno=descriptor) as connection:
            reply = _build_reply(partial(_run_without_rights, connection))
            with connection.makefile("wb") as stream:
                pickle.dump(reply, stream, protocol=5)
        status = 0
    finally:
        os._exit(status)


def _run_without_rights(connection: socket.socket) -> object:
    """Reads the call after the child has no rights left, and runs it."""
    _drop_rights()
    with connection.makefile("rb") as stream:
        function, args = pickle.load(stream)  # noqa: S301  the worker wrote it
    return function(*args)


def _drop_rights() -> None:
    """Leaves the child no environment, no output, and no way to open or write anything.

    It may start threads, which the decoder of HEIC needs, and therefore processes, which inherit its limits.
    """
    # Ends the child with the fork server, and if the worker, which would kill it, has ended.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(int(2 * MAX_CALL_SECONDS))
    os.environ.clear()  # noqa: TID251  reads nothing
    # It could write lines into the worker's log.
    os.dup2(1, 2)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for limit in (RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE):
        setrlimit(limit, (0, 0))


def _forbid_inspection() -> None:
    """Hides this process's memory, environment, and descriptors from others of its user. Children inherit it."""
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    """Linux only, as on Lambda; developers' other machines have no such call."""
    if sys.platform == "linux":
        from ctypes import CDLL, get_errno

        if CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
            raise OSError(get_errno(), f"prctl({option})")
