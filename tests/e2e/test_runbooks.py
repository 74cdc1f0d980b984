"""Creates the situations of docs/runbooks, runs the pages' commands, and checks that every photo is completed."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backdrop_local.home import REGION, STACK
from tests.contract.standin_client import KEY, StandinClient
from tests.e2e import runbook
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

PHOTOS = ("red.jpg", "blue.jpg", "green.jpg")
MANY, IN_FLIGHT = 16, 10


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[DeployedStack]:
    """A separate cloud, in which only the tests cause failures. At the end, bill and receipts must agree."""
    with (
        running_cloud(tmp_path_factory) as cloud,
        StandinClient(cloud.standin_url) as standin,
    ):
        # `doctor` reports a readable bucket that does not exist.
        for bucket in PARAMETERS["ReadableBuckets"].split(","):
            cloud.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        created = DeployedStack(cloud, standin)
        yield created
        created.check_charges()


@pytest.fixture
def autumn_folder(stack: DeployedStack, request: pytest.FixtureRequest) -> Generator[Folder]:
    """The folder that some pages name, with a prompt that only this test uses."""
    created = Folder(stack, "autumn")
    created.prompt = f"a beach in autumn {request.node.name}"
    yield created
    created.close()


def read_pause_codes(stack: DeployedStack, provider: str = "ideogram") -> list[str]:
    """Returns the codes in the report about a provider."""
    report = stack.provider_report(provider)
    return [error["code"] for error in report["errors"]] if report else []


def wait_for_pause(folder: Folder, code: str) -> None:
    """Waits until the provider is paused with this code, and all photos wait under its report."""
    eventually(lambda: read_pause_codes(folder.stack) == [code], code, lambda: read_pause_codes(folder.stack))
    for name in PHOTOS:
        folder.wait_until_unpaid(name)
    assert [charge for charge in folder.charges() if charge["route"] == "replace-background"] == []


def assert_all_bought_once(folder: Folder, *names: str) -> None:
    """Asserts that each photo was bought once and delivered, and that no dead letters or reports are left."""
    for name in names:
        folder.wait_until_stored(name)
    assert len(folder.charges()) == len(names)
    assert folder.dead_letters(*names) == []
    eventually(
        lambda: not read_pause_codes(folder.stack),
        "no report about the provider",
        lambda: read_pause_codes(folder.stack),
    )


def drop(folder: Folder, *names: str, **fields: object) -> None:
    """Uploads photos with the folder's instructions and additional fields."""
    for name in names:
        folder.drop(name, folder.instructions | fields)


# -- providers --------------------------------------------------------------------------------------------


@pytest.fixture
def restored_key(stack: DeployedStack) -> Generator[None]:
    """Restores the stack's usual key after the test."""
    yield
    stack.standin.control("settings", {"revoked": []})
    stack.clients.secrets.put_secret_value(SecretId="backdrop-local/ideogram/api-key", SecretString=KEY)
    stack.run_backdrop("resume", "ideogram")


@pytest.mark.usefixtures("restored_key")
def test_key_is_rotated_even_if_revoked_too_early(folder: Folder, tmp_path: Path) -> None:
    stack = folder.stack
    page = runbook.start_runbook(stack, "key-rotated.md", tmp_path)
    drop(folder, "before.jpg")
    folder.wait_until_stored("before.jpg")
    page.run("backdrop key set ideogram < key.txt", "backdrop doctor")
    stack.standin.control("settings", {"revoked": [KEY]})
    drop(folder, "after.jpg")
    assert_all_bought_once(folder, "before.jpg", "after.jpg")
    assert [attempt["outcome"] for attempt in folder.wait_until_stored("after.jpg")["attempts"]] == ["answered"]

    stack.standin.control("settings", {"revoked": [KEY, "standin-key-2"]})
    drop(folder, *PHOTOS)
    eventually(
        lambda: read_pause_codes(stack) == ["provider_key_refused"], "the pause", lambda: read_pause_codes(stack)
    )
    page.run("backdrop status")
    (tmp_path / "key.txt").write_text("standin-key-3\n")
    page.run("backdrop key set ideogram < key.txt", "backdrop resume ideogram")
    assert_all_bought_once(folder, "before.jpg", "after.jpg", *PHOTOS)
    page.assert_complete()


def test_account_top_up_buys_the_waiting_photos(folder: Folder, tmp_path: Path) -> None:
    stack = folder.stack
    page = runbook.start_runbook(stack, "balance-empty.md", tmp_path)
    stack.standin.control("faults", {"provider": "ideogram", "fault": "balance", "args": {"usd": "0"}})
    drop(folder, *PHOTOS)
    wait_for_pause(folder, "provider_out_of_money")
    page.run("backdrop status", "backdrop budget")
    stack.standin.control("faults", method="DELETE")
    page.run("backdrop resume ideogram")
    assert_all_bought_once(folder, *PHOTOS)
    page.assert_complete()


def test_photos_wait_through_an_outage_until_the_lane_resumes(folder: Folder, tmp_path: Path) -> None:
    stack = folder.stack
    page = runbook.start_runbook(stack, "provider-down.md", tmp_path)
    folder.add_fault("status", {"code": 503}, provider="ideogram")
    drop(folder, *PHOTOS)
    drop(folder, "urgent.jpg", provider=["ideogram", "runware"])
    page.run("backdrop status", "backdrop pause ideogram")
    eventually(lambda: read_pause_codes(stack) == ["paused_by_person"], "the pause is reported")
    # Photos may have reports: on a slow machine, they are tried four times before the commands are done.
    for name in PHOTOS:
        eventually(lambda name=name: folder.is_unpaid(name), f"{name} waits")
    stack.run_reconcile()
    assert folder.wait_until_stored("urgent.jpg")["provider"] == "runware"
    stack.standin.control("faults", method="DELETE")
    page.run("backdrop resume ideogram", "backdrop failures")
    for name in PHOTOS:
        assert folder.wait_until_stored(name)["provider"] == "ideogram"
    assert_all_bought_once(folder, *PHOTOS, "urgent.jpg")
    page.assert_complete()


