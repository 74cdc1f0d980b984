"""The examples' photos, uploaded unchanged, lead to exactly the pictures that their page shows."""

from collections.abc import Generator, Sequence

import pytest

from tests.e2e.clouds import set_pictures
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.unit.examples import EXPECTED_PICTURES, read_files

SIZES = {
    "cup.jpg": (2000, 2000),
    "cup@banner.webp": (1600, 600),
    "cup_2@banner.webp": (1600, 600),
    "admiral.jpg": (800, 1000),
    "astronaut.jpg": (800, 1000),
}
TRANSPARENT = {"cup-cut-out.webp", "cup-cut-out@thumb.webp", "flower.png", "flower@small.webp"}


@pytest.fixture(scope="module")
def examples(stack: DeployedStack) -> Generator[Folder]:
    """The folders of all examples, in one folder of the input bucket."""
    set_pictures(stack.cloud, composed=True)
    folder = Folder(stack, "examples")
    for example in EXPECTED_PICTURES:
        for name, data in read_files(example):
            folder.put(f"{example}/{name}", data)
    yield folder
    folder.close()


@pytest.mark.parametrize("example", EXPECTED_PICTURES)
def test_example_leads_to_its_documented_pictures(examples: Folder, example: str) -> None:
    for photo, names in EXPECTED_PICTURES[example].items():
        wait_for_pictures(examples, f"{example}/{photo}", names)
        for name in names:
            assert_picture_is_right(examples, f"{example}/{photo}", name)


def wait_for_pictures(folder: Folder, photo: str, names: Sequence[str]) -> None:
    """Waits until all jobs of the photo are stored, with exactly these pictures and no error report."""

    def poll() -> bool:
        receipt = folder.receipt(photo)
        statuses = {job["status"] for job in receipt["jobs"]} if receipt else set[str]()
        return statuses == {"stored"} and folder.report(photo) is None

    eventually(poll, f"{photo} is stored", lambda: (folder.receipt(photo), folder.report(photo)))
    assert folder.pictures(photo) == sorted(names)


def assert_picture_is_right(folder: Folder, photo: str, name: str) -> None:
    """Asserts that the picture can be decoded, has the right size, and is transparent exactly if it is a cut-out."""
    picture = folder.picture(photo, name)
    assert picture.size == SIZES.get(name, picture.size)
    min_alpha = picture.getchannel("A").getextrema()[0] if picture.mode == "RGBA" else 255
    assert (min_alpha == 0) == (name in TRANSPARENT), name
