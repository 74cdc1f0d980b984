"""The local cloud unpacks a layer once, however many workers use it."""

import runpy
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.emulator import SHIM


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The function with which the emulator opens archives."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return runpy.run_path(str(SHIM / "layer_cache.py"))["ZipFile"]


def unpack(opens: Any, worker: Path, name: str, **files: str) -> Path:
    """Unpacks as the emulator does for a worker: an archive, into an empty folder next to it."""
    folder, packed = worker / name, worker / f"{name}.zip"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    with opens(packed) as found:
        assert set(found.namelist()) <= set(files)
        found.extractall(str(folder))
    return folder


def test_workers_share_the_files_of_the_same_layer(opens: Any, tmp_path: Path) -> None:
    first = unpack(opens, tmp_path / "first", "layer_0", module="old")
    second = unpack(opens, tmp_path / "second", "layer_1", module="old")
    newer = unpack(opens, tmp_path / "third", "layer_0", module="new")
    assert (first / "module").samefile(second / "module")
    assert [(one / "module").read_text() for one in (first, newer)] == ["old", "new"]


def test_code_of_a_function_is_unpacked_per_worker(opens: Any, tmp_path: Path) -> None:
    first = unpack(opens, tmp_path / "first", "code", app="code")
    second = unpack(opens, tmp_path / "second", "code", app="code")
    assert not (first / "app").samefile(second / "app")
    assert (second / "app").read_text() == "code"
