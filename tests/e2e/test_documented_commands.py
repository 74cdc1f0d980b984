"""Whoever types what README and docs/ show, from top to bottom, gets what they say."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.home import REGION, ROOT, Home
from tests.documented import PAGES, commands, unmarked
from tests.e2e import scenes
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.typist import EXCUSED, Typist, excuse, parts_of

TUTORIAL = ROOT / "docs" / "tutorial.md"
# Runbooks are typed where their day is brought about: test_runbooks.py.
TOLD = [page for page in PAGES if commands(page) and page.parent.name != "runbooks"]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def home(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """A cloud of the page's own; that of the tutorial is started and ended by its own commands, and nothing is left."""
    if page != TUTORIAL:
        with running_cloud(tmp_path_factory) as running:
            for bucket in PARAMETERS["ReadableBuckets"].split(","):
                running.clients.s3.create_bucket(
                    Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
                )
            yield running.home
        return
    home = Home(tmp_path_factory.mktemp("documented"))
    typist = Typist(home, tmp_path_factory.mktemp("reader"))
    with clean_up_on_exit(home):
        typist.runs("make up", ROOT)
        yield home
        typist.runs("make down", ROOT)
        assert not home.emulator_folder.exists()


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, home: Home, tmp_path: Path) -> None:
    typist = Typist(home, tmp_path)
    scenes.set_for(page, typist)
    for command in commands(page):
        typist.types(command)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_command_hides_in_a_block_that_nobody_types(page: Path) -> None:
    assert unmarked(page) == []


def test_whoever_is_excused_is_on_a_page() -> None:
    lines = [part for page in TOLD for command in commands(page) for part in parts_of(command.line)]
    assert [pattern for pattern in EXCUSED if not any(re.match(pattern, line) for line in lines)] == []
    assert [line for line in ("make demo", "make up", "backdrop drop") if excuse(line)] == []
