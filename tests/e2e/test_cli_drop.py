"""An uploader's `backdrop` commands: photos are dropped, watched, downloaded, and shown."""

import csv
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

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


def test_new_instructions_replace_those_of_a_drop_but_not_a_persons(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos("red.jpg", "blue.jpg")
    uploader.drop("--wait")
    arguments = ("drop", "photos", "--to", folder.name, "--sidecar", "remove.json", "--wait", "--json")
    (uploader.here / "remove.json").write_text('{"operation": "remove"}')
    replaced = json.loads(uploader.run(*arguments))
    assert (replaced["uploaded"], replaced["sidecars_replaced"], replaced["usd"]) == (2, 2, 0.02)
    assert [folder.wait_until_stored(name)["operation"] for name in ("red.jpg", "blue.jpg")] == ["remove", "remove"]
    assert json.loads(uploader.run(*arguments))["uploaded"] == 0
    folder.put("red.jpg.json", b'{"operation": "remove", "metadata": {"by": "a person"}}')
    refused = uploader.drop(code=1)
    assert (refused["uploaded"], refused["to_answer"]["photos"]) == (0, [folder.key("red.jpg")])
    kept = uploader.drop("--keep", "--wait")
    assert (kept["sidecars_kept"], folder.wait_until_stored("red.jpg")["operation"]) == (1, "remove")
    uploader.drop("--replace", "--wait")
    assert [folder.wait_until_stored(name)["operation"] for name in ("red.jpg", "blue.jpg")] == ["replace", "replace"]
    assert len(folder.charges()) == 2


def test_photo_is_in_show_status_spend_and_download(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos("red.jpg")
    uploader.drop("--wait")
    shown = json.loads(uploader.run("show", folder.key("red.jpg"), "--json"))
    assert (shown["stage"], shown["receipt"]["total_usd"], shown["gone"]) == ("stored", 0.06, [])
    assert "at the provider" in uploader.run("status").lower()
    spent = json.loads(uploader.run("spend", "--by", "folder", "--json"))
    assert {row["folder"]: row["usd"] for row in spent["rows"]}[f"{folder.name}/"] == 0.06
    fetched = json.loads(uploader.run("download", folder.key(""), "out", "--json"))
    assert list(fetched["files"].values()) == ["out/red.png"]


def test_statement_lists_the_folders_charges_as_spend_does(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos("red.jpg", "blue.jpg")
    uploader.drop("--wait")
    month = f"{datetime.now(UTC):%Y-%m}"
    document = json.loads(uploader.run("statement", month, "--csv", "bill.csv", "--page", "bill.html", "--json"))
    spent = json.loads(uploader.run("spend", f"{folder.name}/", "--by", "folder", "--json"))
    assert [row for row in document["by"]["folder"] if row["folder"] == f"{folder.name}/"] == spent["rows"]
    assert (document["month"], document["provisional"]) == (month, True)
    with (uploader.here / "bill.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["x_FolderName"] == f"{folder.name}/"]
    assert {row["ResourceName"] for row in rows} == {folder.key("red.jpg"), folder.key("blue.jpg")}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.12")
    assert {(row["ServiceProviderName"], row["BillingCurrency"]) for row in rows} == {("Ideogram", "USD")}
    assert folder.key("red.jpg") in (uploader.here / "bill.html").read_text("utf-8")


def test_options_without_json_shape_the_downloaded_files(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos("red.jpg")
    shape = (
        "--format",
        "jpg",
        "--size",
        "400x300",
        "--fit",
        "pad",
        "--background",
        "white",
        "--trim",
        "--margin",
        "5%",
    )
    assert json.loads(uploader.run("lint", "photos", "--remove", *shape, "--json"))["most_usd"] == 0.01
    assert json.loads(uploader.run("quote", "photos", "--remove", *shape, "--json"))["most_usd"] == 0.01
    arguments = ("drop", "photos", "--to", folder.name, "--remove", *shape, "--download", "done", "--json")
    assert json.loads(uploader.run(*arguments))["usd"] == 0.01
    with Image.open(uploader.here / "done" / "red.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (400, 300))
        assert min(cast("tuple[int, int, int]", picture.getpixel((3, 3)))) >= 254


def test_nothing_found_has_its_own_exit_code(uploader: Uploader) -> None:
    prefix = uploader.folder.key("none/")
    (uploader.here / "notes.txt").write_text("red shoes")
    commands = (
        ("download", prefix, "out"),
        ("gallery", prefix),
        ("rerun", prefix),
        ("cancel", prefix),
        ("show", prefix),
    )
    for words in (*commands, ("lint", "notes.txt"), ("quote", "notes.txt"), ("drop", "notes.txt")):
        uploader.run(*words, code=3)


def test_refused_photo_is_reported_before_and_after_the_drop(uploader: Uploader) -> None:
    uploader.write_photos("red.jpg")
    (uploader.here / "photos" / "bad.jpg").write_bytes(b"no picture")
    document = uploader.drop("--wait", code=1)
    assert [problem["code"] for problem in document["would_be_refused"]] == ["not_a_photo"]
    assert document["counts"] == {"stored": 1, "refused": 1}


def test_ctrl_c_stops_only_the_command_that_waits(uploader: Uploader) -> None:
    folder = uploader.folder
    uploader.write_photos(*NAMES)
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
    if watching.returncode != 0:
        assert (watching.returncode, err.startswith("error: stopped")) == (130, True), err
    assert uploader.drop("--wait")["counts"] == {"stored": 3}
    assert len(folder.charges()) == 3


def test_closed_output_pipe_causes_no_traceback(uploader: Uploader) -> None:
    uploader.write_photos("red.jpg")
    read, write = os.pipe()
    os.close(read)
    completed = subprocess.run(
        uploader.command("status"), stdout=write, stderr=subprocess.PIPE, text=True, env=uploader.env
    )
    os.close(write)
    assert "Traceback" not in completed.stderr
    assert "Exception" not in completed.stderr


def test_doctor_finds_only_the_missing_bucket_and_unmatched_sidecars(uploader: Uploader) -> None:
    """Other tests may have left sidecars without photos, and one of the stack's readable buckets is missing."""
    uploader.folder.put("lonely.jpg.json", b"{}")
    checks = json.loads(uploader.run("doctor", "--json", code=1))["checks"]
    states = {check["name"]: check["state"] for check in checks}
    assert states.pop("sidecars") == "wrong"
    wrong = [check for check in checks if check["state"] == "wrong" and check["name"] != "sidecars"]
    assert {check["name"] for check in wrong} == {"readable bucket"}
    assert any(check["words"] == "missing-photos does not exist" for check in wrong)
    assert states["key of ideogram"] == "good"
