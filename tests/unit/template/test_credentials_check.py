"""The check of Content Credentials always responds to CloudFormation, and rejects a key that cannot sign pictures."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop_credentials.keys import SigningKeys
from functions.credentials_check import app
from simulation.world.transport import build_client_error
from tests.signing_pki import KMS_ARN, FakeKms, build_chain, build_keys, build_leaf_key
from tests.unit.cloudformation_responses import ResponseReceiver, receive_responses

NEW_KEY = KMS_ARN.replace("1111", "9999")


@pytest.fixture
def inbox() -> Iterator[ResponseReceiver]:
    with receive_responses() as receiver:
        yield receiver


def build_event(
    inbox: ResponseReceiver, kind: str = "Create", key_arn: str = KMS_ARN, resource_id: str = ""
) -> dict[str, Any]:
    return {
        "ResourceProperties": {"ContentCredentialsKeyArn": key_arn},
        **({"PhysicalResourceId": resource_id} if resource_id else {}),
        "RequestType": kind,
        "RequestId": "request-1",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/backdrop/1",
        "LogicalResourceId": "CredentialsCheck",
        "ResponseURL": inbox.url,
    }


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between the tries of a check, in seconds."""
    seconds = list[float]()
    monkeypatch.setattr("functions.credentials_check.app.time.sleep", seconds.append)
    return seconds


def use_keys(monkeypatch: pytest.MonkeyPatch, keys: SigningKeys) -> None:
    monkeypatch.setattr("functions.credentials_check.app.keys", keys)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_key_that_signs_is_accepted(inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    use_keys(monkeypatch, build_keys())
    app.lambda_handler(build_event(inbox, kind), None)
    [answer] = inbox.answers
    assert (answer["Status"], answer["RequestId"], answer["LogicalResourceId"]) == (
        "SUCCESS",
        "request-1",
        "CredentialsCheck",
    )
    assert inbox.content_types == [""]


def test_key_that_does_not_sign_is_rejected_with_its_reason(
    inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    use_keys(monkeypatch, build_keys(build_chain()[:-1]))
    app.lambda_handler(build_event(inbox), None)
    [answer] = inbox.answers
    assert (answer["Status"], "lacks its root" in answer["Reason"]) == ("FAILED", True)
    assert len(pauses) == app.MAX_TRIES - 1


def test_new_permission_that_applies_late_is_waited_for(
    inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = FakeKms(build_leaf_key(), refusal=build_client_error("AccessDeniedException", "Sign", 400))
    use_keys(monkeypatch, build_keys(kms=kms))

    def grant(_: float) -> None:
        kms.refusal = None

    monkeypatch.setattr("functions.credentials_check.app.time.sleep", grant)
    app.lambda_handler(build_event(inbox), None)
    assert [answer["Status"] for answer in inbox.answers] == ["SUCCESS"]


def test_feature_can_always_be_turned_off(inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, build_keys("no certificate"))
    app.lambda_handler(build_event(inbox, "Delete"), None)
    assert [answer["Status"] for answer in inbox.answers] == ["SUCCESS"]


def test_rollback_to_the_key_before_succeeds_although_its_certificate_was_replaced(
    inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, build_keys())
    app.lambda_handler(build_event(inbox, "Create"), None)
    first_id = inbox.answers[0]["PhysicalResourceId"]
    app.lambda_handler(build_event(inbox, "Update", NEW_KEY, first_id), None)
    second_id = inbox.answers[1]["PhysicalResourceId"]
    use_keys(monkeypatch, build_keys("the certificate of the new key"))
    for resource_id in (first_id, second_id):
        app.lambda_handler(build_event(inbox, "Update", KMS_ARN, resource_id), None)
    app.lambda_handler(build_event(inbox, "Update", "arn:a-third-key", second_id), None)
    assert [answer["Status"] for answer in inbox.answers] == ["SUCCESS"] * 4 + ["FAILED"]
    assert inbox.answers[4]["PhysicalResourceId"] == second_id


def test_failed_check_still_responds_and_raises_its_error(
    inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, build_keys(kms=FakeKms(build_leaf_key(), refusal=ValueError("broken"))))
    with pytest.raises(ValueError, match="broken"):
        app.lambda_handler(build_event(inbox), None)
    [answer] = inbox.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", app.CHECK_FAILED_REASON)


def test_library_that_cannot_be_loaded_rejects_the_deployment_with_a_reason(
    inbox: ResponseReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example the layer of another processor."""
    use_keys(monkeypatch, build_keys())
    monkeypatch.setitem(sys.modules, "backdrop_credentials.trial", None)
    with pytest.raises(ImportError):
        app.lambda_handler(build_event(inbox), None)
    [answer] = inbox.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", app.CHECK_FAILED_REASON)


@pytest.mark.parametrize(
    "module", ["backdrop_credentials.build", "functions.credentials_check.app", "functions.sign.app"]
)
def test_library_is_not_loaded_before_the_first_signature(module: str) -> None:
    script = f"import sys, {module}; sys.exit('c2pa' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_doctor_receives_the_result_of_a_trial_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = build_chain(ends_in=timedelta(days=90))
    use_keys(monkeypatch, build_keys(chain))
    result = app.lambda_handler({}, None)
    assert (result["problem"], result["expires_at"]) == ("", chain[0].certificate.not_valid_after_utc.isoformat())
    assert result["added_bytes"] > 0


def test_unavailable_kms_does_not_accuse_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    kms = FakeKms(build_leaf_key(), refusal=build_client_error("KMSInternalException", "Sign", 500))
    use_keys(monkeypatch, build_keys(kms=kms))
    with pytest.raises(RetryLaterError) as caught:
        app.lambda_handler({}, None)
    assert caught.value.code is not Code.SIGNING_FAILED
