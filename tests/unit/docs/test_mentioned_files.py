"""Tests that comments, texts, and pages mention exist, and a link whose text is a file's name leads to that file."""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import basename

import pytest

from tests.words import ROOT, files

TEST_FILES = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
PAGES = [path for path in files() if path.suffix == ".md"]
# A path may contain `*`, and a sentence may end after it.
TEST_PATH = re.compile(r"(?<![\w/.*-])tests/[\w/.*-]*\w")
TEST_NAME = re.compile(r"(?<![\w*])test_\w+\.py\b")
LINK = re.compile(r"\[([^][]+)\]\(([^)\s#]+)[^)\s]*\)")
FILE_NAME = re.compile(r"[\w./-]+\.(css|html|js|json|md|py|sh|toml|txt|ya?ml)")


def find_missing_tests(text: str) -> Iterator[str]:
    """Yields the paths below tests/, and the names of test files, that do not exist."""
    yield from (path for path in TEST_PATH.findall(text) if not any(ROOT.glob(path)))
    yield from (name for name in TEST_NAME.findall(text) if name not in TEST_FILES)


def find_misleading_links(text: str) -> Iterator[str]:
    """Yields the links with the name of another file than the one to which they lead."""
    for link in LINK.finditer(text):
        named = re.sub(r"[`\s]", "", link[1])
        if FILE_NAME.fullmatch(named) and basename(named) != basename(link[2]):
            yield link[0]


def test_every_mentioned_test_file_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files()
        if path != Path(__file__)
        for name in find_missing_tests(path.read_text())
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_link_named_after_a_file_leads_to_it(page: Path) -> None:
    assert list(find_misleading_links(page.read_text())) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see tests/unit/repository/test_layers.py.", []),
        ("see tests/unit/template/test_*.py, and tests/golden", []),
        ("see test_layers.py", []),
        ("see tests/unit/test_gone.py", ["tests/unit/test_gone.py", "test_gone.py"]),
        ("see tests/gone/test_*.py", ["tests/gone/test_*.py"]),
        ("see `test_gone.py`", ["test_gone.py"]),
    ],
)
def test_missing_test_file_is_found_in_a_text(text: str, missing: list[str]) -> None:
    assert list(find_missing_tests(text)) == missing


@pytest.mark.parametrize(
    ("link", "is_misleading"),
    [
        ("[one.py](../tests/one.py)", False),
        ("[`docs/one.md`](one.md#part)", False),
        ("[the other](one.py)", False),
        ("[two.py](../tests/one.py)", True),
    ],
)
def test_link_is_compared_with_its_text(link: str, is_misleading: bool) -> None:
    assert bool(list(find_misleading_links(link))) is is_misleading
