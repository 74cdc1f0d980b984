"""Runs SAM: builds the template's layers and functions, and deploys them to an emulator."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from botocore.exceptions import ClientError

from backdrop_local import template
from backdrop_local.clients import LocalClients
from backdrop_local.errors import LocalCloudError, last_lines
from backdrop_local.home import REGION, ROOT, STACK, TOOLS, Home
from backdrop_local.parameters import lambda_architecture
from backdrop_local.release import CURRENT_RELEASE, Release

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

# Most of these variables would direct SAM, pip, or boto3 to another Python, account, or machine.
REMOVED_VARIABLES = (
    *("PYENV_VERSION", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"),
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"),
    "PYTHONDONTWRITEBYTECODE",  # would make SAM compile its libraries at each start
)

CONFIGURATION = ("--config-env", "local", "--config-file", str(ROOT / "samconfig.toml"))
# What `sam build` reads, and a file in the build that contains its hash. Every build deletes the build before it.
BUILD_INPUTS = ("template.yaml", "functions", "layers", "samconfig.toml")
INPUTS_HASH_FILE = "inputs.sha256"
# The properties of a template that name a file or folder to upload.
ARTIFACT_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
ARTIFACT_BUCKET = "backdrop-local-artifacts"
ARCHIVES = TOOLS / "archives"
FASTEST_COMPRESSION = 1


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

    Also compiles the result: the emulator unpacks it for each worker, and ten workers that compile boto3 at the same
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
        run_sam(["build", *options, *overrides_option], {}, log, release.folder)
        mode = PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(release.built_template.parent, quiet=2, workers=0, invalidation_mode=mode)
        shutil.rmtree(ARCHIVES, ignore_errors=True)
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
    packaged = home.emulator_folder / f"packaged-{name}.json"
    packaged.write_text(json.dumps(_upload_artifacts(LocalClients(endpoint_url).s3, release.built_template)))
    options = ["--template-file", str(packaged), "--stack-name", name, "--region", REGION, "--no-confirm-changeset"]
    options += ["--no-fail-on-empty-changeset", "--parameter-overrides", *format_overrides(parameters)]
    environment = {**emulator_credentials(), "AWS_ENDPOINT_URL": endpoint_url}
    run_sam(["deploy", *CONFIGURATION, *options], environment, home.log_file("sam-deploy"))


def _upload_artifacts(s3: S3Client, built_template: Path) -> dict[str, Any]:
    """Uploads the build's artifacts, and returns the template that refers to them.

    `sam deploy` could do both, but would compress 34 MB again for each cloud.
    """
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=ARTIFACT_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    packaged = template.load_template(built_template)
    for resource in packaged["Resources"].values():
        name = ARTIFACT_PROPERTIES.get(resource["Type"])
        if name:
            key = _upload(s3, built_template.parent / resource["Properties"][name])
            uri = f"s3://{ARTIFACT_BUCKET}/{key}"
            is_definition = name == "DefinitionUri"
            resource["Properties"][name] = {"Bucket": ARTIFACT_BUCKET, "Key": key} if is_definition else uri
    return packaged


def _upload(s3: S3Client, artifact: Path) -> str:
    """Uploads a file, or a folder as an archive, unless it is there. Returns its key, which depends on its content."""
    file = _archive(artifact) if artifact.is_dir() else artifact
    key = file.name if artifact.is_dir() else f"{_hash_files([(artifact.name, artifact)])}{artifact.suffix}"
    try:
        s3.head_object(Bucket=ARTIFACT_BUCKET, Key=key)
    except ClientError:
        s3.put_object(Bucket=ARTIFACT_BUCKET, Key=key, Body=file.read_bytes())
    return key


def _archive(folder: Path) -> Path:
    """Returns an archive of the folder, which is compressed once. The next build deletes it."""
    files = _list_files(folder)
    archive = ARCHIVES / f"{_hash_files(files)}.zip"
    if not archive.is_file():
        ARCHIVES.mkdir(exist_ok=True)
        with NamedTemporaryFile(dir=ARCHIVES, delete=False) as draft:
            with ZipFile(draft, "w", ZIP_DEFLATED, compresslevel=FASTEST_COMPRESSION) as opened:
                for name, path in files:
                    opened.writestr(ZipInfo(name), path.read_bytes(), ZIP_DEFLATED, FASTEST_COMPRESSION)
            Path(draft.name).rename(archive)
    return archive


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
    return content_hash.hexdigest()[:32]


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
    inherited = {name: value for name, value in os.environ.items() if name not in REMOVED_VARIABLES}
    path = f"{bin_folder}:{inherited.get('PATH', '/usr/bin:/bin')}"
    return {**inherited, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PYTHONUNBUFFERED": "1"}
