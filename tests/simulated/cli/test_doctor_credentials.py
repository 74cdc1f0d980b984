"""`backdrop doctor`: the trial signature of a stack that adds Content Credentials."""

import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from tests.signing_pki import KMS_ARN
from tests.simulated.doctor_stack import PARAMETERS, CheckedStack, build_checked_stack

CHECK = "content credentials"


def run_doctor(monkeypatch: pytest.MonkeyPatch, response: dict[str, Any], *, code: int = 0) -> dict[str, str]:
    """Returns what doctor says about a stack whose check function responds like this."""
    stack: CheckedStack = build_checked_stack(monkeypatch)
    parameters = PARAMETERS | {"ContentCredentialsKeyArn": KMS_ARN}
    stack.person.stack = replace(stack.person.stack, parameters=parameters)

    def invoke(*, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, Payload) == ("shop-credentials-check", b"{}")
        return {
            "Payload": BytesIO(json.dumps(response).encode()),
            **({} if response else {"FunctionError": "Unhandled"}),
        }

    monkeypatch.setattr(stack.account, "invoke", invoke, raising=False)
    return stack.run_doctor(code=code)[CHECK]


def build_response(days: int = 300, **changes: Any) -> dict[str, Any]:
    expires_at = build_now() + timedelta(days=days)
    return {"problem": "", "expires_at": expires_at.isoformat(), "added_bytes": 13_000} | changes


def build_now() -> Any:
    from simulation.world.simulated_stack import World

    return World().clock.now()


def test_trial_signature_is_good_news(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch, build_response())["state"] == "good"


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (build_response(problem="KMS does not sign with this key."), "KMS does not sign"),
        (build_response(days=20), "expires on"),
        (build_response(added_bytes=17_000), "adds 17"),
    ],
)
def test_key_or_certificate_that_needs_work_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, response: dict[str, Any], words: str
) -> None:
    found = run_doctor(monkeypatch, response, code=1)
    assert (found["state"], words in found["words"], bool(found["fix"])) == ("wrong", True, True)


def test_check_that_fails_itself_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch, {})["state"] == "unknown"


def test_stack_without_credentials_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHECK not in build_checked_stack(monkeypatch).run_doctor()
