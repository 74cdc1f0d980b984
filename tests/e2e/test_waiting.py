"""While a provider cannot be paid, photos wait with the reason in a report. Later, they continue automatically."""

from collections.abc import Callable, Generator
from contextlib import ExitStack

import pytest

from backdrop_local.home import STACK
from backdrop_local.processes import find_free_port
from tests.contract.standin_client import KEY
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

SECRET = f"{STACK}/ideogram/api-key"


AN_HOUR = "3600"


@pytest.fixture
def stack_with_key_changes(stack: DeployedStack) -> Generator[DeployedStack]:
    """The stack, whose usual key is restored after the test."""
    yield stack
    stack.standin.control("settings", {"revoked": []})
    stack.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=KEY)
    stack.kill_render_workers()


def assert_all_wait(folder: Folder, code: str, *names: str) -> None:
    """Asserts that the lane is paused under one report, and that the photos wait unpaid without their own reports."""
    stack = folder.stack
    report = eventually(stack.provider_report, "the provider's report")
    (entry,) = report["errors"]
    assert (entry["code"], entry["status"], entry["money"]) == (code, "paused", "not_spent")
    assert "continues automatically" in entry["hint"]
    for name in names:
        folder.wait_until_unpaid(name)
    assert folder.charges() == []
    assert folder.dead_letters(*names) == []


def test_photos_wait_for_a_missing_key(folder: Folder, stack_with_key_changes: DeployedStack) -> None:
    stack_with_key_changes.clients.secrets.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7)
    stack_with_key_changes.kill_render_workers()
    try:
        folder.drop("red.jpg", folder.instructions)
        assert_all_wait(folder, "provider_key_missing", "red.jpg")
    finally:
        stack_with_key_changes.clients.secrets.restore_secret(SecretId=SECRET)
    folder.wait_until_resumed("red.jpg")


def test_photos_wait_while_the_key_is_blank(folder: Folder, stack_with_key_changes: DeployedStack) -> None:
    stack_with_key_changes.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=" \n")
    stack_with_key_changes.kill_render_workers()
    folder.drop("red.jpg", folder.instructions)
    assert_all_wait(folder, "provider_key_missing", "red.jpg")
    stack_with_key_changes.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=f"{KEY}\n")
    folder.wait_until_resumed("red.jpg")


def test_photos_wait_under_one_report_until_the_key_is_right(
    folder: Folder, stack_with_key_changes: DeployedStack
) -> None:
    stack_with_key_changes.standin.control("settings", {"revoked": [KEY]})
    folder.drop("red.jpg", folder.instructions)
    folder.drop("blue.jpg", folder.instructions)
    assert_all_wait(folder, "provider_key_refused", "red.jpg", "blue.jpg")
    stack_with_key_changes.clients.secrets.put_secret_value(SecretId=SECRET, SecretString="another-key")
    folder.wait_until_resumed("red.jpg", "blue.jpg")


def test_photos_wait_while_the_account_is_empty(folder: Folder) -> None:
    folder.add_fault("status", {"code": 402})
    folder.drop("red.jpg", folder.instructions)
    assert_all_wait(folder, "provider_out_of_money", "red.jpg")
    folder.stack.standin.control("faults", method="DELETE")
    folder.wait_until_resumed("red.jpg")


def assert_waits_until_fixed(folder: Folder, fix: Callable[[], object]) -> None:
    """Asserts that the photo returns to its lane until the provider works again, and has a report after several
    attempts.
    """
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_returned("red.jpg")
    eventually(lambda: folder.is_unpaid("red.jpg"), "red.jpg waits", lambda: folder.job("red.jpg"))
    codes = [entry["code"] for entry in (folder.report("red.jpg") or {"errors": []})["errors"]]
    assert {*codes} <= {"provider_unavailable"}
    assert folder.charges() == []
    fix()
    folder.wait_until_stored("red.jpg")
    assert len(folder.charges()) == 1


def test_photo_waits_while_the_provider_answers_503(folder: Folder) -> None:
    folder.add_fault("status", {"code": 503})
    assert_waits_until_fixed(folder, lambda: folder.stack.standin.control("faults", method="DELETE"))


def test_photo_waits_while_the_provider_is_down(folder: Folder) -> None:
    with ExitStack() as down:
        down.enter_context(
            folder.stack.override_environment("render", IDEOGRAM_BASE_URL=f"http://127.0.0.1:{find_free_port()}")
        )
        assert_waits_until_fixed(folder, down.close)


def test_transient_provider_error_is_not_reported(folder: Folder) -> None:
    folder.add_fault("status", {"code": 503}, times=1)
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["not_taken", "answered"]
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 1


def test_photo_replaced_while_waiting_is_bought_once(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_returned("red.jpg")
    folder.put("red.jpg", folder.photo("another.jpg"))
    folder.wait_until_stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert [job["status"] for job in receipt["jobs"]] == ["stored", "superseded"]
    assert len(folder.charges()) == 1


def test_photo_deleted_while_waiting_is_not_bought(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_returned("red.jpg")
    folder.delete("red.jpg")
    folder.wait_for_status("red.jpg", "cancelled")
    assert folder.report("red.jpg") is None
    assert folder.charges() == []
