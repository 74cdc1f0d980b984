"""Decoding in child processes: what a child sees and may do, and what becomes of the worker when one fails."""

import ctypes
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backdrop.imaging import isolated
from backdrop.imaging.brand_images import BrandImageError, check_brand_image
from backdrop.imaging.isolated import ForkedProcesses, IsolatedCallError
from backdrop.imaging.prepare import prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError, RetryLaterError
from tests.corpus.files import saved
from tests.corpus.scene import scene


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkedProcesses]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        processes = ForkedProcesses()
        processes.start()
    yield processes
    processes.stop()


def list_variables() -> tuple[str, ...]:
    return tuple(os.environ)


def open_connection() -> None:
    socket.socket()


def write_file(path: str) -> None:
    Path(path).write_text("x")


def run_program() -> None:
    subprocess.run(["/bin/true"], check=True)


def crash(number: int) -> None:
    os.kill(os.getpid(), number)


def fault() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(60)


def test_result_and_errors_are_those_of_the_same_process(processes: ForkedProcesses) -> None:
    photo = saved(scene(), "heic")
    assert processes.run(prepare_photo, photo, PHOTO_LIMITS, 50) == prepare_photo(photo, PHOTO_LIMITS, 50)
    cases: list[tuple[type[Exception], Callable[..., Any], tuple[Any, ...]]] = [
        (PhotoError, prepare_photo, (b"text", PHOTO_LIMITS, 50)),
        (PhotoError, prepare_photo, (photo[:500], PHOTO_LIMITS, 50)),
        (BrandImageError, check_brand_image, (b"text",)),
    ]
    for kind, function, arguments in cases:
        with pytest.raises(kind) as here:
            function(*arguments)
        with pytest.raises(kind) as there:
            processes.run(function, *arguments)
        assert str(there.value) == str(here.value)
        assert getattr(there.value, "code", None) == getattr(here.value, "code", None)
        assert getattr(there.value, "advice", None) == getattr(here.value, "advice", None)


def test_child_has_no_variable_of_the_worker(processes: ForkedProcesses) -> None:
    assert set(processes.run(list_variables)) <= {"OPENBLAS_NUM_THREADS", "LD_LIBRARY_PATH", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (open_connection, ()),
        (write_file, ("/tmp/written-by-a-child",)),  # noqa: S108 - it must not be written
        (run_program, ()),
        (crash, (signal.SIGTERM,)),
    ],
)
def test_child_may_not(processes: ForkedProcesses, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(IsolatedCallError, match="PermissionError"):
        processes.run(function, *arguments)


def test_child_that_crashes_or_hangs_fails_alone(processes: ForkedProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.3)
    for function in (fault, hang):
        with pytest.raises(PhotoError) as failure:
            processes.run(function)
        assert failure.value.code is Code.CRASHED
    monkeypatch.undo()
    assert processes.run(list_variables)


def test_photo_waits_if_the_invocation_has_too_little_time(processes: ForkedProcesses) -> None:
    processes.begin_invocation(3.2)
    with pytest.raises(RetryLaterError):
        processes.run(hang)
    processes.begin_invocation(60)
    assert processes.run(list_variables)


def test_parent_that_ended_is_started_again(processes: ForkedProcesses) -> None:
    processes.stop()
    assert processes.run(list_variables)


def test_answer_cannot_name_code() -> None:
    assert isolated.parse_answer(pickle.dumps(["result", subprocess.run])) is None


def test_parent_with_another_variable_is_refused() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={"AWS_SECRET_ACCESS_KEY": "x"}) as process:
        with pytest.raises(RuntimeError, match="AWS_SECRET_ACCESS_KEY"):
            ForkedProcesses.check_environment(process.pid)
        process.kill()


def test_worker_cannot_be_inspected_by_its_children(processes: ForkedProcesses) -> None:
    """A superuser may inspect every process, so what the kernel refuses to other users is read from its flag."""
    assert processes
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0
