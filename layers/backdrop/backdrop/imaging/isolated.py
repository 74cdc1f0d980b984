"""Runs the decoding of strangers' bytes in a child process without credentials, network, or files that it may write.

A parent that never had credentials imports the image libraries once, and forks a child for each call. The child reads
one request from its socket, writes one answer, and ends, so that no photo meets the state of another. `multiprocessing`
would import the worker's main module into each child, and the worker would unpickle what the child sends, which a
decoder that runs foreign code could choose. Decision 64 says what this protects, and what it does not.
"""

import gc
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from importlib import import_module
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any, get_type_hints, override

from backdrop.imaging.brand_images import BrandImageError
from backdrop.imaging.system_call_filter import deny_system_calls, forbid_inspection
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, InstructionError, PhotoError, ResultError, RetryLaterError

MAX_SECONDS = 45.0
"""How long a photo may take, less than intake's own limit of 60 s. One of 50 megapixels takes 2 s."""
_SECONDS_TO_REPORT = 3.0
"""What a worker needs after it has ended a child, to record that in the ledger."""
_SECONDS_TO_END = 2.0
_IS_LINUX = platform.system() == "Linux"
"""Lambda always is. A local cloud on macOS has no such filter and no /proc, and opens pictures in the worker."""
_MAX_ANSWER_BYTES = 200_000_000
_CHUNK_BYTES = 1 << 20
_ENVIRONMENT: Mapping[str, str] = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy's threads would not survive a fork."""
_INHERITED = ("LD_LIBRARY_PATH",)
_START = "import sys; sys.path[:] = sys.argv[1:]; from backdrop.imaging import isolated; isolated.serve()"
_LIBRARIES = (
    "PIL.Image", "PIL.ImageCms", "PIL.ImageFilter", "PIL.ImageOps", "PIL.JpegImagePlugin", "pillow_heif", "simplejpeg",
    "backdrop.imaging.prepare", "backdrop.imaging.mask_checks",
)  # fmt: skip
_ERRORS: Mapping[str, type[BackdropError]] = {
    error.__name__: error for error in (PhotoError, InstructionError, ResultError)
}


class IsolatedCallError(RuntimeError):
    """The function raised an error that is a defect of Backdrop. The text is the child's, and thus untrusted."""


