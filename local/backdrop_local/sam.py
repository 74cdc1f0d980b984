"""Runs SAM: builds the template's layers and functions, and deploys them to an emulator."""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from backdrop_local.errors import LocalCloudError, last_lines
from backdrop_local.finish_build import finish_build
from backdrop_local.home import REGION, ROOT, STACK, TOOLS, Home
from backdrop_local.parameters import lambda_architecture
from backdrop_local.release import CURRENT_RELEASE, Release

# Most of these variables would direct SAM, pip, or boto3 to another Python, account, or machine.
REMOVED_VARIABLES = (
    *("PYENV_VERSION", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"),
    "PYTHONDONTWRITEBYTECODE",  # would make SAM compile its libraries at each start
)
AWS_VARIABLES = "AWS_"

# What `sam build` reads, and a file in the build that contains its hash. Every build deletes the build before it.
BUILD_INPUTS = ("template.yaml", "functions", "layers", "samconfig.toml")
INPUTS_HASH_FILE = "inputs-2.sha256"
"""Its number increases when `finish_build` changes, which is no input."""
CONFIGURATION = ("--config-env", "local", "--config-file", str(ROOT / "samconfig.toml"))


class SamError(LocalCloudError):
    """A SAM command failed. The message contains SAM's last output.

    `while_deploying`: the stack's own events contain the reason.
    """

    def __init__(self, command: str, log: Path) -> None:
        output = log.read_text()
        _, separator, message = output.rpartition("\nError: ")
        reason = message.strip() if separator else last_lines(output)
        super().__init__(f"`sam {command}` failed: {reason}\nThe complete output is in {log}.")
        self.while_deploying = "create/update the stack" in reason


def build(log: Path, release: Release = CURRENT_RELEASE) -> None:
    """Builds the release's template.yaml for this machine's processor into its .aws-sam/build.

    Also finishes the result: the emulator unpacks it for each worker, and ten workers that compile boto3 at the same
    time keep two processors busy for many seconds. Does nothing if the last build had the same inputs: with `--cached`,
    SAM still copies every file, which takes five seconds.
    """
    options = ["--cached", "--parallel", "--template-file", str(release.template)]
    overrides_option = ["--parameter-overrides", f"Architecture={lambda_architecture()}"]
    with _lock_build(fcntl.LOCK_EX):
        inputs_hash = _hash_files(_list_inputs(release), lambda_architecture())
        hash_file = release.built_template.with_name(INPUTS_HASH_FILE)
        if hash_file.is_file() and hash_file.read_text() == inputs_hash:
            return
        # layers/credentials/Makefile cannot read the parameter.
        architecture = {"ARCHITECTURE": lambda_architecture()}
        run_sam(["build", *options, *overrides_option], architecture, log, release.folder)
        finish_build(release.built_template.parent)
        hash_file.write_text(inputs_hash)


@contextmanager
def hold_build() -> Generator[None]:
    """Keeps the build unchanged for the duration of the block. Other clouds may deploy it at the same time."""
    with _lock_build(fcntl.LOCK_SH):
        yield


@contextmanager
def _lock_build(lock_mode: int) -> Generator[None]:
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "build.lock").open("w") as handle:
        fcntl.flock(handle, lock_mode)
        yield


def deploy(
    endpoint_url: str,
    home: Home,
    parameters: Mapping[str, str],
    release: Release = CURRENT_RELEASE,
    name: str = STACK,
) -> None:
    """Deploys a built release to the emulator of this home with these parameters. The home's log is `sam-deploy`."""
    log = home.log_file("sam-deploy")
    environment = {**emulator_credentials(), "AWS_ENDPOINT_URL": endpoint_url}
    packaged = home.emulator_folder / f"packaged-{_hash_files(_list_files(release.built_template.parent))[:16]}.json"
    if not packaged.is_file():
        _package(packaged, environment, log, release)
    options = ["--template-file", str(packaged), "--stack-name", name, "--region", REGION, "--no-confirm-changeset"]
    options += ["--no-fail-on-empty-changeset", "--parameter-overrides", *format_overrides(parameters)]
    run_sam(["deploy", *CONFIGURATION, *options], environment, log)


def _package(packaged: Path, environment: Mapping[str, str], log: Path, release: Release) -> None:
    """Uploads the build's artifacts and writes the template that refers to them.

    `sam deploy` could do both, but would compress 34 MB again each time, and would parse a YAML template seven times.
    """
    draft = packaged.with_suffix(".draft")
    options = ["--template-file", str(release.built_template), "--use-json", "--output-template-file", str(draft)]
    run_sam(["package", *CONFIGURATION, *options], environment, log)
    draft.rename(packaged)


def _list_inputs(release: Release) -> Iterator[tuple[str, Path]]:
    """Yields the files from which a release is built. Python writes the compiled ones at any time."""
    for name in BUILD_INPUTS:
        path = release.folder / name
        files = _list_files(path) if path.is_dir() else [("", path)]
        yield from ((f"{name}/{inner}", file) for inner, file in files if "__pycache__" not in inner)


def _list_files(folder: Path) -> list[tuple[str, Path]]:
    """Returns a folder's files with their names in the folder, in a fixed order."""
    return [(str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*")) if path.is_file()]


def _hash_files(files: Iterable[tuple[str, Path]], variant: str = "") -> str:
    """Returns a hash of the files' names and contents. SAM writes all files in each build, even the unchanged ones."""
    content_hash = hashlib.sha256(variant.encode())
    for name, path in files:
        content_hash.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return content_hash.hexdigest()


def emulator_credentials() -> dict[str, str]:
    """Returns the emulator's root credentials, and variables that disable the user's own AWS settings."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def format_overrides(parameters: Mapping[str, str]) -> list[str]:
    """Returns the parameters as SAM's command-line arguments, quoted to preserve spaces."""
    quoted = {name: value.replace('"', '\\"') for name, value in parameters.items()}
    return [f'{name}="{value}"' for name, value in quoted.items()]


def run_sam(arguments: Sequence[str], extra_environment: Mapping[str, str], log: Path, folder: Path = ROOT) -> None:
    """Runs one SAM command in a folder, and writes its complete output to the log.

    Raises:
        LocalCloudError: the command failed. The message contains the end of its output.
    """
    program = TOOLS / "sam" / "bin" / "sam"
    if not program.is_file():
        raise LocalCloudError("SAM is not installed. Run `make setup` first.")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.run(
            [str(program), *arguments],
            cwd=folder,
            env=_build_environment(program.parent) | dict(extra_environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if process.returncode:
        raise SamError(arguments[0], log)


def _build_environment(bin_folder: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in REMOVED_VARIABLES and not name.startswith(AWS_VARIABLES)
    }
    path = f"{bin_folder}:{inherited.get('PATH', '/usr/bin:/bin')}"
    return {**inherited, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PYTHONUNBUFFERED": "1"}
