"""The `backdrop` command if its streams are closed, limited to ASCII, or without a reader, or if there is no cloud."""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from backdrop_local.errors import LocalCloudError
from backdrop_local.home import ROOT, Home

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"


def run_in_shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a line in a shell. `$B` is the command."""
    result = {**os.environ, "B": str(BACKDROP), **environment}
    # Output is buffered until the buffer is full or the command ends, as in an ordinary shell.
    result.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, env=result, check=False)


@pytest.fixture
def photo_list(tmp_path: Path) -> str:
    """A file in which `lint` finds an error."""
    (tmp_path / "list.jpg").write_text("I am a list")
    return str(tmp_path)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminal_shows_replacements_for_unsupported_characters(encoding: str, photo_list: str) -> None:
    result = run_in_shell('"$B" lint "$WHERE"', PYTHONIOENCODING=encoding, WHERE=photo_list)
    assert (result.returncode, result.stderr) == (1, "")
    assert "not_a_photo" in result.stdout


def test_json_is_exact_in_any_encoding(tmp_path: Path) -> None:
    (tmp_path / "鞋 é.jpg").write_text("I am a list")
    result = run_in_shell('"$B" lint "$WHERE" --json', PYTHONIOENCODING="latin-1", WHERE=str(tmp_path))
    assert json.loads(result.stdout)["errors"][0]["file"].endswith("鞋 é.jpg")


@pytest.mark.parametrize("streams", [">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_stream_causes_no_traceback(streams: str, photo_list: str) -> None:
    result = run_in_shell(f'"$B" lint "$WHERE" {streams}', WHERE=photo_list)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("option", [[], ["--json"], ["--help"]])
def test_reader_that_ended_is_no_failure(photo_list: str, option: list[str], buffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [BACKDROP, "lint", photo_list, *option]
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, "")


def test_json_on_a_terminal_contains_no_character_that_controls_it(tmp_path: Path) -> None:
    name = "\x9b31m\u202e\u2066\x7f\x1b[2J.jpg"
    (tmp_path / name).write_text("I am a list")
    controller, terminal = os.openpty()
    command = [BACKDROP, "lint", tmp_path, "--json"]
    with subprocess.Popen(command, stdout=terminal, stdin=terminal, stderr=subprocess.PIPE) as process:
        os.close(terminal)
        data = b""
        with suppress(OSError):  # Linux reports the end of a terminal's output as an error.
            while part := os.read(controller, 65_536):
                data += part
        os.close(controller)
        assert process.wait() == 1
    text = data.decode().replace("\r\n", "\n")
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["errors"][0]["file"].endswith(name)


def test_full_disk_is_reported(photo_list: str) -> None:
    result = run_in_shell('"$B" lint "$WHERE" > /dev/full', WHERE=photo_list)
    assert (result.returncode, result.stderr) == (1, "error: No space left on device\n")


def test_damaged_state_of_the_local_cloud_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(LocalCloudError, match=r"state\.json is damaged.*Delete the file"):
        Home(tmp_path).read_state()
    result = run_in_shell('"$B" status', BACKDROP_HOME=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_env_without_a_cloud_prints_nothing_to_evaluate(tmp_path: Path) -> None:
    result = run_in_shell('"$B" env', BACKDROP_HOME=str(tmp_path / "none"))
    assert (result.returncode, result.stdout) == (1, "")
    assert "make up" in result.stderr
