"""Names that are crafted to write files elsewhere or to control a terminal have no such effect on the command."""

from pathlib import Path
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop_cli.local_names import build_local_names
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person

COMMANDS = "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\r\n\u202e\u2028"
HOSTILE = [
    "../../etc/passwd.jpg/passwd.png",
    "/etc/cron.d/job.jpg/job.png",
    "a/..jpg/..png",
    "a/../../b.jpg/b.png",
    "..\\..\\windows.jpg/..\\..\\windows.png",
    "a/C:\\autoexec.jpg/C:\\autoexec.png",
    "a/.bashrc.jpg/.bashrc.png",
    "a/-rf.jpg/-rf.png",
    f"a/{COMMANDS}.jpg/{COMMANDS}.png",
    f"a/{'n' * 1000}.jpg/{'n' * 1000}.png",
    f"a/{'ü' * 450}.jpg/{'ü' * 450}.png",
]


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return Person(World(), monkeypatch)


@pytest.mark.parametrize("key", HOSTILE)
def test_picture_is_named_after_its_own_folder_only(key: str, tmp_path: Path) -> None:
    (path,) = build_local_names([key]).values()
    assert (tmp_path / path).resolve().is_relative_to(tmp_path.resolve())
    for name in path.split("/"):
        assert 0 < len(name.encode()) <= 255
        assert not name.startswith(".")
        assert not set(name) & set('\\:"<>|?*')
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name)


def test_hostile_names_that_become_equal_stay_separate_files() -> None:
    keys = ["a/../b.jpg/..b.png", "a/.b.jpg/_.b.png", "b/\x1b.jpg/\x1b.png", "b/\x07.jpg/\x07.png"]
    assert len(set(build_local_names(keys).values())) == len(keys)


def test_link_in_the_folder_is_replaced_and_not_followed(person: Person, tmp_path: Path) -> None:
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    (tmp_path / "done/shoes").mkdir(parents=True)
    secret_file = tmp_path / "treasure"
    secret_file.write_bytes(b"mine")
    (tmp_path / "done/shoes/red.png").symlink_to(secret_file)
    assert person.run("download", "--all", "done").code == 0
    assert secret_file.read_bytes() == b"mine"
    (picture,) = person.world.read_pictures("shoes/red.jpg").values()
    written = tmp_path / "done/shoes/red.png"
    assert (written.is_symlink(), written.read_bytes()) == (False, picture)


def test_link_at_a_temporary_files_path_is_not_followed(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    seen: list[str] = []
    usual = Path.open

    def open_with_swapped_link(path: Path, mode: str = "r", *rest: Any, **named: Any) -> object:
        if path.name.startswith(".backdrop-") and "r" not in mode:
            seen.append(path.name)
            path.symlink_to(tmp_path / "treasure")
        return usual(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", open_with_swapped_link)
    result = person.run("download", "--all", "done")
    assert seen
    assert (result.code != 0, (tmp_path / "treasure").exists()) == (True, False)


@pytest.mark.parametrize("words", ["failures", "status", f"show coats/{COMMANDS}red.jpg"])
def test_key_cannot_control_a_terminal(person: Person, words: str) -> None:
    person.upload_failing(Code.UNSAFE_REQUEST, f"coats/{COMMANDS}red.jpg")
    for terminal in (False, True):
        result = person.run(*words.split(" ", 1), terminal=terminal)
        assert_harmless(result.out + result.err)


def test_key_in_an_error_cannot_control_a_terminal(person: Person) -> None:
    result = person.run("show", f"no such/{COMMANDS}red.jpg")
    assert result.code != 0
    assert "red.jpg" in result.err
    assert_harmless(result.err)


def assert_harmless(shown: str) -> None:
    """Asserts that the output sets only our own styles, and that no part of the name controls the terminal."""
    for part in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\x7f", "\r", "\u202e", "\u2028"):
        assert part not in shown
