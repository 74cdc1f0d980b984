"""The Makefile's proof commands change a page only if the user names it, and its PATH has the project's own Python."""

import subprocess

import pytest

from backdrop_local.home import ROOT


def read_command(*words: str) -> str:
    """Returns the command that `make` would run with these arguments."""
    command = ["make", "-n", *words]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [
        line for line in result.splitlines() if "python -m simulation." in line or "python -m fault_bench" in line
    ]
    return line


def read_output_page(*words: str) -> str:
    """Returns the page that the command would write."""
    return read_command(*words).partition(" --out ")[2].strip()


@pytest.mark.parametrize("words", [("simulate", "SEEDS=20"), ("mutants", "SEEDS=2"), ("chaos", "N=10", "SEEDS=2")])
def test_repository_page_is_written_only_if_it_is_named(words: tuple[str, ...]) -> None:
    assert read_output_page(*words) == f".local/{words[0]}.md"
    page = f"docs/results/{words[0]}.md"
    assert read_output_page(*words, f"OUT={page}") == page


def test_single_seed_writes_no_page() -> None:
    assert read_output_page("simulate", "SEED=7") == ""


@pytest.mark.parametrize("words", [(), ("N=30",), ("SEEDS=20",)])
def test_naive_pipeline_is_left_out_only_on_request(words: tuple[str, ...]) -> None:
    assert "--alone" not in read_command("chaos", *words)
    assert "--alone" in read_command("chaos", *words, "ALONE=1")


def test_python_of_the_path_has_the_client() -> None:
    """That of SAM's environment, which is on the PATH too, has not."""
    command = ["make", "-n", "path"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 0 < printed.index(f"{ROOT}/.venv/bin:") < printed.index(f"{ROOT}/.local/sam/bin:")
