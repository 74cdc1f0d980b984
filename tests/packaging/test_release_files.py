"""What a release attaches: a wheel, and requirements with which exactly the tested files are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from backdrop_local.home import ROOT, TOOLS

UV = str(TOOLS / "tools" / "bin" / "uv")


@pytest.fixture(scope="module")
def release() -> Path:
    command = ["make", "--no-print-directory", "wheel"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return ROOT / "dist"


def install(release: Path, requirements: str, environment: Path) -> subprocess.CompletedProcess[str]:
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    command = [UV, "pip", "install", "--python", str(environment), "--require-hashes", "--requirement", requirements]
    return subprocess.run(command, cwd=release, capture_output=True, text=True, check=False)


def test_requirements_of_a_release_install_the_command(release: Path, tmp_path: Path) -> None:
    assert {path.suffix for path in release.iterdir()} == {".whl", ".txt", ".json"}
    done = install(release, "requirements.txt", tmp_path / "environment")
    assert done.returncode == 0, done.stderr
    command = [str(tmp_path / "environment" / "bin" / "backdrop"), "--version"]
    [wheel] = release.glob("*.whl")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1] in wheel.name


def test_wheel_other_than_that_of_the_release_is_not_installed(release: Path, tmp_path: Path) -> None:
    wheel_line, *packages = (release / "requirements.txt").read_text().splitlines(keepends=True)
    path, hash_option = wheel_line.split(maxsplit=1)
    other = tmp_path / "requirements.txt"
    digit = "0" if hash_option.strip()[-1] != "0" else "1"
    other.write_text("".join([f"{(release / path).resolve()} {hash_option.strip()[:-1]}{digit}\n", *packages]))
    done = install(release, str(other), tmp_path / "environment")
    assert (done.returncode, "Hash mismatch" in done.stderr) == (1, True)
