"""The deployment check reports lanes that can use all of the account's concurrency, but never rejects the defaults."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from backdrop_cli.operate.checks import deployment_checks
from functions.deployment_check import app
from tests.unit.template_document import ALL_ON, Deployed, read_template

STACK = "arn:aws:cloudformation:eu-central-1:123456789012:stack/backdrop/1"
NEW_ACCOUNT = 10


@dataclass
class FakeLambdaAccount:
    """Lambda as one account sees it: its answers, in order. The last answer is repeated."""

    answers: list[Any] = field(default_factory=list[Any])
    request_count: int = 0
    slept: float = 0

    def client(self, service: str, **_: object) -> "FakeLambdaAccount":
        assert service == "lambda"
        return self

    def get_account_settings(self) -> dict[str, Any]:
        self.request_count += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"AccountLimit": {} if answer is None else {"ConcurrentExecutions": answer}}

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FakeLambdaAccount:
    fake = FakeLambdaAccount([NEW_ACCOUNT])
    monkeypatch.setattr("functions.deployment_check.app.boto3.client", fake.client)
    monkeypatch.setattr("functions.deployment_check.app.time.sleep", fake.sleep)
    return fake


def build_refusal(status: int, code: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetAccountSettings")


def check_update(before: dict[str, str] | None = None, **changes: str) -> tuple[list[str], str]:
    """Returns the problems and notes when a stack with the parameters `before` is deployed with these parameters."""

    def build_properties(given: dict[str, str]) -> dict[str, str]:
        fake = Deployed(**given).resources["DeploymentCheck"]["Properties"]
        return {name: str(value) for name, value in fake.items()}

    event: dict[str, Any] = {"StackId": STACK, "ResourceProperties": build_properties(changes)}
    return app.check(event if before is None else event | {"OldResourceProperties": build_properties(before)})


def test_defaults_are_those_of_the_template() -> None:
    declared = read_template()["Parameters"]
    assert {name: declared[f"{name}MaxInFlight"]["Default"] for name in app.PROVIDERS} == app.DEFAULT_MAX_IN_FLIGHT


def test_doctor_and_the_check_reserve_the_same_concurrency() -> None:
    assert app.SPARE_CONCURRENCY == deployment_checks.SPARE_CONCURRENCY


@pytest.mark.parametrize("limit", [1, NEW_ACCOUNT])
@pytest.mark.parametrize("before", [None, {}, {"IdeogramMaxInFlight": "2"}])
def test_defaults_are_never_rejected_but_have_a_note(
    account: FakeLambdaAccount, limit: int, before: dict[str, str] | None
) -> None:
    account.answers = [limit]
    refusals, note = check_update(before)
    assert refusals == []
    assert note.startswith(f"Too little: this account may run {limit} Lambda functions at a time")


@pytest.mark.parametrize("before", [None, {}], ids=["new", "from the defaults"])
def test_lanes_that_starve_other_functions_are_rejected_with_a_fix(
    account: FakeLambdaAccount, before: dict[str, str] | None
) -> None:
    [problem], note = check_update(before, IdeogramMaxInFlight="8", SegmindMaxInFlight="4")
    words = [
        *("may run 10 Lambda functions", "IdeogramMaxInFlight=8, SegmindMaxInFlight=4", "delayed"),
        *("all MaxInFlight to 5 or less", "Service Quotas"),
    ]
    assert [one for one in words if one not in problem] == []
    assert note == ""


@pytest.mark.parametrize(
    "before",
    [
        {"IdeogramMaxInFlight": "20"},
        {"IdeogramMaxInFlight": "50"},
        {"IdeogramMaxInFlight": "10", "RunwareMaxInFlight": "10"},
    ],
    ids=["the same", "fewer", "the same sum"],
)
def test_unchanged_concurrency_has_a_note_and_is_not_rejected(
    account: FakeLambdaAccount, before: dict[str, str]
) -> None:
    """This holds whatever else the deployment changes. A rollback to fewer calls is not rejected either."""
    refusals, note = check_update(before, IdeogramMaxInFlight="20")
    assert refusals == []
    assert note.startswith("Too little: ")


@pytest.mark.parametrize(
    ("limit", "word"), [(NEW_ACCOUNT, "Too little: "), (11, "Short: "), (29, "Short: "), (30, "Enough: ")]
)
def test_note_says_what_is_left_for_other_functions(account: FakeLambdaAccount, limit: int, word: str) -> None:
    account.answers = [limit]
    refusals, note = check_update()
    assert refusals == []
    assert note.startswith(word)
    assert word != "Short: " or f"leaves {limit - 10} for all other functions" in note


@pytest.mark.parametrize("answer", [None, EndpointConnectionError(endpoint_url="https://lambda.invalid")])
def test_unknown_concurrency_is_noted_and_not_rejected(account: FakeLambdaAccount, answer: object) -> None:
    account.answers = [answer]
    refusals, note = check_update(None, **ALL_ON)
    assert refusals == []
    assert note == "Unknown: Lambda did not report the account's concurrency. The lanes use up to 8."
    assert (account.request_count, account.slept) == (1, 0)


def test_check_waits_for_a_permission_that_does_not_apply_yet(account: FakeLambdaAccount) -> None:
    account.answers = [build_refusal(403, "AccessDeniedException"), build_refusal(403, "AccessDeniedException"), 1000]
    assert check_update()[1].startswith("Enough: the account has a concurrency of 1,000")
    assert account.slept == 2 * app.RETRY_PAUSE_SECONDS


def test_permission_that_never_applies_rejects_nothing(account: FakeLambdaAccount) -> None:
    account.answers = [build_refusal(403, "AccessDeniedException")]
    assert check_update(None, **ALL_ON) == ([], app.build_concurrency_note(app.read_max_in_flight(ALL_ON), None).text)
    assert account.request_count == app.MAX_TRIES


def test_slow_requests_end_within_the_invocation_and_cloudformations_timeout() -> None:
    """Lambda retries after one minute and after two more (Developer Guide, "Asynchronous invocation")."""
    stack = Deployed().resources
    seconds = stack["DeploymentCheckFunction"]["Properties"]["Timeout"]
    check_seconds = 3 * app.MAX_TRIES * (app.RETRY_PAUSE_SECONDS + 1)
    assert check_seconds + 2 * app.RESPONSE_TIMEOUT_SECONDS < seconds
    assert (
        stack["DeploymentCheck"]["Properties"]["ServiceTimeout"]
        >= 3 * seconds + 60 + 120 + app.RESPONSE_TIMEOUT_SECONDS
    )
