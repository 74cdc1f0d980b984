"""`backdrop drop --watch` keeps a folder and its pictures in step until Ctrl-C, and never spends without a limit."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, build_client_error
from tests.simulated.command_user import CommandResult, Person
from tests.simulated.drop_user import Uploader

type Step = Callable[[], object]
REMOVE = ("--remove", "--download", "done", "--watch")
# Longer than it takes to notice a file, to buy its picture, and to download it.
WAIT: list[Step] = [lambda: None] * 15


class Watcher(Uploader):
    """A person who changes the folder `shoes` while it is watched."""

    def watch(
        self, steps: Iterable[Step], *words: str, options: tuple[str, ...] = REMOVE, answer: str | None = None
    ) -> CommandResult:
        """Runs each step when the watch sleeps the next time, and then presses Ctrl-C."""
        script, stack = iter(steps), self.person.stack

        def sleep(seconds: float) -> None:
            self.world.run_for(seconds)
            step = next(script, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        self.person.stack = replace(stack, sleep=sleep)
        try:
            return self.drop("shoes", *options, *words, answer=answer)
        finally:
            self.person.stack = stack

    def writing(self, name: str, data: bytes | dict[str, object] | None = None) -> Step:
        return lambda: self.write(name, data)

    @property
    def done(self) -> list[str]:
        folder = self.folder / "done"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    @property
    def call_count(self) -> int:
        return len(self.world.provider.received_job_ids)


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.chdir(tmp_path)
    watcher = Watcher(Person(World(), monkeypatch), tmp_path)
    watcher.write("shoes/a/b/red.jpg")
    return watcher


def test_new_photos_come_back_under_their_folders_and_names(watcher: Watcher) -> None:
    result = watcher.watch([*WAIT, watcher.writing("shoes/blue.jpg"), watcher.writing("shoes/a/green.tif"), *WAIT])
    assert result.code == 130
    assert result.err.startswith("error: stopped; uploaded photos are processed anyway.")
    assert watcher.done == ["a/b/red.png", "a/green.png", "blue.png"]
    assert "3 delivered: 3 images in 3 files, $0.03." in result.out
    again = watcher.watch(WAIT, "--json")
    assert (again.code, again.data["uploaded"], again.data["counts"]) == (130, 0, {"stored": 3})
    assert (again.data["download"]["there_already"], watcher.call_count) == (3, 3)


def test_drop_without_watch_keeps_folders_too(watcher: Watcher) -> None:
    watcher.write("hats/top.jpg")
    words = ("--remove", "--download", "done")
    assert watcher.drop("shoes", "hats", *words).code == 0
    watcher.write("shoes/_backdrop.json", {"operation": "remove"})
    assert watcher.drop("shoes/a", *words).code == 0
    assert watcher.drop("shoes/a/b/red.jpg", *words, "--to", "x").code == 0
    assert watcher.done == ["b/red.png", "hats/top.png", "red.png", "shoes/a/b/red.png"]


def test_file_is_uploaded_only_when_it_is_complete(watcher: Watcher) -> None:
    photo = build_photo("slow")
    steps = [watcher.writing("shoes/slow.jpg", photo[: len(photo) * part // 6]) for part in range(1, 7)]
    watcher.watch([*WAIT, *steps, *WAIT])
    assert (watcher.count_versions("shoes/slow.jpg"), watcher.done) == (1, ["a/b/red.png", "slow.png"])


def test_changed_renamed_and_deleted_photos(watcher: Watcher) -> None:
    """Pictures stay when their photos are deleted; the photo under its new name is not bought again."""
    photo, files = watcher.folder / "shoes/a/b/red.jpg", list[bytes]()
    steps: list[Step] = [
        *WAIT,
        lambda: files.append((watcher.folder / "done/a/b/red.png").read_bytes()),
        watcher.writing("shoes/a/b/red.jpg", build_photo("changed")),
        *WAIT,
        lambda: files.append((watcher.folder / "done/a/b/red.png").read_bytes()),
        lambda: photo.rename(watcher.folder / "shoes/new.jpg"),
        *WAIT,
        lambda: (watcher.folder / "shoes/new.jpg").unlink(),
        *WAIT,
    ]
    result = watcher.watch(steps)
    assert (result.code, watcher.call_count, watcher.done) == (130, 2, ["a/b/red.png", "new.png"])
    assert files[0] != files[1] == (watcher.folder / "done/new.png").read_bytes()


def test_sidecar_counts_whenever_it_comes_and_a_person_s_is_kept(watcher: Watcher) -> None:
    steps = [*WAIT, watcher.writing("shoes/a/b/red.jpg.json", {"prompt": "on sand"}), *WAIT]
    result = watcher.watch(steps, "--json")
    assert (result.data["counts"], result.data["usd"], watcher.call_count) == ({"stored": 1}, 0.07, 2)


def test_names_of_later_pictures_do_not_replace_earlier_ones(watcher: Watcher) -> None:
    watcher.watch([*WAIT, watcher.writing("shoes/a/b/red.tif"), *WAIT])
    names = ["a/b/red.jpg_red.png", "a/b/red.tif_red.png"]
    assert watcher.done == names
    watcher.watch(WAIT)
    assert watcher.done == names


@pytest.mark.parametrize(("download", "calls"), [("shoes", 3), ("shoes/back", 2)])
def test_pictures_in_the_watched_folder_are_not_bought_and_replace_no_photo(
    download: str, calls: int, watcher: Watcher
) -> None:
    """Backdrop's own pictures are recognized; of the folder of the pictures, no file counts as a photo."""
    own = build_photo("own")
    watcher.write("shoes/hat.png", own)
    steps = [*WAIT, watcher.writing(f"{download}/edited.png"), *WAIT]
    result = watcher.watch(steps, options=("--remove", "--download", download, "--watch", "--json"))
    assert (watcher.call_count, (watcher.folder / "shoes/hat.png").read_bytes()) == (calls, own)
    assert (watcher.folder / download / "a/b/red.png").is_file()
    blocked = {"shoes/hat.png/hat.png", "shoes/edited.png/edited.png"} if download == "shoes" else set[str]()
    assert {*result.data["download"]["blocked"]} == blocked


