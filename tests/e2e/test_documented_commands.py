"""Every command in README and docs/ ends as the page shows when the page is run from top to bottom."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.home import REGION, ROOT, Home
from tests.documented_commands import PAGES, commands_on, find_unrun_commands
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.command_runner import NOT_RUN, CommandRunner, split_line, why_not_run
from tests.e2e.page_setup import prepare_page, resume_providers

TUTORIAL = ROOT / "docs" / "tutorial.md"
# test_runbooks.py runs the commands of the runbooks, because it creates the situations that they need.
PAGES_WITH_COMMANDS = [page for page in PAGES if commands_on(page) and page.parent.name != "runbooks"]


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """The cloud of this pytest worker on which the commands of pages run, one page after the other."""
    with running_cloud(tmp_path_factory) as running:
        for bucket in PARAMETERS["ReadableBuckets"].split(","):
            running.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running.home


@pytest.fixture
def home(page: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """The cloud of a page. The tutorial's commands start and stop their own cloud, which leaves nothing behind."""
    if page != TUTORIAL:
        yield request.getfixturevalue("shared_home")
        return
    home = Home(tmp_path_factory.mktemp("documented"))
    runner = CommandRunner(home, tmp_path_factory.mktemp("reader"))
    with clean_up_on_exit(home):
        runner.run_line("make up", ROOT)
        yield home
        runner.run_line("make down", ROOT)
        assert not home.emulator_folder.exists()


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=page_name)
def test_every_command_of_a_page_ends_as_shown(page: Path, home: Home, tmp_path: Path) -> None:
    runner = CommandRunner(home, tmp_path)
    prepare_page(page, runner)
    for command in commands_on(page):
        runner.run(command)
    resume_providers(runner)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_is_in_a_block_that_runs(page: Path) -> None:
    assert find_unrun_commands(page) == []


def test_every_command_that_is_not_run_is_documented() -> None:
    lines = [part for page in PAGES_WITH_COMMANDS for command in commands_on(page) for part in split_line(command.line)]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []
    assert [line for line in ("make demo", "make up", "backdrop drop") if why_not_run(line)] == []
