"""The days of docs/runbooks are brought about, the pages' own commands are typed, and every photo comes to its end."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.standin_client import KEY, StandinClient
from tests.e2e import runbook
from tests.e2e.clouds import running_cloud
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

PHOTOS = ("red.jpg", "blue.jpg", "green.jpg")
MANY, IN_FLIGHT = 60, 10


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shop]:
    """A cloud of its own, in which nothing is wrong but what a day brings; its books must be right at the end."""
    with (
        running_cloud(tmp_path_factory, runbook.PARAMETERS) as cloud,
        StandinClient(cloud.standin_url) as standin,
    ):
        opened = Shop(cloud, standin)
        yield opened
        opened.check_the_books()


@pytest.fixture
def autumn(shop: Shop, request: pytest.FixtureRequest) -> Generator[Folder]:
    """The folder that some pages name, with a prompt that no other test has."""
    opened = Folder(shop, "autumn")
    opened.prompt = f"a beach in autumn {request.node.name}"
    yield opened
    opened.close()


def paused_for(shop: Shop, provider: str = "ideogram") -> list[str]:
    """The codes of the one report of a provider."""
    report = shop.provider_report(provider)
    return [error["code"] for error in report["errors"]] if report else []


def waits_for(folder: Folder, code: str) -> None:
    """Returns once the provider is paused for this, and all photos wait under its one report."""
    eventually(lambda: paused_for(folder.shop) == [code], code, lambda: paused_for(folder.shop))
    for name in PHOTOS:
        folder.waits(name)
    assert [one for one in folder.charges() if one["route"] == "replace-background"] == []


def all_is_well(folder: Folder, *names: str) -> None:
    """Each was bought once and delivered, and nothing of the day is left."""
    for name in names:
        folder.stored(name)
    assert len(folder.charges()) == len(names)
    assert folder.dead_letters(*names) == []
    eventually(lambda: not paused_for(folder.shop), "no report of the provider", lambda: paused_for(folder.shop))


def drop(folder: Folder, *names: str, **wish: object) -> None:
    """Photos with their wish."""
    for name in names:
        folder.drop(name, folder.wish | wish)


# -- the provider's side ------------------------------------------------------------------------------------------


@pytest.fixture
def rotated(shop: Shop) -> Generator[None]:
    """Whatever key the day ends with, the stack has its usual one afterwards."""
    yield
    shop.standin.control("settings", {"revoked": []})
    shop.clients.secrets.put_secret_value(SecretId="backdrop-local/ideogram/api-key", SecretString=KEY)
    shop.backdrop("resume", "ideogram")


@pytest.mark.usefixtures("rotated")
def test_a_key_is_changed_and_one_that_was_revoked_too_early_is_mended(folder: Folder, tmp_path: Path) -> None:
    shop = folder.shop
    page = runbook.follow(shop, "key-rotated.md", tmp_path)
    drop(folder, "before.jpg")
    folder.stored("before.jpg")
    page.types("backdrop key set ideogram < key.txt", "backdrop doctor")
    shop.standin.control("settings", {"revoked": [KEY]})
    drop(folder, "after.jpg")
    all_is_well(folder, "before.jpg", "after.jpg")
    assert [one["outcome"] for one in folder.stored("after.jpg")["attempts"]] == ["answered"]

    shop.standin.control("settings", {"revoked": [KEY, "standin-key-2"]})
    drop(folder, *PHOTOS)
    eventually(lambda: paused_for(shop) == ["provider_key_refused"], "the pause", lambda: paused_for(shop))
    page.types("backdrop status")
    (tmp_path / "key.txt").write_text("standin-key-3\n")
    page.types("backdrop key set ideogram < key.txt", "backdrop resume ideogram")
    all_is_well(folder, "before.jpg", "after.jpg", *PHOTOS)
    page.ends()


def test_an_empty_account_that_is_topped_up_buys_what_waited(folder: Folder, tmp_path: Path) -> None:
    shop = folder.shop
    page = runbook.follow(shop, "balance-empty.md", tmp_path)
    shop.standin.control("faults", {"provider": "ideogram", "fault": "balance", "args": {"usd": "0"}})
    drop(folder, *PHOTOS)
    waits_for(folder, "provider_out_of_money")
    page.types("backdrop status", "backdrop budget")
    shop.standin.control("faults", method="DELETE")
    page.types("backdrop resume ideogram")
    all_is_well(folder, *PHOTOS)
    page.ends()


def test_an_account_that_is_topped_up_is_found_out_without_a_command(folder: Folder) -> None:
    shop = folder.shop
    shop.standin.control("faults", {"provider": "ideogram", "fault": "balance", "args": {"usd": "0"}})
    drop(folder, *PHOTOS)
    waits_for(folder, "provider_out_of_money")
    shop.standin.control("faults", method="DELETE")
    folder.all_go(*PHOTOS)
    all_is_well(folder, *PHOTOS)


def test_an_outage_keeps_photos_waiting_and_ends_with_a_word(folder: Folder, tmp_path: Path) -> None:
    shop = folder.shop
    page = runbook.follow(shop, "provider-down.md", tmp_path)
    folder.fault("status", {"code": 503}, provider="ideogram")
    drop(folder, *PHOTOS)
    drop(folder, "urgent.jpg", provider=["ideogram", "runware"])
    page.types("backdrop status", "backdrop pause ideogram")
    waits_for(folder, "paused_by_person")
    shop.set_right()
    assert folder.stored("urgent.jpg")["provider"] == "runware"
    shop.standin.control("faults", method="DELETE")
    page.types("backdrop resume ideogram", "backdrop failures")
    for name in PHOTOS:
        assert folder.stored(name)["provider"] == "ideogram"
    all_is_well(folder, *PHOTOS, "urgent.jpg")
    page.ends()


# -- our side -----------------------------------------------------------------------------------------------------


def statuses(folder: Folder, names: list[str]) -> list[str]:
    """How each photo's job stands in its receipt, "" where there is none."""
    return [(folder.job(name) or {"status": ""})["status"] for name in names]


