"""A build is repeated only if its inputs or the build itself changed."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backdrop_local import sam
from backdrop_local.release import Release


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release with one function, and a SAM that only replaces the build and counts its runs."""
    release = Release(tmp_path / "release")
    for name in ("functions/intake/app.py", "layers/backdrop/backdrop/job.py", "template.yaml", "samconfig.toml"):
        (release.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (release.folder / name).write_text("")

    def run_sam(arguments: Sequence[str], *_: Any) -> None:
        shutil.rmtree(release.built_template.parent, ignore_errors=True)
        release.built_template.parent.mkdir(parents=True)
        with (release.folder / "runs").open("a") as runs:
            runs.write(arguments[0] + " ")

    monkeypatch.setattr(sam, "run_sam", run_sam)
    monkeypatch.setattr(sam, "TOOLS", tmp_path)
    return release


def count_builds(release: Release, tmp_path: Path) -> int:
    sam.build(tmp_path / "log", release)
    return len((release.folder / "runs").read_text().split())


def test_unchanged_release_is_not_built_again(release: Release, tmp_path: Path) -> None:
    assert [count_builds(release, tmp_path) for _ in range(2)] == [1, 1]
    compiled = release.folder / "functions" / "intake" / "__pycache__"
    compiled.mkdir()
    (compiled / "app.pyc").write_text("compiled")
    assert count_builds(release, tmp_path) == 1


@pytest.mark.parametrize("name", ["functions/intake/app.py", "layers/backdrop/new.py", "template.yaml"])
def test_changed_release_is_built_again(release: Release, tmp_path: Path, name: str) -> None:
    count_builds(release, tmp_path)
    (release.folder / name).write_text("changed = True")
    assert count_builds(release, tmp_path) == 2


def test_build_that_another_command_replaced_is_built_again(release: Release, tmp_path: Path) -> None:
    count_builds(release, tmp_path)
    shutil.rmtree(release.built_template.parent)
    assert count_builds(release, tmp_path) == 2
