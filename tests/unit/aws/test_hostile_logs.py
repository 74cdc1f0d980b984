"""Keys, prompts, and provider messages cannot add lines to a log."""

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

from backdrop.aws import log
from backdrop.aws.batch import ReceivedMessage
from backdrop.model.codec import from_json
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, MalformedMessageError, RetryLaterError
from backdrop.model.job import Job
from tests.unit.aws.test_batch import ConsumerHarness

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
    """The output of the functions' logger."""
    stream = io.StringIO()
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"shop-{uuid.uuid4()}")  # Powertools keeps one logger per name
    monkeypatch.setattr(log, "Logger", partial(Logger, stream=stream, level="INFO"))
    return stream


@pytest.fixture
def harness(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ConsumerHarness:
    """A batch consumer with the logger of a handler."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    found = ConsumerHarness(capsys)
    found.consumer = replace(found.consumer, logger=log.build_logger())
    return found


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words[:40]))
@pytest.mark.parametrize("kind", ["wait", "damage", "bug"])
def test_untrusted_text_cannot_add_a_log_line(
    harness: ConsumerHarness, written: io.StringIO, kind: str, words: str
) -> None:
    error = {
        "wait": RetryLaterError(Code.PROVIDER_UNAVAILABLE, words, 1),
        "damage": MalformedMessageError(words),
        "bug": BackdropError(Code.LINK_EXPIRED, words),
    }[kind]

    def work(_: ReceivedMessage) -> None:
        harness.consumer.logger.append_keys(key=words)
        raise error

    harness.take(work, "x")
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["message"] != "job ended"
    assert json.loads(line)["key"] == words
    assert not re.search(r"[^ -~\x7f]", line)


def test_no_imported_module_configures_the_logger_differently() -> None:
    """Runs in a separate process, because the first caller configures the logger for all others."""
    code = (
        "import backdrop.aws.metrics, backdrop.aws.batch, backdrop.aws.log as log; log.build_logger().info('a\\u2028b')"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "a\\u2028b" in result


def test_contents_of_an_unreadable_record_are_not_logged() -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        from_json(Job, '{"token": "a-secret-token", "url": "https://cdn.example/a.png?sig=secret"}')
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "output"),
    [
        (
            RetryLaterError(Code.LEDGER_UNAVAILABLE, "busy", 1),
            ["WARNING", "transient error; the caller retries", "ledger_unavailable"],
        ),
        (KeyError("execution"), ["ERROR", "unexpected error", "crashed"]),
    ],
    ids=["wait", "bug"],
)
def test_log_errors_reports_only_bugs_as_unexpected(written: io.StringIO, error: Exception, output: list[str]) -> None:
    """Step Functions retries transient errors, and operators search the log for bugs."""
    with pytest.raises(type(error)), log.log_errors(log.build_logger()):
        raise error
    (line,) = written.getvalue().splitlines()
    assert [json.loads(line)[name] for name in ("level", "message", "code")] == output
