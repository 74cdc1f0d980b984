"""A process that has imported the layers' third-party packages, and becomes a worker by forking.

Importing them takes two thirds of a cold start's processor time, and a test run starts hundreds of workers. Everything
else happens in the new process: the environment, the function's own code, and the product's modules, which read the
environment when they are imported.
"""

import ctypes
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

IMPORTED_PACKAGES = (
    "aws_lambda_powertools.metrics",
    "boto3",
    "botocore.handlers",
    "pydantic",
    "requests",
)
MAX_REQUEST_BYTES = 100_000
PR_SET_CHILD_SUBREAPER = 36
"""The option of Linux's `prctl` that makes this process the parent of its descendants' orphans."""
POLL_SECONDS = 0.01


class ForkedWorker:
    """A worker process, with the methods of `subprocess.Popen` that the emulator calls.

    The emulator is its parent, because the process between them has exited.
    """

    def __init__(self, pid: int, pipes: Sequence[int]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        stdin, stdout, stderr = pipes
        self.stdin = os.fdopen(stdin, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(stdout), os.fdopen(stderr)
        self._lock = Lock()

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class WorkerTemplate:
    """The emulator's side: starts the template of some layers, and requests workers from it."""

    def __init__(self, layers: tuple[str, ...]) -> None:
        self._lock = Lock()
        self._socket, its_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_socket:
            command = [sys.executable, __file__, str(its_socket.fileno()), *layers]
            environment = dict(os.environ) | {"IS_WORKER_TEMPLATE": "1"}
            self._process = subprocess.Popen(command, env=environment, pass_fds=[its_socket.fileno()])

    def fork(self, script: str, folder: str, environment: Mapping[str, str]) -> ForkedWorker:
        """Returns a new worker that runs the script in the folder, with this environment."""
        pipes = [os.pipe() for _ in range(3)]
        (stdin, our_stdin), (our_stdout, stdout), (our_stderr, stderr) = pipes
        request = json.dumps({"script": script, "folder": folder, "environment": dict(environment)}).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], [stdin, stdout, stderr])
            answer = self._socket.recv(MAX_REQUEST_BYTES)
        for its_end in (stdin, stdout, stderr):
            os.close(its_end)
        if not answer:
            raise RuntimeError("The template of Lambda workers has exited.")
        return ForkedWorker(int(answer), [our_stdin, our_stdout, our_stderr])


@cache
def start_template(layers: tuple[str, ...]) -> WorkerTemplate:
    """Starts the template for these folders of unpacked layers once."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return WorkerTemplate(layers)


class ForkingSubprocess:
    """Replaces `subprocess` in the emulator's Lambda runtime."""

    PIPE = subprocess.PIPE
    _starting = Lock()

    @classmethod
    def Popen(  # noqa: N802  subprocess's name
        cls, command: Sequence[str], *, cwd: str, env: Mapping[str, str], **options: Any
    ) -> ForkedWorker | subprocess.Popen[str]:
        """Starts a worker, by forking if its function has layers. The emulator calls it with a worker's script."""
        layers = env.get("_LAMBDA_LAYERS_DIRS")
        if layers is None:
            return subprocess.Popen(command, cwd=cwd, env=env, **options)
        with cls._starting:
            template = start_template(tuple(str(Path(layer).resolve()) for layer in layers.split(os.pathsep)))
        return template.fork(command[-1], cwd, env)


def serve(connection: socket.socket) -> None:
    """Forks a worker for each request, until the emulator exits."""
    while True:
        request, pipes, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not request:
            return
        reader, writer = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if pid:
                os.write(writer, str(pid).encode())
                os._exit(0)
            connection.close()
            os.close(reader)
            os.close(writer)
            run_worker(pipes, **json.loads(request))
        # Only then is the emulator the parent of the worker.
        os.waitpid(between, 0)
        connection.send(os.read(reader, MAX_REQUEST_BYTES))
        for descriptor in (*pipes, reader, writer):
            os.close(descriptor)


def run_worker(pipes: Sequence[int], script: str, folder: str, environment: Mapping[str, str]) -> None:
    """Becomes the worker, and exits when its script ends."""
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    runpy.run_path(script, run_name="__main__")
    sys.exit()


def main() -> None:
    """Imports what every worker needs, and serves requests."""
    descriptor, *layers = sys.argv[1:]
    own_path = [*sys.path]
    for layer in layers:
        sys.path[:0] = [layer, f"{layer}/python"]
    for package in IMPORTED_PACKAGES:
        import_module(package)
    sys.path[:] = own_path
    serve(socket.socket(fileno=int(descriptor)))


if __name__ == "__main__":
    main()