def test_a_flood_of_photos_is_stopped_by_one_command_and_what_was_meant_is_bought(
    autumn: Folder, tmp_path: Path
) -> None:
    shop = autumn.shop
    page = runbook.follow(shop, "too-many-images.md", tmp_path)
    autumn.fault("accept_then_wait", {"ms": 600_000})
    names = [f"{n}.jpg" for n in range(MANY)] + [f"shoes/{name}" for name in PHOTOS]
    tags = {"prompt": autumn.prompt, "rendering_speed": "TURBO"}
    with ThreadPoolExecutor(8) as pool:
        for dropped in [pool.submit(autumn.drop, name, tags=tags) for name in names]:
            dropped.result()
    page.types("backdrop cancel --all")
    shop.standin.control("faults", method="DELETE")
    shop.standin.control("release")
    ended = {"stored", "cancelled"}
    eventually(lambda: {*statuses(autumn, names)} <= ended, "an end for each", lambda: statuses(autumn, names))
    assert len(autumn.charges()) == statuses(autumn, names).count("stored") <= IN_FLIGHT
    autumn.drop("on-purpose.jpg", tags=tags)
    autumn.stored("on-purpose.jpg")
    page.types("backdrop status", "backdrop rerun autumn/shoes/")
    for name in PHOTOS:
        autumn.stored_after_all(f"shoes/{name}")
    ends = statuses(autumn, [*names, "on-purpose.jpg"])
    assert len(autumn.charges()) == ends.count("stored")
    assert autumn.listed("_backdrop/errors/autumn/") == []
    page.ends()


def test_a_release_that_cannot_start_is_taken_back_and_loses_nothing(folder: Folder, tmp_path: Path) -> None:
    shop = folder.shop
    good: list[str] = []

    def goes_back() -> None:
        runbook.deploy(shop)
        good.append("release")

    page = runbook.follow(
        shop,
        "bad-deploy.md",
        tmp_path,
        **{"git checkout": lambda: None, "make setup": lambda: None, "make build": goes_back},
    )
    runbook.deploy_what_cannot_start(shop, tmp_path / "release")
    try:
        drop(folder, *PHOTOS)
        for name in PHOTOS:
            folder.waits(name)
        page.types("backdrop pause ideogram", "git checkout -m v0.2.0", 'make setup && eval "$(make path)"')
        page.types("make build && sam deploy")
    finally:
        if not good:
            goes_back()
    assert paused_for(shop) == ["paused_by_person"]
    assert folder.charges() == []
    page.types(
        "backdrop resume ideogram", "backdrop failures", "backdrop redrive --code crashed --yes", "backdrop doctor"
    )
    all_is_well(folder, *PHOTOS)
    page.ends()


def test_a_provider_is_left_without_losing_what_waited_there(autumn: Folder, tmp_path: Path) -> None:
    shop = autumn.shop

    def switches_off() -> None:
        runbook.deploy(shop, SegmindMaxInFlight="0")

    page = runbook.follow(shop, "leaving-a-provider.md", tmp_path, **{"make build": switches_off})
    shop.backdrop("pause", "segmind")
    drop(autumn, "alone.jpg", provider="segmind")
    drop(autumn, "either.jpg", provider=["segmind", "runware"])
    autumn.waits("alone.jpg")
    page.types("backdrop status", "backdrop pause segmind")
    shop.set_right()
    autumn.stored("either.jpg")
    page.types("backdrop cancel autumn/ --yes", "backdrop failures --provider segmind")
    autumn.ended("alone.jpg", "cancelled")
    try:
        page.types("make build && sam deploy --parameter-overrides SegmindMaxInFlight=0", "backdrop doctor")
        drop(autumn, "late.jpg", provider="segmind")
        autumn.wrong("late.jpg", "provider_not_configured")
    finally:
        runbook.deploy(shop)
        shop.backdrop("resume", "segmind")
    assert len(autumn.charges()) == 1
    page.ends()
