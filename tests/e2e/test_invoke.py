"""`make invoke`: the functions' own code takes every sample of an event, in a process of this machine."""

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

EVENTS = ROOT / "events"
TAKEN = [path for path in sorted(EVENTS.glob("*.json")) if json.loads(path.read_text()).get("source") != "backdrop"]
# Those that buy are told for a photo of a test's own.
BUYS = {"request", "request_with_token", "image_requested"}


@pytest.fixture
def shoes(shop: Shop) -> Generator[Folder]:
    """The folder that the samples speak of."""
    opened = Folder(shop, "shoes")
    yield opened
    opened.close()


def invoked(shop: Shop, *paths: Path) -> subprocess.CompletedProcess[str]:
    """What is said on the way, and what the handlers answer."""
    environment = {**os.environ, "BACKDROP_HOME": str(shop.cloud.home.path)}
    words = ["make", "-s", "invoke", f"EVENT={' '.join(map(str, paths))}"]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def a_message(name: str, body: str = "") -> dict[str, Any]:
    """A sample of a message, with another body where one is given."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    event["Records"][0] |= {"body": body} if body else {}
    return event


def said(done: subprocess.CompletedProcess[str], message: str) -> list[dict[str, Any]]:
    """The log's lines with this message."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line and line.get("message") == message]


def test_every_sample_is_taken_by_the_function_that_it_is_for(shoes: Folder) -> None:
    free = [path for path in TAKEN if path.stem not in BUYS]
    done = invoked(shoes.shop, *free)
    assert (done.returncode, said(done, "unexpected error; SQS will deliver the message again")) == (0, []), done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"batchItemFailures')]
    messages = [path for path in free if "Records" in json.loads(path.read_text())]
    assert answers == [{"batchItemFailures": []}] * len(messages)


def test_a_request_is_accepted_once_in_this_process_and_bought_by_the_cloud(folder: Folder, tmp_path: Path) -> None:
    folder.drop("red.jpg")
    request = {"bucket": "backdrop-input", "key": folder.key("red.jpg"), "instructions": folder.wish}
    message = a_message("request", json.dumps(request))
    event = json.loads((EVENTS / "image_requested.json").read_text()) | {"id": "e-1", "detail": request}
    for name, asks in {"request": message, "image_requested": event}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(asks))
    accepted = said(invoked(folder.shop, *tmp_path.iterdir()), "job accepted")
    assert [line["key"] for line in accepted] == [folder.key("red.jpg")]
    assert folder.stored("red.jpg")["job_id"] == accepted[0]["job_id"]


def test_a_photo_that_is_asked_for_and_not_there_is_put_there(folder: Folder, tmp_path: Path) -> None:
    said_by_s3 = json.loads(a_message("s3_event_created")["Records"][0]["body"])
    said_by_s3["detail"]["object"]["key"] = folder.key("new.jpg")
    (tmp_path / "event.json").write_text(json.dumps(a_message("s3_event_created", json.dumps(said_by_s3))))
    for words in ("Uploaded a sample photo to", ""):
        assert words in invoked(folder.shop, tmp_path / "event.json").stderr
    eventually(lambda: folder.report("new.jpg"), "word that nobody said what is wanted")


def test_a_damaged_message_is_shown_to_become_a_dead_letter(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(a_message("request", "no JSON")))
    done = invoked(shop, tmp_path / "event.json")
    assert (done.returncode, done.stderr, [line["reason"] for line in said(done, "malformed message")]) == (
        0,
        "",
        ["The body is not JSON."],
    )
    eventually(
        lambda: [one for one in shop.queue("DeadLetterQueueUrl").messages() if "no JSON" in one.body], "a letter"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [("image_completed.json", "no Backdrop function handles"), ("no_such.json", "cannot be read as an event")],
)
def test_what_no_function_takes_is_one_message(shop: Shop, name: str, told: str) -> None:
    done = invoked(shop, EVENTS / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