@dataclass(eq=False)
class ForkedProcesses:
    """Runs each call in a new child of a parent process that has no credentials. Not for use by several threads.

    The return type of a function consists of dataclasses, tuples, enums, and plain values. Its errors are `PhotoError`,
    `InstructionError`, `ResultError`, and `BrandImageError`.
    """

    _parent: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _control: socket.socket | None = field(default=None, init=False)
    _deadline: float = field(default=float("inf"), init=False)

    def start(self) -> None:
        """Starts the parent, which imports the image libraries while the worker goes on.

        Raises RuntimeError if its environment has any other variable than those that decoding needs.
        """
        if not _IS_LINUX:
            return
        forbid_inspection()
        ours, theirs = socket.socketpair()
        inherited = {name: os.getenv(name, "") for name in _INHERITED}  # noqa: TID251 - not a setting
        environment = {name: value for name, value in inherited.items() if value} | dict(_ENVIRONMENT)
        command = [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-c",
            _START,
            *(str(Path(folder).resolve()) for folder in sys.path),
        ]
        with theirs:
            self._parent = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 - a constant
        self._control = ours
        self.check_environment(self._parent.pid)

    def stop(self) -> None:
        """Ends the parent."""
        if self._parent and self._control:
            self._control.close()
            self._parent.wait()

    def begin_invocation(self, remaining_seconds: float) -> None:
        self._deadline = monotonic() + remaining_seconds - _SECONDS_TO_REPORT

    def run[**P, T](self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises PhotoError with the code `crashed` if the child crashes or takes too long.

        Raises RetryLaterError if the invocation has too little time left.
        """
        if not _IS_LINUX:
            return function(*args, **kwargs)
        allowed_seconds = min(MAX_SECONDS, self._deadline - monotonic())
        request = pickle.dumps((function, args, kwargs))
        ending, answer = self._exchange(request, allowed_seconds)
        if answer is None and ending == "" and allowed_seconds < MAX_SECONDS:
            raise RetryLaterError(Code.TOO_LITTLE_TIME, "The invocation has too little time left for the photo.", 0)
        parsed = parse_answer(answer)
        if parsed is None:
            ending = ending or f"took longer than {MAX_SECONDS:.0f} s"
            raise PhotoError(Code.CRASHED, f"The process that opened the picture {ending}.")
        return _to_result(function, *parsed)

    def _exchange(self, request: bytes, allowed_seconds: float) -> tuple[str, bytes | None]:
        """Returns how the child ended, "" if it was ended for its time, and its answer, if it is complete."""
        if self._parent is None or self._parent.poll() is not None:
            self.start()
        if self._control is None:
            raise RuntimeError("not started")
        end = monotonic() + allowed_seconds
        ours, theirs = socket.socketpair()
        answer: bytes | None = None
        with ours:
            with theirs:
                socket.send_fds(self._control, [b"."], [theirs.fileno()])
            child = int.from_bytes(_read_exactly(self._control, 4))
            # A child that crashes closes its end.
            with suppress(OSError):
                answer = _converse(ours, request, end)
        self._control.settimeout(_SECONDS_TO_END if answer is not None else max(end - monotonic(), 0.001))
        is_late = False
        try:
            status = _read_exactly(self._control, 4)
        except TimeoutError:
            is_late = answer is None
            os.kill(child, signal.SIGKILL)
            self._control.settimeout(_SECONDS_TO_END)
            status = _read_exactly(self._control, 4)
        finally:
            self._control.settimeout(None)
        return "" if is_late else _describe_end(int.from_bytes(status, signed=True)), answer

    @staticmethod
    def check_environment(pid: int) -> None:
        """Raises RuntimeError if a process was started with any other variable than those that decoding needs."""
        # For an instant after a program has started, the kernel shows it without variables. The parent always has one.
        while not (content := Path(f"/proc/{pid}/environ").read_bytes()):
            continue
        entries = content.split(b"\0")
        names = {entry.partition(b"=")[0].decode() for entry in entries if entry}
        if unexpected := names - {*_ENVIRONMENT, *_INHERITED}:
            raise RuntimeError(f"the process that opens pictures has the variables {sorted(unexpected)}")


def serve() -> None:
    """Runs in the parent of the children: forks one for each socket that it receives, until the worker ends."""
    for name in _LIBRARIES:
        import_module(name)
    _load_decoders()
    gc.freeze()
    with socket.socket(fileno=0) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            forbid_inspection()
            child = os.fork()
            if child == 0:
                control.close()
                _answer(descriptors[0])
            os.close(descriptors[0])
            control.sendall(child.to_bytes(4))
            _, status = os.waitpid(child, 0)
            control.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _load_decoders() -> None:
    """Loads what the libraries load with their first picture, so that no child has to."""
    from PIL import Image

    from backdrop.imaging.prepare import load_upright_photo

    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    load_upright_photo(file.getvalue(), 1)


def _answer(descriptor: int) -> None:
    """Runs in a child: reads a request, calls its function, writes the answer, and ends the process."""
    try:
        try:
            deny_system_calls()
        except OSError as error:
            # Without the filter, a photo is still opened in a process without credentials.
            sys.stderr.write(f"system calls are not filtered: {error}\n")
        with open(descriptor, "rb", closefd=False) as stream:
            function, args, kwargs = pickle.load(stream)  # noqa: S301 - the worker wrote it
        try:
            answer = ["result", _to_plain(function(*args, **kwargs))]
        except BrandImageError as error:
            answer = [BrandImageError.__name__, str(error)]
        except BackdropError as error:
            advice = error.advice and str(error.advice.remedy)
            answer = [type(error).__name__, error.code.value, str(error.message), advice]
        except Exception as error:  # noqa: BLE001 - the worker raises it
            answer = ["defect", f"{type(error).__name__}: {error}"]
        with open(descriptor, "wb", closefd=False) as stream:
            pickle.dump(answer, stream)
    finally:
        os._exit(0)


def _converse(connection: socket.socket, request: bytes, end: float) -> bytes | None:
    """Sends the request, and returns the answer; None if there was too little time or the answer is too long."""
    parts, size = list[bytes](), 0
    try:
        connection.settimeout(max(end - monotonic(), 0.001))
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while size <= _MAX_ANSWER_BYTES:
            connection.settimeout(max(end - monotonic(), 0.001))
            part = connection.recv(_CHUNK_BYTES)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
    except TimeoutError:
        return None
    return None


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the parent of the processes that open pictures has ended")
        data += part
    return data


def _describe_end(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with the code {status} and no answer"


class _PlainUnpickler(pickle.Unpickler):
    """Reads plain values only. A class or function in the child's answer would run code in the worker."""

    @override
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no plain value")


def parse_answer(answer: bytes | None) -> tuple[str, tuple[Any, ...]] | None:
    """Returns the kind of an answer and its values; None if it is incomplete or not an answer."""
    if not answer:
        return None
    try:
        match _PlainUnpickler(BytesIO(answer)).load():
            case [str(kind), *values]:
                return kind, tuple(values)
            case _:
                return None
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError):
        return None


def _to_plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _to_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value
        return [_to_plain(one) for one in items]
    return value.value if isinstance(value, Enum) else value


def _to_result(function: Callable[..., Any], kind: str, values: tuple[Any, ...]) -> Any:
    """Returns the validated result of a call, or raises its error."""
    if kind == "result":
        from pydantic import TypeAdapter

        return TypeAdapter(get_type_hints(function)["return"]).validate_python(*values)
    if kind == BrandImageError.__name__:
        raise BrandImageError(*values)
    if kind in _ERRORS:
        code, message, advice = values
        raise _ERRORS[kind](Code(code), str(message), advice)
    raise IsolatedCallError(*values)
