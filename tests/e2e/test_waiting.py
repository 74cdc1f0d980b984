"""While a provider cannot be paid the photo waits and says why; it goes by itself when the provider can."""

from collections.abc import Generator

import pytest

from backdrop_local.home import STACK
from backdrop_local.processes import free_port
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

SECRET = f"{STACK}/ideogram/api-key"
KEY = "standin-key"


@pytest.fixture
def secret(shop: Shop) -> Generator[Shop]:
    """The shop, whose key is the usual one again when the test ends."""
    yield shop
    shop.standin.control("settings", {"revoked": []})
    shop.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=KEY)
    shop.kill_render_workers()


def assert_it_waits(folder: Folder, code: str) -> None:
    """The photo is not lost, not paid, and says why."""
    entry = folder.wrong("red.jpg", code)
    assert (entry["status"], entry["retryable"], entry["money"]) == ("accepted", True, "not_spent")
    assert "goes by itself" in entry["hint"]
    job = folder.job("red.jpg")
    assert job
    assert (job["status"], job["cost"]["usd"], job["cost"]["unknown_usd"]) == ("accepted", 0, 0)
    assert folder.charges() == []
    assert folder.dead_letters("red.jpg") == []


def assert_it_goes(folder: Folder) -> None:
    """The photo is bought once and nothing is wrong with it any more."""
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1


def test_without_a_key_a_photo_waits_for_one(folder: Folder, secret: Shop) -> None:
    secret.clients.secrets.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7)
    secret.kill_render_workers()
    try:
        folder.drop("red.jpg", folder.wish)
        assert_it_waits(folder, "provider_key_missing")
    finally:
        secret.clients.secrets.restore_secret(SecretId=SECRET)
    assert_it_goes(folder)


def test_a_blank_key_is_a_missing_one_until_it_is_put_in(folder: Folder, secret: Shop) -> None:
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=" \n")
    secret.kill_render_workers()
    folder.drop("red.jpg", folder.wish)
    assert_it_waits(folder, "provider_key_missing")
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=f"{KEY}\n")
    assert_it_goes(folder)


def test_with_a_wrong_key_a_photo_waits_for_the_right_one(folder: Folder, secret: Shop) -> None:
    secret.standin.control("settings", {"revoked": [KEY]})
    folder.drop("red.jpg", folder.wish)
    assert_it_waits(folder, "provider_key_refused")
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString="another-key")
    assert_it_goes(folder)


def test_a_provider_that_is_down_is_waited_for(folder: Folder) -> None:
    with folder.shop.render_with(IDEOGRAM_BASE_URL=f"http://127.0.0.1:{free_port()}"):
        folder.drop("red.jpg", folder.wish)
        assert_it_waits(folder, "provider_unavailable")
    assert_it_goes(folder)


def test_a_provider_that_answers_503_is_waited_for(folder: Folder) -> None:
    folder.fault("status", {"code": 503})
    folder.drop("red.jpg", folder.wish)
    assert_it_waits(folder, "provider_unavailable")
    folder.shop.standin.control("faults", method="DELETE")
    assert_it_goes(folder)


def test_a_short_fault_of_the_provider_is_nobodys_business(folder: Folder) -> None:
    folder.fault("status", {"code": 503}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["not_taken", "answered"]
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 1


def test_a_photo_replaced_while_it_waits_is_bought_only_as_it_is_now(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": "21"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    eventually(lambda: (folder.job("red.jpg") or {}).get("submitted_at"), "the first try")
    folder.put("red.jpg", folder.photo("another.jpg"))
    eventually(lambda: len((folder.receipt("red.jpg") or {"jobs": []})["jobs"]) == 2, "a second job")
    folder.stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert [job["status"] for job in receipt["jobs"]] == ["stored", "superseded"]
    assert len(folder.charges()) == 1


def test_a_photo_deleted_while_it_waits_is_not_bought(folder: Folder) -> None:
    folder.fault("status", {"code": 402})
    folder.drop("red.jpg", folder.wish)
    assert_it_waits(folder, "provider_out_of_money")
    folder.remove("red.jpg")
    eventually(lambda: (folder.receipt("red.jpg") or {})["jobs"][0]["status"] == "cancelled", "it is cancelled")
    eventually(lambda: folder.report("red.jpg") is None, "the report is gone")
    assert folder.charges() == []