# -- operators ----------------------------------------------------------------------------------------------------


def read_statuses(folder: Folder, names: list[str]) -> list[str]:
    """Returns the status of each photo's job according to its receipt, or "" without a receipt."""
    return [(folder.job(name) or {"status": ""})["status"] for name in names]


def test_photos_uploaded_by_accident_are_canceled_and_others_bought(autumn_folder: Folder, tmp_path: Path) -> None:
    stack = autumn_folder.stack
    page = runbook.start_runbook(stack, "too-many-images.md", tmp_path)
    autumn_folder.add_fault("accept_then_wait", {"ms": 600_000})
    names = [f"{n}.jpg" for n in range(MANY)] + [f"shoes/{name}" for name in PHOTOS]
    tags = {"prompt": autumn_folder.prompt, "rendering_speed": "TURBO"}
    with ThreadPoolExecutor(8) as pool:
        for dropped in [pool.submit(autumn_folder.drop, name, tags=tags) for name in names]:
            dropped.result()
    page.run("backdrop cancel --all")
    stack.standin.control("faults", method="DELETE")
    stack.standin.control("release")
    ended = {"stored", "cancelled"}
    eventually(
        lambda: {*read_statuses(autumn_folder, names)} <= ended,
        "a final status for each",
        lambda: read_statuses(autumn_folder, names),
    )
    assert len(autumn_folder.charges()) == read_statuses(autumn_folder, names).count("stored") <= IN_FLIGHT
    autumn_folder.drop("on-purpose.jpg", tags=tags)
    autumn_folder.wait_until_stored("on-purpose.jpg")
    page.run("backdrop status", "backdrop rerun autumn/shoes/")
    for name in PHOTOS:
        autumn_folder.wait_until_stored_again(f"shoes/{name}")
    ends = read_statuses(autumn_folder, [*names, "on-purpose.jpg"])
    assert len(autumn_folder.charges()) == ends.count("stored")
    assert autumn_folder.list_outputs("_backdrop/errors/autumn/") == []
    page.assert_complete()


def test_broken_release_is_rolled_back_without_losing_photos(folder: Folder, tmp_path: Path) -> None:
    stack = folder.stack
    restored_releases: list[str] = []

    def go_back() -> None:
        runbook.deploy(stack)
        restored_releases.append("release")

    page = runbook.start_runbook(
        stack,
        "bad-deploy.md",
        tmp_path,
        **{"git checkout": lambda: None, "make setup": lambda: None, "make build": go_back},
    )
    runbook.deploy_broken_release(stack, tmp_path / "release")
    try:
        drop(folder, *PHOTOS)
        for name in PHOTOS:
            folder.wait_until_unpaid(name)
        page.run("backdrop pause ideogram", "git checkout -m v0.2.0", 'make setup && eval "$(make path)"')
        page.run("make build && sam deploy")
    finally:
        if not restored_releases:
            go_back()
    assert read_pause_codes(stack) == ["paused_by_person"]
    assert folder.charges() == []
    page.run(
        "backdrop resume ideogram", "backdrop failures", "backdrop redrive --code crashed --yes", "backdrop doctor"
    )
    assert_all_bought_once(folder, *PHOTOS)
    page.assert_complete()


def test_provider_is_removed_without_losing_its_waiting_photos(autumn_folder: Folder, tmp_path: Path) -> None:
    stack = autumn_folder.stack

    def switch_off() -> None:
        runbook.deploy(stack, SegmindMaxInFlight="0", IdeogramMaxInFlight="5")

    page = runbook.start_runbook(stack, "leaving-a-provider.md", tmp_path, **{"make build": switch_off})
    stack.run_backdrop("pause", "segmind")
    drop(autumn_folder, "alone.jpg", provider="segmind")
    drop(autumn_folder, "either.jpg", provider=["segmind", "runware"])
    autumn_folder.wait_until_unpaid("alone.jpg")
    page.run("backdrop status", "backdrop pause segmind")
    stack.run_reconcile()
    autumn_folder.wait_until_stored("either.jpg")
    page.run("backdrop cancel autumn/ --yes", "backdrop failures --provider segmind")
    autumn_folder.wait_for_status("alone.jpg", "cancelled")
    try:
        page.run("make build && sam deploy --parameter-overrides SegmindMaxInFlight=0", "backdrop doctor")
        mappings = stack.clients.functions.list_event_source_mappings(FunctionName=f"{STACK}-render")
        limits = {
            mapping.get("EventSourceArn", ""): mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            for mapping in mappings["EventSourceMappings"]
        }
        assert limits[stack.queue_arn("IdeogramQueueUrl")] == 5
        assert len(limits) == 3
        assert "SegmindQueueUrl" not in stack.cloud.outputs()
        drop(autumn_folder, "late.jpg", provider="segmind")
        autumn_folder.wait_for_error("late.jpg", "provider_not_configured")
    finally:
        runbook.deploy(stack)
        stack.run_backdrop("resume", "segmind")
    assert len(autumn_folder.charges()) == 1
    page.assert_complete()
