"""What an uploader types at the `backdrop` command: photos dropped, watched, downloaded, shown and counted."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

BACKDROP = ROOT / ".venv" / "bin" / "backdrop"
NAMES = ("red.jpg", "größe 42.png", "赤い靴.webp")
OURS = ("AWS_", "BACKDROP_")


class Uploader:
    """Has photos on this machine, and types commands at the shop's cloud."""

    def __init__(self, folder: Folder, here: Path) -> None:
        self.folder, self.here = folder, here
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.env = {**plain, "BACKDROP_HOME": str(folder.shop.cloud.home.path)}

    def has(self, *names: str) -> None:
        """Photos, none of which is another test's."""
        for name in names:
            path = self.here / "photos" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.folder.photo(name))

    def command(self, *words: str) -> Sequence[str]:
        return [str(BACKDROP), *words]

    def types(self, *words: str, code: int = 0) -> str:
        """What a command says, which must end with this exit code."""
        ran = subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.env, cwd=self.here, stdin=subprocess.DEVNULL
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def drops(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The photos go into the test's own folder of the bucket."""
        wish = ("--prompt", self.folder.prompt, "--to", self.folder.name)
        said = self.types("drop", "photos", *wish, *words, "--json", code=code)
        document, _ = json.JSONDecoder().raw_decode(said)
        return document


@pytest.fixture
def uploader(folder: Folder, tmp_path: Path) -> Uploader:
    return Uploader(folder, tmp_path)


def test_photos_are_dropped_watched_and_downloaded_and_bought_once(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.has(*NAMES)
    first = uploader.drops("--download", "done")
    assert (first["uploaded"], first["counts"], first["usd"]) == (6, {"stored": 3}, 0.18)
    assert sorted(path.name for path in (uploader.here / "done").iterdir()) == ["größe 42.png", "red.png", "赤い靴.png"]
    for name in NAMES:
        assert [result["key"] for result in folder.stored(name)["results"]]
    again = uploader.drops("--download", "done")
    assert (again["uploaded"], again["there_already"]) == (0, 3)
    assert (again["usd"], again["earlier_usd"]) == (0.18, 0.18)
    assert again["download"]["there_already"] == 3
    assert len(folder.charges()) == 3


def test_new_instructions_replace_an_earlier_drops_and_no_persons(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.has("red.jpg", "blue.jpg")
    uploader.drops("--wait")
    new = ("drop", "photos", "--to", folder.name, "--sidecar", "remove.json", "--wait", "--json")
    (uploader.here / "remove.json").write_text('{"operation": "remove"}')
    replaced = json.loads(uploader.types(*new))
    assert (replaced["uploaded"], replaced["sidecars_replaced"], replaced["usd"]) == (2, 2, 0.02)
    assert [folder.stored(name)["operation"] for name in ("red.jpg", "blue.jpg")] == ["remove", "remove"]
    assert json.loads(uploader.types(*new))["uploaded"] == 0
    folder.put("red.jpg.json", b'{"operation": "remove", "metadata": {"by": "a person"}}')
    refused = uploader.drops(code=1)
    assert (refused["uploaded"], refused["to_answer"]["photos"]) == (0, [folder.key("red.jpg")])
    kept = uploader.drops("--keep", "--wait")
    assert (kept["sidecars_kept"], folder.stored("red.jpg")["operation"]) == (1, "remove")
    uploader.drops("--replace", "--wait")
    assert [folder.stored(name)["operation"] for name in ("red.jpg", "blue.jpg")] == ["replace", "replace"]
    assert len(folder.charges()) == 2


def test_its_story_its_place_and_its_price_are_told(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.has("red.jpg")
    uploader.drops("--wait")
    shown = json.loads(uploader.types("show", folder.key("red.jpg"), "--json"))
    assert (shown["stage"], shown["receipt"]["total_usd"], shown["gone"]) == ("stored", 0.06, [])
    assert "at the provider" in uploader.types("status").lower()
    spent = json.loads(uploader.types("spend", "--by", "folder", "--json"))
    assert {row["folder"]: row["usd"] for row in spent["rows"]}[f"{folder.name}/"] == 0.06
    fetched = json.loads(uploader.types("download", folder.key(""), "out", "--json"))
    assert list(fetched["files"].values()) == ["out/red.png"]


def test_a_photo_that_is_refused_is_named_before_and_after(uploader: Uploader) -> None:
    uploader.has("red.jpg")
    (uploader.here / "photos" / "bad.jpg").write_bytes(b"no picture")
    said = uploader.drops("--wait", code=1)
    assert [one["code"] for one in said["would_be_refused"]] == ["not_a_photo"]
    assert said["counts"] == {"stored": 1, "refused": 1}


def test_ctrl_c_stops_the_watching_and_nothing_else(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.has(*NAMES)
    wish = ("--prompt", folder.prompt, "--to", folder.name)
    watching = subprocess.Popen(
        uploader.command("drop", "photos", *wish, "--wait"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=uploader.env,
        cwd=uploader.here,
    )
    eventually(lambda: len(folder.ledger()) > 0, "intake looks at the photos")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=60)
    if watching.returncode != 0:
        assert (watching.returncode, err.startswith("error: stopped")) == (130, True), err
    assert uploader.drops("--wait")["counts"] == {"stored": 3}
    assert len(folder.charges()) == 3


def test_a_reader_who_goes_away_is_no_trouble(uploader: Uploader) -> None:
    uploader.has("red.jpg")
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(uploader.command("status"), stdout=write, stderr=subprocess.PIPE, text=True, env=uploader.env)
    os.close(write)
    assert "Traceback" not in ran.stderr
    assert "Exception" not in ran.stderr


def test_the_doctor_finds_the_cloud_well_but_for_a_sidecar_that_lies_alone(uploader: Uploader) -> None:
    """Other tests may have left some of their own; the stack may read a bucket that is nobody's."""
    uploader.folder.put("lonely.jpg.json", b"{}")
    checks = json.loads(uploader.types("doctor", "--json", code=1))["checks"]
    states = {one["name"]: one["state"] for one in checks}
    assert states.pop("sidecars") == "wrong"
    wrong = [one for one in checks if one["state"] == "wrong" and one["name"] != "sidecars"]
    assert {one["name"] for one in wrong} == {"readable bucket"}
    assert any(one["words"] == "nobodys-photos does not exist" for one in wrong)
    assert states["key of ideogram"] == "good"
