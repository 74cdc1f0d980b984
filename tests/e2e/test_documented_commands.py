"""The commands on the pages that need more of a stack than `backdrop` end as each page shows, from top to bottom.

Those on the other pages run in the simulated world (tests/simulated/cli/test_documented_pages.py).
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.home import REGION, ROOT, Home
from tests.documented_commands import CLOUD_PAGES, FIRST_PAGES, commands_on
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.command_runner import CommandRunner
from tests.e2e.page_setup import prepare_page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """The cloud on which the commands of pages run, one page after the other."""
    with running_cloud(tmp_path_factory) as running:
        for bucket in PARAMETERS["ReadableBuckets"].split(","):
            running.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running.home


def follow(page: str, home: Home, here: Path) -> None:
    """Runs the commands of a page in a new folder. A cloud that the pages before have started is not started again."""
    here.mkdir()
    runner = CommandRunner(home, here)
    prepare_page(page, runner)
    for command in commands_on(ROOT / page):
        if command.line != "make up" or not home.emulator_folder.exists():
            runner.run(command)


def test_commands_of_the_first_pages_start_and_stop_a_cloud(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with clean_up_on_exit(home):
        for page in FIRST_PAGES:
            follow(page, home, tmp_path / Path(page).stem)
        CommandRunner(home, tmp_path).run_line("make down", ROOT)
        assert not home.emulator_folder.exists()


@pytest.mark.parametrize("page", CLOUD_PAGES)
def test_every_command_of_a_page_ends_as_shown(page: str, home: Home, tmp_path: Path) -> None:
    follow(page, home, tmp_path / "reader")