def test_photo_that_fails_is_reported_once_and_others_go_on(watcher: Watcher) -> None:
    watcher.write("shoes/fake.jpg", b"a list of shoes")
    watcher.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    result = watcher.watch([*WAIT, watcher.writing("shoes/blue.jpg"), *WAIT, *WAIT])
    assert result.out.count("✗ unsafe_request") == 1
    assert result.out.count("- shoes/fake.jpg") == 2, "in the plan, and in the outcome"
    assert (result.code, watcher.done, watcher.call_count) == (130, ["blue.png"], 2)


def test_picture_is_downloaded_once_a_person_approves_it(watcher: Watcher) -> None:
    watcher.write("shoes/a/b/red.jpg.json", {"operation": "remove", "approval": "required"})
    found: list[list[str]] = []
    steps: list[Step] = [
        *WAIT,
        lambda: found.append(watcher.done),
        lambda: watcher.person.run("review", "approve", "shoes/a/b/red.jpg"),
        *WAIT,
    ]
    watcher.watch(steps)
    assert [*found, watcher.done] == [[], ["a/b/red.png"]]


def test_reason_why_photos_wait_is_printed_once(watcher: Watcher) -> None:
    assert watcher.person.run("pause", "ideogram").code == 0
    result = watcher.watch([*WAIT, *WAIT])
    assert (result.out.count("! Photos wait: ideogram is paused"), watcher.call_count) == (1, 0)
    assert "1 photo is still being processed" in result.out


def test_photo_that_changes_while_it_waits_is_delivered_once(watcher: Watcher) -> None:
    assert watcher.person.run("pause", "ideogram").code == 0
    steps: list[Step] = [
        *WAIT,
        watcher.writing("shoes/a/b/red.jpg", build_photo("changed")),
        *WAIT,
        lambda: watcher.person.run("resume", "ideogram"),
        *WAIT,
        *WAIT,
    ]
    result = watcher.watch(steps)
    assert (result.out.count("1 delivered: "), watcher.call_count) == (2, 1), "when it is, and in the totals"


def test_sidecar_without_a_prompt_is_left_out(watcher: Watcher) -> None:
    steps = [*WAIT, watcher.writing("shoes/a/b/red.jpg.json", {"style": "golden hour"}), *WAIT]
    result = watcher.watch(steps)
    assert "red.jpg.json has neither a prompt nor an operation, so it is not uploaded." in " ".join(result.out.split())
    assert (watcher.count_versions("shoes/a/b/red.jpg.json"), watcher.call_count) == (1, 1)


# -- money -------------------------------------------------------------------------------------------------------


def write_many(watcher: Watcher, count: int, prompt: str = "on sand") -> None:
    for number in range(count):
        watcher.write(f"shoes/{prompt} {number}.jpg")
        watcher.write(f"shoes/{prompt} {number}.jpg.json", {"prompt": prompt})


