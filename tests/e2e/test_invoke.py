"""`make invoke`: the functions' own code handles every sample event, in a process on this machine."""

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

EVENTS = ROOT / "events"
HANDLED = [path for path in sorted(EVENTS.glob("*.json")) if json.loads(path.read_text()).get("source") != "backdrop"]
# The samples that buy something. A test sends them for its own photo.
DECISIONS = {"image_approved", "image_rejected"}
PURCHASES = {"request", "request_with_token", "image_requested"}


@pytest.fixture
def shoes(stack: DeployedStack) -> Generator[Folder]:
    """The folder that the samples name."""
    folder = Folder(stack, "shoes")
    yield folder
    folder.close()


def invoke(stack: DeployedStack, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Runs `make invoke` with these events."""
    environment = {**os.environ, "BACKDROP_HOME": str(stack.cloud.home.path)}
    command = ["make", "-s", "invoke", f"EVENT={' '.join(map(str, paths))}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def read_sample_message(name: str, body: str = "") -> dict[str, Any]:
    """Returns a sample message, with another body if one is given."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    event["Records"][0] |= {"body": body} if body else {}
    return event


def find_log_lines(completed: subprocess.CompletedProcess[str], message: str) -> list[dict[str, Any]]:
    """Returns the log lines with this message."""
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    return [line for line in lines if line and line.get("message") == message]


def test_every_free_sample_is_handled_by_its_function(shoes: Folder) -> None:
    free = [path for path in HANDLED if path.stem not in PURCHASES]
    completed = invoke(shoes.stack, *free)
    assert (
        completed.returncode,
        find_log_lines(completed, "unexpected error; SQS will deliver the message again"),
    ) == (0, []), completed.stderr
    answers = [json.loads(line) for line in completed.stdout.splitlines() if line.startswith('{"batchItemFailures')]
    messages = [path for path in free if path.stem in DECISIONS or "Records" in json.loads(path.read_text())]
    assert answers == [{"batchItemFailures": []}] * len(messages)


def test_request_accepted_here_is_bought_by_the_cloud(folder: Folder, tmp_path: Path) -> None:
    folder.drop("red.jpg")
    request = {"bucket": "backdrop-input", "key": folder.key("red.jpg"), "instructions": folder.instructions}
    message = read_sample_message("request", json.dumps(request))
    event = json.loads((EVENTS / "image_requested.json").read_text()) | {"id": "e-1", "detail": request}
    for name, content in {"request": message, "image_requested": event}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    accepted = find_log_lines(invoke(folder.stack, *tmp_path.iterdir()), "job accepted")
    assert [line["key"] for line in accepted] == [folder.key("red.jpg")]
    assert folder.wait_until_stored("red.jpg")["job_id"] == accepted[0]["job_id"]


def test_missing_photo_of_an_event_is_uploaded_once(folder: Folder, tmp_path: Path) -> None:
    notification = json.loads(read_sample_message("s3_event_created")["Records"][0]["body"])
    notification["detail"]["object"]["key"] = folder.key("new.jpg")
    (tmp_path / "event.json").write_text(json.dumps(read_sample_message("s3_event_created", json.dumps(notification))))
    assert "Uploaded a sample photo" in invoke(folder.stack, tmp_path / "event.json").stderr
    assert "Uploaded a sample photo" not in invoke(folder.stack, tmp_path / "event.json").stderr
    eventually(lambda: folder.report("new.jpg"), "the report that there are no instructions")


def test_malformed_message_becomes_a_dead_letter(stack: DeployedStack, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(read_sample_message("request", "no JSON")))
    completed = invoke(stack, tmp_path / "event.json")
    assert (
        completed.returncode,
        completed.stderr,
        [line["reason"] for line in find_log_lines(completed, "malformed message")],
    ) == (
        0,
        "",
        ["The body is not JSON."],
    )
    eventually(
        lambda: [letter for letter in stack.queue("DeadLetterQueueUrl").messages() if "no JSON" in letter.body],
        "a dead letter",
    )


@pytest.mark.parametrize(
    ("name", "expected_text"),
    [("image_completed.json", "no Backdrop function handles"), ("no_such.json", "cannot be read as an event")],
)
def test_unsupported_event_leads_to_one_error_message(stack: DeployedStack, name: str, expected_text: str) -> None:
    completed = invoke(stack, EVENTS / name)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert expected_text in completed.stderr
    assert "Traceback" not in completed.stderr
