"""Keys, prompts and providers' words that are made to write lines of their own into a log: each line stays one."""

import io
import json
import re
import subprocess
import sys
import uuid
from dataclasses import replace
from functools import partial

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from backdrop.aws import log
from backdrop.model.codec import from_json
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, MalformedMessageError, RetryLaterError
from backdrop.model.job import Job
from tests.unit.test_batch import Door

FORGED = '{"level":"INFO","message":"job ended","status":"stored"}'
HOSTILE = [
    f"a\n{FORGED}\n",
    f"a\r\n{FORGED}",
    f'a"}}\n{FORGED}',
    f"a\u2028{FORGED}\u2029{FORGED}\x85{FORGED}",
    "a\x1b[2J\x1b[31mred\x1b[0m\x9b31m\x07\x00\x7f",
    "a" * 100_000,
]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the functions write."""
    stream = io.StringIO()
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"shop-{uuid.uuid4()}")  # one name is one logger for ever
    monkeypatch.setattr(log, "Logger", partial(Logger, stream=stream, level="INFO"))
    return stream


@pytest.fixture
def door(written: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Door:
    """An inbox with a door's own logger."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    found = Door(capsys)
    found.inbox = replace(found.inbox, logger=log.build_logger())
    return found


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words[:40]))
@pytest.mark.parametrize("kind", ["wait", "damage", "bug"])
def test_words_from_outside_make_no_line_of_their_own(door: Door, written: io.StringIO, kind: str, words: str) -> None:
    error = {
        "wait": RetryLaterError(Code.PROVIDER_UNAVAILABLE, words, 1),
        "damage": MalformedMessageError(words),
        "bug": BackdropError(Code.LINK_EXPIRED, words),
    }[kind]

    def work(record: SQSRecord) -> None:
        door.inbox.logger.append_keys(key=words)
        raise error

    door.take(work, "x")
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["message"] != "job ended"
    assert json.loads(line)["key"] == words
    assert not re.search(r"[^ -~\x7f]", line)


def test_no_module_that_a_door_imports_makes_its_logger_another_one() -> None:
    """In a process of its own: whoever asks for a logger first decides how all lines are written."""
    door = (
        "import backdrop.aws.metrics, backdrop.aws.batch, backdrop.aws.log as log; log.build_logger().info('a\\u2028b')"
    )
    said = subprocess.run([sys.executable, "-c", door], check=True, capture_output=True, text=True).stdout
    assert "a\\u2028b" in said


def test_what_a_broken_record_holds_is_not_told() -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        from_json(Job, '{"token": "a-secret-token", "url": "https://cdn.example/a.png?sig=secret"}')
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RetryLaterError(Code.LEDGER_UNAVAILABLE, "busy", 1),
            ["WARNING", "transient error; the caller retries", "ledger_unavailable"],
        ),
        (KeyError("execution"), ["ERROR", "unexpected error", "crashed"]),
    ],
    ids=["wait", "bug"],
)
def test_only_a_bug_is_unexpected_where_no_inbox_guards_an_invocation(
    written: io.StringIO, error: Exception, said: list[str]
) -> None:
    """Step Functions tries again what has to wait; who reads the log looks for bugs."""
    with pytest.raises(type(error)), log.log_errors(log.build_logger()):
        raise error
    (line,) = written.getvalue().splitlines()
    assert [json.loads(line)[name] for name in ("level", "message", "code")] == said