@pytest.mark.parametrize(
    ("words", "answer", "code", "calls", "message"),
    [
        ((), None, 1, 16, "nothing was changed; there is no terminal to ask on, so add --max-total USD to agree"),
        ((), "n", 1, 16, "nothing was changed"),
        ((), "y", 130, 26, "stopped"),
        (("--json",), "y", 1, 16, "--json never asks, so add --max-total USD to agree"),
        (("--max-total", "1.50"), None, 1, 16, "can cost $0.60, and --max-total allows $0.59 more"),
        (("--max-total", "$1.51", "--yes"), None, 130, 26, "stopped"),
    ],
)
def test_uploads_of_one_watch_count_together(
    words: tuple[str, ...], answer: str | None, code: int, calls: int, message: str, watcher: Watcher
) -> None:
    """One photo for $0.01 and 15 for $0.90 need no question; ten more for $0.60 do."""
    write_many(watcher, 15)
    steps = [*WAIT * 2, lambda: write_many(watcher, 10, "on snow"), *WAIT * 2]
    result = watcher.watch(steps, *words, answer=answer)
    assert (result.code, watcher.call_count) == (code, calls)
    assert message in result.err
    assert len([key for key in watcher.keys if "on snow" in key]) == (0 if code == 1 else 20)
    assert watcher.watch(WAIT * 2, "--max-total", "2").code == 130, "it can go on"
    assert watcher.call_count == 26


@pytest.mark.parametrize(("amount", "code"), [("0.01", 1), ("0.02", 0)])
def test_drop_without_watch_keeps_to_the_limit(amount: str, code: int, watcher: Watcher) -> None:
    watcher.write("shoes/blue.jpg")
    result = watcher.drop("shoes", "--remove", "--wait", "--max-total", amount)
    assert (result.code, watcher.call_count) == (code, 0 if code else 2)


# -- the end -----------------------------------------------------------------------------------------------------


def test_folder_that_vanishes_ends_the_watch_without_a_purchase(watcher: Watcher) -> None:
    result = watcher.watch([*WAIT, lambda: shutil.rmtree(watcher.folder / "shoes"), *WAIT])
    assert (result.code, watcher.call_count, watcher.done) == (3, 1, ["a/b/red.png"])
    assert "shoes is gone, so the watch ended, and nothing else was bought" in result.err
    assert "1 delivered: 1 image in 1 file, $0.01." in result.out


def test_file_that_vanishes_during_the_upload_is_left_out(watcher: Watcher) -> None:
    def vanish(call: ServiceCall) -> None:
        if call.request.get("Key") == "shoes/a/b/red.jpg.json":
            (watcher.folder / "shoes/a/b/red.jpg").unlink(missing_ok=True)

    watcher.write("shoes/blue.jpg")
    watcher.world.transport.permanent_faults.append(vanish)
    result = watcher.watch([*WAIT, *WAIT])
    assert (result.code, result.out.count("red.jpg: No such file or directory")) == (130, 1)
    assert watcher.done == ["blue.png"]


@pytest.mark.parametrize(
    ("error", "operation", "code", "done"),
    [
        (EndpointConnectionError(endpoint_url="https://s3"), "put_object", 130, ["a/b/red.png", "blue.png"]),
        (EndpointConnectionError(endpoint_url="https://s3"), "get_object", 130, ["a/b/red.png", "blue.png"]),
        (build_client_error("ExpiredToken", "PutObject", 400), "put_object", 1, ["a/b/red.png"]),
    ],
)
def test_lost_connection_is_tried_again_and_other_errors_end_it(
    error: Exception, operation: str, code: int, done: list[str], watcher: Watcher
) -> None:
    def fail(call: ServiceCall) -> None:
        key = {"put_object": "shoes/blue.jpg", "get_object": "shoes/blue.jpg/blue.png"}[operation]
        if call.operation == operation and call.request["Key"] == key:
            raise error

    faults = watcher.world.transport.permanent_faults
    steps = [*WAIT, lambda: faults.append(fail), watcher.writing("shoes/blue.jpg"), *WAIT]
    result = watcher.watch([*steps, lambda: faults.remove(fail), *WAIT])
    assert (result.code, watcher.done, watcher.call_count) == (code, done, len(done))
    assert result.out.count("AWS does not respond") == (1 if code == 130 else 0)
    assert "nothing is uploaded or bought twice" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("shoes", "--remove", "--watch"),
        ("shoes/a/b/red.jpg", *REMOVE),
        ("gone", *REMOVE),
        ("shoes", "shoes/a", *REMOVE),
        ("shoes", *REMOVE, "--strict"),
        ("shoes", *REMOVE, "--yes"),
        ("shoes", *REMOVE, "--max-total", "-1"),
        ("s3://photos/shoes/", *REMOVE),
    ],
)
def test_watch_takes_one_folder_and_a_limit(words: tuple[str, ...], watcher: Watcher) -> None:
    result = watcher.drop(*words)
    assert (result.code, watcher.keys) == (2, [])
