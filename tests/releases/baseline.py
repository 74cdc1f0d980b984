"""The releases that are kept for tests: the built stack of the last one, and what every one of them stored.

`0.2.0.tar.gz` is what SAM built of the release, except the third-party packages. `0.2.0.json` has one of everything
that the release stores, and the fields and values of its formats. CONTRIBUTING.md says when to keep a release.
"""

import compileall
import fcntl
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from backdrop_local.home import TOOLS
from backdrop_local.release import CURRENT_RELEASE, Release
from backdrop_local.sam import INPUTS_HASH_FILE

FOLDER = Path(__file__).parent
# Built from a lock with hashes, and by far the largest part of a stack.
THIRD_PARTY_LAYER = "DependenciesLayer"


def list_stored_data() -> dict[str, dict[str, Any]]:
    """Returns what each kept release stored, by release number."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def pack_stack(number: str, release: Release = CURRENT_RELEASE) -> Path:
    """Packs a built release, and deletes the stack that was kept before. The same files result in the same bytes."""
    archive = FOLDER / f"{number}.tar.gz"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(_list_stack_files(release)):
            entry = tarfile.TarInfo(str(path.relative_to(release.folder)))
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)
    for earlier in FOLDER.glob("*.tar.gz"):
        earlier.unlink()
    archive.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    return archive


def _list_stack_files(release: Release) -> Iterator[Path]:
    yield release.template
    yield from (release.folder / "statemachines").iterdir()
    build = release.built_template.parent
    for path in build.rglob("*"):
        parts = path.relative_to(build).parts
        if path.is_file() and parts[0] not in (THIRD_PARTY_LAYER, INPUTS_HASH_FILE) and "__pycache__" not in parts:
            yield path


def unpack_stack() -> Release:
    """Unpacks the kept stack, once for all test processes, and returns it ready to be deployed.

    It gets this tree's third-party packages: a release is kept without its own, and the same packages are unpacked
    only once on a local cloud.
    """
    (archive,) = FOLDER.glob("*.tar.gz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:8]
    folder = TOOLS / "releases" / f"{archive.name.removesuffix('.tar.gz')}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    release, marker = Release(folder), folder / "unpacked"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists():
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            build = release.built_template.parent
            compileall.compile_dir(build, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
            packages = build / THIRD_PARTY_LAYER
            packages.unlink(missing_ok=True)
            packages.symlink_to(CURRENT_RELEASE.built_template.parent / THIRD_PARTY_LAYER)
            marker.touch()
    return release
