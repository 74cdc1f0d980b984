"""The `backdrop` command where its streams are not what they should be: closed, narrow, or read by nobody."""

import os
import subprocess
from pathlib import Path

import pytest

from backdrop_local.errors import LocalCloudError
from backdrop_local.home import ROOT, Home

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"


def typed(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A line in a shell; `$B` is the command."""
    said = {**os.environ, "B": str(BACKDROP), **environment}
    # As people's shells have it: what is written waits until there is enough of it, or the end.
    said.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, env=said, check=False)


@pytest.fixture
def list_of_photos(tmp_path: Path) -> str:
    """A file that `lint` says something of."""
    (tmp_path / "list.jpg").write_text("I am a list")
    return str(tmp_path)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_show_a_letter_shows_another(encoding: str, list_of_photos: str) -> None:
    said = typed('"$B" lint "$WHERE"', PYTHONIOENCODING=encoding, WHERE=list_of_photos)
    assert (said.returncode, said.stderr) == (1, "")
    assert "not_a_photo" in said.stdout


@pytest.mark.parametrize("streams", [">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_trouble(streams: str, list_of_photos: str) -> None:
    said = typed(f'"$B" lint "$WHERE" {streams}', WHERE=list_of_photos)
    assert (said.returncode, said.stderr) == (1, "")


def test_a_reader_who_goes_away_sees_no_traceback(list_of_photos: str) -> None:
    said = typed('"$B" lint "$WHERE" --json | head -0; exit ${PIPESTATUS[0]}', WHERE=list_of_photos)
    assert said.returncode in (0, 1)
    assert said.stderr in ("", "error: Broken pipe\n")


def test_a_full_disk_is_said(list_of_photos: str) -> None:
    said = typed('"$B" lint "$WHERE" > /dev/full', WHERE=list_of_photos)
    assert (said.returncode, said.stderr) == (1, "error: No space left on device\n")


def test_a_damaged_state_of_the_local_cloud_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(LocalCloudError, match=r"state\.json is damaged.*Delete the file"):
        Home(tmp_path).read_state()
    said = typed('"$B" status', BACKDROP_HOME=str(tmp_path))
    assert said.returncode == 1
    assert said.stderr.startswith("error: ")
    assert said.stderr.count("\n") == 1
