"""What can be done, and what can go wrong, in a process that opens a stranger's photo."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backdrop.imaging.brand_images import BrandImageError, check_brand_image
from backdrop.imaging.prepare import prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.errors import BackdropError
from backdrop.pipeline.isolation import ChildError, Isolation
from backdrop.ports import run_here
from tests.corpus.files import saved
from tests.corpus.scene import scene
from tests.processes import hostile_calls

FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "gif", "heic", "avif")


@pytest.fixture(scope="module")
def isolation() -> Iterator[Isolation]:
    isolation = Isolation([hostile_calls.__name__, prepare_photo.__module__])
    yield isolation
    isolation.stop()


@pytest.mark.parametrize("photo_format", FORMATS)
def test_photo_is_prepared_as_in_the_worker_itself(photo_format: str, isolation: Isolation) -> None:
    arguments = saved(scene(), photo_format), PHOTO_LIMITS, 50
    assert isolation.run(prepare_photo, *arguments) == run_here(prepare_photo, *arguments)


def test_child_can_take_and_reach_nothing(isolation: Isolation) -> None:
    denied = os.strerror(errno.EMFILE)
    assert "AWS_SECRET_ACCESS_KEY" in os.environ
    assert isolation.run(hostile_calls.find_rights, os.getpid()) == {
        "variables": "[]",
        "read a file": denied,
        "write a file": denied,
        "read the worker's variables": denied,
        "read the worker's memory": denied,
        "open a connection": denied,
        "open a pipe": denied,
    }


def test_worker_and_child_cannot_be_inspected_by_their_user(isolation: Isolation) -> None:
    assert not isolation.run(hostile_calls.can_be_inspected)
    assert not hostile_calls.can_be_inspected()


@pytest.mark.parametrize("function", [hostile_calls.refuse_photo, hostile_calls.refuse_instructions])
def test_refusal_keeps_its_code_and_texts(function: Callable[[], None], isolation: Isolation) -> None:
    with pytest.raises(BackdropError) as expected:
        function()
    with pytest.raises(BackdropError) as found:
        isolation.run(function)
    assert type(found.value) is type(expected.value)
    assert found.value.code is expected.value.code
    assert (str(found.value), str(found.value.hint)) == (str(expected.value), str(expected.value.hint))


def test_unusable_brand_image_and_missing_memory_keep_their_kinds(isolation: Isolation) -> None:
    with pytest.raises(BrandImageError, match="is not|not a PNG"):
        isolation.run(check_brand_image, b"text")
    with pytest.raises(MemoryError):
        isolation.run(hostile_calls.need_too_much_memory)


@pytest.mark.parametrize(
    "function",
    [
        hostile_calls.fail,
        hostile_calls.crash,
        hostile_calls.end_fork_server,
        hostile_calls.reply_with_text,
        hostile_calls.hang,
    ],
)
def test_call_fails_alone(
    function: Callable[[], object], isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isolation.run(hostile_calls.add, 1, 2) == 3
    if function is hostile_calls.hang:
        monkeypatch.setattr(isolation, "max_call_seconds", 0.3)
    with pytest.raises(ChildError):
        isolation.run(function)
    monkeypatch.undo()
    assert isolation.run(hostile_calls.add, 3, 4) == 7


def test_reply_is_never_run_as_code(isolation: Isolation, tmp_path: Path) -> None:
    with pytest.raises(ChildError):
        isolation.run(hostile_calls.reply_with_code, str(tmp_path / "made"))
    assert not (tmp_path / "made").exists()
