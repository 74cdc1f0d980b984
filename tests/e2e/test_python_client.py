"""The Python client on the deployed stack, with no other rights than those of a mandate's policy."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from backdrop_client import Backdrop, Cost, MandateError, NotAuthorizedError
from backdrop_client.client_config import read_client_config
from backdrop_client.connection import connect_by_config
from backdrop_local.cloud import list_environment
from backdrop_local.home import ROOT, STACK
from tests.e2e.folder import Folder, photo
from tests.e2e.test_mandates import PRICE_USD, create_mandate_session, write_config

EXAMPLE = ROOT / "examples" / "python-client"
FEED_LENGTH = 4
"""Enough for the program itself; the simulated stack creates the feed of 200 (tests/simulated/client)."""


def read_account(folder: Folder) -> dict[str, str]:
    """Returns the environment variables of a program with full rights on the local cloud."""
    return list_environment(folder.stack.cloud)


@pytest.fixture
def connect_client(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Backdrop]:
    """Creates a mandate with these terms, and returns a client that has only its policy."""

    def connect(*terms: str) -> Backdrop:
        credentials: Any = create_mandate_session(folder, *terms).get_credentials()
        account = read_account(folder) | {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        }
        for name, value in account.items():
            monkeypatch.setenv(name, value)
        return Backdrop(config=write_config(folder, tmp_path / "config.json"))

    return connect


@pytest.fixture
def client(connect_client: Callable[..., Backdrop]) -> Backdrop:
    """A client under a mandate for one picture."""
    return connect_client()


def test_client_of_a_mandate_creates_waits_and_spends_it(folder: Folder, client: Backdrop, tmp_path: Path) -> None:
    data = photo(folder.name)
    assert client.quote(data, **folder.instructions).usd == PRICE_USD
    job = client.create(data, **folder.instructions)
    result = job.wait()
    assert (result.cost, result.pictures[0].content_type) == (Cost(PRICE_USD), "image/png")
    assert result.pictures[0].image.size
    assert result._repr_html_().count("data:image/webp") == 2  # notebooks call it
    assert client.create(data, **folder.instructions).wait().cost == result.cost
    assert (client.allowance().left_usd, len(folder.charges())) == (0, 1)
    with pytest.raises(MandateError) as raised:
        job.redo().wait()
    assert (raised.value.code, raised.value.usd) == ("mandate_spent", 0)
    connection = connect_by_config(read_client_config(tmp_path / "config.json"), None, None)
    with pytest.raises(NotAuthorizedError):
        Backdrop(prefix="others/", connection=connection).create(photo("other"), **folder.instructions)


@pytest.fixture
def program(folder: Folder, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of the example in an empty folder, as a user with full rights on the local cloud."""
    env = {**os.environ, **read_account(folder)}

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLE / name), STACK, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True)

    return run


def test_example_waits_for_its_picture(
    folder: Folder, program: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "cup.jpg").write_bytes(photo(folder.name))
    completed = program("create_picture.py", "cup.jpg", folder.prompt)
    assert (completed.returncode, completed.stdout.strip()) == (0, "cup.new.png"), completed.stderr
    with Image.open(tmp_path / "cup.new.png") as picture:
        assert picture.format == "PNG"
    refused = program("create_picture.py", "cup.jpg", "")
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "missing_prompt")


def test_example_creates_a_feed_and_pays_once(
    folder: Folder, program: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    rows = ["sku,photo,prompt"]
    for number in range(FEED_LENGTH):
        (tmp_path / f"{number}.jpg").write_bytes(photo(f"{folder.name} {number}"))
        rows.append(f'SKU-{number},{number}.jpg,"{folder.prompt}"')
    (tmp_path / "feed.csv").write_text("\n".join([*rows, f"SKU-X,missing.jpg,{folder.prompt}"]))
    for _ in range(2):
        completed = program("product_feed.py", "feed.csv", "pictures")
        assert (completed.returncode, completed.stdout.count("\n")) == (1, 1), completed.stderr
        assert completed.stderr.splitlines()[-1].startswith(f"{FEED_LENGTH} stored, 1 failed, $")
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == sorted(f"SKU-{number}.png" for number in range(FEED_LENGTH))
    assert len(folder.charges()) == FEED_LENGTH


def test_example_notebook_runs_and_shows_before_and_after(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel gets its settings from the environment, and keeps its own files in the test's folder."""
    kernel_folders = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR")}
    for name, value in (read_account(folder) | kernel_folders).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cup.jpg").write_bytes(photo(folder.name))
    text = (EXAMPLE / "before_after.ipynb").read_text().replace('stack=\\"backdrop\\"', f'stack=\\"{STACK}\\"')
    notebook: Any = nbformat.reads(text, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    quote, result, cost, image = (
        cell["outputs"][0]["data"] for cell in notebook["cells"] if cell["cell_type"] == "code"
    )
    assert result["text/html"].count("data:image/webp") == 2
    assert "usd=0.06" in quote["text/plain"]
    assert "usd=0.06" in cost["text/plain"]
    assert "image/png" in image
