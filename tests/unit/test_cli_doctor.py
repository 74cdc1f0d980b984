"""`backdrop doctor` and `key set`: each thing that is wrong with its fix, and a key that nobody else reads."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from threading import Thread
from typing import Any, cast

import pytest

from backdrop_cli.operate import key_check
from proof.world.sight import INPUT
from proof.world.stack import World
from proof.world.wire import refusal
from tests.unit.cli_person import Person, Said

QUEUE = {"QueueArn": "arn:aws:sqs:eu-central-1:1:intake", "Events": ["s3:ObjectCreated:*"]}
PARAMETERS = {f"{name}MaxInFlight": "10" for name in ("Ideogram", "Segmind", "OneMin", "Runware")}


class NoSecretError(Exception):
    """As botocore's own, made per client."""


@dataclass
class Account:
    """What AWS says of the account, and the secret that is kept in it."""

    key: str | None = "good-key"
    concurrency: int | None = 1000
    wiring: dict[str, Any] = field(default_factory=lambda: {"QueueConfigurations": [QUEUE]})
    is_deployed: bool = True

    class exceptions:  # noqa: N801 - botocore's own name
        """The errors that callers name."""

        ResourceNotFoundException = NoSecretError
        ClientError = type(refusal("x", "y", 400))

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
        assert SecretId == "shop/ideogram/api-key"
        if self.key is None:
            raise NoSecretError
        return {"SecretString": self.key}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803
        if not self.is_deployed:
            raise refusal("ResourceNotFoundException", "PutSecretValue", 400)
        assert SecretId == "shop/ideogram/api-key"
        self.key = SecretString

    def get_account_settings(self) -> dict[str, Any]:
        if self.concurrency == 0:
            raise refusal("AccessDeniedException", "GetAccountSettings", 400)
        return {"AccountLimit": {"ConcurrentExecutions": self.concurrency} if self.concurrency else {}}

    def get_bucket_notification_configuration(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == INPUT
        return self.wiring

    @property
    def services(self) -> Any:
        return cast("Any", type("Services", (), {"secrets": self, "functions": self, "s3": self}))


@dataclass
class Clinic:
    """A stack with its account."""

    person: Person
    account: Account

    def checks(self, *, code: int = 0) -> dict[str, dict[str, str]]:
        """What doctor says, by the thing it looked at."""
        said = self.person.types("doctor", "--json")
        assert said.code == code, said.out
        return {one["name"]: one for one in said.data["checks"]}


def says(known: bool | None) -> Callable[..., tuple[bool | None, str]]:
    """A provider that accepts a key, refuses it, or tells nothing."""

    def accepted(*_: object) -> tuple[bool | None, str]:
        return known, "is set"

    return accepted


def typed(_prompt: str) -> str:
    """What somebody types where nothing is shown."""
    return "typed-key"


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.setattr("backdrop_cli.operate.doctor.accepted", says(True))
    clinic = Clinic(Person(World(), monkeypatch), Account())
    more: dict[str, Any] = {
        "parameters": PARAMETERS,
        "outputs": {"IntakeQueueUrl": "https://sqs.invalid/1/intake", "Version": version("backdrop")},
    }
    clinic.person.stack = replace(clinic.person.stack, clients=clinic.account.services, **more)
    return clinic


def test_a_stack_that_is_well_has_nothing_to_mend(clinic: Clinic) -> None:
    said = clinic.person.types("doctor")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("✓ Nothing to mend.\n")
    assert {one["state"] for one in clinic.checks().values()} == {"good"}


def test_a_key_that_is_missing_or_refused_is_wrong(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, " \n"):
        clinic.account.key = key
        found = clinic.checks(code=1)["key of ideogram"]
        assert (found["state"], found["fix"]) == ("wrong", "`backdrop key set ideogram` sets it.")
    clinic.account.key = "bad"
    monkeypatch.setattr("backdrop_cli.operate.doctor.accepted", says(False))
    assert clinic.checks(code=1)["key of ideogram"]["state"] == "wrong"


def test_what_cannot_be_known_is_said_and_is_no_failure(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.account.concurrency = None
    monkeypatch.setattr("backdrop_cli.operate.doctor.accepted", says(None))
    unknown = {name for name, one in clinic.checks().items() if one["state"] == "unknown"}
    assert unknown == {"key of ideogram", "Lambda's concurrency"}
    clinic.account.concurrency = 0
    assert clinic.checks()["Lambda's concurrency"]["words"] == "cannot be known: AWS says AccessDeniedException"


def test_too_little_concurrency_is_wrong(clinic: Clinic) -> None:
    clinic.account.concurrency = 29
    found = clinic.checks(code=1)["Lambda's concurrency"]
    assert found["words"] == "the account has 29, 30 are needed"
    clinic.account.concurrency = 30
    assert clinic.checks()["Lambda's concurrency"]["state"] == "good"


def test_a_bucket_that_tells_nobody_is_wrong(clinic: Clinic) -> None:
    other = QUEUE | {"QueueArn": "arn:aws:sqs:eu-central-1:1:other"}
    clinic.account.wiring = {"QueueConfigurations": [other]}
    assert clinic.checks(code=1)["the bucket's notifications"]["state"] == "wrong"


def test_an_own_bucket_that_only_tells_eventbridge_is_wrong_since_no_rule_listens(clinic: Clinic) -> None:
    clinic.account.wiring = {"EventBridgeConfiguration": {}}
    found = clinic.checks(code=1)["the bucket's notifications"]
    assert (found["state"], found["fix"]) == ("wrong", "Deploy the stack again, which wires it.")


def test_an_existing_bucket_is_well_once_it_tells_eventbridge(clinic: Clinic) -> None:
    clinic.person.stack = replace(clinic.person.stack, parameters=PARAMETERS | {"InputBucket": INPUT})
    clinic.account.wiring = {}
    found = clinic.checks(code=1)["the bucket's notifications"]
    assert found["words"].endswith("tells nobody of uploads, since its EventBridge notifications are off")
    assert "Amazon EventBridge" in found["fix"]
    for wiring in ({"EventBridgeConfiguration": {}}, {"QueueConfigurations": [QUEUE]}):
        clinic.account.wiring = wiring
        assert clinic.checks()["the bucket's notifications"]["state"] == "good"


def test_a_stack_of_another_release_is_said(clinic: Clinic) -> None:
    clinic.person.stack = replace(clinic.person.stack, outputs={**clinic.person.stack.outputs, "Version": "0.0.1"})
    assert clinic.checks(code=1)["versions"]["words"].endswith("; the stack is of 0.0.1")


def test_a_paused_lane_a_spent_budget_and_a_lonely_sidecar_are_named(clinic: Clinic) -> None:
    clinic.person.types("pause", "ideogram")
    clinic.person.types("budget", "0", "--today")
    clinic.person.world.s3.drop(INPUT, "lonely.jpg.json", b"{}")
    found = clinic.checks(code=1)
    assert {name for name, one in found.items() if one["state"] == "wrong"} == {
        "lane of ideogram",
        "budget",
        "sidecars",
    }
    assert found["sidecars"]["words"] == "1 sidecar without a photo: lonely.jpg.json"


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
    assert "`backdrop resume ideogram` tries the key at once" in said.out


@pytest.mark.parametrize("text", ["", "\n", "two words", "schlüssel", "a\nb", "x" * 5000])
def test_what_is_no_key_is_refused_and_the_old_one_stays(clinic: Clinic, text: str) -> None:
    assert (_pipes(clinic, text).code, clinic.account.key) == (2, "good-key")


def test_a_key_is_never_an_argument(clinic: Clinic) -> None:
    assert clinic.person.types("key", "set", "ideogram", "secret").code == 2


def test_a_secret_that_is_not_there_and_a_provider_that_is_off_are_said(clinic: Clinic) -> None:
    clinic.account.is_deployed = False
    assert "deploy the stack again, which makes it" in _pipes(clinic, "key").err
    assert clinic.person.types("key", "set", "runware").code == 1


def _pipes(clinic: Clinic, text: str) -> Said:
    return clinic.person.types("key", "set", "ideogram", piped=text)


# -- the free call -----------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Generator[tuple[str, list[str]]]:
    """A provider's address, and the answers that it gives one after another."""
    statuses: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library's own name
            assert self.headers["Api-Key"] == "key"
            self.send_response(int(statuses.pop()))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
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
    assert key_check.accepted("ideogram", address, "key")[0] is known
    assert statuses == []


def test_a_provider_that_does_not_answer_says_nothing_of_the_key() -> None:
    assert key_check.accepted("ideogram", "http://127.0.0.1:1", "key")[0] is None
    assert key_check.accepted("runware", "http://127.0.0.1:1", "key")[0] is None
