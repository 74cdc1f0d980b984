"""An uploader's `backdrop drop`: photos are uploaded, watched, and downloaded, and Ctrl-C stops only the command."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"
NAMES = ("red.jpg", "größe 42.png", "赤い靴.webp")
REMOVED_PREFIXES = ("AWS_", "BACKDROP_")


class Uploader:
    """A person with photos on this machine, who runs commands on the stack's cloud."""

    def __init__(self, folder: Folder, here: Path) -> None:
        self.folder, self.here = folder, here
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(REMOVED_PREFIXES)}
        self.env = {**inherited, "BACKDROP_HOME": str(folder.stack.cloud.home.path)}

    def write_photos(self, *names: str) -> None:
        """Writes photos that no other test uses."""
        for name in names:
            path = self.here / "photos" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.folder.photo(name))

    def command(self, *words: str) -> Sequence[str]:
        return [str(BACKDROP), *words]

    def run(self, *words: str, code: int = 0) -> str:
        """Runs a command, checks its exit code, and returns its output."""
        completed = subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.env, cwd=self.here, stdin=subprocess.DEVNULL
        )
        assert completed.returncode == code, completed.stdout + completed.stderr
        assert "Traceback" not in completed.stderr
        return completed.stdout + completed.stderr

    def drop(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Drops the photos into the test's own folder in the bucket, and returns the command's JSON document."""
        options = ("--prompt", self.folder.prompt, "--to", self.folder.name)
        output = self.run("drop", "photos", *options, *words, "--json", code=code)
        document, _ = json.JSONDecoder().raw_decode(output)
        return document


@pytest.fixture
def uploader(folder: Folder, tmp_path: Path) -> Uploader:
    return Uploader(folder, tmp_path)


def test_photos_are_dropped_watched_downloaded_and_bought_once(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos(*NAMES)
    first = uploader.drop("--download", "done")
    assert (first["uploaded"], first["counts"], first["usd"]) == (6, {"stored": 3}, 0.18)
    assert sorted(path.name for path in (uploader.here / "done").iterdir()) == ["größe 42.png", "red.png", "赤い靴.png"]
    for name in NAMES:
        assert [result["key"] for result in folder.wait_until_stored(name)["results"]]
    again = uploader.drop("--download", "done")
    assert (again["uploaded"], again["there_already"]) == (0, 3)
    assert (again["usd"], again["earlier_usd"]) == (0.18, 0.18)
    assert again["download"]["there_already"] == 3
    assert len(folder.charges()) == 3


def test_ctrl_c_stops_only_the_command_that_waits(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos(*NAMES)
    # Otherwise, the pictures can be ready before the signal arrives.
    folder.add_fault("slow", {"ms": 15_000})
    options = ("--prompt", folder.prompt, "--to", folder.name)
    watching = subprocess.Popen(
        uploader.command("drop", "photos", *options, "--wait"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=uploader.env,
        cwd=uploader.here,
    )
    eventually(lambda: len(folder.ledger()) > 0, "intake has read the photos")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=60)
    assert (watching.returncode, err.startswith("error: stopped")) == (130, True), err
    assert f"`backdrop cancel {folder.name}" in err
    assert uploader.drop("--wait")["counts"] == {"stored": 3}
    assert len(folder.charges()) == 3
