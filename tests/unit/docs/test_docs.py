"""The documentation's promises: generated pages match the code, and commands and names on the pages exist."""

import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from backdrop.aws.metric_names import Metric
from backdrop.model.bill_records import FindingKind
from backdrop_cli.statement.focus_csv import COLUMNS
from backdrop_client.errors import ClientCode
from docs import (
    make_architecture,
    make_aws_cost,
    make_bench,
    make_commands,
    make_costs,
    make_marketplaces,
    make_reference,
    make_settings,
    make_site,
    make_troubleshooting,
)
from tests.documented_commands import (
    CLOUD_PAGES,
    FIRST_PAGES,
    PAGES,
    ROOT,
    SIMULATED_PAGES,
    commands_on,
    find_inline_commands,
    find_unrun_commands,
)
from tests.e2e.command_runner import NOT_RUN, check_unrun_command, split_line, why_not_run

GENERATORS = (
    make_architecture,
    make_aws_cost,
    make_bench,
    make_costs,
    make_marketplaces,
    make_reference,
    make_settings,
    make_troubleshooting,
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ANYWHERE = frozenset({"--stack", "--profile", "--region", "--json", "--help"})


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.PAGE.name)
def test_generated_page_matches_the_code(generator: ModuleType) -> None:
    assert generator.PAGE.read_text() == generator.build_page(), "run `make docs`"


def test_pages_of_the_commands_match_their_help() -> None:
    written = {path: path.read_text() for path in make_commands.FOLDER.glob("*.md")}
    assert written == make_commands.build_pages(), "run `make docs`"


def test_navigation_of_the_site_names_every_page_once() -> None:
    assert sorted(make_site.list_navigation(make_site.list_pages())) == make_site.list_pages()


def test_site_links_to_other_files_in_the_repository() -> None:
    repository = "https://example.com/repository"
    page = make_site.prepare_page(Path("docs/architecture.md"), repository)
    assert f"]({repository}/layers/backdrop/backdrop/bootstrap.py)" in page
    assert "](../local/backdrop_local/standin/README.md)" in page
    assert f"]({repository}/simulation/world)" in page
    assert "](runbooks/README.md)" in make_site.prepare_page(Path("docs/README.md"), repository)
    assert "](../layers" not in page


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://unpkg.com/mermaid"></script>', ["https://unpkg.com/mermaid"]),
        ("<link rel=stylesheet href=//fonts.example.com/css>", ["//fonts.example.com/css"]),
        ('<a href="https://example.com">there</a><script src="../mermaid.js"></script>', []),
        ('<link rel="canonical" href="https://example.com/site/">', []),
    ],
)
def test_page_that_loads_from_another_server_is_found(html: str, found: list[str]) -> None:
    assert make_site.find_external_resources(html) == found


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 160


def test_costs_in_the_readme_are_those_of_the_page_that_it_names() -> None:
    page, readme = (ROOT / "docs/results/aws_cost.md").read_text(), (ROOT / "README.md").read_text()

    def read_usd(row: str) -> float:
        [amount] = re.findall(rf"(?m)^{re.escape(row)} \*\*([\d.]+)\*\*", page)
        return float(amount)

    images, month = read_usd("| | **all** | |"), read_usd("| **together** | |")
    assert f"about ${images:.2f} per 1,000 photos, and ${month:.2f} a month even without any" in readme
    [commit] = re.findall(r"on commit (\w{7})", page)
    assert f"`.venv/bin/python -m bench.aws_cost`](docs/results/aws_cost.md), {commit}).\n" in readme


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert [page for page in pages if f"]({page}" not in index] == []


def test_alarms_codes_and_runbooks_link_to_each_other() -> None:
    docs = ROOT / "docs"
    books = {page for page in (docs / "runbooks").glob("*.md") if page.name != "README.md"}
    for page in ("alarms.md", "troubleshooting.md", "runbooks/README.md"):
        led = {(docs / page).parent / link.partition("#")[0] for link in LINK.findall((docs / page).read_text())}
        assert books <= led, page
    notices = re.compile(r"\]\(\.\./(alarms|troubleshooting)\.md#")
    assert [book.name for book in books if not notices.search(book.read_text())] == []


def test_every_picture_of_the_pages_is_shown_and_small() -> None:
    shown = "".join(page.read_text() for page in PAGES)
    for picture in (ROOT / "docs/images").iterdir():
        assert f"images/{picture.name}" in shown, f"{picture.name} is on no page"
        assert picture.stat().st_size < 300_000, f"{picture.name} is large"


@cache
def list_known_options() -> tuple[dict[str, set[str]], set[str]]:
    """Returns the options of each command, and those of `backdrop` itself."""
    commands = make_commands.list_commands()
    known = {name: make_commands.list_options(command) | ANYWHERE for name, command in commands.items()}
    return known, make_commands.list_options(make_commands.get_root_command())


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_in_sentences_have_existing_names_and_options(page: Path) -> None:
    known, top = list_known_options()
    wrong: list[str] = []
    for words in find_inline_commands(page, "backdrop"):
        command = " ".join(words)
        named = max((name for name in known if f"{command} ".startswith(f"{name} ")), key=len, default="")
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        bare = not command or words[0].startswith("-") or words[0] == "key"
        wrong += [] if (named or bare) and options <= known.get(named, top) else [f"backdrop {command}"]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_make_target_in_a_sentence_exists(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    named = [words[0] for words in find_inline_commands(page, "make") if words and "=" not in words[0]]
    assert [word for word in named if word not in targets] == []


def test_every_command_is_in_a_block_that_runs() -> None:
    assert [line for page in PAGES for line in find_unrun_commands(page)] == []


def test_commands_of_every_page_are_run_or_checked(tmp_path: Path) -> None:
    """test_runbooks.py runs the commands of the runbooks, because it creates the situations that they need."""
    run = {*FIRST_PAGES, *CLOUD_PAGES, *SIMULATED_PAGES}
    pages = {page_name(page): commands_on(page) for page in PAGES if page.parent.name != "runbooks"}
    assert run <= {name for name, commands in pages.items() if commands}
    for line in (command.line for name in pages.keys() - run for command in pages[name]):
        assert why_not_run(line), f"no test runs {line}"
        check_unrun_command(line, tmp_path)


def test_every_command_that_is_not_run_is_documented() -> None:
    pages = [page for page in PAGES if page.parent.name != "runbooks"]
    lines = [part for page in pages for command in commands_on(page) for part in split_line(command.line)]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []
    assert [line for line in ("make demo", "make up", "backdrop drop") if why_not_run(line)] == []


def test_page_of_the_statement_has_every_column() -> None:
    page = (ROOT / "docs/statement.md").read_text()
    assert [name for name in COLUMNS if f"`{name}`" not in page] == []


@pytest.mark.parametrize(("page", "enumeration"), [("bill.md", FindingKind), ("python.md", ClientCode)])
def test_page_lists_every_value_of_its_enumeration(page: str, enumeration: type[StrEnum]) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert [value for value in enumeration if f"`{value}`" not in text] == []


def test_every_stack_parameter_on_a_page_exists() -> None:
    document = make_settings.read_template()
    # Columns of a statement have similar names.
    known = {*document["Parameters"], *document["Outputs"], *Metric, *COLUMNS}
    like = re.compile(r"`([A-Z][A-Za-z]+(?:USD|Url|Seconds|InFlight|Name|Bucket|Hosts|Megapixels|PerImage))`")
    named = {word for page in PAGES for word in like.findall(page.read_text())}
    assert named - known <= {"MaxInFlight", "TimeoutSeconds", "BaseUrl", "ProviderName", "NoSuchBucket"}
