"""The commands of the proof: a user who tries one leaves the pages of the repository as they are."""

import subprocess

import pytest

from backdrop_local.home import ROOT


def written(*words: str) -> str:
    """The page that `make` with these words would write."""
    command = ["make", "-n", *words]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in said.splitlines() if "python -m proof." in line]
    return line.partition(" --out ")[2].strip()


@pytest.mark.parametrize("words", [("simulate", "SEEDS=20"), ("mutants", "SEEDS=2"), ("chaos", "N=10", "SEEDS=2")])
def test_a_page_of_the_repository_is_written_only_where_it_is_named(words: tuple[str, ...]) -> None:
    assert written(*words) == f".local/{words[0]}.md"
    page = f"docs/results/{words[0]}.md"
    assert written(*words, f"OUT={page}") == page


def test_one_seed_alone_writes_no_page() -> None:
    assert written("simulate", "SEED=7") == ""
