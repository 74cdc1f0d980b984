"""`backdrop key set`, which reveals the key to no other program, and the free call that checks a key."""

from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import override

import pytest

from backdrop_cli.operate import key_check
from tests.simulated.command_user import CommandResult
from tests.simulated.doctor_stack import CheckedStack, build_checked_stack


def type_key(_prompt: str) -> str:
    """What a person types at the prompt, which does not echo it."""
    return "typed-key"


@pytest.fixture
def checked_stack(monkeypatch: pytest.MonkeyPatch) -> CheckedStack:
    return build_checked_stack(monkeypatch)


# -- the key -----------------------------------------------------------------------------------------------------


def test_piped_key_is_stored_and_never_printed(checked_stack: CheckedStack) -> None:
    result = _pipe_key(checked_stack, "\ufeff secret-key-1 \r\n")
    assert (result.code, checked_stack.account.key) == (0, "secret-key-1")
    assert "secret-key-1" not in result.out + result.err


def test_key_typed_at_the_prompt_is_not_shown(checked_stack: CheckedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", type_key)
    checked_stack.person.run("pause", "ideogram")
    result = checked_stack.person.run("key", "set", "ideogram", answer="")
    assert (result.code, checked_stack.account.key) == (0, "typed-key")
    assert "`backdrop resume ideogram`." in result.out


def test_prompt_that_is_ended_keeps_the_key(checked_stack: CheckedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_input(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", end_input)
    result = checked_stack.person.run("key", "set", "ideogram", answer="")
    assert (result.code, checked_stack.account.key, "no key was given" in result.err) == (2, "good-key", True)


def test_key_in_another_encoding_is_refused(checked_stack: CheckedStack) -> None:
    result = _pipe_key(checked_stack, "secret-key-1".encode("utf-16"))
    assert (result.code, checked_stack.account.key) == (2, "good-key")
    assert "not UTF-8" in result.err


@pytest.mark.parametrize("text", ["", "\n", "two words", "schlüssel", "a\nb", "x" * 5000])
def test_invalid_key_is_refused_and_the_old_one_is_kept(checked_stack: CheckedStack, text: str) -> None:
    assert (_pipe_key(checked_stack, text).code, checked_stack.account.key) == (2, "good-key")


def test_key_is_never_accepted_as_an_argument(checked_stack: CheckedStack) -> None:
    assert checked_stack.person.run("key", "set", "ideogram", "secret").code == 2


def test_missing_secret_and_disabled_provider_are_reported(checked_stack: CheckedStack) -> None:
    checked_stack.account.is_deployed = False
    error = _pipe_key(checked_stack, "key").err
    assert "restore-secret --secret-id shop/ideogram/api-key" in error
    assert error.endswith("then set it again\n")
    assert checked_stack.person.run("key", "set", "runware").code == 1


def _pipe_key(checked_stack: CheckedStack, text: str | bytes) -> CommandResult:
    return checked_stack.person.run("key", "set", "ideogram", piped=text)


# -- the free call -----------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Generator[tuple[str, list[str]]]:
    """A fake provider: its address, and the statuses that it still has to respond with."""
    statuses: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Api-Key"] == "key"
            self.send_response(int(statuses.pop()))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Prints nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "known"), [("200", True), ("404", True), ("401", False), ("403", False), ("500", None), ("302", None)]
)
def test_key_is_checked_by_a_free_call(provider: tuple[str, list[str]], status: str, known: bool | None) -> None:
    address, statuses = provider
    statuses.append(status)
    assert key_check.check_key_accepted("ideogram", address, "key")[0] is known
    assert statuses == []


def test_unreachable_provider_leaves_the_keys_status_unknown() -> None:
    assert key_check.check_key_accepted("ideogram", "http://127.0.0.1:1", "key")[0] is None
    assert key_check.check_key_accepted("runware", "http://127.0.0.1:1", "key")[0] is None
