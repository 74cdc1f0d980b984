"""While a provider cannot be paid the photo waits and says why; it continues automatically when the provider can."""

from collections.abc import Callable, Generator
from contextlib import ExitStack

import pytest

from backdrop_local.home import STACK
from backdrop_local.processes import find_free_port
from tests.contract.standin_client import KEY
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

SECRET = f"{STACK}/ideogram/api-key"


AN_HOUR = "3600"


@pytest.fixture
def secret(shop: Shop) -> Generator[Shop]:
    """The shop, whose key is the usual one again when the test ends."""
    yield shop
    shop.standin.control("settings", {"revoked": []})
    shop.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=KEY)
    shop.kill_render_workers()


def assert_all_wait(folder: Folder, code: str, *names: str) -> None:
    """The lane is paused under one report; the photos are not lost, not paid, and have no report of their own."""
    shop = folder.shop
    report = eventually(shop.provider_report, "the provider's report")
    (entry,) = report["errors"]
    assert (entry["code"], entry["status"], entry["money"]) == (code, "paused", "not_spent")
    assert "continues automatically" in entry["hint"]
    for name in names:
        folder.waits(name)
    assert folder.charges() == []
    assert folder.dead_letters(*names) == []


def test_without_a_key_photos_wait_for_one(folder: Folder, secret: Shop) -> None:
    secret.clients.secrets.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7)
    secret.kill_render_workers()
    try:
        folder.drop("red.jpg", folder.wish)
        assert_all_wait(folder, "provider_key_missing", "red.jpg")
    finally:
        secret.clients.secrets.restore_secret(SecretId=SECRET)
    folder.all_go("red.jpg")


def test_a_blank_key_is_a_missing_one_until_it_is_put_in(folder: Folder, secret: Shop) -> None:
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=" \n")
    secret.kill_render_workers()
    folder.drop("red.jpg", folder.wish)
    assert_all_wait(folder, "provider_key_missing", "red.jpg")
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=f"{KEY}\n")
    folder.all_go("red.jpg")


def test_with_a_wrong_key_all_photos_wait_for_the_right_one_under_one_report(folder: Folder, secret: Shop) -> None:
    secret.standin.control("settings", {"revoked": [KEY]})
    folder.drop("red.jpg", folder.wish)
    folder.drop("blue.jpg", folder.wish)
    assert_all_wait(folder, "provider_key_refused", "red.jpg", "blue.jpg")
    secret.clients.secrets.put_secret_value(SecretId=SECRET, SecretString="another-key")
    folder.all_go("red.jpg", "blue.jpg")


def test_an_empty_account_is_waited_for(folder: Folder) -> None:
    folder.fault("status", {"code": 402})
    folder.drop("red.jpg", folder.wish)
    assert_all_wait(folder, "provider_out_of_money", "red.jpg")
    folder.shop.standin.control("faults", method="DELETE")
    folder.all_go("red.jpg")


def assert_it_waits_and_goes(folder: Folder, mend: Callable[[], object]) -> None:
    """The photo goes back to its lane until the provider is well again; after several tries it says why."""
    folder.drop("red.jpg", folder.wish)
    folder.handed_back("red.jpg")
    eventually(lambda: folder.is_unpaid("red.jpg"), "red.jpg waits", lambda: folder.job("red.jpg"))
    said = [entry["code"] for entry in (folder.report("red.jpg") or {"errors": []})["errors"]]
    assert {*said} <= {"provider_unavailable"}
    assert folder.charges() == []
    mend()
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1


def test_a_provider_that_answers_503_is_waited_for(folder: Folder) -> None:
    folder.fault("status", {"code": 503})
    assert_it_waits_and_goes(folder, lambda: folder.shop.standin.control("faults", method="DELETE"))


def test_a_provider_that_is_down_is_waited_for(folder: Folder) -> None:
    with ExitStack() as down:
        down.enter_context(folder.shop.running("render", IDEOGRAM_BASE_URL=f"http://127.0.0.1:{find_free_port()}"))
        assert_it_waits_and_goes(folder, down.close)


def test_a_short_fault_of_the_provider_is_nobodys_business(folder: Folder) -> None:
    folder.fault("status", {"code": 503}, times=1)
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["not_taken", "answered"]
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 1


def test_a_photo_replaced_while_it_waits_is_bought_only_as_it_is_now(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.wish)
    folder.handed_back("red.jpg")
    folder.put("red.jpg", folder.photo("another.jpg"))
    folder.stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert [job["status"] for job in receipt["jobs"]] == ["stored", "superseded"]
    assert len(folder.charges()) == 1


def test_a_photo_deleted_while_it_waits_is_not_bought(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.wish)
    folder.handed_back("red.jpg")
    folder.remove("red.jpg")
    folder.ended("red.jpg", "cancelled")
    assert folder.report("red.jpg") is None
    assert folder.charges() == []
