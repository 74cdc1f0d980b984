"""Pages with measured figures name the commit that was measured."""

import subprocess
from pathlib import Path

from simulation.mutation.killer_files import CONDITION_KILLERS_FILE, KILLING_SEEDS_FILE
from simulation.run_environment import ROOT, describe_commit


def run_git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_page_names_the_commit_and_says_when_the_files_differ(tmp_path: Path) -> None:
    assert describe_commit(tmp_path) == "an unknown commit"
    run_git(tmp_path, "init", "--quiet")
    results = tmp_path / "docs" / "results"
    results.mkdir(parents=True)
    for file in (tmp_path / "code.py", results / "page.md"):
        file.write_text("first\n")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "--quiet", "-m", "first")
    named = f"commit {run_git(tmp_path, 'rev-parse', '--short=10', 'HEAD')}"
    assert describe_commit(tmp_path) == named
    (results / "page.md").write_text("another page of the same run\n")
    assert describe_commit(tmp_path) == named
    (tmp_path / "code.py").write_text("second\n")
    assert describe_commit(tmp_path) == f"{named} with uncommitted changes"


def test_records_of_the_mutant_hunt_are_no_uncommitted_changes(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet")
    records = [tmp_path / file.relative_to(ROOT) for file in (KILLING_SEEDS_FILE, CONDITION_KILLERS_FILE)]
    records[0].parent.mkdir(parents=True)
    for record in records:
        record.write_text("{}\n")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "--quiet", "-m", "first")
    for record in records:
        record.write_text('{"a": 1}\n')
    assert describe_commit(tmp_path) == f"commit {run_git(tmp_path, 'rev-parse', '--short=10', 'HEAD')}"
