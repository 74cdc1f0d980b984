"""The examples, dropped as they are: every picture that one is shown for comes back."""

from collections.abc import Generator, Sequence

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually
from tests.unit.examples import EXPECTED_PICTURES, read_files

pytestmark = pytest.mark.usefixtures("composed")

SIZES = {
    "cup.jpg": (2000, 2000),
    "cup@banner.webp": (1600, 600),
    "cup_2@banner.webp": (1600, 600),
    "admiral.jpg": (800, 1000),
    "astronaut.jpg": (800, 1000),
}
CLEAR = {"cup-cut-out.webp", "cup-cut-out@thumb.webp", "flower.png", "flower@small.webp"}


@pytest.fixture(scope="module")
def examples(shop: Shop) -> Generator[Folder]:
    """All of them beside one another in one folder of the input bucket."""
    folder = Folder(shop, "examples")
    for example in EXPECTED_PICTURES:
        for name, data in read_files(example):
            folder.put(f"{example}/{name}", data)
    yield folder
    folder.close()


@pytest.mark.parametrize("example", EXPECTED_PICTURES)
def test_an_example_gives_what_it_shows(examples: Folder, example: str) -> None:
    for photo, names in EXPECTED_PICTURES[example].items():
        all_there(examples, f"{example}/{photo}", names)
        for name in names:
            looks_right(examples, f"{example}/{photo}", name)


def all_there(folder: Folder, photo: str, names: Sequence[str]) -> None:
    """Returns once every job of the photo is stored, with these pictures, and nothing is reported."""

    def look() -> bool:
        receipt = folder.receipt(photo)
        statuses = {job["status"] for job in receipt["jobs"]} if receipt else set[str]()
        return statuses == {"stored"} and folder.report(photo) is None

    eventually(look, f"{photo} is stored", lambda: (folder.receipt(photo), folder.report(photo)))
    assert folder.pictures(photo) == sorted(names)


def looks_right(folder: Folder, photo: str, name: str) -> None:
    """The picture opens, has its size, and is transparent where it was cut out."""
    picture = folder.picture(photo, name)
    assert picture.size == SIZES.get(name, picture.size)
    low = picture.getchannel("A").getextrema()[0] if picture.mode == "RGBA" else 255
    assert (low == 0) == (name in CLEAR), name
