"""`backdrop key set`: a key that nobody else reads; and the call that tries a key for nothing."""

from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import override

import pytest

from backdrop_cli.operate import key_check
from tests.simulated.cli_clinic import Clinic, a_clinic
from tests.simulated.cli_person import Said


def typed(_prompt: str) -> str:
    """What somebody types where nothing is shown."""
    return "typed-key"


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> Clinic:
    return a_clinic(monkeypatch)


# -- the key -----------------------------------------------------------------------------------------------------


def test_a_key_comes_through_a_pipe_and_stands_nowhere(clinic: Clinic) -> None:
    said = _pipes(clinic, "\ufeff secret-key-1 \r\n")
    assert (said.code, clinic.account.key) == (0, "secret-key-1")
    assert "secret-key-1" not in said.out + said.err


def test_a_key_typed_at_the_prompt_is_not_shown(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", typed)
    clinic.person.types("pause", "ideogram")
    said = clinic.person.types("key", "set", "ideogram", answer="")
    assert (said.code, clinic.account.key) == (0, "typed-key")
    assert "`backdrop resume ideogram`." in said.out


@pytest.mark.parametrize("text", ["", "\n", "two words", "schlüssel", "a\nb", "x" * 5000])
def test_what_is_no_key_is_refused_and_the_old_one_stays(clinic: Clinic, text: str) -> None:
    assert (_pipes(clinic, text).code, clinic.account.key) == (2, "good-key")


def test_a_key_is_never_an_argument(clinic: Clinic) -> None:
    assert clinic.person.types("key", "set", "ideogram", "secret").code == 2


def test_a_secret_that_is_not_there_and_a_provider_that_is_off_are_said(clinic: Clinic) -> None:
    clinic.account.is_deployed = False
    told = _pipes(clinic, "key").err
    assert "restore-secret --secret-id shop/ideogram/api-key" in told
    assert told.endswith("then set it again\n")
    assert clinic.person.types("key", "set", "runware").code == 1


def _pipes(clinic: Clinic, text: str) -> Said:
    return clinic.person.types("key", "set", "ideogram", piped=text)


# -- the free call -----------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Generator[tuple[str, list[str]]]:
    """A provider's address, and the answers that it gives one after another."""
    statuses: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Api-Key"] == "key"
            self.send_response(int(statuses.pop()))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "known"), [("200", True), ("404", True), ("401", False), ("403", False), ("500", None), ("302", None)]
)
def test_a_key_is_tried_by_a_call_that_costs_nothing(
    provider: tuple[str, list[str]], status: str, known: bool | None
) -> None:
    address, statuses = provider
    statuses.append(status)
    assert key_check.check_key_accepted("ideogram", address, "key")[0] is known
    assert statuses == []


def test_a_provider_that_does_not_answer_says_nothing_of_the_key() -> None:
    assert key_check.check_key_accepted("ideogram", "http://127.0.0.1:1", "key")[0] is None
    assert key_check.check_key_accepted("runware", "http://127.0.0.1:1", "key")[0] is None
